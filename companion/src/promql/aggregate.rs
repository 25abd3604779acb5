//! Aggregations over rows with equal labels.

use std::collections::BTreeMap;

use promql_parser::parser::token::{self, TokenId};
use promql_parser::parser::{AggregateExpr, Expr, LabelModifier};

use super::evaluate::Evaluation;
use super::functions;
use super::series::{LABEL_OF_NAME, Labels};
use super::{Refusal, Row, Value};

pub(super) fn aggregate(evaluation: &Evaluation<'_>, aggregate: &AggregateExpr) -> Result<Value, Refusal> {
    let operation = aggregate.op.id();
    let nothing = LabelModifier::include(Vec::new());
    let kept = aggregate.modifier.as_ref().unwrap_or(&nothing);
    let rows = match (operation, &*aggregate.expr) {
        // What is added up anyway is read added up.
        (token::T_SUM, Expr::Call(call)) => functions::summed(evaluation, call, kept)?,
        (_, inner) => evaluation.rows(inner)?,
    };
    let mut groups: BTreeMap<Labels, Vec<Row>> = BTreeMap::new();
    for row in rows {
        groups.entry(grouped(&row.labels, kept)).or_default().push(row);
    }
    match operation {
        token::T_TOPK | token::T_BOTTOMK => {
            let count = match &aggregate.param {
                Some(param) => evaluation.numbers(param)?,
                None => return Err(Refusal::Query("topk and bottomk need a number".to_owned())),
            };
            let best = groups.into_values().flat_map(|rows| best(rows, &count, operation == token::T_TOPK));
            Ok(Value::Vector(best.collect()))
        }
        token::T_SUM | token::T_MIN | token::T_MAX | token::T_AVG | token::T_COUNT | token::T_GROUP => {
            let times = evaluation.times.len();
            let rows = groups.into_iter().map(|(labels, rows)| {
                let at = |time: usize| {
                    let values: Vec<f64> = rows.iter().filter_map(|row| row.values[time]).collect();
                    (!values.is_empty()).then(|| reduce(operation, &values))
                };
                Row { labels, values: (0..times).map(at).collect() }
            });
            Ok(Value::Vector(rows.collect()))
        }
        _ => Err(Refusal::unsupported(&format!("the aggregation {}", aggregate.op))),
    }
}

fn grouped(labels: &Labels, kept: &LabelModifier) -> Labels {
    let mut labels = labels.clone();
    let listed = &kept.labels().labels;
    match kept.is_include() {
        true => labels.retain(|label, _| listed.contains(label)),
        false => labels.retain(|label, _| label != LABEL_OF_NAME && !listed.contains(label)),
    }
    labels
}

#[expect(clippy::cast_precision_loss, reason = "rows are far fewer than 2^53")]
fn reduce(operation: TokenId, values: &[f64]) -> f64 {
    match operation {
        token::T_SUM => values.iter().sum(),
        token::T_AVG => values.iter().sum::<f64>() / values.len() as f64,
        // As in Prometheus, NaN is the result only where there is nothing else.
        token::T_MIN => values.iter().copied().fold(f64::NAN, f64::min),
        token::T_MAX => values.iter().copied().fold(f64::NAN, f64::max),
        token::T_COUNT => values.len() as f64,
        _ => 1.0,
    }
}

/// Of each time the rows with the largest or smallest values; the others are absent then. The best of the last time come first.
fn best(mut rows: Vec<Row>, count: &[f64], largest: bool) -> Vec<Row> {
    let order = |one: f64, other: f64| {
        // NaN comes last either way.
        let order = if largest { other.partial_cmp(&one) } else { one.partial_cmp(&other) };
        order.unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
    };
    for (time, count) in count.iter().enumerate() {
        let mut there: Vec<(usize, f64)> =
            rows.iter().enumerate().filter_map(|(index, row)| Some((index, row.values[time]?))).collect();
        there.sort_by(|(_, one), (_, other)| order(*one, *other));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        for (index, _) in there.into_iter().skip(count.max(0.0) as usize) {
            rows[index].values[time] = None;
        }
    }
    rows.retain(Row::is_there);
    let last = |row: &Row| row.values.last().copied().flatten();
    rows.sort_by(|one, other| match (last(one), last(other)) {
        (Some(one), Some(other)) => order(one, other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    });
    rows
}
