//! Computes an expression for all times of a query together.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Instant;

use promql_parser::parser::{Expr, LabelModifier, MatrixSelector, VectorSelector};

use super::plan::{Selector, nanoseconds};
use super::series::{LABEL_OF_NAME, Labels, Points, Series};
use super::source::{Source, bounded, cells_of};
use super::{ALL_CELLS, Question, Refusal, Row, Value, aggregate, binary, functions};
use crate::clock;
use crate::record::Timestamp;

/// One query being computed.
#[derive(Debug)]
pub(super) struct Evaluation<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) times: &'a [Timestamp],
    deadline: Instant,
    /// What the parts of the expression have come to so far.
    cells: Cell<usize>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(source: &'a Source<'a>, question: &Question<'a>) -> Self {
        Self { source, times: question.times, deadline: question.deadline, cells: Cell::new(0) }
    }

    pub(super) fn value(&self, expression: &Expr) -> Result<Value, Refusal> {
        let value = match (self.computed(expression)?, expression) {
            // Most operators and functions leave out the name, which may be all in which rows differ.
            (Value::Vector(rows), Expr::Unary(_) | Expr::Binary(_) | Expr::Call(_)) => {
                Value::Vector(merged(rows)?)
            }
            (value, _) => value,
        };
        let rows = match &value {
            Value::Vector(rows) => rows.len(),
            Value::Scalar(_) => 1,
            Value::Text(_) => 0,
        };
        self.cells.set(self.cells.get() + cells_of(rows, self.times.len()));
        if self.cells.get() > ALL_CELLS {
            return Err(Refusal::Limit(format!(
                "the parts of a query have at most {ALL_CELLS} values together; choose a larger step, a shorter range, or \
                 sum by fewer labels"
            )));
        }
        if clock::instant() > self.deadline {
            return Err(Refusal::Limit(
                "computing the query took too long; choose a larger step or a shorter range".to_owned(),
            ));
        }
        Ok(value)
    }

    fn computed(&self, expression: &Expr) -> Result<Value, Refusal> {
        match expression {
            Expr::NumberLiteral(number) => Ok(self.number(number.val)),
            Expr::StringLiteral(text) => Ok(Value::Text(text.val.clone())),
            Expr::Paren(inner) => self.value(&inner.expr),
            Expr::Unary(inner) => match self.value(&inner.expr)? {
                Value::Scalar(numbers) => {
                    Ok(Value::Scalar(numbers.into_iter().map(|number| -number).collect()))
                }
                Value::Vector(rows) => Ok(Value::Vector(map(rows, |value| -value))),
                Value::Text(_) => Err(Refusal::unsupported("the negation of a string")),
            },
            Expr::VectorSelector(vector) => self.now(vector),
            Expr::MatrixSelector(_) => Err(Refusal::unsupported("a range outside a function")),
            Expr::Call(call) => functions::call(self, call),
            Expr::Aggregate(aggregate) => aggregate::aggregate(self, aggregate),
            Expr::Binary(both) => binary::binary(self, both),
            Expr::Subquery(_) | Expr::Extension(_) => Err(Refusal::unsupported("a subquery")),
        }
    }

    /// The rows of an expression; a number has none.
    pub(super) fn rows(&self, expression: &Expr) -> Result<Vec<Row>, Refusal> {
        match self.value(expression)? {
            Value::Vector(rows) => Ok(rows),
            Value::Scalar(_) | Value::Text(_) => {
                Err(Refusal::Query(format!("\"{expression}\" is no vector, which is wanted here")))
            }
        }
    }

    /// The number that an expression is at each time.
    pub(super) fn numbers(&self, expression: &Expr) -> Result<Vec<f64>, Refusal> {
        match self.value(expression)? {
            Value::Scalar(numbers) => Ok(numbers),
            Value::Vector(_) | Value::Text(_) => {
                Err(Refusal::Query(format!("\"{expression}\" is no number, which is wanted here")))
            }
        }
    }

    pub(super) fn number(&self, number: f64) -> Value {
        Value::Scalar(vec![number; self.times.len()])
    }

    fn now(&self, vector: &VectorSelector) -> Result<Value, Refusal> {
        let selector = Selector(vector.clone());
        let offset = selector.offset();
        let of = |points: &Points, time: Timestamp| points.at(&self.source.edges, earlier(time, offset));
        let series = self.source.select(&selector, None)?;
        bounded(cells_of(series.len(), self.times.len()))?;
        let rows = series.into_iter().map(|series| Row {
            values: self.times.iter().map(|time| of(&series.points, *time)).collect(),
            labels: series.labels,
        });
        Ok(Value::Vector(rows.filter(Row::is_there).collect()))
    }

    /// One row for each series of a range: what `of` makes of the points between two times, and of the length between them in
    /// seconds. The name goes, as what comes out is something else.
    pub(super) fn ranges(
        &self,
        matrix: &MatrixSelector,
        kept: Option<&LabelModifier>,
        keeps_name: bool,
        of: impl Fn(&Points, [Timestamp; 2], f64) -> Option<f64>,
    ) -> Result<Vec<Row>, Refusal> {
        let selector = Selector(matrix.vs.clone());
        let (offset, length) = (selector.offset(), nanoseconds(matrix.range));
        let series = self.source.select(&selector, kept)?;
        bounded(cells_of(series.len(), self.times.len()))?;
        let rows = series.into_iter().map(|Series { mut labels, points }| {
            if !keeps_name {
                labels.remove(LABEL_OF_NAME);
            }
            let value = |time: &Timestamp| {
                let to = earlier(*time, offset);
                of(&points, [earlier(to, length), to], matrix.range.as_secs_f64())
            };
            Row { labels, values: self.times.iter().map(value).collect() }
        });
        Ok(rows.filter(Row::is_there).collect())
    }
}

impl Row {
    /// Whether it has a value at any time.
    pub(super) fn is_there(&self) -> bool {
        self.values.iter().any(Option::is_some)
    }
}

/// Applies a function to every value. The name goes.
pub(super) fn map(rows: Vec<Row>, of: impl Fn(f64) -> f64) -> Vec<Row> {
    let mapped = rows.into_iter().map(|mut row| {
        row.labels.remove(LABEL_OF_NAME);
        row.values.iter_mut().for_each(|value| *value = value.map(&of));
        row
    });
    mapped.collect()
}

/// Rows with equal labels become one; they may not have values at the same time.
fn merged(rows: Vec<Row>) -> Result<Vec<Row>, Refusal> {
    let mut found: Vec<Row> = Vec::new();
    let mut places: HashMap<Labels, usize> = HashMap::new();
    for row in rows {
        match places.get(&row.labels) {
            None => {
                places.insert(row.labels.clone(), found.len());
                found.push(row);
            }
            Some(place) => {
                for (known, value) in found[*place].values.iter_mut().zip(row.values) {
                    if known.is_some() && value.is_some() {
                        return Err(Refusal::Query(format!("several rows have the labels {:?}", row.labels)));
                    }
                    *known = known.or(value);
                }
            }
        }
    }
    Ok(found)
}

fn earlier(time: Timestamp, by: i64) -> Timestamp {
    Timestamp(time.0.saturating_sub(by))
}
