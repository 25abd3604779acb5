//! Waiting for what another program does.

use std::time::Duration;

use crate::Result;

/// How long anything may take before the test fails: generous, for machines that do other things as well.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Asks `probe` until it has a response. Other programs do not announce when they are done, so it asks ten times per second.
///
/// # Errors
/// After [`PATIENCE`], with `what` was waited for.
pub async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let asking = async {
        loop {
            ticks.tick().await;
            if let Some(answer) = probe().await {
                return answer;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .map_err(|_| format!("waited {} s for {what}", PATIENCE.as_secs()).into())
}
