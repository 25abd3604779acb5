//! What two ledgers exchange about processes and their missing numbers.

use crate::record::{ProcessEnd, ProcessReport, Timestamp, Window};
use crate::store::export::{Gap, Process};
use crate::store::sequence::Sequences;
use crate::store::sequence::instance::{Hole, Instance};

impl Sequences {
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
}

impl Instance {
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

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
