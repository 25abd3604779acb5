//! Evaluates the rules and moves their alerts: once, at an interval, or over a past time.

pub(crate) mod backtest;
pub(crate) mod evaluator;
pub(crate) mod history;
pub(crate) mod runner;
pub(crate) mod state_file;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod times;
