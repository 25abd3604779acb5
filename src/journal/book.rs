//! What the segments of one process say, read back.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use super::body::{self, Close, Open, State};
use super::codec::Cursor;
use super::ranges::Ranges;
use super::record::{Damage, Kind, Records, salt};
use super::segment::{self, path_of};

/// The most that is read of one segment. None is written that large.
const MAX_SEGMENT: u64 = 64 * 1024 * 1024;

/// Where the body of a record is.
#[derive(Debug, Clone)]
struct Place {
    segment: usize,
    body: Range<usize>,
    time: u64,
}

/// The records of one process.
#[derive(Debug, Default)]
pub(super) struct Book {
    segments: Vec<Vec<u8>>,
    /// By call number.
    opens: BTreeMap<u64, Place>,
    /// By sequence number, with the call number.
    closes: BTreeMap<u64, (u64, Place)>,
    /// The sequence number of each call that has ended.
    ended: HashMap<u64, u64>,
    pub(super) state: State,
    /// Sequence numbers that receivers have acknowledged.
    pub(super) sent: Ranges,
    /// Calls that ended unwritten.
    void: Ranges,
    /// The last record is a BYE.
    pub(super) bye: bool,
    /// When the process wrote last, in unix nanoseconds.
    pub(super) last: u64,
    pub(super) damage: Damage,
    /// The last segment.
    pub(super) last_segment: u32,
}

impl Book {
    /// Reads all segments of a directory.
    pub(super) fn read(directory: &Path, name: &str) -> io::Result<Self> {
        let listing = segment::list(directory)?;
        Self::of(directory, name, listing.segments.iter().copied())
    }

    /// Reads some segments of a directory. One that is gone counts as read: it was not needed any more.
    pub(super) fn of(directory: &Path, name: &str, ids: impl IntoIterator<Item = u32>) -> io::Result<Self> {
        let mut book = Self::default();
        for id in ids {
            match File::open(path_of(directory, id)) {
                Ok(file) => {
                    let mut bytes = Vec::new();
                    file.take(MAX_SEGMENT).read_to_end(&mut bytes)?;
                    book.add(bytes, salt(name, id));
                    book.last_segment = id;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(book)
    }

    /// Reads one more segment.
    pub(super) fn add(&mut self, bytes: Vec<u8>, salt: u32) {
        let segment = self.segments.len();
        let mut records = Records::new(&bytes, salt);
        while let Some(record) = records.next() {
            let end = records.position();
            let place = Place { segment, body: end - record.body.len()..end, time: record.time };
            self.apply(record.kind, record.body, place);
        }
        let damage = records.damage;
        self.damage.checksum_errors += damage.checksum_errors;
        self.damage.torn_bytes += damage.torn_bytes;
        self.segments.push(bytes);
    }

    fn apply(&mut self, kind: Kind, body: &[u8], place: Place) {
        let mut cursor = Cursor(body);
        match kind {
            Kind::State => {
                if let Some(state) = State::decode(body) {
                    self.state = state;
                }
            }
            Kind::Open => {
                let Some(number) = cursor.number() else { return };
                self.last = self.last.max(place.time);
                self.state.opened = self.state.opened.max(number);
                self.opens.insert(number, place);
            }
            Kind::Close => {
                let (Some(number), Some(sequence)) = (cursor.number(), cursor.number()) else { return };
                self.last = self.last.max(place.time);
                self.state.last_sequence = self.state.last_sequence.max(sequence);
                self.state.closed = self.state.closed.saturating_add(1);
                self.ended.insert(number, sequence);
                self.closes.insert(sequence, (number, place));
            }
            Kind::Sent => {
                let Some(ranges) = Ranges::decode(&mut cursor) else { return };
                self.state.sent = self.state.sent.saturating_add(ranges.count());
                for range in ranges.iter() {
                    self.state.lost.remove_range(range.clone());
                    self.sent.insert(range);
                }
            }
            Kind::Void => {
                let Some(ranges) = Ranges::decode(&mut cursor) else { return };
                ranges.iter().for_each(|range| self.void.insert(range));
            }
            Kind::Bye => self.last = self.last.max(place.time),
        }
        // A call after it takes it back; receipts do not.
        match kind {
            Kind::Bye => self.bye = true,
            Kind::Open | Kind::Close => self.bye = false,
            _ => {}
        }
    }

    fn body(&self, place: &Place) -> &[u8] {
        self.segments.get(place.segment).and_then(|bytes| bytes.get(place.body.clone())).unwrap_or_default()
    }

    fn open(&self, number: u64) -> Option<Open> {
        let place = self.opens.get(&number)?;
        body::read_open(self.body(place), place.time)
    }

    /// A call that has ended, by its sequence number. `None` when one of its records is missing.
    pub(super) fn ended(&self, sequence: u64) -> Option<(Open, Close)> {
        let (number, place) = self.closes.get(&sequence)?;
        Some((self.open(*number)?, body::read_close(self.body(place), place.time)?))
    }

    /// The sequence numbers of the calls that have ended and that no receiver has acknowledged.
    pub(super) fn unsent(&self) -> impl Iterator<Item = u64> + '_ {
        self.closes.keys().copied().filter(|sequence| !self.sent.contains(*sequence))
    }

    /// The calls that were in flight when the process died.
    pub(super) fn interrupted(&self) -> impl Iterator<Item = Open> + '_ {
        let open = self.opens.keys().copied();
        open.filter(|number| !self.ended.contains_key(number) && !self.void.contains(*number))
            .filter_map(|number| self.open(number))
    }

    /// The body of an OPEN, with its time, as it was written.
    pub(super) fn open_record(&self, number: u64) -> Option<(u64, &[u8])> {
        let place = self.opens.get(&number)?;
        Some((place.time, self.body(place)))
    }
}
