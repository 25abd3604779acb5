//! How Anthropic bills what one response needed: passes of several models, refusals, and code that runs for web tools.
//! Sources: platform.claude.com, "Refusals and fallback", "Fallback credit" and "Code execution tool".

use super::ResponseFacts;
use crate::billing::{Count, Pass};
use crate::coverage::Reason;
use crate::usage::Usage;

/// An attempt of the model that took over from one that declined.
const FALLBACK: &str = "fallback_message";

impl ResponseFacts {
    /// Anthropic lists the passes of the model. Its own counts hold those that wrote the message; those that
    /// compacted the context before it are billed as well, and those of an advisor at the advisor's price. After a fallback
    /// its counts are of the model that took over last; one that declined before is billed by what it wrote until then.
    pub(super) fn settle_passes(&mut self) {
        let all = self.billing.passes();
        if all.is_empty() {
            if self.fell_back.is_some() {
                self.unpriced.note(Reason::Member, "content.fallback".to_owned());
            }
            return;
        }
        let last = all.iter().rev().find(|pass| pass.kind == FALLBACK);
        let wrote = |pass: &Pass| match last {
            Some(last) => pass.kind == FALLBACK && pass.model == last.model,
            None => writes(pass),
        };
        let mut written = Usage::default();
        for pass in all.iter().filter(|pass| wrote(pass)) {
            written.add(&pass.usage);
        }
        let declined_output =
            |pass: &Pass| writes(pass) && !wrote(pass) && pass.usage.output_tokens > Some(0);
        // Output of an attempt that the response does not show.
        if self.fell_back == Some(false) && all.iter().any(declined_output) {
            self.unpriced.note(Reason::Total, "usage.iterations".to_owned());
        }
        let billed = |pass: &&Pass| !writes(pass) || wrote(pass) || declined_output(pass);
        let mut passes: Vec<Pass> = all.iter().filter(billed).cloned().collect();
        // The head of a stream names the model that declined.
        let declined = all.iter().any(|pass| writes(pass) && !wrote(pass) && pass.model == self.model);
        if let Some(model) = last.and_then(|last| last.model.clone()).filter(|_| declined) {
            self.model = Some(model);
        }
        // One pass of the model itself is what the counts are.
        let own = |pass: &Pass| writes(pass) && (pass.model.is_none() || pass.model == self.model);
        let alone = matches!(passes.as_slice(), [only] if own(only));
        let totals = |usage: &Usage| (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
        if totals(&written) != totals(&self.usage) {
            self.coverage.note(Reason::Total, "usage.iterations".to_owned());
        }
        for pass in passes.iter().filter(|pass| !writes(pass) && pass.model.is_none()) {
            self.usage.add(&pass.usage);
            self.billing.add(Count::CacheWrite1h, pass.cache_write_1h);
        }
        if alone {
            passes.clear();
        }
        self.billing.set_passes(passes);
    }

    /// Notes what costs more or less than the counts show.
    pub(super) fn check_claude(&mut self, free_code: bool, redeems_credit: bool) {
        let mut note = |costs: bool, path: &str| {
            if costs {
                self.unpriced.note(Reason::Member, path.to_owned());
            }
        };
        // A refusal before any output is not billed, and its tokens are counted.
        let refused = self.finish_reasons.values().any(|reason| reason == "refusal");
        note(refused && !self.output, "stop_reason");
        note(self.uncounted_search, "usage.server_tool_use");
        note(self.container && !free_code, "container");
        // Cache writes are then billed as reads. Not every response reports it.
        note(redeems_credit && !self.usage.is_empty(), "request.fallback_credit_token");
        if free_code {
            self.billing.waive(Count::CodeExecution);
        }
    }
}

/// Whether a pass writes what the response says.
fn writes(pass: &Pass) -> bool {
    matches!(pass.kind.as_str(), "message" | FALLBACK | "model")
}
