//! How long each rule takes, for measurements.

use std::time::Duration;

use crate::evaluate::evaluator::Evaluator;
use crate::record::Timestamp;
use crate::rule::RuleName;
use crate::rule::config::RulesConfig;
use crate::store::Querier;

/// The rules of a configuration with what they remember.
#[derive(Debug)]
pub struct RuleTimes(Evaluator);

impl RuleTimes {
    /// Rules that were never evaluated.
    #[must_use]
    pub fn new(config: &RulesConfig) -> Self {
        Self(Evaluator::in_pieces(config))
    }

    /// Reads the next piece of the past as `serve` does between evaluations; returns whether there was one.
    ///
    /// # Errors
    /// Why the ledger could not be read.
    pub fn learn(&self, querier: &dyn Querier, now: Timestamp) -> Result<bool, String> {
        self.0.pasts().learn(querier, now).map_err(|error| error.to_string())
    }

    /// Evaluates all rules, one after the other, and tells how long each took. What several ask is counted where it is
    /// asked first.
    ///
    /// # Errors
    /// What a rule could not be evaluated for.
    pub fn evaluate(
        &mut self,
        querier: &dyn Querier,
        now: Timestamp,
    ) -> Result<Vec<(RuleName, Duration)>, String> {
        let statuses = self.0.evaluate_all(querier, now);
        let time = |status: crate::evaluate::evaluator::RuleStatus| match status.error {
            None => Ok((status.name, status.took)),
            Some(error) => Err(format!("{}: {error}", status.name)),
        };
        statuses.into_iter().map(time).collect()
    }
}
