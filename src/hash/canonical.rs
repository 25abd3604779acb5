//! RFC 8785 (JSON Canonicalization Scheme), written straight into a hasher.

use std::cmp::Ordering;

use serde_json::Number;
use sha2::digest::Update;

use crate::json::Json;

/// Bytes gathered before the hasher sees them: hashers are slow when fed a byte at a time, and one that fits
/// the first-level cache costs no allocation.
const GATHERED: usize = 1024;

/// Bytes of a string that are copied and searched for characters to escape together.
const STRIDE: usize = 32;

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
            Json::Number(number) => self.number(number),
            Json::String(text) => self.string(text),
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
            Json::Object(members) => self.object(members.iter()),
        }
    }

    /// Members in the order of their names' UTF-16 code units, whatever order they come in.
    pub(super) fn object<'a>(&mut self, members: impl Iterator<Item = (&'a str, &'a Json<'a>)> + Clone) {
        if members.clone().is_sorted_by(|(left, _), (right, _)| by_utf16(left, right).is_le()) {
            self.sorted_object(members);
        } else {
            let mut sorted: Vec<_> = members.collect();
            sorted.sort_by(|(left, _), (right, _)| by_utf16(left, right));
            self.sorted_object(sorted.into_iter());
        }
    }

    fn sorted_object<'a>(&mut self, members: impl Iterator<Item = (&'a str, &'a Json<'a>)>) {
        self.bytes(b"{");
        for (index, (name, value)) in members.enumerate() {
            if index > 0 {
                self.bytes(b",");
            }
            self.string(name);
            self.bytes(b":");
            self.value(value);
        }
        self.bytes(b"}");
    }

    /// Every number is an IEEE 754 double and is written as ECMAScript writes it (section 3.2.2.3), also
    /// integers beyond 2^53.
    fn number(&mut self, number: &Number) {
        match number.as_f64().filter(|double| double.is_finite()) {
            Some(double) => self.bytes(ryu_js::Buffer::new().format_finite(double).as_bytes()),
            // Only serde_json's `arbitrary_precision` holds numbers that no double can: their own digits stand.
            None => self.bytes(number.to_string().as_bytes()),
        }
    }

    fn string(&mut self, text: &str) {
        self.bytes(b"\"");
        let mut rest = text.as_bytes();
        while let Some(clean) = to_escape(rest) {
            self.bytes(&rest[..clean]);
            self.escape(rest[clean]);
            rest = &rest[clean + 1..];
        }
        self.bytes(rest);
        self.bytes(b"\"");
    }

    /// Section 3.2.2.2.
    fn escape(&mut self, byte: u8) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0c => b'f',
            b'\r' => b'r',
            control => {
                let digit = DIGITS[usize::from(control & 0xf)];
                return self.bytes(&[b'\\', b'u', b'0', b'0', b'0' + (control >> 4), digit]);
            }
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

const fn must_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The place of the first byte to escape. Prompts are long and mostly need no escapes, so that whole strides
/// are tested without a branch a byte, which becomes vector code.
fn to_escape(bytes: &[u8]) -> Option<usize> {
    let (strides, _) = bytes.as_chunks::<STRIDE>();
    let dirty = |stride: &[u8; STRIDE]| stride.iter().fold(false, |dirty, byte| dirty | must_escape(*byte));
    let clean = STRIDE * strides.iter().take_while(|stride| !dirty(stride)).count();
    let (words, tail) = bytes[clean..].as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marks = escape_marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(clean + 8 * index + marks.trailing_zeros() as usize / 8);
        }
    }
    let place = tail.iter().position(|byte| must_escape(*byte))?;
    Some(bytes.len() - tail.len() + place)
}

/// [`must_escape`] for eight bytes at once: a byte below `n` borrows from its highest bit when `n` is taken
/// away. A borrow can only mark bytes after a true one, so the lowest mark is right.
const fn escape_marks(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xff;
    let quotes = word ^ (EACH * b'"' as u64);
    let backslashes = word ^ (EACH * b'\\' as u64);
    let marks = (word.wrapping_sub(EACH * 0x20) & !word)
        | (quotes.wrapping_sub(EACH) & !quotes)
        | (backslashes.wrapping_sub(EACH) & !backslashes);
    marks & (EACH * 0x80)
}
