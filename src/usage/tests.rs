use proptest::prelude::*;

use super::*;

/// Fields of [`Usage`], separated by what reads them.
const FIELDS: [fn(&Usage) -> Option<u64>; 14] = [
    |usage| usage.input_tokens,
    |usage| usage.output_tokens,
    |usage| usage.cache_read_tokens,
    |usage| usage.cache_write_tokens,
    |usage| usage.reasoning_tokens,
    |usage| usage.input_modality.text,
    |usage| usage.input_modality.image,
    |usage| usage.input_modality.audio,
    |usage| usage.output_modality.text,
    |usage| usage.output_modality.image,
    |usage| usage.output_modality.audio,
    |usage| usage.cache_read_modality.text,
    |usage| usage.cache_read_modality.image,
    |usage| usage.cache_read_modality.audio,
];

fn count() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(prop_oneof![Just(0), Just(u64::MAX), 0..1_000u64])
}

fn modality() -> impl Strategy<Value = Modality> {
    (count(), count(), count()).prop_map(|(text, image, audio)| Modality { text, image, audio })
}

fn usage() -> impl Strategy<Value = Usage> {
    let totals = (count(), count(), count(), count(), count());
    (totals, modality(), modality(), modality()).prop_map(|(totals, input, output, cache_read)| Usage {
        input_tokens: totals.0,
        output_tokens: totals.1,
        cache_read_tokens: totals.2,
        cache_write_tokens: totals.3,
        reasoning_tokens: totals.4,
        input_modality: input,
        output_modality: output,
        cache_read_modality: cache_read,
    })
}

/// The last count that is positive, else a zero.
fn last_known(counts: impl DoubleEndedIterator<Item = Option<u64>> + Clone) -> Option<u64> {
    counts.clone().rev().flatten().find(|count| *count > 0).or_else(|| counts.flatten().next())
}

proptest! {
    #[test]
    fn the_last_count_that_says_something_wins_in_each_field(all in prop::collection::vec(usage(), 0..6)) {
        let mut merged = Usage::default();
        for newer in &all {
            merged.merge(newer.clone());
        }
        for field in FIELDS {
            prop_assert_eq!(field(&merged), last_known(all.iter().map(field)));
        }
    }

    #[test]
    fn a_usage_that_is_repeated_adds_nothing(old in usage(), newer in usage(), times in 1..4usize) {
        let mut once = old.clone();
        once.merge(newer.clone());
        let mut often = old;
        for _ in 0..times {
            often.merge(newer.clone());
        }
        prop_assert_eq!(often, once);
    }

    #[test]
    fn with_each_input_count_the_total_is_the_last_of_each(
        all in prop::collection::vec(
            (1..1_000u64, prop::option::of(0..1_000u64), prop::option::of(0..1_000u64)),
            0..6,
        ),
    ) {
        let mut merged = Usage::default();
        // No count is the total before it: that would be all input again.
        let all: Vec<_> = (1..).zip(all).map(|(at, (x, read, write))| (at * 10_000 + x, read, write)).collect();
        for (uncached, read, write) in &all {
            assert!(merged.merge_uncached(Some(*uncached), *read, *write));
        }
        let read = last_known(all.iter().map(|counts| counts.1));
        let write = last_known(all.iter().map(|counts| counts.2));
        prop_assert_eq!(merged.cache_read_tokens, read);
        prop_assert_eq!(merged.cache_write_tokens, write);
        let total = all.last().map(|counts| counts.0 + read.unwrap_or(0) + write.unwrap_or(0));
        prop_assert_eq!(merged.input_tokens, total);
    }

    #[test]
    fn no_total_falls_to_zero_and_no_part_is_more_than_its_total(
        all in prop::collection::vec(
            (prop::option::of(0..5u64), prop::option::of(0..5u64), prop::option::of(0..5u64)),
            0..8,
        ),
    ) {
        let mut merged = Usage::default();
        for (uncached, read, write) in all {
            let before = merged.input_tokens;
            merged.merge_uncached(uncached, read, write);
            prop_assert!(merged.input_tokens.is_some() || before.is_none());
            prop_assert!(merged.input_tokens != Some(0) || before.is_none_or(|before| before == 0));
            if let Some(total) = merged.input_tokens {
                let parts = merged.cache_read_tokens.unwrap_or(0) + merged.cache_write_tokens.unwrap_or(0);
                prop_assert!(parts <= total);
            }
        }
    }

    #[test]
    fn a_cache_that_comes_late_is_part_of_the_input(input in 1..1_000u64, part in 0..=1_000u64) {
        let part = part.min(input);
        let mut merged = Usage::default();
        merged.merge_uncached(Some(input), None, None);
        merged.merge_uncached(None, Some(part), Some(0));
        prop_assert_eq!(merged.input_tokens, Some(input));
        merged.merge_uncached(Some(0), Some(part), None);
        prop_assert_eq!(merged.input_tokens, Some(input));
    }

    #[test]
    fn an_input_that_is_repeated_next_to_its_cached_part_is_the_input(input in 1..1_000u64, part in 1..=1_000u64) {
        let part = part.min(input);
        let mut merged = Usage::default();
        prop_assert!(merged.merge_uncached(Some(input), Some(0), None));
        for _ in 0..2 {
            prop_assert!(!merged.merge_uncached(Some(input), Some(part), None), "which holds it is open");
            prop_assert_eq!(merged.input_tokens, Some(input));
        }
    }

    #[test]
    fn a_late_cache_that_is_more_than_the_input_is_all_of_it(input in 1..1_000u64, more in 1..1_000u64) {
        let cached = input + more;
        for (uncached, clear) in [(None, false), (Some(0), true)] {
            let mut merged = Usage::default();
            merged.merge_uncached(Some(input), None, None);
            prop_assert_eq!(merged.merge_uncached(uncached, Some(cached), None), clear);
            prop_assert_eq!(merged.input_tokens, Some(cached));
            prop_assert!(merged.merge_uncached(uncached, Some(cached), None));
            prop_assert_eq!(merged.input_tokens, Some(cached));
        }
    }

    #[test]
    fn counts_of_any_size_add_up_without_overflow(uncached in count(), read in count(), write in count()) {
        let mut merged = Usage::default();
        merged.merge_uncached(uncached, read, write);
        merged.merge_uncached(None, write, read);
        prop_assert_eq!(merged.input_tokens.is_some(), uncached.is_some());
    }
}
