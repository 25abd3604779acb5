//! The shape of an event: its bytes, and the places between them where others of the same shape differ.

use std::ops::Range;

use super::Repetition;
use super::scan;
use crate::json;

/// Places of one shape where events may differ.
const MAX_HOLES: usize = 32;

/// What is at a place where events differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What the model says.
    Text,
    /// The same text once more.
    Echo,
    /// A value that no reader looks at.
    Ignored,
    /// A count so far.
    Count,
}

#[derive(Debug)]
struct Hole {
    /// Where the bytes before it end.
    after: usize,
    kind: Kind,
    /// What was there last time: a value that no reader looks at is the same for long, and a count does not fall.
    last: Vec<u8>,
}

/// What all events of one shape have in common.
#[derive(Debug)]
pub(super) struct Shape {
    name: Option<String>,
    /// The bytes between the holes.
    bytes: Vec<u8>,
    holes: Vec<Hole>,
}

/// Where the text of an event is, between its quotes, and whether it has escapes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) range: Range<usize>,
    pub(super) escaped: bool,
}

impl Shape {
    /// The shape of an event that was read to say `text`. `None` where the text is not found in it.
    pub(super) fn of(name: Option<&str>, data: &[u8], text: &str, repetition: &Repetition) -> Option<Self> {
        let at = scan::blank(data, 0);
        // Bounds the nesting, before it is walked.
        scan::value(data, at)?;
        let mut walk = Walk { data, at, text, repetition, path: Vec::new(), found: Vec::new() };
        walk.object()?;
        let found = walk.found;
        if !found.iter().any(|(_, kind)| *kind == Kind::Text) {
            return None;
        }
        let (mut bytes, mut holes, mut from) =
            (Vec::with_capacity(data.len()), Vec::with_capacity(found.len()), 0);
        for (range, kind) in found {
            bytes.extend_from_slice(&data[from..range.start]);
            let last = match (kind, data.get(range.end - 1)) {
                // These end by themselves.
                (Kind::Ignored, Some(b'"' | b']' | b'}')) | (Kind::Count, _) => data[range.clone()].to_vec(),
                _ => Vec::new(),
            };
            holes.push(Hole { after: bytes.len(), kind, last });
            from = range.end;
        }
        bytes.extend_from_slice(&data[from..]);
        Some(Self { name: name.map(str::to_owned), bytes, holes })
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether its events count.
    pub(super) fn counts(&self) -> bool {
        self.holes.iter().any(|hole| hole.kind == Kind::Count)
    }

    /// The text of an event, if it is of this shape. One whose counts have fallen is not: the counts before it would be lost.
    pub(super) fn text_of(&mut self, name: Option<&str>, data: &[u8]) -> Option<Place> {
        if name != self.name.as_deref() {
            return None;
        }
        let (mut text, mut at, mut from) = (None, 0, 0);
        for hole in &mut self.holes {
            at = past(data, at, &self.bytes[from..hole.after])?;
            from = hole.after;
            at = match (hole.kind, &text) {
                (Kind::Text, _) => {
                    let (end, escaped) = scan::string(data, at)?;
                    text = Some(Place { range: at..end, escaped });
                    end
                }
                (Kind::Echo, Some(text)) => past(data, at, &data[text.range.clone()])?,
                (Kind::Echo, None) => return None,
                (Kind::Ignored, _) => match past(data, at, &hole.last) {
                    Some(end) if end > at => end,
                    _ => scan::value(data, at)?,
                },
                (Kind::Count, _) => {
                    let end = scan::count(data, at)?;
                    let count = &data[at..end];
                    if (count.len(), count) < (hole.last.len(), &hole.last) {
                        return None;
                    }
                    hole.last.clear();
                    hole.last.extend_from_slice(count);
                    end
                }
            };
        }
        (data.get(at..)? == &self.bytes[from..]).then_some(text)?.filter(|text| !text.range.is_empty())
    }
}

/// Past bytes that must be next.
fn past(data: &[u8], at: usize, bytes: &[u8]) -> Option<usize> {
    let end = at + bytes.len();
    (data.get(at..end)? == bytes).then_some(end)
}

/// Walks an event that was read, and finds where others may differ.
struct Walk<'a> {
    data: &'a [u8],
    at: usize,
    text: &'a str,
    repetition: &'a Repetition,
    /// The names above; an array has no name of its own.
    path: Vec<&'a str>,
    found: Vec<(Range<usize>, Kind)>,
}

impl<'a> Walk<'a> {
    fn object(&mut self) -> Option<()> {
        self.list(b'{', b'}', |walk| {
            let (name, value) = scan::name(walk.data, walk.at)?;
            let name = std::str::from_utf8(name).ok().filter(|name| !name.contains('\\'))?;
            walk.at = value;
            walk.path.push(name);
            if walk.repetition.ignored.contains(&walk.path.as_slice()) {
                let end = scan::value(walk.data, value)?;
                walk.find(value..end, Kind::Ignored)?;
                walk.at = end;
            } else {
                walk.value(name)?;
            }
            walk.path.pop();
            Some(())
        })
    }

    /// A value of the member `name`, or one of its elements.
    fn value(&mut self, name: &'a str) -> Option<()> {
        let start = self.at;
        match *self.data.get(start)? {
            b'{' => return self.object(),
            b'[' => return self.list(b'[', b']', |walk| walk.value(name)),
            b'"' => {
                let (end, _) = scan::string(self.data, start + 1)?;
                if self.repetition.texts.contains(&name) && self.says(start + 1..end) {
                    let again = self.found.iter().any(|(_, kind)| *kind == Kind::Text);
                    self.find(start + 1..end, if again { Kind::Echo } else { Kind::Text })?;
                }
                self.at = end + 1;
            }
            b'1'..=b'9' if self.repetition.counts.contains(&name) => {
                let end = scan::count(self.data, start)?;
                self.find(start..end, Kind::Count)?;
                self.at = scan::value(self.data, start)?;
            }
            _ => self.at = scan::value(self.data, start)?,
        }
        Some(())
    }

    /// Whether a string says what the event says. A repetition must be of the same spelling.
    fn says(&self, range: Range<usize>) -> bool {
        let mut decoded = String::new();
        std::str::from_utf8(&self.data[range]).is_ok_and(|spelling| {
            spelling == self.text || json::unescape(spelling, &mut decoded) && decoded == self.text
        })
    }

    fn find(&mut self, range: Range<usize>, kind: Kind) -> Option<()> {
        self.found.push((range, kind));
        (self.found.len() <= MAX_HOLES).then_some(())
    }

    /// Walks what is between two brackets.
    fn list(&mut self, open: u8, close: u8, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if self.data.get(self.at) != Some(&open) {
            return None;
        }
        self.at = scan::blank(self.data, self.at + 1);
        while self.data.get(self.at) != Some(&close) {
            each(self)?;
            self.at = scan::blank(self.data, self.at);
            if self.data.get(self.at) == Some(&b',') {
                self.at = scan::blank(self.data, self.at + 1);
            }
        }
        self.at += 1;
        Some(())
    }
}
