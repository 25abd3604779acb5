//! Which sequence numbers were missing at a given time.

mod gaps;
mod instance;
mod transfer;

use std::collections::HashMap;

use crate::record::{CallRecord, ProcessReport, Timestamp};

use self::instance::{Hole, Instance, Start};

/// Instances that a store on disk remembers between batches.
const REMEMBERED: usize = 10_000;
/// Holes that a store on disk keeps of one instance; the oldest gives way.
const HOLES: usize = 1_000;
/// How long after its creation a ledger meets processes that were running before it.
const SETTLING_SECONDS: i64 = 300;

/// The numbers of every instance. Holds only what was missing at some time: numbers that come in order leave
/// nothing behind.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    /// By name and service.
    instances: HashMap<(String, String), Instance>,
    /// Numbers below the first of an instance whose first call started by then are not missing: the ledger was new.
    settled: Option<Timestamp>,
    /// Whether numbers below the first that is seen belong to a part of the ledger that is not here.
    part: bool,
}

impl Sequences {
    pub(crate) fn of_a_part() -> Self {
        Self { part: true, ..Self::default() }
    }

    /// Sets when the ledger was created, as far as that is known.
    pub(crate) fn settles_at(&mut self, created: Option<Timestamp>) {
        self.settled = created.map(|created| created.plus_seconds(SETTLING_SECONDS));
    }

    /// Whether the numbers of an instance, by name and service, are here.
    pub(crate) fn has(&self, name: &(String, String)) -> bool {
        self.instances.contains_key(name)
    }

    /// What is known of an instance as text, when it was seen last, and whether a number was ever missing or its process
    /// reported.
    pub(crate) fn state(&self, name: &(String, String)) -> Option<(String, Timestamp, bool)> {
        let instance = self.instances.get(name)?;
        let text = serde_json::to_string(&(name, instance)).ok()?;
        Some((text, instance.last_seen, !instance.holes.is_empty() || instance.report.is_some()))
    }

    /// Takes in what [`Self::state`] wrote.
    pub(crate) fn restore(&mut self, state: &str) {
        if let Ok((name, instance)) = serde_json::from_str::<((String, String), Instance)>(state) {
            self.instances.insert(name, instance);
        }
    }

    /// Forgets the instances that were seen least recently, where there are too many; a store has what they were.
    pub(crate) fn bound(&mut self) {
        for instance in self.instances.values_mut() {
            let most = instance.holes.len().saturating_sub(HOLES);
            instance.holes.drain(..most);
        }
        if self.instances.len() <= REMEMBERED {
            return;
        }
        let mut seen: Vec<Timestamp> = self.instances.values().map(|instance| instance.last_seen).collect();
        seen.sort_unstable();
        let before = seen.get(seen.len() / 2).copied().unwrap_or_default();
        self.instances.retain(|_, instance| instance.last_seen > before);
    }

    pub(crate) fn see(&mut self, call: &CallRecord, end: Timestamp) {
        let (Some(name), Some(number)) = (&call.instance, call.sequence) else { return };
        if number == 0 {
            return;
        }
        let start = self.start(number - 1, call.start);
        let instance =
            self.instances.entry((name.clone(), call.service.clone())).or_insert_with(Instance::unbegun);
        if instance.unbegun {
            instance.begin(start);
        }
        instance.last_seen = instance.last_seen.max(end);
        instance.see(number, end, &call.service);
    }

    /// Where an instance begins whose first number here is the one after `below`, given at `at`.
    fn start(&self, below: u64, at: Timestamp) -> Start {
        match (self.part, self.settled.is_some_and(|settled| at <= settled)) {
            (true, _) => Start { highest: below, before: 0 },
            (false, true) => Start { highest: below, before: below },
            (false, false) => Start { highest: 0, before: 0 },
        }
    }

    /// Notes what the journal of a process reports.
    pub(crate) fn note(&mut self, report: &ProcessReport) {
        let start = self.start(report.last_sequence, report.at);
        let instance = self
            .instances
            .entry((report.instance.clone(), report.service.clone()))
            .or_insert_with(Instance::unbegun);
        // What runs still shows by its first call where it begins.
        if instance.unbegun && report.end.is_some() {
            instance.begin(start);
        }
        instance.last_seen = instance.last_seen.max(report.at);
        if instance.report.as_ref().is_some_and(|known| known.at > report.at) {
            return;
        }
        instance.report = Some(report.clone());
        instance.note_lost(report);
        if report.end.is_some() && report.last_sequence > instance.highest {
            instance.holes.push(Hole {
                first: instance.highest + 1,
                last: report.last_sequence,
                service: report.service.clone(),
                noticed: report.at,
                came: None,
            });
            instance.highest = report.last_sequence;
        }
    }

    /// Notes a number of a call of another ledger: it fills a gap, and below the first that is seen none is missing.
    pub(crate) fn fill(&mut self, call: &CallRecord, end: Timestamp) {
        let (Some(name), Some(number)) = (&call.instance, call.sequence) else { return };
        if number == 0 {
            return;
        }
        let instance =
            self.instances.entry((name.clone(), call.service.clone())).or_insert_with(Instance::unbegun);
        if instance.unbegun {
            instance.begin(Start { highest: number - 1, before: 0 });
        }
        instance.last_seen = instance.last_seen.max(end);
        instance.see(number, end, &call.service);
    }

    /// Drops instances that have been silent since `before`, and holes that were closed by then.
    pub(crate) fn forget(&mut self, before: Timestamp) {
        self.instances.retain(|_, instance| {
            instance.holes.retain(|hole| hole.came.is_none_or(|came| came >= before));
            instance.last_seen >= before || instance.holes.iter().any(|hole| hole.came.is_none())
        });
    }
}
