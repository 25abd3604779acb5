//! The pieces of a model server's own stream within the parts of an AWS event stream: server-sent events or lines.

use serde::de::IgnoredAny;

use crate::memory::{Buffer, Full};

/// Shows each document of a part. SageMaker cuts parts where it likes: a line without its end is held until the next
/// part, unless it is a document already.
pub(super) fn each(part: &[u8], held: &mut Buffer, mut see: impl FnMut(&[u8])) -> Result<(), Full> {
    let joined;
    let mut part = part;
    if !held.is_empty() {
        held.extend(part)?;
        joined = held.to_vec();
        held.clear();
        part = &joined;
    }
    let mut lines = part.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let document = line.trim_ascii();
        let document = document.strip_prefix(b"data:").map_or(document, <[u8]>::trim_ascii_start);
        let whole = || document == b"[DONE]" || serde_json::from_slice::<IgnoredAny>(document).is_ok();
        if lines.peek().is_none() && !line.is_empty() && !whole() {
            return held.extend(line);
        }
        if document.starts_with(b"{") || document == b"[DONE]" {
            see(document);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Limits;

    const LIMITS: Limits = Limits { piece: 1 << 10, process: usize::MAX };

    #[test]
    fn joins_what_is_cut_into_parts_anywhere() {
        for body in [
            "data: {\"a\":1}\n\ndata:{\"b\":\"data: \"}\n\ndata: [DONE]\n\n",
            "{\"a\":1}\n{\"b\":\"data: \"}\n[DONE]",
        ] {
            for size in 1..body.len() {
                let (mut seen, mut held) = (Vec::new(), Buffer::new(LIMITS));
                for part in body.as_bytes().chunks(size) {
                    each(part, &mut held, |piece| seen.push(String::from_utf8(piece.to_vec()).unwrap()))
                        .unwrap();
                }
                assert_eq!(seen, ["{\"a\":1}", "{\"b\":\"data: \"}", "[DONE]"], "in parts of {size}");
            }
        }
        let mut held = Buffer::new(LIMITS);
        let long = [b"{\"a\":\"".as_slice(), &[b'x'; 2000]].concat();
        assert_eq!(each(&long, &mut held, |_| {}), Err(Full::Piece));
    }

    #[test]
    fn finds_documents_in_events_and_lines() {
        let of = |part: &str| {
            let (mut seen, mut held) = (Vec::new(), Buffer::new(LIMITS));
            each(part.as_bytes(), &mut held, |piece| seen.push(String::from_utf8(piece.to_vec()).unwrap()))
                .unwrap();
            seen
        };
        assert_eq!(
            of("data: {\"a\":1}\n\ndata:{\"b\":2}\n\ndata: [DONE]\n\n"),
            ["{\"a\":1}", "{\"b\":2}", "[DONE]"]
        );
        assert_eq!(of("{\"a\":1}\n{\"b\":2}"), ["{\"a\":1}", "{\"b\":2}"]);
        assert!(of(": ping\n\n").is_empty());
    }
}
