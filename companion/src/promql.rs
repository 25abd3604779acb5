//! A part of PromQL, exact over the ledger: what the ledger counted is read from its rollups for just the times of the
//! query, so that `rate` and `increase` extrapolate nothing; what the companion observed of itself comes as samples.
//!
//! From text to result: `plan` parses and notes which times are read, `source` reads them from the ledger once for the whole
//! expression, and `evaluate` computes each part of the expression for all times together.

mod aggregate;
mod binary;
mod evaluate;
mod families;
mod functions;
mod plan;
mod series;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use families::{FAMILIES, is_counted};
pub(crate) use plan::{Selector, selector};
pub(crate) use series::{LABEL_OF_NAME, Labels, Points, Series};

use std::time::Instant;

use crate::record::Timestamp;
use crate::store::Querier;
use evaluate::Evaluation;
use plan::Plan;
use source::Source;

/// Times of one query, as in Prometheus.
pub(crate) const TIMES: usize = 11_000;
/// Values of one part of a query: rows times the times of the query, and for the labels of each row [`OF_LABELS`] more. Each
/// takes up to 24 bytes, and as many again when it is written.
const CELLS: usize = 1_000_000;
/// What the labels of a row take, in values.
const OF_LABELS: usize = 64;
/// The same over all parts of an expression together: what is held at a time is less.
const ALL_CELLS: usize = 3 * CELLS;
const SUPPORTED: &str = "supported are selectors with matchers and offset; sum, min, max, avg, count, group, topk and bottomk with by or \
     without; + - * / % ^, comparisons, and, or, unless with on, ignoring and group_left; rate, increase, resets, \
     last_over_time, min_over_time, max_over_time, avg_over_time, count_over_time, absent, histogram_quantile, label_replace, \
     sort, sort_desc, scalar, vector, time, days_in_month, abs, ceil, floor, round, clamp_min, clamp_max";

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The query is wrong, or not in the part of the language that is supported.
    Query(String),
    /// It is right and would read or return too much.
    Limit(String),
    /// The ledger could not answer.
    Ledger(String),
}

impl Refusal {
    fn unsupported(what: &str) -> Self {
        Self::Query(format!("{what} is not supported; {SUPPORTED}"))
    }
}

/// What an expression is at each time of a query.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A number.
    Scalar(Vec<f64>),
    /// Rows with distinct labels.
    Vector(Vec<Row>),
    /// A string, as an argument of a function.
    Text(String),
}

/// One set of labels with its values; `None` at times at which it is absent.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    pub(crate) values: Vec<Option<f64>>,
}

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The expression.
    pub(crate) text: &'a str,
    /// The times, rising.
    pub(crate) times: &'a [Timestamp],
    /// Until when the ledger may be read.
    pub(crate) deadline: Instant,
}

/// Evaluates an expression over the ledger and what was `seen` of the companion itself.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn evaluate(
    question: &Question<'_>,
    ledger: &dyn Querier,
    seen: &[Series],
) -> Result<Value, Refusal> {
    let plan = Plan::of(question.text, question.times)?;
    let source = Source::read(&plan, ledger, seen, question.deadline)?;
    Evaluation::new(&source, question).value(&plan.expression)
}

/// Calls `each` with the labels of all series that one of `selectors` takes and that had a call between `from` and `to`; without
/// a selector, of all series. Some come more than once.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn labels(
    selectors: &[Selector],
    [from, to]: [Timestamp; 2],
    ledger: &dyn Querier,
    seen: &[Series],
    deadline: Instant,
    each: impl FnMut(Labels),
) -> Result<(), Refusal> {
    let plan = Plan::of_selectors(selectors, from, to);
    Source::read(&plan, ledger, seen, deadline)?.labels(selectors, each);
    Ok(())
}
