//! Which hashes an index does not have, without looking into it.

use rusqlite::Connection;

/// Bits per hash, up to twice as many: fewer than one absent hash in a hundred is looked for in vain.
const BITS: usize = 16;
/// With more hashes there is no filter, and each is looked for: this many take 4 MiB.
const MOST: usize = 2 * 1024 * 1024;
const LEAST: usize = 16 * 1024;

/// A Bloom filter over the hashes of the index. They are salted, so no sender can choose which bits are set.
#[derive(Debug)]
pub(super) struct Absent {
    /// The table of the index.
    index: &'static str,
    /// A power of two of them, or none when there are too many hashes.
    words: Vec<u64>,
    /// Hashes that may be added before it is read again. Until it was read: none.
    room: Option<usize>,
    /// Hashes that were read and added, as far as they were counted.
    count: usize,
}

impl Absent {
    pub(super) const fn new(index: &'static str) -> Self {
        Self { index, words: Vec::new(), room: None, count: 0 }
    }

    /// Whether it is certain that the index does not have this hash.
    pub(super) fn lacks(&mut self, sql: &Connection, hash: i64) -> rusqlite::Result<bool> {
        if self.room.is_none() {
            self.read(sql)?;
        }
        let (place, bits) = place(hash, self.words.len());
        Ok(self.words.get(place).is_some_and(|word| word & bits != bits))
    }

    /// About how many hashes the index has, at most [`MOST`].
    pub(super) fn count(&self) -> usize {
        self.count.min(MOST)
    }

    /// Notes hashes that the index has now.
    pub(super) fn add(
        &mut self,
        sql: &Connection,
        hashes: impl ExactSizeIterator<Item = i64>,
    ) -> rusqlite::Result<()> {
        match self.room.and_then(|room| room.checked_sub(hashes.len())) {
            Some(room) => (self.room, self.count) = (Some(room), self.count.saturating_add(hashes.len())),
            None => return self.read(sql),
        }
        hashes.for_each(|hash| self.set(hash));
        Ok(())
    }

    fn set(&mut self, hash: i64) {
        let (place, bits) = place(hash, self.words.len());
        if let Some(word) = self.words.get_mut(place) {
            *word |= bits;
        }
    }

    /// Reads the index, with room for as many hashes again.
    fn read(&mut self, sql: &Connection) -> rusqlite::Result<()> {
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let count: i64 = sql
            .prepare_cached(&format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT ?1)", self.index))?
            .query_row([most], |row| row.get(0))?;
        let count = usize::try_from(count).unwrap_or(MOST);
        self.count = count;
        if count >= MOST {
            (self.words, self.room) = (Vec::new(), Some(usize::MAX));
            return Ok(());
        }
        let capacity = (2 * count).next_power_of_two().clamp(LEAST, MOST);
        (self.words, self.room) = (vec![0; capacity * BITS / 64], Some(capacity - count));
        let mut statement = sql.prepare_cached(&format!("SELECT hash FROM {}", self.index))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.set(row.get(0)?);
        }
        Ok(())
    }
}

/// The word of a hash among so many, and its four bits there.
fn place(hash: i64, words: usize) -> (usize, u64) {
    let hash = hash.cast_unsigned();
    let bits = (0..4).fold(0, |bits, part| bits | 1 << (hash >> (6 * part) & 63));
    let place = usize::try_from(hash >> 32).unwrap_or(0) & words.wrapping_sub(1);
    (place, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spread, as hashes are.
    fn hash(number: i64) -> i64 {
        let number = number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((number ^ number >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ number >> 32).cast_signed()
    }

    fn index(hashes: std::ops::Range<i64>) -> Connection {
        let sql = Connection::open_in_memory().unwrap();
        sql.execute_batch("CREATE TABLE by_hash (hash, id, PRIMARY KEY (hash, id)) WITHOUT ROWID").unwrap();
        add(&sql, hashes);
        sql
    }

    fn add(sql: &Connection, hashes: std::ops::Range<i64>) {
        let mut insert = sql.prepare("INSERT INTO by_hash VALUES (?1, ?2)").unwrap();
        for number in hashes {
            insert.execute([hash(number), number]).unwrap();
        }
    }

    #[test]
    fn what_the_index_has_is_never_absent_and_what_it_has_not_nearly_always() {
        let (known, mut sql, mut absent) = (50_000, index(0..10_000), Absent::new("by_hash"));
        let lacks = |absent: &mut Absent, sql: &Connection, number| absent.lacks(sql, hash(number)).unwrap();
        assert!((0..10_000).all(|number| !lacks(&mut absent, &sql, number)));
        for from in (10_000..known).step_by(1_000) {
            let transaction = sql.transaction().unwrap();
            add(&transaction, from..from + 1_000);
            absent.add(&transaction, (from..from + 1_000).map(hash).collect::<Vec<_>>().into_iter()).unwrap();
            transaction.commit().unwrap();
        }
        assert!((0..known).all(|number| !lacks(&mut absent, &sql, number)));
        let new = 10_000;
        let found = (known..known + new).filter(|number| !lacks(&mut absent, &sql, *number)).count();
        assert!(found < 100, "{found} of {new} are looked for in vain");
        assert!(absent.words.len() <= MOST * BITS / 64);
    }

    #[test]
    fn beyond_the_bound_nothing_is_certain() {
        let (sql, mut absent) = (index(0..10), Absent { room: Some(usize::MAX), ..Absent::new("by_hash") });
        assert!(!absent.lacks(&sql, hash(5)).unwrap() && !absent.lacks(&sql, hash(50)).unwrap());
        absent.add(&sql, [hash(50)].into_iter()).unwrap();
        assert!(!absent.lacks(&sql, hash(51)).unwrap());
    }
}
