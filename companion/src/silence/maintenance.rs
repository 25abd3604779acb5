//! Maintenance windows: hours of every week in which alerts of some services are held back, as the configuration has them.

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Matcher};
use crate::record::Timestamp;
use crate::text::hours::Hours;

/// Maintenance windows of a configuration, and hours and matchers of each: all are compared with each alert.
pub(crate) const MOST: usize = 100;

/// One `[[maintenance]]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceConfig {
    /// Names it where an alert is shown as held back.
    pub name: String,
    /// What all must match: `service=batch`.
    pub(crate) matchers: Vec<Matcher>,
    /// When.
    pub(crate) hours: Vec<Hours>,
}

impl MaintenanceConfig {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.name.is_empty() || self.name.len() > 128 {
            return Err(("name", "must have 1 to 128 bytes".to_owned()));
        }
        for (key, number) in [("matchers", self.matchers.len()), ("hours", self.hours.len())] {
            if !(1..=MOST).contains(&number) {
                return Err((key, format!("must have 1 to {MOST} entries")));
            }
        }
        if self.matchers.iter().all(|matcher| matcher.matches("")) {
            return Err(("matchers", "match every alert; name a label and a value".to_owned()));
        }
        Ok(())
    }

    /// In which words it holds an alert back at `now`; `None` when it does not.
    pub(super) fn holds(&self, alert: &Alert, now: Timestamp) -> Option<String> {
        let hours = self.hours.iter().find(|hours| hours.holds(now))?;
        alert.matches(&self.matchers).then(|| format!("maintenance {:?}, {hours}", self.name))
    }
}
