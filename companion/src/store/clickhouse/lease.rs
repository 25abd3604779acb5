//! Which of several companions writes: the holder of a lease that is a row in ClickHouse itself, so that no other program
//! is needed.
//!
//! Each claim is a row with a number, the **term**; the highest term counts, and of two claims to one term the earlier by
//! ClickHouse's own clock. A claim is made only when the last lease has run out, and is read back before it is believed.
//! MergeTree has no compare-and-swap, so for a short time two companions may both believe that they hold it: what they
//! write has the term as the high bits of its version, so that the later holder's rows replace the other's, and a
//! notification may be sent twice. The holder renews the lease at a third of its length, and stops writing when it could
//! not.

use std::time::{Duration, Instant};

use clickhouse::Row;
use serde::Deserialize;

use super::connection::{Connection, literal};
use crate::clock;
use crate::store::StoreError;

/// How long a lease holds without a renewal.
pub(super) const LASTS: Duration = Duration::from_secs(30);

/// A lease that this process holds.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Connection,
    table: String,
    holder: String,
    /// The number of the claim.
    pub(super) term: u64,
    renewed: Instant,
}

#[derive(Debug, Row, Deserialize)]
struct Current {
    term: u64,
    holder: String,
    live: u8,
}

impl Lease {
    /// Takes the lease for `holder`, a name that no other process has.
    ///
    /// # Errors
    /// [`StoreError::Held`] while another process holds it.
    pub(super) fn acquire(connection: &Connection, database: &str, holder: &str) -> Result<Self, StoreError> {
        let table = format!("{database}.lease");
        let mut lease = Self {
            connection: connection.clone(),
            table,
            holder: holder.to_owned(),
            term: 0,
            renewed: clock::instant(),
        };
        let found = lease.current()?;
        if let Some(found) = found.as_ref().filter(|found| found.live == 1 && found.holder != holder) {
            return Err(lease.taken(&found.holder));
        }
        lease.term = found.map_or(0, |found| found.term) + 1;
        lease.write(LASTS)?;
        lease.confirm()?;
        Ok(lease)
    }

    /// Renews the lease when it is time to, and checks that it is still this process's. False when it has run out: it is to
    /// be taken again, and what is remembered is to be read again.
    ///
    /// # Errors
    /// [`StoreError::Held`] when another process has taken it.
    pub(super) fn hold(&mut self) -> Result<bool, StoreError> {
        let age = self.renewed.elapsed();
        if age < LASTS / 3 {
            return Ok(true);
        }
        if age >= LASTS {
            return Ok(false);
        }
        self.confirm()?;
        let began = clock::instant();
        self.write(LASTS)?;
        self.renewed = began;
        Ok(true)
    }

    /// That the claim still counts: one that was written at the same time may have come to light since.
    ///
    /// # Errors
    /// [`StoreError::Held`] when another process has the lease.
    pub(super) fn confirm(&self) -> Result<(), StoreError> {
        match self.current()? {
            Some(now) if now.term == self.term && now.holder == self.holder => Ok(()),
            now => Err(self.taken(&now.map_or_else(String::new, |now| now.holder))),
        }
    }

    /// As after a pause of this process.
    #[cfg(test)]
    pub(super) fn run_out(&mut self) {
        self.write(Duration::ZERO).unwrap();
        self.renewed = clock::instant().checked_sub(LASTS).unwrap();
    }

    #[cfg(test)]
    pub(super) fn expire(&mut self) {
        self.write(Duration::ZERO).unwrap();
        self.renewed = clock::instant().checked_sub(LASTS / 2).unwrap();
    }

    /// Who holds the lease now.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(super) fn holder(connection: &Connection, database: &str) -> Result<Option<String>, StoreError> {
        let found = current(connection, &format!("{database}.lease"))?;
        Ok(found.filter(|found| found.live == 1).map(|found| found.holder))
    }

    fn current(&self) -> Result<Option<Current>, StoreError> {
        current(&self.connection, &self.table)
    }

    /// Writes the claim, which ends after `lasts`. The time of the first write of a term stays.
    fn write(&self, lasts: Duration) -> Result<(), StoreError> {
        let (table, term, holder) = (&self.table, self.term, literal(&self.holder));
        self.connection.execute(&format!(
            "INSERT INTO {table} (term, holder, claimed, until, change) SELECT toUInt64({term}), {holder}, \
             if(count() = 0, now64(6), min(claimed)), now64(6) + toIntervalSecond({}), \
             toUInt64(ifNull(max(change), 0) + 1) FROM {table} WHERE term = {term} AND holder = {holder}",
            lasts.as_secs()
        ))
    }

    fn taken(&self, by: &str) -> StoreError {
        StoreError::Held { path: self.connection.address().into(), holder: by.to_owned() }
    }
}

/// The newest claim.
fn current(connection: &Connection, table: &str) -> Result<Option<Current>, StoreError> {
    connection.row(&format!(
        "SELECT l.term AS term, argMin(l.holder, (l.claimed, l.holder)) AS holder, \
         toUInt8(argMin(l.until, (l.claimed, l.holder)) > now64(6)) AS live FROM {table} AS l FINAL \
         WHERE l.term = (SELECT max(m.term) FROM {table} AS m) GROUP BY l.term"
    ))
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Another companion takes over at once; without this, when the lease runs out. One that was never claimed is left.
        if self.term > 0 {
            drop(self.write(Duration::ZERO));
        }
    }
}
