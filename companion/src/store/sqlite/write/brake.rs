//! How much history may be deleted by age. Whatever the clock shows, a day of uptime deletes a day and a margin, never
//! more: when a clock is wrong for good, there is time to see it, and stretches without calls cost nothing.
//!
//! Less history to be kept than before is a decision, and is done at once.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

/// Seconds that may be deleted beyond what the uptime gave: a quarter of a day.
const MARGIN: i64 = 6 * 3_600;
/// Of the time that passes, a quarter more may be deleted, so that what was held back is caught up.
const EARNED: (i64, i64) = (5, 4);
/// What the file may lag behind, in seconds: it is not written for less.
const SAVED: i64 = 300;
/// The age of a ledger that keeps everything.
const FOREVER: i64 = i64::MAX;

/// The brake on one kind of rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Brake {
    /// The two names under which the file remembers it.
    names: [&'static str; 2],
    /// Seconds of history that may be deleted.
    left: i64,
    /// What of `left` the file knows.
    saved: i64,
    /// How long rows were kept at last, in seconds.
    age: Option<i64>,
    uptime: Duration,
}

impl Brake {
    pub(crate) fn load(sql: &Connection, names: [&'static str; 2]) -> rusqlite::Result<Self> {
        let read = |name: &str| {
            sql.prepare_cached("SELECT value FROM state WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()
        };
        let left = read(names[0])?.unwrap_or(MARGIN);
        Ok(Self { names, left, saved: left, age: read(names[1])?, uptime: Duration::ZERO })
    }

    /// Notes how long the process has been up, and gives what that has earned.
    pub(crate) fn pass(&mut self, uptime: Duration) {
        let passed = uptime.saturating_sub(self.uptime).as_secs();
        self.uptime += Duration::from_secs(passed);
        let earned = i64::try_from(passed).unwrap_or(MARGIN).min(MARGIN) * EARNED.0 / EARNED.1;
        if self.left < MARGIN {
            self.left = (self.left + earned).min(MARGIN);
        }
    }

    /// Notes for how long rows are kept; `None` keeps them all. `backlog` is how many seconds of history are older.
    pub(crate) fn keep(
        &mut self,
        sql: &Connection,
        age: Option<Duration>,
        backlog: impl FnOnce() -> rusqlite::Result<i64>,
    ) -> rusqlite::Result<()> {
        let age = age.map_or(FOREVER, |age| i64::try_from(age.as_secs()).unwrap_or(FOREVER));
        if let Some(before) = self.age.filter(|before| *before > age) {
            self.left = self.left.saturating_add(backlog()?.clamp(0, before - age));
        }
        if self.age == Some(age) && (self.left - self.saved).abs() < SAVED {
            return Ok(());
        }
        self.age = Some(age);
        self.save(sql)
    }

    /// Lets everything go.
    #[cfg(test)]
    pub(super) const fn release(&mut self) {
        self.left = i64::MAX;
    }

    /// Takes `seconds` of history, if so much may be deleted.
    pub(crate) const fn take(&mut self, seconds: i64) -> bool {
        let enough = self.left >= seconds;
        if enough {
            self.left -= seconds;
        }
        enough
    }

    /// Writes what is left.
    pub(crate) fn save(&mut self, sql: &Connection) -> rusqlite::Result<()> {
        let mut statement =
            sql.prepare_cached("INSERT OR REPLACE INTO state (name, value) VALUES (?1, ?2)")?;
        statement.execute(params![self.names[0], self.left])?;
        statement.execute(params![self.names[1], self.age.unwrap_or(FOREVER)])?;
        self.saved = self.left;
        Ok(())
    }
}
