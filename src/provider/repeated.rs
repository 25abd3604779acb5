//! A stream says the same thing with another piece of text, hundreds of times. Where an event differs from one before in its
//! text, in counts so far and in what no reader looks at, only the text is read.
//!
//! The shape of an event is remembered when the event handed on one piece of text and left all other facts as they were, but
//! for counts. Another event of that shape would leave them as they are as well, as long as nothing has changed them in
//! between. Of counts in a row the last ones count, so that they are read when the row ends.

mod scan;
mod shape;
#[cfg(test)]
mod tests;

use self::shape::{Place, Shape};
use super::format::{Event, Reading};
use crate::call::ResponseFacts;
use crate::json;

/// Events in a row that are read in full before a stream counts as one that does not repeat itself. From then on only one
/// in so many is remembered.
const ATTEMPTS: u8 = 8;
const PAUSE: u8 = 32;

/// Bytes of an event that is remembered.
const MAX_EVENT: usize = 8192;

/// Shapes that are remembered: a stream of several choices says one after the other.
const MAX_SHAPES: usize = 4;

/// In what the events of a wire format may differ and still be read alike.
#[derive(Debug)]
pub(crate) struct Repetition {
    /// All members that hold what the model says. Of several with the same text one is read; in the text itself no reader
    /// looks at more than whether it is empty.
    pub(crate) texts: &'static [&'static str],
    /// Members that no reader looks at, by their paths.
    pub(crate) ignored: &'static [&'static [&'static str]],
    /// Members that count so far: of several in a row the last one counts, and it is compared with nothing before the end.
    pub(crate) counts: &'static [&'static str],
}

/// Where a piece of text belongs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Channel {
    #[default]
    Text,
    Reasoning,
    /// The arguments of the tool call of this index.
    Arguments(u64),
}

/// What an event handed on while it was read in full.
#[derive(Debug, Default)]
struct Said {
    /// Pieces of output of any channel.
    pieces: u32,
    channel: Channel,
    choice: u64,
    /// The first piece.
    text: String,
}

/// A shape, and where its text belongs.
#[derive(Debug)]
struct Known {
    shape: Shape,
    channel: Channel,
    choice: u64,
}

/// The events that others repeat.
#[derive(Debug, Default)]
pub(crate) struct Repeated {
    known: Vec<Known>,
    /// Events read in full since the last that repeated one.
    misses: u8,
    /// Whether the event at hand may be remembered.
    listening: bool,
    said: Said,
    /// The last event whose counts are not read yet, and its shape.
    held: Vec<u8>,
    counting: Option<usize>,
    decoded: String,
}

impl Repeated {
    /// Notes that the event at hand hands on a piece of text.
    pub(super) fn note(&mut self, channel: Channel, choice: u64, text: &str) {
        if !self.listening {
            return;
        }
        self.said.pieces = self.said.pieces.saturating_add(1);
        if self.said.pieces == 1 {
            (self.said.channel, self.said.choice) = (channel, choice);
            self.said.text.clear();
            self.said.text.push_str(if text.len() <= MAX_EVENT { text } else { "" });
        }
    }

    /// Notes that the event at hand is more than a piece of text.
    pub(super) const fn note_more(&mut self) {
        self.said.pieces = u32::MAX;
    }

    /// Which of the known shapes an event has, and where its text is.
    fn find(&mut self, event: Event<'_>) -> Option<(usize, Place)> {
        if event.exception || event.data.len() > MAX_EVENT {
            return None;
        }
        let mut known = self.known.iter_mut().enumerate();
        known.find_map(|(index, known)| Some((index, known.shape.text_of(event.name, event.data)?)))
    }

    /// Remembers an event that was read in full, if all it did was to hand on a piece of text and to count. `before` are the
    /// facts of before it.
    fn learn(
        &mut self,
        event: Event<'_>,
        mut before: ResponseFacts,
        facts: &ResponseFacts,
        repetition: &Repetition,
    ) {
        let grown = facts.output_bytes.saturating_sub(before.output_bytes);
        before.output_bytes = facts.output_bytes;
        before.counted = facts.counted;
        let same = before == *facts;
        if !same {
            // A shape may hold what has changed, and would change it back.
            self.known.clear();
            before.usage.clone_from(&facts.usage);
            before.reported_total = facts.reported_total;
        }
        let said = &self.said;
        let text_alone = said.pieces == 1 && grown > 0 && grown == said.text.len() as u64 && !event.exception;
        if !text_alone || event.data.len() > MAX_EVENT || !(same || before == *facts) {
            return;
        }
        let Some(shape) = Shape::of(event.name, event.data, &said.text, repetition) else { return };
        if !same && !shape.counts() {
            return;
        }
        if self.known.len() == MAX_SHAPES {
            self.known.pop();
        }
        // The newest is the likeliest.
        self.known.insert(0, Known { shape, channel: said.channel, choice: said.choice });
    }
}

/// Reads an event by what it repeats, or else with `full`.
pub(super) fn read(
    event: Event<'_>,
    reading: &mut Reading,
    repetition: &Repetition,
    full: &dyn Fn(Event<'_>, &mut Reading),
) {
    if !reading.cut
        && let Some((index, place)) = reading.repeated.find(event)
        && reading.repeated.counting.is_none_or(|counting| counting == index)
        && read_text(event, index, &place, reading).is_some()
    {
        return;
    }
    settle(reading, full);
    let repeated = &mut reading.repeated;
    repeated.misses = repeated.misses.wrapping_add(1);
    if repeated.misses > ATTEMPTS && !repeated.misses.is_multiple_of(PAUSE) {
        repeated.known.clear();
        return full(event, reading);
    }
    repeated.listening = true;
    repeated.said.pieces = 0;
    let before = reading.facts.clone();
    full(event, reading);
    if reading.cut || reading.unreadable || reading.part.is_some() {
        reading.repeated.note_more();
    }
    reading.repeated.listening = false;
    reading.repeated.learn(event, before, &reading.facts, repetition);
}

/// Hands on the text of an event of a known shape, and holds the event where it counts.
fn read_text(event: Event<'_>, index: usize, place: &Place, reading: &mut Reading) -> Option<()> {
    let repeated = &mut reading.repeated;
    let known = repeated.known.get(index)?;
    let spelling = std::str::from_utf8(event.data.get(place.range.clone())?).ok()?;
    let text = match place.escaped {
        true => json::unescape(spelling, &mut repeated.decoded).then_some(repeated.decoded.as_str())?,
        false => spelling,
    };
    if known.shape.counts() {
        repeated.held.clear();
        repeated.held.extend_from_slice(event.data);
        repeated.counting = Some(index);
    }
    repeated.misses = 0;
    reading.facts.generated(text.len());
    if let Some(content) = &mut reading.content {
        match known.channel {
            Channel::Text => content.text(known.choice, text),
            Channel::Reasoning => content.reasoning(known.choice, text),
            Channel::Arguments(index) => content.tool_call(known.choice, index, None, None, text),
        }
    }
    Some(())
}

/// Reads the counts of the last event that was read by its text alone.
pub(super) fn settle(reading: &mut Reading, full: &dyn Fn(Event<'_>, &mut Reading)) {
    let Some(index) = reading.repeated.counting.take() else { return };
    let known = reading.repeated.known.swap_remove(index);
    // Others may hold counts of before.
    reading.repeated.known.clear();
    let held = std::mem::take(&mut reading.repeated.held);
    // What it says was handed on.
    let (content, output_bytes) = (reading.content.take(), reading.facts.output_bytes);
    full(Event { name: known.shape.name(), exception: false, data: &held }, reading);
    (reading.content, reading.facts.output_bytes) = (content, output_bytes);
    // They are of that event, and the one at hand may say more.
    reading.facts.end_piece();
    reading.repeated.held = held;
    reading.repeated.known.push(known);
}
