//! The hashes of the newest calls, so that a repetition is known when it comes.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use rusqlite::Connection;

use crate::record::NanoUsd;
use crate::store::sqlite::file::call_id::end_of;
use crate::store::sqlite::file::row::{Hash, NOT_COUNTED};
use crate::store::sqlite::rollup::sightings::Sightings;

/// By a hash of the request hash, of 64 bits that no sender can aim at. Kept by the writer between closings; after
/// a transaction that was rolled back it must be cleared.
#[derive(Debug)]
pub(crate) struct RecentHashes {
    /// Calls in each of the two maps.
    generation: usize,
    newer: HashMap<u64, Call>,
    older: HashMap<u64, Call>,
    /// Whether the calls before the first that was noted are in, too.
    loaded: bool,
    state: RandomState,
}

/// The newest call of a hash, or that it is listed where it belongs.
#[derive(Debug, Clone, Copy)]
enum Call {
    Unlisted { end: i64, series: i64, cost: NanoUsd },
    Listed,
}

impl RecentHashes {
    /// Remembers the newest `generation` calls, and up to as many before them.
    pub(crate) fn new(generation: usize) -> Self {
        Self {
            generation,
            newer: HashMap::new(),
            older: HashMap::new(),
            loaded: false,
            state: RandomState::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.newer.clear();
        self.older.clear();
        self.loaded = false;
    }

    /// Reads the newest calls with a lower id than `below`, once.
    pub(crate) fn load(&mut self, sql: &Connection, below: i64) -> rusqlite::Result<()> {
        if self.loaded {
            return Ok(());
        }
        let mut statement = sql.prepare_cached(
            "SELECT start, duration, series, cost, hash, flags FROM calls WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        )?;
        let mut rows = statement.query([below, i64::try_from(self.generation).unwrap_or(i64::MAX)])?;
        while let Some(row) = rows.next()? {
            let Some(hash) = Hash::key(row.get_ref(4)?)? else { continue };
            if row.get::<_, i64>(5)? & NOT_COUNTED != 0 {
                continue;
            }
            let cost = NanoUsd(row.get::<_, Option<i64>>(3)?.unwrap_or(0));
            let call = Call::Unlisted { end: end_of(row.get(0)?, row.get(1)?), series: row.get(2)?, cost };
            self.older.entry(self.state.hash_one(&hash)).or_insert(call);
        }
        self.loaded = true;
        Ok(())
    }

    /// Forgets the call of a hash that ended at `end`: it is not counted any more.
    pub(crate) fn forget(&mut self, hash: &Hash, end: i64) {
        let key = self.state.hash_one(hash);
        for map in [&mut self.newer, &mut self.older] {
            if matches!(map.get(&key), Some(Call::Unlisted { end: known, .. }) if *known == end) {
                map.remove(&key);
            }
        }
    }

    /// Notes a call. `None` when its hash is new, as far as is known; else the call before if that is not listed yet.
    pub(crate) fn note(&mut self, hash: &Hash, call: &Sightings) -> Option<Option<Sightings>> {
        let key = self.state.hash_one(hash);
        let before = self.newer.get(&key).or_else(|| self.older.get(&key)).copied();
        if self.newer.len() >= self.generation {
            // With the memory of both.
            std::mem::swap(&mut self.older, &mut self.newer);
            self.newer.clear();
        }
        let note = match before {
            None => Call::Unlisted { end: call.last, series: call.series, cost: call.cost },
            Some(_) => Call::Listed,
        };
        self.newer.insert(key, note);
        before.map(|before| match before {
            Call::Listed => None,
            Call::Unlisted { end, series, cost } => Some(Sightings::one(end, series, cost)),
        })
    }
}
