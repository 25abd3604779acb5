//! The gaps of a time range, as a store answers them.

use std::collections::HashMap;
use std::convert::Infallible;

use crate::record::{ProcessReport, Timestamp, Window};
use crate::store::missing::Missing;
use crate::store::sequence::Sequences;
use crate::store::sequence::instance::Hole;
use crate::store::{Filter, SequenceGap, SequenceGaps, SkippedCalls};

impl Sequences {
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
