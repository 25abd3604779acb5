//! A map that forgets: its entries are in a ring, in the order in which they came, and a new one takes the place of the oldest.
//!
//! Chains lead to an entry: `heads` has the newest entry of each chain, `next` the one before an entry. A link is the number of
//! a place and, in the bits that this leaves, a part of its key, so that hardly any other entry is looked at. As many places as
//! an entry has values are taken, so that neither many keys nor many values of one key take more memory.

/// How many values an entry has.
pub(crate) trait Held {
    fn held(&self) -> usize {
        1
    }
}

impl<T: Copy> Held for Option<T> {}

/// The end of a chain, and what an empty place has, to which none leads: no part of a key.
const END: u32 = u32::MAX;
const FREE: u32 = u32::MAX - 1;
/// Places that the ring gets at a time, at least.
const GROWTH: usize = 1_024;

/// Keeps the newest `limit` values for certain, and up to a quarter more.
#[derive(Debug)]
pub(crate) struct Newest<T> {
    limit: usize,
    /// Keys and values. Keys are salted hashes.
    places: Vec<(u64, T)>,
    /// By place.
    next: Vec<u32>,
    /// A power of two of them, by the last bits of a key.
    heads: Vec<u32>,
    /// The place that is taken next, and so that of the oldest value when the ring is full.
    oldest: usize,
}

impl<T: Default + Held> Newest<T> {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, places: Vec::new(), next: Vec::new(), heads: Vec::new(), oldest: 0 }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }

    const fn capacity(&self) -> usize {
        self.limit + self.limit / 4 + 1
    }

    pub(crate) fn get(&self, key: u64) -> Option<&T> {
        self.find(key).map(|place| &self.places[place].1)
    }

    /// What the key has, empty when it is new. It is among the newest `limit` from now on.
    pub(crate) fn get_or_new(&mut self, key: u64) -> &mut T {
        let place = match self.find(key) {
            Some(place) if self.age(place) <= self.limit / 4 => place,
            Some(place) => {
                let value = self.free(place);
                (1..value.held()).for_each(|_| self.grew());
                self.put(key, value)
            }
            None => self.put(key, T::default()),
        };
        &mut self.places[place].1
    }

    /// Counts one more value of a key.
    pub(crate) fn grew(&mut self) {
        self.take();
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn find(&self, key: u64) -> Option<usize> {
        let mut link = *self.heads.get(self.chain(key))?;
        let (part, mask) = (self.part(key), self.mask());
        while link != END {
            let place = (link & mask) as usize;
            if link & !mask == part && self.places[place].0 == key {
                return Some(place);
            }
            link = self.next[place];
        }
        None
    }

    #[expect(clippy::cast_possible_truncation, reason = "the last bits are taken")]
    const fn chain(&self, key: u64) -> usize {
        key as usize & self.heads.len().wrapping_sub(1)
    }

    /// The bits of a link that are the number of a place. That of no place is all ones, or all but the last.
    #[expect(clippy::cast_possible_truncation, reason = "there are far fewer places")]
    const fn mask(&self) -> u32 {
        (self.capacity() + 2).next_power_of_two() as u32 - 1
    }

    /// The bits of a link that are of a key: the first ones.
    const fn part(&self, key: u64) -> u32 {
        (key >> 32) as u32 & !self.mask()
    }

    /// How many places were taken after this one.
    const fn age(&self, place: usize) -> usize {
        let taken = self.oldest + if place < self.oldest { 0 } else { self.places.len() };
        taken - 1 - place
    }

    /// Empties the next place, and returns it.
    fn take(&mut self) -> usize {
        if self.places.len() < self.capacity() {
            self.make_room();
            self.places.push((0, T::default()));
            self.next.push(FREE);
            return self.places.len() - 1;
        }
        let place = self.oldest;
        self.oldest = (place + 1) % self.places.len();
        if self.next[place] != FREE {
            self.free(place);
        }
        place
    }

    /// Room for one more place. The vectors grow to what they need at most, and no further.
    fn make_room(&mut self) {
        let length = self.places.len();
        if length == self.places.capacity() {
            let more = length.max(GROWTH).min(self.capacity() - length);
            self.places.reserve_exact(more);
            self.next.reserve_exact(more);
        }
        if length >= self.heads.len() {
            self.heads = vec![END; (length + 1).next_power_of_two().max(GROWTH)];
            for place in 0..length {
                if self.next[place] != FREE {
                    self.link(place);
                }
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are far fewer places")]
    fn link(&mut self, place: usize) {
        let key = self.places[place].0;
        let (chain, link) = (self.chain(key), self.part(key) | place as u32);
        self.next[place] = std::mem::replace(&mut self.heads[chain], link);
    }

    fn put(&mut self, key: u64, value: T) -> usize {
        let place = self.take();
        self.places[place] = (key, value);
        self.link(place);
        place
    }

    /// Takes the value out of a place.
    fn free(&mut self, place: usize) -> T {
        let after = std::mem::replace(&mut self.next[place], FREE);
        let (chain, mask) = (self.chain(self.places[place].0), self.mask());
        let leads_here = |link: u32| (link & mask) as usize == place;
        let mut before = self.heads[chain];
        if leads_here(before) {
            self.heads[chain] = after;
        } else {
            while !leads_here(self.next[(before & mask) as usize]) {
                before = self.next[(before & mask) as usize];
            }
            self.next[(before & mask) as usize] = after;
        }
        std::mem::take(&mut self.places[place].1)
    }
}

impl<T: Copy + PartialEq> Newest<Few<T>> {
    pub(crate) fn values(&self, key: u64) -> &[T] {
        self.get(key).map_or(&[], Few::as_slice)
    }

    /// Adds a value that is not there yet. Of more than `most` values the oldest is forgotten. Returns whether the key
    /// has others.
    pub(crate) fn add(&mut self, key: u64, value: T, most: usize) -> bool {
        let values = self.get_or_new(key);
        let others = values.add(value, most);
        if others {
            self.grew();
        }
        others
    }
}

/// A few values of one key, without an allocation for the usual one. As large as one value where that has a niche: there are a
/// hundred thousand of these, and a vector in its place would take 24 bytes of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Few<T> {
    One(T),
    /// No value, or several.
    Others(
        #[expect(clippy::box_collection, reason = "a pointer is a third of a vector")] Option<Box<Vec<T>>>,
    ),
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::Others(None)
    }
}

impl<T> Held for Few<T> {
    fn held(&self) -> usize {
        self.as_slice().len()
    }
}

impl<T> Few<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Others(None) => &[],
            Self::Others(Some(values)) => values,
        }
    }
}

impl<T: Copy + PartialEq> Few<T> {
    /// Adds a value that is not there yet; returns whether there are others.
    pub(crate) fn add(&mut self, value: T, most: usize) -> bool {
        match self {
            Self::Others(None) => *self = Self::One(value),
            Self::One(first) if *first == value => {}
            Self::One(first) => *self = Self::Others(Some(Box::new(vec![*first, value]))),
            Self::Others(Some(values)) if values.contains(&value) => {}
            Self::Others(Some(values)) => {
                if values.len() >= most {
                    values.remove(0);
                }
                values.push(value);
            }
        }
        self.as_slice().len() > 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    impl Held for u64 {}

    #[test]
    fn keeps_the_newest_and_no_more_than_a_quarter_more() {
        for limit in [1, 2, 10, 3_000] {
            let mut map = Newest::new(limit);
            for key in 0..4 * limit as u64 + 100 {
                *map.get_or_new(key) = key;
                let first = key.saturating_sub(limit as u64 - 1);
                let step = (limit / 10).max(1);
                assert!((first..=key).step_by(step).all(|known| map.get(known) == Some(&known)), "{key}");
                assert!(map.places.len() <= limit + limit / 4 + 1);
            }
        }
    }

    /// As one that remembers when each key was asked for says it, with keys that share their chains.
    #[test]
    fn what_was_asked_for_is_among_the_newest() {
        const LIMIT: usize = 50;
        let mut random = fastrand::Rng::with_seed(17);
        let mut map = Newest::new(LIMIT);
        let mut asked: HashMap<u64, usize> = HashMap::new();
        for turn in 0..50_000 {
            let key = random.u64(..90) << 7;
            let value = map.get_or_new(key);
            assert!(*value == 0 || *value == key, "{turn}");
            *value = key;
            asked.insert(key, turn);
            let known = |key: &u64| map.get(*key) == Some(key);
            let newest = asked.iter().filter(|(_, asked)| turn - **asked < LIMIT);
            assert!(newest.map(|(key, _)| key).all(known), "{turn}");
            assert!(map.get(random.u64(..90) << 7 | 1).is_none());
        }
    }

    #[test]
    fn counts_the_values_of_a_key_one_by_one() {
        let mut map = Newest::new(100);
        for number in 0..10_000_u64 {
            map.add(number % 3, number, 5);
            let values: usize = map.places.iter().map(|(_, few)| few.as_slice().len()).sum();
            assert!(values <= 3 * 5 + 1, "{values}");
        }
        // Many keys with many values, all of which are asked for again and again.
        for round in 0..50_u64 {
            for key in 0..90 {
                map.add(key, round, 40);
            }
            let values: usize = map.places.iter().map(|(_, few)| few.as_slice().len()).sum();
            assert!(values <= 126 + 40, "{values}");
        }
    }

    #[test]
    fn keeps_a_few_values_of_a_key_each_once() {
        let mut map = Newest::new(4);
        for (value, others) in [(1, false), (1, false), (2, true), (2, true), (3, true), (4, true)] {
            assert_eq!(map.add(7, value, 3), others, "{value}");
            map.add(value + 100, 0, 3);
        }
        assert_eq!(map.values(7), [2, 3, 4]);
        assert!(map.values(8).is_empty());
    }
}
