//! What one sender may take of the places and of the room for bodies: half, however many connections and streams it has. What it
//! sends beyond waits after its own requests, and not before those of others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// Whose share it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// One of the senders with tokens of their own, from wherever it sends.
    Sender(usize),
    /// Everybody else at one address.
    Peer(IpAddr),
}

/// What of a number of permits each owner may take.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    of_owner: Arc<Mutex<HashMap<Owner, Arc<Semaphore>>>>,
    each: usize,
}

/// The share of one owner, forgotten with its last request.
#[derive(Debug)]
pub(super) struct Share {
    all: Shares,
    owner: Owner,
    pub(super) permits: Arc<Semaphore>,
}

impl Shares {
    /// Of `permits` permits.
    pub(super) fn new(permits: usize) -> Self {
        Self { of_owner: Arc::default(), each: permits.div_ceil(2) }
    }

    pub(super) fn of(&self, owner: Owner) -> Share {
        let new = || Arc::new(Semaphore::new(self.each));
        let permits = Arc::clone(self.lock().entry(owner).or_insert_with(new));
        Share { all: self.clone(), owner, permits }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, Arc<Semaphore>>> {
        // Every change is one statement.
        self.of_owner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.all.lock();
        // The map and this one.
        if Arc::strong_count(&self.permits) <= 2 {
            shares.remove(&self.owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_half_and_is_forgotten_with_its_last_request() {
        let shares = Shares::new(5);
        let [one, other] = [1, 2].map(|last| Owner::Peer(IpAddr::from([10, 0, 0, last])));
        let first = shares.of(one);
        let taken: Vec<_> = (0..4).map_while(|_| first.permits.try_acquire().ok()).collect();
        assert_eq!(taken.len(), 3);
        let second = shares.of(one);
        assert!(second.permits.try_acquire().is_err() && shares.of(other).permits.try_acquire().is_ok());
        assert!(shares.of(Owner::Sender(0)).permits.try_acquire().is_ok());
        drop(taken);
        drop(first);
        assert!(second.permits.try_acquire().is_ok());
        assert_eq!(shares.lock().len(), 1);
        drop(second);
        assert!(shares.lock().is_empty());
    }
}
