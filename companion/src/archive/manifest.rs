//! The manifest of a file: what it holds, so that damage is seen and others can compare.

use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::ArchiveError;
use super::folder::Name;
use super::sums::Sums;
use crate::record::ids::hex;
use crate::store::export::HourFacts;

/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;
/// Bytes of a manifest.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// [`FORMAT`].
    pub(super) format: u32,
    /// The program and its version.
    pub(super) written_by: String,
    /// The name of the file.
    pub(super) file: String,
    /// Its size.
    pub(super) bytes: u64,
    /// The SHA-256 of its bytes.
    pub(super) sha256: String,
    /// The hour in which its calls ended, since 1970.
    pub(super) hour: i64,
    /// That hour as RFC 3339.
    pub(super) begins: String,
    /// Rows, counted or not.
    pub(super) rows: u64,
    /// Totals over the counted rows.
    pub(super) counted: Sums,
    /// What else was known of the hour when the file was written.
    pub(super) facts: HourFacts,
    /// The SHA-256 of this manifest with an empty text here, as it is written.
    pub(super) checksum: String,
}

/// What every version of a manifest has.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

impl Manifest {
    /// The text of the file, with its checksum.
    pub(super) fn to_text(&self) -> Result<String, serde_json::Error> {
        let sealed = Self { checksum: self.computed_checksum()?, ..self.clone() };
        Ok(serde_json::to_string_pretty(&sealed)? + "\n")
    }

    fn computed_checksum(&self) -> Result<String, serde_json::Error> {
        let open = Self { checksum: String::new(), ..self.clone() };
        Ok(hex(&Sha256::digest(serde_json::to_string_pretty(&open)?)))
    }

    /// The number of its file among those of its hour.
    pub(super) fn number(&self) -> Option<u32> {
        Name::parse(&self.file).map(|(name, _)| name.number)
    }

    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// [`ArchiveError`] when it is damaged or of a newer version.
    pub(super) fn read(path: &Path) -> Result<Self, ArchiveError> {
        let mut text = String::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
        if let Err(error) = read {
            return Err(match error.kind() {
                std::io::ErrorKind::InvalidData => damaged(path, "it is not text"),
                _ => ArchiveError::reading(path, error),
            });
        }
        if let Ok(Version { format }) = serde_json::from_str(&text)
            && format > FORMAT
        {
            return Err(ArchiveError::wrong(
                path,
                format!(
                    "it has format {format}, this version reads up to {FORMAT}: use the newer spanledger"
                ),
            ));
        }
        let manifest: Self =
            serde_json::from_str(&text).map_err(|error| damaged(path, &error.to_string()))?;
        match manifest.computed_checksum() {
            Ok(checksum) if checksum == manifest.checksum => Ok(manifest),
            _ => Err(damaged(path, "its checksum does not match")),
        }
    }
}

fn damaged(path: &Path, detail: &str) -> ArchiveError {
    ArchiveError::wrong(
        path,
        format!(
            "the manifest is damaged ({detail}): restore it and its file from a backup, or move both away"
        ),
    )
}
