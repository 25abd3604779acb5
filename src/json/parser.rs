//! RFC 8259, read strictly: what serde_json takes for a document and nothing else.

use std::ops::Range;

use super::{Escapes, Json, MEMBER_WEIGHT, Members, Number, Text, WEIGHT, plain};

/// Levels that may be open at once.
const DEPTH: usize = 127;

/// Digits that fit into every double's range.
const DOUBLE_DIGITS: usize = 300;

/// Members of the top level that there is room for at once.
const TOP: usize = 8;

/// Members of the top level that are kept when all other values are not.
const KEPT: usize = 64;

/// Reads a whole document, and whether all its values are kept.
pub(super) fn read(text: &str) -> Option<(Json<'_>, bool)> {
    let mut parser = Parser { text, at: 0, depth: 0, room: WEIGHT, kept: 0 };
    let value = parser.value()?;
    parser.blank();
    (parser.at == text.len()).then_some((value, parser.room > 0))
}

/// Where the value of the last member of this name is in the text of an object.
pub(super) fn place(text: &str, name: &str) -> Option<Range<usize>> {
    // What is looked for is a place: values need no room.
    let mut parser = Parser { text, at: 0, depth: 0, room: 0, kept: 0 };
    let mut found = None;
    if parser.next()? != b'{' {
        return None;
    }
    loop {
        match parser.next()? {
            b'"' => {}
            b',' => continue,
            _ => return found,
        }
        let member = parser.string()?.decoded();
        if parser.next()? != b':' {
            return None;
        }
        parser.blank();
        let start = parser.at;
        parser.value()?;
        if member == name {
            found = Some(start..parser.at);
        }
    }
}

/// Reads the escape at the start of `text`: its character, and how many bytes spell it.
pub(super) fn escape(text: &str) -> Option<(char, usize)> {
    let character = match text.as_bytes().get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(text),
        _ => return None,
    };
    Some((character, 2))
}

/// The escapes of a string; `None` where one of them is none.
fn escapes(spelling: &str) -> Option<Escapes> {
    let (bytes, mut at, mut found) = (spelling.as_bytes(), 0, Escapes::None);
    while let Some(place) = memchr::memchr(b'\\', bytes.get(at..)?) {
        at += place;
        if let b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' = bytes.get(at + 1)? {
            found = found.max(Escapes::Needed);
            at += 2;
        } else {
            found = Escapes::Other;
            at += escape(spelling.get(at..)?)?.1;
        }
    }
    Some(found)
}

/// `\uXXXX`, or two of them that are a surrogate pair.
fn unicode(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        // `from_str_radix` takes a sign.
        let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, 6));
    }
    char::decode_utf16([first, unit(6)?]).next()?.ok().map(|character| (character, 12))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// What further values may weigh. Without room they are read for their syntax alone.
    room: usize,
    /// Members of the top level that were kept without room.
    kept: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// The next byte that is not white space.
    fn next(&mut self) -> Option<u8> {
        self.blank();
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn value(&mut self) -> Option<Json<'a>> {
        match self.next()? {
            b'"' => self.string().map(Json::String),
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b't' => self.literal("rue", Json::Bool(true)),
            b'f' => self.literal("alse", Json::Bool(false)),
            b'n' => self.literal("ull", Json::Null),
            b'-' | b'0'..=b'9' => self.number().map(Json::Number),
            _ => None,
        }
    }

    fn literal(&mut self, rest: &str, value: Json<'a>) -> Option<Json<'a>> {
        self.text.as_bytes().get(self.at..)?.starts_with(rest.as_bytes()).then(|| {
            self.at += rest.len();
            value
        })
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Option<Json<'a>>) -> Option<Json<'a>> {
        self.depth += 1;
        let value = (self.depth <= DEPTH).then(|| read(self)).flatten();
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Option<Json<'a>> {
        let mut items = Vec::new();
        self.blank();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Json::Array(items));
        }
        loop {
            let item = self.value()?;
            self.room = self.room.saturating_sub(1);
            if self.room > 0 {
                items.push(item);
            }
            match self.next()? {
                b',' => {}
                b']' => return Some(Json::Array(items)),
                _ => return None,
            }
        }
    }

    fn object(&mut self) -> Option<Json<'a>> {
        let mut members = Vec::with_capacity(if self.depth == 1 { TOP } else { 0 });
        // Where those begin that are kept without room.
        let mut full = None;
        self.blank();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Json::Object(Members::default()));
        }
        loop {
            let name = match self.next()? {
                b'"' => self.string()?,
                _ => return None,
            };
            if self.next()? != b':' {
                return None;
            }
            let value = self.value()?;
            self.room = self.room.saturating_sub(MEMBER_WEIGHT);
            if self.room > 0 {
                members.push((name.decoded(), value));
            } else if self.depth == 1 && !matches!(value, Json::Array(_) | Json::Object(_)) {
                // Parameters often follow the messages: the last ones are kept.
                let (member, room) = ((name.decoded(), value), *full.get_or_insert(members.len()));
                match members.get_mut(room + self.kept % KEPT) {
                    Some(oldest) => *oldest = member,
                    None => members.push(member),
                }
                self.kept += 1;
            }
            match self.next()? {
                b',' => {}
                b'}' => return Some(Json::Object(Members::new(members))),
                _ => return None,
            }
        }
    }

    /// The rest of a string whose opening quote is read.
    fn string(&mut self) -> Option<Text<'a>> {
        let (length, in_doubt) = plain::end(self.text.as_bytes().get(self.at..)?)?;
        let spelling = self.text.get(self.at..self.at + length)?;
        self.at += length + 1;
        if !in_doubt {
            return Some(Text { spelling, escapes: Escapes::None });
        }
        plain::is_printable(spelling.as_bytes()).then_some(Text { spelling, escapes: escapes(spelling)? })
    }

    /// A number whose first byte is read.
    fn number(&mut self) -> Option<Number<'a>> {
        self.at -= 1;
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        // No digit follows a leading zero.
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let mut may_be_too_large = false;
        if let Some(b'e' | b'E') = self.peek() {
            may_be_too_large = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let number = Number(self.text.get(start..self.at)?);
        may_be_too_large |= number.0.len() > DOUBLE_DIGITS;
        (!may_be_too_large || number.as_f64().is_some()).then_some(number)
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }
}
