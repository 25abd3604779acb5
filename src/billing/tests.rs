use proptest::prelude::*;

use super::*;
use crate::usage::Usage;

fn word() -> impl Strategy<Value = String> {
    "[!-+--<>-~]{1,64}"
}

fn pass() -> impl Strategy<Value = Pass> {
    let counts = (any::<u64>(), any::<u64>(), 0..3u64, 0..3u64, 0..3u64);
    (word(), prop::option::of(word()), counts).prop_map(|(kind, model, counts)| Pass {
        kind,
        model,
        usage: Usage {
            input_tokens: Some(counts.0),
            output_tokens: Some(counts.1),
            cache_read_tokens: (counts.2 > 0).then_some(counts.2),
            cache_write_tokens: (counts.3 > 0).then_some(counts.3),
            ..Usage::default()
        },
        cache_write_1h: counts.4,
    })
}

fn billing() -> impl Strategy<Value = Billing> {
    let counts = prop::collection::vec((0..Count::ALL.len(), 1..u64::MAX), 0..20);
    let words = prop::collection::vec((0..Word::ALL.len(), word()), 0..8);
    let passes = prop::collection::vec(pass(), 0..MAX_PASSES);
    (counts, words, passes).prop_map(|(counts, words, passes)| {
        let mut billing = Billing::default();
        for (at, value) in counts {
            billing.set(Count::ALL[at], value);
        }
        for (at, value) in words {
            assert!(billing.word(Word::ALL[at], &value));
        }
        // The list is sorted, and so are the passes that are read from it.
        let mut passes = passes;
        passes.sort_by_key(Pass::factor);
        billing.set_passes(passes);
        billing
    })
}

proptest! {
    #[test]
    fn a_list_reads_back_as_what_it_was_written_from(billing in billing()) {
        let factors = billing.factors();
        prop_assert!(factors.is_sorted());
        prop_assert_eq!(Billing::parse(&factors), billing);
    }

    #[test]
    fn no_list_is_too_much_to_read(list in prop::collection::vec(".{0,80}", 0..100)) {
        let billing = Billing::parse(&list);
        prop_assert!(billing.factors().len() <= MAX_FACTORS);
        prop_assert_eq!(Billing::parse(billing.factors()).factors(), billing.factors());
    }
}

#[test]
fn an_entry_that_is_not_understood_is_counted() {
    let billing = Billing::parse(["web_search=3", "sorcery=1", "speed", "web_fetch=x", "pass=,"]);
    assert_eq!(billing.factors(), ["unparsed=4", "web_search=3"]);
}

#[test]
fn zero_says_nothing_and_the_last_count_stays() {
    let mut billing = Billing::default();
    billing.set(Count::WebSearch, 0);
    assert!(billing.is_empty());
    billing.set(Count::WebSearch, 2);
    billing.set(Count::WebSearch, 3);
    billing.set(Count::WebSearch, 0);
    assert_eq!(billing.count(Count::WebSearch), 3);
}

#[test]
fn text_that_could_break_the_list_is_no_word() {
    let mut billing = Billing::default();
    for text in ["", "a b", "a=b", "a,b", "a\u{e9}", &"x".repeat(65)] {
        assert!(!billing.word(Word::Region, text), "{text:?}");
    }
    assert!(billing.is_empty());
}
