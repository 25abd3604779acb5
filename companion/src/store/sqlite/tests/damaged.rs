//! Flipped bits in a ledger's file.

use std::collections::BTreeMap;

use super::*;
use crate::record::SkipReason;
use crate::store::sqlite::file::schema;
use crate::store::sqlite::read::verify::{Verified, verify};
use crate::store::{OverviewQuestion, SequenceGaps};

/// Calls of ten hours by several users, models and processes, some numbers missing; all but the newest are in rollups.
pub(super) fn filled(path: &Path) -> Vec<CallRecord> {
    let mut ledger = writer(path);
    let calls: Vec<_> = (0..400_u64)
        .map(|number| CallRecord {
            user: Some(format!("user {}", number % 5)),
            request_hash: Some(format!("{:032x}", number % 7)),
            response_preview: Some("preview ".repeat((number % 80) as usize * 10)),
            instance: Some(format!("process {}", number % 3)),
            sequence: Some(1 + number / 3 * 2),
            ..ending_at(number, BASE.plus_seconds(number.cast_signed() * 90))
        })
        .collect();
    ledger.append(&calls).unwrap();
    while ledger.maintain(BASE.plus_seconds(35_900)).unwrap().more {}
    calls
}

/// What a report, the page and the rules ask.
fn answers(path: &Path) -> Result<impl PartialEq + std::fmt::Debug + use<>, StoreError> {
    let querier = reader(path)?;
    let any = Filter::default();
    let window = Window { from: BASE, to: BASE.plus_seconds(40_000) };
    let by = [(Dimension::Model, 10), (Dimension::Service, 10), (Dimension::User, 10)];
    let question = OverviewQuestion { window, step_seconds: 900, by: &by, repeated: 10 };
    let user = Filter { user: Some("user 2".into()), ..any.clone() };
    let gaps: SequenceGaps = querier.sequence_gaps(ALL, BASE.plus_seconds(99_999), &any, 100)?;
    Ok((
        querier.totals(ALL, &any)?,
        querier.overview(&question)?,
        querier.breakdown(ALL, &any, Dimension::User, 10)?,
        querier.totals(ALL, &user)?,
        querier.repeated(ALL, &any, 1, 10)?,
        querier.calls(ALL, &any, Page { limit: 10_000, after: None })?.calls,
        gaps,
    ))
}

pub(super) fn verified(path: &Path) -> Verified {
    verify(path, &mut |_| {}).unwrap()
}

#[test]
fn a_sound_ledger_is_verified_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    filled(&path);
    let found = verified(&path);
    let pages = std::fs::metadata(&path).unwrap().len() / 4096;
    assert_eq!(found, Verified { checksums: true, pages, ..Verified::default() });
    // Next to its writer, too.
    let mut ledger = writer(&path);
    ledger.append(&(5_000..9_000).map(call).collect::<Vec<_>>()).unwrap();
    assert!(verified(&path).is_sound());
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_and_in_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    filled(&path);
    let right = answers(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let mut refused = 0;
    // Odd, so that the offsets fall on all parts of a page.
    let step = (bytes.len() / 24) | 1;
    let tried: Vec<usize> =
        (0..bytes.len()).step_by(step).chain([0, 7, 15, 16, 17, 20, 24, 30, 35]).collect();
    for offset in &tried {
        let mut flipped = bytes.clone();
        flipped[*offset] ^= 1 << (offset % 8);
        std::fs::write(&path, &flipped).unwrap();
        match answers(&path) {
            Ok(answers) => assert!(answers == right, "offset {offset}"),
            Err(StoreError::Damaged { .. }) => refused += 1,
            Err(error) => panic!("offset {offset}: {error}"),
        }
        let found = verified(&path);
        let pages: Vec<_> = found.damaged.iter().map(|page| page.page).collect();
        assert_eq!(pages, [*offset as u64 / 4096 + 1], "offset {offset}");
    }
    assert!(refused * 2 > tried.len(), "{refused} of {}", tried.len());
}

#[test]
fn a_damaged_page_is_named_with_what_it_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let calls = filled(&path);
    let plain = rusqlite::Connection::open(&path).unwrap();
    let mut pages: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut statement = plain
        .prepare("SELECT name, pageno FROM dbstat WHERE pagetype = 'leaf' AND name <> 'sqlite_schema'")
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        pages.entry(row.get(0).unwrap()).or_default().push(row.get::<_, i64>(1).unwrap().cast_unsigned());
    }
    drop(rows);
    drop(statement);
    drop(plain);
    assert!(
        ["calls", "series_minute", "text_by_hash", "gap", "text"]
            .iter()
            .all(|name| pages.contains_key(*name))
    );
    let bytes = std::fs::read(&path).unwrap();
    let end = |call: &CallRecord| call.start.plus_seconds(call.duration_ns / Timestamp::SECOND);
    for (name, pages) in pages {
        let page = pages[pages.len() / 2];
        let mut flipped = bytes.clone();
        flipped[(page as usize - 1) * 4096 + 3_000] ^= 16;
        std::fs::write(&path, &flipped).unwrap();
        let found = verified(&path);
        assert_eq!((found.damaged_pages, found.damaged.len()), (1, 1), "{name}");
        let damaged = &found.damaged[0];
        assert_eq!((damaged.page, damaged.holds.as_deref()), (page, Some(name.as_str())));
        if name == "calls" {
            let (from, to) = (damaged.from.unwrap(), damaged.to.unwrap());
            assert!(end(&calls[0]) < from && from < to && to < end(&calls[399]), "{damaged:?}");
            assert!((to.0 - from.0) / Timestamp::SECOND < 36_000 / 8, "{damaged:?}");
            let error = answers(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("page {page} does not match its checksum")), "{error}");
        }
    }
}

#[test]
fn damage_elsewhere_stops_no_append() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    filled(&path);
    damage(&path, "SELECT pageno FROM dbstat WHERE name = 'calls' AND pagetype = 'leaf' LIMIT 1");
    let mut ledger = writer(&path);
    assert_eq!(ledger.append(&[ending_at(9_000, BASE.plus_seconds(40_000))]).unwrap().inserted, 1);
    // Calls of other hours are counted as before.
    let later = Window { from: BASE.plus_seconds(34_000), to: ALL.to };
    assert!(totals(&path, later).calls > 1);
}

/// Flips a bit of the page that a query names; tells its number.
fn damage(path: &Path, page: &str) -> u64 {
    let plain = rusqlite::Connection::open(path).unwrap();
    let page: i64 = plain.query_row(page, [], |row| row.get(0)).unwrap();
    drop(plain);
    let mut bytes = std::fs::read(path).unwrap();
    bytes[(page as usize - 1) * 4096 + 3_000] ^= 16;
    std::fs::write(path, &bytes).unwrap();
    page.cast_unsigned()
}

#[test]
fn calls_that_belong_on_a_damaged_page_are_refused_alone_and_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    filled(&path);
    damage(&path, "SELECT pageno FROM dbstat WHERE name = 'calls' AND pagetype = 'leaf' LIMIT 1 OFFSET 3");
    let found = verified(&path);
    let (from, to) = (found.damaged[0].from.unwrap(), found.damaged[0].to.unwrap());
    let late = |number: u64| ending_at(number, Timestamp((from.0 + to.0) / 2));
    let new = |number: u64| ending_at(number, BASE.plus_seconds(40_000 + number.cast_signed()));
    let mut ledger = writer(&path);
    let appended = ledger.append(&[new(1_001), late(9_001), new(1_002), late(9_002), new(1_003)]).unwrap();
    assert_eq!((appended.inserted, appended.not_taken), (3, 2));
    // Nor do they hold up others that are written with them.
    let (one, two) = ([late(9_001)], [new(1_004)]);
    let batches = [&one, &two].map(|calls| Batch { calls, ..Batch::default() });
    let answers: Vec<_> = ledger.append_group(&batches).into_iter().map(Result::unwrap).collect();
    assert_eq!((answers[0].not_taken, answers[1].inserted), (1, 1));
    // So many that not each is tried.
    let many: Vec<_> = (0..500).map(|number| late(10_000 + number)).chain([new(1_005)]).collect();
    let appended = ledger.append(&many).unwrap();
    assert_eq!(appended.inserted + appended.not_taken, 501);
    assert!(appended.not_taken >= 500, "{appended:?}");
    let noted = reader(&path).unwrap().skipped(ALL).unwrap();
    let refused = noted.iter().filter(|(_, reason, _)| *reason == SkipReason::Refused);
    assert_eq!(refused.map(|(_, _, calls)| calls).sum::<u64>(), 3 + appended.not_taken);
}

/// What is needed for every call: names, the newest minutes, the newest calls, what the ledger knows of itself.
const NEEDED: [&str; 9] = [
    "calls",
    "series",
    "series_key",
    "series_minute",
    "sqlite_schema",
    "sqlite_sequence",
    "state",
    "text",
    "text_by_hash",
];

#[test]
fn a_damaged_page_stops_a_ledger_only_where_every_call_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    filled(&path);
    let plain = rusqlite::Connection::open(&path).unwrap();
    let mut pages = plain.prepare("SELECT name, pageno, pagetype FROM dbstat ORDER BY pageno").unwrap();
    let found: Vec<(String, i64, String)> = pages
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    drop(pages);
    drop(plain);
    let pages = found;
    let bytes = std::fs::read(&path).unwrap();
    let mut stopped = std::collections::BTreeMap::new();
    for (name, page, kind) in pages.iter().filter(|(_, page, _)| *page > 1) {
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", path.display()));
        }
        let mut flipped = bytes.clone();
        flipped[(*page as usize - 1) * 4096 + 3_000] ^= 16;
        std::fs::write(&path, &flipped).unwrap();
        let new: Vec<_> =
            (0..20).map(|number| ending_at(5_000 + number, BASE.plus_seconds(40_000))).collect();
        let taken = Ledger::open_writer(&path, &options()).and_then(|mut ledger| ledger.append(&new));
        match taken {
            Ok(appended) => assert_eq!(appended.inserted, 20, "{name} {page}"),
            Err(StoreError::Damaged { detail, .. }) => {
                assert!(detail.contains(&format!("page {page} ")), "{name} {page}: {detail}");
                *stopped.entry((name.as_str(), kind.as_str())).or_insert(0) += 1;
            }
            Err(error) => panic!("{name} {page}: {error}"),
        }
    }
    let names: Vec<_> = stopped.keys().map(|(name, _)| *name).collect();
    assert!(names.iter().all(|name| NEEDED.contains(name)), "{stopped:?}");
    let total: i32 = stopped.values().sum();
    assert!(usize::try_from(total).unwrap() < pages.len() / 4, "{stopped:?} of {}", pages.len());
}

#[test]
fn nothing_is_refused_for_good_by_a_ledger_that_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    filled(&path);
    let page = damage(&path, "SELECT rootpage FROM sqlite_schema WHERE name = 'calls'");
    let mut ledger = writer(&path);
    let new = ending_at(1_000, BASE.plus_seconds(40_000));
    let error = ledger.append(&[new]).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains(&format!("page {page} does not match")), "{error}");
}

#[test]
fn a_ledger_from_before_gets_checksums_when_it_is_opened_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut plain = rusqlite::Connection::open(&path).unwrap();
    plain.pragma_update(None, "auto_vacuum", "INCREMENTAL").unwrap();
    plain.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    schema::migrate(&mut plain, 0).unwrap();
    without_tags(&plain);
    plain.execute_batch("PRAGMA user_version = 8").unwrap();
    drop(plain);
    let before = verified(&path);
    assert!(!before.checksums && before.is_sound());

    let mut ledger = writer(&path);
    ledger.append(&(0..300).map(call).collect::<Vec<_>>()).unwrap();
    while ledger.maintain(BASE).unwrap().more {}
    let after = verified(&path);
    assert!(after.checksums && after.is_sound() && after.pages > 20, "{after:?}");
    drop(ledger);
    assert_eq!(totals(&path, ALL).calls, 300);
}

#[test]
fn a_backup_is_whole_and_has_checksums() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (path(&folder), folder.path().join("copy # 1.db"));
    filled(&path);
    let mut ledger = writer(&path);
    ledger.append(&[call(9_000)]).unwrap();
    backup(&path, &copy, false).unwrap();
    assert!(answers(&copy).unwrap() == answers(&path).unwrap());
    assert!(verified(&copy).checksums && verified(&copy).is_sound());
    drop(ledger);

    // Of a damaged ledger there is none, but for what can still be read of it.
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let rest = folder.path().join("rest.db");
    assert!(matches!(backup(&path, &rest, false), Err(StoreError::Damaged { .. })));
    assert!(!rest.exists());
    backup(&path, &rest, true).unwrap();
    assert!(verified(&rest).is_sound());
    assert_eq!(writer(&rest).append(&[call(9_001)]).unwrap().inserted, 1);
}
