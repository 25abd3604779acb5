//! A document, parsed once where it is JSON to the letter, and mended where it is not.

use serde::Deserialize;

use super::lenient::Object;
use super::repair::{self, Fault, repair};
use crate::call::Unparsed;
use crate::coverage::Reason;
use crate::provider::format::Reading;

/// Documents in one piece of a stream: some gateways leave out the blank line between two events.
const MAX_DOCUMENTS: usize = 64;

/// What ends a stream in OpenAI's format, and in many others behind a gateway: no document, though it begins as an array does.
pub(in crate::provider) const DONE: &[u8] = b"[DONE]";

/// A document that begins as JSON does and is none to the letter.
#[derive(Debug)]
pub(in crate::provider) struct Unreadable;

/// Reads a document that is an object as `T`; none where it is anything else. A wire format that meets
/// [`Unreadable`] notes nothing and returns: [`leniently`] mends the document and lets it be read again.
pub(in crate::provider) fn document<'a, T: Deserialize<'a>>(
    data: &'a [u8],
    reading: &mut Reading,
) -> Result<Option<Box<T>>, Unreadable> {
    parse::<Object<T>>(data, reading).map(|object| object.and_then(|object| object.0))
}

/// As [`document`], for documents of any shape.
pub(in crate::provider) fn parse<'a, T: Deserialize<'a>>(
    data: &'a [u8],
    reading: &mut Reading,
) -> Result<Option<T>, Unreadable> {
    // What is UTF-8 as a whole needs no check of each string.
    let read = std::str::from_utf8(data)
        .map_or_else(|_| serde_json::from_slice(data), |text| serde_json::from_str(text));
    match read {
        Ok(document) => Ok(Some(document)),
        Err(_) => refuse(data, reading).map(|()| None),
    }
}

/// Notes that a document cannot be read, unless it does not even begin as one.
#[cold]
pub(in crate::provider) fn refuse(data: &[u8], reading: &mut Reading) -> Result<(), Unreadable> {
    if matches!(repair::skip_blank(data).first(), Some(b'{' | b'[')) && data.trim_ascii() != DONE {
        reading.unreadable = true;
        return Err(Unreadable);
    }
    Ok(())
}

/// Lets `read` read a document, and once more as lenient clients read it where it is not JSON to the letter. `several`
/// documents may follow each other in a piece of a stream. Gives whether all was read.
pub(crate) fn leniently(
    data: &[u8],
    several: bool,
    reading: &mut Reading,
    mut read: impl FnMut(&[u8], &mut Reading),
) -> bool {
    read(data, reading);
    !std::mem::take(&mut reading.unreadable) || mend(data, several, reading, &mut read)
}

#[cold]
fn mend(
    data: &[u8],
    several: bool,
    reading: &mut Reading,
    read: &mut dyn FnMut(&[u8], &mut Reading),
) -> bool {
    // Mended, it says other bytes than it has.
    reading.repeated.note_more();
    let mut rest = data;
    for _ in 0..if several { MAX_DOCUMENTS } else { 1 } {
        let repaired = match repair(rest, reading.memory_limit.0) {
            Ok(repaired) => repaired,
            Err(Fault::Cut) => {
                reading.cut = true;
                return false;
            }
            Err(Fault::Malformed) => break,
            Err(Fault::TooLong) => {
                reading.facts.unparsed = Some(Unparsed::TooLong);
                return false;
            }
            Err(Fault::Memory) => {
                reading.facts.unparsed = Some(Unparsed::Memory);
                return false;
            }
        };
        read(&repaired.text, reading);
        if std::mem::take(&mut reading.unreadable) {
            break;
        }
        // Which of two values a bill is made of is not known.
        for name in repaired.repeated {
            reading.facts.coverage.note(Reason::Member, path(&name));
        }
        rest = repaired.rest;
        if rest.is_empty() {
            return true;
        }
        if several {
            read(rest, reading);
            if !std::mem::take(&mut reading.unreadable) {
                return true;
            }
        }
    }
    reading.facts.unparsed = Some(Unparsed::Malformed);
    false
}

/// The path of a member that was given twice.
fn path(name: &str) -> String {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    name.chars().map(printable).take(crate::coverage::MAX_PATH).collect()
}
