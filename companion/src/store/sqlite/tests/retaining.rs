use std::time::Duration;

use super::*;

const HOUR: i64 = 3_600;

/// One call every ten seconds for `hours`, from the whole hour before [`BASE`] on.
fn day(hours: i64) -> (Timestamp, Vec<CallRecord>) {
    let start = Timestamp(BASE.0.div_euclid(HOUR * Timestamp::SECOND) * HOUR * Timestamp::SECOND);
    let calls = (0..hours * 360)
        .map(|number| CallRecord {
            user: Some(format!("user {}", number % 7)),
            ..ending_at(number.cast_unsigned(), start.plus_seconds(number * 10))
        })
        .collect();
    (start, calls)
}

fn open(path: &Path, options: Options) -> SqliteAppender {
    Ledger::open_writer(path, &options).unwrap()
}

fn settle(ledger: &mut SqliteAppender, now: Timestamp) -> u64 {
    let mut deleted = 0;
    for _ in 0..10_000 {
        ledger.trust(now);
        let run = ledger.maintain(now).unwrap();
        deleted += run.deleted;
        if !run.more {
            return deleted;
        }
    }
    panic!("the housekeeping never ends");
}

#[test]
fn deletes_calls_past_their_age_and_keeps_their_sums() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let keep_calls = Some(Duration::from_secs(3 * 3_600));
    let mut ledger = open(&path, Options { keep_calls, ..options() });
    let (start, calls) = day(10);
    ledger.append(&calls).unwrap();
    let now = start.plus_seconds(10 * HOUR + 90);
    let deleted = settle(&mut ledger, now);

    // Five minutes at a time: the cut is at 7 h, not 7 h and 1.5 min.
    let kept = all_calls(&path);
    assert_eq!(deleted + kept.len() as u64, calls.len() as u64);
    let cut = start.plus_seconds(7 * HOUR);
    assert!(kept.iter().all(|call| expected::end(call) >= cut.0));
    let any = Filter::default();
    let querier = reader(&path).unwrap();
    assert_eq!(querier.totals(ALL, &any).unwrap(), expected::totals(&calls, ALL, &any));
    for by in expected::DIMENSIONS {
        let groups = querier.breakdown(ALL, &any, by, 10).unwrap();
        assert_eq!(groups, expected::breakdown(&calls, ALL, &any, by, 10), "{by:?}");
    }
    // Windows side by side add up, wherever they meet.
    for seconds in (0..12 * HOUR).step_by(1_117) {
        let middle = start.plus_seconds(seconds);
        let parts = [Window { to: middle, ..ALL }, Window { from: middle, ..ALL }];
        let [left, right] = parts.map(|window| querier.totals(window, &any).unwrap().calls);
        assert_eq!(left + right, calls.len() as u64, "at {seconds}");
        if middle >= cut {
            assert_eq!(right, expected::totals(&calls, parts[1], &any).calls);
        }
        let [left, right] = parts.map(|window| {
            let users = querier.breakdown(window, &any, Dimension::User, 100).unwrap();
            users.iter().map(|user| user.totals.calls).sum::<u64>()
        });
        assert_eq!(left + right, calls.len() as u64, "users at {seconds}");
    }
    // It can no longer be known whether an old call was stored before.
    let again = ledger.append(&calls).unwrap();
    assert_eq!(again, Appended { duplicates: kept.len() as u64, too_old: deleted, ..Appended::default() });
    assert_eq!(totals(&path, ALL).calls, calls.len() as u64);
}

#[test]
fn deletes_sums_past_their_age_and_forgets_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
    let mut ledger = open(&path, Options { keep_calls: hours(1), keep_sums: hours(24), ..options() });
    let old: Vec<_> = (0..100)
        .map(|number| CallRecord {
            user: Some(format!("old user {number}")),
            response_model: Some(format!("old model {number}")),
            ..call(number)
        })
        .collect();
    ledger.append(&old).unwrap();
    settle(&mut ledger, BASE.plus_seconds(2 * HOUR));
    assert_eq!(totals(&path, ALL).calls, 100);
    ledger.append(&[ending_at(1_000, BASE.plus_seconds(49 * HOUR))]).unwrap();
    settle(&mut ledger, BASE.plus_seconds(49 * HOUR + 60));
    assert_eq!(totals(&path, ALL).calls, 1);
    let names: i64 = ledger.connection.query_row("SELECT count(*) FROM text", [], |row| row.get(0)).unwrap();
    assert!(names < 15, "{names} names are left");
    // Names given out again are other numbers, so that no reader takes one for the other.
    let again =
        CallRecord { user: Some("old user 7".into()), ..ending_at(1_001, BASE.plus_seconds(49 * HOUR + 1)) };
    ledger.append(std::slice::from_ref(&again)).unwrap();
    assert!(all_calls(&path).contains(&again));
}

#[test]
fn stays_within_its_size_and_gives_space_back() {
    const MOST: u64 = 1_000_000;
    // The database moves whole pages, and keeps one of its own now and then.
    const BOUND: u64 = MOST + 2 * 4_096;
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let size = |path: &Path| {
        let log = std::fs::metadata(format!("{}-wal", path.display())).map_or(0, |log| log.len());
        std::fs::metadata(path).unwrap().len() + log
    };
    let mut ledger = open(&path, options());
    let (start, calls) = day(60);
    ledger.append(&calls).unwrap();
    let now = start.plus_seconds(60 * HOUR);
    settle(&mut ledger, now);
    let before = size(&path);
    assert!(before > 2 * MOST, "{before}");
    drop(ledger);

    let mut ledger = open(&path, Options { max_bytes: Some(MOST), ..options() });
    let deleted = settle(&mut ledger, now);
    assert!(size(&path) <= BOUND, "{} bytes", size(&path));
    let kept = all_calls(&path);
    assert_eq!(kept.len() as u64 + deleted, calls.len() as u64);
    assert!(kept.len() > 1_000, "{} calls are left", kept.len());
    assert_eq!(kept.first().map(expected::end), calls.last().map(expected::end), "the newest stay");
    assert_eq!(totals(&path, ALL), expected::totals(&calls, ALL, &Filter::default()));

    // And goes on within it.
    for number in 0..20_u64 {
        let begin = now.plus_seconds((number * 600).cast_signed());
        let more: Vec<_> = (0..1_000)
            .map(|call| ending_at(number * 1_000 + call, Timestamp(begin.0 + call.cast_signed() * 1_000_000)))
            .map(|call| CallRecord { trace_id: [8; 16], ..call })
            .collect();
        assert_eq!(ledger.append(&more).unwrap().inserted, 1_000);
        settle(&mut ledger, now.plus_seconds((number * 600 + 300).cast_signed()));
        assert!(size(&path) <= BOUND, "{} bytes", size(&path));
    }
}

#[test]
fn a_size_that_nothing_fits_into_still_takes_new_calls() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path, Options { max_bytes: Some(1), ..options() });
    let future = ending_at(0, Timestamp(7_258_118_400_000_000_000));
    ledger.append(&[future]).unwrap();
    for number in 1..50_u64 {
        let now = BASE.plus_seconds(number.cast_signed() * 60);
        assert_eq!(ledger.append(&[ending_at(number, now)]).unwrap().inserted, 1, "call {number}");
        settle(&mut ledger, now);
    }
    assert!(all_calls(&path).len() < 5);
}

#[test]
fn one_run_deletes_a_bounded_number_of_calls() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path, Options { keep_calls: Some(Duration::from_secs(60)), ..options() });
    let calls: Vec<_> = (0..45_000).map(call).collect();
    ledger.append(&calls).unwrap();
    let now = BASE.plus_seconds(10 * HOUR);
    ledger.trust(now);
    let runs: Vec<_> = (0..4).map(|_| ledger.maintain(now).unwrap()).collect();
    assert_eq!(runs.iter().map(|run| run.deleted).sum::<u64>(), 45_000);
    assert!(runs.iter().all(|run| run.deleted <= 20_000), "{runs:?}");
    // Calls that wait to be deleted are gone for every question.
    assert!(runs[0].more);
}

#[test]
fn numbers_older_than_the_retention_are_not_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path, Options { keep_calls: Some(Duration::from_secs(3_600)), ..options() });
    let numbered = |sequence: u64, seconds: i64| CallRecord {
        instance: Some("one".into()),
        sequence: Some(sequence),
        ..ending_at(sequence, BASE.plus_seconds(seconds))
    };
    ledger.append(&[numbered(5, 0)]).unwrap();
    let later = BASE.plus_seconds(3 * HOUR);
    let any = Filter::default();
    let querier = reader(&path).unwrap();
    assert_eq!(querier.sequence_gaps(ALL, later, &any, 10).unwrap().newest.len(), 1);
    settle(&mut ledger, later);
    assert_eq!(querier.sequence_gaps(ALL, later, &any, 10).unwrap().newest, []);
    // The instance goes on where it was, although all its calls are deleted.
    ledger.append(&[numbered(6, 3 * HOUR)]).unwrap();
    assert_eq!(querier.sequence_gaps(ALL, ALL.to, &any, 10).unwrap().newest, []);
    ledger.append(&[numbered(9, 3 * HOUR + 1)]).unwrap();
    let gaps = querier.sequence_gaps(ALL, ALL.to, &any, 10).unwrap().newest;
    assert_eq!(gaps.iter().map(|gap| (gap.first, gap.last)).collect::<Vec<_>>(), [(7, 8)]);
}

#[test]
fn an_instance_keeps_a_bounded_number_of_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = open(&path, options());
    let calls: Vec<_> = (1..=1_500_u64)
        .map(|number| CallRecord {
            instance: Some("holes".into()),
            sequence: Some(number * 2),
            ..call(number)
        })
        .collect();
    ledger.append(&calls).unwrap();
    let gaps = reader(&path).unwrap().sequence_gaps(ALL, ALL.to, &Filter::default(), 10_000).unwrap().newest;
    assert_eq!(gaps.len(), 1_000);
    assert_eq!(gaps.first().map(|gap| gap.last), Some(2_999), "the newest stay");
}
