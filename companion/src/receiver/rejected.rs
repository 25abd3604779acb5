//! What of an accepted request was refused for good or changed, in the terms of OTLP's partial success.

use crate::otlp::export::PartialSuccess;
use crate::text::number::counted;

/// Items that were refused, and why.
#[derive(Debug)]
pub(super) struct Rejected {
    /// What one of them is called.
    item: &'static str,
    items: u64,
    reasons: Vec<(String, u64)>,
    /// What was kept and not as it was sent.
    warnings: Vec<String>,
}

impl Rejected {
    /// None yet.
    pub(super) const fn of(item: &'static str) -> Self {
        Self { item, items: 0, reasons: Vec::new(), warnings: Vec::new() }
    }

    /// Counts `items` that share a reason.
    pub(super) fn add(&mut self, items: u64, reason: &str) {
        if items == 0 {
            return;
        }
        self.items += items;
        match self.reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, counted)) => *counted += items,
            None => self.reasons.push((reason.to_owned(), items)),
        }
    }

    /// Notes `items` that were not refused, and what became of them.
    pub(super) fn warn(&mut self, items: u64, how: &str) {
        if items > 0 {
            self.warnings.push(format!("{} {how}", counted(items, self.item)));
        }
    }

    /// `None` when nothing was refused or changed. With 0 rejected spans it is a warning, as OTLP has it.
    pub(super) fn partial_success(&self) -> Option<PartialSuccess> {
        let mut reasons: Vec<String> = self
            .reasons
            .iter()
            .map(|(reason, items)| format!("{} refused: {reason}", counted(*items, self.item)))
            .collect();
        reasons.extend(self.warnings.iter().cloned());
        (!reasons.is_empty()).then(|| PartialSuccess {
            rejected: i64::try_from(self.items).unwrap_or(i64::MAX),
            error_message: reasons.join("; "),
        })
    }
}
