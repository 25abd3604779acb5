//! The pages of a file, read without the database: which are damaged, and what they held.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rusqlite::Connection;
use spanledger_page_checksums::is_intact;

use crate::record::Timestamp;
use crate::store::sqlite::file::call_id::minute_of_id;
use crate::store::sqlite::rollup::grain::minute_start;
use crate::store::sqlite::rollup::row::{Table, row_key};

/// Pages read at a time.
const TOGETHER: usize = 256;
/// A page that is written while it is read looks damaged once.
const READ_AGAIN: usize = 5;
/// Damaged pages that are named; the others are counted.
pub(super) const NAMED: usize = 1_000;
/// The first byte of a page that holds rows.
const LEAF: u8 = 0x0d;

/// A page that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DamagedPage {
    /// Its number, from 1.
    pub(crate) page: u64,
    /// The table or index that it belongs to; `None` when it is in no use, or what leads to it is damaged too.
    pub(crate) holds: Option<String>,
    /// The time of the nearest rows before and after it, where the rows of the table have one.
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
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

    /// The numbers of all pages that are damaged, at most [`NAMED`] of them, and how many there are and were read.
    /// `progress` is given how many bytes of how many were read.
    pub(super) fn scan(
        &mut self,
        mut progress: impl FnMut(u64, u64),
    ) -> std::io::Result<(Vec<u64>, u64, u64)> {
        let (mut damaged, mut number, mut read) = (Vec::new(), 0, 0_u64);
        let mut buffer = vec![0; self.size * TOGETHER];
        loop {
            let length = self.fill(read, &mut buffer)?;
            for page in buffer.get(..length).unwrap_or_default().chunks_exact(self.size) {
                read += 1;
                if !is_intact(page) && !self.is_intact_by_now(read)? {
                    number += 1;
                    if damaged.len() < NAMED {
                        damaged.push(read);
                    }
                }
            }
            if length < buffer.len() {
                return Ok((damaged, number, read));
            }
            progress(read * self.size as u64, self.file.metadata()?.len());
        }
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

    /// What damaged pages hold: walks all pages of every table, in the order of their rows.
    pub(super) fn name(&mut self, damaged: &[u64], file: &Connection) -> Vec<DamagedPage> {
        let unknown = |page: &u64| DamagedPage { page: *page, holds: None, from: None, to: None };
        let mut found: BTreeMap<u64, DamagedPage> =
            damaged.iter().map(|page| (*page, unknown(page))).collect();
        // Where the walk ends at a page that is too damaged, the rest stays without a name.
        let _ = self.walk(file, &mut found);
        let zero = |page: &mut Self, number| matches!(page.page(number), Ok(Some(bytes)) if bytes.iter().all(|byte| *byte == 0));
        // A page in no use may never have been written.
        found.retain(|number, page| page.holds.is_some() || !zero(self, *number));
        found.into_values().collect()
    }

    fn walk(&mut self, file: &Connection, found: &mut BTreeMap<u64, DamagedPage>) -> rusqlite::Result<()> {
        let mut statement = file.prepare("SELECT name, pageno, pagetype FROM dbstat")?;
        let mut rows = statement.query([])?;
        let mut table = String::new();
        // The last sound page of rows before, and the damaged ones since.
        let (mut before, mut since) = (None, Vec::new());
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?.as_str()?;
            if name != table {
                table = name.to_owned();
                (before, since) = (None, Vec::new());
            }
            let number: u64 = row.get::<_, i64>(1)?.cast_unsigned();
            if let Some(page) = found.get_mut(&number) {
                page.holds = Some(table.clone());
                page.from = before.and_then(|before| self.time(&table, before, true));
                since.push(number);
                continue;
            }
            // Only these have rows to name the time by.
            if row.get_ref(2)?.as_str()? != "leaf" {
                continue;
            }
            if !since.is_empty()
                && let Some(to) = self.time(&table, number, false)
            {
                for page in since.drain(..) {
                    if let Some(page) = found.get_mut(&page) {
                        page.to = Some(to);
                    }
                }
            }
            before = Some(number);
        }
        Ok(())
    }

    /// The time of the last or the first row of a page.
    fn time(&mut self, table: &str, page: u64, last: bool) -> Option<Timestamp> {
        let of_id: fn(i64) -> i64 = match table {
            "calls" => minute_of_id,
            _ if Table::LIST.iter().any(|known| known.name() == table) => |id| row_key(id).0,
            _ => return None,
        };
        let bytes = self.page(page).ok()??;
        row_id_in(&bytes, last).map(|id| minute_start(of_id(id)))
    }
}

/// The id of the last or the first row of a page, where it holds rows (<https://sqlite.org/fileformat2.html#b_tree_pages>).
fn row_id_in(page: &[u8], last: bool) -> Option<i64> {
    let two = |at: usize| Some(usize::from(u16::from_be_bytes(*page.get(at..)?.first_chunk()?)));
    if *page.first()? != LEAF {
        return None;
    }
    let cell = if last { two(3)?.checked_sub(1)? } else { 0 };
    let mut bytes = page.get(two(8 + 2 * cell)?..)?.iter();
    // The length of the row comes before its id.
    varint(&mut bytes)?;
    varint(&mut bytes)
}

/// SQLite's integers of one to nine bytes, the highest bits first.
fn varint<'a>(bytes: &mut impl Iterator<Item = &'a u8>) -> Option<i64> {
    let mut value = 0_i64;
    for _ in 0..8 {
        let byte = *bytes.next()?;
        value = value << 7 | i64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some(value);
        }
    }
    Some(value << 8 | i64::from(*bytes.next()?))
}
