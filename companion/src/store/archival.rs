//! What the writer of a ledger and its archiver agree on: what is to be deleted, and up to where everything is archived.
//!
//! The writer states up to which minute it wants to delete. The archiver begins a job, archives what is there, and ends it. What
//! the writer appends or changes meanwhile within the job is marked, so that a job during which that happened does not count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::record::Timestamp;

/// Seconds after which a job takes too long: an hour of calls must not take longer than an hour.
const SLOW: i64 = 3_600;

/// Shared by writer and archiver. Minutes are minutes since 1970.
#[derive(Debug, Clone, Default)]
pub struct Archival(Arc<Mutex<State>>);

/// Only the same one is equal.
impl PartialEq for Archival {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Archival {}

#[derive(Debug, Default)]
struct State {
    /// Up to where the writer wants to delete, and from where on calls are not archived.
    wanted: Option<Wanted>,
    job: Option<Job>,
    status: ArchivalStatus,
}

/// Calls that ended from one minute on and before another are to be archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

#[derive(Debug, Clone, Copy)]
struct Job {
    to: i64,
    since: Timestamp,
    touched: bool,
    done: bool,
}

/// What was archived since the start, and what is in the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ArchivalStatus {
    /// Files written.
    pub(crate) files: u64,
    /// Rows in them.
    pub(crate) rows: u64,
    /// Attempts that failed.
    pub(crate) failures: u64,
    /// Why the last attempt failed; `None` when it did not.
    pub(crate) trouble: Option<Trouble>,
}

/// Why nothing is archived, and so nothing is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Since when.
    pub(crate) since: Timestamp,
    pub(crate) kind: TroubleKind,
}

/// What is in the way. The numbers are part of the ledger's file: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TroubleKind {
    Full = 0,
    Unwritable = 1,
    Damaged = 2,
    Ledger = 3,
    Slow = 4,
}

impl TroubleKind {
    pub(crate) fn of_code(code: i64) -> Option<Self> {
        [Self::Full, Self::Unwritable, Self::Damaged, Self::Ledger, Self::Slow]
            .into_iter()
            .find(|kind| *kind as i64 == code)
    }

    /// In words that follow "the archive".
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::Full => "has no space left",
            Self::Unwritable => "cannot be written",
            Self::Damaged => "has a file that is damaged, or something else in the way",
            Self::Ledger => "cannot be compared with the ledger",
            Self::Slow => "takes longer than an hour for an hour of calls, or its file system hangs",
        }
    }
}

impl Archival {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is a single statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer wants to delete up to a minute, and has archived up to another. True when the archiver has begun to take too
    /// long.
    pub(crate) fn want(&self, wanted: Option<Wanted>, now: Timestamp) -> bool {
        let mut state = self.lock();
        state.wanted = wanted.filter(|wanted| wanted.from < wanted.to);
        let slow = state.job.filter(|job| !job.done && now > job.since.plus_seconds(SLOW));
        match slow {
            Some(job) if state.status.trouble.is_none() => {
                state.status.trouble = Some(Trouble { since: job.since, kind: TroubleKind::Slow });
                true
            }
            _ => false,
        }
    }

    /// The writer has made something durable that ended in `minute` or later.
    pub(crate) fn touch(&self, minute: i64) {
        if let Some(job) = self.lock().job.as_mut().filter(|job| minute < job.to) {
            job.touched = true;
        }
    }

    /// The minute before which everything is archived, if a job has ended since this was last asked.
    pub(crate) fn take_done(&self) -> Option<i64> {
        let mut state = self.lock();
        let job = state.job.take_if(|job| job.done)?;
        state.wanted = None;
        (!job.touched).then_some(job.to)
    }

    /// Begins a job, if the writer wants one and has seen the end of the last one. What is appended from here on is marked.
    pub(crate) fn begin(&self, now: Timestamp) -> Option<Wanted> {
        let mut state = self.lock();
        let wanted = state.wanted.filter(|_| state.job.is_none())?;
        state.job = Some(Job { to: wanted.to, since: now, touched: false, done: false });
        Some(wanted)
    }

    /// Ends the job: everything before the minute is archived.
    pub(crate) fn done(&self, to: i64, files: u64, rows: u64) {
        let mut state = self.lock();
        if let Some(job) = &mut state.job {
            (job.to, job.done) = (to.min(job.to), true);
        }
        state.status.files += files;
        state.status.rows += rows;
        state.status.trouble = None;
    }

    /// Gives the job up.
    pub(crate) fn failed(&self, kind: TroubleKind, now: Timestamp) {
        let mut state = self.lock();
        state.job = None;
        state.status.failures += 1;
        let since = state.status.trouble.map_or(now, |trouble| trouble.since);
        state.status.trouble = Some(Trouble { since, kind });
    }

    pub(crate) fn status(&self) -> ArchivalStatus {
        self.lock().status.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Option<Wanted> = Some(Wanted { from: 0, to: 120 });

    #[test]
    fn a_job_counts_when_nothing_was_appended_to_it_meanwhile() {
        let (archival, now) = (Archival::default(), Timestamp(0));
        assert_eq!(archival.begin(now), None);
        archival.want(WANTED, now);
        assert_eq!(archival.begin(now), WANTED);
        assert_eq!(archival.begin(now), None, "one at a time");
        archival.touch(60);
        archival.done(60, 1, 10);
        assert_eq!(archival.take_done(), None);
        archival.want(WANTED, now);
        assert_eq!(archival.begin(now), WANTED);
        archival.touch(120);
        archival.done(60, 1, 10);
        assert_eq!(archival.take_done(), Some(60));
        assert_eq!(archival.take_done(), None);
    }

    #[test]
    fn an_archiver_that_hangs_is_noticed_once_and_forgiven_when_it_ends() {
        let (archival, now) = (Archival::default(), Timestamp(0));
        archival.want(WANTED, now);
        archival.begin(now);
        assert!(!archival.want(WANTED, now.plus_seconds(SLOW)));
        assert!(archival.want(WANTED, now.plus_seconds(SLOW + 1)));
        assert!(!archival.want(WANTED, now.plus_seconds(SLOW + 2)));
        assert_eq!(archival.status().trouble, Some(Trouble { since: now, kind: TroubleKind::Slow }));
        archival.done(120, 1, 1);
        assert_eq!(archival.status().trouble, None);
    }
}
