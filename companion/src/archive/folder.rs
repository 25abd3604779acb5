//! The folder of an export or an archive: `date=YYYY-MM-DD/calls-HH.parquet`, each with its manifest `calls-HH.json`.
//!
//! What comes late for an hour is in `calls-HH-1.parquet`, `calls-HH-2.parquet` and so on. A file without a manifest was never
//! published. Names that begin with a dot are work in progress.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::ArchiveError;
use super::manifest::Manifest;
use crate::record::Timestamp;
use crate::store::private_file;
use crate::text::time;

const HOUR: i64 = 3_600 * Timestamp::SECOND;
/// Held by the one who writes.
const LOCK: &str = ".spanledger.lock";

/// A folder that this process writes.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// Gone with the process however that ends. Some file systems of networks have no locks.
    _lock: File,
}

/// A file with its manifest.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
}

/// A name in a folder of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// Of the day.
    pub(super) hour: i64,
    /// 0, or the number of the late file.
    pub(super) number: u32,
}

impl Name {
    pub(super) fn table(self) -> String {
        format!("{}.parquet", self.stem())
    }

    pub(super) fn manifest(self) -> String {
        format!("{}.json", self.stem())
    }

    fn stem(self) -> String {
        match self.number {
            0 => format!("calls-{:02}", self.hour),
            number => format!("calls-{:02}-{number}", self.hour),
        }
    }

    /// The name, and whether it is that of a manifest.
    pub(super) fn parse(text: &str) -> Option<(Self, bool)> {
        let (stem, is_manifest) = match text.strip_suffix(".parquet") {
            Some(stem) => (stem, false),
            None => (text.strip_suffix(".json")?, true),
        };
        let (hour, number) = match stem.strip_prefix("calls-")?.split_once('-') {
            Some((hour, number)) => (hour, number.parse().ok()?),
            None => (stem.strip_prefix("calls-")?, 0),
        };
        let name = Self { hour: hour.parse().ok().filter(|hour| (0..24).contains(hour))?, number };
        // Only one spelling of each.
        (name.stem() == stem).then_some((name, is_manifest))
    }
}

/// The folder of the day of an hour since 1970.
pub(super) fn day_of(hour: i64) -> String {
    time::format(Timestamp(hour.saturating_mul(HOUR)), "date=%Y-%m-%d")
}

impl Folder {
    /// Opens a folder for writing; makes it where there is none.
    ///
    /// # Errors
    /// [`ArchiveError`] when it holds something else, another process writes it, or it cannot be written.
    pub(crate) fn open(root: &Path) -> Result<Self, ArchiveError> {
        std::fs::create_dir_all(root).map_err(|error| ArchiveError::writing(root, error))?;
        if let Some(other) = other_entry(root)? {
            return Err(ArchiveError::wrong(
                &other,
                "it is no part of an export: name a new folder, or one that only holds an export",
            ));
        }
        let path = root.join(LOCK);
        let lock = private_file::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| ArchiveError::writing(&path, error))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => Err(ArchiveError::wrong(
                root,
                "another process writes this folder: wait until it has ended, or name another folder",
            )),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { root: root.to_path_buf(), _lock: lock }),
        }
    }

    pub(super) fn day(&self, hour: i64) -> PathBuf {
        self.root.join(day_of(hour))
    }

    /// Opens a folder that is there: one that is not may be a file system that is not mounted.
    ///
    /// # Errors
    /// [`ArchiveError`] as above, and when there is no such folder.
    pub(crate) fn open_existing(root: &Path) -> Result<Self, ArchiveError> {
        match root.is_dir() {
            true => Self::open(root),
            false => Err(ArchiveError::reading(
                root,
                io::Error::new(
                    io::ErrorKind::NotFound,
                    "there is no such folder: create it, or mount its file system",
                ),
            )),
        }
    }

    /// The files of an hour that have a manifest, by number. Their bytes are not compared yet.
    pub(super) fn published(&self, hour: i64) -> Result<Vec<Published>, ArchiveError> {
        let day = self.day(hour);
        let names = match names_in(&day) {
            Err(ArchiveError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(Vec::new());
            }
            names => names?,
        };
        let of_hour =
            names.into_iter().filter(|(name, is_manifest)| *is_manifest && name.hour == hour.rem_euclid(24));
        of_hour.map(|(name, _)| published(&day, name)).collect()
    }
}

/// A file by the name of its manifest.
fn published(day: &Path, name: Name) -> Result<Published, ArchiveError> {
    let manifest = Manifest::read(&day.join(name.manifest()))?;
    Ok(Published { path: day.join(name.table()), manifest })
}

/// What of a folder is no part of an export.
fn other_entry(root: &Path) -> Result<Option<PathBuf>, ArchiveError> {
    let failed = |error| ArchiveError::reading(root, error);
    for entry in std::fs::read_dir(root).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // The last one is at the root of many file systems.
        if !(name.starts_with("date=") || name.starts_with('.') || name == "lost+found") {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// The names of files and manifests in the folder of a day, in order.
fn names_in(day: &Path) -> Result<Vec<(Name, bool)>, ArchiveError> {
    let failed = |error| ArchiveError::reading(day, error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(day).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        match Name::parse(&name) {
            Some(found) => names.push(found),
            None => {
                return Err(ArchiveError::wrong(&entry.path(), "it is no part of an export: move it away"));
            }
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The files of a folder, or of one day of it, in the order of time and number.
///
/// # Errors
/// [`ArchiveError`] for everything that is wrong, the first thing of each file; one when nothing is there at all.
pub(super) fn published_in(root: &Path) -> Result<Vec<Published>, Vec<ArchiveError>> {
    let one = |error| vec![error];
    let is_day =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("date="));
    let mut days = Vec::new();
    if is_day(root) {
        days.push(root.to_path_buf());
    } else {
        if !root.exists() {
            return Err(one(ArchiveError::wrong(root, "no such folder: name the folder of an export")));
        }
        if !root.is_dir() {
            return Err(one(ArchiveError::wrong(
                root,
                "it is a file: name the folder of the export that holds it",
            )));
        }
        if let Some(other) = other_entry(root).map_err(one)? {
            return Err(one(ArchiveError::wrong(
                &other,
                "it is no part of an export: name the folder that holds the folders date=...",
            )));
        }
        let entries = std::fs::read_dir(root).map_err(|error| one(ArchiveError::reading(root, error)))?;
        days.extend(entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| is_day(path)));
        days.sort_unstable();
    }
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    for day in &days {
        let names = match names_in(day) {
            Ok(names) => names,
            Err(error) => {
                wrong.push(error);
                continue;
            }
        };
        for (name, is_manifest) in &names {
            let other = (*name, !is_manifest);
            if *is_manifest {
                match published(day, *name) {
                    Ok(_) if names.binary_search(&other).is_err() => wrong.push(ArchiveError::wrong(
                        &day.join(name.table()),
                        format!(
                            "it is missing, and its manifest {} is there: restore it, or move the manifest away",
                            name.manifest()
                        ),
                    )),
                    Ok(published) => match hour_is_right(day, *name, &published.manifest) {
                        true => files.push(published),
                        false => wrong.push(ArchiveError::wrong(
                            &day.join(name.manifest()),
                            format!("it is of {}: give it and its file their own names back", published.manifest.begins),
                        )),
                    },
                    Err(error) => wrong.push(error),
                }
            } else if names.binary_search(&other).is_err() {
                wrong.push(ArchiveError::wrong(
                    &day.join(name.table()),
                    format!(
                        "its manifest {} is missing, so the export was not finished: export that hour again, or move the \
                         file away",
                        name.manifest()
                    ),
                ));
            }
        }
    }
    if files.is_empty() && wrong.is_empty() {
        wrong.push(ArchiveError::wrong(
            root,
            "there is no export in it: name the folder that holds the folders date=...",
        ));
    }
    if wrong.is_empty() { Ok(files) } else { Err(wrong) }
}

fn hour_is_right(day: &Path, name: Name, manifest: &Manifest) -> bool {
    manifest.file == name.table()
        && manifest.hour.rem_euclid(24) == name.hour
        && day.file_name().is_some_and(|day| day.to_string_lossy() == day_of(manifest.hour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_names_that_it_writes_and_no_others() {
        for (hour, number) in [(0, 0), (7, 0), (23, 12)] {
            let name = Name { hour, number };
            assert_eq!(Name::parse(&name.table()), Some((name, false)));
            assert_eq!(Name::parse(&name.manifest()), Some((name, true)));
        }
        for other in [
            "calls-24.parquet",
            "calls-7.parquet",
            "calls-07-0.json",
            "calls-07-01.json",
            "calls.parquet",
            "x",
        ] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
        assert_eq!(day_of(-1), "date=1969-12-31");
        assert_eq!(day_of(24 * 365), "date=1971-01-01");
    }
}
