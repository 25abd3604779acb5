//! Whether a ledger's file is what was written: the checksum of every page, then the structure of every table.

use std::path::Path;

use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::sqlite::file::error::{file_error, store_error};
use crate::store::sqlite::file::open::{self, has_checksums};
use crate::store::sqlite::read::pages::{DamagedPage, Pages};

/// Faults of structure that are listed.
const FAULTS: usize = 100;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Whether the pages have checksums. Those of a file that an older version wrote have none.
    pub(crate) checksums: bool,
    pub(crate) pages: u64,
    pub(crate) damaged_pages: u64,
    /// The first of them.
    pub(crate) damaged: Vec<DamagedPage>,
    /// What the database finds wrong with its tables and indexes. Not searched for when pages are damaged.
    pub(crate) faults: Vec<String>,
}

impl Verified {
    pub(crate) const fn is_sound(&self) -> bool {
        self.damaged_pages == 0 && self.faults.is_empty()
    }
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Bytes read, of so many.
    Pages(u64, u64),
    /// This table is compared with its indexes.
    Structure(String),
}

/// Reads all of the file at `path`, next to its writer or alone. Takes as much memory for a large file as for a small one.
pub(crate) fn verify(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Verified, StoreError> {
    let mut verified = match has_checksums(path) {
        Ok(true) => pages(path, progress)?,
        Ok(false) => Verified::default(),
        Err(StoreError::Damaged { .. }) => {
            let first = DamagedPage { page: 1, holds: Some("the schema".to_owned()), from: None, to: None };
            return Ok(Verified {
                checksums: true,
                pages: 1,
                damaged_pages: 1,
                damaged: vec![first],
                ..Verified::default()
            });
        }
        Err(error) => return Err(error),
    };
    if verified.damaged_pages == 0 {
        let connection = open::reader(path)?;
        verified.faults = structure(&connection, progress).map_err(|error| store_error(path, &error))?;
    }
    Ok(verified)
}

fn pages(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Verified, StoreError> {
    let failed = |error: std::io::Error| file_error(path, &error);
    let size = open::page_size_of(path).map_err(failed)?;
    let mut file = Pages::open(path, size).map_err(failed)?;
    let scanned = file.scan(|read, of| progress(Progress::Pages(read, of)));
    let (numbers, number, pages) = scanned.map_err(failed)?;
    let damaged = match numbers.as_slice() {
        [] => Vec::new(),
        numbers => file.name(numbers, &open::unchecked(path)?),
    };
    // Pages that were never written look damaged until it is known that they are in no use.
    let damaged_pages = number - (numbers.len() - damaged.len()) as u64;
    Ok(Verified { checksums: true, pages, damaged_pages, damaged, faults: Vec::new() })
}

fn structure(connection: &Connection, progress: &mut dyn FnMut(Progress)) -> rusqlite::Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut tables =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    let tables: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for table in tables {
        progress(Progress::Structure(table.clone()));
        let mut check =
            connection.prepare(&format!("PRAGMA integrity_check(\"{}\")", table.replace('"', "\"\"")))?;
        let mut lines = check.query([])?;
        while let Some(line) = lines.next()? {
            let line: String = line.get(0)?;
            if line != "ok" && faults.len() < FAULTS {
                faults.push(format!("{table}: {line}"));
            }
        }
    }
    Ok(faults)
}
