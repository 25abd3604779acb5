//! Anthropic's usage object, and what endpoints of other makers that speak this format add to it.

use crate::call::ResponseFacts;
use crate::coverage::Reason;
use crate::provider::read::usage::common::{ANTHROPIC, CHARGES, ITERATION, iteration};
use crate::provider::read::usage::{Dialect, Member, Slot, Table, Tally};
use crate::usage::Usage;

/// `input_tokens` leaves the two cache counts out.
#[derive(Debug)]
pub(super) struct Anthropic;

impl Dialect for Anthropic {
    const NAME: &'static str = "usage";
    const MEMBER: Member = Member::Object(&[TOKENS, OPENAI, ANTHROPIC, CHARGES]);
}

const TOKENS: Table = &[
    ("input_tokens", Member::Count(Slot::Uncached)),
    ("cache_read_input_tokens", Member::Count(Slot::CacheRead)),
    ("cache_creation_input_tokens", Member::Count(Slot::CacheWrite)),
    ("output_tokens", Member::Count(Slot::Output)),
    ("output_tokens_details", Member::Object(&[&[("thinking_tokens", Member::Count(Slot::Reasoning))]])),
    ("iterations", Member::Each(ITERATION, iteration)),
    ("total_tokens", Member::Count(Slot::Total)),
];

/// The same counts under OpenAI's names, in which all input is one count and cached tokens are a part of it. Sources: Moonshot's
/// and Alibaba Cloud's streams in maximhq/bifrost#5510 and #5355; GLM's and `DeepSeek`'s members in the tests of Wei-Shaw/sub2api.
const OPENAI: Table = &[
    ("prompt_tokens", Member::Count(Slot::Input)),
    ("completion_tokens", Member::Count(Slot::Output)),
    ("cached_tokens", Member::Count(Slot::CacheHit)),
    ("prompt_tokens_details", Member::Object(&[&[("cached_tokens", Member::Count(Slot::CacheHit))]])),
    ("prompt_cache_hit_tokens", Member::Count(Slot::CacheHit)),
    ("prompt_cache_miss_tokens", Member::Count(Slot::CacheMiss)),
];

/// Counts are cumulative: later ones replace all before.
pub(super) fn note(tally: &Tally<'_>, facts: &mut ResponseFacts) {
    tally.note(facts);
    if tally.get(Slot::WebSearch).is_some() {
        facts.uncounted_search = false;
    }
    if !note_input(tally, &mut facts.usage) {
        facts.unpriced.note(Reason::Total, "usage.cache".to_owned());
    }
    facts.count(Usage {
        output_tokens: tally.get(Slot::Output),
        reasoning_tokens: tally.get(Slot::Reasoning),
        ..Usage::default()
    });
}

/// Overlays the input. Whether the members agree on which count holds the cached tokens.
fn note_input(tally: &Tally<'_>, usage: &mut Usage) -> bool {
    let (named, other) = (tally.get(Slot::CacheRead), tally.get(Slot::CacheHit));
    let (read, write) = (named.max(other), tally.get(Slot::CacheWrite));
    let cached = read.unwrap_or(0).saturating_add(write.unwrap_or(0));
    let input = tally.get(Slot::Uncached);
    let known = |count: Option<u64>| count.filter(|count| *count > 0);
    let whole = known(tally.get(Slot::Input))
        .or_else(|| tally.get(Slot::CacheMiss).map(|missed| missed.saturating_add(cached)));
    // Cached tokens under OpenAI's name alone are most likely a part of the input, as there.
    let likely = known(input).filter(|_| known(named).is_none() && known(other).is_some());
    let same = known(named).zip(known(other)).is_none_or(|(named, other)| named == other);
    let Some(all) = whole.or(likely).filter(|all| *all >= cached) else {
        return usage.merge_uncached(input, read, write) && same && whole.is_none();
    };
    usage.merge(Usage {
        input_tokens: Some(all),
        cache_read_tokens: read,
        cache_write_tokens: write,
        ..Usage::default()
    });
    let missed = tally.get(Slot::CacheMiss).is_none_or(|missed| missed.saturating_add(cached) == all);
    let fits = missed && known(input).is_none_or(|input| input == all || input == all - cached);
    same && fits && whole.is_some()
}
