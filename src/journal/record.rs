//! Records in a segment: how they are framed, and how they are found again when bytes between them are damaged.
//!
//! ```text
//! mark u16 | length u16 | checksum u32 | kind u8 | unix nanoseconds u64 | body
//!                                       └──────── length bytes ─────────────┘
//! ```
//!
//! Numbers are little-endian. The checksum is the CRC-32 of what follows it, begun with the salt of the segment, so that
//! bytes of another segment, or such as an application puts into an attribute, are no record here.

use crc32fast::Hasher;

use super::codec::Cursor;

/// Where a record begins: no ASCII, and no valid start of UTF-8.
const MARK: [u8; 2] = [0xb5, 0x9e];
/// Mark, length and checksum.
const HEAD: usize = 8;
/// Kind and time.
const FIXED: usize = 9;
/// The most that a body holds.
pub(super) const MAX_BODY: usize = u16::MAX as usize - FIXED;

/// Bytes that are checked for a checksum in vain before a search is given up: damage costs little, and a segment that
/// is made of false marks no more than this.
const MAX_SEARCH: usize = 32 * 1024 * 1024;

/// What a record is about. A reader skips kinds that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The account of the process so far: the first record of every segment.
    State = 1,
    /// A call whose request is about to leave.
    Open = 2,
    /// A call that has ended.
    Close = 3,
    /// Sequence numbers that a receiver has acknowledged.
    Sent = 4,
    /// Calls whose end could not be written down.
    Void = 5,
    /// The process ended in order.
    Bye = 6,
}

impl Kind {
    const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::State,
            2 => Self::Open,
            3 => Self::Close,
            4 => Self::Sent,
            5 => Self::Void,
            6 => Self::Bye,
            _ => return None,
        })
    }
}

/// The salt of a segment: of which process it is, and which of its segments.
pub(super) fn salt(instance: &str, segment: u32) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(instance.as_bytes());
    hasher.update(&segment.to_le_bytes());
    hasher.finalize()
}

/// The bytes a record with such a body takes.
pub(super) const fn size(body: usize) -> usize {
    HEAD + FIXED + body
}

/// Appends a record. The body is at most [`MAX_BODY`]; of a longer one nothing is written.
pub(super) fn put(out: &mut Vec<u8>, salt: u32, kind: Kind, time: u64, body: &[&[u8]]) {
    let length = FIXED + body.iter().map(|part| part.len()).sum::<usize>();
    let Ok(length) = u16::try_from(length) else { return };
    let start = out.len();
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.push(kind as u8);
    out.extend_from_slice(&time.to_le_bytes());
    body.iter().for_each(|part| out.extend_from_slice(part));
    let mut hasher = Hasher::new_with_initial(salt);
    hasher.update(&out[start + HEAD..]);
    let checksum = hasher.finalize().to_le_bytes();
    out[start + 4..start + HEAD].copy_from_slice(&checksum);
}

/// A record that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    /// Unix time in nanoseconds.
    pub(super) time: u64,
    pub(super) body: &'a [u8],
}

/// What of a segment is no record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Damage {
    /// Places between records where bytes are damaged: each has cost at least one record.
    pub(super) checksum_errors: u64,
    /// Bytes after the last record: a write that was interrupted.
    pub(super) torn_bytes: u64,
}

/// The records of a segment, in order.
#[derive(Debug)]
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    salt: u32,
    searched: usize,
    pub(super) damage: Damage,
}

impl<'a> Records<'a> {
    pub(super) const fn new(bytes: &'a [u8], salt: u32) -> Self {
        Self { bytes, at: 0, salt, searched: 0, damage: Damage { checksum_errors: 0, torn_bytes: 0 } }
    }

    /// The place after the last record that was given.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    /// The record that begins at `at`, with the place after it. Its kind is `None` when a newer version wrote it.
    fn at(&mut self, at: usize) -> Option<(Option<Record<'a>>, usize)> {
        let mut cursor = Cursor(self.bytes.get(at..)?);
        if cursor.array()? != MARK {
            return None;
        }
        let length = usize::from(u16::from_le_bytes(cursor.array()?));
        let checksum = u32::from_le_bytes(cursor.array()?);
        let covered = cursor.take(length).filter(|_| length >= FIXED)?;
        let mut hasher = Hasher::new_with_initial(self.salt);
        hasher.update(covered);
        if hasher.finalize() != checksum {
            self.searched += length;
            return None;
        }
        let mut cursor = Cursor(covered);
        let kind = Kind::of(cursor.byte()?);
        let time = u64::from_le_bytes(cursor.array()?);
        let record = kind.map(|kind| Record { kind, time, body: cursor.0 });
        Some((record, at + HEAD + length))
    }

    /// The next place at or after `from` where a record begins.
    fn search(&mut self, mut from: usize) -> Option<usize> {
        while self.searched < MAX_SEARCH {
            from += memchr::memchr(MARK[0], self.bytes.get(from..)?)?;
            if self.at(from).is_some() {
                return Some(from);
            }
            from += 1;
        }
        None
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        while self.at < self.bytes.len() {
            if let Some((record, next)) = self.at(self.at) {
                self.at = next;
                match record {
                    Some(record) => return Some(record),
                    None => continue,
                }
            }
            match self.search(self.at + 1) {
                Some(found) => {
                    self.damage.checksum_errors += 1;
                    self.at = found;
                }
                None => {
                    self.damage.torn_bytes += (self.bytes.len() - self.at) as u64;
                    self.at = self.bytes.len();
                }
            }
        }
        None
    }
}

/// Bytes as records, each with the checksum that it needs: a fuzzer does not guess checksums. The first byte of each is the
/// kind, the next two are the length of the body, and the time is that of its place.
#[cfg(any(test, fuzzing))]
pub(super) fn with_checksums(mut bytes: &[u8], salt: u32) -> Vec<u8> {
    let mut out = Vec::new();
    while let [kind, low, high, rest @ ..] = bytes {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (body, rest) = rest.split_at(rest.len().min(length));
        if let Some(kind) = Kind::of(kind % 8) {
            let time = out.len() as u64;
            put(&mut out, salt, kind, time, &[body]);
        }
        bytes = rest;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SALT: u32 = 7;

    fn segment(bodies: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (time, body) in bodies.iter().enumerate() {
            put(&mut bytes, SALT, Kind::Open, time as u64, &[body]);
        }
        bytes
    }

    fn read(bytes: &[u8]) -> (Vec<(u64, Vec<u8>)>, Damage) {
        let mut records = Records::new(bytes, SALT);
        let read = records.by_ref().map(|record| (record.time, record.body.to_vec())).collect();
        (read, records.damage)
    }

    /// Bodies that contain marks, and whole records of another salt.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let hostile = prop::collection::vec(any::<u8>(), 0..20).prop_map(|inner| {
            let mut bytes = MARK.to_vec();
            put(&mut bytes, SALT + 1, Kind::Close, 0, &[&inner]);
            bytes
        });
        prop_oneof![prop::collection::vec(any::<u8>(), 0..60), hostile]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bodies in prop::collection::vec(body(), 0..20)) {
            let (read, damage) = read(&segment(&bodies));
            prop_assert_eq!(damage, Damage::default());
            prop_assert_eq!(read, bodies.into_iter().enumerate().map(|(time, body)| (time as u64, body)).collect::<Vec<_>>());
        }

        #[test]
        fn a_torn_tail_costs_the_record_it_tears(bodies in prop::collection::vec(body(), 1..8), cut: prop::sample::Index) {
            let whole = segment(&bodies);
            let cut = cut.index(whole.len());
            let (read, damage) = read(&whole[..cut]);
            let ends = bodies.iter().scan(0, |end, body| { *end += size(body.len()); Some(*end) });
            let kept = ends.clone().filter(|end| *end <= cut).count();
            prop_assert_eq!(read.len(), kept);
            let last = ends.filter(|end| *end <= cut).last().unwrap_or(0);
            prop_assert_eq!(damage, Damage { checksum_errors: 0, torn_bytes: (cut - last) as u64 });
        }

        #[test]
        fn reads_any_bytes(bytes: Vec<u8>) {
            let _read = read(&bytes);
        }
    }

    #[test]
    fn a_flipped_bit_costs_the_record_it_hits_wherever_it_is() {
        let bodies: Vec<Vec<u8>> = (0..5).map(|number| vec![number; 40 + usize::from(number)]).collect();
        let whole = segment(&bodies);
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[place] ^= 1 << bit;
                let (read, damage) = read(&bytes);
                assert_eq!(read.len(), 4, "bit {bit} of byte {place}");
                let expected: Vec<_> = bodies
                    .iter()
                    .enumerate()
                    .filter(|(time, _)| read.iter().any(|(at, _)| *at == *time as u64))
                    .map(|(time, body)| (time as u64, body.clone()))
                    .collect();
                assert_eq!(read, expected);
                assert_eq!(damage.checksum_errors + u64::from(damage.torn_bytes > 0), 1);
            }
        }
    }

    #[test]
    fn a_record_of_a_newer_version_is_skipped() {
        let mut bytes = segment(&[vec![1]]);
        // As `put` writes it, with a kind that no enum here has.
        let start = bytes.len();
        put(&mut bytes, SALT, Kind::Bye, 9, &[&[2]]);
        bytes[start + HEAD] = 200;
        let mut hasher = Hasher::new_with_initial(SALT);
        hasher.update(&bytes[start + HEAD..]);
        let checksum = hasher.finalize().to_le_bytes();
        bytes[start + 4..start + HEAD].copy_from_slice(&checksum);
        put(&mut bytes, SALT, Kind::Open, 10, &[&[3]]);
        let (read, damage) = read(&bytes);
        assert_eq!(read, [(0, vec![1]), (10, vec![3])]);
        assert_eq!(damage, Damage::default());
    }

    #[test]
    fn false_marks_do_not_hold_the_reader() {
        let mut bytes = Vec::new();
        while bytes.len() < 4 * 1024 * 1024 {
            bytes.extend_from_slice(&[MARK[0], MARK[1], 0xff, 0xff]);
        }
        let (read, damage) = read(&bytes);
        assert!(read.is_empty());
        assert_eq!(damage.torn_bytes, bytes.len() as u64);
    }
}
