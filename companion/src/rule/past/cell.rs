use std::sync::Arc;

use crate::record::{Timestamp, Window};
use crate::store::{Dimension, Filter, FiveMinutes, Querier, StoreError, Totals};

/// Names that are known of five minutes where the calls alone are kept, those with the most.
const NAMES: usize = 1_000;

/// What was in five minutes under a name; without one what was under the names that are not known.
pub(crate) type Found<C> = (Timestamp, Option<Arc<str>>, C);

/// What a history keeps of five minutes.
pub(crate) trait Kept: Copy + Default {
    fn ask(
        querier: &dyn Querier,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
    ) -> Result<Vec<Found<Self>>, StoreError>;
    fn add(&mut self, other: &Self);
    fn calls(&self) -> f32;
}

/// The calls alone: all that rules about models and users compare.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Calls(f32);

impl Kept for Calls {
    fn ask(
        querier: &dyn Querier,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
    ) -> Result<Vec<Found<Self>>, StoreError> {
        let found = querier.five_minute_calls(window, filter, by, NAMES)?;
        #[expect(clippy::cast_precision_loss, reason = "to compare, seven digits are enough")]
        let kept = found.into_iter().map(|found| (found.at, found.name, Self(found.calls as f32)));
        Ok(kept.collect())
    }

    fn add(&mut self, other: &Self) {
        self.0 += other.0;
    }

    fn calls(&self) -> f32 {
        self.0
    }
}

/// What is known of five minutes, or of several of them together. Small: there are up to 300,000.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cell {
    pub(crate) calls: f32,
    pub(crate) succeeded: f32,
    pub(crate) failed: f32,
    pub(crate) rate_limited: f32,
    pub(crate) unauthorized: f32,
    /// Succeeded without usage.
    pub(crate) without_usage: f32,
    pub(crate) input_tokens: f32,
    pub(crate) output_tokens: f32,
    pub(crate) cache_read_tokens: f32,
    /// In dollars.
    pub(crate) cost: f32,
    /// In seconds, of all calls.
    pub(crate) duration: f32,
    /// Calls whose time to the first chunk is known.
    pub(crate) first_chunks: f32,
    /// The sum of these times in seconds.
    pub(crate) first_chunk: f32,
}

impl Kept for Cell {
    fn ask(
        querier: &dyn Querier,
        window: Window,
        filter: &Filter,
        by: Option<Dimension>,
    ) -> Result<Vec<Found<Self>>, StoreError> {
        let found = querier.five_minutes(window, filter, by)?;
        Ok(found
            .into_iter()
            .map(|found| (found.at, Some(Arc::clone(&found.name)), Self::from(&found)))
            .collect())
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.rate_limited += other.rate_limited;
        self.unauthorized += other.unauthorized;
        self.without_usage += other.without_usage;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cache_read_tokens += other.cache_read_tokens;
        self.cost += other.cost;
        self.duration += other.duration;
        self.first_chunks += other.first_chunks;
        self.first_chunk += other.first_chunk;
    }

    fn calls(&self) -> f32 {
        self.calls
    }
}

impl Cell {
    /// Calls that reported usage, as far as totals tell.
    pub(crate) fn with_usage(&self) -> f64 {
        f64::from((self.succeeded - self.without_usage).max(0.0))
    }
}

impl From<&FiveMinutes> for Cell {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "to compare, seven digits are enough"
    )]
    fn from(found: &FiveMinutes) -> Self {
        Self {
            first_chunks: found.first_chunks as f32,
            first_chunk: (found.first_chunk_ns as f64 / 1e9) as f32,
            ..Self::from(&found.totals)
        }
    }
}

/// Totals do not know the times to the first chunk.
impl From<&Totals> for Cell {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "to compare, seven digits are enough"
    )]
    fn from(totals: &Totals) -> Self {
        let seconds = |ns: u64| (ns as f64 / 1e9) as f32;
        Self {
            calls: totals.calls as f32,
            succeeded: totals.succeeded as f32,
            failed: totals.failed as f32,
            rate_limited: totals.rate_limited as f32,
            unauthorized: totals.unauthorized as f32,
            without_usage: totals.succeeded_without_usage as f32,
            input_tokens: totals.input_tokens as f32,
            output_tokens: totals.output_tokens as f32,
            cache_read_tokens: totals.cache_read_tokens as f32,
            cost: totals.cost.as_usd() as f32,
            duration: seconds(totals.duration_ns),
            first_chunks: 0.0,
            first_chunk: 0.0,
        }
    }
}
