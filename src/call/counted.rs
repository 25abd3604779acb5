//! Which output the counts of a stream are of. Providers repeat their counts as they go, and the last ones are of the whole.

use crate::usage::Usage;

/// Where the output was counted, and how much of it at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Bytes of output when the output was counted last; `None` before.
    bytes: Option<u64>,
    /// Whether the piece that is read now counts it.
    now: bool,
    /// The largest counts since the output began. What comes before is a guess at some providers.
    largest: (u64, u64),
}

impl Counted {
    /// Notes counts of the piece that is read now.
    pub(super) fn note(&mut self, newer: &Usage) {
        self.now |= newer.output_tokens.is_some();
    }

    /// Notes that a piece was read: what is counted by now, after so many bytes of output. Counts and output of one piece
    /// belong together, in whatever order it has them.
    pub(super) fn end_piece(&mut self, usage: &Usage, output_bytes: u64) {
        if !std::mem::take(&mut self.now) {
            return;
        }
        self.bytes = Some(output_bytes);
        if output_bytes > 0 {
            let (input, output) = totals(usage);
            self.largest = (self.largest.0.max(input), self.largest.1.max(output));
        }
    }

    /// Whether no output came after the last count.
    pub(super) fn is_of_all(&self, output_bytes: u64) -> bool {
        self.bytes.is_none_or(|bytes| bytes == output_bytes)
    }

    /// Whether counts so far were larger than those at the end, which are then of a part, or of something else.
    pub(super) fn has_fallen(&self, usage: &Usage) -> bool {
        let (input, output) = totals(usage);
        input < self.largest.0 || output < self.largest.1
    }
}

fn totals(usage: &Usage) -> (u64, u64) {
    (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0))
}
