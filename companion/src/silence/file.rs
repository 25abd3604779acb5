//! The silences of a ledger: one small JSON file next to it, which `spanledger silence` changes and `serve` reads.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Silence;
use crate::record::Timestamp;
use crate::store::private_file;

/// Silences that are not over.
pub(super) const MOST: usize = 1_000;
/// Silences that are over are kept for so long, in seconds, and so many of them: who silenced what, and why.
pub(super) const KEPT: i64 = 180 * 86_400;
const MOST_KEPT: usize = 5_000;
const VERSION: u32 = 1;

/// Why silences were not changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileError {
    /// There is no such silence, or there are too many.
    #[error("{0}")]
    Refused(String),
    /// The file cannot be read or written.
    #[error("{0}")]
    Failed(String),
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Saved {
    version: u32,
    last_id: u64,
    silences: Vec<Silence>,
}

fn path(ledger: &Path, end: &str) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// The silences of a ledger, over or not, by their number; none without a file.
///
/// # Errors
/// A text for people when the file cannot be read.
pub(crate) fn read(ledger: &Path) -> Result<Vec<Silence>, String> {
    load(&path(ledger, ".silences.json")).map(|saved| saved.silences)
}

fn load(path: &Path) -> Result<Saved, String> {
    let fault = |reason: String| format!("{}: the silences cannot be read: {reason}", path.display());
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Saved::default()),
        other => other.map_err(|error| fault(error.to_string()))?,
    };
    let saved: Saved = serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
    match saved.version {
        VERSION => Ok(saved),
        other => Err(fault(format!("version {other} is not {VERSION}"))),
    }
}

/// Adds a silence, and gives it its number.
///
/// # Errors
/// [`FileError`] when there are too many, or the file cannot be read or written.
pub(crate) fn add(ledger: &Path, mut silence: Silence, now: Timestamp) -> Result<u64, FileError> {
    change(ledger, now, |saved| {
        if saved.silences.iter().filter(|silence| now < silence.end()).count() >= MOST {
            return Err(too_many());
        }
        saved.last_id += 1;
        silence.id = saved.last_id;
        saved.silences.push(silence);
        Ok(saved.last_id)
    })
}

/// Ends a silence now.
///
/// # Errors
/// [`FileError`] when there is none of this number that is not over, or the file cannot be read or written.
pub(crate) fn expire(ledger: &Path, id: u64, by: &str, now: Timestamp) -> Result<(), FileError> {
    change(ledger, now, |saved| {
        let found = saved.silences.iter_mut().find(|silence| silence.id == id && now < silence.end());
        let found = found.ok_or_else(|| not_there(id))?;
        found.expired = Some((now, by.to_owned()));
        Ok(())
    })
}

pub(super) fn too_many() -> FileError {
    FileError::Refused(format!("there are {MOST} silences that are not over; expire some"))
}

pub(super) fn not_there(id: u64) -> FileError {
    FileError::Refused(format!("there is no silence {id} that is not over"))
}

/// Changes the file as a whole or not at all, one process at a time.
fn change<T>(
    ledger: &Path,
    now: Timestamp,
    work: impl FnOnce(&mut Saved) -> Result<T, FileError>,
) -> Result<T, FileError> {
    let path_of = |end| path(ledger, end);
    let file = path_of(".silences.json");
    let fault = |error: io::Error| {
        FileError::Failed(format!("{}: the silences cannot be written: {error}", file.display()))
    };
    let lock =
        private_file::options().create(true).append(true).open(path_of(".silences.lock")).map_err(fault)?;
    lock.lock().map_err(fault)?;
    let mut saved = load(&file).map_err(FileError::Failed)?;
    let done = work(&mut saved)?;
    saved.version = VERSION;
    saved.silences.retain(|silence| now < silence.end().plus_seconds(KEPT));
    let too_many = saved.silences.len().saturating_sub(MOST_KEPT);
    let over = saved.silences.iter().filter(|silence| now >= silence.end()).map(|silence| silence.id);
    let last = over.take(too_many).last();
    if let Some(last) = last {
        saved.silences.retain(|silence| now < silence.end() || silence.id > last);
    }
    let unfinished = path_of(".silences.new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault(error)),
        _ => {}
    }
    let write = || {
        let mut new = private_file::options().create_new(true).write(true).open(&unfinished)?;
        new.write_all(&serde_json::to_vec_pretty(&saved)?)?;
        new.sync_all()?;
        fs::rename(&unfinished, &file)
    };
    write().map_err(fault)?;
    Ok(done)
}
