//! What all calls of the process together hold for reading bodies, and the bound on it. A body that would go beyond the
//! bound passes unparsed.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The default bound on what all calls of a process hold for reading: 256 MiB.
pub(crate) const DEFAULT_LIMIT: usize = 256 * 1024 * 1024;

/// A bound on what all calls of the process hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(pub(crate) usize);

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_LIMIT)
    }
}

/// Bytes held now, by all middlewares.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Why bytes are not held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The piece is longer than any that is held.
    Piece,
    /// All calls of the process together hold too much.
    Process,
}

/// Bytes that count as held until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease(usize);

impl Lease {
    /// Counts `bytes` as held, unless more than `limit` would be.
    pub(crate) fn take(bytes: usize, limit: usize) -> Option<Self> {
        let held = HELD.fetch_add(bytes, Ordering::Relaxed);
        let lease = Self(bytes);
        (held.saturating_add(bytes) <= limit).then_some(lease)
    }

    fn grow(&mut self, bytes: usize, limit: usize) -> bool {
        let Some(more) = Self::take(bytes, limit) else { return false };
        self.0 += more.0;
        std::mem::forget(more);
        true
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        HELD.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// How much is held: of one piece, and by all calls of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) piece: usize,
    pub(crate) process: usize,
}

/// A part of a body that is held until the rest has come.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    lease: Lease,
    limits: Limits,
}

impl Buffer {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self { bytes: Vec::new(), lease: Lease(0), limits }
    }

    /// Adds bytes. Where they do not fit, nothing is held any more.
    pub(crate) fn extend(&mut self, more: &[u8]) -> Result<(), Full> {
        let length = self.bytes.len() + more.len();
        if length > self.bytes.capacity() {
            self.grow(length).inspect_err(|_| self.free())?;
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    /// Makes room for `length` bytes. Never twice what may be held: the old place and the new one exist together for as
    /// long as the bytes are copied.
    #[cold]
    fn grow(&mut self, length: usize) -> Result<(), Full> {
        if length > self.limits.piece {
            return Err(Full::Piece);
        }
        let capacity = self.bytes.capacity();
        let wanted = length.max((2 * capacity).min(self.limits.piece));
        if !self.lease.grow(wanted - capacity, self.limits.process) {
            return Err(Full::Process);
        }
        self.bytes.reserve_exact(wanted - self.bytes.len());
        Ok(())
    }

    /// Whether a piece of this length is within the limit for one.
    pub(crate) const fn may_hold(&self, length: usize) -> bool {
        length <= self.limits.piece
    }

    #[cfg(test)]
    pub(crate) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets the bytes and keeps their place for the next ones.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Forgets the bytes and gives their place back.
    pub(crate) fn free(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Forgets the first bytes.
    pub(crate) fn skip(&mut self, count: usize) {
        self.bytes.drain(..count);
    }
}

impl std::ops::Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: usize = usize::MAX / 2;

    #[test]
    fn holds_a_piece_and_no_more() {
        let mut buffer = Buffer::new(Limits { piece: 10, process: ROOMY });
        assert_eq!(buffer.extend(b"12345"), Ok(()));
        assert_eq!(buffer.extend(b"67890"), Ok(()));
        assert_eq!(&*buffer, b"1234567890");
        assert_eq!(buffer.extend(b"x"), Err(Full::Piece));
        assert!(buffer.is_empty(), "what does not fit is not held in part");
        assert_eq!(buffer.extend(b"again"), Ok(()));
    }

    #[test]
    fn a_buffer_never_takes_more_than_a_piece() {
        let limit = 1 << 16;
        let mut buffer = Buffer::new(Limits { piece: limit, process: ROOMY });
        while buffer.extend(&[0; 777]).is_ok() {
            assert!(buffer.bytes.capacity() <= limit);
            assert_eq!(buffer.lease.0, buffer.bytes.capacity(), "what is taken is counted");
        }
        assert_eq!((buffer.lease.0, buffer.bytes.capacity()), (0, 0));
    }

    #[test]
    fn what_all_hold_together_is_bound() {
        // Other tests hold bytes as well: far less than this.
        const MUCH: usize = 1 << 40;
        let held = Lease::take(MUCH, ROOMY).unwrap();
        let mut buffer = Buffer::new(Limits { piece: 1 << 20, process: MUCH });
        assert_eq!(buffer.extend(&[0; 1 << 16]), Err(Full::Process));
        assert!(Lease::take(1, MUCH).is_none());
        drop(held);
        assert_eq!(buffer.extend(&[0; 1 << 16]), Ok(()), "what is given back can be taken again");
    }
}
