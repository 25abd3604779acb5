//! What is known of many hashes in little memory.

use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use crate::store::sqlite::file::row::Hash;

/// How often each hash came, up to [`MOST`]. Counts too many rather than too few: hashes that fall on the same counter are
/// counted together.
pub(crate) struct Sketch {
    /// Two counters each.
    pairs: Vec<u8>,
}

/// What half a byte counts.
const MOST: u8 = 15;

impl Sketch {
    /// For a question after hashes that came more than so many times. A counter or more for each hash, two where a few times
    /// are enough, up to 8 MB: of three million different hashes one in a hundred looks as if it came four times, and hardly
    /// any as if it came ten times.
    pub(crate) fn of(hashes: u64, more_than: u64) -> Self {
        let each = if more_than < 8 { 2 } else { 1 };
        Self { pairs: vec![0; places_for(hashes, each, 1 << 20..=1 << 24) / 2] }
    }

    /// The pair that counts a hash within one of several groups of calls, and by how many bits its counter is shifted there.
    fn place(&self, group: usize, hash: &Hash) -> (usize, u32) {
        let place = place(group, hash, 2 * self.pairs.len());
        (place / 2, if place.is_multiple_of(2) { 0 } else { 4 })
    }

    pub(crate) fn add(&mut self, group: usize, hash: &Hash) {
        let (pair, shift) = self.place(group, hash);
        let pair = &mut self.pairs[pair];
        if *pair >> shift & MOST < MOST {
            *pair += 1 << shift;
        }
    }

    pub(crate) fn may_exceed(&self, group: usize, hash: &Hash, more_than: u64) -> bool {
        let (pair, shift) = self.place(group, hash);
        u64::from(self.pairs[pair] >> shift & MOST) > more_than.min(u64::from(MOST) - 1)
    }
}

/// How many different hashes came, by linear counting (Whang, Vander-Zanden and Taylor, 1990): of a bitmap's places,
/// each hit by chance, the share that stays empty tells how many were thrown.
pub(crate) struct Distinct {
    words: Vec<u64>,
}

impl Distinct {
    /// Four places or more a hash, from 32 KiB to 4 MiB. The standard error is below 0.15 % from ten thousand different
    /// hashes to a hundred million.
    pub(crate) fn of(hashes: u64) -> Self {
        Self { words: vec![0; places_for(hashes, 4, 1 << 18..=1 << 25) / 64] }
    }

    pub(crate) fn add(&mut self, hash: &Hash) {
        let place = place(0, hash, self.words.len() * 64);
        self.words[place / 64] |= 1 << (place % 64);
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, between zero and eighteen times the places"
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
fn places_for(hashes: u64, each: u64, limits: RangeInclusive<usize>) -> usize {
    let wanted = hashes.saturating_mul(each).checked_next_power_of_two();
    let wanted = wanted.and_then(|wanted| usize::try_from(wanted).ok());
    wanted.unwrap_or(*limits.end()).clamp(*limits.start(), *limits.end())
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
        for wanted in [0_u64, 1, 100, 10_000, 300_000, 3_000_000] {
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
        let mut sketch = Sketch::of(256, 3);
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

    #[test]
    fn hardly_ever_counts_a_hash_too_many() {
        const HASHES: u32 = 750_000;
        let hash = |number: u32| Hash::Bytes(u128::from(number).to_be_bytes());
        for (more_than, too_many) in [(3, 1..HASHES as usize / 100), (9, 0..10)] {
            let mut sketch = Sketch::of(HASHES.into(), more_than);
            (0..HASHES).for_each(|number| sketch.add(0, &hash(number)));
            (0..20).for_each(|_| sketch.add(1, &hash(7)));
            let found = (0..HASHES).filter(|number| sketch.may_exceed(0, &hash(*number), more_than)).count();
            assert!(too_many.contains(&found), "{found} of more than {more_than}");
            assert!(sketch.may_exceed(1, &hash(7), 19) && !sketch.may_exceed(1, &hash(8), more_than));
        }
    }
}
