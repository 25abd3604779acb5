//! The connections of one listener. There is always room for one more: when there are too many, the peer with most of them
//! loses the one that has not finished a request for longest. So slow or silent connections shut no other out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::clock;

/// The open connections, at most so many.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    most: usize,
    since: Instant,
    open: Arc<Mutex<HashMap<u64, Arc<Peer>>>>,
    displaced: Arc<AtomicU64>,
}

/// One connection. Its requests carry it among their extensions.
#[derive(Debug)]
pub(crate) struct Peer {
    address: IpAddr,
    /// When it was accepted or has finished a request, in milliseconds.
    last: AtomicU64,
    /// Requests whose bodies are here, and which are worked on.
    at_work: AtomicUsize,
    /// Ends it.
    displaced: CancellationToken,
}

impl Peer {
    /// Who it is from: of IPv6 the network.
    pub(crate) const fn address(&self) -> IpAddr {
        self.address
    }

    /// Says that the body of a request is here, until the response is.
    pub(crate) fn work(self: &Arc<Self>) -> AtWork {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        AtWork(Arc::clone(self))
    }

    /// Closes the connection.
    pub(super) fn displace(&self) {
        self.displaced.cancel();
    }

    /// Ends when the connection must give way.
    pub(super) async fn displaced(&self) {
        self.displaced.cancelled().await;
    }
}

/// A request that is worked on.
#[derive(Debug)]
pub(crate) struct AtWork(Arc<Peer>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's place; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    id: u64,
    pub(super) peer: Arc<Peer>,
    connections: Connections,
}

impl Place {
    /// Notes that a request was answered.
    pub(super) fn answered(connections: &Connections, peer: &Peer) {
        peer.last.store(connections.now(), Ordering::Relaxed);
    }

    pub(super) const fn connections(&self) -> &Connections {
        &self.connections
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.id);
    }
}

impl Connections {
    pub(super) fn new(most: usize) -> Self {
        Self { most, since: clock::instant(), open: Arc::default(), displaced: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Peer>>> {
        // Every change is one statement.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A place for a new connection from `address`, where need be another's.
    pub(super) fn take(&self, address: IpAddr) -> Place {
        let peer = Arc::new(Peer {
            address: network(address),
            last: AtomicU64::new(self.now()),
            at_work: AtomicUsize::new(0),
            displaced: CancellationToken::new(),
        });
        let mut open = self.lock();
        let id = self.displaced.fetch_add(1, Ordering::Relaxed);
        if open.len() >= self.most
            && let Some(victim) = victim(&open)
            && let Some(victim) = open.remove(&victim)
        {
            victim.displace();
        }
        open.insert(id, Arc::clone(&peer));
        drop(open);
        Place { id, peer, connections: self.clone() }
    }

    #[cfg(test)]
    pub(super) fn number(&self) -> usize {
        self.lock().len()
    }
}

/// The connection that gives way: idle or waiting for a body, of the peer with most connections, and there the longest.
fn victim(open: &HashMap<u64, Arc<Peer>>) -> Option<u64> {
    let mut of_peer: HashMap<IpAddr, usize> = HashMap::new();
    for peer in open.values() {
        *of_peer.entry(peer.address).or_default() += 1;
    }
    let rank = |(id, peer): &(&u64, &Arc<Peer>)| {
        let at_work = peer.at_work.load(Ordering::Relaxed) > 0;
        let others = std::cmp::Reverse(of_peer.get(&peer.address).copied().unwrap_or(0));
        (at_work, others, peer.last.load(Ordering::Relaxed), **id)
    };
    open.iter().min_by_key(rank).map(|(id, _)| *id)
}

/// Who a peer is: its address, of IPv6 the network, of which one machine may have all addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mut bytes = address.octets();
            bytes[8..].fill(0);
            IpAddr::from(bytes)
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn the_peer_with_most_connections_gives_way_and_there_the_one_that_does_nothing() {
        let connections = Connections::new(4);
        let places: Vec<_> = [1, 2, 2, 2].map(|peer| connections.take(address(peer))).into();
        let _at_work = places[1].peer.work();
        places[2].peer.last.store(1_000_000, Ordering::Relaxed);
        let _new = connections.take(address(3));
        let displaced: Vec<_> = places.iter().map(|place| place.peer.displaced.is_cancelled()).collect();
        assert_eq!(displaced, [false, false, false, true]);
        assert_eq!(connections.number(), 4);
        drop(places);
        assert_eq!(connections.number(), 1);
    }

    #[test]
    fn one_ipv6_network_is_one_peer() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:3"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), address(1));
    }
}
