//! The numbers of one process: its highest, and what is missing below it.

use serde::{Deserialize, Serialize};

use crate::record::{ProcessReport, Timestamp};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Instance {
    pub(super) highest: u64,
    /// Numbers up to this one are from before the ledger: of those only what its journal dropped is missing.
    #[serde(default)]
    pub(super) before: u64,
    pub(super) holes: Vec<Hole>,
    pub(super) last_seen: Timestamp,
    pub(super) report: Option<ProcessReport>,
    /// Whether its journal has reported while it runs, and no call of it has come: the first one shows where it begins.
    #[serde(default)]
    pub(super) unbegun: bool,
}

/// Numbers below one that was seen, both ends included.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Hole {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) service: String,
    /// When the earliest higher number ended.
    pub(super) noticed: Timestamp,
    /// When the number itself came after all; holes that came are one number long.
    pub(super) came: Option<Timestamp>,
}

/// Where the numbers of an instance begin: none up to `highest` is missing because of a higher one, and those up to `before` are
/// from before the ledger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) highest: u64,
    pub(super) before: u64,
}

impl Instance {
    pub(super) fn unbegun() -> Self {
        Self { unbegun: true, ..Self::default() }
    }

    /// Begins. What its journal dropped before is missing from the report on that is known.
    pub(super) fn begin(&mut self, Start { highest, before }: Start) {
        (self.highest, self.before, self.unbegun) = (highest, before, false);
        if let Some(report) = self.report.clone() {
            self.note_lost(&report);
        }
    }

    /// How many of these numbers the journal has dropped.
    pub(super) fn lost(&self, first: u64, last: u64) -> u64 {
        let ranges = self.report.iter().flat_map(|report| &report.lost);
        ranges.map(|(from, to)| last.min(*to).saturating_add(1).saturating_sub(first.max(*from))).sum()
    }

    /// Opens holes for what the journal dropped of the numbers before the ledger, in place of those of an earlier report,
    /// which noticed them.
    pub(super) fn note_lost(&mut self, report: &ProcessReport) {
        let before = self.before;
        let known: Vec<Hole> = self.holes.extract_if(.., |hole| hole.last <= before).collect();
        for (first, last) in &report.lost {
            let (first, last) = ((*first).max(1), (*last).min(before));
            if first > last {
                continue;
            }
            let earlier = known.iter().filter(|hole| hole.first <= last && first <= hole.last);
            self.holes.push(Hole {
                first,
                last,
                service: report.service.clone(),
                noticed: earlier.map(|hole| hole.noticed).min().unwrap_or(report.at),
                came: None,
            });
        }
    }

    pub(super) fn see(&mut self, number: u64, end: Timestamp, service: &str) {
        // Holes are in the order they were noticed, nearly: walk back while this call would have shown them earlier.
        for hole in self.holes.iter_mut().rev().take_while(|hole| hole.noticed > end) {
            if hole.last < number && hole.last > self.before {
                hole.noticed = end;
            }
        }
        if number > self.highest {
            if number > self.highest + 1 {
                self.holes.push(Hole {
                    first: self.highest + 1,
                    last: number - 1,
                    service: service.to_owned(),
                    noticed: end,
                    came: None,
                });
            }
            self.highest = number;
            return;
        }
        let found = self
            .holes
            .iter()
            .position(|hole| hole.came.is_none() && hole.first <= number && number <= hole.last);
        let Some(index) = found else { return };
        let hole = self.holes.remove(index);
        // What is above this number was noticed by a higher one, what is below perhaps by this one.
        let below = Hole { last: number - 1, noticed: hole.noticed.min(end), ..hole.clone() };
        let filled = Hole { first: number, last: number, came: Some(end), ..hole.clone() };
        let above = Hole { first: number + 1, ..hole };
        let parts = [below, filled, above];
        let kept = parts
            .into_iter()
            .filter(|part| part.first <= part.last && part.came.is_none_or(|came| came > part.noticed));
        self.holes.splice(index..index, kept);
    }
}
