//! The one writer of a ledger, and the transactions it writes in.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::record::{Passage, Timestamp};
use crate::store::StoreError;
use crate::store::archival::Trouble;
use crate::store::identity::{Groups, Known};
use crate::store::own_clock::OwnClock;
use crate::store::sqlite::file::dictionary::Dictionary;
use crate::store::sqlite::file::error::store_error;
use crate::store::sqlite::file::names::Names;
use crate::store::sqlite::file::open::{WRITER_TIMEOUT, WriterLock};
use crate::store::sqlite::file::salt::Salt;
use crate::store::sqlite::file::watch::Watch;
use crate::store::sqlite::file::watermarks::{NEVER, Watermarks};
use crate::store::sqlite::rollup::grain::{FIVE, minute_start};
use crate::store::sqlite::write::accounts::Rows;
use crate::store::sqlite::write::brake::Brake;
use crate::store::sqlite::write::gaps::Sequences;
use crate::store::sqlite::write::recent_hashes::RecentHashes;
use crate::store::sqlite::write::refusals::RefusalLog;
use crate::store::sqlite::write::retention::GRACE;
use crate::store::sqlite::write::shares::Shares;
use crate::store::sqlite::write::waiting::load_known;
use crate::store::sqlite::{Limits, Options};

/// The SQLite store's [`Appender`](crate::store::Appender).
#[derive(Debug)]
pub struct SqliteAppender {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    pub(crate) options: Options,
    pub(crate) watermarks: Watermarks,
    pub(crate) dictionary: Dictionary,
    /// The day before which names were forgotten, in days since 1970.
    pub(crate) names_from: i64,
    /// What time it is, for retention and for what is received.
    pub(super) clock: OwnClock,
    /// The time that the file knows.
    pub(super) noted_time: Option<Timestamp>,
    /// How much history may be deleted by age.
    pub(super) calls_brake: Brake,
    pub(super) sums_brake: Brake,
    /// Hour rollups before this minute are deleted, or are about to be.
    pub(super) sums_from: i64,
    pub(super) sequences: Sequences,
    /// Needs no clearing: what it leads to is looked at.
    pub(super) known: Known,
    /// Spans that are no calls, to be written with the next calls.
    pub(super) unsaved: Vec<Passage>,
    pub(super) names: Names,
    recent_hashes: RecentHashes,
    pub(super) shares: Shares,
    /// Up to which minute the housekeeping would delete, if calls were archived.
    pub(super) wanted: i64,
    /// What the file knows of the archiver's trouble.
    pub(super) noted_trouble: Option<Trouble>,
    pub(super) watch: Watch,
    pub(super) refusal_log: RefusalLog,
    _lock: WriterLock,
}

impl SqliteAppender {
    pub(crate) fn new(
        connection: Connection,
        lock: WriterLock,
        path: PathBuf,
        options: Options,
    ) -> Result<Self, StoreError> {
        let (limits, names) = (options.limits, Names::default());
        let remembered = Watermarks::load(&connection).and_then(|watermarks| {
            let rows = Rows { sql: &connection, names: &names, calls_from: watermarks.calls_from };
            let known = load_known(&limits, options.groups.clone(), &rows)?;
            let state = |name: &str| {
                let found =
                    connection.query_row("SELECT value FROM state WHERE name = ?1", [name], |row| row.get(0));
                found.optional()
            };
            let time = (state("time")?, state("confirmed")?);
            let brakes = [["deletable", "kept"], ["deletable_sums", "kept_sums"]];
            let [calls, sums] = brakes.map(|names| Brake::load(&connection, names));
            let salt = Salt::load(&connection)?;
            let shares = Shares::load(&connection)?;
            Ok((watermarks, time, known, Sequences::load(&connection, salt)?, calls?, sums?, salt, shares))
        });
        let (watermarks, time, known, sequences, calls_brake, sums_brake, salt, shares) =
            remembered.map_err(|error| store_error(&path, &error))?;
        // No other process writes while the lock is held; one that does all the same must not hold up the thread.
        connection.busy_timeout(WRITER_TIMEOUT).map_err(|error| store_error(&path, &error))?;
        // Older versions noted no time, but closed the rollups this long before what was theirs.
        let closed =
            || (watermarks.closed > NEVER).then(|| minute_start(watermarks.closed.saturating_add(GRACE)));
        let clock = match time {
            (Some(0), _) => OwnClock::new(),
            (time, Some(0)) => OwnClock::unconfirmed(time.map(Timestamp)),
            (time, _) => OwnClock::after(time.map(Timestamp).or_else(closed)),
        };
        Ok(Self {
            connection,
            watch: Watch::of(&path, Some(lock.path())),
            path,
            options,
            watermarks,
            dictionary: Dictionary::new(salt, limits.names, limits.series),
            names_from: i64::MIN,
            clock,
            noted_time: None,
            calls_brake,
            sums_brake,
            sums_from: NEVER,
            sequences,
            known,
            unsaved: Vec::new(),
            names,
            recent_hashes: RecentHashes::new(limits.recent_hashes),
            shares,
            wanted: NEVER,
            noted_trouble: None,
            refusal_log: RefusalLog::default(),
            _lock: lock,
        })
    }

    /// Runs `work` in one transaction. When it fails, what is remembered of the file is forgotten with it.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let watermarks = self.watermarks;
        let done = (|| {
            let sql = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut transaction = Transaction {
                sql: &sql,
                watermarks: self.watermarks,
                now: self.clock.last(),
                dictionary: &mut self.dictionary,
                sequences: &mut self.sequences,
                known: &mut self.known,
                unsaved: &self.unsaved,
                names: &self.names,
                recent_hashes: &mut self.recent_hashes,
                limits: self.options.limits,
                groups: &self.options.groups,
                shares: &mut self.shares,
                archives: self.options.archival.is_some(),
                wanted: self.wanted,
                oldest_change: i64::MAX,
            };
            let value = work(&mut transaction)?;
            transaction.dictionary.settle(&sql)?;
            transaction.sequences.settle(&sql)?;
            let (mut watermarks, oldest) = (transaction.watermarks, transaction.oldest_change);
            let wanted = transaction.wanted;
            // What is new or another now is not in the archive yet.
            watermarks.archived = watermarks.archived.min(oldest.div_euclid(FIVE) * FIVE);
            if watermarks != self.watermarks {
                watermarks.store(&sql)?;
            }
            sql.commit()?;
            Ok((value, watermarks, oldest, wanted))
        })();
        match done {
            Ok((value, watermarks, oldest, wanted)) => {
                (self.watermarks, self.wanted) = (watermarks, wanted);
                if let Some(archival) = &self.options.archival {
                    archival.touch(oldest);
                }
                Ok(value)
            }
            Err(error) => {
                self.watermarks = watermarks;
                self.dictionary.clear();
                self.sequences.clear();
                self.recent_hashes.clear();
                self.names.clear();
                Err(store_error(&self.path, &error))
            }
        }
    }
}

/// An open write transaction with what the writer remembers.
pub(crate) struct Transaction<'a> {
    pub(crate) sql: &'a Connection,
    pub(crate) watermarks: Watermarks,
    /// What time it is, as far as that was asked.
    pub(super) now: Option<Timestamp>,
    pub(crate) dictionary: &'a mut Dictionary,
    pub(crate) sequences: &'a mut Sequences,
    pub(super) known: &'a mut Known,
    pub(super) unsaved: &'a [Passage],
    pub(super) names: &'a Names,
    pub(crate) recent_hashes: &'a mut RecentHashes,
    pub(crate) limits: Limits,
    pub(super) groups: &'a Groups,
    pub(super) shares: &'a mut Shares,
    /// Whether calls are archived before they are deleted.
    pub(super) archives: bool,
    /// See [`SqliteAppender::wanted`].
    pub(super) wanted: i64,
    /// The first minute in which a call ended that is new or was changed.
    pub(super) oldest_change: i64,
}
