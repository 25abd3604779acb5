//! The newest calls by identity, so that one that is sent again with other times is still known.
//!
//! A sender that repeats a span repeats its times, and then its place in the table tells (`key`). This is for
//! those that do not, and reaches as far as its bound.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::store::sqlite::file::call_id::identity_hash;

/// Calls in each of two generations; together some 5 MB.
const GENERATION: usize = 64 * 1024;

/// Row ids by a hash of the identity. Whoever finds one must look at the row: it may be another's, or gone.
#[derive(Debug, Default)]
pub(crate) struct RecentIds {
    newer: HashMap<i64, i64>,
    older: HashMap<i64, i64>,
}

impl RecentIds {
    /// The newest calls of the file.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut recent = Self::default();
        let mut statement =
            connection.prepare("SELECT id, trace_id, span_id FROM calls ORDER BY id DESC LIMIT ?1")?;
        let mut rows = statement.query([i64::try_from(GENERATION).unwrap_or(i64::MAX)])?;
        while let Some(row) = rows.next()? {
            recent.older.insert(identity_hash(&row.get(1)?, &row.get(2)?), row.get(0)?);
        }
        Ok(recent)
    }

    pub(crate) fn get(&self, identity: i64) -> Option<i64> {
        self.newer.get(&identity).or_else(|| self.older.get(&identity)).copied()
    }

    pub(crate) fn insert(&mut self, identity: i64, id: i64) {
        if self.newer.len() >= GENERATION {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(identity, id);
    }
}
