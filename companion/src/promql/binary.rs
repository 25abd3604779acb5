//! Operators between two expressions.

use std::collections::HashMap;

use promql_parser::parser::token::{self, TokenId};
use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

use super::evaluate::Evaluation;
use super::series::{LABEL_OF_NAME, Labels};
use super::{Refusal, Row, Value};

pub(super) fn binary(evaluation: &Evaluation<'_>, both: &BinaryExpr) -> Result<Value, Refusal> {
    let operation = both.op.id();
    let modifier = both.modifier.as_ref();
    let flag = modifier.is_some_and(|modifier| modifier.return_bool);
    let of = |one: f64, other: f64| operate(operation, one, other);
    // A comparison without `bool` keeps the value of the vector's side, or leaves the row out.
    let filtered = |one: f64, other: f64, kept: f64| match compares(operation) && !flag {
        true => (of(one, other) != 0.0).then_some(kept),
        false => Some(of(one, other)),
    };
    match (evaluation.value(&both.lhs)?, evaluation.value(&both.rhs)?) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            Ok(Value::Scalar(left.into_iter().zip(right).map(|(one, other)| of(one, other)).collect()))
        }
        (Value::Vector(rows), Value::Scalar(numbers)) => {
            Ok(Value::Vector(with_numbers(rows, &numbers, operation, flag, |value, number| {
                filtered(value, number, value)
            })))
        }
        (Value::Scalar(numbers), Value::Vector(rows)) => {
            Ok(Value::Vector(with_numbers(rows, &numbers, operation, flag, |value, number| {
                filtered(number, value, value)
            })))
        }
        (Value::Vector(left), Value::Vector(right)) => match operation {
            token::T_LAND | token::T_LOR | token::T_LUNLESS => {
                Ok(Value::Vector(set(operation, left, right, modifier)?))
            }
            _ => matched(operation, flag, left, right, modifier, filtered).map(Value::Vector),
        },
        (Value::Text(_), _) | (_, Value::Text(_)) => Err(Refusal::unsupported("an operator on a string")),
    }
}

fn with_numbers(
    rows: Vec<Row>,
    numbers: &[f64],
    operation: TokenId,
    flag: bool,
    of: impl Fn(f64, f64) -> Option<f64>,
) -> Vec<Row> {
    let computed = rows.into_iter().map(|mut row| {
        if flag || !compares(operation) {
            row.labels.remove(LABEL_OF_NAME);
        }
        for (value, number) in row.values.iter_mut().zip(numbers) {
            *value = value.and_then(|value| of(value, *number));
        }
        row
    });
    computed.filter(Row::is_there).collect()
}

/// `and`, `or` and `unless`, at each time by itself.
fn set(
    operation: TokenId,
    left: Vec<Row>,
    right: Vec<Row>,
    modifier: Option<&BinModifier>,
) -> Result<Vec<Row>, Refusal> {
    let of = |row: &Row| signature(&row.labels, modifier);
    let present = |rows: &[Row]| {
        let mut present: HashMap<Labels, Vec<bool>> = HashMap::new();
        for row in rows {
            let there = present.entry(of(row)).or_insert_with(|| vec![false; row.values.len()]);
            there.iter_mut().zip(&row.values).for_each(|(there, value)| *there |= value.is_some());
        }
        present
    };
    let keep = |rows: Vec<Row>, other: &HashMap<Labels, Vec<bool>>, wanted: bool| {
        let kept = rows.into_iter().map(move |mut row| {
            let there = other.get(&of(&row));
            for (time, value) in row.values.iter_mut().enumerate() {
                if there.is_some_and(|there| there[time]) != wanted {
                    *value = None;
                }
            }
            row
        });
        kept.filter(Row::is_there).collect::<Vec<_>>()
    };
    match operation {
        token::T_LAND => Ok(keep(left, &present(&right), true)),
        token::T_LUNLESS => Ok(keep(left, &present(&right), false)),
        _ => {
            let more = keep(right, &present(&left), false);
            Ok(left.into_iter().chain(more).collect())
        }
    }
}

/// Rows of both sides with equal labels, at each time by itself.
fn matched(
    operation: TokenId,
    flag: bool,
    left: Vec<Row>,
    right: Vec<Row>,
    modifier: Option<&BinModifier>,
    of: impl Fn(f64, f64, f64) -> Option<f64>,
) -> Result<Vec<Row>, Refusal> {
    if modifier
        .is_some_and(|modifier| modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some())
    {
        return Err(Refusal::unsupported("fill"));
    }
    let card = modifier.map(|modifier| &modifier.card);
    // `many` is the side of which several rows may match one of the other.
    let (many, one, swapped) = match card {
        Some(VectorMatchCardinality::OneToMany(_)) => (right, left, true),
        _ => (left, right, false),
    };
    let included = match card {
        Some(VectorMatchCardinality::ManyToOne(labels) | VectorMatchCardinality::OneToMany(labels)) => {
            Some(&labels.labels)
        }
        _ => None,
    };
    let mut by_signature: HashMap<Labels, Vec<&Row>> = HashMap::new();
    for row in &one {
        by_signature.entry(signature(&row.labels, modifier)).or_default().push(row);
    }
    let ambiguous = || {
        Refusal::Query(
            "several rows of one side match; use on, ignoring or group_left, or sum first".to_owned(),
        )
    };
    let mut taken: HashMap<Labels, Vec<bool>> = HashMap::new();
    let mut result = Vec::new();
    for row in &many {
        let signature = signature(&row.labels, modifier);
        let Some(others) = by_signature.get(&signature) else { continue };
        let mut values = vec![None; row.values.len()];
        let mut labels = row.labels.clone();
        if flag || !compares(operation) {
            labels.remove(LABEL_OF_NAME);
        }
        if included.is_none() {
            labels = match modifier.and_then(|modifier| modifier.matching.as_ref()) {
                None => labels,
                Some(matching) => {
                    labels
                        .retain(|label, _| matching.is_include() == matching.labels().labels.contains(label));
                    labels
                }
            };
        }
        for (time, value) in row.values.iter().enumerate() {
            let mut there = others.iter().filter(|other| other.values[time].is_some());
            let (Some(value), Some(other)) = (value, there.next()) else { continue };
            if there.next().is_some() {
                return Err(ambiguous());
            }
            if included.is_none() {
                let taken = taken.entry(signature.clone()).or_insert_with(|| vec![false; row.values.len()]);
                if std::mem::replace(&mut taken[time], true) {
                    return Err(ambiguous());
                }
            }
            for label in included.into_iter().flatten() {
                match other.labels.get(label) {
                    Some(value) => labels.insert(label.clone(), value.clone()),
                    None => labels.remove(label),
                };
            }
            let other = other.values[time].unwrap_or(f64::NAN);
            let (one, two) = if swapped { (other, *value) } else { (*value, other) };
            values[time] = of(one, two, one);
        }
        result.push(Row { labels, values });
    }
    Ok(result.into_iter().filter(Row::is_there).collect())
}

/// What of the labels has to be equal.
fn signature(labels: &Labels, modifier: Option<&BinModifier>) -> Labels {
    let mut labels = labels.clone();
    let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
    labels.retain(|label, _| match matching {
        Some(LabelModifier::Include(on)) => on.labels.contains(label),
        Some(LabelModifier::Exclude(ignored)) => label != LABEL_OF_NAME && !ignored.labels.contains(label),
        None => label != LABEL_OF_NAME,
    });
    labels
}

const fn compares(operation: TokenId) -> bool {
    matches!(
        operation,
        token::T_EQLC | token::T_NEQ | token::T_GTR | token::T_LSS | token::T_GTE | token::T_LTE
    )
}

#[expect(clippy::float_cmp, reason = "as PromQL defines it")]
fn operate(operation: TokenId, one: f64, other: f64) -> f64 {
    let flag = |condition: bool| f64::from(u8::from(condition));
    match operation {
        token::T_ADD => one + other,
        token::T_SUB => one - other,
        token::T_MUL => one * other,
        token::T_DIV => one / other,
        token::T_MOD => one % other,
        token::T_POW => one.powf(other),
        token::T_EQLC => flag(one == other),
        token::T_NEQ => flag(one != other),
        token::T_GTR => flag(one > other),
        token::T_LSS => flag(one < other),
        token::T_GTE => flag(one >= other),
        token::T_LTE => flag(one <= other),
        _ => f64::NAN,
    }
}
