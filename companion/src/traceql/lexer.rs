//! Cuts a query into tokens.

use super::Refusal;

/// Bytes of one query.
const LONGEST: usize = 16 << 10;
/// Tokens of one query.
const TOKENS: usize = 2_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, such as `span.user.id`, `duration`, `error` or `by`.
    Name(String),
    Text(String),
    Integer(i64),
    Number(f64),
    /// In nanoseconds.
    Duration(i64),
    Sign(&'static str),
}

/// Longer signs first.
const SIGNS: [&str; 17] =
    ["&&", "||", "!=", "=~", "!~", "<=", ">=", "{", "}", "(", ")", "|", ",", "=", "<", ">", "!"];
const UNITS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    if text.len() > LONGEST {
        return Err(Refusal::Limit(format!("a query has at most {LONGEST} bytes")));
    }
    let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let (token, after) = if matches!(first, '"' | '`') {
            quoted(rest, first)?
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), &rest[sign.len()..])
        } else if first.is_ascii_digit() || first == '-' || is_fraction(rest) {
            number(rest)?
        } else {
            named(rest)?
        };
        tokens.push(token);
        if tokens.len() > TOKENS {
            return Err(Refusal::Limit(format!("a query has at most {TOKENS} tokens")));
        }
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// A number that begins with its point, such as `.9`.
fn is_fraction(text: &str) -> bool {
    text.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Text up to its closing quote; between backticks nothing is escaped.
fn quoted(text: &str, quote: char) -> Result<(Token, &str), Refusal> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        match character {
            _ if character == quote => return Ok((Token::Text(value), &text[index + 1..])),
            '\\' if quote == '"' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, other)) => value.push(other),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err(Refusal::Query("a string is not closed".to_owned()))
}

fn number(text: &str) -> Result<(Token, &str), Refusal> {
    let mut rest = text;
    let mut total = 0.0;
    // A duration may have several parts, such as 1m30s.
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(rest.len());
        let (written, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, behind) = after.split_at(unit_end);
        let wrong =
            || Refusal::Query(format!("{:?} is no number", text.get(..digits + unit_end).unwrap_or(written)));
        let value: f64 = written.parse().map_err(|_| wrong())?;
        if unit.is_empty() {
            return match written.parse::<i64>() {
                Ok(integer) => Ok((Token::Integer(integer), behind)),
                Err(_) => Ok((Token::Number(value), behind)),
            };
        }
        if unit == "e" || unit == "E" {
            return Err(Refusal::unsupported("an exponent"));
        }
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        total += value * factor;
        rest = behind;
        if !rest.starts_with(|c: char| c.is_ascii_digit()) {
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            return Ok((Token::Duration(total.round() as i64), rest));
        }
    }
}

/// A name ends at a blank or a sign. A part of it may be quoted: `span."user id"`.
fn named(text: &str) -> Result<(Token, &str), Refusal> {
    let (mut name, mut rest) = (String::new(), text);
    while let Some(character) = rest.chars().next() {
        if character == '"' && name.ends_with('.') {
            let (token, after) = quoted(rest, '"')?;
            if let Token::Text(part) = token {
                name.push_str(&part);
            }
            rest = after;
        } else if character.is_whitespace() || "{}()|,=<>!&~\"`".contains(character) {
            break;
        } else {
            name.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    if name.is_empty() {
        let sign: String = text.chars().take(1).collect();
        return Err(Refusal::unsupported(&format!("{sign:?}")));
    }
    Ok((Token::Name(name), rest))
}
