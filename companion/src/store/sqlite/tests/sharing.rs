//! What goes when the ledger is too large, and whose.

use super::*;

const HOUR: i64 = 3_600;
const MOST: u64 = 1_500_000;

fn of(service: &str, id: u64, end: Timestamp) -> CallRecord {
    CallRecord {
        service: service.into(),
        user: Some(format!("user {}", id % 7)),
        instance: Some(format!("process of {service}")),
        sequence: Some(id + 1),
        ..ending_at(id, end)
    }
}

fn settle(ledger: &mut SqliteAppender, now: Timestamp) {
    for _ in 0..10_000 {
        ledger.trust(now);
        if !ledger.maintain(now).unwrap().more {
            return;
        }
    }
    panic!("the housekeeping never ends");
}

#[test]
fn a_flood_of_one_service_pushes_out_its_own_calls_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let start = Timestamp(BASE.0.div_euclid(HOUR * Timestamp::SECOND) * HOUR * Timestamp::SECOND);
    let now = start.plus_seconds(10 * HOUR);
    // A call per minute for ten hours, of which some numbers are missing, and in the last two hours a flood.
    let mut honest: Vec<_> =
        (0..600).map(|n| of("shop", n, start.plus_seconds(n.cast_signed() * 60 + 7))).collect();
    honest.retain(|call| call.sequence != Some(51));
    let flood: Vec<_> = (0..14_400)
        .map(|n| of("flood", 100_000 + n, start.plus_seconds(8 * HOUR + n.cast_signed() / 2)))
        .map(|call| CallRecord { sequence: None, trace_id: [9; 16], ..call })
        .collect();
    let mut ledger = Ledger::open_writer(&path, &Options { max_bytes: Some(MOST), ..options() }).unwrap();
    ledger.append(&honest).unwrap();
    // Batches of whole buckets: of a bucket that was deleted no more calls are taken.
    for batch in flood.chunks(1_800) {
        ledger.append(batch).unwrap();
        settle(&mut ledger, now);
    }
    let kept = all_calls(&path);
    let (of_shop, of_flood): (Vec<_>, Vec<_>) = kept.into_iter().partition(|call| call.service == "shop");
    assert_eq!(of_shop.len(), honest.len());
    assert!((1_000..10_000).contains(&of_flood.len()), "{} of the flood are left", of_flood.len());
    assert_eq!(expected::end(&of_flood[0]), expected::end(&flood[14_399]), "the newest stay");

    // The totals of all are exact, whole and cut anywhere; and the missing number is known.
    let querier = reader(&path).unwrap();
    let all: Vec<_> = honest.iter().chain(&flood).cloned().collect();
    let any = Filter::default();
    assert_eq!(querier.totals(ALL, &any).unwrap(), expected::totals(&all, ALL, &any));
    for by in expected::DIMENSIONS {
        assert_eq!(
            querier.breakdown(ALL, &any, by, 10).unwrap(),
            expected::breakdown(&all, ALL, &any, by, 10),
            "{by:?}"
        );
    }
    for seconds in (0..12 * HOUR).step_by(1_117) {
        let middle = start.plus_seconds(seconds);
        let parts = [Window { to: middle, ..ALL }, Window { from: middle, ..ALL }];
        let [left, right] = parts.map(|window| querier.totals(window, &any).unwrap().calls);
        assert_eq!(left + right, all.len() as u64, "at {seconds}");
    }
    let gaps = querier.sequence_gaps(ALL, ALL.to, &any, 10).unwrap().newest;
    assert_eq!(gaps.iter().map(|gap| (gap.first, gap.last)).collect::<Vec<_>>(), [(51, 51)]);

    // What was deleted is too old, for its service alone, also after a restart.
    drop(ledger);
    let mut ledger = Ledger::open_writer(&path, &options()).unwrap();
    let again = ledger.append(&flood).unwrap();
    let deleted = (flood.len() - of_flood.len()) as u64;
    assert_eq!((again.inserted, again.too_old, again.duplicates), (0, deleted, of_flood.len() as u64));
    assert_eq!(ledger.append(&[of("shop", 50, start.plus_seconds(50 * 60 + 7))]).unwrap().inserted, 1);

    // A mark that is ahead of the time goes back.
    ledger.trust(start.plus_seconds(HOUR));
    ledger.maintain(start.plus_seconds(HOUR)).unwrap();
    assert_eq!(ledger.append(&flood[..1]).unwrap().too_old, 0);
}
