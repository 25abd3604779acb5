//! A map that forgets: two generations of entries, of which the older is dropped when the newer is full.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys are salted hashes already.
#[derive(Debug, Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Map<T> = HashMap<u64, T, BuildHasherDefault<AsIs>>;

/// Keeps the newest `limit` entries for certain, and up to as many before them.
#[derive(Debug)]
pub(super) struct Generations<T> {
    limit: usize,
    newer: Map<T>,
    older: Map<T>,
    /// Values in `newer`, of which a key may have several.
    values: usize,
}

impl<T> Generations<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, newer: Map::default(), older: Map::default(), values: 0 }
    }

    pub(super) fn get(&self, key: u64) -> Option<&T> {
        self.newer.get(&key).or_else(|| self.older.get(&key))
    }

    pub(super) fn insert(&mut self, key: u64, value: T) {
        self.put(key, value, 1);
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<T> {
        let older = self.older.remove(&key);
        self.newer.remove(&key).or(older)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.newer.is_empty() && self.older.is_empty()
    }

    fn put(&mut self, key: u64, value: T, values: usize) {
        if self.values >= self.limit {
            self.older = std::mem::take(&mut self.newer);
            self.values = 0;
        }
        self.values += values;
        self.newer.insert(key, value);
    }
}

/// A few values of one key, without an allocation for the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Few<T> {
    One(T),
    Several(Vec<T>),
}

impl<T> Few<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}

impl<T: Copy + PartialEq> Few<T> {
    /// Returns whether there is one value more.
    fn add(&mut self, value: T, most: usize) -> bool {
        if self.as_slice().contains(&value) {
            return false;
        }
        match self {
            Self::One(first) => {
                *self = Self::Several(vec![*first, value]);
                true
            }
            Self::Several(values) => {
                let full = values.len() >= most;
                if full {
                    values.remove(0);
                }
                values.push(value);
                !full
            }
        }
    }
}

impl<T: Copy + PartialEq> Generations<Few<T>> {
    pub(super) fn values(&self, key: u64) -> &[T] {
        self.get(key).map_or(&[], Few::as_slice)
    }

    /// Adds a value that is not there yet. Of more than `most` values the oldest is forgotten.
    pub(super) fn add(&mut self, key: u64, value: T, most: usize) {
        if let Some(known) = self.newer.get_mut(&key) {
            self.values += usize::from(known.add(value, most));
            return;
        }
        match self.older.remove(&key) {
            None => self.put(key, Few::One(value), 1),
            Some(mut known) => {
                known.add(value, most);
                let values = known.as_slice().len();
                self.put(key, known, values);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_no_more_than_two_generations() {
        let mut map = Generations::new(10);
        for key in 0..1_000 {
            map.insert(key, key);
            assert!((key.saturating_sub(9)..=key).all(|known| map.get(known) == Some(&known)), "{key}");
            assert!(map.newer.len() + map.older.len() <= 20);
        }
    }

    #[test]
    fn counts_the_values_of_a_key_one_by_one() {
        let mut map = Generations::new(10);
        for number in 0..1_000 {
            map.add(number % 3, number, 5);
            let values: usize = [&map.newer, &map.older]
                .iter()
                .flat_map(|map| map.values())
                .map(|few| few.as_slice().len())
                .sum();
            assert!(values <= 2 * (10 + 5), "{values}");
        }
    }

    #[test]
    fn keeps_a_few_values_of_a_key_each_once() {
        let mut map = Generations::new(2);
        for value in [1, 2, 2, 3, 4] {
            map.add(7, value, 3);
            map.insert(value + 100, Few::One(0));
        }
        assert_eq!(map.values(7), [2, 3, 4]);
        assert!(map.values(8).is_empty());
    }
}
