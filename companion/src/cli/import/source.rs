//! The imported file: opened for reading only, whatever types its columns hold.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::Failure;
use super::row::{Columns, Row};

/// An open audit log.
pub(super) struct Source {
    connection: Connection,
    table: String,
}

impl Source {
    pub(super) fn open(file: &Path, table: &str) -> Result<Self, Failure> {
        if !file.exists() {
            return Err(Failure(format!(
                "no file at {}: name the SQLite file of the audit log",
                file.display()
            )));
        }
        let failed = |error: rusqlite::Error| Failure(format!("{}: {error}", file.display()));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
        let known = connection
            .prepare("SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1")
            .and_then(|mut statement| statement.exists([table]))
            .map_err(failed)?;
        if !known {
            return Err(Failure(format!("{}: no table {table}; name another with --table", file.display())));
        }
        // A name in double quotes, doubled inside, is an identifier whatever it holds.
        Ok(Self { connection, table: format!("\"{}\"", table.replace('"', "\"\"")) })
    }

    pub(super) fn count(&self) -> Result<u64, Failure> {
        let sql = format!("SELECT count(*) FROM {}", self.table);
        let count: i64 = self.connection.query_row(&sql, [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Hands every row to `take` with its number from 1 on, in the order of the file, without holding more than one.
    /// The numbers are counted here: views and tables `WITHOUT ROWID` have none.
    pub(super) fn each(
        &self,
        mut take: impl FnMut(u64, Result<Row, String>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut statement = self.connection.prepare(&format!("SELECT * FROM {}", self.table))?;
        let names: Vec<String> = statement.column_names().map(str::to_ascii_lowercase).collect();
        let columns = Columns::find(&names).map_err(Failure)?;
        let mut rows = statement.query([])?;
        let mut number = 0;
        while let Some(row) = rows.next()? {
            number += 1;
            take(number, Row::read(row, &columns))?;
        }
        Ok(())
    }
}
