use std::sync::Arc;

use super::Labels;

/// What one evaluation found.
///
/// No samples means that nothing is known. Samples together with `no_data` mean that the value is known although it is
/// based on no call: no requests are no high rate, but no proof of health either.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The values: one per group of calls.
    pub samples: Vec<Sample>,
    /// Why there is nothing to judge.
    pub no_data: Option<String>,
}

impl Evaluation {
    pub(super) fn known(samples: Vec<Sample>) -> Self {
        Self { samples, no_data: None }
    }

    pub(crate) fn unknown(reason: String) -> Self {
        Self { samples: Vec::new(), no_data: Some(reason) }
    }

    pub(super) fn empty(sample: Sample, reason: String) -> Self {
        Self { samples: vec![sample], no_data: Some(reason) }
    }

    /// The sample to show first: one that exceeds before one that does not, then the one furthest beyond its threshold.
    /// What is of too few calls is only shown where there were enough to judge.
    #[must_use]
    pub fn worst(&self) -> Option<&Sample> {
        let beyond = |sample: &Sample| sample.value / sample.threshold.max(f64::MIN_POSITIVE);
        let shown = |sample: &&Sample| sample.verdict.judged() || self.no_data.is_none();
        self.samples.iter().filter(shown).max_by(|a, b| {
            let exceeded = |sample: &Sample| sample.verdict == Verdict::Exceeded;
            exceeded(a)
                .cmp(&exceeded(b))
                .then_with(|| beyond(a).total_cmp(&beyond(b)))
                .then_with(|| a.value.total_cmp(&b.value))
                // Equal values are shown in the order of their labels.
                .then_with(|| b.labels.cmp(&a.labels))
        })
    }
}

/// One value of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Of the alert, if it becomes one; the rule's name is not among them.
    pub labels: Arc<Labels>,
    /// In the rule's unit.
    pub value: f64,
    /// What the value is compared with.
    pub threshold: f64,
    /// Whether the threshold was learned. Then it stays for an alert that fires, whatever is learned meanwhile.
    pub learned: bool,
    /// What the comparison says.
    pub verdict: Verdict,
    /// One sentence with the numbers; may be empty where [`Sentences`] does not ask for it.
    pub description: String,
}

/// Which samples need a sentence. Most of the time of an evaluation goes into sentences that no one reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sentences {
    /// All: people see them.
    All,
    /// Those beyond their threshold, which may become alerts.
    Exceeded,
}

impl Sentences {
    /// The sentence that `write` gives, where a sample with this verdict needs one.
    pub(super) fn of(self, verdict: Verdict, write: impl FnOnce() -> String) -> String {
        match self {
            Self::Exceeded if verdict != Verdict::Exceeded => String::new(),
            Self::All | Self::Exceeded => write(),
        }
    }
}

/// What a value says about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Beyond the threshold.
    Exceeded,
    /// Within the threshold.
    Calm,
    /// Beyond the threshold, of too few calls: no alert begins, and one that fires goes on.
    FewExceeded,
    /// Within the threshold, of too few calls: no proof of health, but an alert that fires comes to rest.
    FewCalm,
}

impl Verdict {
    pub(super) const fn of(exceeded: bool) -> Self {
        if exceeded { Self::Exceeded } else { Self::Calm }
    }

    pub(super) const fn of_few(exceeded: bool) -> Self {
        if exceeded { Self::FewExceeded } else { Self::FewCalm }
    }

    /// Whether there was enough to judge.
    #[must_use]
    pub const fn judged(self) -> bool {
        matches!(self, Self::Exceeded | Self::Calm)
    }
}
