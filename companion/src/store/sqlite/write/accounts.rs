//! The rows of `calls` as the identity of calls needs them.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::record::CallRecord;
use crate::store::identity::{Account, Accounts, Each};
use crate::store::sqlite::file::call_id::end_of;
use crate::store::sqlite::file::error::is_damaged_page;
use crate::store::sqlite::file::names::Names;
use crate::store::sqlite::file::row::{AccountRow, newest_columns, read_account};
use crate::store::sqlite::rollup::grain::minute_of;

static BY_ID: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM calls WHERE id = ?1", newest_columns()));

static BY_RESPONSE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM calls WHERE id BETWEEN ?1 AND ?2 AND response_id = ?3 ORDER BY id LIMIT ?4",
        newest_columns()
    )
});

/// Reads accounts in the writer's transaction.
pub(super) struct Rows<'a> {
    pub(super) sql: &'a Connection,
    pub(super) names: &'a Names,
    /// The minute before which rows are deleted, sooner or later.
    pub(super) calls_from: i64,
}

impl Rows<'_> {
    /// The row with this id, unless it is deleted or about to be. One in a damaged page is not there: it is no other's
    /// account, and stops no append.
    pub(super) fn row(&self, id: i64) -> rusqlite::Result<Option<AccountRow>> {
        let read = self.sql.prepare_cached(&BY_ID)?.query_row([id], |row| self.read(row));
        let found = match read {
            Err(error) if is_damaged_page(&error) => None,
            read => read.optional()?,
        };
        Ok(found.filter(|row| self.is_kept(row)))
    }

    fn is_kept(&self, row: &AccountRow) -> bool {
        minute_of(end_of(row.call.start.0, row.call.duration_ns)) >= self.calls_from
    }

    fn read(&self, row: &Row<'_>) -> rusqlite::Result<AccountRow> {
        read_account(row, self.names, self.sql)
    }
}

fn account(id: i64, row: AccountRow) -> Account {
    Account { id, counted: row.counted, call: row.shared.own(row.call) }
}

impl Accounts for Rows<'_> {
    type Error = rusqlite::Error;

    fn account(&self, id: i64) -> rusqlite::Result<Option<Account>> {
        Ok(self.row(id)?.map(|row| account(id, row)))
    }

    fn with_response(
        &self,
        rows: RangeInclusive<i64>,
        response_id: &str,
        limit: usize,
    ) -> rusqlite::Result<Vec<Account>> {
        let mut statement = self.sql.prepare_cached(&BY_RESPONSE)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![rows.start(), rows.end(), response_id, limit])?;
        let mut found = Vec::new();
        loop {
            let row = match rows.next() {
                Err(error) if is_damaged_page(&error) => break,
                row => row?,
            };
            let Some(row) = row else { break };
            let read = self.read(row)?;
            if self.is_kept(&read) {
                found.push(account(row.get(0)?, read));
            }
        }
        Ok(found)
    }

    fn newest(&self, limit: usize, each: &mut Each<'_, rusqlite::Error>) -> rusqlite::Result<()> {
        let mut statement = self.sql.prepare(&format!(
            "SELECT {} FROM calls \
             WHERE id >= (SELECT min(id) FROM (SELECT id FROM calls ORDER BY id DESC LIMIT ?1)) ORDER BY id",
            newest_columns()
        ))?;
        let mut rows = statement.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
        loop {
            let row = match rows.next() {
                // What comes after a damaged page is not remembered.
                Err(error) if is_damaged_page(&error) => break,
                row => row?,
            };
            let Some(row) = row else { break };
            let found = self.read(row)?;
            let call: CallRecord = found.shared.own(found.call);
            each(row.get(0)?, &call)?;
        }
        Ok(())
    }
}
