//! How a response that comes later reports its state: the words differ, the states are the same.

use super::state;
use crate::call::ResponseFacts;

/// The state of a call at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::provider) enum Status {
    /// Accepted; the response comes later.
    Pending,
    Done,
    Failed,
    Cancelled,
    /// A word that is none of a state.
    Unknown,
}

impl Status {
    /// The state that a word names, whatever its case.
    pub(in crate::provider) fn of(word: &str) -> Self {
        let is = |known: &[&str]| known.iter().any(|known| word.eq_ignore_ascii_case(known));
        if state::is_pending(word) {
            Self::Pending
        } else if is(&["failed", "fail", "error", "failure", "expired", "timed_out"]) {
            Self::Failed
        } else if is(&["cancelled", "canceled", "cancelling", "canceling", "aborted"]) {
            Self::Cancelled
        } else if is(&["completed", "succeeded", "success", "successful", "done", "finished", "ready"]) {
            Self::Done
        } else {
            Self::Unknown
        }
    }

    /// Notes the state, of which the last counts; what made a call fail is for its reader to tell.
    pub(in crate::provider) fn note(self, facts: &mut ResponseFacts) {
        facts.pending = self == Self::Pending;
        match self {
            Self::Cancelled => facts.cancelled = true,
            Self::Pending | Self::Done | Self::Failed | Self::Unknown => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_words_of_every_provider() {
        for (word, status) in [
            ("queued", Status::Pending),
            ("PENDING", Status::Pending),
            ("in_progress", Status::Pending),
            ("PROCESSING", Status::Pending),
            ("CREATED", Status::Pending),
            ("starting", Status::Pending),
            ("completed", Status::Done),
            ("SUCCESS", Status::Done),
            ("succeeded", Status::Done),
            ("FAILED", Status::Failed),
            ("canceled", Status::Cancelled),
            ("requires_action", Status::Unknown),
            ("incomplete", Status::Unknown),
        ] {
            assert_eq!(Status::of(word), status, "{word}");
        }
    }

    #[test]
    fn the_last_state_of_a_stream_counts() {
        let mut facts = ResponseFacts::default();
        Status::of("in_progress").note(&mut facts);
        assert!(facts.pending);
        Status::of("completed").note(&mut facts);
        assert!(!facts.pending && facts.error.is_none());
    }
}
