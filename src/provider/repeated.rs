//! A stream says the same thing with another piece of text, hundreds of times. Where an event differs from one before in its
//! text alone, only the text is read.
//!
//! An event is remembered when it handed on one piece of text and left all other facts as they were. A later event with the
//! same bytes around another string would leave them as they are as well, as long as nothing has changed them in between.

use super::format::{Event, Reading};
use crate::call::ResponseFacts;

/// Events in a row that are read in full before a stream counts as one that does not repeat itself.
const ATTEMPTS: u8 = 8;

/// Bytes of an event that is remembered.
const MAX_EVENT: usize = 4096;

/// Where a piece of text belongs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Channel {
    #[default]
    Text,
    Reasoning,
}

/// The one piece of text that an event handed on.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    /// Pieces of output of any channel.
    pieces: u32,
    channel: Channel,
    choice: u64,
    /// Where the text is in memory, to find it in the event.
    address: usize,
    length: usize,
}

/// The event that others repeat.
#[derive(Debug, Default)]
pub(crate) struct Repeated {
    /// Nothing but text has come since it was remembered.
    known: bool,
    name: Option<String>,
    /// Its bytes without the text, and where that was.
    around: Vec<u8>,
    place: usize,
    channel: Channel,
    choice: u64,
    /// Events read in full since the last that repeated it.
    misses: u8,
    said: Said,
}

impl Repeated {
    /// Notes that the event at hand hands on a piece of text.
    pub(super) fn note(&mut self, channel: Channel, choice: u64, text: &str) {
        let pieces = self.said.pieces.saturating_add(1);
        self.said = Said { pieces, channel, choice, address: text.as_ptr().addr(), length: text.len() };
    }

    /// Notes output that is more than a piece of text.
    pub(super) const fn note_more(&mut self) {
        self.said.pieces = u32::MAX;
    }

    /// The text of an event that repeats the one before in all else.
    fn text_of<'a>(&self, event: Event<'a>) -> Option<&'a str> {
        if !self.known || event.exception || event.name != self.name.as_deref() {
            return None;
        }
        let (before, after) = self.around.split_at_checked(self.place)?;
        let text = event.data.strip_prefix(before)?.strip_suffix(after)?;
        // A quote would end the string, an escape has another meaning, and a control is not allowed.
        let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
        (!text.is_empty() && text.iter().all(plain)).then(|| std::str::from_utf8(text).ok())?
    }

    /// Remembers an event that was read in full, if all it did was to hand on a piece of text. `before` are the facts of
    /// before it.
    fn learn(&mut self, event: Event<'_>, before: ResponseFacts, facts: &ResponseFacts) {
        self.misses += 1;
        let said = self.said;
        let grown = facts.output_bytes.saturating_sub(before.output_bytes);
        let unchanged = ResponseFacts { output_bytes: facts.output_bytes, ..before } == *facts;
        self.known &= unchanged && self.misses < ATTEMPTS;
        if !unchanged || said.pieces != 1 || grown != said.length as u64 || event.exception {
            return;
        }
        // Text that is not in the event as it is has escapes, or was mended.
        let Some(place) = said.address.checked_sub(event.data.as_ptr().addr()) else { return };
        let Some((before, rest)) = event.data.split_at_checked(place) else { return };
        let Some((_, after)) = rest.split_at_checked(said.length) else { return };
        if before.last() != Some(&b'"') || after.first() != Some(&b'"') || event.data.len() > MAX_EVENT {
            return;
        }
        self.around.clear();
        self.around.extend_from_slice(before);
        self.around.extend_from_slice(after);
        self.name = event.name.map(str::to_owned);
        (self.place, self.channel, self.choice) = (place, said.channel, said.choice);
        (self.known, self.misses) = (true, 0);
    }
}

/// Reads an event by what it repeats, or else with `read`.
pub(super) fn read(event: Event<'_>, reading: &mut Reading, read: impl FnOnce(&mut Reading)) {
    if !reading.cut
        && let Some(text) = reading.repeated.text_of(event)
    {
        reading.repeated.misses = 0;
        match reading.repeated.channel {
            Channel::Text => reading.text(reading.repeated.choice, Some(text)),
            Channel::Reasoning => reading.reasoning(reading.repeated.choice, Some(text)),
        }
        return;
    }
    if reading.repeated.misses >= ATTEMPTS {
        reading.repeated.known = false;
        return read(reading);
    }
    let before = reading.facts.clone();
    reading.repeated.said = Said::default();
    read(reading);
    if reading.cut || reading.unreadable || reading.part.is_some() {
        reading.repeated.note_more();
    }
    reading.repeated.learn(event, before, &reading.facts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Capture;
    use crate::provider::testing::recognised;

    const CHAT: &str = "https://api.openai.com/v1/chat/completions";
    const MESSAGES: &str = "https://api.anthropic.com/v1/messages";

    /// Reads events as they come and each by itself, and fails where that gives something else. Gives how many were read by
    /// what they repeat.
    fn same(url: &str, events: &[(Option<&str>, String)]) -> usize {
        let format = recognised(url).unwrap().format;
        let new = || Reading { content: Capture::full().output(), ..Reading::default() };
        let (mut by_repetition, mut in_full, mut repeated) = (new(), new(), 0);
        for (name, data) in events {
            let event = Event { name: *name, exception: false, data: data.as_bytes() };
            repeated += usize::from(by_repetition.repeated.text_of(event).is_some());
            format.read_piece(event, &mut by_repetition);
            in_full.repeated = Repeated::default();
            format.read_piece(event, &mut in_full);
            assert_eq!(by_repetition.facts, in_full.facts, "{data}");
        }
        assert_eq!(std::format!("{:?}", by_repetition.content), std::format!("{:?}", in_full.content));
        repeated
    }

    fn chat(delta: &str) -> (Option<&'static str>, String) {
        let data = format!(
            r#"{{"id":"c1","model":"gpt-4o","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#
        );
        (None, data)
    }

    fn said(text: &str) -> (Option<&'static str>, String) {
        chat(&format!(r#"{{"content":"{text}"}}"#))
    }

    #[test]
    fn the_second_event_with_text_is_remembered_and_the_third_repeats_it() {
        let events = ["The", " model", " says", " the", " same"].map(said);
        assert_eq!(same(CHAT, &events), 3);
    }

    #[test]
    fn what_looks_like_the_end_of_a_string_is_read_in_full() {
        let odd = [
            r"a\nb",
            r#"\""#,
            r#"a"},"finish_reason":"stop","x":{"y":"b"#,
            "a\u{7f}é🦀",
            "a\nb",
            "",
            r"\u0041",
            "[DONE]",
            "$",
        ];
        for text in odd {
            let events = ["a", "b", "c", text, "d", text, "e"].map(said);
            same(CHAT, &events);
        }
        // No UTF-8.
        let format = recognised(CHAT).unwrap().format;
        let mut reading = Reading::default();
        for text in [&b"a"[..], b"b", b"c", b"\xff", b"d"] {
            let (_, data) = said("@");
            let (before, after) = data.split_once('@').unwrap();
            let data = [before.as_bytes(), text, after.as_bytes()].concat();
            format.read_piece(Event { name: None, exception: false, data: &data }, &mut reading);
        }
        assert_eq!(reading.facts.output_bytes, 4 + "\u{fffd}".len() as u64);
    }

    #[test]
    fn events_of_other_kinds_in_between_are_read_and_what_they_change_is_kept() {
        let between = [
            chat(r#"{"role":"assistant"}"#),
            chat(r#"{"reasoning_content":"so"}"#),
            chat(r#"{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]}"#),
            (None, r#"{"id":"c1","model":"other","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#.to_owned()),
            (None, r#"{"error":{"code":"overloaded"}}"#.to_owned()),
            (None, "[DONE]".to_owned()),
            (None, "no json".to_owned()),
            (Some("error"), said("c").1),
            (None, format!("{} {}", said("x").1, said("y").1)),
        ];
        for one in &between {
            for other in &between {
                let mut events = ["a", "b", "c"].map(said).to_vec();
                events.extend([
                    one.clone(),
                    said("d"),
                    said("e"),
                    other.clone(),
                    one.clone(),
                    said("f"),
                    said("g"),
                ]);
                assert!(same(CHAT, &events) >= 1);
            }
        }
    }

    #[test]
    fn several_choices_in_turn_and_two_texts_in_one_event_are_kept_apart() {
        let of = |choice: u8, text: &str| {
            (
                None,
                format!(
                    r#"{{"id":"c","model":"m","choices":[{{"index":{choice},"delta":{{"content":"{text}"}}}}]}}"#
                ),
            )
        };
        let turns: Vec<_> = (0..20).map(|turn| of(turn % 2, "text")).collect();
        same(CHAT, &turns);
        let both = |text: &str| {
            let data = r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"@"}},{"index":1,"delta":{"content":"@"}}]}"#;
            (None, data.replace('@', text))
        };
        assert_eq!(same(CHAT, &["a", "b", "c", "d"].map(both)), 0);
    }

    #[test]
    fn a_message_of_blocks_repeats_its_deltas_of_text_and_of_thinking() {
        let delta = |index: u8, kind: &str, member: &str, text: &str| {
            let data = format!(
                r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{member}":"{text}"}}}}"#
            );
            (Some("content_block_delta"), data)
        };
        let mut events: Vec<_> =
            ["I", " think", " so"].map(|text| delta(0, "thinking_delta", "thinking", text)).to_vec();
        events.push((Some("ping"), r#"{"type":"ping"}"#.to_owned()));
        events.extend(["Hel", "lo", " you", " there"].map(|text| delta(1, "text_delta", "text", text)));
        events.push((Some("message_stop"), r#"{"type":"message_stop"}"#.to_owned()));
        assert!(same(MESSAGES, &events) >= 3);
    }

    #[test]
    fn a_stream_that_never_repeats_itself_is_compared_a_few_times_only() {
        let numbered = |number: u32| {
            (
                None,
                format!(
                    r#"{{"id":"c","n":{number},"choices":[{{"index":0,"delta":{{"content":"a"}}}}],"usage":{{"completion_tokens":{number}}}}}"#
                ),
            )
        };
        let events: Vec<_> = (0..40).map(numbered).chain(["a", "b", "c"].map(said)).collect();
        assert_eq!(same(CHAT, &events), 0);
    }
}
