//! Writing what of one hour no file has yet.
//!
//! The file is written under a name that begins with a dot, brought to the disk, read back and compared with the ledger, row
//! by row. Then file and manifest get their names. A file that has its manifest is never written again.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::check::check_bytes;
use super::error::ArchiveError;
use super::folder::{Folder, Name, Published};
use super::manifest::{FORMAT, Manifest};
use super::merge::Merge;
use super::steps;
use super::sums::Sums;
use super::table_reader::TableReader;
use super::table_writer::{TableWriter, Written};
use crate::record::{Timestamp, Window};
use crate::store::export::{Exporter, HourFacts, HourRows, StoredCall};
use crate::store::private_file;
use crate::text::time;

const HOUR: i64 = 3_600 * Timestamp::SECOND;

/// What was done for an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HourDone {
    /// Rows of the new file; 0 without one.
    pub(crate) written: u64,
    /// Rows that files of before have.
    pub(crate) known: u64,
    /// Bytes of the new file.
    pub(crate) bytes: u64,
    /// Files written: 0 or 1.
    pub(crate) files: u64,
}

/// Writes what ended within `window`, a part of one hour, and is in no file of that hour yet. On success every row of the
/// window is in a file that was read back.
pub(crate) fn write_hour(
    folder: &Folder,
    exporter: &dyn Exporter,
    window: Window,
) -> Result<HourDone, ArchiveError> {
    let hour = window.from.0.div_euclid(HOUR);
    let published = folder.published(hour)?;
    for file in &published {
        check_bytes(file)?;
    }
    let number =
        published.iter().filter_map(|file| file.manifest.number()).max().map_or(0, |number| number + 1);
    let name = Name { hour: hour.rem_euclid(24), number };
    let job = Job { day: folder.day(hour), hour, name, published };
    let mut result = Ok(HourDone::default());
    exporter.hour(window, &mut |rows| result = job.write(rows))?;
    if result.is_err() {
        // What a killed process leaves there is written over by the next one.
        let _ = std::fs::remove_file(job.unfinished(&job.name.table()));
        let _ = std::fs::remove_file(job.unfinished(&job.name.manifest()));
    }
    result
}

struct Job {
    day: PathBuf,
    hour: i64,
    name: Name,
    published: Vec<Published>,
}

impl Job {
    fn unfinished(&self, name: &str) -> PathBuf {
        self.day.join(format!(".{name}.unfinished"))
    }

    fn write(&self, rows: &dyn HourRows) -> Result<HourDone, ArchiveError> {
        std::fs::create_dir_all(&self.day).map_err(|error| ArchiveError::writing(&self.day, error))?;
        let path = self.unfinished(&self.name.table());
        let (written, known) = self.write_table(rows, &path)?;
        let facts = rows.facts()?;
        let known_facts = self.published.iter().map(|file| &file.manifest.facts);
        if written.rows == 0 && facts.adds_nothing_to(known_facts) {
            std::fs::remove_file(&path).map_err(|error| ArchiveError::writing(&path, error))?;
            return Ok(HourDone { known, ..HourDone::default() });
        }
        steps::done("table written");
        self.compare(rows, &path, &written)?;
        steps::done("table compared");
        self.publish(&path, &written, facts)?;
        Ok(HourDone { written: written.rows, known, bytes: written.bytes, files: 1 })
    }

    /// Writes the rows that no file has as they are now; how many are in files.
    fn write_table(&self, rows: &dyn HourRows, path: &Path) -> Result<(Written, u64), ArchiveError> {
        let mut writer = TableWriter::create(path)?;
        let mut known = 0;
        self.each_new(rows, |row, is_known| {
            if is_known {
                known += 1;
                return Ok(());
            }
            let first = writer.rows() == 0;
            writer.push(&row)?;
            if first {
                steps::done("first row");
            }
            Ok(())
        })?;
        Ok((writer.finish()?, known))
    }

    /// Gives each row, and whether a file has it as it is now.
    fn each_new(
        &self,
        rows: &dyn HourRows,
        mut take: impl FnMut(StoredCall, bool) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let readers: Result<Vec<_>, _> =
            self.published.iter().map(|file| TableReader::open(&file.path)).collect();
        let mut merge = Merge::of(readers?)?;
        let mut failed = None;
        let read = rows.each(&mut |row| {
            let taken = merge.newest_at(&row.place()).and_then(|newest| {
                let is_known = newest.is_some_and(|newest| newest == row);
                take(row, is_known)
            });
            failed = taken.err();
            failed.is_none()
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(read?),
        }
    }

    /// Reads the file back from the disk and compares it with what was meant and, row by row, with the ledger.
    fn compare(&self, rows: &dyn HourRows, path: &Path, written: &Written) -> Result<(), ArchiveError> {
        super::check::compare_bytes(path, written.bytes, &written.sha256)?;
        let mut reader = TableReader::open(path)?;
        let (mut count, mut sums) = (0, Sums::default());
        let differs = || {
            ArchiveError::wrong(
                path,
                "what was read back is not what was written: check the disk, then retry",
            )
        };
        self.each_new(rows, |row, is_known| {
            if is_known {
                return Ok(());
            }
            let back = reader.next().transpose()?.filter(|back| *back == row).ok_or_else(differs)?;
            count += 1;
            sums.add(&back);
            Ok(())
        })?;
        match reader.next().is_none() && count == written.rows && sums == written.sums {
            true => Ok(()),
            false => Err(differs()),
        }
    }

    /// Gives the file and its manifest their names.
    fn publish(&self, table: &Path, written: &Written, facts: HourFacts) -> Result<(), ArchiveError> {
        let manifest = Manifest {
            format: FORMAT,
            written_by: concat!("spanledger ", env!("CARGO_PKG_VERSION")).to_owned(),
            file: self.name.table(),
            bytes: written.bytes,
            sha256: written.sha256.clone(),
            hour: self.hour,
            begins: time::rfc3339(Timestamp(self.hour.saturating_mul(HOUR))),
            rows: written.rows,
            counted: written.sums,
            facts,
            checksum: String::new(),
        };
        let unfinished = self.unfinished(&self.name.manifest());
        let failed = |error| ArchiveError::writing(&unfinished, error);
        let text = manifest.to_text().map_err(|error| failed(error.into()))?;
        let mut file = private_file::options().create(true).write(true).truncate(true).open(&unfinished);
        let written = file.as_mut().map_err(|error| io::Error::from(error.kind())).and_then(|file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(failed)?;
        steps::done("manifest written");
        self.rename(table, &self.day.join(self.name.table()))?;
        // A manifest must never be there without its file.
        sync_folder(&self.day)?;
        steps::done("table named");
        self.rename(&unfinished, &self.day.join(self.name.manifest()))?;
        steps::done("manifest named");
        sync_folder(&self.day)?;
        // The folder of the day may be new.
        self.day.parent().map_or(Ok(()), sync_folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), ArchiveError> {
        std::fs::rename(from, to).map_err(|error| ArchiveError::writing(to, error))
    }
}

/// Brings names to the disk. Where folders cannot be synced, names are as safe as that file system makes them.
fn sync_folder(folder: &Path) -> Result<(), ArchiveError> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Err(ArchiveError::writing(folder, error))
        }
        _ => Ok(()),
    }
}

/// The part of `window` that is within an hour since 1970.
pub(crate) fn within_hour(window: Window, hour: i64) -> Window {
    let begins = hour.saturating_mul(HOUR);
    Window {
        from: window.from.max(Timestamp(begins)),
        to: window.to.min(Timestamp(begins.saturating_add(HOUR))),
    }
}
