//! Logarithmic histograms of nanoseconds: 32 buckets an octave, so that a bucket's middle is at most 1.6 %
//! from any of its values. Integers only: the same values give the same bytes everywhere, in any order.

use crate::store::Quantiles;

const MANTISSA_BITS: u32 = 5;
const PER_OCTAVE: u64 = 1 << MANTISSA_BITS;

/// The bucket of a value; small values have one each.
pub(crate) fn bucket_of(value: u64) -> u16 {
    if value < PER_OCTAVE {
        return u16::try_from(value).unwrap_or(u16::MAX);
    }
    let exponent = 63 - value.leading_zeros();
    let mantissa = value >> (exponent - MANTISSA_BITS) & (PER_OCTAVE - 1);
    let octave = u64::from(exponent - MANTISSA_BITS + 1);
    u16::try_from(octave * PER_OCTAVE + mantissa).unwrap_or(u16::MAX)
}

/// The smallest value of a bucket.
pub(crate) fn smallest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < PER_OCTAVE {
        return bucket;
    }
    (PER_OCTAVE + bucket % PER_OCTAVE) << (bucket / PER_OCTAVE - 1)
}

/// The middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let shift = (bucket as u64 / PER_OCTAVE).saturating_sub(1);
    smallest(bucket) + ((1 << shift) - 1) / 2
}

/// Few values, as a rollup row keeps them: ordered buckets with their counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    buckets: Vec<(u16, u64)>,
}

impl Histogram {
    pub(crate) fn add(&mut self, value: u64) {
        self.add_bucket(bucket_of(value), 1);
    }

    fn add_bucket(&mut self, bucket: u16, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(count),
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            self.add_bucket(*bucket, *count);
        }
    }

    /// Takes out values that were added.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            if let Ok(at) = self.buckets.binary_search_by_key(bucket, |(bucket, _)| *bucket) {
                self.buckets[at].1 = self.buckets[at].1.saturating_sub(*count);
            }
        }
        self.buckets.retain(|(_, count)| *count > 0);
    }

    /// Appends the number of buckets, then each bucket as its distance from the one before and its count.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        write_varint(bytes, self.buckets.len() as u64);
        let mut before = 0;
        for (bucket, count) in &self.buckets {
            write_varint(bytes, u64::from(bucket - before));
            write_varint(bytes, *count);
            before = *bucket;
        }
    }

    /// Reads what [`Histogram::write`] wrote; `None` when the bytes are something else.
    pub(crate) fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut histogram = Self::default();
        read_buckets(bytes, |bucket, count| histogram.buckets.push((bucket, count)))?;
        Some(histogram)
    }
}

/// Hands out the smallest value of each bucket with its count.
pub(crate) fn each_bucket(bytes: &mut &[u8], mut each: impl FnMut(u64, u64)) -> Option<()> {
    read_buckets(bytes, |bucket, count| each(smallest(usize::from(bucket)), count))
}

/// How many values a histogram holds that [`Histogram::write`] wrote.
pub(crate) fn count_values(bytes: &mut &[u8]) -> Option<u64> {
    let mut values = 0_u64;
    read_buckets(bytes, |_, count| values = values.saturating_add(count))?;
    Some(values)
}

fn read_buckets(bytes: &mut &[u8], mut each: impl FnMut(u16, u64)) -> Option<()> {
    let mut bucket = 0_u16;
    for _ in 0..read_varint(bytes)? {
        bucket = bucket.checked_add(u16::try_from(read_varint(bytes)?).ok()?)?;
        each(bucket, read_varint(bytes)?);
    }
    Some(())
}

/// Many values, as a question adds them up: every bucket in its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Distribution {
    counts: Vec<u64>,
    count: u64,
    /// Exact, for the mean.
    sum: u128,
}

impl Distribution {
    pub(crate) fn add(&mut self, value: u64) {
        self.add_bucket(bucket_of(value), 1);
        self.sum += u128::from(value);
    }

    /// Adds the buckets that [`Histogram::write`] wrote; their sum is known elsewhere.
    pub(crate) fn read(&mut self, bytes: &mut &[u8]) -> Option<()> {
        read_buckets(bytes, |bucket, count| self.add_bucket(bucket, count))
    }

    /// Adds the values of another.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (bucket, count) in (0..).zip(&other.counts).filter(|(_, count)| **count > 0) {
            self.add_bucket(bucket, *count);
        }
        self.sum += other.sum;
    }

    pub(crate) fn add_sum(&mut self, sum: u64) {
        self.sum += u128::from(sum);
    }

    pub(crate) fn add_bucket(&mut self, bucket: u16, count: u64) {
        let bucket = usize::from(bucket);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] = self.counts[bucket].saturating_add(count);
        self.count = self.count.saturating_add(count);
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds for display; the histogram is coarser by far")]
    pub(crate) fn quantiles(&self) -> Quantiles {
        if self.count == 0 {
            return Quantiles::default();
        }
        let seconds = |ns: f64| Some(ns / 1e9);
        let at = |percent: u64| seconds(self.nearest_rank(percent) as f64);
        Quantiles {
            count: self.count,
            mean: seconds(self.sum as f64 / self.count as f64),
            p50: at(50),
            p95: at(95),
            p99: at(99),
        }
    }

    /// The smallest value that `percent` of all values do not exceed.
    fn nearest_rank(&self, percent: u64) -> u64 {
        let rank = (u128::from(self.count) * u128::from(percent)).div_ceil(100).max(1);
        let mut seen = 0_u128;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank {
                return middle(bucket);
            }
        }
        middle(self.counts.len().saturating_sub(1))
    }
}

/// LEB128.
pub(crate) fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// LEB128; `None` at the end of the bytes or past 64 bits.
pub(crate) fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests;
