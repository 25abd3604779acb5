//! The secret number of a ledger that decides where senders' ids and texts are placed: no sender can aim many at one place.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

/// Rows that are given other numbers at a time.
const TOGETHER: i64 = 1_000;

/// The salt of one file. A file of a version before it has none until it is opened to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt {
    value: Option<i64>,
    /// Calls that ended up to this microsecond may have been placed without a salt.
    unsalted_to: i64,
}

impl Salt {
    pub(crate) const NONE: Self = Self { value: None, unsalted_to: i64::MIN };

    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let state = |name: &str| -> rusqlite::Result<Option<i64>> {
            connection
                .prepare_cached("SELECT value FROM state WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()
        };
        Ok(Self { value: state("salt")?, unsalted_to: state("unsalted_to")?.unwrap_or(i64::MIN) })
    }

    /// How a call that ended then may have been placed before there was a salt.
    pub(crate) fn before(self, end: i64) -> Option<Self> {
        (end.div_euclid(1000) <= self.unsalted_to).then_some(Self::NONE)
    }

    /// The number of a call, of which `places` uses 29 bits.
    pub(crate) fn of_call(self, trace_id: &[u8; 16], span_id: &[u8; 8]) -> i64 {
        self.number(|digest| digest.chain_update(trace_id).chain_update(span_id))
    }

    /// The key of a text, so that long values cost no more than short ones.
    pub(crate) fn of_text(self, value: &str) -> i64 {
        self.number(|digest| digest.chain_update(value))
    }

    /// The key of a process of a service.
    pub(crate) fn of_instance(self, name: &str, service: &str) -> i64 {
        self.number(|digest| digest.chain_update(name).chain_update([0xff]).chain_update(service))
    }

    fn number(self, of: impl FnOnce(Sha256) -> Sha256) -> i64 {
        let salted =
            self.value.iter().fold(Sha256::new(), |digest, salt| digest.chain_update(salt.to_le_bytes()));
        let digest = of(salted).finalize();
        digest.iter().take(8).fold(0, |hash, byte| hash << 8 | i64::from(*byte))
    }
}

/// Gives all texts of a file that has a salt since now the numbers that go with it.
pub(super) fn renumber_texts(connection: &Connection) -> rusqlite::Result<()> {
    let salt = Salt::load(connection)?;
    let mut texts = connection.prepare("SELECT id, value FROM text WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut update = connection.prepare("UPDATE text SET hash = ?2 WHERE id = ?1")?;
    let mut last = i64::MIN;
    loop {
        let some: Vec<(i64, String)> = texts
            .query_map([last, TOGETHER], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let Some((newest, _)) = some.last() else { return Ok(()) };
        last = *newest;
        for (id, value) in &some {
            update.execute(params![id, salt.of_text(value)])?;
        }
    }
}

/// Gives all instances of a file the numbers by which they are found.
pub(super) fn number_instances(connection: &Connection) -> rusqlite::Result<()> {
    let salt = Salt::load(connection)?;
    let mut instances =
        connection.prepare("SELECT id, name, service FROM instance WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut update = connection.prepare("UPDATE instance SET hash = ?2 WHERE id = ?1")?;
    let mut last = i64::MIN;
    loop {
        let some: Vec<(i64, String, String)> = instances
            .query_map([last, TOGETHER], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        let Some((newest, ..)) = some.last() else { return Ok(()) };
        last = *newest;
        for (id, name, service) in &some {
            update.execute(params![id, salt.of_instance(name, service)])?;
        }
    }
}
