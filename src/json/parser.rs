//! RFC 8259, read strictly: what serde_json takes for a document and nothing else.

use std::ops::Range;

use super::{Escapes, Json, MEMBER_WEIGHT, Members, Number, Text, WEIGHT};

/// Levels that may be open at once.
const DEPTH: usize = 127;

/// Digits that fit into every double's range.
const DOUBLE_DIGITS: usize = 300;

/// Bytes of a string that are searched together for its end or an escape.
const STRIDE: usize = 32;

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
        let mut members = Vec::new();
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
        let start = self.at;
        let mut escapes = Escapes::None;
        loop {
            self.at += plain(self.text.as_bytes().get(self.at..)?);
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += self.escaped(&mut escapes)?,
                _control => return None,
            }
        }
        let spelling = self.text.get(start..self.at)?;
        self.at += 1;
        Some(Text { spelling, escapes })
    }

    /// The length of the escape that comes next.
    fn escaped(&self, escapes: &mut Escapes) -> Option<usize> {
        let needed =
            matches!(self.text.as_bytes().get(self.at + 1)?, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't');
        if needed {
            *escapes = (*escapes).max(Escapes::Needed);
            return Some(2);
        }
        *escapes = Escapes::Other;
        escape(self.text.get(self.at..)?).map(|(_, length)| length)
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

const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

/// How many bytes there are before the first that ends a string, begins an escape or is not allowed in a string.
/// Prompts are long and mostly plain, so that whole strides are tested without a branch per byte, which becomes vector
/// code.
fn plain(bytes: &[u8]) -> usize {
    let (strides, _) = bytes.as_chunks::<STRIDE>();
    let clean = |stride: &[u8; STRIDE]| stride.iter().fold(true, |clean, byte| clean & is_plain(*byte));
    let clean = STRIDE * strides.iter().take_while(|stride| clean(stride)).count();
    let (words, tail) = bytes[clean..].as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return clean + 8 * index + marks.trailing_zeros() as usize / 8;
        }
    }
    bytes.len() - tail.len() + tail.iter().take_while(|byte| is_plain(**byte)).count()
}

/// The highest bit of each of eight bytes that is not [`is_plain`]: a byte below `n` borrows from its highest bit when
/// `n` is taken away. A borrow can only mark bytes after a true one, so the lowest mark is right.
const fn marks(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xff;
    let quotes = word ^ (EACH * b'"' as u64);
    let backslashes = word ^ (EACH * b'\\' as u64);
    let marks = (word.wrapping_sub(EACH * 0x20) & !word)
        | (quotes.wrapping_sub(EACH) & !quotes)
        | (backslashes.wrapping_sub(EACH) & !backslashes);
    marks & (EACH * 0x80)
}
