//! Deleting only what is archived.

use rusqlite::params;

use crate::record::Timestamp;
use crate::store::StoreError;
use crate::store::archival::{Trouble, Wanted};
use crate::store::sqlite::file::watermarks::NEVER;
use crate::store::sqlite::rollup::grain::{FIVE, HOUR, minute_of};
use crate::store::sqlite::write::retention::GRACE;
use crate::store::sqlite::write::transaction::{SqliteAppender, Transaction};

/// The names in `state` under which a trouble is noted: its kind, since when, and up to which minute calls are held.
pub(crate) const TROUBLE: [&str; 3] = ["archive_trouble", "archive_trouble_since", "archive_wanted"];

impl Transaction<'_> {
    /// Notes that a call which ended at `end` is new, or another than it was.
    pub(super) fn note_change(&mut self, end: i64) {
        self.oldest_change = self.oldest_change.min(minute_of(end));
    }

    /// What of the calls before minute `until` may be deleted: all, or what is archived of them. The rest is wanted.
    /// One file for an hour is better than several, so that the whole hour is wanted when it is over.
    pub(super) fn deletable(&mut self, until: i64, today: i64) -> i64 {
        if !self.archives {
            return until;
        }
        let hour = (until.saturating_sub(1).div_euclid(HOUR) + 1).saturating_mul(HOUR);
        self.wanted = self.wanted.max(if hour <= today - GRACE { hour } else { until });
        until.min(self.watermarks.archived)
    }

    /// Whether calls are there that are not archived, so that their totals must not go before them.
    pub(super) fn holds_calls(&self) -> rusqlite::Result<bool> {
        let any = || self.sql.prepare_cached("SELECT 1 FROM calls LIMIT 1")?.exists([]);
        Ok(self.archives && any()?)
    }
}

impl SqliteAppender {
    /// Takes over what the archiver has done since the last time.
    pub(super) fn take_archived(&mut self) -> Result<(), StoreError> {
        let Some(archival) = self.options.archival.clone() else { return Ok(()) };
        self.wanted = NEVER;
        if let Some(until) = archival.take_done() {
            self.write(|transaction| {
                transaction.watermarks.archived = transaction.watermarks.archived.max(until);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Gives the archiver what is to be deleted next, and notes in the file what is in its way.
    pub(super) fn want_archived(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Some(archival) = self.options.archival.clone() else { return Ok(()) };
        let wanted = Wanted { from: self.watermarks.archived, to: self.wanted.div_euclid(FIVE) * FIVE };
        if archival.want(Some(wanted), now) {
            tracing::error!(
                "calls cannot be archived for an hour, so none are deleted: the archive's file system may hang"
            );
        }
        let trouble = archival.status().trouble;
        if trouble != self.noted_trouble {
            self.write(|transaction| transaction.note_trouble(trouble, wanted.to))?;
            self.noted_trouble = trouble;
        }
        Ok(())
    }
}

impl Transaction<'_> {
    fn note_trouble(&self, trouble: Option<Trouble>, wanted: i64) -> rusqlite::Result<()> {
        let Some(Trouble { since, kind }) = trouble else {
            return self
                .sql
                .prepare_cached("DELETE FROM state WHERE name IN (?1, ?2, ?3)")?
                .execute(TROUBLE)
                .map(drop);
        };
        let mut note =
            self.sql.prepare_cached("INSERT OR REPLACE INTO state (name, value) VALUES (?1, ?2)")?;
        for (name, value) in TROUBLE.into_iter().zip([kind as i64, since.0, wanted]) {
            note.execute(params![name, value])?;
        }
        Ok(())
    }
}
