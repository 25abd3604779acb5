//! Metrics over time, computed from the calls themselves.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use super::fields::Value;
use super::query::{Measure, Over, Query, Reduce, Spans, Stage};
use super::{Refusal, scan};
use crate::record::{CallRecord, Timestamp, Window};
use crate::store::Querier;

/// Series of one result.
const SERIES: usize = 1_000;
/// Steps of one query.
const STEPS: i64 = 11_000;
/// Values of one result.
const VALUES: usize = 500_000;

/// What is asked.
#[derive(Debug)]
pub(crate) struct MetricsQuestion<'a> {
    pub(crate) query: &'a Query,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// Nanoseconds of one step; the last step ends at `to`.
    pub(crate) step: i64,
    pub(crate) deadline: Instant,
}

/// Series with a value for each step in which there were calls.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) series: Vec<Samples>,
    pub(crate) read: usize,
}

/// One series.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) labels: Vec<(String, Value)>,
    /// By the end of the step.
    pub(crate) values: Vec<(Timestamp, f64)>,
}

/// Values of one step of one group.
#[derive(Debug, Clone, Default)]
struct Step {
    calls: f64,
    values: Vec<f64>,
}

/// The values of the attributes that a group has in common, and its steps by number.
type Group = (Vec<Value>, BTreeMap<usize, Step>);

/// Computes the metric of a query. A call counts in the step in which it ended.
pub(crate) fn metrics(question: &MetricsQuestion<'_>, ledger: &dyn Querier) -> Result<Metrics, Refusal> {
    let [Stage::Over(over)] = question.query.stages.as_slice() else {
        return Err(Refusal::unsupported("a query without a metric at its end"));
    };
    if matches!(question.query.spans, Spans::Both(..)) {
        return Err(Refusal::unsupported("a metric over traces with several sets"));
    }
    let (from, to, step) = (question.from, question.to, question.step);
    if step <= 0 || from >= to || to.0.saturating_sub(from.0) / step > STEPS {
        return Err(Refusal::Limit(format!("a range has an end after its start, and at most {STEPS} steps")));
    }
    // The last one is shorter where the range is no multiple of a step.
    let steps = usize::try_from((to.0.saturating_sub(from.0) - 1).div_euclid(step) + 1).unwrap_or(1);
    let mut groups: HashMap<Vec<String>, Group> = HashMap::new();
    let mut too_many = false;
    let window = Window { from, to };
    let read = scan(ledger, window, &question.query.filter(), question.deadline, |call| {
        if !question.query.spans.count(call, &mut std::iter::empty()) {
            return true;
        }
        // As in Tempo, a call without the attribute is in the group of nil.
        let by: Vec<Value> = over
            .by
            .iter()
            .map(|(_, attribute)| attribute.value(call).unwrap_or(Value::Word("nil")))
            .collect();
        let key: Vec<String> = by.iter().map(Value::text).collect();
        too_many = !groups.contains_key(&key) && groups.len() >= SERIES;
        if too_many {
            return false;
        }
        let end = call.start.0.saturating_add(call.duration_ns);
        let number = usize::try_from(end.saturating_sub(from.0).div_euclid(step)).unwrap_or(0).min(steps - 1);
        let group = groups.entry(key).or_insert_with(|| (by, BTreeMap::new()));
        group.1.entry(number).or_default().add(over, call);
        true
    })?;
    if too_many {
        return Err(Refusal::Limit(format!(
            "a metric has at most {SERIES} series; group by fewer attributes"
        )));
    }
    let values = match &over.of {
        Measure::Quantile(_, shares) => {
            shares.len() * groups.values().map(|(_, found)| found.len()).sum::<usize>()
        }
        Measure::Rate | Measure::Count => groups.len() * steps,
        Measure::Reduce(..) => 0,
    };
    if values > VALUES {
        return Err(Refusal::Limit(format!(
            "a metric has at most {VALUES} values; choose a larger step, or group by fewer attributes"
        )));
    }
    let end_of = |number: usize| {
        let steps = i64::try_from(number).unwrap_or(i64::MAX).saturating_add(1);
        Timestamp(from.0.saturating_add(step.saturating_mul(steps)).min(to.0))
    };
    #[expect(clippy::cast_precision_loss, reason = "a step in seconds")]
    let seconds = |number: usize| {
        let begin = number.checked_sub(1).map_or(from, end_of);
        end_of(number).0.saturating_sub(begin.0) as f64 / 1e9
    };
    let mut series = Vec::new();
    for (by, found) in groups.into_values() {
        let mut labels: Vec<(String, Value)> = over.by.iter().map(|(name, _)| name.clone()).zip(by).collect();
        let named = |labels: &mut Vec<(String, Value)>| {
            if labels.is_empty() {
                labels.push(("__name__".to_owned(), Value::Text(over.name.clone())));
            }
        };
        match &over.of {
            Measure::Quantile(_, shares) => {
                for share in shares {
                    let mut labels = labels.clone();
                    labels.push(("p".to_owned(), Value::Number(*share)));
                    let values = found
                        .iter()
                        .filter_map(|(number, step)| Some((end_of(*number), step.quantile(*share)?)));
                    series.push(Samples { labels, values: values.collect() });
                }
            }
            Measure::Rate | Measure::Count => {
                // A step without calls has none, which is a number.
                named(&mut labels);
                let per =
                    |number: usize| if matches!(over.of, Measure::Rate) { seconds(number) } else { 1.0 };
                let calls = |number: usize| found.get(&number).map_or(0.0, |step| step.calls) / per(number);
                series.push(Samples {
                    labels,
                    values: (0..steps).map(|number| (end_of(number), calls(number))).collect(),
                });
            }
            Measure::Reduce(reduce, _) => {
                named(&mut labels);
                let values =
                    found.iter().filter_map(|(number, step)| Some((end_of(*number), step.reduced(*reduce)?)));
                series.push(Samples { labels, values: values.collect() });
            }
        }
    }
    series.retain(|series| !series.values.is_empty());
    if let Some((count, largest)) = over.best {
        keep_best(&mut series, count, largest);
    }
    series.sort_by_key(|series| series.labels.iter().map(|(_, value)| value.text()).collect::<Vec<_>>());
    Ok(Metrics { series, read })
}

impl Step {
    fn add(&mut self, over: &Over, call: &CallRecord) {
        self.calls += 1.0;
        if let Measure::Reduce(_, attribute) | Measure::Quantile(attribute, _) = &over.of {
            self.values.extend(attribute.value(call).and_then(|value| value.number()));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "calls are far fewer than 2^53")]
    fn reduced(&self, reduce: Reduce) -> Option<f64> {
        if self.values.is_empty() {
            return None;
        }
        let values = self.values.iter().copied();
        Some(match reduce {
            Reduce::Sum => values.sum(),
            Reduce::Average => values.sum::<f64>() / self.values.len() as f64,
            Reduce::Least => values.fold(f64::INFINITY, f64::min),
            Reduce::Greatest => values.fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// By nearest rank, of the values themselves.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank"
    )]
    fn quantile(&self, share: f64) -> Option<f64> {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        let rank = (share * values.len() as f64).ceil() as usize;
        values.get(rank.max(1) - 1).copied()
    }
}

/// Keeps the series that are among the largest or smallest at any of the times, and only then.
fn keep_best(series: &mut Vec<Samples>, count: usize, largest: bool) {
    let mut at: BTreeMap<Timestamp, Vec<(usize, f64)>> = BTreeMap::new();
    for (number, samples) in series.iter().enumerate() {
        for (time, value) in &samples.values {
            at.entry(*time).or_default().push((number, *value));
        }
    }
    let mut kept: HashMap<usize, Vec<(Timestamp, f64)>> = HashMap::new();
    for (time, mut values) in at {
        values.sort_by(
            |(_, one), (_, other)| if largest { other.total_cmp(one) } else { one.total_cmp(other) },
        );
        for (number, value) in values.into_iter().take(count) {
            kept.entry(number).or_default().push((time, value));
        }
    }
    for (number, samples) in series.iter_mut().enumerate() {
        samples.values = kept.remove(&number).unwrap_or_default();
    }
    series.retain(|samples| !samples.values.is_empty());
}
