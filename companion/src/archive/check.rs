//! Comparing files with their manifests.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::ArchiveError;
use super::folder::{Published, published_in};
use super::sums::Sums;
use super::table_reader::TableReader;
use crate::record::ids::hex;

/// Bytes read at a time.
const CHUNK: usize = 256 * 1024;

/// The files of one hour, each of which is what its manifest states.
#[derive(Debug)]
pub(crate) struct CheckedHour {
    /// Since 1970.
    pub(super) hour: i64,
    /// By number.
    pub(super) files: Vec<Published>,
    /// Rows of all files.
    pub(crate) rows: u64,
}

/// Reads every file below `root` and compares it with its manifest. `progress` is given the files done and all files.
///
/// # Errors
/// Everything that is wrong. Nothing should be taken from the folder then.
pub(crate) fn check(
    root: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<CheckedHour>, Vec<ArchiveError>> {
    let files = published_in(root)?;
    let all = files.len() as u64;
    let (mut hours, mut wrong): (Vec<CheckedHour>, Vec<ArchiveError>) = (Vec::new(), Vec::new());
    for (done, file) in (1..).zip(files) {
        if let Err(error) = check_file(&file) {
            wrong.push(error);
        }
        progress(done, all);
        let (hour, rows) = (file.manifest.hour, file.manifest.rows);
        match hours.last_mut().filter(|last| last.hour == hour) {
            Some(last) => {
                last.rows += rows;
                last.files.push(file);
            }
            None => hours.push(CheckedHour { hour, files: vec![file], rows }),
        }
    }
    if wrong.is_empty() { Ok(hours) } else { Err(wrong) }
}

fn check_file(file: &Published) -> Result<(), ArchiveError> {
    check_bytes(file)?;
    let (mut rows, mut sums) = (0, Sums::default());
    for row in TableReader::open(&file.path)? {
        rows += 1;
        sums.add(&row?);
    }
    match rows == file.manifest.rows && sums == file.manifest.counted {
        true => Ok(()),
        false => Err(ArchiveError::wrong(
            &file.path,
            "its rows are not those of its manifest: restore both from a backup, or move both away",
        )),
    }
}

/// Compares the size and the checksum of a file with its manifest.
pub(super) fn check_bytes(file: &Published) -> Result<(), ArchiveError> {
    compare_bytes(&file.path, file.manifest.bytes, &file.manifest.sha256)
}

pub(super) fn compare_bytes(path: &Path, bytes: u64, sha256: &str) -> Result<(), ArchiveError> {
    let failed = |error| ArchiveError::reading(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let (mut digest, mut read) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk).map_err(failed)? {
            0 => break,
            some => {
                digest.update(&chunk[..some]);
                read += some as u64;
            }
        }
    }
    let wrong = |what: String| {
        ArchiveError::wrong(
            path,
            format!("{what}: restore it from a backup, or move it and its manifest away"),
        )
    };
    if read != bytes {
        return Err(wrong(format!("it has {read} bytes and its manifest states {bytes}")));
    }
    if hex(&digest.finalize()) != sha256 {
        return Err(wrong("its checksum is not the one of its manifest".to_owned()));
    }
    Ok(())
}
