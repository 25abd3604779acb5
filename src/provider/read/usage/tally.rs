//! What one usage object holds, by meaning instead of by name.

use std::borrow::Cow;

use super::path::Path;
use crate::billing::{Count, Pass, Word};
use crate::call::ResponseFacts;
use crate::charge::Charge;
use crate::coverage::{Coverage, MAX_PATHS, Reason};
use crate::usage::{Modality, Usage};

/// What a count means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(in crate::provider) enum Slot {
    /// All input, cached tokens included.
    Input,
    /// Input without the cached tokens.
    Uncached,
    /// Input that tools brought, counted apart from the prompt.
    ToolPrompt,
    /// All output, reasoning included; or without it, where `Thoughts` counts it apart.
    Output,
    /// Reasoning that the output leaves out.
    Thoughts,
    /// Reasoning within the output.
    Reasoning,
    CacheRead,
    CacheWrite,
    CacheWrite1h,
    /// Cache writes of five minutes, whose price all cache writes have.
    CacheWrite5m,
    /// Input that was found in the cache, where `CacheRead` is the count of another convention.
    CacheHit,
    /// Input that was looked for in the cache and not found.
    CacheMiss,
    /// What the provider calls the total.
    Total,
    InputText,
    InputImage,
    InputAudio,
    InputVideo,
    OutputText,
    OutputImage,
    OutputAudio,
    OutputVideo,
    CacheText,
    CacheImage,
    CacheAudio,
    Citation,
    WebSearch,
    FileSearch,
    SocialSearch,
    CodeExecution,
    RerankSearch,
    InputAudioSeconds,
    OutputAudioSeconds,
    OutputImages,
    OutputVideoSeconds,
    InputCharacters,
    InputPages,
    /// Cohere's used tokens, which are billed only where no billed ones are given.
    UsedInput,
    UsedOutput,
    /// The count of an element of a list, whose meaning another member names.
    Element,
}

const SLOTS: usize = Slot::Element as usize + 1;

/// Quantities that the tally hands to the bill as they are.
const BILLED: [(Slot, Count); 15] = [
    (Slot::CacheWrite1h, Count::CacheWrite1h),
    (Slot::Citation, Count::Citation),
    (Slot::CodeExecution, Count::CodeExecution),
    (Slot::FileSearch, Count::FileSearch),
    (Slot::InputAudioSeconds, Count::InputAudioSeconds),
    (Slot::InputCharacters, Count::InputCharacters),
    (Slot::InputPages, Count::InputPages),
    (Slot::InputVideo, Count::InputVideo),
    (Slot::OutputAudioSeconds, Count::OutputAudioSeconds),
    (Slot::OutputImages, Count::OutputImages),
    (Slot::OutputVideo, Count::OutputVideo),
    (Slot::OutputVideoSeconds, Count::OutputVideoSeconds),
    (Slot::RerankSearch, Count::RerankSearch),
    (Slot::SocialSearch, Count::SocialSearch),
    (Slot::WebSearch, Count::WebSearch),
];

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(in crate::provider) enum Name {
    Tier,
    /// Vertex AI: on demand, in which tier, or from a reserved capacity.
    Traffic,
    Speed,
    Region,
    SearchContext,
    /// Of an element: what it counts.
    Kind,
    /// Of an element: whose tokens it counts.
    Model,
}

const NAMES: usize = Name::Model as usize + 1;

/// Who reports a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::provider) enum Amount {
    /// The meter of the provider itself, whose zero is a price.
    Metered,
    /// A gateway's figure, whose zero may only say that it knows no price.
    Charged,
    /// What the provider behind the gateway charges.
    Upstream,
}

/// Charges beyond this are no charge of one call.
const MAX_USD: f64 = 1e6;
/// By what part of it a charge may differ from the same one in fewer digits.
const ROUNDING: f64 = 0.01;

/// The members of one usage object.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Tally<'a> {
    /// The member is an object, be it an empty one.
    pub(super) object: bool,
    counts: [Option<u64>; SLOTS],
    names: [Option<Cow<'a, str>>; NAMES],
    charge: Charge,
    pub(super) own_key: Option<bool>,
    pub(super) passes: Vec<Pass>,
    /// Members that no entry of the table takes.
    pub(super) unparsed: Vec<String>,
    /// Members that cost something at a price that is not known.
    pub(super) unpriced: Vec<String>,
}

impl Default for Tally<'_> {
    fn default() -> Self {
        Self {
            object: false,
            counts: [None; SLOTS],
            names: Default::default(),
            charge: Charge::default(),
            own_key: None,
            passes: Vec::new(),
            unparsed: Vec::new(),
            unpriced: Vec::new(),
        }
    }
}

impl<'a> Tally<'a> {
    /// Notes a count; `false` when another member counts the same and has another number that is not zero.
    pub(super) fn count(&mut self, slot: Slot, count: u64) -> bool {
        let old = &mut self.counts[slot as usize];
        let agrees = count == 0 || old.is_none_or(|old| old == 0 || old == count);
        *old = (*old).max(Some(count));
        agrees
    }

    /// Adds to a slot: elements of a list add up.
    pub(in crate::provider) fn add(&mut self, slot: Slot, count: u64) {
        let old = &mut self.counts[slot as usize];
        *old = Some(old.unwrap_or(0).saturating_add(count));
    }

    pub(super) fn text(&mut self, name: Name, text: Cow<'a, str>) {
        self.names[name as usize] = Some(text);
    }

    /// Notes a charge; `false` when it is none, or another one was given that differs by more than rounding.
    pub(super) fn charge(&mut self, amount: Amount, usd: f64) -> bool {
        if !(0.0..MAX_USD).contains(&usd) {
            return false;
        }
        let old = match amount {
            Amount::Metered => &mut self.charge.metered,
            Amount::Charged => &mut self.charge.charged,
            Amount::Upstream => &mut self.charge.upstream,
        };
        let agrees = usd == 0.0 || old.is_none_or(|old| old == 0.0 || (old - usd).abs() <= usd * ROUNDING);
        *old = Some(old.unwrap_or(0.0).max(usd));
        agrees
    }

    /// Notes a member that no entry of the table takes.
    #[cold]
    pub(super) fn note_unparsed(&mut self, path: &Path<'_>) {
        if self.unparsed.len() <= MAX_PATHS {
            self.unparsed.push(path.written());
        }
    }

    /// Notes a member that costs something at a price that is not known.
    #[cold]
    pub(super) fn note_unpriced(&mut self, path: &Path<'_>) {
        if self.unpriced.len() <= MAX_PATHS {
            self.unpriced.push(path.written());
        }
    }

    /// The counts without one of them.
    pub(in crate::provider) fn without(&self, slot: Slot) -> Self {
        let mut counts = self.counts;
        counts[slot as usize] = None;
        Self { counts, ..self.clone() }
    }

    /// Whether anything was counted.
    pub(in crate::provider) fn counts_any(&self) -> bool {
        self.counts.iter().any(Option::is_some)
    }

    /// Whether the member holds anything.
    pub(in crate::provider) fn is_there(&self) -> bool {
        self.object
            || self.charge != Charge::default()
            || !(self.unparsed.is_empty() && self.unpriced.is_empty())
    }

    pub(in crate::provider) const fn get(&self, slot: Slot) -> Option<u64> {
        self.counts[slot as usize]
    }

    pub(in crate::provider) fn name(&self, name: Name) -> Option<&str> {
        self.names[name as usize].as_deref()
    }

    /// Adds a pass of a model; `false` when there are too many.
    pub(in crate::provider) fn push(&mut self, pass: Pass) -> bool {
        let room = self.passes.len() < crate::billing::MAX_PASSES;
        if room {
            self.passes.push(pass);
        }
        room
    }

    /// The counts whose meaning every API shares.
    pub(in crate::provider) fn usage(&self) -> Usage {
        let of = |text, image, audio| Modality {
            text: self.get(text),
            image: self.get(image),
            audio: self.get(audio),
        };
        Usage {
            input_tokens: self.get(Slot::Input),
            output_tokens: self.get(Slot::Output),
            cache_read_tokens: self.get(Slot::CacheRead),
            cache_write_tokens: self.get(Slot::CacheWrite),
            reasoning_tokens: self.get(Slot::Reasoning),
            input_modality: of(Slot::InputText, Slot::InputImage, Slot::InputAudio),
            output_modality: of(Slot::OutputText, Slot::OutputImage, Slot::OutputAudio),
            cache_read_modality: of(Slot::CacheText, Slot::CacheImage, Slot::CacheAudio),
        }
    }

    /// Whether cache writes by lifetime, and hits and misses of the cache, are what they are parts of. Writes of one lifetime that
    /// are fewer than all leave the price of the rest open.
    pub(super) fn parts_add_up(&self) -> bool {
        let sum = |parts: [Option<u64>; 2]| parts.into_iter().flatten().sum::<u64>();
        let written = [self.get(Slot::CacheWrite5m), self.get(Slot::CacheWrite1h)];
        let looked_up = [self.get(Slot::CacheMiss), self.get(Slot::CacheRead)];
        let adds_up =
            |total: Option<u64>, known: bool, parts| !known || total.is_none_or(|total| total == sum(parts));
        adds_up(self.get(Slot::CacheWrite), written.iter().any(Option::is_some), written)
            && adds_up(self.get(Slot::Input), looked_up.iter().all(Option::is_some), looked_up)
    }

    /// Hands over all but the token counts, which each API merges by its own rule.
    pub(in crate::provider) fn note(&self, facts: &mut ResponseFacts) {
        for (slot, count) in BILLED {
            facts.billing.set(count, self.get(slot).unwrap_or(0));
        }
        for (name, word) in [
            (Name::Speed, Word::Speed),
            (Name::Region, Word::Region),
            (Name::SearchContext, Word::SearchContext),
        ] {
            self.note_word(name, word, facts);
        }
        if let Some(tier) = self.name(Name::Tier).or_else(|| self.name(Name::Traffic).map(tier_of)) {
            facts.note_tier(tier);
        }
        if !self.passes.is_empty() {
            facts.billing.set_passes(self.passes.clone());
        }
        facts.charge(Charge { own_key: self.own_key, ..self.charge });
        facts.reported_total = self.get(Slot::Total).filter(|total| *total > 0).or(facts.reported_total);
        facts.cache_by_lifetime |=
            self.get(Slot::CacheWrite5m).is_some() || self.get(Slot::CacheWrite1h).is_some();
        if !self.parts_add_up() {
            facts.coverage.note(Reason::Total, "usage.cache".to_owned());
        }
        note_all(&self.unparsed, &mut facts.coverage);
        note_all(&self.unpriced, &mut facts.unpriced);
    }

    fn note_word(&self, name: Name, word: Word, facts: &mut ResponseFacts) {
        let Some(text) = self.name(name).map(str::trim).filter(|text| !text.is_empty()) else { return };
        facts.named.insert(word);
        if is_usual(word, text) {
            return;
        }
        let text = text.to_ascii_lowercase();
        if !facts.billing.word(word, &text) {
            facts.coverage.note(Reason::Member, format!("usage.{}", word.key()));
        }
    }
}

fn note_all(paths: &[String], coverage: &mut Coverage) {
    for path in paths {
        coverage.note(Reason::Member, path.clone());
    }
}

/// Whether a text is what every price is given for.
fn is_usual(word: Word, text: &str) -> bool {
    let usual: &[&str] = match word {
        Word::Speed => &["", "standard"],
        Word::Region => &["", "global", "not_available"],
        _ => &[""],
    };
    usual.iter().any(|usual| usual.eq_ignore_ascii_case(text))
}

/// The service tier in Vertex AI's `trafficType`: `ON_DEMAND_FLEX` is flex, `ON_DEMAND` alone the standard one.
fn tier_of(traffic: &str) -> &str {
    match traffic {
        // The numbers are those of `enum-encoding=int`.
        "ON_DEMAND" | "TRAFFIC_TYPE_UNSPECIFIED" | "0" | "1" => "standard",
        "ON_DEMAND_FLEX" => "flex",
        "ON_DEMAND_PRIORITY" => "priority",
        "PROVISIONED_THROUGHPUT" | "2" => "provisioned_throughput",
        other => other,
    }
}
