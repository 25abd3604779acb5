//! The application's last word on what may be recorded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::{Value, json};

/// A hook over message parts.
#[derive(Clone)]
pub(super) struct Redaction(Arc<dyn Fn(&mut Value) + Send + Sync>);

impl Redaction {
    pub(super) fn new(hook: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    /// Redacts one part. A hook that panics must neither take the call down nor let the part through.
    pub(super) fn apply(&self, part: &mut Value) {
        if catch_unwind(AssertUnwindSafe(|| (self.0)(part))).is_err() {
            *part = json!({"type": "text", "content": "[redaction failed]"});
        }
    }
}
