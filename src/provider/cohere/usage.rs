//! Token counts as Cohere writes them: `usage` in API v2, `meta` in v1.

use crate::call::ResponseFacts;
use crate::coverage::Reason;
use crate::provider::format::Reading;
use crate::provider::read::usage::common::CHARGES;
use crate::provider::read::usage::{Dialect, Member, Slot, Table, Tally};
use crate::usage::Usage;

/// The counts of one response.
#[derive(Debug)]
pub(super) struct Meta;

impl Dialect for Meta {
    const NAME: &'static str = "usage";
    const MEMBER: Member = Member::Object(&[META, CHARGES]);
}

const META: Table = &[
    ("billed_units", Member::Object(&[BILLED])),
    ("tokens", Member::Object(&[USED])),
    ("cached_tokens", Member::Count(Slot::CacheRead)),
    ("api_version", Member::Object(&[VERSION])),
    ("warnings", Member::Free),
];

const BILLED: Table = &[
    ("input_tokens", Member::Count(Slot::Input)),
    ("output_tokens", Member::Count(Slot::Output)),
    // Embeddings of images.
    ("image_tokens", Member::Count(Slot::InputImage)),
    ("search_units", Member::Count(Slot::RerankSearch)),
    ("images", Member::Unpriced),
    ("classifications", Member::Unpriced),
];

const USED: Table = &[
    ("input_tokens", Member::Count(Slot::UsedInput)),
    ("output_tokens", Member::Count(Slot::UsedOutput)),
    ("image_tokens", Member::Free),
    // A part of the output.
    ("reasoning_tokens", Member::Free),
];

const VERSION: Table =
    &[("version", Member::Free), ("is_deprecated", Member::Free), ("is_experimental", Member::Free)];

/// [`Meta`] for tables of paths.
pub(in crate::provider) const META_MEMBER: Member = Meta::MEMBER;

/// As [`note`], for tables of paths.
pub(in crate::provider) fn note_meta(tally: &Tally<'_>, reading: &mut Reading) {
    note(tally, &mut reading.facts);
}

/// Notes the billed counts, as the conventions ask, else the used ones.
pub(super) fn note(tally: &Tally<'_>, facts: &mut ResponseFacts) {
    tally.note(facts);
    let usage = tally.usage();
    // They are counted next to the input, at a price of their own that no table has.
    if usage.input_modality.image.is_some_and(|images| images > 0) {
        facts.unpriced.note(Reason::Member, "usage.billed_units.image_tokens".to_owned());
    }
    facts.count(Usage {
        input_tokens: usage.input_tokens.or(tally.get(Slot::UsedInput)),
        output_tokens: usage.output_tokens.or(tally.get(Slot::UsedOutput)),
        ..usage
    });
}
