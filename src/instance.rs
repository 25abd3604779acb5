//! The identity of this process.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::OnceLock;

/// The random id of this process: 128 bits from the standard library's hash keys, which are random per process.
pub(crate) fn instance() -> &'static str {
    static INSTANCE: OnceLock<String> = OnceLock::new();
    INSTANCE.get_or_init(|| {
        let half = || RandomState::new().hash_one(std::process::id());
        format!("{:016x}{:016x}", half(), half())
    })
}
