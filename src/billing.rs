//! What decides a bill next to tokens, model, tier and host: cache lifetimes, speed, region, server tools, passes of
//! other models. One list of `key=value` carries all of it, so that a bill can be computed again from the span alone.

mod pass;
#[cfg(test)]
mod tests;

pub(crate) use self::pass::Pass;

/// Entries of one list. What a response reports beyond them is left out and makes the cost an estimate.
const MAX_FACTORS: usize = 64;
/// Bytes of a text, such as a region or a model.
const MAX_TEXT: usize = 64;
/// Passes of one response. The rest makes the cost an estimate.
pub(crate) const MAX_PASSES: usize = 16;

/// A quantity that is billed, or that decides how tokens are billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Count {
    /// Cache-write tokens that live for an hour; a subset of all cache-write tokens.
    CacheWrite1h,
    /// Citation tokens; a subset of the output tokens.
    Citation,
    CodeExecution,
    FileSearch,
    InputAudioSeconds,
    InputCharacters,
    InputPages,
    /// A subset of the input tokens.
    InputVideo,
    OutputAudioSeconds,
    OutputImages,
    /// A subset of the output tokens.
    OutputVideo,
    OutputVideoSeconds,
    RerankSearch,
    SocialSearch,
    /// Members of the response that no reader knows, each of which may cost something.
    Unparsed,
    WebSearch,
}

impl Count {
    /// Every quantity, in the order of the attribute's documentation.
    pub(crate) const ALL: [Self; 16] = [
        Self::CacheWrite1h,
        Self::Citation,
        Self::CodeExecution,
        Self::FileSearch,
        Self::InputAudioSeconds,
        Self::InputCharacters,
        Self::InputPages,
        Self::InputVideo,
        Self::OutputAudioSeconds,
        Self::OutputImages,
        Self::OutputVideo,
        Self::OutputVideoSeconds,
        Self::RerankSearch,
        Self::SocialSearch,
        Self::Unparsed,
        Self::WebSearch,
    ];

    const fn key(self) -> &'static str {
        match self {
            Self::CacheWrite1h => "cache_write_1h",
            Self::Citation => "citation_tokens",
            Self::CodeExecution => "code_execution",
            Self::FileSearch => "file_search",
            Self::InputAudioSeconds => "input_audio_seconds",
            Self::InputCharacters => "input_characters",
            Self::InputPages => "input_pages",
            Self::InputVideo => "input_video",
            Self::OutputAudioSeconds => "output_audio_seconds",
            Self::OutputImages => "output_images",
            Self::OutputVideo => "output_video",
            Self::OutputVideoSeconds => "output_video_seconds",
            Self::RerankSearch => "rerank_search",
            Self::SocialSearch => "social_search",
            Self::Unparsed => "unparsed",
            Self::WebSearch => "web_search",
        }
    }
}

/// A word that decides how tokens are billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Word {
    /// What pays the call instead of its tokens: `subscription`, `dedicated` or `provisioned` capacity.
    Payment,
    /// Where the model ran, when that has a price: `us`.
    Region,
    /// Who served the model behind a router: `groq`.
    Route,
    /// How much a search brings: `low`, `medium`, `high`.
    SearchContext,
    /// The speed the response was served with: `fast`.
    Speed,
    /// Where the service tier is from, when not from the body: `header`.
    TierSource,
}

/// A set of words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Words(u8);

impl Words {
    pub(crate) const fn insert(&mut self, word: Word) {
        self.0 |= 1 << word as u8;
    }

    pub(crate) const fn has(self, word: Word) -> bool {
        self.0 & 1 << word as u8 != 0
    }
}

impl Word {
    const ALL: [Self; 6] =
        [Self::Payment, Self::Region, Self::Route, Self::SearchContext, Self::Speed, Self::TierSource];

    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Region => "region",
            Self::Route => "route",
            Self::SearchContext => "search_context",
            Self::Speed => "speed",
            Self::TierSource => "tier_source",
        }
    }
}

/// What decides the price of a call next to its tokens, model, service tier and host.
///
/// [`Billing::factors`] writes it as a list of `key=value`, the attribute `spanledger.cost.factors`;
/// [`Billing::parse`] reads that list back. An empty list is a call that nothing but its tokens is billed for.
///
/// ```
/// use spanledger::Billing;
///
/// let billing = Billing::parse(["web_search=3", "speed=fast"]);
/// assert_eq!(billing.factors(), ["speed=fast", "web_search=3"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Billing {
    /// Sorted by quantity; none is zero.
    counts: Vec<(Count, u64)>,
    /// Sorted by word; none is empty.
    words: Vec<(Word, Box<str>)>,
    /// Passes of the model that one response needed, when there was more than one or one of another model.
    passes: Vec<Pass>,
}

impl Billing {
    /// Nothing is billed but tokens.
    pub const NONE: &'static Self = &Self { counts: Vec::new(), words: Vec::new(), passes: Vec::new() };

    /// Whether nothing is billed but tokens.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.words.is_empty() && self.passes.is_empty()
    }

    /// The list of `key=value`, sorted; at most 64 entries of at most 256 bytes.
    #[must_use]
    pub fn factors(&self) -> Vec<String> {
        let counts = self.counts.iter().map(|(count, value)| format!("{}={value}", count.key()));
        let words = self.words.iter().map(|(word, value)| format!("{}={value}", word.key()));
        let passes = self.passes.iter().map(|pass| format!("{}={}", pass::KEY, pass.factor()));
        let mut list: Vec<String> = counts.chain(words).chain(passes).collect();
        list.sort_unstable();
        list.truncate(MAX_FACTORS);
        list
    }

    /// Reads what [`Billing::factors`] wrote. An entry that is not understood counts as one member of the response
    /// that no reader knows, so that the cost becomes an estimate.
    #[must_use]
    pub fn parse<T: AsRef<str>>(factors: impl IntoIterator<Item = T>) -> Self {
        let mut billing = Self::default();
        for factor in factors.into_iter().take(MAX_FACTORS) {
            if !billing.read(factor.as_ref()) {
                billing.add(Count::Unparsed, 1);
            }
        }
        billing
    }

    fn read(&mut self, factor: &str) -> bool {
        let Some((key, value)) = factor.split_once('=') else { return false };
        if key == pass::KEY {
            let Some(pass) = Pass::read(value) else { return false };
            return self.pass(pass);
        }
        if let Some(word) = Word::ALL.into_iter().find(|word| word.key() == key) {
            return self.word(word, value);
        }
        let count = Count::ALL.into_iter().find(|count| count.key() == key);
        match (count, value.parse()) {
            (Some(Count::Unparsed), Ok(value)) => self.add(Count::Unparsed, value),
            (Some(count), Ok(value)) => self.set(count, value),
            _ => return false,
        }
        true
    }

    /// A quantity; 0 where none was reported.
    pub(crate) fn count(&self, count: Count) -> u64 {
        let at = self.counts.binary_search_by_key(&count, |(count, _)| *count);
        at.map_or(0, |at| self.counts[at].1)
    }

    /// Notes a quantity. Later ones replace earlier ones, and zero says nothing: responses repeat cumulative counts.
    pub(crate) fn set(&mut self, count: Count, value: u64) {
        if value == 0 {
            return;
        }
        match self.counts.binary_search_by_key(&count, |(count, _)| *count) {
            Ok(at) => self.counts[at].1 = value,
            Err(at) => self.counts.insert(at, (count, value)),
        }
    }

    /// Forgets a quantity that is not billed after all.
    pub(crate) fn waive(&mut self, count: Count) {
        self.counts.retain(|(noted, _)| *noted != count);
    }

    /// Adds to a quantity.
    pub(crate) fn add(&mut self, count: Count, value: u64) {
        self.set(count, self.count(count).saturating_add(value));
    }

    /// A word, where one was reported.
    pub(crate) fn get(&self, word: Word) -> Option<&str> {
        let at = self.words.binary_search_by_key(&word, |(word, _)| *word).ok()?;
        Some(&self.words[at].1)
    }

    /// Notes a word; `false` when it is none: over 64 bytes or not printable.
    pub(crate) fn word(&mut self, word: Word, value: &str) -> bool {
        if !is_word(value) {
            return false;
        }
        match self.words.binary_search_by_key(&word, |(word, _)| *word) {
            Ok(at) if *self.words[at].1 == *value => {}
            Ok(at) => self.words[at].1 = value.into(),
            Err(at) => self.words.insert(at, (word, value.into())),
        }
        true
    }

    /// The passes to bill one by one; empty where the tokens of the call are those of its only pass.
    pub(crate) fn passes(&self) -> &[Pass] {
        &self.passes
    }

    /// Replaces the passes: a stream repeats its list.
    pub(crate) fn set_passes(&mut self, passes: Vec<Pass>) {
        self.passes = passes;
    }

    fn pass(&mut self, pass: Pass) -> bool {
        let room = self.passes.len() < MAX_PASSES;
        if room {
            self.passes.push(pass);
        }
        room
    }
}

/// Whether a text can be a word of the list: 1 to 64 bytes of printable ASCII without the list's own marks.
pub(crate) fn is_word(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b',' | b'='))
}

/// Whether a service tier is the one every price is given for.
pub(crate) fn is_standard(tier: &str) -> bool {
    ["", "default", "standard", "auto", "on_demand", "standard_only"]
        .iter()
        .any(|standard| tier.eq_ignore_ascii_case(standard))
}
