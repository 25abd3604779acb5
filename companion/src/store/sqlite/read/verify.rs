//! Whether a ledger's file is what was written: the checksum of every page, then the structure of every table.

use std::path::Path;

use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::sqlite::file::error::{file_error, store_error};
use crate::store::sqlite::file::open;
use crate::store::sqlite::read::damage::{Damage, DamagedPage};
use crate::store::sqlite::read::pages::Pages;

/// Faults of structure that are listed.
const FAULTS: usize = 100;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Whether the pages have checksums. Those of a file that an older version wrote have none.
    pub(crate) checksums: bool,
    pub(crate) pages: u64,
    /// The missing ones among them.
    pub(crate) damaged_pages: u64,
    /// Those that the file is too short for.
    pub(crate) missing_pages: u64,
    /// The first of them.
    pub(crate) damaged: Vec<DamagedPage>,
    /// What the database finds wrong with its tables and indexes. Not searched for when pages do not match their checksums.
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
    let Some(size) = open::checked_page_size(path) else {
        let faults = structure(path, &open::reader(path)?, progress)?;
        return Ok(Verified { faults, ..Verified::default() });
    };
    let failed = |error: std::io::Error| file_error(path, &error);
    let mut file = Pages::open(path, size).map_err(failed)?;
    let mut scanned = file.scan(|read, of| progress(Progress::Pages(read, of))).map_err(failed)?;
    if let Some(pages) = pages_of_header(path, &mut file).map_err(failed)? {
        scanned.add_missing(pages);
    }
    let mut verified = Verified { checksums: true, pages: scanned.pages, ..Verified::default() };
    let mut refused = None;
    if scanned.number == 0 {
        match open::reader(path) {
            Ok(connection) => verified.faults = structure(path, &connection, progress)?,
            // Its pages match their checksums, and some may be in the wrong place.
            Err(error @ StoreError::Damaged { .. }) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    if scanned.number > 0 || refused.is_some() || !verified.faults.is_empty() {
        let damage = Damage::of(&mut file, &scanned, open::unchecked(path).ok().as_ref());
        (verified.damaged_pages, verified.missing_pages) = (damage.number, damage.missing);
        verified.damaged = damage.named.into_values().collect();
    }
    match refused {
        Some(error) if verified.is_sound() => Err(error),
        _ => Ok(verified),
    }
}

/// How many pages the file must have. A log may have some that are not in the file yet; then SQLite is asked about each.
fn pages_of_header(path: &Path, file: &mut Pages) -> std::io::Result<Option<u64>> {
    if open::has_log(path) {
        return Ok(None);
    }
    let pages = file.of_header()?;
    let short = match pages {
        Some(pages) => file.page(pages)?.is_none(),
        None => false,
    };
    // A process may have begun to write meanwhile.
    Ok(pages.filter(|_| short && !open::has_log(path)))
}

fn structure(
    path: &Path,
    connection: &Connection,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<String>, StoreError> {
    let failed = |error: rusqlite::Error| store_error(path, &error);
    let mut faults = Vec::new();
    for table in tables(connection).map_err(failed)? {
        progress(Progress::Structure(table.clone()));
        match faults_of(&table, connection, &mut faults).map_err(failed) {
            // SQLite gives up where it cannot go on from a page; other tables are read all the same.
            Err(StoreError::Damaged { detail, .. }) => faults.push(format!("{table}: {detail}")),
            other => other?,
        }
    }
    faults.truncate(FAULTS);
    Ok(faults)
}

/// All tables, that of the tables among them.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut tables = connection.prepare(
        "SELECT 'sqlite_schema' UNION ALL SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1",
    )?;
    tables.query_map([], |row| row.get(0))?.collect()
}

fn faults_of(table: &str, connection: &Connection, faults: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut check =
        connection.prepare(&format!("PRAGMA integrity_check(\"{}\")", table.replace('"', "\"\"")))?;
    let mut lines = check.query([])?;
    while let Some(line) = lines.next()? {
        let line: String = line.get(0)?;
        if line != "ok" && faults.len() < FAULTS {
            faults.push(format!("{table}: {line}"));
        }
    }
    Ok(())
}
