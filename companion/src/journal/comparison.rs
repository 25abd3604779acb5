//! Compares what journals hold with what is in the ledger.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use spanledger::journal::Inspected;

use crate::record::ProcessEnd;
use crate::store::sqlite::ProcessAccount;

/// A range of sequence numbers, both ends included.
pub(crate) type Numbers = RangeInclusive<u64>;

/// One process, as far as its journal and the ledger know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) instance: String,
    pub(crate) service: String,
    pub(crate) state: State,
    /// What only a journal knows; `None` where that is delivered and removed.
    pub(crate) journal: Option<Inspected>,
    /// Numbered calls in the ledger.
    pub(crate) in_ledger: u64,
    /// Calls that were in flight when the process died.
    pub(crate) interrupted: u64,
    /// The last number that was given to a call, as far as it is known.
    pub(crate) last: u64,
    /// Calls that are in the journal alone.
    pub(crate) waiting: Vec<Numbers>,
    /// Calls that the journal dropped at its cap and that are not in the ledger.
    pub(crate) lost: Vec<Numbers>,
    /// Calls that are neither in the ledger nor in the journal, and that no journal named as dropped.
    pub(crate) missing: Vec<Numbers>,
    /// How many of `missing` the journal dropped without naming them: it names the newest.
    pub(crate) lost_unnamed: u64,
    /// Calls that the process could not write down, as far as they were counted.
    pub(crate) skipped: u64,
    /// Why calls may be missing that nothing shows.
    pub(crate) unproved: Option<Unproved>,
}

/// Why it is not proved that no call of a process is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unproved {
    /// The journal is of another version, and was not read.
    OtherVersion,
    /// The journal cannot be read.
    Unreadable,
    /// The journal has no segment, and the process has not reported its end.
    NoSegments,
    /// Records of the journal are damaged.
    Damaged,
    /// The process died, and before that could not write down some of its calls.
    Skipped,
}

impl Unproved {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OtherVersion => "other_version",
            Self::Unreadable => "unreadable",
            Self::NoSegments => "no_segments",
            Self::Damaged => "damaged",
            Self::Skipped => "skipped",
        }
    }

    fn of(journal: &Inspected, end: Option<ProcessEnd>) -> Option<Self> {
        if journal.other_version.is_some() {
            Some(Self::OtherVersion)
        } else if journal.error.is_some() {
            Some(Self::Unreadable)
        } else if journal.segments == 0 && !journal.running && end.is_none() {
            Some(Self::NoSegments)
        } else if journal.checksum_errors > 0 {
            Some(Self::Damaged)
        } else if journal.has_skipped && !journal.running && !journal.ended {
            Some(Self::Skipped)
        } else {
            None
        }
    }
}

/// What became of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// It lives, or its journal is being recovered.
    Running,
    /// It ended in order.
    Ended,
    /// It died; its journal is recovered.
    Died,
    /// It died, and its journal is not recovered.
    ToRecover,
    /// Its journal is of another version of the format.
    OtherVersion,
    /// It has no journal.
    #[default]
    Unknown,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Died => "died",
            Self::ToRecover => "to_recover",
            Self::OtherVersion => "other_version",
            Self::Unknown => "unknown",
        }
    }
}

/// Compares process by process, in the order of services and instances.
pub(crate) fn compare(journals: Vec<Inspected>, ledger: Vec<ProcessAccount>) -> Vec<Compared> {
    let mut ledger: BTreeMap<(String, String), ProcessAccount> = ledger
        .into_iter()
        .map(|account| ((account.instance.clone(), account.service.clone()), account))
        .collect();
    let mut all: Vec<Compared> = journals
        .into_iter()
        .map(|journal| {
            // A process with several journals has one account, which goes with the first of them.
            // A journal without the name of a service is compared by its instance alone.
            let own = (journal.instance.clone(), journal.service.clone());
            let key = match ledger.contains_key(&own) || !journal.service.is_empty() {
                true => Some(own),
                false => ledger.keys().find(|(instance, _)| *instance == journal.instance).cloned(),
            };
            let account = key.and_then(|key| ledger.remove(&key));
            of(Some(journal), account.unwrap_or_default())
        })
        .collect();
    all.extend(ledger.into_values().map(|account| of(None, account)));
    all.sort_by(|a, b| (&a.service, &a.instance).cmp(&(&b.service, &b.instance)));
    all
}

fn of(journal: Option<Inspected>, account: ProcessAccount) -> Compared {
    let known = journal.as_ref().filter(|journal| journal.other_version.is_none());
    let state = match (&journal, account.end) {
        (Some(journal), _) if journal.other_version.is_some() => State::OtherVersion,
        (Some(journal), _) if journal.running => State::Running,
        (Some(_), _) => State::ToRecover,
        (None, Some(ProcessEnd::Orderly)) => State::Ended,
        (None, Some(ProcessEnd::Died)) => State::Died,
        (None, None) => State::Unknown,
    };
    let last = known.map_or(0, |journal| journal.last_sequence).max(account.highest);
    // A ledger that has deleted calls, or never saw the beginning of a process, knows what is missing by its gaps alone.
    let absent = match known {
        Some(_) if account.whole => without(&[1..=last], &account.present),
        Some(_) => {
            let mut absent = account.gaps.clone();
            if account.highest < last {
                absent.push(account.highest + 1..=last);
            }
            absent
        }
        None => account.gaps.clone(),
    };
    let waiting = known.map_or_else(Vec::new, |journal| within(&absent, &journal.waiting));
    let dropped = known.map_or(&account.lost, |journal| &journal.lost);
    let absent = without(&absent, &waiting);
    // What a journal dropped is known also of numbers from before the ledger, which are no gaps.
    let lost = match known {
        None if account.whole => without(&account.lost, &account.present),
        _ => within(&absent, dropped),
    };
    let missing = without(&absent, &lost);
    let unnamed =
        known.map_or(account.lost_unnamed, |journal| journal.lost_calls.saturating_sub(count(&journal.lost)));
    let unproved = match &journal {
        Some(journal) => Unproved::of(journal, account.end),
        // Its journal was recovered, and is gone.
        None => (account.skipped > 0).then_some(Unproved::Skipped),
    };
    let in_flight =
        known.filter(|journal| !journal.running).map_or(0, |journal| journal.in_flight.len() as u64);
    Compared {
        service: known
            .map(|journal| journal.service.clone())
            .filter(|name| !name.is_empty())
            .unwrap_or(account.service),
        instance: journal.as_ref().map_or(account.instance, |journal| journal.instance.clone()),
        state,
        in_ledger: account.calls,
        interrupted: account.interrupted + in_flight,
        last,
        lost_unnamed: unnamed.min(count(&missing)),
        missing,
        waiting,
        lost,
        skipped: known.map_or(account.skipped, |journal| journal.skipped),
        unproved,
        journal,
    }
}

impl Compared {
    /// How many calls the journal dropped, named or not, that are not in the ledger.
    pub(crate) fn lost_calls(&self) -> u64 {
        count(&self.lost).saturating_add(self.lost_unnamed)
    }

    /// How many calls are missing that no journal dropped.
    pub(crate) fn missing_calls(&self) -> u64 {
        count(&self.missing).saturating_sub(self.lost_unnamed)
    }

    /// Whether any call is in neither the ledger nor the journal, or may be.
    pub(crate) const fn is_incomplete(&self) -> bool {
        !self.missing.is_empty() || !self.lost.is_empty() || self.unproved.is_some()
    }
}

/// How many numbers there are.
pub(crate) fn count(ranges: &[Numbers]) -> u64 {
    ranges
        .iter()
        .fold(0, |sum: u64, range| sum.saturating_add((range.end() - range.start()).saturating_add(1)))
}

/// The numbers of `all` that are in `some` as well. Both are in rising order.
fn within(all: &[Numbers], some: &[Numbers]) -> Vec<Numbers> {
    let pairs = all.iter().flat_map(|one| some.iter().map(move |other| (one, other)));
    pairs
        .map(|(one, other)| *one.start().max(other.start())..=*one.end().min(other.end()))
        .filter(|both| !both.is_empty())
        .collect()
}

/// The numbers of `all` that are not in `some`. Both are in rising order.
fn without(all: &[Numbers], some: &[Numbers]) -> Vec<Numbers> {
    let mut left = Vec::new();
    for range in all {
        let mut first = *range.start();
        for hole in some.iter().filter(|hole| hole.end() >= range.start() && hole.start() <= range.end()) {
            if first < *hole.start() {
                left.push(first..=hole.start() - 1);
            }
            first = first.max(hole.end().saturating_add(1));
        }
        if first <= *range.end() {
            left.push(first..=*range.end());
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(last: u64, waiting: &[Numbers], lost: &[Numbers]) -> Inspected {
        let mut journal = Inspected::default();
        journal.instance = "a".to_owned();
        journal.segments = 1;
        journal.last_sequence = last;
        journal.waiting = waiting.to_vec();
        journal.lost = lost.to_vec();
        journal
    }

    fn account(present: &[Numbers]) -> ProcessAccount {
        ProcessAccount {
            instance: "a".to_owned(),
            highest: present.last().map_or(0, |last| *last.end()),
            present: present.to_vec(),
            calls: count(present),
            whole: true,
            ..ProcessAccount::default()
        }
    }

    #[test]
    fn what_neither_has_is_missing() {
        let compared = compare(vec![journal(20, &[15..=20], &[3..=4])], vec![account(&[1..=2, 6..=14])]);
        let [one] = &compared[..] else { panic!("{compared:?}") };
        assert_eq!((&*one.missing, &*one.lost, &*one.waiting), (&[5..=5][..], &[3..=4][..], &[15..=20][..]));
        assert!(one.is_incomplete());
        assert_eq!(one.state, State::ToRecover);
    }

    #[test]
    fn a_journal_that_cannot_be_read_in_full_proves_nothing() {
        let whole = || account(&[1..=9]);
        let of = |change: &dyn Fn(&mut Inspected), account: ProcessAccount| {
            let mut journal = journal(9, &[], &[]);
            change(&mut journal);
            let compared = compare(vec![journal], vec![account]);
            assert_eq!(compared[0].is_incomplete(), compared[0].unproved.is_some());
            compared[0].unproved
        };
        assert_eq!(of(&|_| {}, whole()), None);
        assert_eq!(of(&|journal| journal.segments = 0, whole()), Some(Unproved::NoSegments));
        assert_eq!(of(&|journal| (journal.segments, journal.running) = (0, true), whole()), None);
        let ended = ProcessAccount { end: Some(ProcessEnd::Died), ..whole() };
        assert_eq!(
            of(&|journal| journal.segments = 0, ended),
            None,
            "a recovery was killed while it removed them"
        );
        assert_eq!(of(&|journal| journal.checksum_errors = 1, whole()), Some(Unproved::Damaged));
        assert_eq!(of(&|journal| journal.has_skipped = true, whole()), Some(Unproved::Skipped));
        assert_eq!(of(&|journal| (journal.has_skipped, journal.ended) = (true, true), whole()), None);
        let unreadable = |journal: &mut Inspected| journal.error = Some("permission denied".to_owned());
        assert_eq!(of(&unreadable, whole()), Some(Unproved::Unreadable));
        let other = |journal: &mut Inspected| journal.other_version = Some("1.slj2".to_owned());
        assert_eq!(of(&other, whole()), Some(Unproved::OtherVersion));
    }

    #[test]
    fn what_was_sent_again_and_what_was_dropped_and_arrived_is_neither() {
        let compared = compare(vec![journal(9, &[1..=9], &[2..=3])], vec![account(&[1..=9])]);
        assert!(!compared[0].is_incomplete());
        assert!(compared[0].waiting.is_empty());
    }

    #[test]
    fn of_a_process_whose_journal_is_gone_the_gaps_tell() {
        let account = ProcessAccount {
            gaps: vec![4..=9],
            lost: vec![4..=6],
            end: Some(ProcessEnd::Died),
            ..account(&[1..=3, 10..=12])
        };
        let compared = compare(Vec::new(), vec![account]);
        assert_eq!((&*compared[0].lost, &*compared[0].missing), (&[4..=6][..], &[7..=9][..]));
        assert_eq!(compared[0].state, State::Died);
    }

    #[test]
    fn what_was_dropped_before_the_ledger_was_made_is_lost() {
        let account =
            ProcessAccount { lost: vec![1..=4, 6..=7], end: Some(ProcessEnd::Died), ..account(&[5..=9]) };
        let compared = compare(Vec::new(), vec![account.clone()]);
        assert_eq!((&*compared[0].lost, &*compared[0].missing), (&[1..=4][..], &[][..]));
        // Without all of its calls the ledger does not know which of them arrived.
        let part = ProcessAccount { whole: false, ..account };
        assert!(!compare(Vec::new(), vec![part])[0].is_incomplete());
    }

    #[test]
    fn dropped_calls_without_a_name_are_counted_as_lost_and_not_as_missing() {
        let account = |unnamed| ProcessAccount {
            gaps: vec![4..=9],
            lost: vec![8..=9],
            lost_unnamed: unnamed,
            end: Some(ProcessEnd::Died),
            ..account(&[1..=3, 10..=12])
        };
        let of = |unnamed| {
            let compared = compare(Vec::new(), vec![account(unnamed)]);
            (compared[0].lost_calls(), compared[0].missing_calls())
        };
        assert_eq!([of(0), of(3), of(4), of(50)], [(2, 4), (5, 1), (6, 0), (6, 0)]);
        let mut journal = journal(12, &[], &[8..=9]);
        journal.lost_calls = 5;
        let compared = compare(vec![journal], vec![account(0)]);
        assert_eq!((compared[0].lost_calls(), compared[0].missing_calls()), (5, 1));
    }

    #[test]
    fn calls_that_could_not_be_written_down_are_known_after_the_journal_is_gone() {
        let of = |skipped| {
            let account = ProcessAccount { skipped, end: Some(ProcessEnd::Died), ..account(&[1..=9]) };
            let compared = compare(Vec::new(), vec![account]);
            (compared[0].unproved, compared[0].skipped, compared[0].is_incomplete())
        };
        assert_eq!([of(0), of(2)], [(None, 0, false), (Some(Unproved::Skipped), 2, true)]);
    }

    #[test]
    fn of_a_ledger_that_has_deleted_calls_only_gaps_and_the_tail_count() {
        let account = ProcessAccount { whole: false, gaps: vec![7..=7], ..account(&[8..=10]) };
        let compared = compare(vec![journal(12, &[12..=12], &[])], vec![account]);
        assert_eq!((&*compared[0].missing, &*compared[0].waiting), (&[7..=7, 11..=11][..], &[12..=12][..]));
    }
}
