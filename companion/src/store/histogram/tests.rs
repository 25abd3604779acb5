use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_buckets_middle_is_within_two_percent_of_its_values(value in any::<u64>(), shift in 0_u32..64) {
        let value = value >> shift;
        let estimate = middle(usize::from(bucket_of(value)));
        prop_assert!(estimate.abs_diff(value) as f64 <= value as f64 * 0.02, "{value} {estimate}");
    }

    #[test]
    fn merging_parts_equals_the_whole_and_survives_the_bytes(
        values in proptest::collection::vec(any::<u64>(), 0..200),
        cut in 0_usize..200,
    ) {
        let cut = cut.min(values.len());
        let (mut whole, mut left, mut right) = (Histogram::default(), Histogram::default(), Histogram::default());
        values.iter().for_each(|value| whole.add(*value));
        values[..cut].iter().for_each(|value| left.add(*value));
        values[cut..].iter().for_each(|value| right.add(*value));
        left.merge(&right);
        prop_assert_eq!(&left, &whole);
        let mut bytes = Vec::new();
        whole.write(&mut bytes);
        prop_assert_eq!(Histogram::read(&mut bytes.as_slice()), Some(whole));
    }

    #[test]
    fn reads_any_bytes_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Histogram::read(&mut bytes.as_slice());
        let _ = Distribution::default().read(&mut bytes.as_slice());
    }

    #[test]
    fn quantiles_are_within_two_percent_of_the_nearest_rank(
        mut values in proptest::collection::vec(1_000_u64..100_000_000_000, 1..300),
    ) {
        let mut distribution = Distribution::default();
        values.iter().for_each(|value| distribution.add(*value));
        values.sort_unstable();
        let quantiles = distribution.quantiles();
        for (percent, found) in [(50, quantiles.p50), (95, quantiles.p95), (99, quantiles.p99)] {
            let exact = values[(values.len() * percent).div_ceil(100) - 1] as f64 / 1e9;
            prop_assert!((found.unwrap() - exact).abs() <= exact * 0.02);
        }
    }
}

#[test]
fn nothing_measured_has_no_quantiles() {
    assert_eq!(Distribution::default().quantiles(), Quantiles::default());
}
