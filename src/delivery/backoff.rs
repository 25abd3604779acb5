//! How long to wait before the next try.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// Doubles from the first wait to the longest.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// The wait after one more failure: between three quarters and all of the step, so that processes that lost
    /// one receiver do not all return to it at once.
    pub(super) fn next(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        let step = doubled.min(self.longest);
        let random = RandomState::new().hash_one(self.failures) % 256;
        step.mul_f64(0.75 + 0.25 * (random as f64 / 256.0))
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_the_longest_wait_and_begins_again_after_a_success() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 10 * second);
        for step in [1, 2, 4, 8, 10, 10] {
            let wait = backoff.next();
            assert!(wait >= step * second * 3 / 4 && wait <= step * second, "{step}: {wait:?}");
        }
        (0..100).for_each(|_| assert!(backoff.next() <= 10 * second));
        backoff.reset();
        assert!(backoff.next() <= second);
    }
}
