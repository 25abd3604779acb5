//! Calls whose response is fetched later. A response may be fetched any number of times, by any part of the process,
//! and its tokens are those of one call: so the process remembers which ids it waits for and which it recorded.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::call::Operation;

/// Ids that are remembered; the oldest are forgotten first. A response that is fetched again after that is recorded
/// again, marked as fetched, and the ledger tells it by its id.
const REMEMBERED: usize = 8192;

/// Bytes of a model's name that are kept while its response is awaited.
const MAX_MODEL: usize = 128;

/// What is known of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Awaited(Asked),
    Recorded,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    pub(crate) model: Option<Box<str>>,
}

/// Ids by their hash, so that the length of what a response calls an id bounds nothing.
#[derive(Debug)]
pub(crate) struct Deferred {
    states: HashMap<u64, State>,
    oldest_first: VecDeque<u64>,
    hasher: RandomState,
    capacity: usize,
}

/// The memory of the process.
pub(crate) fn memory() -> MutexGuard<'static, Deferred> {
    static MEMORY: LazyLock<Mutex<Deferred>> = LazyLock::new(|| Mutex::new(Deferred::new(REMEMBERED)));
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deferred {
    fn new(capacity: usize) -> Self {
        Self { states: HashMap::new(), oldest_first: VecDeque::new(), hasher: RandomState::new(), capacity }
    }

    /// Notes that the response of this id comes later.
    pub(crate) fn expect(&mut self, id: &str, operation: Operation, model: Option<&str>) {
        let key = self.hasher.hash_one(id);
        if !self.states.contains_key(&key) {
            let model = model.filter(|model| model.len() <= MAX_MODEL).map(Into::into);
            self.insert(key, State::Awaited(Asked { operation, model }));
        }
    }

    /// Whether the response of this id is awaited.
    pub(crate) fn expects(&self, id: &str) -> bool {
        matches!(self.states.get(&self.hasher.hash_one(id)), Some(State::Awaited(_)))
    }

    /// Notes that the response of this id was recorded. `None` if it was before; else what was asked for,
    /// where this process asked.
    pub(crate) fn record(&mut self, id: &str) -> Option<Option<Asked>> {
        let key = self.hasher.hash_one(id);
        match self.states.get_mut(&key) {
            Some(State::Recorded) => None,
            Some(awaited) => match std::mem::replace(awaited, State::Recorded) {
                State::Awaited(asked) => Some(Some(asked)),
                State::Recorded => None,
            },
            None => {
                self.insert(key, State::Recorded);
                Some(None)
            }
        }
    }

    fn insert(&mut self, key: u64, state: State) {
        if self.oldest_first.len() >= self.capacity
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.states.remove(&oldest);
        }
        self.states.insert(key, state);
        self.oldest_first.push_back(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_a_response_once() {
        let mut memory = Deferred::new(8);
        memory.expect("r1", Operation::Chat, Some("tarn-9"));
        assert!(memory.expects("r1") && !memory.expects("r2"));
        let asked = Asked { operation: Operation::Chat, model: Some("tarn-9".into()) };
        assert_eq!(memory.record("r1"), Some(Some(asked)));
        assert_eq!(memory.record("r1"), None);
        assert!(!memory.expects("r1"));
        // Accepted again is not awaited again: the same id is the same call.
        memory.expect("r1", Operation::Chat, Some("tarn-9"));
        assert_eq!(memory.record("r1"), None);
        assert_eq!(memory.record("never seen"), Some(None));
        assert_eq!(memory.record("never seen"), None);
    }

    #[test]
    fn forgets_the_oldest_beyond_its_bound() {
        let mut memory = Deferred::new(2);
        for id in ["r1", "r2", "r3"] {
            memory.expect(id, Operation::Chat, None);
        }
        assert!(!memory.expects("r1") && memory.expects("r2") && memory.expects("r3"));
        assert_eq!((memory.states.len(), memory.oldest_first.len()), (2, 2));
    }
}
