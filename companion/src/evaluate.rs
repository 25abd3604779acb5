//! Evaluates the rules and moves their alerts: once, at an interval, or over a past time.

pub mod backtest;
pub mod evaluator;
pub mod runner;
pub mod state_file;
#[cfg(test)]
pub(crate) mod tests;
