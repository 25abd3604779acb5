//! JSON documents that follow each other: one per line, pretty-printed over several, or as the elements of one
//! array. Finds only where a document begins and ends; reading it is the wire format's job.

use crate::memory::{Buffer, Full, Limits};
use crate::provider::Event;

/// An incremental scanner for the ends of JSON documents.
#[derive(Debug)]
pub(super) struct Documents {
    /// Whether an array at the top is a frame around the documents or a document itself.
    unwraps: bool,
    /// Whether the scanner is inside that frame.
    within: bool,
    place: Place,
    /// Open brackets of the document at hand.
    nesting: usize,
    /// The beginning of a document that earlier bytes did not end.
    held: Buffer,
    /// Whether the document at hand is over the limit.
    passing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between documents.
    Between,
    /// Inside an object or array, outside a string.
    Inside,
    /// Inside a string.
    Text,
    /// Behind a backslash.
    Escape,
    /// Inside a number, a literal or something that is no JSON.
    Bare,
}

impl Documents {
    /// Documents one after the other, each on a line of its own or not.
    pub(super) const fn lines(limits: Limits) -> Self {
        Self::new(false, limits)
    }

    /// The elements of an array; a document that is not an array is its own element.
    pub(super) const fn elements(limits: Limits) -> Self {
        Self::new(true, limits)
    }

    const fn new(unwraps: bool, limits: Limits) -> Self {
        let held = Buffer::new(limits);
        Self { unwraps, within: false, place: Place::Between, nesting: 0, held, passing: false }
    }

    /// Shows each document that ends within `bytes`; tells why one was not held.
    pub(super) fn push(&mut self, bytes: &[u8], see: &mut dyn FnMut(Event<'_>)) -> Option<Full> {
        let mut lost = None;
        let mut begin = 0;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let mut end = None;
            match self.place {
                Place::Between => {
                    begin = at;
                    self.open(byte);
                }
                Place::Inside => match byte {
                    b'"' => self.place = Place::Text,
                    b'{' | b'[' => self.nesting += 1,
                    b'}' | b']' => {
                        self.nesting -= 1;
                        if self.nesting == 0 {
                            end = Some(at + 1);
                        }
                    }
                    _ => {}
                },
                Place::Text => {
                    match memchr::memchr3(b'"', b'\\', b'\n', &bytes[at..]) {
                        None => break,
                        Some(offset) => at += offset,
                    }
                    match bytes[at] {
                        b'\\' => self.place = Place::Escape,
                        b'"' if self.nesting > 0 => self.place = Place::Inside,
                        // A raw line end is no JSON: the document was cut, and the next line may be whole.
                        _ => end = Some(at + 1),
                    }
                }
                Place::Escape => self.place = Place::Text,
                Place::Bare => {
                    let bracket = self.within && byte == b']';
                    if bracket || matches!(byte, b'\n' | b'\r') || (self.within && byte == b',') {
                        end = Some(at);
                        self.within &= !bracket;
                    }
                }
            }
            if let Some(end) = end {
                lost = lost.or(self.show(&bytes[begin..end], see));
                (self.place, self.nesting, begin) = (Place::Between, 0, at + 1);
            }
            at += 1;
        }
        if self.place != Place::Between {
            lost = lost.or(self.hold(&bytes[begin..]));
        }
        lost
    }

    /// Shows a number or literal that no line end follows. A bracket still open is a cut document.
    pub(super) fn finish(&mut self, see: &mut dyn FnMut(Event<'_>)) -> Option<Full> {
        if self.place == Place::Bare { self.show(b"", see) } else { None }
    }

    /// Takes the first byte of whatever comes next.
    fn open(&mut self, byte: u8) {
        match byte {
            // White space, the comma between elements, and the three bytes of a byte order mark.
            b' ' | b'\t' | b'\n' | b'\r' | b',' | 0xEF | 0xBB | 0xBF => {}
            b'[' if self.unwraps && !self.within => self.within = true,
            b']' if self.within => self.within = false,
            b'{' | b'[' => (self.place, self.nesting) = (Place::Inside, 1),
            b'"' => self.place = Place::Text,
            _ => self.place = Place::Bare,
        }
    }

    fn show(&mut self, rest: &[u8], see: &mut dyn FnMut(Event<'_>)) -> Option<Full> {
        let event = |data| Event { name: None, exception: false, data };
        if self.held.is_empty() && !self.passing && self.held.may_hold(rest.len()) {
            see(event(rest));
            return None;
        }
        let lost = self.hold(rest);
        if !std::mem::take(&mut self.passing) {
            see(event(&self.held));
        }
        self.held.clear();
        lost
    }

    fn hold(&mut self, bytes: &[u8]) -> Option<Full> {
        if self.passing {
            return None;
        }
        let full = self.held.extend(bytes).err();
        self.passing = full.is_some();
        full
    }
}
