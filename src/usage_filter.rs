//! Hides the usage chunk of a stream from a caller who did not ask for it.

use bytes::Bytes;
use serde::Deserialize;

use crate::provider::read::lenient::{List, Object};

/// Bytes of an event that may be the usage chunk, which holds counts only. What is longer passes.
const CHUNK_LIMIT: usize = 64 * 1024;

/// Takes the event out of a server-sent-event stream that carries usage and no choices. Other events leave in
/// the bytes they came in, each as soon as it is whole.
#[derive(Debug, Default)]
pub(crate) struct UsageFilter {
    held: Vec<u8>,
    /// How far `held` is scanned, and the length of the unfinished line there.
    scanned: usize,
    line: usize,
}

impl UsageFilter {
    /// Takes bytes and gives those that may pass now.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Bytes {
        self.held.extend_from_slice(bytes);
        let mut out = Vec::new();
        let mut start = 0;
        while let Some(end) = self.next_event() {
            let event = &self.held[start..end];
            if !is_usage_only(event) {
                out.extend_from_slice(event);
            }
            start = end;
        }
        self.held.drain(..start);
        self.scanned -= start;
        if self.held.len() > CHUNK_LIMIT {
            out.append(&mut self.held);
            (self.scanned, self.line) = (0, 0);
        }
        out.into()
    }

    /// Gives what the end of the body leaves.
    pub(crate) fn finish(&mut self) -> Bytes {
        (self.scanned, self.line) = (0, 0);
        let rest = std::mem::take(&mut self.held);
        if is_usage_only(&rest) { Bytes::new() } else { rest.into() }
    }

    /// Whether bytes wait for the end of their event.
    pub(crate) const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The end of the next whole event in `held`: behind its empty line. A line feed after a carriage return
    /// counts to the same line end; where it comes with the next bytes, it is a blank of its own.
    fn next_event(&mut self) -> Option<usize> {
        while let Some(&byte) = self.held.get(self.scanned) {
            self.scanned += 1;
            if byte != b'\n' && byte != b'\r' {
                self.line += 1;
                continue;
            }
            if byte == b'\r' && self.held.get(self.scanned) == Some(&b'\n') {
                self.scanned += 1;
            }
            if std::mem::take(&mut self.line) == 0 {
                return Some(self.scanned);
            }
        }
        None
    }
}

/// Whether the data of one event is a chunk that the usage request alone brought forth.
fn is_usage_only(event: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Chunk {
        #[serde(default)]
        choices: Option<List<serde::de::IgnoredAny>>,
        #[serde(default)]
        usage: Object<Empty>,
    }
    #[derive(Deserialize)]
    struct Empty {}
    let data: Vec<u8> = event
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .filter_map(|line| line.strip_prefix(b"data:"))
        .flatten()
        .copied()
        .collect();
    serde_json::from_slice::<Chunk>(&data).is_ok_and(|chunk| {
        chunk.choices.is_some_and(|choices| choices.0.is_empty()) && chunk.usage.0.is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n: note\r\n\r\n\
        data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\ndata: [DONE]\n\n";

    #[test]
    fn takes_out_the_usage_chunk_alone_however_the_stream_is_cut() {
        let wanted = STREAM.replace("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n", "");
        for size in 1..STREAM.len() {
            let mut filter = UsageFilter::default();
            let mut passed = Vec::new();
            for piece in STREAM.as_bytes().chunks(size) {
                passed.extend_from_slice(&filter.push(piece));
            }
            passed.extend_from_slice(&filter.finish());
            let passed = String::from_utf8(passed).unwrap();
            assert_eq!(passed.replace('\r', ""), wanted.replace('\r', ""), "cut every {size} bytes");
        }
    }

    #[test]
    fn passes_an_event_that_the_body_leaves_open() {
        let mut filter = UsageFilter::default();
        assert!(filter.push(b"data: {\"choices\":[{").is_empty());
        assert!(!filter.is_empty());
        assert_eq!(&filter.finish()[..], b"data: {\"choices\":[{");
    }
}
