//! How far back in time the bounded memory of accounts reaches, and how many are forgotten too early.

use std::collections::VecDeque;

use crate::record::Timestamp;

/// Within which time accounts that a trace connects come, in nanoseconds: exporters send every few seconds.
const LINKED: i64 = 60 * Timestamp::SECOND;
/// Parts in which the remembered accounts are counted.
const PARTS: usize = 8;

/// When the newest accounts ended, part by part.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Accounts since the last part ended.
    arrived: usize,
    /// The latest end so far, and the one at the end of each part.
    newest: i64,
    parts: VecDeque<i64>,
    /// Accounts that may be forgotten, and are younger than others of their calls may be apart.
    pub(super) forgotten: u64,
}

impl Reach {
    /// Notes an account that ended at `end`, of `limit` that are remembered for certain.
    pub(super) fn arrive(&mut self, end: i64, limit: usize) {
        self.newest = self.newest.max(end);
        self.arrived += 1;
        let part = (limit / PARTS).max(1);
        if self.arrived < part {
            return;
        }
        self.arrived = 0;
        self.parts.push_back(self.newest);
        if self.parts.len() > PARTS {
            let oldest = self.parts.pop_front().unwrap_or_default();
            if self.newest.saturating_sub(oldest) < LINKED {
                self.forgotten = self.forgotten.saturating_add(part as u64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is forgotten early of `accounts`, of which 80 are remembered and one ends each `every` nanoseconds.
    fn forgotten(accounts: i64, every: i64) -> u64 {
        let mut reach = Reach::default();
        (1..=accounts).for_each(|number| reach.arrive(number * every, 80));
        reach.forgotten
    }

    #[test]
    fn counts_what_is_forgotten_within_the_time_in_which_others_may_come() {
        let tenth = 100_000_000;
        assert_eq!(forgotten(89, tenth), 0);
        assert_eq!(forgotten(90, tenth), 10);
        assert_eq!(forgotten(1_000, tenth), 920);
        assert_eq!(forgotten(1_000, 8 * tenth), 0);
    }
}
