//! Deleting only what is archived.
//!
//! A mark in the table of states says up to where everything is archived. It goes back before a row from before it is written, so
//! that a writer which ends in between deletes nothing that is not in the archive.

use super::super::plan::{HOUR, MINUTE, down};
use super::ClickHouseAppender;
use crate::record::Timestamp;
use crate::store::StoreError;
use crate::store::archival::{Archival, Trouble, Wanted};

/// The names under which a trouble is noted: its kind, since when, and up to which time calls are held.
pub(in super::super) const TROUBLE: [&str; 3] =
    ["archive_trouble", "archive_trouble_since", "archive_wanted"];
/// Noted as the kind when there is none.
const NONE: i64 = -1;

impl ClickHouseAppender {
    /// Takes over what the archiver has done since the last time.
    pub(super) fn take_archived(&mut self) -> Result<(), StoreError> {
        let Some(until) = self.options.archival.as_ref().and_then(Archival::take_done) else { return Ok(()) };
        let until = until.saturating_mul(MINUTE);
        match &mut self.memory {
            Some(memory) if memory.archived < until => memory.archived = until,
            _ => return Ok(()),
        }
        self.note(&[("archived", until)])
    }

    /// What of the calls before `until` may be deleted: all, or what is archived of them. The rest is wanted. Nothing may while
    /// rows are expected that land late.
    pub(super) fn deletable(&mut self, until: i64, now: Timestamp) -> Result<i64, StoreError> {
        let Some(archival) = self.options.archival.clone() else { return Ok(until) };
        let archived = self.memory.as_ref().map_or(i64::MIN, |memory| memory.archived);
        let wanted = Wanted { from: archived.div_euclid(MINUTE), to: until.div_euclid(MINUTE) };
        if archival.want(Some(wanted), now) {
            tracing::error!(
                "calls cannot be archived for an hour, so none are deleted: the archive's file system may hang"
            );
        }
        let trouble = archival.status().trouble.map(|trouble| (trouble, until));
        if self.noted_trouble != Some(trouble) {
            self.note_trouble(trouble)?;
            self.noted_trouble = Some(trouble);
        }
        Ok(if self.late.is_none() { until.min(archived) } else { i64::MIN })
    }

    fn note_trouble(&mut self, trouble: Option<(Trouble, i64)>) -> Result<(), StoreError> {
        let noted =
            trouble.map_or([NONE, 0, 0], |(Trouble { kind, since }, until)| [kind as i64, since.0, until]);
        let [kind, since, until] = TROUBLE;
        self.note(&[(kind, noted[0]), (since, noted[1]), (until, noted[2])])
    }

    /// Notes that a call is about to be written which ended at `end`: its hour is to be archived again.
    pub(super) fn before_change(&mut self, end: i64) -> Result<(), StoreError> {
        if self.options.archival.is_none() {
            return Ok(());
        }
        let begins = down(end, HOUR);
        match &mut self.memory {
            Some(memory) if memory.archived > begins => memory.archived = begins,
            _ => return Ok(()),
        }
        self.note(&[("archived", begins)])
    }

    /// Notes that a call may have been written which ended at `end`: what is archived meanwhile may not have it.
    pub(super) fn after_change(&self, end: i64) {
        if let Some(archival) = &self.options.archival {
            archival.touch(end.div_euclid(MINUTE));
        }
    }
}
