//! A query that was read: which spans it wants, and what becomes of them.

use regex::Regex;

use super::fields::{Field, Value};
use crate::record::ENVIRONMENT;
use crate::store::Filter;

/// A query that was read.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(super) spans: Spans,
    pub(super) stages: Vec<Stage>,
    /// Attributes that the result lists: those chosen and those asked about.
    pub(super) listed: Vec<Attribute>,
}

/// Sets of spans of one trace.
#[derive(Debug, Clone)]
pub(super) enum Spans {
    Set(Condition),
    Both(Box<Spans>, Box<Spans>),
    Either(Box<Spans>, Box<Spans>),
}

#[derive(Debug, Clone)]
pub(super) enum Condition {
    All,
    Flag(bool),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    /// An attribute that is true.
    Is(Attribute),
    Compare(Attribute, Compare, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    MatchesNot,
}

#[derive(Debug, Clone)]
pub(super) enum Operand {
    Value(Value),
    Pattern(Regex),
    Nil,
}

/// An attribute of a span.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attribute {
    Of(&'static Field),
    /// An attribute that the ledger has not: no call has a value.
    Unknown,
}

#[derive(Debug, Clone)]
pub(super) enum Stage {
    Count(Compare, f64),
    Reduce(Reduce, Attribute, Compare, f64),
    Over(Over),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reduce {
    Sum,
    Average,
    Least,
    Greatest,
}

/// A metric over time.
#[derive(Debug, Clone)]
pub(super) struct Over {
    pub(super) name: String,
    pub(super) of: Measure,
    pub(super) by: Vec<(String, Attribute)>,
    /// How many series are kept at each time, and whether the largest.
    pub(super) best: Option<(usize, bool)>,
}

#[derive(Debug, Clone)]
pub(super) enum Measure {
    Rate,
    Count,
    Reduce(Reduce, Attribute),
    Quantile(Attribute, Vec<f64>),
}

impl Query {
    /// What of it the store can look for itself.
    pub(super) fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        if let Spans::Set(condition) = &self.spans {
            condition.narrow(&mut filter);
        }
        filter
    }
}

impl Condition {
    fn narrow(&self, filter: &mut Filter) {
        use spanledger::semconv::attribute as name;
        match self {
            Self::And(one, other) => {
                one.narrow(filter);
                other.narrow(filter);
            }
            Self::Compare(Attribute::Of(field), Compare::Equal, Operand::Value(Value::Text(text))) => {
                match field.name {
                    name::SERVICE_NAME => filter.service = Some(text.clone()),
                    name::DEPLOYMENT_ENVIRONMENT_NAME => filter.tags.push((ENVIRONMENT, text.clone())),
                    name::PROVIDER_NAME => filter.provider = Some(text.clone()),
                    name::USER_ID => filter.user = Some(text.clone()),
                    name::REQUEST_HASH => filter.hash = Some(text.clone()),
                    _ => {}
                }
            }
            Self::Compare(Attribute::Of(field), Compare::Equal, Operand::Value(Value::Integer(code)))
                if field.name == name::HTTP_RESPONSE_STATUS_CODE =>
            {
                filter.status_code = u16::try_from(*code).ok();
            }
            _ => {}
        }
    }
}
