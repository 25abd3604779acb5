//! What is known of many hashes in little memory.

use crate::store::sqlite::dictionary::text_hash;
use crate::store::sqlite::row::Hash;

/// How often each hash came. Counts too many rather than too few: hashes that fall on the same counter are counted
/// together.
pub(super) struct Sketch {
    counters: Vec<u8>,
}

impl Sketch {
    /// 16 MB: with ten million different hashes one in fifty looks as if it came four times.
    const COUNTERS: usize = 1 << 24;

    pub(super) fn new() -> Self {
        Self { counters: vec![0; Self::COUNTERS] }
    }

    pub(super) fn add(&mut self, hash: &Hash) {
        let counter = &mut self.counters[place(hash, Self::COUNTERS)];
        *counter = counter.saturating_add(1);
    }

    pub(super) fn may_exceed(&self, hash: &Hash, more_than: u64) -> bool {
        u64::from(self.counters[place(hash, Self::COUNTERS)]) > more_than.min(254)
    }
}

/// How many different hashes came, by linear counting (Whang, Vander-Zanden and Taylor, 1990): of a bitmap's places,
/// each hit by chance, the share that stays empty tells how many were thrown.
pub(super) struct Distinct {
    words: Vec<u64>,
}

impl Distinct {
    /// 4 MB. The standard error is 0.02 % at three million different hashes and 0.1 % at a hundred million.
    const PLACES: usize = 1 << 25;

    pub(super) fn new() -> Self {
        Self { words: vec![0; Self::PLACES / 64] }
    }

    pub(super) fn add(&mut self, hash: &Hash) {
        let place = place(hash, Self::PLACES);
        self.words[place / 64] |= 1 << (place % 64);
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, between zero and seventeen times the places"
    )]
    pub(super) fn estimate(&self) -> u64 {
        let empty: u64 = self.words.iter().map(|word| u64::from(word.count_zeros())).sum();
        let places = Self::PLACES as f64;
        (places * (places / empty.max(1) as f64).ln()).round() as u64
    }
}

fn place(hash: &Hash, places: usize) -> usize {
    let number = match hash {
        Hash::Bytes(bytes) => {
            let (halves, _) = bytes.as_chunks::<8>();
            halves.iter().fold(0, |number, half| spread(number) ^ u64::from_le_bytes(*half))
        }
        Hash::Text(text) => text_hash(text).cast_unsigned(),
    };
    usize::try_from(spread(number) % places as u64).unwrap_or(0)
}

/// The finalizer of SplitMix64: digests are spread already, but whoever sends numbers as hashes must not fill one corner.
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
    fn counts_different_hashes_within_a_thousandth() {
        for wanted in [0_u64, 1, 1_000, 300_000, 3_000_000] {
            let mut distinct = Distinct::new();
            for number in 0..wanted {
                let hash = Hash::Bytes(u128::from(number).to_be_bytes());
                distinct.add(&hash);
                distinct.add(&hash);
            }
            let counted = distinct.estimate();
            assert!(counted.abs_diff(wanted) <= wanted / 1_000, "{counted}, not {wanted}");
        }
    }

    #[test]
    fn never_counts_a_hash_too_few() {
        let mut sketch = Sketch::new();
        let hash = |number: u8| Hash::Bytes([number; 16]);
        for number in 0..=255 {
            for _ in 0..number {
                sketch.add(&hash(number));
            }
        }
        for number in 1..=255 {
            assert!(sketch.may_exceed(&hash(number), u64::from(number) - 1), "{number}");
        }
    }
}
