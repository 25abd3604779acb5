//! What a notifier has sent, to survive a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Alert;
use crate::record::Timestamp;
use crate::rule::Labels;

/// What a notifier has sent, by the key of the group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct NotificationLog(pub(crate) BTreeMap<String, NotifiedGroup>);

/// What was sent about one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NotifiedGroup {
    pub(crate) labels: Labels,
    /// Notified as firing, and not yet as resolved.
    pub(crate) firing: Vec<Alert>,
    pub(crate) at: Timestamp,
}
