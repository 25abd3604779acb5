//! Server-sent events as WHATWG's HTML standard (section 9.2.6) cuts them, however the network cut the bytes:
//! LF, CRLF and bare CR, a byte order mark, comments, multi-line data. Knows no provider.

use std::mem;

use crate::memory::{Buffer, Full, Limits};

/// The incremental parser of one stream.
///
/// Holds no more than the limits allow of an unfinished event. A longer one is skipped to its end, the
/// same for every chunking of the same bytes. An event inside one chunk is shown in place.
#[derive(Debug)]
pub(crate) struct Parser {
    limits: Limits,
    /// A line whose end has not come.
    line: Buffer,
    /// The `data` lines of an event that did not end with the chunk, or has several.
    data: Buffer,
    /// The event's name, unless it is too long for one.
    name: Vec<u8>,
    /// Length of the event's data, wherever it is; `None` until its first `data` line.
    length: Option<usize>,
    /// The place of a byte order mark has passed.
    begun: bool,
    /// A CR ended the last chunk: an LF at the head of the next one belongs to it.
    after_cr: bool,
    /// The rest of the present line is skipped.
    passing_line: bool,
    /// The rest of the present event is skipped.
    passing_event: bool,
    lost: Option<Full>,
}

/// One event with data. `id` and `retry` are for clients that reconnect, and are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dispatch<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) data: &'a [u8],
}

enum Line<'l> {
    Blank,
    Data(&'l [u8]),
    /// A comment, another field, or a part of an event that is skipped.
    Other,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Bytes of an event's name. No API has a longer one.
const MAX_NAME: usize = 256;

impl Parser {
    /// A parser that holds no more than the limits say.
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            line: Buffer::new(limits),
            data: Buffer::new(limits),
            name: Vec::new(),
            length: None,
            begun: false,
            after_cr: false,
            passing_line: false,
            passing_event: false,
            lost: None,
        }
    }

    /// Takes the next bytes and shows each event that ends in them.
    ///
    /// Nothing is copied while an event is whole within `bytes`: `here` borrows its data line. The data moves to
    /// `self.data` only when a second line joins it or the chunk ends before the event does.
    pub(crate) fn push(&mut self, bytes: &[u8], mut see: impl FnMut(Dispatch<'_>)) {
        let mut rest = bytes;
        if let (true, Some(first)) = (self.after_cr, rest.first()) {
            rest = &rest[usize::from(*first == b'\n')..];
            self.after_cr = false;
        }
        // The event's only data line so far, where it is in `bytes`.
        let mut here: Option<&[u8]> = None;
        while let Some(end) = line_end(rest) {
            let line = &rest[..end];
            let crlf = rest[end] == b'\r' && rest.get(end + 1) == Some(&b'\n');
            self.after_cr = rest[end] == b'\r' && end + 1 == rest.len();
            rest = &rest[end + 1 + usize::from(crlf)..];

            if self.line.is_empty() && !self.passing_line {
                match self.read(line) {
                    Line::Blank => self.dispatch(here.take(), &mut see),
                    Line::Data(data) if self.length.is_none() => {
                        here = Some(data);
                        self.length = Some(data.len());
                    }
                    Line::Data(data) => self.append(here.take().unwrap_or_default(), data),
                    Line::Other => {}
                }
            } else {
                // Only the chunk's first line continues a held one, so that `here` is still empty.
                self.hold(line);
                self.end_held_line(&mut see);
            }
        }
        if !rest.is_empty() {
            self.hold(rest);
        }
        if let (Some(data), false) = (here, self.passing_event)
            && let Err(full) = self.data.extend(data)
        {
            self.pass_event(full);
        }
    }

    /// Shows an event that the end of the stream cut off after its data. The standard drops it, but clients
    /// do not, and a last `[DONE]` often lacks its blank line.
    pub(crate) fn finish(&mut self, mut see: impl FnMut(Dispatch<'_>)) {
        if !self.line.is_empty() || self.passing_line {
            self.end_held_line(&mut see);
        }
        self.dispatch(None, &mut see);
    }

    /// Why an event was skipped, if one was.
    pub(crate) const fn lost(&self) -> Option<Full> {
        self.lost
    }

    /// Keeps a part of a line until its end comes.
    fn hold(&mut self, part: &[u8]) {
        if self.passing_line {
            return;
        }
        // Enough of the line to recognise a comment after a byte order mark; comments belong to no event.
        let mut begin = [0; BYTE_ORDER_MARK.len() + 1];
        begin.iter_mut().zip(self.line.iter().chain(part)).for_each(|(to, from)| *to = *from);
        let full = if self.fits(self.line.len() + part.len()) {
            match self.line.extend(part) {
                Ok(()) => return,
                Err(full) => full,
            }
        } else {
            Full::Piece
        };
        if !is_comment(&begin, self.begun) {
            self.pass_event(full);
        }
        self.line.free();
        self.passing_line = true;
    }

    fn end_held_line(&mut self, see: &mut impl FnMut(Dispatch<'_>)) {
        if mem::take(&mut self.passing_line) {
            self.begun = true;
            return;
        }
        let mut line = mem::replace(&mut self.line, Buffer::new(self.limits));
        match self.read(&line) {
            Line::Blank => self.dispatch(None, see),
            // The first data line is kept where it is.
            Line::Data(data) if self.length.is_none() => {
                self.length = Some(data.len());
                let before = line.len() - data.len();
                line.skip(before);
                mem::swap(&mut line, &mut self.data);
            }
            Line::Data(data) => self.append(&[], data),
            Line::Other => {}
        }
        line.clear();
        self.line = line;
    }

    /// Reads one line without its end.
    fn read<'l>(&mut self, mut line: &'l [u8]) -> Line<'l> {
        let long = !self.fits(line.len());
        if !mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        match line.first() {
            None => return Line::Blank,
            Some(b':') => return Line::Other,
            Some(_) if long => self.pass_event(Full::Piece),
            Some(_) => {}
        }
        if self.passing_event {
            return Line::Other;
        }
        if let Some(data) = value(line, b"data") {
            return Line::Data(data);
        }
        if let Some(name) = value(line, b"event") {
            self.name.clear();
            self.name.extend_from_slice(if name.len() <= MAX_NAME { name } else { &[] });
        }
        Line::Other
    }

    /// Adds a further data line to those before, of which `here` is not held yet.
    fn append(&mut self, here: &[u8], data: &[u8]) {
        for part in [here, b"\n", data] {
            if let Err(full) = self.data.extend(part) {
                return self.pass_event(full);
            }
        }
        self.length = Some(self.data.len());
    }

    /// A blank line: shows the event before it, if it has data.
    fn dispatch(&mut self, here: Option<&[u8]>, see: &mut impl FnMut(Dispatch<'_>)) {
        let whole = self.length.take().is_some() && !mem::take(&mut self.passing_event);
        self.passing_event = false;
        if whole {
            let name = std::str::from_utf8(&self.name).ok().filter(|name| !name.is_empty());
            see(Dispatch { name, data: here.unwrap_or(&self.data) });
        }
        self.data.clear();
        self.name.clear();
    }

    /// Whether a line of this length can be held together with what is known of its event.
    fn fits(&self, line: usize) -> bool {
        line + self.length.unwrap_or(0) + self.name.len() <= self.limits.piece
    }

    fn pass_event(&mut self, full: Full) {
        if !mem::replace(&mut self.passing_event, true) {
            self.lost = self.lost.or(Some(full));
            self.data.free();
            self.name.clear();
            self.length = None;
        }
    }
}

/// Where the first line ends. A blank one, as ends each event, takes no search.
fn line_end(bytes: &[u8]) -> Option<usize> {
    match bytes.first() {
        Some(b'\n' | b'\r') => Some(0),
        _ => memchr::memchr2(b'\n', b'\r', bytes),
    }
}

/// The value of a line `field: value`, `field:value` or `field`.
fn value<'l>(line: &'l [u8], field: &[u8]) -> Option<&'l [u8]> {
    match line.strip_prefix(field)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

fn is_comment(line: &[u8], begun: bool) -> bool {
    let line = if begun { line } else { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) };
    line.first() == Some(&b':')
}

#[cfg(test)]
mod tests;
