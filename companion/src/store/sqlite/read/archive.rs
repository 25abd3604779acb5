//! What the writer has noted of its archive.

use rusqlite::{Connection, OptionalExtension};

use crate::record::{Timestamp, Window};
use crate::store::ArchiveTrouble;
use crate::store::archival::{Trouble, TroubleKind};
use crate::store::sqlite::file::watermarks::Watermarks;
use crate::store::sqlite::rollup::grain::minute_start;
use crate::store::sqlite::write::archiving::TROUBLE;

pub(super) fn trouble(sql: &Connection, watermarks: &Watermarks) -> rusqlite::Result<Option<ArchiveTrouble>> {
    let noted = |name: &str| -> rusqlite::Result<Option<i64>> {
        sql.prepare_cached("SELECT value FROM state WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()
    };
    let [kind, since, wanted] = TROUBLE;
    let Some(kind) = noted(kind)?.and_then(TroubleKind::of_code) else { return Ok(None) };
    let (since, wanted) = (noted(since)?.unwrap_or(0), noted(wanted)?.unwrap_or(watermarks.calls_from));
    Ok(Some(ArchiveTrouble {
        trouble: Trouble { since: Timestamp(since), kind },
        held: Window { from: minute_start(watermarks.calls_from), to: minute_start(wanted) },
    }))
}
