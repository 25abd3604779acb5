use super::*;
use crate::record::{Origin, ProcessEnd, ProcessReport};
use crate::store::conformance::records;
use crate::store::{Batch, OverviewQuestion};

const HOUR: i64 = 3_600;

/// What schema 2 added.
const ADDED: [&str; 5] = ["all_minute", "all_five", "all_hour", "hash_five", "hash_hour"];

/// Makes the file what the sixth version wrote.
fn without_the_seventh_schema(path: &Path) {
    let file = file(path);
    without_tags(&file);
    for column in ["ended", "reported", "lost_from", "lost_to"] {
        file.execute_batch(&format!("ALTER TABLE instance DROP COLUMN {column}")).unwrap();
    }
    file.execute_batch("DROP TABLE lost; DROP INDEX series_key; PRAGMA user_version = 6").unwrap();
}

/// Makes the file what the fifth version wrote.
fn without_the_sixth_schema(path: &Path) {
    without_the_seventh_schema(path);
    let file = file(path);
    for column in ["price_factors", "computed_cost"] {
        file.execute_batch(&format!("ALTER TABLE calls DROP COLUMN {column}")).unwrap();
    }
    for table in
        ["series_minute", "series_five", "series_hour", "user_five", "user_hour"].iter().chain(&ADDED[..3])
    {
        for column in ["reported", "reported_cost", "computed_cost"] {
            file.execute_batch(&format!("ALTER TABLE {table} DROP COLUMN {column}")).unwrap();
        }
    }
    file.execute_batch("PRAGMA user_version = 5").unwrap();
}

/// Makes the file what the fourth version wrote.
fn without_the_fifth_schema(path: &Path) {
    without_the_sixth_schema(path);
    let file = file(path);
    for column in ["scope", "shared", "own_service"] {
        file.execute_batch(&format!("ALTER TABLE calls DROP COLUMN {column}")).unwrap();
    }
    file.execute_batch("DROP TABLE waiting; DROP TABLE passage; PRAGMA user_version = 4").unwrap();
}

/// Makes the file what the third version wrote.
fn without_the_fourth_schema(path: &Path) {
    without_the_fifth_schema(path);
    let file = file(path);
    file.execute_batch("DROP TABLE skipped; ALTER TABLE calls DROP COLUMN error_type").unwrap();
    file.execute_batch("PRAGMA user_version = 3").unwrap();
}

/// Makes the file what the second version wrote.
fn without_the_third_schema(path: &Path) {
    without_the_fourth_schema(path);
    let file = file(path);
    for column in ["service_tier", "server_address", "modality_tokens"] {
        file.execute_batch(&format!("ALTER TABLE calls DROP COLUMN {column}")).unwrap();
    }
    file.execute_batch("PRAGMA user_version = 2").unwrap();
}

/// Makes the file what the first version wrote.
fn without_the_second_schema(path: &Path) {
    without_the_third_schema(path);
    let file = file(path);
    for table in ADDED {
        file.execute_batch(&format!("DROP TABLE {table}")).unwrap();
    }
    file.execute_batch("DELETE FROM state WHERE name = 'summed_from'; PRAGMA user_version = 1").unwrap();
}

/// One call per minute, of a few users and a few requests, from the whole hour before [`BASE`] on.
fn calls(hours: std::ops::Range<i64>) -> Vec<CallRecord> {
    let start = Timestamp(BASE.0.div_euclid(HOUR * Timestamp::SECOND) * HOUR * Timestamp::SECOND);
    let call = |minute: i64| CallRecord {
        user: Some(format!("user {}", minute % 3)),
        request_hash: Some(format!("{:032x}", minute % 5)),
        ..ending_at(minute.cast_unsigned(), start.plus_seconds(minute * 60))
    };
    (hours.start * 60..hours.end * 60).map(call).collect()
}

fn assert_says(path: &Path, calls: &[CallRecord]) {
    let querier = reader(path).unwrap();
    let any = Filter::default();
    let first = calls.first().map_or(BASE, |call| Timestamp(expected::end(call)));
    for (from, to) in [(0, 24 * HOUR), (100, 9_000), (3 * HOUR, 5 * HOUR), (0, 0)] {
        let window = Window { from: first.plus_seconds(from), to: first.plus_seconds(to) };
        let by = [(Dimension::Model, 10), (Dimension::User, 10)];
        let asked = OverviewQuestion { window, step_seconds: 900, by: &by, repeated: 10 };
        let found = querier.overview(&asked).unwrap();
        assert_eq!(found.totals, expected::totals(calls, window, &any));
        assert_eq!(querier.totals(window, &any).unwrap(), found.totals);
        assert_eq!(found.groups, by.map(|(by, limit)| expected::breakdown(calls, window, &any, by, limit)));
        let steps: Vec<_> = found.steps.iter().map(|step| step.totals.calls).collect();
        assert_eq!(steps.iter().sum::<u64>(), found.totals.calls, "{steps:?}");
        let searched = found.repetition.window;
        let wanted = expected::duplicates(calls, searched, &any);
        assert_eq!(found.repetition.duplicates.hashed, wanted.hashed, "{searched:?}");
        assert!(found.repetition.duplicates.repeats <= wanted.repeats);
    }
}

#[test]
fn a_ledger_of_the_first_schema_says_the_same_before_and_after_its_migration() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut all = calls(0..4);
    let now = |calls: &[CallRecord]| Timestamp(calls.last().map(expected::end).unwrap()).plus_seconds(30);
    let mut ledger = writer(&path);
    ledger.append(&all).unwrap();
    while ledger.maintain(now(&all)).unwrap().more {}
    drop(ledger);
    without_the_second_schema(&path);
    assert_says(&path, &all);

    let mut ledger = writer(&path);
    assert_says(&path, &all);
    let late =
        CallRecord { request_hash: Some(format!("{:032x}", 1)), ..ending_at(9_999, BASE.plus_seconds(600)) };
    ledger.append(std::slice::from_ref(&late)).unwrap();
    all.push(late);
    assert_says(&path, &all);
    for hour in 4..8 {
        let more = calls(hour..hour + 1);
        ledger.append(&more).unwrap();
        all.extend(more);
        while ledger.maintain(now(&all)).unwrap().more {}
        assert_says(&path, &all);
    }
    drop(ledger);
    assert_sound(&path);
    let file = file(&path);
    for table in ADDED {
        let rows: i64 =
            file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert!(rows > 0, "{table} stays empty");
    }
}

#[test]
fn a_ledger_of_the_second_schema_is_read_before_its_migration_and_kept_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let old = CallRecord {
        service_tier: None,
        server_address: None,
        modality_tokens: None,
        price_factors: Vec::new(),
        computed_cost: None,
        tags: crate::record::Tags::default(),
        error_kind: records::every_field().error_type,
        scope: String::new(),
        ..records::every_field()
    };
    let mut ledger = writer(&path);
    ledger.append(std::slice::from_ref(&old)).unwrap();
    drop(ledger);
    without_the_third_schema(&path);
    let calls = || {
        let page = Page { limit: 10, after: None };
        let all = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };
        reader(&path).unwrap().calls(all, &Filter::default(), page).unwrap().calls
    };
    assert_eq!(calls(), std::slice::from_ref(&old));

    let new = CallRecord { span_id: [6; 8], ..records::every_field() };
    let mut ledger = writer(&path);
    ledger.append(std::slice::from_ref(&new)).unwrap();
    drop(ledger);
    let kept = calls();
    assert_eq!(kept.len(), 2);
    assert!(kept.contains(&old) && kept.contains(&new), "{kept:?}");
    assert_sound(&path);
}

#[test]
fn a_ledger_of_the_fourth_schema_knows_its_calls_as_accounts_after_its_migration() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let old = CallRecord { response_id: Some("resp-1".into()), user: None, scope: String::new(), ..call(1) };
    let mut ledger = writer(&path);
    ledger.append(std::slice::from_ref(&old)).unwrap();
    drop(ledger);
    without_the_fifth_schema(&path);
    assert_eq!(all_calls(&path), std::slice::from_ref(&old));

    let other = CallRecord { origin: Origin::ThirdParty, user: Some("eve".into()), ..old.clone() };
    let other = CallRecord { trace_id: [8; 16], scope: "another".into(), ..other };
    let appended = writer(&path).append(&[other]).unwrap();
    assert_eq!(appended, Appended { other_accounts: 1, ..Appended::default() });
    assert_eq!(all_calls(&path), [CallRecord { user: Some("eve".into()), ..old }]);
    assert_sound(&path);
}

#[test]
fn a_ledger_of_the_tenth_schema_has_calls_without_tags_and_takes_calls_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let team = Dimension::Tag(expected::TEAM);
    let old = call(1);
    let mut ledger = writer(&path);
    ledger.append(std::slice::from_ref(&old)).unwrap();
    drop(ledger);
    without_tags(&file(&path));
    let by_team = || reader(&path).unwrap().breakdown(ALL, &Filter::default(), team, 10).unwrap();
    assert_eq!((all_calls(&path), by_team()), (vec![old.clone()], vec![]));
    assert_eq!(reader(&path).unwrap().tag_keys().unwrap(), []);

    let new = CallRecord { tags: records::tags(&[("team", "search")]), ..call(2) };
    let mut ledger = writer(&path);
    ledger.append(std::slice::from_ref(&new)).unwrap();
    assert_eq!(by_team(), expected::breakdown(std::slice::from_ref(&new), ALL, &Filter::default(), team, 10));
    let kept = all_calls(&path);
    assert!(kept.contains(&old) && kept.contains(&new), "{kept:?}");
    drop(ledger);
    assert_sound(&path);
}

#[test]
fn a_ledger_of_the_eleventh_schema_has_no_keys_and_counts_those_that_come() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    drop(writer(&path));
    without_skipped_calls(&file(&path));
    file(&path).execute_batch("DROP TABLE key_hour; PRAGMA user_version = 11").unwrap();
    let uses = || reader(&path).unwrap().key_uses(ALL, 10).unwrap();
    assert_eq!(uses(), []);

    let with_key =
        |number: u64, key: &str| CallRecord { key_fingerprint: Some(key.to_owned()), ..call(number) };
    let mut ledger = writer(&path);
    ledger.append(&[with_key(1, "a"), with_key(2, "a"), with_key(3, "b"), call(4)]).unwrap();
    // What is sent twice is counted once.
    ledger.append(&[with_key(1, "a")]).unwrap();
    let found: Vec<(String, u64)> = uses().into_iter().map(|one| (one.key, one.calls)).collect();
    assert_eq!(found, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
    drop(ledger);
    assert_sound(&path);
}

#[test]
fn a_ledger_of_the_twelfth_schema_keeps_its_gaps_and_learns_what_was_not_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let report = |seconds: i64, skipped| ProcessReport {
        instance: "one".into(),
        service: "shop".into(),
        at: BASE.plus_seconds(seconds),
        last_sequence: 9,
        end: Some(ProcessEnd::Died),
        lost: vec![(3, 4)],
        lost_calls: 2,
        lost_between: Some((BASE, BASE)),
        skipped,
    };
    writer(&path).append_batch(Batch { processes: &[report(1, 0)], ..Batch::default() }).unwrap();
    without_skipped_calls(&file(&path));
    let missing = || {
        let all = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };
        let found = reader(&path).unwrap().sequence_gaps(all, all.to, &Filter::default(), 10).unwrap();
        (found.numbers, found.lost, found.skipped.processes)
    };
    assert_eq!(missing(), (9, 2, 0));
    assert_eq!(reader(&path).unwrap().processes().unwrap()[0].skipped, 0);
    writer(&path).append_batch(Batch { processes: &[report(2, 5)], ..Batch::default() }).unwrap();
    assert_eq!(missing(), (9, 2, 1));
    assert_eq!(reader(&path).unwrap().processes().unwrap()[0].skipped, 5);
    assert_sound(&path);
}

#[test]
fn a_ledger_of_the_thirteenth_schema_finds_its_names_before_and_after_its_migration() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let named = |number: u64| CallRecord { service: format!("service {number}"), ..call(number) };
    writer(&path).append(&[named(1), named(2)]).unwrap();
    without_indexes_by_hash(&file(&path));
    let calls_of = |service: &str| {
        // With a status rows are read, by the number of the name.
        let filter =
            Filter { service: Some(service.into()), status_code: call(1).status_code, ..Filter::default() };
        reader(&path).unwrap().totals(ALL, &filter).unwrap().calls
    };
    assert_eq!(["service 1", "service 2", "service 3"].map(calls_of), [1, 1, 0]);
    writer(&path).append(&[named(3), CallRecord { service: "service 1".into(), ..call(4) }]).unwrap();
    assert_eq!(["service 1", "service 2", "service 3"].map(calls_of), [2, 1, 1]);
    let names: i64 = file(&path)
        .query_row("SELECT count(*) FROM text WHERE value LIKE 'service %'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(names, 3);
    assert_sound(&path);
}
