//! What is missing, added up by service.

use std::collections::{HashMap, HashSet};

use crate::record::Timestamp;
use crate::store::{SequenceGap, ServiceGaps};

/// What of a gap is added up and compared: see [`SequenceGap`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    pub(crate) service: &'a str,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) noticed: Timestamp,
    pub(crate) lost: u64,
    pub(crate) lost_unnamed: u64,
}

impl<'a> From<&'a SequenceGap> for Counted<'a> {
    fn from(gap: &'a SequenceGap) -> Self {
        let SequenceGap { service, first, last, noticed, lost, lost_unnamed, .. } = gap;
        Self {
            service,
            first: *first,
            last: *last,
            noticed: *noticed,
            lost: *lost,
            lost_unnamed: *lost_unnamed,
        }
    }
}

impl Counted<'_> {
    /// How many numbers are missing.
    pub(crate) const fn numbers(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }
}

/// The gaps that were added, by service.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    services: HashMap<String, ServiceGaps>,
    /// Processes whose calls that were dropped without a name are counted.
    counted: HashSet<(String, String)>,
}

impl Missing {
    /// Adds a gap. All of it is only made where it may be the first of its service.
    pub(crate) fn add<E>(
        &mut self,
        counted: Counted<'_>,
        gap: impl Fn() -> Result<SequenceGap, E>,
    ) -> Result<(), E> {
        let Some(service) = self.services.get_mut(counted.service) else {
            let first = gap()?;
            let name = counted.service.to_owned();
            let lost = counted.lost.saturating_add(counted.lost_unnamed);
            if counted.lost_unnamed > 0 {
                self.counted.insert((name.clone(), first.instance.clone()));
            }
            let service = ServiceGaps { service: name.clone(), numbers: counted.numbers(), lost, first };
            self.services.insert(name, service);
            return Ok(());
        };
        service.numbers = service.numbers.saturating_add(counted.numbers());
        service.lost = service.lost.saturating_add(counted.lost);
        // What was dropped without a name is counted with the first gap of its process.
        if counted.lost_unnamed > 0 && self.counted.insert((counted.service.to_owned(), gap()?.instance)) {
            service.lost = service.lost.saturating_add(counted.lost_unnamed);
        }
        if (counted.noticed, counted.first) <= (service.first.noticed, service.first.first) {
            let gap = gap()?;
            let place = |gap: &SequenceGap| (gap.noticed, gap.first);
            if (place(&gap), &gap.instance) < (place(&service.first), &service.first.instance) {
                service.first = gap;
            }
        }
        Ok(())
    }

    /// The services that miss most, at most `limit`.
    pub(crate) fn most(self, limit: usize) -> Vec<ServiceGaps> {
        let mut services: Vec<ServiceGaps> = self.services.into_values().collect();
        let order = |one: &ServiceGaps, other: &ServiceGaps| {
            (other.numbers, &one.service).cmp(&(one.numbers, &other.service))
        };
        if limit < services.len() {
            services.select_nth_unstable_by(limit, order);
            services.truncate(limit);
        }
        services.sort_by(order);
        // Some of the dropped calls have arrived all the same.
        services.iter_mut().for_each(|service| service.lost = service.lost.min(service.numbers));
        services
    }
}
