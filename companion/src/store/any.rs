//! Calls out of any store and into any store, through what every store answers and takes.
//!
//! What only one store knows does not travel: accounts that are not counted, what journals report, the spans between calls.
//! Calls, costs, tags, numbers and skipped spans do.

use std::collections::BTreeMap;

use crate::record::{SkipReason, SkippedHours, Timestamp, Window};
use crate::store::export::{
    Exporter, Gap, HourFacts, HourRows, KeyCount, Process, Restored, Restorer, SkippedCount, StoredCall,
    Versions,
};
use crate::store::{Appender, Batch, Filter, Page, Querier, StoreError};

const HOUR: i64 = 3_600 * Timestamp::SECOND;
/// Calls of a part of an hour that are brought into order together, and of one page.
const TOGETHER: u64 = 20_000;
const PAGE: usize = 10_000;
/// Gaps and keys of one hour.
const MOST: usize = 100_000;

/// The calls that a store counts. Of hours that calls still arrive in, they differ from one question to the next.
pub(crate) struct Asked<'a>(pub(crate) &'a dyn Querier);

impl Asked<'_> {
    fn calls(&self, from: i64, to: i64) -> Result<u64, StoreError> {
        let window = Window { from: start(from), to: start(to) };
        Ok(self.0.totals(window, &Filter::default())?.calls)
    }
}

fn start(hour: i64) -> Timestamp {
    Timestamp(hour.saturating_mul(HOUR))
}

impl Exporter for Asked<'_> {
    fn next_hour(&self, window: Window) -> Result<Option<i64>, StoreError> {
        if self.0.totals(window, &Filter::default())?.calls == 0 {
            return Ok(None);
        }
        let mut first = window.from.0.div_euclid(HOUR);
        let mut after = window.to.0.saturating_sub(1).div_euclid(HOUR) + 1;
        // Most hours have calls, and the next is near.
        for near in [1, 24] {
            if first + near < after && self.calls(first, first + near)? > 0 {
                after = first + near;
            }
        }
        while after - first > 1 {
            let middle = first + (after - first) / 2;
            match self.calls(first, middle)? {
                0 => first = middle,
                _ => after = middle,
            }
        }
        Ok(Some(first))
    }

    fn hour(&self, window: Window, work: &mut dyn FnMut(&dyn HourRows)) -> Result<(), StoreError> {
        work(&AskedHour { querier: self.0, window });
        Ok(())
    }

    fn deleted_before(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }
}

struct AskedHour<'a> {
    querier: &'a dyn Querier,
    window: Window,
}

impl AskedHour<'_> {
    /// Gives the calls of a part in their order; false when no more are wanted.
    fn part(&self, part: Window, take: &mut dyn FnMut(StoredCall) -> bool) -> Result<bool, StoreError> {
        let length = part.to.0.saturating_sub(part.from.0);
        if length > 1 && self.querier.totals(part, &Filter::default())?.calls > TOGETHER {
            let middle = Timestamp(part.from.0 + length / 2);
            return Ok(self.part(Window { to: middle, ..part }, take)?
                && self.part(Window { from: middle, ..part }, take)?);
        }
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.querier.calls(part, &Filter::default(), Page { limit: PAGE, after })?;
            found.extend(page.calls.into_iter().map(|mut call| {
                // Counted by hour and service.
                call.key_fingerprint = None;
                StoredCall { call, counted: true, ..StoredCall::default() }
            }));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        found.sort_unstable_by_key(StoredCall::place);
        Ok(found.into_iter().all(take))
    }
}

impl HourRows for AskedHour<'_> {
    fn each(&self, take: &mut dyn FnMut(StoredCall) -> bool) -> Result<(), StoreError> {
        self.part(self.window, take).map(drop)
    }

    fn facts(&self) -> Result<HourFacts, StoreError> {
        let skipped = self.querier.skipped(self.window)?;
        let keys = self.querier.key_uses(self.window, MOST)?;
        let gaps = self.querier.sequence_gaps(self.window, self.window.to, &Filter::default(), MOST)?;
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Ok(HourFacts {
            skipped: skipped
                .iter()
                .map(|(scope, reason, spans)| SkippedCount {
                    scope: scope.to_owned(),
                    reason: reason.as_str().to_owned(),
                    spans: number(spans),
                })
                .collect(),
            keys: keys
                .into_iter()
                .map(|used| KeyCount { key: used.key, service: used.service, calls: number(used.calls) })
                .collect(),
            gaps: gaps
                .newest
                .into_iter()
                .map(|gap| Gap {
                    instance: gap.instance,
                    service: gap.service,
                    first: number(gap.first),
                    last: number(gap.last),
                    noticed: gap.noticed.0,
                })
                .collect(),
            processes: Vec::new(),
        })
    }
}

/// Appends the counted calls as senders do.
pub(crate) struct Appending<'a, A> {
    pub(crate) appender: A,
    pub(crate) querier: &'a dyn Querier,
}

impl<A: Appender> Restorer for Appending<'_, A> {
    fn is_empty(&self) -> Result<bool, StoreError> {
        let ever = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };
        Ok(self.querier.totals(ever, &Filter::default())?.calls == 0)
    }

    fn restore_processes(&mut self, _: &[Process], _: &[Gap]) -> Result<(), StoreError> {
        // Gaps follow from the numbers of the calls.
        Ok(())
    }

    fn restore(&mut self, batch: &[Versions], _settle: bool) -> Result<Restored, StoreError> {
        let counted = batch.iter().map(|versions| &versions.newest).filter(|row| row.counted);
        let calls: Vec<_> = counted.map(|row| row.call.clone()).collect();
        let appended = self.appender.append(&calls)?;
        Ok(Restored {
            calls: appended.inserted,
            other_accounts: appended.other_accounts,
            known: appended.duplicates,
            too_old: appended.too_old,
            without_place: appended.without_place,
            ..Restored::default()
        })
    }

    /// Adds what is missing of skipped spans. Calls by credential are counted at their receipt only.
    fn restore_counts(
        &mut self,
        hour: i64,
        skipped: &[SkippedCount],
        _keys: &[KeyCount],
    ) -> Result<(), StoreError> {
        let known = self.querier.skipped(Window { from: start(hour), to: start(hour + 1) })?;
        let known: BTreeMap<(&str, SkipReason), u64> =
            known.iter().map(|(scope, reason, spans)| ((scope, reason), spans)).collect();
        let mut more = SkippedHours::default();
        for count in skipped {
            let Some(reason) = SkipReason::parse(&count.reason) else { continue };
            let there = known.get(&(count.scope.as_str(), reason)).copied().unwrap_or(0);
            more.add_many(
                start(hour),
                &count.scope,
                reason,
                count.spans.unsigned_abs().saturating_sub(there),
            );
        }
        if more.is_empty() {
            return Ok(());
        }
        self.appender.append_batch(Batch { skipped: Some(&more), ..Batch::default() }).map(drop)
    }

    fn restored(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
