//! Which sequence numbers were missing at a given time.

use std::collections::HashMap;
use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use crate::record::{CallRecord, ProcessEnd, ProcessReport, Timestamp, Window};
use crate::store::export::{Gap, Process};
use crate::store::missing::Missing;
use crate::store::{Filter, SequenceGap, SequenceGaps, SkippedCalls};

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

#[derive(Debug, Default, Serialize, Deserialize)]
struct Instance {
    highest: u64,
    /// Numbers up to this one are from before the ledger: of those only what its journal dropped is missing.
    #[serde(default)]
    before: u64,
    holes: Vec<Hole>,
    last_seen: Timestamp,
    report: Option<ProcessReport>,
    /// Whether its journal has reported while it runs, and no call of it has come: the first one shows where it begins.
    #[serde(default)]
    unbegun: bool,
}

/// Numbers below one that was seen, both ends included.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Hole {
    first: u64,
    last: u64,
    service: String,
    /// When the earliest higher number ended.
    noticed: Timestamp,
    /// When the number itself came after all; holes that came are one number long.
    came: Option<Timestamp>,
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

    /// Takes in what another ledger knows of a process: all of one that is new here, of another one what is beyond its
    /// highest number.
    pub(crate) fn take_in(&mut self, name: &(String, String), process: Option<&Process>, gaps: &[&Gap]) {
        let instance = self.instances.entry(name.clone()).or_insert_with(Instance::unbegun);
        let is_new = instance.unbegun;
        // One of which that ledger had no call shows here by its first one where it begins.
        instance.unbegun &= gaps.is_empty() && process.is_none_or(|process| process.highest == 0);
        let before = instance.highest;
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        let highest = process.map_or(0, |process| number(process.highest));
        for gap in
            gaps.iter().filter(|gap| is_new || number(gap.last) > before && number(gap.last) <= highest)
        {
            instance.holes.push(Hole {
                first: number(gap.first).max(before + 1),
                last: number(gap.last),
                service: name.1.clone(),
                noticed: Timestamp(gap.noticed),
                came: None,
            });
            if is_new {
                instance.highest = instance.highest.max(number(gap.last));
                instance.last_seen = instance.last_seen.max(Timestamp(gap.noticed));
            }
        }
        instance.holes.sort_by_key(|hole| hole.noticed);
        let Some(process) = process else { return };
        instance.highest = instance.highest.max(highest);
        instance.last_seen = instance.last_seen.max(Timestamp(process.last_end));
        if let Some(report) = report_of(process, highest)
            && instance.report.as_ref().is_none_or(|known| known.at < report.at)
        {
            instance.report = Some(report);
        }
    }

    /// The processes whose newest call ended within `window`, and what was noticed to be missing in it.
    pub(crate) fn within(&self, window: Window) -> (Vec<Process>, Vec<Gap>) {
        let is_within = |at: Timestamp| window.from <= at && at < window.to;
        let (mut processes, mut gaps) = (Vec::new(), Vec::new());
        for (name, instance) in &self.instances {
            if is_within(instance.last_seen) {
                processes.push(instance.process(name));
            }
            let missing = instance.holes.iter().filter(|hole| hole.came.is_none() && is_within(hole.noticed));
            gaps.extend(missing.map(|hole| Gap {
                instance: name.0.clone(),
                service: name.1.clone(),
                first: signed(hole.first),
                last: signed(hole.last),
                noticed: hole.noticed.0,
            }));
        }
        processes.sort_by(|a, b| (&a.instance, &a.service).cmp(&(&b.instance, &b.service)));
        gaps.sort_by(|a, b| (&a.instance, &a.service, a.first).cmp(&(&b.instance, &b.service, b.first)));
        (processes, gaps)
    }

    /// The first time within `window` at which [`Self::within`] has something.
    pub(crate) fn first_within(&self, window: Window) -> Option<Timestamp> {
        let times = self.instances.values().flat_map(|instance| {
            let missing = instance.holes.iter().filter(|hole| hole.came.is_none()).map(|hole| hole.noticed);
            missing.chain([instance.last_seen])
        });
        times.filter(|at| window.from <= *at && *at < window.to).min()
    }

    /// Drops instances that have been silent since `before`, and holes that were closed by then.
    pub(crate) fn forget(&mut self, before: Timestamp) {
        self.instances.retain(|_, instance| {
            instance.holes.retain(|hole| hole.came.is_none_or(|came| came >= before));
            instance.last_seen >= before || instance.holes.iter().any(|hole| hole.came.is_none())
        });
    }

    /// Gaps as [`crate::store::Querier::sequence_gaps`] describes them.
    pub(crate) fn gaps(
        &self,
        noticed: Window,
        now: Timestamp,
        filter: &Filter,
        limit: usize,
    ) -> SequenceGaps {
        let mut gaps: Vec<SequenceGap> = Vec::new();
        for ((name, of), instance) in &self.instances {
            let mut missing: Vec<&Hole> = instance
                .holes
                .iter()
                .filter(|hole| noticed.from <= hole.noticed && hole.noticed < noticed.to.min(now))
                .filter(|hole| hole.came.is_none_or(|came| came >= now))
                .filter(|hole| filter.service.as_ref().is_none_or(|service| *service == hole.service))
                .filter(|hole| !filter.except_services.contains(&hole.service))
                .collect();
            missing.sort_by_key(|hole| hole.first);
            for hole in missing {
                match gaps.last_mut() {
                    Some(gap)
                        if gap.instance == *name
                            && gap.service == *of
                            && gap.last.checked_add(1) == Some(hole.first) =>
                    {
                        gap.last = hole.last;
                        gap.noticed = gap.noticed.min(hole.noticed);
                        gap.lost = instance.lost(gap.first, gap.last);
                    }
                    _ => gaps.push(SequenceGap {
                        instance: name.clone(),
                        service: hole.service.clone(),
                        first: hole.first,
                        last: hole.last,
                        noticed: hole.noticed,
                        lost: instance.lost(hole.first, hole.last),
                        lost_unnamed: instance.report.as_ref().map_or(0, ProcessReport::lost_unnamed),
                        end: instance.report.as_ref().and_then(|report| report.end),
                    }),
                }
            }
        }
        gaps.sort_by(|a, b| (b.noticed, &a.instance, a.first).cmp(&(a.noticed, &b.instance, b.first)));
        let numbers = gaps.iter().fold(0, |sum: u64, gap| sum.saturating_add(gap.numbers()));
        let lost = lost_calls(&gaps);
        let dropped = gaps.iter().filter(|gap| gap.lost > 0 || gap.lost_unnamed > 0);
        let between = dropped.filter_map(|gap| {
            self.instances.get(&(gap.instance.clone(), gap.service.clone()))?.report.as_ref()?.lost_between
        });
        let lost_between = between.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        let count = gaps.len() as u64;
        let mut missing = Missing::default();
        for gap in &gaps {
            // What is there already cannot fail to be made.
            let Ok(()) = missing.add(gap.into(), || Ok::<_, Infallible>(gap.clone()));
        }
        gaps.truncate(limit);
        let skipped = self.skipped(noticed, now, filter);
        SequenceGaps {
            newest: gaps,
            services: missing.most(limit),
            gaps: count,
            numbers,
            lost,
            lost_between,
            skipped,
        }
    }

    fn skipped(&self, noticed: Window, now: Timestamp, filter: &Filter) -> SkippedCalls {
        let reports = self.instances.values().filter_map(|instance| instance.report.as_ref());
        let skipped = reports
            .filter(|report| report.skipped > 0)
            .filter(|report| noticed.from <= report.at && report.at < noticed.to.min(now))
            .filter(|report| filter.service.as_ref().is_none_or(|service| *service == report.service))
            .filter(|report| !filter.except_services.contains(&report.service));
        skipped.fold(SkippedCalls::default(), |all, report| SkippedCalls {
            processes: all.processes + 1,
            calls: all.calls.saturating_add(report.skipped),
        })
    }
}

/// How many of the missing calls were dropped. Those without a name are among the missing ones of their process.
fn lost_calls(gaps: &[SequenceGap]) -> u64 {
    let mut of: HashMap<(&str, &str), (u64, u64)> = HashMap::new();
    for gap in gaps {
        let (numbers, lost) = of.entry((&gap.instance, &gap.service)).or_insert((0, gap.lost_unnamed));
        *numbers = numbers.saturating_add(gap.numbers());
        *lost = lost.saturating_add(gap.lost);
    }
    of.into_values().fold(0, |total, (numbers, lost)| total.saturating_add(numbers.min(lost)))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What the journal of a process reported.
fn report_of(process: &Process, highest: u64) -> Option<ProcessReport> {
    let number = |number: &i64| u64::try_from(*number).unwrap_or(0);
    let lost: Vec<(u64, u64)> = process.lost.iter().map(|[from, to]| (number(from), number(to))).collect();
    let named = lost.iter().fold(0_u64, |all, (from, to)| all.saturating_add(to.saturating_sub(*from) + 1));
    Some(ProcessReport {
        instance: process.instance.clone(),
        service: process.service.clone(),
        at: Timestamp(process.reported?),
        last_sequence: highest,
        end: process.ended.as_deref().and_then(ProcessEnd::named),
        lost,
        lost_calls: named.saturating_add(number(&process.lost_unnamed)),
        lost_between: process
            .lost_from
            .zip(process.lost_to)
            .map(|(from, to)| (Timestamp(from), Timestamp(to))),
        skipped: number(&process.skipped),
    })
}

/// Where the numbers of an instance begin: none up to `highest` is missing because of a higher one, and those up to `before` are
/// from before the ledger.
#[derive(Debug, Clone, Copy)]
struct Start {
    highest: u64,
    before: u64,
}

impl Instance {
    fn unbegun() -> Self {
        Self { unbegun: true, ..Self::default() }
    }

    /// Begins. What its journal dropped before is missing from the report on that is known.
    fn begin(&mut self, Start { highest, before }: Start) {
        (self.highest, self.before, self.unbegun) = (highest, before, false);
        if let Some(report) = self.report.clone() {
            self.note_lost(&report);
        }
    }

    /// What travels to another ledger.
    fn process(&self, (instance, service): &(String, String)) -> Process {
        let report = self.report.as_ref();
        let between = report.and_then(|report| report.lost_between);
        let lost = report.map_or(&[][..], |report| &report.lost);
        Process {
            instance: instance.clone(),
            service: service.clone(),
            highest: signed(self.highest),
            last_end: self.last_seen.0,
            ended: report.and_then(|report| report.end).map(|end| ProcessEnd::as_str(end).to_owned()),
            reported: report.map(|report| report.at.0),
            lost_from: between.map(|(from, _)| from.0),
            lost_to: between.map(|(_, to)| to.0),
            lost_unnamed: report.map_or(0, |report| signed(report.lost_unnamed())),
            skipped: report.map_or(0, |report| signed(report.skipped)),
            lost: lost.iter().map(|(from, to)| [signed(*from), signed(*to)]).collect(),
        }
    }

    /// How many of these numbers the journal has dropped.
    fn lost(&self, first: u64, last: u64) -> u64 {
        let ranges = self.report.iter().flat_map(|report| &report.lost);
        ranges.map(|(from, to)| last.min(*to).saturating_add(1).saturating_sub(first.max(*from))).sum()
    }

    /// Opens holes for what the journal dropped of the numbers before the ledger, in place of those of an earlier report,
    /// which noticed them.
    fn note_lost(&mut self, report: &ProcessReport) {
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

    fn see(&mut self, number: u64, end: Timestamp, service: &str) {
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
