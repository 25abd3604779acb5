//! RFC 8785 (JSON Canonicalization Scheme), written straight into a hasher.

use std::cmp::Ordering;

use sha2::digest::Update;

use crate::json::{Escapes, Json, Number, Piece, Text};

/// Bytes gathered before the hasher sees them: hashers are slow when fed a byte at a time, and one that fits
/// the first-level cache costs no allocation.
const GATHERED: usize = 1024;

/// Digits that every double holds.
const EXACT_DIGITS: usize = 15;

/// Writes canonical JSON into a hasher.
pub(super) struct Writer<H> {
    hasher: H,
    gathered: [u8; GATHERED],
    length: usize,
}

impl<H: Update> Writer<H> {
    pub(super) const fn new(hasher: H) -> Self {
        Self { hasher, gathered: [0; GATHERED], length: 0 }
    }

    /// The hasher, having seen everything written.
    pub(super) fn finish(mut self) -> H {
        self.flush();
        self.hasher
    }

    pub(super) fn value(&mut self, value: &Json<'_>) {
        match value {
            Json::Null => self.bytes(b"null"),
            Json::Bool(true) => self.bytes(b"true"),
            Json::Bool(false) => self.bytes(b"false"),
            Json::Number(number) => self.number(*number),
            Json::String(text) => self.string(*text),
            Json::Array(items) => {
                self.bytes(b"[");
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.bytes(b",");
                    }
                    self.value(item);
                }
                self.bytes(b"]");
            }
            Json::Object(members) if members.are_ascii() => self.sorted_object(members.iter()),
            Json::Object(members) => self.object(members.iter()),
        }
    }

    /// Members in the order of their names' UTF-16 code units, whatever order they come in.
    pub(super) fn object<'a>(&mut self, members: impl Iterator<Item = (&'a str, &'a Json<'a>)>) {
        let mut sorted: Vec<_> = members.collect();
        sorted.sort_by(|(left, _), (right, _)| by_utf16(left, right));
        self.sorted_object(sorted.into_iter());
    }

    /// Members that come in this order, as those of a document do whose names are ASCII.
    pub(super) fn sorted_object<'a>(&mut self, members: impl Iterator<Item = (&'a str, &'a Json<'a>)>) {
        self.bytes(b"{");
        for (index, (name, value)) in members.enumerate() {
            if index > 0 {
                self.bytes(b",");
            }
            self.name(name);
            self.bytes(b":");
            self.value(value);
        }
        self.bytes(b"}");
    }

    /// Every number is an IEEE 754 double and is written as ECMAScript writes it (section 3.2.2.3), also
    /// integers beyond 2^53.
    fn number(&mut self, number: Number<'_>) {
        match number.as_f64() {
            _ if is_written_so(number.0) => self.bytes(number.0.as_bytes()),
            Some(double) => self.bytes(ryu_js::Buffer::new().format_finite(double).as_bytes()),
            None => {}
        }
    }

    fn string(&mut self, text: Text<'_>) {
        self.bytes(b"\"");
        // What needs an escape is written as it usually is spelled.
        if text.escapes == Escapes::Other {
            for piece in text.pieces() {
                match piece {
                    Piece::Plain(run) => self.bytes(run.as_bytes()),
                    Piece::Escaped(character) => self.character(character),
                }
            }
        } else {
            self.bytes(text.spelling.as_bytes());
        }
        self.bytes(b"\"");
    }

    fn name(&mut self, name: &str) {
        self.bytes(b"\"");
        if name.bytes().fold(true, |plain, byte| plain & (byte.is_ascii_alphanumeric() || byte == b'_')) {
            self.bytes(name.as_bytes());
        } else {
            name.chars().for_each(|character| self.character(character));
        }
        self.bytes(b"\"");
    }

    /// Section 3.2.2.2: the shortest escape where one is needed, else the character itself.
    fn character(&mut self, character: char) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let short = match character {
            '"' => b'"',
            '\\' => b'\\',
            '\u{8}' => b'b',
            '\t' => b't',
            '\n' => b'n',
            '\u{c}' => b'f',
            '\r' => b'r',
            control @ '\0'..'\u{20}' => {
                let [code, ..] = u32::from(control).to_le_bytes();
                let digit = DIGITS[usize::from(code & 0xf)];
                return self.bytes(&[b'\\', b'u', b'0', b'0', b'0' + (code >> 4), digit]);
            }
            itself => return self.bytes(itself.encode_utf8(&mut [0; 4]).as_bytes()),
        };
        self.bytes(&[b'\\', short]);
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        if bytes.len() > GATHERED - self.length {
            self.flush();
            if bytes.len() > GATHERED {
                return self.hasher.update(bytes);
            }
        }
        self.gathered[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn flush(&mut self) {
        self.hasher.update(&self.gathered[..self.length]);
        self.length = 0;
    }
}

/// Section 3.2.3. UTF-8 and UTF-16 sort alike but for characters beyond U+FFFF, so that bytes decide where
/// both names are ASCII.
fn by_utf16(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        left.cmp(right)
    } else {
        left.encode_utf16().cmp(right.encode_utf16())
    }
}

/// Whether a number is spelled as it must be written: of so few digits that no other number of as few is the same double, without
/// an exponent, and with no digit that says nothing.
fn is_written_so(spelling: &str) -> bool {
    let digits = spelling.strip_prefix('-').unwrap_or(spelling);
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if spelling.len() > EXACT_DIGITS {
        return false;
    }
    match digits.split_once('.') {
        None => plain(digits) && spelling != "-0",
        // Below a millionth they have an exponent.
        Some((whole, fraction)) => {
            let small = whole == "0" && fraction.starts_with("000000");
            plain(whole) && plain(fraction) && !fraction.ends_with('0') && !small
        }
    }
}
