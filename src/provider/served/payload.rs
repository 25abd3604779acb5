//! The pieces of a model server's own stream within the parts of an AWS event stream: server-sent events or lines.

/// Shows each document of a part. A document that the server cut into two parts is skipped.
pub(super) fn each(part: &[u8], mut see: impl FnMut(&[u8])) {
    for line in part.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        let line = line.strip_prefix(b"data:").map_or(line, <[u8]>::trim_ascii_start);
        if line.starts_with(b"{") || line == b"[DONE]" {
            see(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_documents_in_events_and_lines() {
        let of = |part: &str| {
            let mut seen = Vec::new();
            each(part.as_bytes(), |piece| seen.push(String::from_utf8(piece.to_vec()).unwrap()));
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
