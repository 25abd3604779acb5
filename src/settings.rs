//! What the builder decided, shared by all calls of one middleware.

use std::sync::Arc;

use crate::content::Capture;
use crate::cost::PriceTable;
use crate::hash::HashKey;
use crate::provider::ProviderNames;
use crate::tags::Tags;
use crate::telemetry::Telemetry;

/// The settings of one middleware.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) telemetry: Telemetry,
    pub(crate) prices: Arc<PriceTable>,
    pub(crate) hash_key: HashKey,
    pub(crate) key_fingerprint: bool,
    pub(crate) capture: Capture,
    pub(crate) provider_names: ProviderNames,
    pub(crate) estimate_usage: bool,
    pub(crate) ask_for_usage: bool,
    pub(crate) read_baggage: bool,
    /// Of calls that do not set them.
    pub(crate) tags: Tags,
    pub(crate) propagate: bool,
    /// Bytes that all calls of the process may hold for reading.
    pub(crate) memory_limit: usize,
}
