//! How many of the places one peer may take: half of them, however many connections and streams it has. What it sends beyond
//! waits after its own requests, and not before those of others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

type Shares = HashMap<IpAddr, Arc<Semaphore>>;

/// The shares of the peers that have requests at work or waiting.
#[derive(Debug, Clone)]
pub(super) struct PeerShares {
    of_peer: Arc<Mutex<Shares>>,
    places: usize,
}

/// The share of one peer, forgotten with its last request.
#[derive(Debug)]
pub(super) struct PeerShare {
    all: PeerShares,
    peer: IpAddr,
    pub(super) places: Arc<Semaphore>,
}

impl PeerShares {
    /// Of `places` places.
    pub(super) fn new(places: usize) -> Self {
        Self { of_peer: Arc::default(), places: places.div_ceil(2) }
    }

    pub(super) fn of(&self, peer: IpAddr) -> PeerShare {
        let new = || Arc::new(Semaphore::new(self.places));
        let places = Arc::clone(self.lock().entry(peer).or_insert_with(new));
        PeerShare { all: self.clone(), peer, places }
    }

    fn lock(&self) -> MutexGuard<'_, Shares> {
        // Every change is one statement.
        self.of_peer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PeerShare {
    fn drop(&mut self) {
        let mut shares = self.all.lock();
        // The map and this one.
        if Arc::strong_count(&self.places) <= 2 {
            shares.remove(&self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_half_of_the_places_and_is_forgotten_with_its_last_request() {
        let shares = PeerShares::new(5);
        let [one, other] = [1, 2].map(|last| IpAddr::from([10, 0, 0, last]));
        let first = shares.of(one);
        let taken: Vec<_> = (0..4).map_while(|_| first.places.try_acquire().ok()).collect();
        assert_eq!(taken.len(), 3);
        let second = shares.of(one);
        assert!(second.places.try_acquire().is_err() && shares.of(other).places.try_acquire().is_ok());
        drop(taken);
        drop(first);
        assert!(second.places.try_acquire().is_ok());
        assert_eq!(shares.lock().len(), 1);
        drop(second);
        assert!(shares.lock().is_empty());
    }
}
