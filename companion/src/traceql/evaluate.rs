//! Whether a call meets a condition.

use std::cmp::Ordering;

use super::fields::Value;
use super::query::{Attribute, Compare, Condition, Operand};
use crate::record::CallRecord;

impl Attribute {
    /// Its value, if the call has one.
    pub(super) fn value(self, call: &CallRecord) -> Option<Value> {
        match self {
            Self::Of(field) => (field.of)(call),
            Self::Unknown => None,
        }
    }
}

impl Condition {
    pub(super) fn holds(&self, call: &CallRecord) -> bool {
        match self {
            Self::All => true,
            Self::Flag(flag) => *flag,
            Self::And(one, other) => one.holds(call) && other.holds(call),
            Self::Or(one, other) => one.holds(call) || other.holds(call),
            Self::Not(inner) => !inner.holds(call),
            Self::Is(attribute) => attribute.value(call) == Some(Value::Flag(true)),
            Self::Compare(attribute, compare, operand) => {
                let value = attribute.value(call);
                match (value, operand) {
                    (value, Operand::Nil) => match compare {
                        Compare::Equal => value.is_none(),
                        Compare::Unequal => value.is_some(),
                        _ => false,
                    },
                    // As in Tempo, an attribute that is absent meets no comparison.
                    (None, _) => false,
                    (Some(value), Operand::Pattern(regex)) => {
                        let matches =
                            matches!(value, Value::Text(_) | Value::Word(_)) && regex.is_match(&value.text());
                        matches == (*compare == Compare::Matches)
                    }
                    (Some(value), Operand::Value(wanted)) => compares(&value, *compare, wanted),
                }
            }
        }
    }
}

fn compares(value: &Value, compare: Compare, wanted: &Value) -> bool {
    let order = match (value, wanted) {
        (Value::Text(one), Value::Text(other)) => Some(one.as_str().cmp(other)),
        (Value::Word(one), Value::Word(other)) => (one == other).then_some(Ordering::Equal),
        (Value::Flag(one), Value::Flag(other)) => Some(one.cmp(other)),
        (Value::Integer(one), Value::Integer(other)) | (Value::Duration(one), Value::Duration(other)) => {
            Some(one.cmp(other))
        }
        (one, other) => one.number().zip(other.number()).and_then(|(one, other)| one.partial_cmp(&other)),
    };
    let same_kind = match (value, wanted) {
        (Value::Text(_), Value::Text(_))
        | (Value::Word(_), Value::Word(_))
        | (Value::Flag(_), Value::Flag(_)) => true,
        (one, other) => one.number().is_some() && other.number().is_some(),
    };
    compare.takes(order, same_kind)
}

impl Compare {
    /// Whether an order between two values meets the comparison. Values of different kinds meet none.
    fn takes(self, order: Option<Ordering>, same_kind: bool) -> bool {
        match self {
            Self::Equal | Self::Matches => order == Some(Ordering::Equal),
            Self::Unequal | Self::MatchesNot => same_kind && order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    /// Whether a number meets the comparison.
    pub(super) fn number(self, value: f64, wanted: f64) -> bool {
        self.takes(value.partial_cmp(&wanted), true)
    }
}
