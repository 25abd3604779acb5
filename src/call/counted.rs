//! Which output the counts of a stream are of. Providers repeat their counts as they go, and the last ones are of the whole.

use crate::charge::Charge;
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
    /// Pieces that brought output, and the bytes of output after the last of them.
    pieces: (u64, u64),
    /// The first count of output after it began, and the bytes by then.
    first: Option<(u64, u64)>,
    /// Bytes of output when a charge was given last; whether the piece that is read now gives one.
    charged: Option<u64>,
    charging: bool,
}

impl Counted {
    /// Notes counts of the piece that is read now.
    pub(super) fn note(&mut self, newer: &Usage) {
        self.now |= newer.output_tokens.is_some();
    }

    /// Notes a charge in the piece that is read now.
    pub(super) const fn note_charge(&mut self, newer: &Charge) {
        self.charging |= newer.metered.is_some() || newer.charged.is_some();
    }

    /// Notes that a piece was read: what is counted by now, after so many bytes of output. Counts and output of one piece
    /// belong together, in whatever order it has them.
    pub(super) fn end_piece(&mut self, usage: &Usage, output_bytes: u64) {
        if output_bytes > self.pieces.1 {
            self.pieces = (self.pieces.0 + 1, output_bytes);
        }
        if std::mem::take(&mut self.charging) {
            self.charged = Some(output_bytes);
        }
        if !std::mem::take(&mut self.now) {
            return;
        }
        self.bytes = Some(output_bytes);
        if output_bytes > 0 {
            let (input, output) = totals(usage);
            self.first.get_or_insert((output, output_bytes));
            self.largest = (self.largest.0.max(input), self.largest.1.max(output));
        }
    }

    /// Whether no output came after the last count.
    pub(super) fn is_of_all(&self, output_bytes: u64) -> bool {
        self.bytes.is_none_or(|bytes| bytes == output_bytes)
    }

    /// Whether the first count is also the last although more output came, and is of fewer tokens than there were pieces: some
    /// count each piece by itself.
    pub(super) fn is_stuck(&self, usage: &Usage) -> bool {
        let (_, output) = totals(usage);
        let rose = |(count, bytes): (u64, u64)| count != output || self.bytes <= Some(bytes);
        self.first.is_some_and(|first| !rose(first)) && output < self.pieces.0
    }

    /// Whether output came after the last charge.
    pub(super) fn charge_is_old(&self, output_bytes: u64) -> bool {
        self.charged.is_some_and(|bytes| bytes < output_bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of so many bytes, each with a count of the output so far, or of itself.
    fn after(pieces: &[(u64, Option<u64>)]) -> (Counted, Usage) {
        let (mut counted, mut usage, mut bytes) = (Counted::default(), Usage::default(), 0);
        for (more, output_tokens) in pieces {
            bytes += more;
            if output_tokens.is_some() {
                usage.output_tokens = *output_tokens;
                counted.note(&usage);
            }
            counted.end_piece(&usage, bytes);
        }
        (counted, usage)
    }

    #[test]
    fn a_count_that_does_not_rise_with_the_output_is_of_a_piece() {
        for (pieces, stuck) in [
            (&[(4, Some(1)), (4, Some(1)), (4, Some(1))][..], true),
            (&[(4, Some(2)), (4, None), (4, Some(2))], true),
            (&[(4, Some(1)), (4, Some(2)), (4, Some(3))], false),
            // What a token is cut into, and a count that is repeated at the end.
            (&[(4, Some(1)), (4, Some(1)), (4, Some(3)), (0, Some(3))], false),
            // All that was made before it was streamed.
            (&[(4, Some(9)), (4, Some(9)), (4, Some(9))], false),
            (&[(0, Some(1)), (4, None), (4, Some(8))], false),
            (&[(1, None), (1, None), (1, None), (0, Some(1))], false),
        ] {
            let (counted, usage) = after(pieces);
            assert_eq!(counted.is_stuck(&usage), stuck, "{pieces:?}");
        }
    }

    #[test]
    fn a_charge_is_old_once_more_output_came() {
        let charge = Charge { charged: Some(0.5), ..Charge::default() };
        let (mut counted, usage) = after(&[(4, None)]);
        counted.note_charge(&charge);
        counted.end_piece(&usage, 8);
        assert!(!counted.charge_is_old(8) && counted.charge_is_old(9));
        assert!(!Counted::default().charge_is_old(9));
    }
}
