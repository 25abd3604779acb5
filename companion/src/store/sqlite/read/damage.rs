//! What damaged pages held: a walk over all pages of every table, in the order of their rows.

use std::collections::BTreeMap;

use rusqlite::Connection;
use spanledger_page_checksums::is_intact;

use crate::record::Timestamp;
use crate::store::sqlite::file::call_id::minute_of_id;
use crate::store::sqlite::read::pages::{NAMED, Pages, Scanned};
use crate::store::sqlite::rollup::grain::minute_start;
use crate::store::sqlite::rollup::row::{Table, row_key};

/// The first byte of a page that holds rows.
const LEAF: u8 = 0x0d;
/// What the first page holds.
const SCHEMA: &str = "sqlite_schema";
/// What SQLite calls the pages that tell where the others belong.
const POINTER_MAP: &str = "the pointer map";

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

/// What is damaged of a file.
pub(super) struct Damage<'a> {
    pages: &'a mut Pages,
    /// The first pages, by number.
    pub(super) named: BTreeMap<u64, DamagedPage>,
    /// All of them.
    pub(super) number: u64,
    /// Those that the file is too short for.
    pub(super) missing: u64,
}

impl<'a> Damage<'a> {
    /// Names what was found of `pages`, and what else leads nowhere in `file`, as far as that can be opened.
    pub(super) fn of(pages: &'a mut Pages, scanned: &Scanned, file: Option<&Connection>) -> Self {
        let (number, missing) = (scanned.number, scanned.missing);
        let mut damage = Self { pages, named: BTreeMap::new(), number, missing };
        for page in &scanned.damaged {
            damage.named.insert(*page, DamagedPage { page: *page, holds: None, from: None, to: None });
        }
        damage.find_maps(scanned.pages);
        if let Some(file) = file {
            // Else SQLite refuses a file that is too short as a whole.
            let _ = file.pragma_update(None, "writable_schema", true);
            for table in tables(file) {
                // Where the walk ends at a page that is too damaged, the rest of this table stays without a name.
                let _ = damage.walk(&table, file, scanned);
            }
        }
        if let Some(first) = damage.named.get_mut(&1) {
            first.holds = Some(SCHEMA.to_owned());
        }
        damage
    }

    /// Pages that belong to no table.
    fn find_maps(&mut self, pages: u64) {
        for number in (2..=pages).step_by(self.pages.between_maps()) {
            // A page of zeros matches its checksum, and no map is empty.
            if !self.named.contains_key(&number) && self.is_zero(number) {
                self.add(number);
            }
            if let Some(page) = self.named.get_mut(&number) {
                page.holds = Some(POINTER_MAP.to_owned());
            }
        }
    }

    fn is_zero(&mut self, number: u64) -> bool {
        matches!(self.pages.page(number), Ok(Some(bytes)) if bytes.iter().all(|byte| *byte == 0))
    }

    fn add(&mut self, page: u64) {
        self.number += 1;
        if self.named.len() < NAMED {
            self.named.insert(page, DamagedPage { page, holds: None, from: None, to: None });
        }
    }

    /// Adds a page that is none of a table though its checksum fits, or that is missing though the header did not tell so.
    fn add_misplaced(&mut self, number: u64, scanned: &Scanned) {
        // A damaged page leads to pages that are sound and not its own.
        let trusted = scanned.number == scanned.missing;
        match self.pages.page(number) {
            Ok(Some(page)) if is_intact(&page) && (trusted || page.iter().all(|byte| *byte == 0)) => {
                self.add(number);
            }
            Ok(None) if scanned.number == 0 => {
                self.missing += 1;
                self.add(number);
            }
            _ => {}
        }
    }

    fn walk(&mut self, table: &str, file: &Connection, scanned: &Scanned) -> rusqlite::Result<()> {
        let mut statement = file.prepare("SELECT pageno, pagetype FROM dbstat WHERE name = ?1")?;
        let mut rows = statement.query([table])?;
        // The last sound page of rows before, and the damaged ones since.
        let (mut before, mut since) = (None, Vec::new());
        // A page in the wrong place may lead back to where the walk came from.
        let mut left = scanned.pages + scanned.missing;
        while let Some(row) = rows.next()?
            && let Some(one_less) = left.checked_sub(1)
        {
            left = one_less;
            let number: u64 = row.get::<_, i64>(0)?.cast_unsigned();
            let kind = row.get_ref(1)?.as_str()?;
            if kind == "corrupted" && !self.named.contains_key(&number) {
                self.add_misplaced(number, scanned);
            }
            if let Some(page) = self.named.get_mut(&number) {
                page.holds = Some(table.to_owned());
                page.from = before.and_then(|before| self.pages.time(table, before, true));
                since.push(number);
                continue;
            }
            // Only these have rows to name the time by.
            if kind != "leaf" {
                continue;
            }
            if !since.is_empty()
                && let Some(to) = self.pages.time(table, number, false)
            {
                for page in since.drain(..) {
                    if let Some(page) = self.named.get_mut(&page) {
                        page.to = Some(to);
                    }
                }
            }
            before = Some(number);
        }
        Ok(())
    }
}

/// All that have pages, as far as the schema can be read.
fn tables(file: &Connection) -> Vec<String> {
    let mut tables = vec![SCHEMA.to_owned()];
    if let Ok(mut statement) = file.prepare("SELECT name FROM sqlite_schema WHERE rootpage > 0")
        && let Ok(names) = statement.query_map([], |row| row.get(0))
    {
        tables.extend(names.map_while(Result::ok));
    }
    tables
}

impl Pages {
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
