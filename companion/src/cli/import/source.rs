//! The imported file: opened for reading only, whatever types its columns hold. It may be anybody's, so that no row takes
//! memory or work without bound.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::Failure;
use super::row::{Columns, Row};

/// Bytes of a value. Of a text 1 KiB is kept.
const MOST_BYTES: i32 = 4 << 20;
/// Steps of SQLite's virtual machine to the next row: some minutes. A view may compute without end and give none.
const MOST_STEPS: u64 = 10_000_000_000;
/// Steps after which they are counted.
const COUNTED: i32 = 100_000;

/// An open audit log.
pub(super) struct Source {
    connection: Connection,
    file: PathBuf,
    table: String,
    /// Since the last row.
    steps: Arc<AtomicU64>,
}

impl Source {
    pub(super) fn open(file: &Path, table: &str) -> Result<Self, Failure> {
        Self::within(MOST_STEPS, file, table)
    }

    fn within(most_steps: u64, file: &Path, table: &str) -> Result<Self, Failure> {
        let wrong = |reason: &str| Failure(format!("{}: {reason}", file.display()));
        match std::fs::metadata(file) {
            // To open a pipe waits for who writes to it.
            Ok(found) if !found.is_file() => {
                return Err(wrong("no regular file: name the SQLite file of the audit log"));
            }
            Ok(_) => {}
            Err(_) => {
                return Err(Failure(format!(
                    "no file at {}: name the SQLite file of the audit log",
                    file.display()
                )));
            }
        }
        let failed = |error: rusqlite::Error| wrong(&error.to_string());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(file, flags).map_err(failed)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MOST_BYTES).map_err(failed)?;
        let steps = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&steps);
        let too_many = move || {
            let before = counted.fetch_add(u64::from(COUNTED.unsigned_abs()), Ordering::Relaxed);
            before >= most_steps
        };
        connection.progress_handler(COUNTED, Some(too_many)).map_err(failed)?;
        let known = connection
            .prepare("SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1")
            .and_then(|mut statement| statement.exists([table]))
            .map_err(failed)?;
        if !known {
            return Err(wrong(&format!("no table {table}; name another with --table")));
        }
        Ok(Self { connection, file: file.to_owned(), table: quoted(table), steps })
    }

    /// Hands every row to `take` with its number from 1 on, in the order of the file, without holding more than one.
    /// The numbers are counted here: views and tables `WITHOUT ROWID` have none.
    pub(super) fn each(
        &self,
        mut take: impl FnMut(u64, Result<Row, String>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let names: Vec<String> = {
            let all = self.connection.prepare(&format!("SELECT * FROM {}", self.table))?;
            all.column_names().map(str::to_owned).collect()
        };
        let (columns, read) = Columns::find(&names).map_err(Failure)?;
        // No other column takes memory.
        let read: Vec<String> = read.into_iter().map(quoted).collect();
        let mut statement =
            self.connection.prepare(&format!("SELECT {} FROM {}", read.join(", "), self.table))?;
        let mut rows = statement.query([])?;
        let mut number = 0;
        while let Some(row) = rows.next().map_err(|error| self.failed_row(number + 1, &error))? {
            number += 1;
            take(number, Row::read(row, &columns))?;
            self.steps.store(0, Ordering::Relaxed);
        }
        Ok(())
    }

    fn failed_row(&self, number: u64, error: &rusqlite::Error) -> Failure {
        let reason = match error.sqlite_error_code() {
            Some(ErrorCode::TooBig) => {
                format!("a value is larger than {} MiB; shorten it in a copy of the file", MOST_BYTES >> 20)
            }
            Some(ErrorCode::OperationInterrupted) => {
                "it takes too much work to compute; copy what the view selects into a table and import that"
                    .to_owned()
            }
            _ => error.to_string(),
        };
        Failure(format!("{}: row {number}: {reason}", self.file.display()))
    }
}

/// A name in double quotes, doubled inside, is an identifier whatever it holds.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
