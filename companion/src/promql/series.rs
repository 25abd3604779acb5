//! Series with what they were at past times.

use std::collections::BTreeMap;

use crate::record::Timestamp;

/// The label that holds a series' name.
pub(crate) const LABEL_OF_NAME: &str = "__name__";
/// How long a sample is the value of its series.
const LOOKBACK: i64 = 150 * Timestamp::SECOND;
/// By how much a sample may be newer than the time asked for: the clock of who asks may be late.
const AHEAD: i64 = 30 * Timestamp::SECOND;

/// Label names with their values; none is empty.
pub(crate) type Labels = BTreeMap<String, String>;

/// One series.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) points: Points,
}

/// What a series was.
#[derive(Debug, Clone)]
pub(crate) enum Points {
    /// What the ledger had counted before each edge of a query.
    Counted {
        sums: Vec<i64>,
        /// Of how many of the units that are summed one is made.
        per: f64,
        /// The first edge before which there was a call.
        since: usize,
    },
    /// What was observed, oldest first.
    Seen(Vec<(Timestamp, f64)>),
}

impl Points {
    /// The value at a time.
    pub(super) fn at(&self, edges: &[Timestamp], time: Timestamp) -> Option<f64> {
        match self {
            Self::Counted { sums, per, since } => {
                let edge = edge(edges, time);
                (edge >= *since).then(|| number(*sums.get(edge)?, *per)).flatten()
            }
            Self::Seen(_) => self.seen(time.0.saturating_sub(LOOKBACK), time.0).last().copied(),
        }
    }

    /// By how much a counter rose from one time to another.
    pub(super) fn increase(&self, edges: &[Timestamp], from: Timestamp, to: Timestamp) -> Option<f64> {
        match self {
            Self::Counted { sums, per, since } => {
                let (first, last) = (edge(edges, from), edge(edges, to));
                let rose = sums.get(last)?.saturating_sub(*sums.get(first)?);
                (last >= *since).then(|| number(rose, *per)).flatten()
            }
            Self::Seen(_) => {
                let before = self.seen(from.0.saturating_sub(LOOKBACK), from.0).last().copied();
                let values: Vec<f64> = before.into_iter().chain(self.within(from, to)).collect();
                let rose = |pair: &[f64]| if pair[1] < pair[0] { pair[1] } else { pair[1] - pair[0] };
                (values.len() > 1).then(|| values.windows(2).map(rose).sum())
            }
        }
    }

    /// The values of a range of time: of what the ledger counts the one at its end.
    pub(super) fn range(&self, edges: &[Timestamp], from: Timestamp, to: Timestamp) -> Vec<f64> {
        match self {
            Self::Counted { .. } => self.at(edges, to).into_iter().collect(),
            Self::Seen(_) => self.within(from, to),
        }
    }

    /// What was observed after one time and until another.
    fn within(&self, from: Timestamp, to: Timestamp) -> Vec<f64> {
        self.seen(from.0, to.0).to_vec()
    }

    fn seen(&self, after: i64, until: i64) -> Vec<f64> {
        let Self::Seen(samples) = self else { return Vec::new() };
        let first = samples.partition_point(|(at, _)| at.0 <= after.saturating_add(AHEAD));
        let end = samples.partition_point(|(at, _)| at.0 <= until.saturating_add(AHEAD));
        samples.get(first..end).unwrap_or_default().iter().map(|(_, value)| *value).collect()
    }
}

/// The number of an edge that the plan has noted.
fn edge(edges: &[Timestamp], time: Timestamp) -> usize {
    edges.partition_point(|edge| *edge < time)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus' values are doubles; the totals before it are integers"
)]
#[expect(clippy::unnecessary_wraps, reason = "it ends a chain of options")]
fn number(sum: i64, per: f64) -> Option<f64> {
    Some(sum as f64 / per)
}
