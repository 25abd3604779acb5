use super::Labels;

/// What one evaluation found.
///
/// No samples means that nothing is known. Samples together with `no_data` mean that the value is known although it is
/// based on no call: no requests are no high rate, but no proof of health either.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The values.
    pub samples: Vec<Sample>,
    /// Why there is nothing to judge.
    pub no_data: Option<String>,
}

impl Evaluation {
    pub(super) fn known(samples: Vec<Sample>) -> Self {
        Self { samples, no_data: None }
    }

    pub(super) fn unknown(reason: String) -> Self {
        Self { samples: Vec::new(), no_data: Some(reason) }
    }

    pub(super) fn empty(sample: Sample, reason: String) -> Self {
        Self { samples: vec![sample], no_data: Some(reason) }
    }
}

/// One value of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Of the alert, if it becomes one; the rule's name is not among them.
    pub labels: Labels,
    /// In the rule's unit.
    pub value: f64,
    /// Whether the value is beyond the threshold.
    pub exceeded: bool,
    /// One sentence with the numbers.
    pub description: String,
}
