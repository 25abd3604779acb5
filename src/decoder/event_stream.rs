//! AWS `application/vnd.amazon.eventstream`: binary messages, each `length, header length, CRC-32 of these
//! two, headers, payload, CRC-32 of all before`, numbers big-endian.

use crate::call::Unparsed;
use crate::memory::{Buffer, Full, Limits};
use crate::provider::Event;

/// Length, header length and their checksum.
const PRELUDE: usize = 12;
/// The message's own checksum.
const TRAILER: usize = 4;

/// An incremental reader of messages.
#[derive(Debug)]
pub(super) struct EventStream {
    /// The beginning of a message that earlier bytes did not end.
    held: Buffer,
    /// Bytes still to come of a message over the limit.
    passing: usize,
    /// A checksum or a length was wrong: nothing behind it can be trusted.
    broken: bool,
}

impl EventStream {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { held: Buffer::new(limits), passing: 0, broken: false }
    }

    /// Shows each message that ends within `bytes`; tells why one was skipped.
    pub(super) fn push(&mut self, mut bytes: &[u8], see: &mut dyn FnMut(Event<'_>)) -> Option<Unparsed> {
        let mut lost = None;
        while !bytes.is_empty() && !self.broken {
            if self.passing > 0 {
                let passed = self.passing.min(bytes.len());
                self.passing -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            if self.held.is_empty() && bytes.len() >= PRELUDE {
                match length(bytes) {
                    Some(length) if length <= bytes.len() && self.held.may_hold(length) => {
                        let (message, rest) = bytes.split_at(length);
                        self.broken = show(message, see).is_none();
                        bytes = rest;
                        continue;
                    }
                    _ => {}
                }
            }
            // At least the prelude, so that the length is known.
            let missing = PRELUDE.saturating_sub(self.held.len()).min(bytes.len());
            let (prelude, rest) = bytes.split_at(missing);
            if let Err(full) = self.held.extend(prelude) {
                // Without its prelude the end of the message cannot be found.
                self.broken = true;
                return lost.or(Some(full.into()));
            }
            bytes = rest;
            if self.held.len() < PRELUDE {
                break;
            }
            let Some(length) = length(&self.held) else {
                self.broken = true;
                break;
            };
            let missing = length - self.held.len();
            let (part, rest) = bytes.split_at(missing.min(bytes.len()));
            let full =
                if self.held.may_hold(length) { self.held.extend(part).err() } else { Some(Full::Piece) };
            if let Some(full) = full {
                self.passing = missing;
                self.held.free();
                lost = lost.or(Some(full.into()));
                continue;
            }
            bytes = rest;
            if self.held.len() == length {
                self.broken = show(&self.held, see).is_none();
                self.held.clear();
            }
        }
        lost.or(self.broken.then_some(Unparsed::Malformed))
    }
}

/// The length of the message that begins with `bytes`; `None` when its prelude is corrupt or absurd.
fn length(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let length = number(&mut rest)?;
    let headers = number(&mut rest)?;
    let checksum = number(&mut rest)?;
    let sound = crc32fast::hash(bytes.get(..8)?) == checksum;
    let length = usize::try_from(length).ok()?;
    let headers = usize::try_from(headers).ok()?;
    (sound && length >= headers.checked_add(PRELUDE + TRAILER)?).then_some(length)
}

/// Shows one message; `None` when it is corrupt.
fn show(message: &[u8], see: &mut dyn FnMut(Event<'_>)) -> Option<()> {
    let (body, mut trailer) = message.split_at_checked(message.len().checked_sub(TRAILER)?)?;
    if crc32fast::hash(body) != number(&mut trailer)? {
        return None;
    }
    let headers = usize::try_from(number(&mut body.get(4..8)?)?).ok()?;
    let (mut headers, data) = body.get(PRELUDE..)?.split_at_checked(headers)?;
    let mut name = None;
    let mut exception = false;
    while !headers.is_empty() {
        let length = byte(&mut headers)?;
        let key = take(&mut headers, usize::from(length))?;
        let value = value(&mut headers)?;
        match (key, std::str::from_utf8(value)) {
            (b":event-type" | b":exception-type" | b":error-code", Ok(text)) => name = Some(text),
            (b":message-type", Ok(text)) => exception = matches!(text, "exception" | "error"),
            _ => {}
        }
    }
    see(Event { name, exception, data });
    Some(())
}

/// The bytes of a header's value, whatever its type.
fn value<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = match byte(bytes)? {
        // True and false.
        0 | 1 => 0,
        // Integers of 1, 2, 4 and 8 bytes; 8 is a timestamp.
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        // Bytes and text.
        6 | 7 => usize::from(u16::from_be_bytes(take(bytes, 2)?.try_into().ok()?)),
        // A UUID.
        9 => 16,
        _ => return None,
    };
    take(bytes, length)
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    take(bytes, 1)?.first().copied()
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(take(bytes, 4)?.try_into().ok()?))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}
