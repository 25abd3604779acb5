//! A map that forgets: two generations of entries, of which the older is dropped when the newer is full.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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

/// Keeps the newest `limit` values for certain, and up to as many before them.
#[derive(Debug)]
pub(super) struct Generations<T> {
    limit: usize,
    newer: Map<T>,
    older: Map<T>,
    /// Values in `newer`, of which a key may have several.
    values: usize,
}

impl<T: Default> Generations<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, newer: Map::default(), older: Map::default(), values: 0 }
    }

    pub(super) fn get(&self, key: u64) -> Option<&T> {
        self.newer.get(&key).or_else(|| self.older.get(&key))
    }

    /// What the key has, empty when it is new. It is among the newest from now on.
    pub(super) fn get_or_new(&mut self, key: u64) -> &mut T {
        if self.values >= self.limit {
            self.older = std::mem::take(&mut self.newer);
            self.values = 0;
        }
        match self.newer.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                self.values += 1;
                place.insert(self.older.remove(&key).unwrap_or_default())
            }
        }
    }

    /// Counts one more value of a key.
    pub(super) const fn grew(&mut self) {
        self.values += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.newer.is_empty() && self.older.is_empty()
    }
}

impl<T: Copy + PartialEq> Generations<Few<T>> {
    pub(super) fn values(&self, key: u64) -> &[T] {
        self.get(key).map_or(&[], Few::as_slice)
    }

    /// Adds a value that is not there yet. Of more than `most` values the oldest is forgotten. Returns whether the key
    /// has others.
    pub(super) fn add(&mut self, key: u64, value: T, most: usize) -> bool {
        let values = self.get_or_new(key);
        let others = values.add(value, most);
        if others {
            self.grew();
        }
        others
    }
}

/// A few values of one key, without an allocation for the usual one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Few<T> {
    #[default]
    None,
    One(T),
    Several(Vec<T>),
}

impl<T> Few<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}

impl<T: Copy + PartialEq> Few<T> {
    /// Adds a value that is not there yet; returns whether there are others.
    pub(super) fn add(&mut self, value: T, most: usize) -> bool {
        match self {
            Self::None => *self = Self::One(value),
            Self::One(first) if *first == value => {}
            Self::One(first) => *self = Self::Several(vec![*first, value]),
            Self::Several(values) if values.contains(&value) => {}
            Self::Several(values) => {
                if values.len() >= most {
                    values.remove(0);
                }
                values.push(value);
            }
        }
        matches!(self, Self::Several(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_no_more_than_two_generations() {
        let mut map = Generations::new(10);
        for key in 0..1_000_u64 {
            *map.get_or_new(key) = key;
            assert!((key.saturating_sub(9)..=key).all(|known| map.get(known) == Some(&known)), "{key}");
            assert!(map.newer.len() + map.older.len() <= 20);
        }
    }

    #[test]
    fn counts_the_values_of_a_key_one_by_one() {
        let mut map = Generations::new(10);
        for number in 0..1_000_u64 {
            map.add(number % 3, number, 5);
            let maps = [&map.newer, &map.older];
            let values: usize =
                maps.iter().flat_map(|map| map.values()).map(|few| few.as_slice().len()).sum();
            assert!(values <= 2 * (10 + 5), "{values}");
        }
    }

    #[test]
    fn keeps_a_few_values_of_a_key_each_once() {
        let mut map = Generations::new(2);
        for (value, others) in [(1, false), (1, false), (2, true), (2, true), (3, true), (4, true)] {
            assert_eq!(map.add(7, value, 3), others, "{value}");
            map.add(value + 100, 0, 3);
        }
        assert_eq!(map.values(7), [2, 3, 4]);
        assert!(map.values(8).is_empty());
    }
}
