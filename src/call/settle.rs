//! Brings the facts of a response together once all of it was read.

use super::{Call, ResponseFacts};
use crate::billing::{Count, Word};
use crate::charge::Reported;
use crate::coverage::{Coverage, Reason};
use crate::usage::Modality;

impl Call {
    /// Adds what the counts of a response leave out, and checks that they are whole: passes of the model, reasoning
    /// that only the total shows, searches that every request makes; the tier in a header; the total.
    pub(crate) fn settle(&mut self) {
        let searches = self.always_searches();
        let streamed = self.request.stream && !self.response.document;
        let openai = self.destination.openai;
        let (route, region) = (self.request.route.take(), self.request.region.take());
        let characters = self.request.characters;
        let (payment, sound, tools) = (self.request.payment, self.request.sound, self.request.provider_tools);
        let long_cache = self.request.long_cache;
        let asked = self.request.asked;
        let (free_code, redeems_credit) = (self.request.free_code, self.request.redeems_credit);
        let response = &mut self.response;
        response.settle_header_usage();
        response.settle_passes();
        response.settle_tier();
        if let Some(route) = route {
            response.billing.word(Word::Route, &route);
        }
        if let Some(region) = region.filter(|_| response.billing.get(Word::Region).is_none()) {
            response.billing.word(Word::Region, &region);
        }
        // Speech is billed by the characters spoken, which only the request has.
        if let Some(characters) = characters
            && response.usage.is_empty()
            && response.billing.count(Count::InputCharacters) == 0
            && response.ended
        {
            response.billing.set(Count::InputCharacters, characters);
        }
        if searches && response.output {
            response.billing.set(Count::WebSearch, response.billing.count(Count::WebSearch).max(1));
        }
        response.check_claude(free_code, redeems_credit);
        if let (Some(input), Some(total)) = (response.usage.input_tokens, response.reported_total)
            && let Some(rest) = total.checked_sub(input)
            && Some(rest) > response.usage.output_tokens
            && openai
            && response.hides_reasoning(self.request.model.as_deref())
        {
            response.usage.output_tokens = Some(rest);
        }
        response.check_total();
        response.check_counts();
        if streamed {
            response.charge.doubt_header();
        }
        if response.images && response.usage.output_modality.image.is_none() {
            response.unpriced.note(Reason::Member, "message.images".to_owned());
        }
        // A guardrail is billed by the units of text it reads, which only a trace shows.
        let intervened = response.finish_reasons.values().any(|reason| reason == "guardrail_intervened");
        let guarded = self.request.guardrail_id.is_some() || response.guarded || intervened;
        if guarded && response.unpriced.is_whole() {
            response.unpriced.note(Reason::Member, "guardrail".to_owned());
        }
        let cited = response.cited && !response.fetched;
        let searched = response.searched.or_else(|| cited.then_some("annotations"));
        if let Some(path) = searched.filter(|_| response.billing.count(Count::WebSearch) == 0) {
            response.unpriced.note(Reason::Member, path.to_owned());
        }
        if tools && response.output && !response.shows_tools() {
            response.unpriced.note(Reason::Member, "request.tools".to_owned());
        }
        for word in [Word::Speed, Word::Region] {
            if asked.has(word) && !response.named.has(word) && response.output {
                response.unpriced.note(Reason::Member, format!("request.{}", word.key()));
            }
        }
        let written = response.usage.cache_write_tokens.is_some_and(|written| written > 0);
        if long_cache && written && !response.cache_by_lifetime {
            response.unpriced.note(Reason::Member, "request.cache_control.ttl".to_owned());
        }
        let apart = response.usage.input_modality != Modality::default()
            || response.billing.count(Count::InputVideo) > 0;
        if sound && !apart && response.usage.input_tokens.is_some() {
            response.unpriced.note(Reason::Member, "prompt.audio".to_owned());
        }
        if let Some(payment) = payment {
            response.billing.word(Word::Payment, payment);
        }
        if matches!(response.charge.reported(), Reported::Usd(_)) {
            response.unpriced = Coverage::default();
        }
        let unknown = response.coverage.count().saturating_add(response.unpriced.count());
        response.billing.set(Count::Unparsed, unknown);
    }

    /// Whether this is one of OpenAI's search models, which search with every request and report no count.
    fn always_searches(&self) -> bool {
        let model =
            self.request.model.as_deref().filter(|model| model.contains("-search-")).unwrap_or_default();
        self.destination.openai && (model.contains("-search-preview") || model.contains("-search-api"))
    }
}

impl ResponseFacts {
    /// Whether this is Gemini in OpenAI's format, which leaves reasoning out of the output and names it nowhere.
    fn hides_reasoning(&self, asked: Option<&str>) -> bool {
        let mut models = [self.model.as_deref(), asked].into_iter().flatten();
        self.usage.reasoning_tokens.unwrap_or(0) == 0 && models.any(|model| model.contains("gemini"))
    }

    /// Whether the response reports which tools of the provider ran, or what searches cost.
    fn shows_tools(&self) -> bool {
        let ran = [Count::WebSearch, Count::SocialSearch, Count::FileSearch, Count::CodeExecution];
        ran.into_iter().any(|count| self.billing.count(count) > 0)
            || self.billing.get(Word::SearchContext).is_some()
    }

    /// Takes the counts in headers that the body leaves out, unless others contradict it.
    pub(crate) fn settle_header_usage(&mut self) {
        let counted = std::mem::take(&mut self.header_usage);
        let usage = &mut self.usage;
        let same =
            |own: Option<u64>, header: Option<u64>| own.zip(header).is_none_or(|(own, header)| own == header);
        if same(usage.input_tokens, counted.input_tokens) && same(usage.output_tokens, counted.output_tokens)
        {
            usage.input_tokens = usage.input_tokens.or(counted.input_tokens);
            usage.cache_read_tokens = usage.cache_read_tokens.or(counted.cache_read_tokens);
            usage.cache_write_tokens = usage.cache_write_tokens.or(counted.cache_write_tokens);
            usage.output_tokens = usage.output_tokens.or(counted.output_tokens);
        } else {
            self.coverage.note(Reason::Header, "header:tokens".to_owned());
        }
    }

    /// Takes the tier in a header where the body names none.
    fn settle_tier(&mut self) {
        let tier = self.header_tier.take().filter(|_| self.service_tier.is_none());
        if let Some(tier) = tier {
            self.note_tier(&tier);
            self.billing.word(Word::TierSource, "header");
        }
    }

    /// Whether the counts are of what was read: all that the model wrote, an input of something, counts that never fell
    /// and rose with the output, and reasoning within the output. A charge that is reported holds although the last three are odd.
    fn check_counts(&mut self) {
        let usage = &self.usage;
        if self.output && usage.input_tokens.is_some() && self.complete() && !self.counts_all_output() {
            self.coverage.note(Reason::Member, "usage.output_tokens".to_owned());
        }
        if self.output && usage.input_tokens == Some(0) {
            self.unpriced.note(Reason::Total, "usage.input_tokens".to_owned());
        }
        if self.counted.has_fallen(usage) || self.counted.is_stuck(usage) {
            self.unpriced.note(Reason::Total, "usage".to_owned());
        }
        if self.counted.charge_is_old(self.output_bytes) {
            self.coverage.note(Reason::Total, "usage.cost".to_owned());
        }
        if usage.output_tokens.is_some_and(|output| usage.reasoning_tokens.unwrap_or(0) > output) {
            self.unpriced.note(Reason::Total, "usage.reasoning_tokens".to_owned());
        }
    }

    /// Whether the provider's total is that of the parts, with or without the cached tokens.
    fn check_total(&mut self) {
        let usage = &self.usage;
        let (Some(total), Some(input)) = (self.reported_total, usage.input_tokens) else { return };
        let parts = input.saturating_add(usage.output_tokens.unwrap_or(0));
        let cached =
            usage.cache_read_tokens.unwrap_or(0).saturating_add(usage.cache_write_tokens.unwrap_or(0));
        if total != parts && total != parts.saturating_sub(cached) {
            self.coverage.note(Reason::Total, "usage.total_tokens".to_owned());
        }
    }
}
