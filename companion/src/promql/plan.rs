//! Parses an expression and notes what of the ledger it reads.

use std::collections::BTreeSet;
use std::time::Duration;

use promql_parser::label::Matcher;
use promql_parser::parser::{self, Expr, Offset, VectorSelector};
use promql_parser::util;

use super::families::{self, Family};
use super::series::{LABEL_OF_NAME, Labels};
use super::{Refusal, SUPPORTED, TIMES};
use crate::record::Timestamp;
use crate::text::pattern::{PatternError, pattern};

/// Bytes of one expression.
const LONGEST: usize = 32 << 10;
/// Signs that may nest an expression: each is a call on the stack of the parser's tree.
const SIGNS: usize = 4_000;
/// Strings of one expression, each of which may be a pattern.
const STRINGS: usize = 100;
/// How deep an expression may nest.
const DEEPEST: usize = 100;

/// A selector of series.
#[derive(Debug, Clone)]
pub(crate) struct Selector(pub(super) VectorSelector);

impl Selector {
    /// Whether it takes a series.
    pub(crate) fn takes(&self, labels: &Labels) -> bool {
        let value = |name: &str| labels.get(name).map_or("", String::as_str);
        self.takes_name(value(LABEL_OF_NAME))
            && self.0.matchers.matchers.iter().all(|matcher| matcher.is_match(value(&matcher.name)))
    }

    /// Whether it may take series of this name.
    pub(super) fn takes_name(&self, name: &str) -> bool {
        let of_name = |matcher: &&Matcher| matcher.name == LABEL_OF_NAME;
        self.0.name.as_deref().is_none_or(|wanted| wanted == name)
            && self.0.matchers.matchers.iter().filter(of_name).all(|matcher| matcher.is_match(name))
    }

    /// How much earlier than the time of the query it reads, in nanoseconds.
    pub(super) fn offset(&self) -> i64 {
        match &self.0.offset {
            None => 0,
            Some(Offset::Pos(offset)) => nanoseconds(*offset),
            Some(Offset::Neg(offset)) => -nanoseconds(*offset),
        }
    }

    fn families(&self) -> impl Iterator<Item = &'static Family> {
        families::all().filter(|family| self.takes_name(family.name))
    }
}

/// An expression with what it reads.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) expression: Expr,
    /// The times between which calls are counted, rising.
    pub(super) edges: Vec<Timestamp>,
    /// The names of the families that are read.
    pub(super) families: BTreeSet<&'static str>,
}

impl Plan {
    /// Parses `text`, to be evaluated at `times`.
    pub(super) fn of(text: &str, times: &[Timestamp]) -> Result<Self, Refusal> {
        if times.len() > TIMES {
            return Err(Refusal::Limit(format!("a query has at most {TIMES} times; choose a larger step")));
        }
        let expression = parsed(text)?;
        let (mut edges, mut families) = (BTreeSet::new(), BTreeSet::new());
        let mut left = vec![(&expression, 0, true)];
        // From the outside in; `whole` is whether the counters themselves are read, and not only how much they rose.
        while let Some((expression, depth, whole)) = left.pop() {
            if depth > DEEPEST {
                return Err(Refusal::Limit(format!("an expression nests at most {DEEPEST} deep")));
            }
            let mut inside = |inner, whole| left.push((inner, depth + 1, whole));
            match expression {
                Expr::NumberLiteral(_) | Expr::StringLiteral(_) => {}
                Expr::Paren(paren) => inside(&paren.expr, whole),
                Expr::Unary(unary) => inside(&unary.expr, whole),
                Expr::Binary(both) => [&both.lhs, &both.rhs].into_iter().for_each(|side| inside(side, whole)),
                Expr::Aggregate(aggregate) => {
                    inside(&aggregate.expr, whole);
                    aggregate.param.iter().for_each(|param| inside(param, whole));
                }
                Expr::Call(call) => {
                    let whole = !matches!(call.func.name, "rate" | "increase");
                    call.args.args.iter().for_each(|argument| inside(argument, whole));
                }
                Expr::VectorSelector(vector) => {
                    note(&checked(vector)?, None, whole, times, &mut edges, &mut families);
                }
                Expr::MatrixSelector(matrix) => {
                    let selector = checked(&matrix.vs)?;
                    note(&selector, Some(matrix.range), whole, times, &mut edges, &mut families);
                }
                Expr::Subquery(_) => return Err(Refusal::unsupported("a subquery")),
                Expr::Extension(_) => return Err(Refusal::unsupported("an extension")),
            }
        }
        Ok(Self { edges: edges.into_iter().collect(), families, expression })
    }

    /// To list the series of `selectors`, or all.
    pub(super) fn of_selectors(selectors: &[Selector], from: Timestamp, to: Timestamp) -> Self {
        let taken = |family: &&Family| {
            selectors.is_empty() || selectors.iter().any(|selector| selector.takes_name(family.name))
        };
        let families: BTreeSet<_> = families::all().filter(taken).map(|family| family.name).collect();
        let edges = if families.is_empty() || from >= to { Vec::new() } else { vec![from, to] };
        Self { edges, families, expression: Expr::from(0.0) }
    }
}

/// Notes the times at which a selector reads the ledger, and the families.
fn note(
    selector: &Selector,
    range: Option<Duration>,
    whole: bool,
    times: &[Timestamp],
    edges: &mut BTreeSet<Timestamp>,
    families: &mut BTreeSet<&'static str>,
) {
    let before = families.len();
    let taken: Vec<_> = selector.families().map(|family| family.name).collect();
    families.extend(&taken);
    if taken.is_empty() && families.len() == before {
        return;
    }
    if whole {
        edges.insert(Timestamp(0));
    }
    for time in times {
        let at = time.0.saturating_sub(selector.offset());
        edges.insert(Timestamp(at));
        if let Some(range) = range {
            edges.insert(Timestamp(at.saturating_sub(nanoseconds(range))));
        }
    }
}

/// Reads a selector.
pub(crate) fn selector(text: &str) -> Result<Selector, Refusal> {
    match parsed(text)? {
        Expr::VectorSelector(selector) => checked(&selector),
        _ => Err(Refusal::Query(format!("{text:?} is no selector; {SUPPORTED}"))),
    }
}

fn parsed(text: &str) -> Result<Expr, Refusal> {
    let signs = text.bytes().filter(|byte| b"+-*/%^({[".contains(byte)).count();
    if text.len() > LONGEST || signs > SIGNS {
        return Err(Refusal::Limit(format!("an expression has at most {LONGEST} bytes and {SIGNS} signs")));
    }
    check_strings(text)?;
    parser::parse(text).map_err(|error| Refusal::Query(format!("{error}; {SUPPORTED}")))
}

/// The parser compiles patterns of any size, so each string is tried first, whatever it is; and it panics at a backslash before a
/// character of several bytes.
fn check_strings(text: &str) -> Result<(), Refusal> {
    let (mut rest, mut strings) = (text, 0);
    while let Some(start) = rest.find(['"', '\'', '`', '#']) {
        rest = &rest[start..];
        if rest.starts_with('#') {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        }
        let (quoted, after) = rest.split_at(end_of_string(rest));
        rest = after;
        strings += 1;
        if strings > STRINGS {
            return Err(Refusal::Limit(format!("an expression has at most {STRINGS} strings")));
        }
        if !quoted.starts_with('`') && has_wide_escape(quoted) {
            return Err(Refusal::Query(format!("{quoted} has an unknown escape; {SUPPORTED}")));
        }
        let Ok(value) = util::unquote_string(quoted) else { continue };
        match pattern(&format!("^(?:{value})$")) {
            Err(PatternError::TooLarge) => {
                return Err(Refusal::Limit(format!("the pattern {value:?} is too large")));
            }
            // The parser would try it with other escapes.
            Err(PatternError::Invalid) if value.contains('{') && text.contains('~') => {
                return Err(Refusal::Query(format!("{value:?} is no regular expression")));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a backslash that is not escaped itself comes before a character of several bytes.
fn has_wide_escape(quoted: &str) -> bool {
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        if character == '\\' && characters.next().is_some_and(|escaped| !escaped.is_ascii()) {
            return true;
        }
    }
    false
}

/// How long the string is with whose quote the text begins.
fn end_of_string(text: &str) -> usize {
    let mut characters = text.char_indices();
    let quote = characters.next().map_or('"', |(_, quote)| quote);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote != '`' => drop(characters.next()),
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn checked(selector: &VectorSelector) -> Result<Selector, Refusal> {
    if selector.at.is_some() {
        return Err(Refusal::unsupported("the modifier @"));
    }
    if !selector.matchers.or_matchers.is_empty() {
        return Err(Refusal::unsupported("or between matchers"));
    }
    Ok(Selector(selector.clone()))
}

/// Saturates, as a range may be of any length.
pub(super) fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX / 4)
}
