//! From tokens to a query.

mod stage;

use super::Refusal;
use super::fields::{Scope, Value, all};
use super::lexer::{Token, tokens};
use super::query::{Attribute, Compare, Condition, Measure, Operand, Query, Spans, Stage};
use crate::text::pattern::{PatternError, pattern};

/// How deep conditions may nest.
const DEEPEST: usize = 50;
/// Patterns, sets of spans, stages, attributes that are grouped by, and quantiles of one query, of each.
const MOST: usize = 32;

/// Reads a query; an empty one is `{}`.
pub(crate) fn parse(text: &str) -> Result<Query, Refusal> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let mut parser = Parser { tokens: tokens(text)?, at: 0, listed: Vec::new(), patterns: 0 };
    let spans = parser.either(0)?;
    bounded(spans.sets(), "sets of spans")?;
    let mut stages = Vec::new();
    while parser.takes("|") {
        stages.extend(parser.stage()?);
        bounded(stages.len(), "stages")?;
    }
    if let [Stage::Over(over)] = stages.as_slice() {
        bounded(over.by.len(), "attributes to group by")?;
        if let Measure::Quantile(_, shares) = &over.of {
            bounded(shares.len(), "quantiles")?;
        }
    }
    parser.hints()?;
    match parser.next() {
        None => Ok(Query { spans, stages, listed: parser.listed }),
        Some(token) => Err(Refusal::unsupported(&described(&token))),
    }
}

/// The attribute of a name such as `span.user.id`, `.user.id` or `duration`.
pub(crate) fn attribute(written: &str) -> Option<Attribute> {
    let plain = written.strip_prefix("span:").or_else(|| written.strip_prefix("trace:"));
    if written == "trace:duration" {
        return None;
    }
    let find = |scope: Option<Scope>, name: &str| {
        let found =
            all().iter().find(|field| field.name == name && scope.is_none_or(|scope| scope == field.scope));
        found.map_or(Attribute::Unknown, Attribute::Of)
    };
    if let Some(intrinsic) = all()
        .iter()
        .find(|field| field.scope == Scope::Intrinsic && (field.name == written || Some(field.name) == plain))
    {
        return Some(Attribute::Of(intrinsic));
    }
    if let Some(name) = written.strip_prefix("span.") {
        return Some(find(Some(Scope::Span), name));
    }
    if let Some(name) = written.strip_prefix("resource.") {
        return Some(find(Some(Scope::Resource), name));
    }
    let name = written.strip_prefix('.')?;
    Some(find(None, name))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    listed: Vec<Attribute>,
    patterns: usize,
}

/// # Errors
/// [`Refusal::Limit`] when a query has too many of them.
fn bounded(number: usize, what: &str) -> Result<(), Refusal> {
    if number > MOST {
        return Err(Refusal::Limit(format!("a query has at most {MOST} {what}")));
    }
    Ok(())
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn wants(&mut self, sign: &str) -> Result<(), Refusal> {
        if self.takes(sign) {
            return Ok(());
        }
        let found = self.tokens.get(self.at).map_or_else(|| "the end".to_owned(), described);
        Err(Refusal::Query(format!("{sign:?} is wanted before {found}; {}", super::SUPPORTED)))
    }

    fn deep(depth: usize) -> Result<(), Refusal> {
        if depth > DEEPEST {
            return Err(Refusal::Limit(format!("a query nests at most {DEEPEST} deep")));
        }
        Ok(())
    }

    fn either(&mut self, depth: usize) -> Result<Spans, Refusal> {
        Self::deep(depth)?;
        let mut spans = self.both(depth)?;
        while self.takes("||") {
            spans = Spans::Either(Box::new(spans), Box::new(self.both(depth)?));
        }
        Ok(spans)
    }

    fn both(&mut self, depth: usize) -> Result<Spans, Refusal> {
        let mut spans = self.set(depth)?;
        while self.takes("&&") {
            spans = Spans::Both(Box::new(spans), Box::new(self.set(depth)?));
        }
        Ok(spans)
    }

    fn set(&mut self, depth: usize) -> Result<Spans, Refusal> {
        if self.takes("(") {
            let inner = self.either(depth + 1)?;
            self.wants(")")?;
            return Ok(inner);
        }
        self.wants("{")?;
        if self.takes("}") {
            return Ok(Spans::Set(Condition::All));
        }
        let condition = self.or(depth + 1)?;
        self.wants("}")?;
        Ok(Spans::Set(condition))
    }

    fn or(&mut self, depth: usize) -> Result<Condition, Refusal> {
        Self::deep(depth)?;
        let mut condition = self.and(depth)?;
        while self.takes("||") {
            condition = Condition::Or(Box::new(condition), Box::new(self.and(depth)?));
        }
        Ok(condition)
    }

    fn and(&mut self, depth: usize) -> Result<Condition, Refusal> {
        let mut condition = self.one(depth)?;
        while self.takes("&&") {
            condition = Condition::And(Box::new(condition), Box::new(self.one(depth)?));
        }
        Ok(condition)
    }

    fn one(&mut self, depth: usize) -> Result<Condition, Refusal> {
        Self::deep(depth)?;
        if self.takes("!") {
            return Ok(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes("(") {
            let inner = self.or(depth + 1)?;
            self.wants(")")?;
            return Ok(inner);
        }
        let name = match self.next() {
            Some(Token::Name(name)) => name,
            Some(token) => {
                return Err(Refusal::unsupported(&format!("{} before a comparison", described(&token))));
            }
            None => return Err(Refusal::Query("a condition is wanted before the end".to_owned())),
        };
        if name == "true" || name == "false" {
            return Ok(Condition::Flag(name == "true"));
        }
        let attribute = named(&name)?;
        self.listed.push(attribute);
        let Some(compare) = self.compare() else { return Ok(Condition::Is(attribute)) };
        let operand = self.operand(compare)?;
        Ok(Condition::Compare(attribute, compare, operand))
    }

    fn compare(&mut self) -> Option<Compare> {
        let signs = [
            ("=", Compare::Equal),
            ("!=", Compare::Unequal),
            ("<", Compare::Less),
            ("<=", Compare::LessOrEqual),
            (">", Compare::Greater),
            (">=", Compare::GreaterOrEqual),
            ("=~", Compare::Matches),
            ("!~", Compare::MatchesNot),
        ];
        signs.into_iter().find(|(sign, _)| self.takes(sign)).map(|(_, compare)| compare)
    }

    fn operand(&mut self, compare: Compare) -> Result<Operand, Refusal> {
        let patterns = matches!(compare, Compare::Matches | Compare::MatchesNot);
        match self.next() {
            Some(Token::Text(text)) if patterns => {
                self.patterns += 1;
                bounded(self.patterns, "patterns")?;
                match pattern(&format!("^(?:{text})$")) {
                    Ok(pattern) => Ok(Operand::Pattern(pattern)),
                    Err(PatternError::Invalid) => {
                        Err(Refusal::Query(format!("{text:?} is no regular expression")))
                    }
                    Err(PatternError::TooLarge) => {
                        Err(Refusal::Limit(format!("the pattern {text:?} is too large")))
                    }
                }
            }
            Some(Token::Text(text)) => Ok(Operand::Value(Value::Text(text))),
            Some(Token::Integer(number)) => Ok(Operand::Value(Value::Integer(number))),
            Some(Token::Number(number)) => Ok(Operand::Value(Value::Number(number))),
            Some(Token::Duration(ns)) => Ok(Operand::Value(Value::Duration(ns))),
            Some(Token::Name(word)) => match word.as_str() {
                "nil" => Ok(Operand::Nil),
                "true" | "false" => Ok(Operand::Value(Value::Flag(word == "true"))),
                _ => {
                    let words = [
                        "ok",
                        "error",
                        "unset",
                        "client",
                        "server",
                        "internal",
                        "producer",
                        "consumer",
                        "unspecified",
                    ];
                    let known = words.into_iter().find(|known| *known == word);
                    known
                        .map(|word| Operand::Value(Value::Word(word)))
                        .ok_or_else(|| Refusal::unsupported(&format!("the value {word}")))
                }
            },
            Some(token) => Err(Refusal::unsupported(&format!("{} after a comparison", described(&token)))),
            None => Err(Refusal::Query("a value is wanted before the end".to_owned())),
        }
    }

    fn attribute(&mut self) -> Result<(String, Attribute), Refusal> {
        match self.next() {
            Some(Token::Name(name)) => Ok((name.clone(), named(&name)?)),
            token => Err(Refusal::Query(format!(
                "an attribute is wanted before {}",
                token.map_or_else(|| "the end".to_owned(), |token| described(&token))
            ))),
        }
    }

    fn attributes(&mut self) -> Result<Vec<(String, Attribute)>, Refusal> {
        self.wants("(")?;
        let mut listed = vec![self.attribute()?];
        while self.takes(",") {
            listed.push(self.attribute()?);
        }
        self.wants(")")?;
        Ok(listed)
    }

    fn number(&mut self) -> Result<f64, Refusal> {
        match self.next() {
            Some(Token::Text(_) | Token::Name(_) | Token::Sign(_)) | None => {
                Err(Refusal::Query("a number is wanted".to_owned()))
            }
            Some(Token::Integer(number)) => Value::Integer(number).number().ok_or_else(unreadable),
            Some(Token::Number(number)) => Ok(number),
            Some(Token::Duration(ns)) => Value::Duration(ns).number().ok_or_else(unreadable),
        }
    }

    /// `with (most_recent=true)` and other hints change nothing: the newest come first in any case.
    fn hints(&mut self) -> Result<(), Refusal> {
        if !matches!(self.tokens.get(self.at), Some(Token::Name(name)) if name == "with") {
            return Ok(());
        }
        self.at += 1;
        self.wants("(")?;
        while !self.takes(")") {
            if self.next().is_none() {
                return Err(Refusal::Query("\")\" is wanted before the end".to_owned()));
            }
        }
        Ok(())
    }
}

fn unreadable() -> Refusal {
    Refusal::Query("a number is wanted".to_owned())
}

fn named(name: &str) -> Result<Attribute, Refusal> {
    attribute(name).ok_or_else(|| Refusal::unsupported(&format!("the attribute {name}")))
}

fn described(token: &Token) -> String {
    match token {
        Token::Name(name) => name.clone(),
        Token::Text(text) => format!("{text:?}"),
        Token::Integer(number) => number.to_string(),
        Token::Number(number) => number.to_string(),
        Token::Duration(ns) => format!("{ns}ns"),
        Token::Sign(sign) => format!("{sign:?}"),
    }
}
