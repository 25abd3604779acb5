use proptest::prelude::*;

use super::*;
use crate::store::SequenceGap;

/// The gaps left when these calls arrive in batches of `size`.
fn gaps(calls: &[CallRecord], size: usize) -> Vec<SequenceGap> {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    for batch in calls.chunks(size) {
        ledger.append(batch).unwrap();
    }
    Ledger::open_reader(&path).unwrap().sequence_gaps(ALL, ALL.to, &Filter::default(), 1_000).unwrap().newest
}

#[test]
fn a_number_above_many_gaps_looks_at_few_of_them() {
    use rusqlite::StatementStatus::VmStep;

    use crate::store::sqlite::gaps::NOTICE;

    let folder = tempfile::tempdir().unwrap();
    let mut ledger = writer(&path(&folder));
    // Every second number is missing, so that each call is a run of its own.
    let calls: Vec<_> = (1..=3_000_u64)
        .map(|number| CallRecord {
            instance: Some("holes".into()),
            sequence: Some(number * 2),
            ..call(number)
        })
        .collect();
    for batch in calls.chunks(1_000) {
        ledger.append(batch).unwrap();
    }
    let steps = ledger.connection.prepare_cached(NOTICE).unwrap().get_status(VmStep);
    assert!((3_000..3_000 * 100).contains(&steps), "{steps} steps for 3000 numbers");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn are_the_same_however_batches_are_cut(
        numbers in prop::collection::vec((1_u64..40, any::<bool>(), 0_i64..60), 1..60),
        size in 2_usize..30,
    ) {
        let calls: Vec<_> = numbers
            .into_iter()
            .zip(1..)
            .map(|((sequence, one, seconds), number)| CallRecord {
                instance: Some(if one { "one" } else { "two" }.into()),
                sequence: Some(sequence),
                ..ending_at(number, BASE.plus_seconds(seconds))
            })
            .collect();
        prop_assert_eq!(gaps(&calls, size), gaps(&calls, 1));
    }
}
