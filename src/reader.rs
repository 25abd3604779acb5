//! Reads a response as it passes: finds its framing, cuts it into pieces and lets the wire format read them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::call::{ResponseFacts, Unparsed};
use crate::decoder::Decoder;
use crate::memory::{Buffer, Limit, Limits};
use crate::provider::read::headers;
use crate::provider::{Framing, Reading, WireFormat};

/// The most of one piece (an event, a line, a whole document) that is held at a time: 16 MiB. What is longer
/// passes through unparsed.
pub(crate) const PIECE_LIMIT: usize = 16 * 1024 * 1024;

/// Media types of JSON documents that follow each other: Ollama's, Cohere's, and the one in use elsewhere.
const JSON_LINES: [&str; 3] = ["application/x-ndjson", "application/stream+json", "application/jsonl"];

/// Media types of text that a model wrote, such as a transcript and its subtitles.
const PLAIN_TEXT: [&str; 4] = ["text/plain", "text/vtt", "application/x-subrip", "application/octet-stream"];

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct Reader {
    format: &'static dyn WireFormat,
    state: State,
    reading: Reading,
    memory_limit: usize,
}

#[derive(Debug)]
enum State {
    /// The first byte that is not white space decides: content types are often missing or wrong.
    Sniffing {
        stream: bool,
        /// The content type is plain text: what is no JSON is what the model wrote.
        plain: bool,
    },
    Decoding {
        decoder: Decoder,
        framing: Framing,
    },
    /// Not parsed: the body is still compressed, or parsing it panicked.
    Opaque,
    /// Sound, images, video or plain text: what the model made, and nothing about it.
    Media,
}

/// What one push of bytes showed.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Pieces that carried generated output.
    pub(crate) chunks: u32,
}

impl Reader {
    /// A reader for the response whose status and headers have just come.
    pub(crate) fn new(
        format: &'static dyn WireFormat,
        stream: bool,
        status: http::StatusCode,
        headers: &HeaderMap,
        mut reading: Reading,
        memory_limit: usize,
    ) -> Self {
        reading.memory_limit = Limit(memory_limit);
        format.read_headers(headers, &mut reading);
        headers::read(headers, &mut reading.facts);
        let stream = stream && status.is_success();
        let essence = essence(headers);
        let state = if is_encoded(headers) {
            reading.facts.unparsed = Some(Unparsed::Encoding);
            State::Opaque
        } else if status.is_success() && is_media(essence) {
            State::Media
        } else if is(essence, "application/vnd.amazon.eventstream") {
            reading.part = Some(Buffer::new(Limits { piece: PIECE_LIMIT, process: memory_limit }));
            decoding(Framing::EventStream, memory_limit)
        } else {
            let stream = stream || JSON_LINES.iter().any(|lines| is(essence, lines));
            let plain = !stream && format.writes_text() && PLAIN_TEXT.iter().any(|text| is(essence, text));
            State::Sniffing { stream, plain }
        };
        Self { format, state, reading, memory_limit }
    }

    /// Reads the next bytes of the body.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Seen {
        self.guarded(|reader| reader.read(bytes)).unwrap_or_default()
    }

    /// Keeps a panic inside. Readers see untrusted bytes on the caller's path, also while the caller unwinds, where
    /// a second panic aborts the process. The facts of before stay; the rest of the body passes unparsed. Where
    /// panics abort, nothing can be caught: the fuzz targets guard against them.
    fn guarded<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(|| read(self))).ok();
        if done.is_none() {
            self.reading.facts.unparsed = Some(Unparsed::Reader);
            self.state = State::Opaque;
        }
        done
    }

    fn read(&mut self, mut bytes: &[u8]) -> Seen {
        if let State::Sniffing { stream, plain } = self.state {
            bytes = skip_blank(bytes);
            let Some(&first) = bytes.first() else { return Seen::default() };
            let text = plain && !matches!(first, b'{' | b'[');
            self.state = if text {
                State::Media
            } else {
                decoding(sniff(first, stream, self.format.stream_framing()), self.memory_limit)
            };
        }
        let mut seen = Seen::default();
        if let State::Media = self.state {
            self.reading.facts.generated(bytes.len());
            seen.chunks = u32::from(!bytes.is_empty());
        }
        if let State::Decoding { decoder, framing } = &mut self.state
            && *framing == Framing::Whole
        {
            decoder.push(bytes, &mut |_| {});
        } else if let State::Decoding { decoder, .. } = &mut self.state {
            let (format, reading) = (self.format, &mut self.reading);
            decoder.push(bytes, &mut |event| {
                let before = reading.facts.output_bytes;
                format.read_piece(event, reading);
                reading.facts.end_piece();
                seen.chunks += u32::from(reading.facts.output_bytes > before);
            });
        }
        seen
    }

    /// What is read so far.
    pub(crate) const fn facts(&self) -> &ResponseFacts {
        &self.reading.facts
    }

    /// Reads what the end of the body leaves, and gives all that was read. `whole` says whether the transport
    /// brought the body to its end, which decides where the body cannot be read.
    pub(crate) fn finish(mut self, whole: bool) -> Reading {
        if let State::Decoding { decoder, .. } = &self.state
            && let Some(lost) = decoder.lost()
        {
            self.reading.facts.unparsed = Some(lost);
        }
        self.guarded(|reader| {
            reader.read_rest();
            reader.format.finish(&mut reader.reading);
        });
        let facts = &mut self.reading.facts;
        if whole && self.reading.part.as_ref().is_some_and(|part| !part.is_empty()) {
            facts.unparsed = facts.unparsed.or(Some(Unparsed::Malformed));
        }
        facts.ended |= whole && facts.unparsed.is_some();
        if whole {
            self.read_end();
        }
        self.reading
    }

    fn read_rest(&mut self) {
        let (format, reading) = (self.format, &mut self.reading);
        match &mut self.state {
            State::Sniffing { .. } | State::Opaque | State::Media => {}
            State::Decoding { decoder, framing: Framing::Whole } => {
                reading.facts.document = true;
                // A document that can be read is whole, whatever its content is.
                decoder.finish(&mut |event| {
                    let read = format.read_document(event.data, reading);
                    reading.facts.ended |= read || reading.facts.complete();
                });
            }
            State::Decoding { decoder, .. } => {
                decoder.finish(&mut |event| {
                    format.read_piece(event, reading);
                    reading.facts.end_piece();
                });
                reading.facts.unparsed = reading.facts.unparsed.or(decoder.lost());
            }
        }
    }

    /// Takes the transport's word for the end of what has no mark of its own.
    fn read_end(&mut self) {
        let facts = &mut self.reading.facts;
        match &self.state {
            State::Opaque | State::Media => facts.ended = true,
            State::Decoding { framing, .. } if *framing != Framing::Whole => {
                facts.ended |= facts.output && facts.choices == 0 && self.format.ends_unmarked();
            }
            State::Sniffing { .. } | State::Decoding { .. } => {}
        }
    }
}

fn decoding(framing: Framing, memory_limit: usize) -> State {
    let limits = Limits { piece: PIECE_LIMIT, process: memory_limit };
    State::Decoding { decoder: Decoder::new(framing, limits), framing }
}

/// The framing of a text body by its first byte: a JSON document begins with a brace or a bracket, a line of
/// an event stream never does.
fn sniff(first: u8, stream: bool, streamed: Framing) -> Framing {
    match (first, streamed) {
        (b'{' | b'[', Framing::JsonLines | Framing::JsonArray) if stream => streamed,
        (b'{' | b'[', _) => Framing::Whole,
        (_, Framing::EventStream) if stream => Framing::EventStream,
        _ => Framing::Sse,
    }
}

/// Whether the bytes are compressed still: a client that decompresses them takes the header away. RFC 9110 section
/// 8.4 allows encodings in one list or in several headers.
fn is_encoded(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let mut encodings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    encodings.any(|encoding| {
        let encoding = encoding.trim_ascii();
        !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity")
    })
}

/// Whether the body is what a model made, instead of a document about it.
fn is_media(essence: &str) -> bool {
    let kind = essence.split('/').next().unwrap_or_default().trim();
    ["audio", "image", "video"].iter().any(|media| is(kind, media))
}

/// The media type without its parameters.
fn essence(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

fn is(essence: &str, known: &str) -> bool {
    essence.eq_ignore_ascii_case(known)
}

/// Past white space and a byte order mark: some gateways send kilobytes of blanks to keep a connection open.
fn skip_blank(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF);
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

/// The clock of a stream's chunks.
#[derive(Debug)]
pub(crate) struct ChunkClock {
    started: Instant,
    last: Option<Instant>,
    pub(crate) first_chunk: Option<Duration>,
}

impl ChunkClock {
    pub(crate) const fn new(started: Instant) -> Self {
        Self { started, last: None, first_chunk: None }
    }

    /// Notes chunks that arrived together at `now` and gives the time since the chunk before each.
    pub(crate) fn tick(&mut self, chunks: u32, now: Instant) -> impl Iterator<Item = Duration> + use<> {
        let mut since = None;
        let mut later = chunks;
        if chunks > 0 {
            match self.last {
                Some(last) => since = Some(now.saturating_duration_since(last)),
                None => {
                    self.first_chunk = Some(now.saturating_duration_since(self.started));
                    later = chunks - 1;
                }
            }
            self.last = Some(now);
        }
        // Of chunks in one read only the first has waited.
        let together = if since.is_some() { later - 1 } else { later };
        since.into_iter().chain((0..together).map(|_| Duration::ZERO))
    }
}

#[cfg(test)]
mod tests;
