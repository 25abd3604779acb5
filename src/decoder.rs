//! Cuts a body into the pieces its framing defines, however the network cut it. Knows no provider.

mod documents;
mod event_stream;
#[cfg(test)]
pub(crate) mod tests;

use crate::call::Unparsed;
use crate::memory::{Buffer, Full, Limits};
use crate::provider::{Event, Framing};
use crate::sse;

use documents::Documents;
use event_stream::EventStream;

/// The incremental decoder of one body. Keeps what the limits allow of an unfinished piece: a longer one is
/// skipped and [`Decoder::lost`] reports it.
#[derive(Debug)]
pub(crate) struct Decoder {
    cutter: Cutter,
    lost: Option<Unparsed>,
}

#[derive(Debug)]
enum Cutter {
    Whole(Buffer),
    Sse(sse::Parser),
    Documents(Documents),
    EventStream(EventStream),
}

impl Decoder {
    /// A decoder that holds no more than the limits say.
    pub(crate) fn new(framing: Framing, limits: Limits) -> Self {
        let cutter = match framing {
            Framing::Whole => Cutter::Whole(Buffer::new(limits)),
            Framing::Sse => Cutter::Sse(sse::Parser::new(limits)),
            Framing::JsonLines => Cutter::Documents(Documents::lines(limits)),
            Framing::JsonArray => Cutter::Documents(Documents::elements(limits)),
            Framing::EventStream => Cutter::EventStream(EventStream::new(limits)),
        };
        Self { cutter, lost: None }
    }

    /// Takes the next bytes and shows each piece that is now whole. A piece that is within `bytes` is not
    /// copied.
    pub(crate) fn push(&mut self, bytes: &[u8], see: &mut dyn FnMut(Event<'_>)) {
        let lost = match &mut self.cutter {
            Cutter::Whole(_) if self.lost.is_some() => None,
            Cutter::Whole(held) => held.extend(bytes).err().map(Unparsed::from),
            Cutter::Sse(parser) => {
                parser.push(bytes, |event| see(event.into()));
                parser.lost().map(Unparsed::from)
            }
            Cutter::Documents(documents) => documents.push(bytes, see).map(Unparsed::from),
            Cutter::EventStream(stream) => stream.push(bytes, see),
        };
        self.lost = self.lost.or(lost);
    }

    /// Shows what precedes the end of the body without its terminator.
    pub(crate) fn finish(&mut self, see: &mut dyn FnMut(Event<'_>)) {
        match &mut self.cutter {
            Cutter::Whole(held) if self.lost.is_none() => {
                see(Event { name: None, exception: false, data: held })
            }
            Cutter::Sse(parser) => {
                parser.finish(|event| see(event.into()));
                self.lost = self.lost.or(parser.lost().map(Unparsed::from));
            }
            Cutter::Documents(documents) => {
                self.lost = self.lost.or(documents.finish(see).map(Unparsed::from));
            }
            // A message without its checksum cannot be trusted.
            Cutter::Whole(_) | Cutter::EventStream(_) => {}
        }
    }

    /// Why a piece was skipped, if one was.
    pub(crate) const fn lost(&self) -> Option<Unparsed> {
        self.lost
    }
}

impl From<Full> for Unparsed {
    fn from(full: Full) -> Self {
        match full {
            Full::Piece => Self::TooLong,
            Full::Process => Self::Memory,
        }
    }
}

impl<'a> From<sse::Dispatch<'a>> for Event<'a> {
    fn from(event: sse::Dispatch<'a>) -> Self {
        Self { name: event.name, exception: false, data: event.data }
    }
}
