//! Several files of one hour, read side by side in the order of their rows.

use super::error::ArchiveError;
use super::table_reader::TableReader;
use crate::store::export::{Place, StoredCall, Versions};

/// The rows of files of one hour. A later file has the newer version of a row.
pub(super) struct Merge {
    files: Vec<(TableReader, Option<StoredCall>)>,
}

impl Merge {
    pub(super) fn of(readers: impl IntoIterator<Item = TableReader>) -> Result<Self, ArchiveError> {
        let mut files = Vec::new();
        for mut reader in readers {
            let first = reader.next().transpose()?;
            files.push((reader, first));
        }
        Ok(Self { files })
    }

    /// The newest version of the row at `place`. Places must rise from one question to the next.
    pub(super) fn newest_at(&mut self, place: &Place) -> Result<Option<StoredCall>, ArchiveError> {
        let mut newest = None;
        for (reader, head) in &mut self.files {
            while let Some(row) = head.take_if(|row| row.place() <= *place) {
                if row.place() == *place {
                    newest = Some(row);
                }
                *head = reader.next().transpose()?;
            }
        }
        Ok(newest)
    }

    /// The next row with its older versions.
    pub(super) fn next(&mut self) -> Result<Option<Versions>, ArchiveError> {
        let Some(place) = self.files.iter().filter_map(|(_, head)| Some(head.as_ref()?.place())).min() else {
            return Ok(None);
        };
        let mut versions = Vec::new();
        for (reader, head) in &mut self.files {
            while let Some(row) = head.take_if(|row| row.place() == place) {
                versions.push(row);
                *head = reader.next().transpose()?;
            }
        }
        let newest = versions.pop();
        Ok(newest.map(|newest| Versions { newest, older: versions }))
    }
}
