//! Runs the queries of data sources over the ledger: a few at a time, and away from the threads of the runtime.

use std::sync::Arc;
use std::time::Duration;

use super::AdminState;

/// How long one query may read the ledger.
pub(super) const LONGEST: Duration = Duration::from_secs(20);

/// Does `work` when a place is free, which it keeps until its result is written: what is written is much smaller than what
/// it is made of. `failed` words the refusal of a query that panicked.
pub(super) async fn run<T: Send + 'static, Refusal: Send + 'static>(
    state: Arc<AdminState>,
    failed: fn(String) -> Refusal,
    work: impl FnOnce(&AdminState) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let place = state.queries.clone().acquire_owned().await;
    let work = tokio::task::spawn_blocking(move || {
        let _place = place;
        work(&state)
    });
    match work.await {
        Ok(done) => done,
        Err(error) => Err(failed(format!("the query failed: {error}"))),
    }
}
