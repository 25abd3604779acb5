//! What of an accepted request was refused for good or changed, in the terms of OTLP's partial success.

use crate::otlp::export::PartialSuccess;
use crate::text::number::counted;

/// Spans that were refused, and why.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    spans: u64,
    reasons: Vec<(String, u64)>,
    /// What was kept and not as it was sent.
    warnings: Vec<String>,
}

impl Rejected {
    /// Counts `spans` that share a reason.
    pub(super) fn add(&mut self, spans: u64, reason: &str) {
        if spans == 0 {
            return;
        }
        self.spans += spans;
        match self.reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, counted)) => *counted += spans,
            None => self.reasons.push((reason.to_owned(), spans)),
        }
    }

    /// Says that `spans` were kept, and how they differ from what was sent.
    pub(super) fn warn(&mut self, spans: u64, how: &str) {
        if spans > 0 {
            self.warnings.push(format!("{} {how}", counted(spans, "span")));
        }
    }

    /// `None` when nothing was refused or changed. With 0 rejected spans it is a warning, as OTLP has it.
    pub(super) fn partial_success(&self) -> Option<PartialSuccess> {
        let mut reasons: Vec<String> = self
            .reasons
            .iter()
            .map(|(reason, spans)| format!("{} refused: {reason}", counted(*spans, "span")))
            .collect();
        reasons.extend(self.warnings.iter().cloned());
        (!reasons.is_empty()).then(|| PartialSuccess {
            rejected: i64::try_from(self.spans).unwrap_or(i64::MAX),
            error_message: reasons.join("; "),
        })
    }
}
