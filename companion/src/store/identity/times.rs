//! Accounts of third parties by service and time, to find those of one call that no link and no id connects.

use super::relation::{SAME_TOKENS_GAP, TimeSpan};
use crate::store::newest::{Few, Newest};

/// Accounts of one service at one time that are kept; the newest.
const AT_ONE_TIME: usize = 256;
/// Of them, those nearest to an account that are compared with it.
const NEAREST: usize = 32;

/// An account with what excludes most others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Near {
    pub(super) row: i64,
    pub(super) time: TimeSpan,
    pub(super) scope: u64,
}

impl Near {
    /// How far the times are apart, when both may be of one call.
    fn gap(&self, other: &Self) -> Option<i64> {
        self.time.gap(other.time, SAME_TOKENS_GAP).filter(|_| self.scope != other.scope)
    }
}

/// The keys of the time in which an account ended, and of those next to it.
pub(super) type Keys = [u64; 3];

#[derive(Debug)]
pub(super) struct Times(Newest<Few<Near>>);

impl Times {
    pub(super) fn new(limit: usize) -> Self {
        Self(Newest::new(limit))
    }

    /// Adds an account. Returns whether there are others that may be of its call.
    pub(super) fn add(&mut self, keys: Keys, near: Near) -> bool {
        let others = self.others(&keys).any(|other| near.gap(other).is_some());
        self.0.add(keys[0], near, AT_ONE_TIME);
        others
    }

    /// The rows that may be of the call of `near`, the nearest first.
    pub(super) fn nearest(&self, keys: Keys, near: Near) -> impl Iterator<Item = i64> {
        let mut others: Vec<(i64, i64)> =
            self.others(&keys).filter_map(|other| Some((near.gap(other)?, other.row))).collect();
        others.sort_unstable();
        others.into_iter().take(NEAREST).map(|(_, row)| row)
    }

    fn others(&self, keys: &Keys) -> impl Iterator<Item = &Near> {
        keys.iter().flat_map(|key| self.0.values(*key))
    }
}
