use proptest::prelude::*;

use super::*;
use crate::record::{ProcessEnd, ProcessReport};
use crate::store::SequenceGap;
use crate::store::sequence::Sequences;

/// The gaps left when these calls arrive in batches of `size`.
fn gaps(calls: &[CallRecord], size: usize) -> Vec<SequenceGap> {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger = writer(&path);
    for batch in calls.chunks(size) {
        ledger.append(batch).unwrap();
    }
    reader(&path).unwrap().sequence_gaps(ALL, ALL.to, &Filter::default(), 1_000).unwrap().newest
}

#[test]
fn a_number_above_many_gaps_looks_at_few_of_them() {
    use rusqlite::StatementStatus::VmStep;

    use crate::store::sqlite::write::gaps::NOTICE;

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

#[test]
fn services_are_left_out_however_many_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let gap = [2, 4].map(|number| CallRecord {
        instance: Some("one".into()),
        sequence: Some(number),
        ..call(number)
    });
    writer(&path).append(&gap).unwrap();
    let others = (0..5_000).map(|number| format!("service {number}")).collect();
    let filter = Filter { except_services: others, ..Filter::default() };
    let found = reader(&path).unwrap().sequence_gaps(ALL, ALL.to, &filter, 10).unwrap();
    assert_eq!((found.numbers, found.services.len()), (2, 1));
    assert_eq!(found.services[0].first, found.newest[1]);
}

#[test]
fn a_process_that_was_running_before_the_ledger_misses_nothing_from_before() {
    const SETTLED: i64 = 300;
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let numbered = |instance: &str, sequence: u64, seconds: i64| CallRecord {
        instance: Some(instance.into()),
        sequence: Some(sequence),
        ..ending_at(sequence, BASE.plus_seconds(seconds))
    };
    let open = |seconds: i64| {
        let now = Some(BASE.plus_seconds(seconds));
        let ledger = Ledger::open_writer(&path, &Options { now, ..options() }).unwrap();
        if seconds == 0 { ledger.begins(BASE).unwrap() } else { ledger }
    };
    open(0).append(&[numbered("running", 500, 10), numbered("running", 502, 11)]).unwrap();
    // The file remembers when it was created; opening it again is not that.
    let mut ledger = open(2 * SETTLED);
    ledger.append(&[numbered("quiet", 40, SETTLED), numbered("fresh", 3, SETTLED + 2)]).unwrap();
    // What comes late is from before the ledger as well.
    ledger.append(&[numbered("running", 498, 12), numbered("quiet", 41, 2 * SETTLED)]).unwrap();
    let found = reader(&path).unwrap().sequence_gaps(ALL, ALL.to, &Filter::default(), 10).unwrap();
    let found: Vec<_> = found.newest.iter().map(|gap| (gap.instance.as_str(), gap.first, gap.last)).collect();
    assert_eq!(found, [("fresh", 1, 2), ("running", 501, 501)]);
}

/// In a file and in memory alike.
#[test]
fn what_a_journal_dropped_before_the_ledger_is_missing_from_its_report_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let mut ledger =
        Ledger::open_writer(&path, &Options { now: Some(BASE), ..options() }).unwrap().begins(BASE).unwrap();
    let mut memory = Sequences::default();
    memory.settles_at(Some(BASE));
    let mut append = |numbers: &[(u64, i64)], reported: Option<(i64, &[(u64, u64)])>| {
        let calls: Vec<CallRecord> = numbers
            .iter()
            .map(|(sequence, seconds)| CallRecord {
                instance: Some("running".into()),
                sequence: Some(*sequence),
                ..ending_at(*sequence, BASE.plus_seconds(*seconds))
            })
            .collect();
        let report = reported.map(|(seconds, lost)| ProcessReport {
            instance: "running".into(),
            service: call(1).service,
            at: BASE.plus_seconds(seconds),
            last_sequence: 502,
            end: None,
            lost: lost.to_vec(),
            lost_calls: lost.iter().map(|(first, last)| last - first + 1).sum(),
            lost_between: None,
            skipped: 0,
        });
        let processes: Vec<ProcessReport> = report.into_iter().collect();
        let batch = Batch { calls: &calls, processes: &processes, ..Batch::default() };
        ledger.append_batch(batch).unwrap();
        for call in &calls {
            memory.see(call, Timestamp(call.start.0 + call.duration_ns));
        }
        processes.iter().for_each(|report| memory.note(report));
        let found = reader(&path).unwrap().sequence_gaps(ALL, ALL.to, &Filter::default(), 10).unwrap();
        assert_eq!(memory.gaps(ALL, ALL.to, &Filter::default(), 10), found);
        let of =
            |gap: &SequenceGap| (gap.first, gap.last, (gap.noticed.0 - BASE.0) / Timestamp::SECOND, gap.lost);
        (found.newest.iter().map(of).collect::<Vec<_>>(), found.lost)
    };
    let between = (501, 501, 11, 0);
    assert_eq!(append(&[(500, 10), (502, 11)], None), (vec![between], 0));
    let lost = |last, count| ((100, last, 20, count), count);
    let ((first, count), (more, all)) = (lost(199, 100), lost(249, 150));
    assert_eq!(append(&[], Some((20, &[(100, 199)]))), (vec![first, between], count));
    // The report after it names more, and what is above the first number is judged by the calls.
    assert_eq!(append(&[], Some((30, &[(100, 249), (501, 501)]))), (vec![more, (501, 501, 11, 1)], all + 1));
    assert_eq!(append(&[(501, 5), (503, 5)], None), (vec![more], all), "calls that ended before the report");
    // What was dropped and arrives all the same is not lost, and shows the numbers below it when it ended.
    assert_eq!(append(&[(249, 12)], None), (vec![(100, 248, 12, 149)], all - 1));
    assert_eq!(
        append(&[], Some((25, &[]))),
        (vec![(100, 248, 12, 149)], all - 1),
        "a report that comes late"
    );
}

/// When a report was made, whether the process had ended, its highest number, and what was dropped.
type Reported<'a> = (i64, Option<ProcessEnd>, u64, &'a [(u64, u64)]);

/// A file and a store in memory that were created at [`BASE`], and both opened again before each batch.
struct Both {
    path: std::path::PathBuf,
    memory: Sequences,
}

impl Both {
    /// Takes in numbers of calls, each with when its call ended, and a report: when it was made, whether the process had ended,
    /// its highest number, and what was dropped. What is missing then, in both: the first and the last number, when it was
    /// noticed, and how many of them were dropped.
    fn take(&mut self, calls: &[(u64, i64)], report: Option<Reported<'_>>) -> Vec<(u64, u64, i64, u64)> {
        let numbered = |(sequence, seconds): &(u64, i64)| CallRecord {
            instance: Some("running".into()),
            sequence: Some(*sequence),
            ..ending_at(*sequence, BASE.plus_seconds(*seconds))
        };
        let calls: Vec<CallRecord> = calls.iter().map(numbered).collect();
        let report = report.map(|(seconds, end, last_sequence, lost)| ProcessReport {
            instance: "running".into(),
            service: call(1).service,
            at: BASE.plus_seconds(seconds),
            last_sequence,
            end,
            lost: lost.to_vec(),
            lost_calls: lost.iter().map(|(first, last)| last - first + 1).sum(),
            lost_between: None,
            skipped: 0,
        });
        let processes: Vec<ProcessReport> = report.into_iter().collect();
        let batch = Batch { calls: &calls, processes: &processes, ..Batch::default() };
        let options = Options { now: Some(BASE), ..options() };
        Ledger::open_writer(&self.path, &options).unwrap().begins(BASE).unwrap().append_batch(batch).unwrap();
        let state = self.memory.state(&("running".to_owned(), call(1).service));
        self.memory = Sequences::default();
        self.memory.settles_at(Some(BASE));
        state.iter().for_each(|(text, ..)| self.memory.restore(text));
        for call in &calls {
            self.memory.see(call, Timestamp(call.start.0 + call.duration_ns));
        }
        processes.iter().for_each(|report| self.memory.note(report));
        let found = reader(&self.path).unwrap().sequence_gaps(ALL, ALL.to, &Filter::default(), 10).unwrap();
        assert_eq!(self.memory.gaps(ALL, ALL.to, &Filter::default(), 10), found);
        let of =
            |gap: &SequenceGap| (gap.first, gap.last, (gap.noticed.0 - BASE.0) / Timestamp::SECOND, gap.lost);
        found.newest.iter().map(of).collect()
    }
}

#[test]
fn a_report_that_comes_before_the_first_call_does_not_say_where_a_process_begins() {
    const SETTLED: i64 = 300;
    let crashed = Some(ProcessEnd::Died);
    let folder = tempfile::tempdir().unwrap();
    let new = |name: &str| Both { path: folder.path().join(name), memory: Sequences::default() };

    // What it dropped is missing from the report on, and nothing else that is from before the ledger.
    let mut both = new("dropped");
    assert_eq!(both.take(&[], Some((5, None, 499, &[(100, 199), (498, 505)]))), []);
    assert_eq!(both.take(&[], Some((6, None, 499, &[(100, 199), (498, 505)]))), []);
    let (early, late) = ((100, 199, 6, 100), (498, 499, 6, 2));
    assert_eq!(both.take(&[(500, 10)], None), [early, late]);
    assert_eq!(both.take(&[(506, 11)], None), [(501, 505, 11, 5), early, late]);
    assert_eq!(both.take(&[(150, 4)], None).len(), 4, "in two parts");

    // In one batch, and with nothing dropped.
    assert_eq!(new("one").take(&[(500, 10)], Some((5, None, 499, &[(7, 8)]))), [(7, 8, 5, 2)]);
    let mut both = new("none");
    assert_eq!(both.take(&[], Some((5, None, 0, &[]))), []);
    assert_eq!(both.take(&[(500, 10), (502, 11)], None), [(501, 501, 11, 0)]);

    // A process that begins after the ledger has settled misses what is below its first call, reported or not.
    let mut both = new("settled");
    assert_eq!(both.take(&[], Some((5, None, 2, &[(2, 2)]))), []);
    assert_eq!(both.take(&[(4, SETTLED + 20)], None), [(1, 3, SETTLED + 20, 1)]);

    // One that has ended by then is from before, and gave no number after its last one.
    let mut both = new("ended");
    assert_eq!(both.take(&[], Some((5, None, 100, &[(10, 19)]))), []);
    assert_eq!(both.take(&[], Some((6, crashed, 300, &[(10, 29)]))), [(10, 29, 5, 20)]);
    assert_eq!(both.take(&[(250, 4), (300, 4)], None), [(10, 29, 5, 20)]);
    assert_eq!(new("ended at once").take(&[], Some((6, crashed, 300, &[(10, 29)]))), [(10, 29, 6, 20)]);
    let late = SETTLED + 20;
    assert_eq!(new("ended late").take(&[], Some((late, crashed, 30, &[(10, 29)]))), [(1, 30, late, 20)]);
}

#[test]
fn a_ledger_that_does_not_know_when_it_was_created_misses_every_number_below_the_first() {
    assert_eq!(
        gaps(&[CallRecord { instance: Some("one".into()), sequence: Some(500), ..call(1) }], 1)
            .iter()
            .map(|gap| (gap.first, gap.last))
            .collect::<Vec<_>>(),
        [(1, 499)]
    );
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
