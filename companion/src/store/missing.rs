//! What is missing, added up by service.

use std::collections::{BTreeMap, HashSet};

use crate::store::{SequenceGap, ServiceGaps};

/// The gaps that were added, by service.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    services: BTreeMap<String, ServiceGaps>,
    /// Processes whose calls that were dropped without a name are counted.
    counted: HashSet<(String, String)>,
}

impl Missing {
    pub(crate) fn add(&mut self, gap: &SequenceGap) {
        if !self.services.contains_key(&gap.service) {
            let nothing =
                ServiceGaps { service: gap.service.clone(), numbers: 0, lost: 0, first: gap.clone() };
            self.services.insert(gap.service.clone(), nothing);
        }
        let Some(service) = self.services.get_mut(&gap.service) else { return };
        service.numbers = service.numbers.saturating_add(gap.numbers());
        service.lost = service.lost.saturating_add(gap.lost);
        // What was dropped without a name is counted with the first gap of its process.
        if gap.lost_unnamed > 0 && self.counted.insert((gap.service.clone(), gap.instance.clone())) {
            service.lost = service.lost.saturating_add(gap.lost_unnamed);
        }
        let place = |gap: &SequenceGap| (gap.noticed, gap.first);
        if (place(gap), &gap.instance) < (place(&service.first), &service.first.instance) {
            service.first = gap.clone();
        }
    }

    /// The services that miss most, at most `limit`.
    pub(crate) fn most(self, limit: usize) -> Vec<ServiceGaps> {
        let mut services: Vec<ServiceGaps> = self.services.into_values().collect();
        services.sort_by(|one, other| (other.numbers, &one.service).cmp(&(one.numbers, &other.service)));
        services.truncate(limit);
        // Some of the dropped calls have arrived all the same.
        services.iter_mut().for_each(|service| service.lost = service.lost.min(service.numbers));
        services
    }
}
