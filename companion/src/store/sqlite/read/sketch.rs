//! What is known of many hashes in little memory.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use crate::store::sqlite::file::row::Hash;

/// How often each hash came. Counts too many rather than too few: hashes that fall on the same counter are counted
/// together.
pub(crate) struct Sketch {
    counters: Vec<u8>,
}

impl Sketch {
    /// Two counters or more a hash, up to 16 MB: of three million different hashes one in a hundred looks as if it came
    /// four times.
    pub(crate) fn of(hashes: u64) -> Self {
        Self { counters: vec![0; places_for(hashes, 2, 1 << 24)] }
    }

    /// Counts a hash within one of several groups of calls.
    pub(crate) fn add(&mut self, group: usize, hash: &Hash) {
        let length = self.counters.len();
        let counter = &mut self.counters[place(group, hash, length)];
        *counter = counter.saturating_add(1);
    }

    pub(crate) fn may_exceed(&self, group: usize, hash: &Hash, more_than: u64) -> bool {
        u64::from(self.counters[place(group, hash, self.counters.len())]) > more_than.min(254)
    }
}

/// How many different hashes came, by linear counting (Whang, Vander-Zanden and Taylor, 1990): of a bitmap's places,
/// each hit by chance, the share that stays empty tells how many were thrown.
pub(crate) struct Distinct {
    words: Vec<u64>,
}

impl Distinct {
    /// Sixteen places or more a hash, up to 4 MB. The standard error is below 0.1 % from ten thousand different hashes
    /// to a hundred million.
    pub(crate) fn of(hashes: u64) -> Self {
        Self { words: vec![0; places_for(hashes, 16, 1 << 25) / 64] }
    }

    pub(crate) fn add(&mut self, hash: &Hash) {
        let place = place(0, hash, self.words.len() * 64);
        self.words[place / 64] |= 1 << (place % 64);
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, between zero and seventeen times the places"
    )]
    pub(crate) fn estimate(&self) -> u64 {
        let empty: u64 = self.words.iter().map(|word| u64::from(word.count_zeros())).sum();
        let places = (self.words.len() * 64) as f64;
        (places * (places / empty.max(1) as f64).ln()).round() as u64
    }
}

/// Secret, since senders choose hashes, and could choose those that fall together.
static SALT: LazyLock<u64> = LazyLock::new(|| if cfg!(test) { 1 } else { RandomState::new().hash_one(()) });

/// A power of two.
fn places_for(hashes: u64, each: u64, most: usize) -> usize {
    let wanted = hashes.saturating_mul(each).checked_next_power_of_two();
    wanted.and_then(|wanted| usize::try_from(wanted).ok()).unwrap_or(most).clamp(1 << 20, most)
}

fn place(group: usize, hash: &Hash, places: usize) -> usize {
    let number = match hash {
        Hash::Bytes(bytes) => {
            let (halves, _) = bytes.as_chunks::<8>();
            halves.iter().fold(*SALT, |number, half| spread(number) ^ u64::from_le_bytes(*half))
        }
        Hash::Text(text) => text.as_bytes().chunks(8).fold(*SALT ^ text.len() as u64, |number, part| {
            part.iter().fold(spread(number), |number, byte| number.rotate_left(8) ^ u64::from(*byte))
        }),
    };
    usize::try_from(spread(number ^ (group as u64).rotate_right(16)) % places as u64).unwrap_or(0)
}

/// The finalizer of SplitMix64: digests are spread already, but a sender that uses numbers as hashes must not fill one corner.
const fn spread(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_different_hashes_within_three_thousandths() {
        for wanted in [0_u64, 1, 100, 300_000, 3_000_000] {
            let mut distinct = Distinct::of(wanted);
            for number in 0..wanted {
                let hash = Hash::Bytes(u128::from(number).to_be_bytes());
                distinct.add(&hash);
                distinct.add(&hash);
            }
            let counted = distinct.estimate();
            assert!(counted.abs_diff(wanted) <= wanted * 3 / 1_000, "{counted}, not {wanted}");
        }
    }

    /// The conformance suite compares the store's answer with the true one.
    #[test]
    fn counts_the_hashes_of_the_conformance_suite_exactly() {
        let mut distinct = Distinct::of(20);
        for number in 0_u8..60 {
            distinct.add(&Hash::of(&format!("{number:032x}")));
        }
        for text in ["0123456789abcdef0123456789abcdef", "h", "i"] {
            distinct.add(&Hash::of(text));
        }
        assert_eq!(distinct.estimate(), 63);
    }

    #[test]
    fn never_counts_a_hash_too_few() {
        let mut sketch = Sketch::of(256);
        let hash = |number: u8| Hash::Bytes([number; 16]);
        for number in 0..=255 {
            for _ in 0..number {
                sketch.add(0, &hash(number));
            }
        }
        for number in 1..=255 {
            assert!(sketch.may_exceed(0, &hash(number), u64::from(number) - 1), "{number}");
        }
    }
}
