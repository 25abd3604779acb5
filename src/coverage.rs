//! What of a response may cost something and was not understood.

use crate::semconv::unparsed_usage;

/// Paths kept of one call; more are counted only.
pub(crate) const MAX_PATHS: usize = 8;
/// Bytes of a path.
pub(crate) const MAX_PATH: usize = 64;

/// Why a member makes a cost an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reason {
    /// A member of a usage object that no reader knows.
    Member,
    /// A header about cost or tier that no reader knows.
    Header,
    /// Counts contradict each other, such as a total that is not that of its parts.
    Total,
}

impl Reason {
    pub(crate) const ALL: [Self; 3] = [Self::Member, Self::Header, Self::Total];

    /// The value of `spanledger.usage.unparsed.reason`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Member => unparsed_usage::MEMBER,
            Self::Header => unparsed_usage::HEADER,
            Self::Total => unparsed_usage::TOTAL,
        }
    }
}

/// The members that no reader took, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Sorted; no path twice.
    paths: Vec<String>,
    /// Paths beyond those that are kept.
    more: u64,
    /// A bit per reason.
    reasons: u8,
}

impl Coverage {
    /// Whether everything was understood.
    pub(crate) const fn is_whole(&self) -> bool {
        self.reasons == 0
    }

    /// Notes a member that was not understood; a stream repeats its members.
    pub(crate) fn note(&mut self, reason: Reason, path: String) {
        self.reasons |= 1 << reason as u8;
        match self.paths.binary_search(&path) {
            Ok(_) => {}
            Err(_) if self.paths.len() >= MAX_PATHS => self.more = self.more.saturating_add(1),
            Err(at) => self.paths.insert(at, path),
        }
    }

    /// The paths, at most [`MAX_PATHS`].
    pub(crate) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// How many members were noted.
    pub(crate) fn count(&self) -> u64 {
        self.more.saturating_add(self.paths.len() as u64)
    }

    /// The reasons that were met.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = Reason> + use<> {
        let reasons = self.reasons;
        Reason::ALL.into_iter().filter(move |reason| reasons & (1 << *reason as u8) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_few_paths_in_order_and_counts_the_rest() {
        let mut coverage = Coverage::default();
        assert!(coverage.is_whole());
        for number in (0..20).rev().chain(0..20) {
            coverage.note(Reason::Member, format!("usage.{number:02}"));
        }
        assert_eq!(coverage.paths().len(), MAX_PATHS);
        assert!(coverage.paths().is_sorted());
        assert!(coverage.count() > MAX_PATHS as u64);
        assert_eq!(coverage.reasons().collect::<Vec<_>>(), [Reason::Member]);
    }

    #[test]
    fn a_path_that_is_repeated_counts_once() {
        let mut coverage = Coverage::default();
        for _ in 0..3 {
            coverage.note(Reason::Total, "usage.total_tokens".to_owned());
        }
        assert_eq!(coverage.count(), 1);
    }
}
