//! Functions.

use std::collections::BTreeMap;

use promql_parser::parser::{Call, Expr, LabelModifier, MatrixSelector};

use super::evaluate::{Evaluation, map};
use super::series::{LABEL_OF_NAME, Labels, Points};
use super::{Refusal, Row, Value};
use crate::record::Timestamp;
use crate::text::pattern::pattern;

pub(super) fn call(evaluation: &Evaluation<'_>, call: &Call) -> Result<Value, Refusal> {
    let argument = |index: usize| -> Result<&Expr, Refusal> {
        let wanted = || Refusal::Query(format!("{} lacks an argument", call.func.name));
        call.args.args.get(index).map(|argument| &**argument).ok_or_else(wanted)
    };
    let rows = |index: usize| evaluation.rows(argument(index)?);
    let mapped = |of: fn(f64) -> f64| Ok(Value::Vector(map(rows(0)?, of)));
    match call.func.name {
        "abs" => mapped(f64::abs),
        "ceil" => mapped(f64::ceil),
        "floor" => mapped(f64::floor),
        "round" if call.args.args.len() == 1 => mapped(|value| (value + 0.5).floor()),
        "clamp_min" | "clamp_max" => {
            let bound = evaluation.numbers(argument(1)?)?.first().copied().unwrap_or(f64::NAN);
            let least = call.func.name == "clamp_min";
            Ok(Value::Vector(map(rows(0)?, |value| if least { value.max(bound) } else { value.min(bound) })))
        }
        "time" => Ok(Value::Scalar(evaluation.times.iter().map(|time| seconds(*time)).collect())),
        "days_in_month" => days_in_month(evaluation, call),
        "vector" => {
            let values = evaluation.numbers(argument(0)?)?.into_iter().map(Some).collect();
            Ok(Value::Vector(vec![Row { labels: Labels::new(), values }]))
        }
        "scalar" => scalar(evaluation, rows(0)?),
        "absent" => absent(evaluation, argument(0)?),
        "sort" | "sort_desc" => {
            let mut rows = rows(0)?;
            let last = |row: &Row| row.values.last().copied().flatten().unwrap_or(f64::NAN);
            rows.sort_by(|one, other| last(one).total_cmp(&last(other)));
            if call.func.name == "sort_desc" {
                rows.reverse();
            }
            Ok(Value::Vector(rows))
        }
        "label_replace" => {
            let text = |index: usize| match argument(index)? {
                Expr::StringLiteral(text) => Ok(text.val.as_str()),
                _ => Err(Refusal::Query("label_replace takes strings after the vector".to_owned())),
            };
            label_replace(rows(0)?, text(1)?, text(2)?, text(3)?, text(4)?)
        }
        "histogram_quantile" => {
            let shares = evaluation.numbers(argument(0)?)?;
            Ok(Value::Vector(histogram_quantile(&shares, rows(1)?)))
        }
        _ => over_range(evaluation, call, None).map(Value::Vector),
    }
}

/// A call below a sum over the labels `kept`.
pub(super) fn summed(
    evaluation: &Evaluation<'_>,
    inner: &Call,
    kept: &LabelModifier,
) -> Result<Vec<Row>, Refusal> {
    match inner.func.name {
        "rate" | "increase" => over_range(evaluation, inner, Some(kept)),
        _ => match call(evaluation, inner)? {
            Value::Vector(rows) => Ok(rows),
            Value::Scalar(_) | Value::Text(_) => Err(Refusal::Query("a sum is over a vector".to_owned())),
        },
    }
}

/// The functions over a range of time.
fn over_range(
    evaluation: &Evaluation<'_>,
    call: &Call,
    kept: Option<&LabelModifier>,
) -> Result<Vec<Row>, Refusal> {
    let Some(Expr::MatrixSelector(matrix)) = call.args.args.first().map(|argument| &**argument) else {
        return Err(Refusal::unsupported(&format!("the function {}", call.func.name)));
    };
    let edges = evaluation.source.edges.as_slice();
    let over = |matrix: &MatrixSelector, of: fn(&[f64]) -> f64| {
        evaluation.ranges(matrix, None, false, |points, [from, to], _| {
            let values = points.range(edges, from, to);
            (!values.is_empty()).then(|| of(&values))
        })
    };
    let last =
        |points: &Points, [from, to]: [Timestamp; 2], _: f64| points.range(edges, from, to).last().copied();
    match call.func.name {
        "rate" => evaluation.ranges(matrix, kept, false, |points, [from, to], length| {
            Some(points.increase(edges, from, to)? / length)
        }),
        "increase" => {
            evaluation.ranges(matrix, kept, false, |points, [from, to], _| points.increase(edges, from, to))
        }
        "last_over_time" => evaluation.ranges(matrix, None, true, last),
        "min_over_time" => over(matrix, |values| values.iter().copied().fold(f64::NAN, f64::min)),
        "max_over_time" => over(matrix, |values| values.iter().copied().fold(f64::NAN, f64::max)),
        #[expect(clippy::cast_precision_loss, reason = "samples are few")]
        "avg_over_time" => over(matrix, |values| values.iter().sum::<f64>() / values.len() as f64),
        #[expect(clippy::cast_precision_loss, reason = "samples are few")]
        "count_over_time" => over(matrix, |values| values.len() as f64),
        #[expect(clippy::cast_precision_loss, reason = "samples are few")]
        "resets" => over(matrix, |values| values.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64),
        other => Err(Refusal::unsupported(&format!("the function {other}"))),
    }
}

fn scalar(evaluation: &Evaluation<'_>, rows: Vec<Row>) -> Result<Value, Refusal> {
    let at = |time: usize| {
        let mut there = rows.iter().filter_map(|row| row.values[time]);
        let only = there.next().unwrap_or(f64::NAN);
        if there.next().is_some() { f64::NAN } else { only }
    };
    Ok(Value::Scalar((0..evaluation.times.len()).map(at).collect()))
}

/// One at the times at which there is nothing, with the labels that a selector asks for by `=`.
fn absent(evaluation: &Evaluation<'_>, inner: &Expr) -> Result<Value, Refusal> {
    let rows = evaluation.rows(inner)?;
    let mut labels = Labels::new();
    if let Expr::VectorSelector(selector) = inner {
        let equal = |matcher: &&promql_parser::label::Matcher| {
            matches!(matcher.op, promql_parser::label::MatchOp::Equal) && matcher.name != LABEL_OF_NAME
        };
        let matchers = selector.matchers.matchers.iter().filter(equal);
        labels.extend(matchers.map(|matcher| (matcher.name.clone(), matcher.value.clone())));
    }
    let at = |time: usize| rows.iter().all(|row| row.values[time].is_none()).then_some(1.0);
    let row = Row { labels, values: (0..evaluation.times.len()).map(at).collect() };
    Ok(Value::Vector(Some(row).filter(Row::is_there).into_iter().collect()))
}

fn days_in_month(evaluation: &Evaluation<'_>, call: &Call) -> Result<Value, Refusal> {
    if !call.args.args.is_empty() {
        return Err(Refusal::unsupported("days_in_month of a vector"));
    }
    let days = |time: &Timestamp| {
        let at = jiff::Timestamp::from_nanosecond(time.0.into()).ok()?;
        Some(f64::from(at.to_zoned(jiff::tz::TimeZone::UTC).days_in_month()))
    };
    Ok(Value::Vector(vec![Row {
        labels: Labels::new(),
        values: evaluation.times.iter().map(days).collect(),
    }]))
}

fn label_replace(
    rows: Vec<Row>,
    label: &str,
    replacement: &str,
    source: &str,
    text: &str,
) -> Result<Value, Refusal> {
    let regex = pattern(&format!("^(?s:{text})$")).map_err(|_| {
        Refusal::Query(format!("{text:?} is no regular expression, or one that is too large"))
    })?;
    let replaced = rows.into_iter().map(|mut row| {
        let value = row.labels.get(source).map_or("", String::as_str);
        if let Some(found) = regex.captures(value) {
            let mut made = String::new();
            found.expand(replacement, &mut made);
            match made.is_empty() {
                true => row.labels.remove(label),
                false => row.labels.insert(label.to_owned(), made),
            };
        }
        row
    });
    Ok(Value::Vector(replaced.collect()))
}

/// As Prometheus computes it from classic histograms: linear within the bucket that holds the quantile.
fn histogram_quantile(shares: &[f64], rows: Vec<Row>) -> Vec<Row> {
    let mut groups: BTreeMap<Labels, Vec<(f64, Row)>> = BTreeMap::new();
    for mut row in rows {
        row.labels.remove(LABEL_OF_NAME);
        let Some(Ok(bound)) = row.labels.remove("le").map(|bound| bound.replace("Inf", "inf").parse()) else {
            continue;
        };
        groups.entry(row.labels.clone()).or_default().push((bound, row));
    }
    let quantiles = groups.into_iter().map(|(labels, mut buckets)| {
        buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let at = |(time, share): (usize, &f64)| {
            let mut counts: Vec<(f64, f64)> =
                buckets.iter().filter_map(|(bound, row)| Some((*bound, row.values[time]?))).collect();
            // Equal bounds, as of two names, are one bucket.
            counts.dedup_by(|next, first| {
                let same = next.0.total_cmp(&first.0).is_eq();
                if same {
                    first.1 += next.1;
                }
                same
            });
            (!counts.is_empty()).then(|| quantile(*share, &counts))
        };
        Row { labels, values: shares.iter().enumerate().map(at).collect() }
    });
    quantiles.filter(Row::is_there).collect()
}

/// The quantile of buckets with rising bounds, each with the count of all that is not above it.
fn quantile(share: f64, buckets: &[(f64, f64)]) -> f64 {
    let [.., (last, total)] = buckets else { return f64::NAN };
    if share.is_nan() || !last.is_infinite() || buckets.len() < 2 || total.is_nan() || *total <= 0.0 {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&share) {
        return if share < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let rank = share * total;
    let index = buckets.partition_point(|(_, count)| *count < rank).min(buckets.len() - 1);
    if index == buckets.len() - 1 {
        return buckets[index - 1].0;
    }
    let (end, count) = buckets[index];
    let (begin, before) = if index == 0 { (0.0, 0.0) } else { buckets[index - 1] };
    if index == 0 && end <= 0.0 {
        return end;
    }
    begin + (end - begin) * (rank - before) / (count - before)
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus' times are doubles")]
fn seconds(time: Timestamp) -> f64 {
    (time.0 / 1_000_000) as f64 / 1e3
}
