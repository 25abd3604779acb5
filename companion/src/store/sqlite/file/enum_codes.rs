//! The numbers of enumerations in the file. They are part of the schema: never reuse one.

use rusqlite::types::Type;
use spanledger::{CostStatus, Outcome, UsageSource};

use crate::record::{Origin, ProcessEnd};

pub(crate) const fn of_outcome(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Completed => 0,
        Outcome::Truncated => 1,
        Outcome::Dropped => 2,
        Outcome::Cancelled => 3,
        Outcome::Failed => 4,
        Outcome::TimedOut => 5,
        Outcome::Pending => 6,
        Outcome::Interrupted => 7,
    }
}

pub(crate) fn outcome(code: i64) -> rusqlite::Result<Outcome> {
    named(Outcome::ALL, of_outcome, code, "outcome")
}

pub(crate) const fn of_cost_status(status: CostStatus) -> i64 {
    match status {
        CostStatus::Exact => 0,
        CostStatus::Estimated => 1,
        CostStatus::Free => 2,
        CostStatus::Unpriced => 3,
        CostStatus::NoUsage => 4,
    }
}

pub(crate) fn cost_status(code: i64) -> rusqlite::Result<CostStatus> {
    named(CostStatus::ALL, of_cost_status, code, "cost status")
}

pub(crate) const fn of_usage_source(source: UsageSource) -> i64 {
    match source {
        UsageSource::Provider => 0,
        UsageSource::Partial => 1,
        UsageSource::Estimated => 2,
        UsageSource::None => 3,
    }
}

pub(crate) fn usage_source(code: i64) -> rusqlite::Result<UsageSource> {
    named(UsageSource::ALL, of_usage_source, code, "usage source")
}

pub(crate) const fn of_origin(origin: Origin) -> i64 {
    match origin {
        Origin::Spanledger => 0,
        Origin::ThirdParty => 1,
        Origin::Import => 2,
        Origin::Witness => 3,
    }
}

pub(crate) fn origin(code: i64) -> rusqlite::Result<Origin> {
    named(
        [Origin::Spanledger, Origin::ThirdParty, Origin::Import, Origin::Witness],
        of_origin,
        code,
        "origin",
    )
}

pub(crate) const fn of_process_end(end: ProcessEnd) -> i64 {
    match end {
        ProcessEnd::Orderly => 0,
        ProcessEnd::Died => 1,
    }
}

pub(crate) fn process_end(code: i64) -> rusqlite::Result<ProcessEnd> {
    named([ProcessEnd::Orderly, ProcessEnd::Died], of_process_end, code, "end of a process")
}

fn named<T: Copy, const N: usize>(
    all: [T; N],
    code_of: impl Fn(T) -> i64,
    code: i64,
    what: &str,
) -> rusqlite::Result<T> {
    all.into_iter().find(|value| code_of(*value) == code).ok_or_else(|| damaged(format!("{what} {code}")))
}

/// The file holds what no version wrote.
pub(crate) fn damaged(detail: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, detail.into())
}
