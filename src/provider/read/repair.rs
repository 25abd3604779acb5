//! Mends a document that is not JSON to the letter, as lenient clients read it: a member given twice, bytes that are
//! not UTF-8, half of a surrogate pair, raw control characters, a byte order mark, commas too many, `NaN`, numbers that
//! no double holds, deep nesting. What comes out is JSON that every reader takes.
//!
//! The document is copied in one pass, into memory that is taken once and counted with what all calls hold. A member that is given again is overwritten with blanks, so that each byte is
//! written at most twice.

use std::ops::Range;

use crate::memory::Lease;

/// Levels that are kept; what is deeper reads as null.
const DEPTH: usize = 100;

/// Members and elements of a document that is mended.
const MAX_NODES: usize = 1 << 17;

/// Bytes of a mended document: with the longest piece that it is made from, less than 32 MiB.
const MAX_BYTES: usize = 15 * 1024 * 1024 + 512 * 1024;

/// What a document without a response (an error, a state) is mended up to. They are short.
const MAX_SHORT: usize = 64 * 1024;

/// Names of members that were given twice, as far as they are kept.
const MAX_REPEATED: usize = 9;

/// Why a document cannot be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It ends before its end.
    Cut,
    /// It is no JSON to anyone.
    Malformed,
    /// It is too large to be mended.
    TooLong,
    /// All calls of the process together hold too much.
    Memory,
}

/// A document that every reader takes.
#[derive(Debug)]
pub(super) struct Repaired<'a> {
    pub(super) text: Vec<u8>,
    /// Members that were given twice with different values.
    pub(super) repeated: Vec<String>,
    /// What follows the document.
    pub(super) rest: &'a [u8],
    /// Counts the text as held.
    _lease: Lease,
}

/// Past white space and a byte order mark.
pub(super) fn skip_blank(mut text: &[u8]) -> &[u8] {
    loop {
        let trimmed = text.trim_ascii_start();
        match trimmed.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) => text = rest,
            None => return trimmed,
        }
    }
}

/// Mends the first document of `text`, unless all calls of the process would hold more than `memory_limit`.
pub(super) fn repair(text: &[u8], memory_limit: usize) -> Result<Repaired<'_>, Fault> {
    let text = skip_blank(text);
    let room = room(text);
    let members = MAX_NODES.min(text.len()) * size_of::<Member>();
    let lease = Lease::take(room + members, memory_limit).ok_or(Fault::Memory)?;
    let mut mender =
        Mender { text, at: 0, out: Vec::with_capacity(room), room, nodes: 0, repeated: Vec::new() };
    mender.value(0)?;
    let rest = skip_blank(&text[mender.at..]);
    let end = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    Ok(Repaired { text: mender.out, repeated: mender.repeated, rest: &rest[..end], _lease: lease })
}

/// Mends a document that is no response, if it is a short one.
pub(super) fn repair_short(text: &[u8]) -> Option<Vec<u8>> {
    (text.len() <= MAX_SHORT).then(|| repair(text, usize::MAX).ok()).flatten().map(|repaired| repaired.text)
}

/// The most bytes that the mended document takes: three for what is not UTF-8, six for a control character, and for
/// each value a comma and quotes, or a null.
fn room(text: &[u8]) -> usize {
    let broken = text.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
    let control = text.iter().filter(|byte| **byte < 0x20).count();
    let values = text.len().min(MAX_NODES);
    (text.len() + 2 * broken + 5 * control + 4 * values + 8).min(MAX_BYTES)
}

struct Mender<'a> {
    text: &'a [u8],
    at: usize,
    out: Vec<u8>,
    /// Bytes that `out` may have.
    room: usize,
    nodes: usize,
    repeated: Vec<String>,
}

/// A member as it was written.
struct Member {
    name: Range<usize>,
    value: Range<usize>,
}

impl Mender<'_> {
    fn blank(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_ascii_start().len();
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Result<u8, Fault> {
        self.blank();
        self.text.get(self.at).copied().ok_or(Fault::Cut)
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(Fault::TooLong) } else { Ok(()) }
    }

    /// Writes bytes where there is room: what is taken never grows.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.out.len() + bytes.len() > self.room {
            return Err(Fault::TooLong);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<(), Fault> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' | b'[' if depth >= DEPTH => self.skip(),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.') => self.word(),
            _ => Err(Fault::Malformed),
        }
    }

    /// A number or a literal. What JSON does not have is kept as a text, so that no reader takes it for absent.
    fn word(&mut self) -> Result<(), Fault> {
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'))
            .count();
        let word = &rest[..length];
        self.at += length;
        let known = serde_json::from_slice::<serde_json::Value>(word).is_ok();
        let odd = [b"NaN".as_slice(), b"Infinity", b"-Infinity", b"+Infinity"].contains(&word);
        let number = std::str::from_utf8(word).is_ok_and(|word| word.parse::<f64>().is_ok());
        match () {
            () if known => self.put(word)?,
            () if odd || number => {
                self.put(b"\"")?;
                self.put(word)?;
                self.put(b"\"")?;
            }
            () if self.at == self.text.len() => return Err(Fault::Cut),
            () => return Err(Fault::Malformed),
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        self.put(b"[")?;
        let mut first = true;
        loop {
            match self.peek()? {
                b']' => break,
                b',' => {
                    self.at += 1;
                    continue;
                }
                _ => {}
            }
            if !std::mem::take(&mut first) {
                self.put(b",")?;
            }
            self.count()?;
            self.value(depth + 1)?;
            if !matches!(self.peek()?, b',' | b']') {
                return Err(Fault::Malformed);
            }
        }
        self.at += 1;
        self.put(b"]")?;
        Ok(())
    }

    /// Every member is written with a comma before it; that of the first is taken away at the end.
    fn object(&mut self, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        self.put(b"{")?;
        let begin = self.out.len();
        let mut members = Vec::new();
        loop {
            match self.peek()? {
                b'}' => break,
                b',' => {
                    self.at += 1;
                    continue;
                }
                b'"' => {}
                _ => return Err(Fault::Malformed),
            }
            self.count()?;
            self.put(b",")?;
            let name = self.out.len();
            self.string()?;
            let name = name..self.out.len();
            if self.peek()? != b':' {
                return Err(Fault::Malformed);
            }
            self.at += 1;
            self.put(b":")?;
            let value = self.out.len();
            self.value(depth + 1)?;
            members.push(Member { name, value: value..self.out.len() });
            if !matches!(self.peek()?, b',' | b'}') {
                return Err(Fault::Malformed);
            }
        }
        self.at += 1;
        self.keep_one_of_each(&members);
        if let Some(comma) = self.out[begin..].iter().position(|byte| *byte != b' ') {
            self.out[begin + comma] = b' ';
        }
        self.put(b"}")?;
        Ok(())
    }

    /// Of members of one name the last that is not null counts, which is what clients show, or more.
    fn keep_one_of_each(&mut self, members: &[Member]) {
        let mut order: Vec<&Member> = members.iter().collect();
        order.sort_by(|left, right| self.out[left.name.clone()].cmp(&self.out[right.name.clone()]));
        let mut lost = Vec::new();
        for same in order.chunk_by(|left, right| self.out[left.name.clone()] == self.out[right.name.clone()])
        {
            let value = |member: &Member| &self.out[member.value.clone()];
            let Some(kept) = same.iter().rev().find(|member| value(member) != b"null").or(same.last()) else {
                continue;
            };
            for member in same.iter().filter(|member| member.name != kept.name) {
                let differs = value(member) != b"null" && value(member) != value(kept);
                if differs && self.repeated.len() < MAX_REPEATED {
                    let name = &self.out[member.name.start + 1..member.name.end - 1];
                    self.repeated.push(String::from_utf8_lossy(name).into_owned());
                }
                // With the comma before it.
                lost.push(member.name.start - 1..member.value.end);
            }
        }
        for range in lost {
            self.out[range].fill(b' ');
        }
    }

    /// A string, with every character that needs it replaced or escaped.
    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        self.put(b"\"")?;
        loop {
            let rest = &self.text[self.at..];
            let plain = |byte: &u8| (0x20..0x80).contains(byte) && !matches!(byte, b'"' | b'\\');
            let length = rest.iter().take_while(|byte| plain(byte)).count();
            self.put(&rest[..length])?;
            self.at += length;
            match rest.get(length).ok_or(Fault::Cut)? {
                b'"' => break,
                b'\\' => self.escape()?,
                byte if *byte < 0x20 => {
                    self.put(format!("\\u{byte:04x}").as_bytes())?;
                    self.at += 1;
                }
                _ => self.not_ascii()?,
            }
        }
        self.at += 1;
        self.put(b"\"")?;
        Ok(())
    }

    fn not_ascii(&mut self) -> Result<(), Fault> {
        let text = self.text;
        let rest = &text[self.at..];
        let run = &rest[..rest.iter().take_while(|byte| **byte >= 0x80).count()];
        for chunk in run.utf8_chunks() {
            self.put(chunk.valid().as_bytes())?;
            if !chunk.invalid().is_empty() {
                self.put("\u{FFFD}".as_bytes())?;
            }
        }
        self.at += run.len();
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let rest = &self.text[self.at..];
        match rest.get(1).ok_or(Fault::Cut)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.put(&rest[..2])?;
                self.at += 2;
                Ok(())
            }
            b'u' => {
                let first = unit(rest)?;
                let second = rest.get(6..).and_then(|rest| unit(rest).ok());
                let units = [first, second.unwrap_or_default()];
                let (character, length) = match char::decode_utf16(units).next() {
                    Some(Ok(character)) => (character, if character.len_utf16() == 2 { 12 } else { 6 }),
                    _ => (char::REPLACEMENT_CHARACTER, 6),
                };
                // Two spellings of a name are one name.
                if character < ' ' || matches!(character, '"' | '\\') {
                    self.put(&rest[..6])?;
                } else {
                    self.put(character.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
                self.at += length;
                Ok(())
            }
            _ => Err(Fault::Malformed),
        }
    }

    /// Past an object or array that nests too deep.
    fn skip(&mut self) -> Result<(), Fault> {
        let mut nesting = 0_usize;
        let mut within = false;
        let mut escaped = false;
        for (index, byte) in self.text[self.at..].iter().enumerate() {
            match byte {
                _ if std::mem::take(&mut escaped) => {}
                b'\\' => escaped = within,
                b'"' => within = !within,
                b'{' | b'[' if !within => nesting += 1,
                b'}' | b']' if !within => {
                    nesting -= 1;
                    if nesting == 0 {
                        self.at += index + 1;
                        self.put(b"null")?;
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Err(Fault::Cut)
    }
}

/// The code unit of an escape `\uXXXX` at the start of `text`.
fn unit(text: &[u8]) -> Result<u16, Fault> {
    let digits = text.get(..6).ok_or(Fault::Cut)?.strip_prefix(b"\\u").ok_or(Fault::Malformed)?;
    let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit));
    u16::from_str_radix(text.ok_or(Fault::Malformed)?, 16).map_err(|_| Fault::Malformed)
}

#[cfg(test)]
mod tests;
