//! Silences as rows, so that every companion and every command has the same ones. What a row says is the caller's.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::connection::{Connection, remote};
use super::{Options, schema};
use crate::store::StoreError;

/// Rows that are read.
const MOST: usize = 10_000;
/// Numbers that are tried for one row, where others are added at the same time.
const TRIES: u64 = 20;

/// The table of silences.
#[derive(Debug, Clone)]
pub(crate) struct SilenceTable {
    connection: Connection,
    database: String,
}

/// One silence.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct SilenceRow {
    /// Its number.
    pub(crate) id: u64,
    /// Tells apart what two added at the same time under one number, of which at most one stays.
    token: u64,
    /// When it is over, in nanoseconds since 1970.
    pub(crate) ends: i64,
    /// Empty where it gave way to another one of its number.
    pub(crate) text: String,
    version: u64,
}

impl SilenceTable {
    /// Reads and changes the silences of these tables.
    ///
    /// # Errors
    /// [`StoreError::NoTables`], or what ClickHouse refuses.
    pub(crate) fn open(options: &Options) -> Result<Self, StoreError> {
        let connection = Connection::new(options)?;
        if schema::version(&connection, &options.database)? < schema::VERSION {
            return Err(StoreError::NoTables { path: options.name().into() });
        }
        Ok(Self { connection, database: options.database.clone() })
    }

    /// All of them, by their number; of very many, the newest.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(crate) fn read(&self) -> Result<Vec<SilenceRow>, StoreError> {
        let mut rows: Vec<SilenceRow> = self.connection.rows(&format!(
            "SELECT id, token, ends, text, version FROM {}.silences FINAL WHERE text != '' \
             ORDER BY id DESC, token LIMIT 1 BY id LIMIT {MOST}",
            self.database
        ))?;
        rows.reverse();
        Ok(rows)
    }

    /// Adds one, which `text` makes of its number, and returns the number.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer, or very many are added at the same time.
    pub(crate) fn add(&self, ends: i64, text: impl Fn(u64) -> String) -> Result<u64, StoreError> {
        #[derive(Row, Deserialize)]
        struct Last {
            id: u64,
        }
        let database = &self.database;
        let table = format!("{database}.silences");
        for turn in 0..TRIES {
            let last: Option<Last> = self.connection.row(&format!("SELECT max(id) AS id FROM {table}"))?;
            // Those that met under one number part here.
            let id = last.map_or(0, |last| last.id) + 1 + fastrand::u64(0..=turn);
            let row = SilenceRow { id, token: fastrand::u64(1..), ends, text: text(id), version: 1 };
            self.connection.insert(&table, vec![row.clone()])?;
            let of_id: Vec<SilenceRow> = self.connection.rows(&format!(
                "SELECT id, token, ends, text, version FROM {table} FINAL WHERE id = {id} AND text != ''"
            ))?;
            // Another one may have seen itself alone: one that sees both gives way.
            if of_id.iter().all(|other| other.token == row.token) {
                return Ok(id);
            }
            self.connection.insert(&table, vec![SilenceRow { text: String::new(), version: 2, ..row }])?;
        }
        Err(remote(&self.connection.address(), "others add silences at the same time: retry".to_owned()))
    }

    /// Changes one that [`Self::read`] gave.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(crate) fn change(&self, before: &SilenceRow, ends: i64, text: String) -> Result<(), StoreError> {
        let row = SilenceRow { ends, text, version: before.version + 1, ..before.clone() };
        self.connection.insert(&format!("{}.silences", self.database), vec![row])
    }

    /// Deletes those that were over before `before`.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer.
    pub(crate) fn forget(&self, before: i64) -> Result<(), StoreError> {
        self.connection.execute(&format!("DELETE FROM {}.silences WHERE ends < {before}", self.database))
    }
}
