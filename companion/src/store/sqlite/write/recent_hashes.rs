//! The hashes of the newest calls, so that a repetition is known when it comes.

use std::hash::{BuildHasher, RandomState};

use rusqlite::Connection;

use crate::record::NanoUsd;
use crate::store::newest::Newest;
use crate::store::sqlite::file::call_id::end_of;
use crate::store::sqlite::file::row::{Hash, NOT_COUNTED};
use crate::store::sqlite::rollup::sightings::Sightings;

/// By a hash of the request hash, of 64 bits that no sender can aim at. Kept by the writer between closings; after
/// a transaction that was rolled back it must be cleared.
#[derive(Debug)]
pub(crate) struct RecentHashes {
    /// Hashes that are kept for certain.
    limit: usize,
    calls: Newest<Option<Call>>,
    /// Whether the calls before the first that was noted are in, too.
    loaded: bool,
    state: RandomState,
}

/// The newest call of a hash, or that it is listed where it belongs.
#[derive(Debug, Clone, Copy)]
enum Call {
    /// With the number of its series in half the size, so that the whole takes 24 bytes rather than 32.
    Unlisted {
        end: i64,
        cost: NanoUsd,
        series: i32,
    },
    Listed,
}

impl Call {
    /// A ledger has some thousand series; a call of one beyond two thousand million would not be listed.
    fn unlisted(end: i64, series: i64, cost: NanoUsd) -> Self {
        i32::try_from(series).map_or(Self::Listed, |series| Self::Unlisted { end, cost, series })
    }
}

impl RecentHashes {
    /// Remembers the hashes of the newest `limit` calls, and up to a quarter more.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, calls: Newest::new(limit), loaded: false, state: RandomState::new() }
    }

    pub(crate) fn clear(&mut self) {
        self.calls.clear();
        self.loaded = false;
    }

    /// Reads the newest calls with a lower id than `below`, once.
    pub(crate) fn load(&mut self, sql: &Connection, below: i64) -> rusqlite::Result<()> {
        if self.loaded {
            return Ok(());
        }
        // The newest calls, the oldest of them first.
        let mut statement = sql.prepare_cached(
            "SELECT start, duration, series, cost, hash, flags FROM calls WHERE id >= coalesce((SELECT min(id) FROM \
             (SELECT id FROM calls WHERE id < ?1 ORDER BY id DESC LIMIT ?2)), ?1) AND id < ?1 ORDER BY id",
        )?;
        let mut rows = statement.query([below, i64::try_from(self.limit).unwrap_or(i64::MAX)])?;
        while let Some(row) = rows.next()? {
            let Some(hash) = Hash::key(row.get_ref(4)?)? else { continue };
            if row.get::<_, i64>(5)? & NOT_COUNTED != 0 {
                continue;
            }
            let cost = NanoUsd(row.get::<_, Option<i64>>(3)?.unwrap_or(0));
            let call = Call::unlisted(end_of(row.get(0)?, row.get(1)?), row.get(2)?, cost);
            *self.calls.get_or_new(self.state.hash_one(&hash)) = Some(call);
        }
        self.loaded = true;
        Ok(())
    }

    /// Forgets the call of a hash that ended at `end`: it is not counted any more.
    pub(crate) fn forget(&mut self, hash: &Hash, end: i64) {
        let key = self.state.hash_one(hash);
        if matches!(self.calls.get(key), Some(Some(Call::Unlisted { end: known, .. })) if *known == end) {
            *self.calls.get_or_new(key) = None;
        }
    }

    /// Notes a call. `None` when its hash is new, as far as is known; else the call before if that is not listed yet.
    pub(crate) fn note(&mut self, hash: &Hash, call: &Sightings) -> Option<Option<Sightings>> {
        let key = self.state.hash_one(hash);
        let call = Call::unlisted(call.last, call.series, call.cost);
        let noted = self.calls.get_or_new(key);
        let before = noted.replace(if noted.is_some() { Call::Listed } else { call });
        before.map(|before| match before {
            Call::Listed => None,
            Call::Unlisted { end, cost, series } => Some(Sightings::one(end, series.into(), cost)),
        })
    }
}
