//! Cuts a body into the pieces its framing defines, however the network cut it. Knows no provider.

mod documents;
mod event_stream;
#[cfg(test)]
pub(crate) mod tests;

use crate::provider::{Event, Framing};
use crate::sse;

use documents::Documents;
use event_stream::EventStream;

/// The incremental decoder of one body. Keeps at most `limit` bytes of an unfinished piece: a longer one is
/// skipped and [`Decoder::lost`] reports it.
#[derive(Debug)]
pub(crate) struct Decoder {
    cutter: Cutter,
    limit: usize,
    lost: bool,
}

#[derive(Debug)]
enum Cutter {
    Whole(Vec<u8>),
    Sse(sse::Parser),
    Documents(Documents),
    EventStream(EventStream),
}

impl Decoder {
    /// A decoder that holds at most `limit` bytes of one piece.
    pub(crate) fn new(framing: Framing, limit: usize) -> Self {
        let cutter = match framing {
            Framing::Whole => Cutter::Whole(Vec::new()),
            Framing::Sse => Cutter::Sse(sse::Parser::new(limit)),
            Framing::JsonLines => Cutter::Documents(Documents::lines()),
            Framing::JsonArray => Cutter::Documents(Documents::elements()),
            Framing::EventStream => Cutter::EventStream(EventStream::default()),
        };
        Self { cutter, limit, lost: false }
    }

    /// Takes the next bytes and shows each piece that is now whole. A piece that is within `bytes` is not
    /// copied.
    pub(crate) fn push(&mut self, bytes: &[u8], see: &mut dyn FnMut(Event<'_>)) {
        self.lost |= match &mut self.cutter {
            Cutter::Whole(_) if self.lost => true,
            Cutter::Whole(held) if held.len() + bytes.len() > self.limit => {
                *held = Vec::new();
                true
            }
            Cutter::Whole(held) => {
                held.extend_from_slice(bytes);
                false
            }
            Cutter::Sse(parser) => {
                parser.push(bytes, |event| see(event.into()));
                parser.lost() > 0
            }
            Cutter::Documents(documents) => documents.push(bytes, self.limit, see),
            Cutter::EventStream(stream) => stream.push(bytes, self.limit, see),
        };
    }

    /// Shows what precedes the end of the body without its terminator.
    pub(crate) fn finish(&mut self, see: &mut dyn FnMut(Event<'_>)) {
        match &mut self.cutter {
            Cutter::Whole(held) if !self.lost => see(Event { name: None, exception: false, data: held }),
            Cutter::Sse(parser) => {
                parser.finish(|event| see(event.into()));
                self.lost |= parser.lost() > 0;
            }
            Cutter::Documents(documents) => self.lost |= documents.finish(self.limit, see),
            // A message without its checksum cannot be trusted.
            Cutter::Whole(_) | Cutter::EventStream(_) => {}
        }
    }

    /// Whether a piece was longer than the limit, or unreadable, and was skipped.
    pub(crate) const fn lost(&self) -> bool {
        self.lost
    }
}

impl<'a> From<sse::Dispatch<'a>> for Event<'a> {
    fn from(event: sse::Dispatch<'a>) -> Self {
        Self { name: event.name, exception: false, data: event.data }
    }
}
