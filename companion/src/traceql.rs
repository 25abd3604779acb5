//! A part of TraceQL over the calls of the ledger, which it reads as spans: what each call has is an attribute under the name
//! that its span had. The ledger has the calls of a trace, and not the other spans.

mod evaluate;
mod fields;
mod lexer;
mod metrics;
mod parse;
mod query;
mod search;
#[cfg(test)]
mod tests;

pub(crate) use fields::{Scope, Value, all as fields, span_name, values_of};
pub(crate) use metrics::{MetricsQuestion, Samples, metrics};
pub(crate) use parse::{attribute, parse};
pub(crate) use search::{FoundTrace, SearchQuestion, search, values};

use std::time::Instant;

use crate::clock;
use crate::record::{CallRecord, Window};
use crate::store::{Filter, Page, Querier};

/// Calls that one query reads.
pub(crate) const READ: usize = 200_000;
/// Calls that are read together; after each reading the time is looked at.
const TOGETHER: usize = 1_000;
const SUPPORTED: &str = "supported are { ... } with =, !=, <, <=, >, >=, =~, !~, &&, || and ! over attributes of span. and resource. and the \
     intrinsics name, kind, status, statusMessage, duration, trace:id, span:id and span:parentID; && and || between \
     such sets; then | select(...), | count(), | sum(...), | avg(...), | min(...), | max(...) with a comparison, or one of | rate(), \
     | count_over_time(), | sum_over_time(...), | avg_over_time(...), | min_over_time(...), | max_over_time(...), \
     | quantile_over_time(...) with by(...) and topk(n) or bottomk(n)";

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The query is wrong, or not in the part of the language that is supported.
    Query(String),
    /// It is right and would read too much.
    Limit(String),
    /// The ledger could not answer.
    Ledger(String),
}

impl Refusal {
    fn unsupported(what: &str) -> Self {
        Self::Query(format!("{what} is not supported; {SUPPORTED}"))
    }
}

/// Hands out the calls of a window, newest first, until `each` has enough, and how many these were.
fn scan(
    ledger: &dyn Querier,
    window: Window,
    filter: &Filter,
    deadline: Instant,
    mut each: impl FnMut(&CallRecord) -> bool,
) -> Result<usize, Refusal> {
    let (mut read, mut after) = (0, None);
    loop {
        let page = Page { limit: TOGETHER, after };
        let found = ledger.calls(window, filter, page).map_err(|error| Refusal::Ledger(error.to_string()))?;
        for call in &found.calls {
            read += 1;
            if !each(call) {
                return Ok(read);
            }
        }
        after = found.next;
        if after.is_none() {
            return Ok(read);
        }
        if read >= READ || clock::instant() > deadline {
            return Err(Refusal::Limit(format!(
                "the query has read {read} calls and is not at its end; choose a shorter range, or a condition with = on \
                 resource.service.name, span.gen_ai.provider.name, span.user.id or trace:id"
            )));
        }
    }
}
