//! A sender's tokens as the conventions count them: totals include their subsets.

use super::Draft;
use crate::convert::third_party::{Input, Thoughts, provider};

/// Finish reasons of a response that holds output. One that was filtered may hold none.
const WROTE: [&str; 9] = [
    "stop",
    "end_turn",
    "stop_sequence",
    "length",
    "max_tokens",
    "tool_calls",
    "tool_call",
    "tool_use",
    "function_call",
];

/// What the tokens of a call are worth for its price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::convert) struct Reading {
    /// Whether all that costs is known, so that a price made of it is exact.
    pub(in crate::convert) complete: bool,
    /// Whether tokens were added that the sender left out, so that its own cost lacks them.
    pub(in crate::convert) added: bool,
    /// Whether the sender counted the tokens itself.
    pub(in crate::convert) counted_by_sender: bool,
}

impl Draft<'_> {
    /// Makes the usage what the conventions have, by the habits of the sender.
    pub(super) fn settle_usage(&mut self, generation: bool) -> Reading {
        let dialect = self.sender.dialect;
        if !generation {
            // Embeddings have neither; some senders write 0.
            for tokens in [
                &mut self.usage.output_tokens,
                &mut self.usage.cache_read_tokens,
                &mut self.usage.cache_write_tokens,
            ] {
                *tokens = tokens.filter(|tokens| *tokens > 0);
            }
        }
        let served_by = self.provider.clone().unwrap_or_default();
        let evidence = self.usage.cache_read_tokens.is_some() || self.usage.cache_write_tokens.is_some();
        let raw = self.total();

        self.add_apart();
        let as_the_api = dialect.input == Input::AsTheApi && !self.more.input_has_cache;
        let apart =
            as_the_api && provider::counts_cache_apart(&served_by) || dialect.input == Input::WithoutCache;
        if apart || self.input_is_below_cache() {
            let cached = self.cached();
            add(&mut self.usage.input_tokens, cached);
        }
        let thoughts = self.add_thoughts(&served_by);
        let settled = self.total();
        let agrees = self.more.total_tokens.is_none_or(|total| [raw, settled].contains(&Some(total)));
        let compacted = self.add_compactions();

        let written = self.usage.cache_write_tokens.unwrap_or(0) > 0;
        let lifetime = !written || self.sender.reports_lifetime();
        let cache = !generation || evidence || self.sender.reports_cached();
        Reading {
            complete: cache
                && lifetime
                && agrees
                && !compacted
                && self.reasoning_is_output()
                && self.counts_both(generation),
            added: thoughts || compacted,
            counted_by_sender: generation && dialect.estimates_without_cache_counts && !evidence,
        }
    }

    /// Adds the parts to a total of which every kind of tokens is apart.
    fn add_apart(&mut self) {
        let parts =
            |modality: &spanledger::Modality| modality.image.unwrap_or(0) + modality.audio.unwrap_or(0);
        // A total that is these two alone shows that the others are parts of them.
        let both = self.more.input_apart.zip(self.more.output_apart).map(|(input, output)| input + output);
        let within = both.is_some() && both == self.more.total_tokens;
        if let Some(input) = self.more.input_apart.filter(|_| self.usage.input_tokens.is_none()) {
            let others = self.cached() + parts(&self.usage.input_modality);
            self.usage.input_tokens = Some(if within { input } else { input + others });
        }
        if let Some(output) = self.more.output_apart.filter(|_| self.usage.output_tokens.is_none()) {
            let others = self.usage.reasoning_tokens.unwrap_or(0) + parts(&self.usage.output_modality);
            self.usage.output_tokens = Some(if within { output } else { output + others });
        }
    }

    /// Reasoning is a part of the output: where more is stated, one of the two is wrong.
    fn reasoning_is_output(&self) -> bool {
        self.usage.reasoning_tokens.unwrap_or(0) <= self.usage.output_tokens.unwrap_or(0)
    }

    /// Whether neither count is zero where a model wrote something: senders that found no count write 0.
    fn counts_both(&self, generation: bool) -> bool {
        let wrote = |reason: &String| WROTE.iter().any(|known| known.eq_ignore_ascii_case(reason));
        let nothing = [self.usage.input_tokens, self.usage.output_tokens].contains(&Some(0));
        !(generation && nothing && self.finish_reasons.iter().flatten().any(wrote))
    }

    /// Cached tokens are a part of the input; an input below them was counted without them.
    fn input_is_below_cache(&self) -> bool {
        self.usage.input_tokens.is_some_and(|input| input < self.cached())
    }

    /// Adds the thoughts to an output that leaves them out: what only the total shows, or what the sender counts apart.
    fn add_thoughts(&mut self, served_by: &str) -> bool {
        if !provider::counts_thoughts_apart(served_by) {
            return false;
        }
        let hidden = match (self.more.total_tokens, self.total()) {
            (Some(total), Some(known)) => total.saturating_sub(known),
            _ => 0,
        };
        let left_out = self.sender.dialect.thoughts == Thoughts::LeftOut;
        let thoughts = if left_out { self.usage.reasoning_tokens.unwrap_or(0) } else { hidden };
        if thoughts == 0 || self.usage.output_tokens.is_none() {
            return false;
        }
        add(&mut self.usage.output_tokens, thoughts);
        self.usage.reasoning_tokens.get_or_insert(thoughts);
        true
    }

    /// Adds what compactions used, which is billed and in no total. How much of it was cached is not known.
    fn add_compactions(&mut self) -> bool {
        let (input, output) =
            (self.more.compaction_input.unwrap_or(0), self.more.compaction_output.unwrap_or(0));
        add(&mut self.usage.input_tokens, input);
        add(&mut self.usage.output_tokens, output);
        input + output > 0
    }

    fn cached(&self) -> u64 {
        self.usage.cache_read_tokens.unwrap_or(0) + self.usage.cache_write_tokens.unwrap_or(0)
    }

    fn total(&self) -> Option<u64> {
        match (self.usage.input_tokens, self.usage.output_tokens) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0) + output.unwrap_or(0)),
        }
    }
}

fn add(tokens: &mut Option<u64>, more: u64) {
    if let Some(tokens) = tokens {
        *tokens += more;
    }
}
