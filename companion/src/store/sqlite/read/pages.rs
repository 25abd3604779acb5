//! The pages of a file, read without the database: which do not match their checksums, and which are missing.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use spanledger_page_checksums::is_intact;

/// Pages read at a time.
const TOGETHER: usize = 256;
/// A page that is written while it is read looks damaged once.
const READ_AGAIN: usize = 5;
/// Damaged pages that are named; the others are counted.
pub(super) const NAMED: usize = 1_000;
/// Bytes at the end of a page that hold its checksum.
const CHECKSUM: usize = 8;
/// An entry of a page that tells where others belong, in bytes.
const ENTRY: usize = 5;

/// Which pages are not what was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Pages of the file.
    pub(super) pages: u64,
    /// The first [`NAMED`] damaged or missing ones.
    pub(super) damaged: Vec<u64>,
    /// All of them.
    pub(super) number: u64,
    /// Those that the file is too short for.
    pub(super) missing: u64,
}

impl Scanned {
    fn add(&mut self, page: u64) {
        self.number += 1;
        if self.damaged.len() < NAMED {
            self.damaged.push(page);
        }
    }

    /// Adds the pages of a file of so many that it does not have.
    pub(super) fn add_missing(&mut self, of: u64) {
        self.missing = of.saturating_sub(self.pages);
        let first = self.pages + 1;
        let named = NAMED.saturating_sub(self.damaged.len()) as u64;
        self.damaged.extend(first..first + self.missing.min(named));
        self.number += self.missing;
    }
}

/// Reads the pages of a file.
pub(super) struct Pages {
    file: File,
    size: usize,
}

impl Pages {
    /// Only for a process that does not serve the ledger: when this is closed, the locks of its connections are gone.
    pub(super) fn open(path: &Path, size: usize) -> std::io::Result<Self> {
        Ok(Self { file: File::open(path)?, size })
    }

    /// Compares all pages with their checksums. `progress` is given how many bytes of how many were read.
    pub(super) fn scan(&mut self, mut progress: impl FnMut(u64, u64)) -> std::io::Result<Scanned> {
        let mut scanned = Scanned::default();
        let mut buffer = vec![0; self.size * TOGETHER];
        loop {
            let length = self.fill(scanned.pages, &mut buffer)?;
            for page in buffer.get(..length).unwrap_or_default().chunks_exact(self.size) {
                scanned.pages += 1;
                // Zeros match their checksum. No file begins with them.
                let no_header = scanned.pages == 1 && page.iter().all(|byte| *byte == 0);
                if no_header || !is_intact(page) && !self.is_intact_by_now(scanned.pages)? {
                    scanned.add(scanned.pages);
                }
            }
            if length < buffer.len() {
                return Ok(scanned);
            }
            progress(scanned.pages * self.size as u64, self.file.metadata()?.len());
        }
    }

    /// How many pages the file has by its first one, where that tells (<https://sqlite.org/fileformat2.html#in_header_database_size>).
    pub(super) fn of_header(&mut self) -> std::io::Result<Option<u64>> {
        let first = self.page(1)?.filter(|page| is_intact(page)).unwrap_or_default();
        let four = |at: usize| first.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        // A version of SQLite that does not write the size leaves the counter next to it behind.
        Ok(four(28).filter(|_| four(24) == four(92)).map(u64::from))
    }

    /// Pages between two that tell where the others belong (<https://sqlite.org/fileformat2.html#pointer_map_or_ptrmap_pages>).
    /// The first of them is page 2.
    pub(super) const fn between_maps(&self) -> usize {
        (self.size - CHECKSUM) / ENTRY + 1
    }

    fn is_intact_by_now(&mut self, page: u64) -> std::io::Result<bool> {
        for _ in 0..READ_AGAIN {
            if self.page(page)?.is_some_and(|page| is_intact(&page)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A page by its number; `None` past the end of the file.
    pub(super) fn page(&mut self, number: u64) -> std::io::Result<Option<Vec<u8>>> {
        let mut page = vec![0; self.size];
        let length = self.fill(number.saturating_sub(1), &mut page)?;
        Ok(Some(page).filter(|_| length == self.size))
    }

    /// Reads from the page after `pages` on; how many bytes there were.
    fn fill(&mut self, pages: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.file.seek(SeekFrom::Start(pages * self.size as u64))?;
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read(rest)? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }
}
