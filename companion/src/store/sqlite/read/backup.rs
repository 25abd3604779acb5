//! Copying a ledger while it is written.

use std::path::Path;

use spanledger_page_checksums::seal;

use crate::store::sqlite::file::error::{file_error, store_error};
use crate::store::sqlite::file::open;
use crate::store::{StoreError, private_file};

/// Copies the ledger at `from` into the new file `to`, in which each page has a checksum. Pages of `from` are compared with
/// theirs unless `unchecked`.
pub(crate) fn backup(from: &Path, to: &Path, unchecked: bool) -> Result<(), StoreError> {
    if !unchecked {
        // Whether it is a ledger at all, and of a version that is known.
        drop(open::reader(from)?);
    }
    private_file::options().create_new(true).write(true).open(to).map_err(|error| file_error(to, &error))?;
    let copied = copy(from, to, unchecked);
    if copied.is_err() {
        // It is a part of a copy at most.
        let _ = std::fs::remove_file(to);
    }
    copied
}

fn copy(from: &Path, to: &Path, unchecked: bool) -> Result<(), StoreError> {
    let path = to.to_str().ok_or_else(|| StoreError::Other {
        path: to.to_path_buf(),
        detail: "the path is not UTF-8".to_owned(),
    })?;
    let connection = open::for_backup(from, unchecked)?;
    connection.execute("VACUUM INTO ?1", [path]).map_err(|error| store_error(from, &error))?;
    // The first page, which tells that there are checksums, was written last.
    let sealed = open::page_size_of(to).and_then(|size| seal(to, size));
    sealed.map_err(|error| file_error(to, &error))
}
