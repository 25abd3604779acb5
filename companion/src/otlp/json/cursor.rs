//! A position in a JSON text, from which values are read where they are.
//!
//! It does not parse a document: values are read or skipped one at a time, in a loop without recursion, so that neither
//! their number nor their depth costs memory. It takes all that RFC 8259 does and a little more, which senders write:
//! bytes that are not UTF-8, halves of surrogate pairs, `NaN` and `Infinity`.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::otlp::{Malformed, Text};

/// The longest name of a member that OTLP has, and some.
const NAME_BYTES: usize = 64;

#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

/// Two members of an object as their bytes, `null` for one that it does not have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// The last, where it occurs again.
    pub(super) head: &'a [u8],
    /// A list.
    list: &'a [u8],
    /// The object, where the list occurs more than once.
    whole: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Calls `each` at every value of the list, or of all lists of that `name`.
    pub(super) fn elements(
        self,
        name: &'static str,
        mut each: impl FnMut(&mut Cursor<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let Some(whole) = self.whole else { return Cursor::of(self.list).elements(name, each) };
        Cursor::of(whole).members(name, |member, value| match member == name.as_bytes() {
            true => value.elements(name, &mut each),
            false => value.skip().map(drop),
        })
    }
}

/// A value that is no list and no object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// As it is written: `NaN` and `Infinity` too.
    Number(&'a str),
    Text(Text<'a>),
}

impl<'a> Cursor<'a> {
    pub(super) const fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Calls `each` with the name of every member of the object here, at the member's value, which `each` must read or
    /// skip. `null` has no members.
    pub(super) fn members(
        &mut self,
        what: &'static str,
        mut each: impl FnMut(&[u8], &mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if !self.opens(b'{', what)? {
            return Ok(());
        }
        let mut first = true;
        while self.more(&mut first, b'}')? {
            let (name, escaped) = self.name()?;
            let name = match escaped {
                false => Cow::Borrowed(name),
                true => Cow::Owned(Text::Escaped(name).head(NAME_BYTES).into_owned().into_bytes()),
            };
            let name = if name.contains(&b'_') { Cow::Owned(camel_case(&name)) } else { name };
            each(&name, self)?;
        }
        Ok(())
    }

    /// Calls `each` at every value of the list here, which `each` must read or skip. `null` has none.
    pub(super) fn elements(
        &mut self,
        what: &'static str,
        mut each: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if !self.opens(b'[', what)? {
            return Ok(());
        }
        let mut first = true;
        while self.more(&mut first, b']')? {
            each(self)?;
        }
        Ok(())
    }

    /// The members `head` and `list` of the object here; `None` when there is no object here.
    pub(super) fn parts(&mut self, head: &str, list: &str) -> Result<Option<Parts<'a>>, Malformed> {
        let mut parts = Parts { head: b"null", list: b"null", whole: None };
        if self.peek() != Some(b'{') {
            let scalar = self.skip()?;
            return Ok((scalar == b"null").then_some(parts));
        }
        let (start, text) = (self.at, self.text);
        let mut lists = 0;
        self.members("", |name, value| {
            let part = value.skip()?;
            if name == head.as_bytes() {
                parts.head = part;
            } else if name == list.as_bytes() {
                parts.list = part;
                lists += 1;
            }
            Ok(())
        })?;
        parts.whole = (lists > 1).then(|| &text[start..self.at]);
        Ok(Some(parts))
    }

    /// The string, number, boolean or `null` here; the error of `what` for another value.
    pub(super) fn scalar(&mut self, what: &'static str) -> Result<Scalar<'a>, Malformed> {
        match self.peek() {
            Some(b'"') => {
                let (bytes, escaped) = self.string()?;
                Ok(Scalar::Text(if escaped { Text::Escaped(bytes) } else { Text::of(bytes) }))
            }
            Some(b'{' | b'[') => Err(Malformed::Member(what)),
            _ => Ok(match self.word()? {
                "null" => Scalar::Null,
                "true" => Scalar::Bool(true),
                "false" => Scalar::Bool(false),
                number => Scalar::Number(number),
            }),
        }
    }

    /// The string here; empty when it is `null`, the error of `what` when it is another value.
    pub(super) fn text(&mut self, what: &'static str) -> Result<Text<'a>, Malformed> {
        match self.scalar(what)? {
            Scalar::Text(text) => Ok(text),
            Scalar::Null => Ok(Text::EMPTY),
            _ => Err(Malformed::Member(what)),
        }
    }

    /// Skips the value here and returns its bytes, which are JSON.
    pub(super) fn skip(&mut self) -> Result<&'a [u8], Malformed> {
        self.peek();
        let start = self.at;
        let mut open = Open::default();
        loop {
            // A value, or the first one within a list or an object.
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    self.at += 1;
                    open.push(bracket == b'{');
                    let closing = if bracket == b'{' { b'}' } else { b']' };
                    if self.peek() != Some(closing) {
                        if bracket == b'{' {
                            self.name()?;
                        }
                        continue;
                    }
                }
                Some(b'"') => _ = self.string()?,
                _ => _ = self.word()?,
            }
            // What may come after it: the ends of what it is in, and then the next value.
            loop {
                let Some(in_object) = open.last() else { return Ok(&self.text[start..self.at]) };
                match (self.peek(), in_object) {
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        open.pop();
                    }
                    (Some(b','), _) => {
                        self.at += 1;
                        if in_object {
                            self.name()?;
                        }
                        break;
                    }
                    _ => return Err(self.syntax()),
                }
            }
        }
    }

    /// Checks that nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        if self.peek().is_some() { Err(self.syntax()) } else { Ok(()) }
    }

    /// Enters the list or object here, unless it is `null`.
    pub(super) fn opens(&mut self, bracket: u8, what: &'static str) -> Result<bool, Malformed> {
        if self.peek() == Some(bracket) {
            self.at += 1;
            return Ok(true);
        }
        // Another value is skipped first, so that text that is no JSON is called so.
        if self.skip()? == b"null" { Ok(false) } else { Err(Malformed::Member(what)) }
    }

    /// Whether another item comes before `closing`. The cursor is at that item then, else after `closing`.
    pub(super) fn more(&mut self, first: &mut bool, closing: u8) -> Result<bool, Malformed> {
        match (self.peek(), std::mem::replace(first, false)) {
            (Some(byte), _) if byte == closing => {
                self.at += 1;
                Ok(false)
            }
            (Some(b','), false) => {
                self.at += 1;
                Ok(true)
            }
            (Some(_), true) => Ok(true),
            _ => Err(self.syntax()),
        }
    }

    /// The next byte after white space, which is skipped.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// The name of a member, with its colon.
    fn name(&mut self) -> Result<(&'a [u8], bool), Malformed> {
        let name = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.syntax());
        }
        self.at += 1;
        Ok(name)
    }

    /// What is between the quotes of the string here, and whether it has escapes.
    fn string(&mut self) -> Result<(&'a [u8], bool), Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax());
        }
        let start = self.at + 1;
        let (mut at, mut escaped) = (start, false);
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            match rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
                Some(length) if rest[length] == b'"' => {
                    self.at = at + length + 1;
                    return Ok((&self.text[start..at + length], escaped));
                }
                Some(length) => {
                    escaped = true;
                    at += length + 2;
                }
                None => {
                    self.at = self.text.len();
                    return Err(self.syntax());
                }
            }
        }
    }

    /// A number, or one of the words of JSON.
    fn word(&mut self) -> Result<&'a str, Malformed> {
        self.peek();
        let rest = &self.text[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let word = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        let known = matches!(word, "null" | "true" | "false" | "NaN" | "Infinity" | "-Infinity");
        if !known && !is_number(word.as_bytes()) {
            return Err(self.syntax());
        }
        self.at += length;
        Ok(word)
    }

    const fn syntax(&self) -> Malformed {
        Malformed::Syntax(self.at)
    }
}

/// `start_time_unix_nano` as `startTimeUnixNano`.
fn camel_case(name: &[u8]) -> Vec<u8> {
    let (mut camel, mut upper) = (Vec::with_capacity(name.len().min(NAME_BYTES)), false);
    for byte in name.iter().take(NAME_BYTES) {
        match byte {
            b'_' => upper = true,
            byte if upper => {
                camel.push(byte.to_ascii_uppercase());
                upper = false;
            }
            byte => camel.push(*byte),
        }
    }
    camel
}

/// Whether `word` is a number as RFC 8259 writes it; leading zeros are taken too.
fn is_number(word: &[u8]) -> bool {
    let digits = |bytes: &mut &[u8]| {
        let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *bytes = &bytes[count..];
        count > 0
    };
    let mut rest = word.strip_prefix(b"-").unwrap_or(word);
    if !digits(&mut rest) {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = fraction;
        if !digits(&mut rest) {
            return false;
        }
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        rest = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        if !digits(&mut rest) {
            return false;
        }
    }
    rest.is_empty()
}

/// The lists and objects that are open, one bit each: a request can open as many as it has bytes.
#[derive(Debug, Default)]
struct Open {
    words: Vec<u64>,
    depth: usize,
}

impl Open {
    fn push(&mut self, is_object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.words.len() {
            self.words.push(0);
        }
        self.words[word] = self.words[word] & !(1 << bit) | u64::from(is_object) << bit;
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Whether the innermost is an object; `None` when none is open.
    fn last(&self) -> Option<bool> {
        let last = self.depth.checked_sub(1)?;
        Some(self.words[last / 64] >> (last % 64) & 1 == 1)
    }
}
