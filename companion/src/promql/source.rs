//! The series that an expression reads, from the ledger and from what was observed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use promql_parser::parser::LabelModifier;

use super::families::{self, Family};
use super::plan::{Plan, Selector};
use super::series::{LABEL_OF_NAME, Labels, Points, Series};
use super::{CELLS, OF_LABELS, Refusal};
use crate::clock;
use crate::record::Timestamp;
use crate::store::Querier;
use crate::store::history::{self, SeriesNames};

/// Stretches that are read together; between two readings the time is looked at. They are fewer where each has many
/// series, so that about so many totals are held.
const TOGETHER: usize = 256;
const SUMS: usize = 16_384;
/// What a series takes before it has values, in values.
const OF_SERIES: usize = 2;
/// The label of a bucket's bound.
const BOUND: &str = "le";

/// What was counted in each stretch, by family, series and part of it.
type Counted = HashMap<(&'static str, Arc<SeriesNames>, u64), Vec<(usize, i64)>>;

/// Where selectors choose from.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) edges: Vec<Timestamp>,
    counted: Counted,
    seen: &'a [Series],
}

impl<'a> Source<'a> {
    /// Reads what `plan` has noted.
    pub(super) fn read(
        plan: &Plan,
        ledger: &dyn Querier,
        seen: &'a [Series],
        deadline: Instant,
    ) -> Result<Self, Refusal> {
        let families: Vec<&Family> =
            families::all().filter(|family| plan.families.contains(family.name)).collect();
        let mut counted = Counted::new();
        let mut cells = 0;
        let (mut first, mut together, mut most) = (0, 4, 1);
        while first + 1 < plan.edges.len() {
            if clock::instant() > deadline {
                return Err(Refusal::Limit(
                    "reading the ledger took too long; choose a larger step or a shorter range".to_owned(),
                ));
            }
            let last = plan.edges.len().min(first + together + 1);
            let read = ledger.history(&plan.edges[first..last]);
            let stretches = read.map_err(|error| Refusal::Ledger(error.to_string()))?;
            for (number, sums) in (first..).zip(stretches) {
                most = most.max(sums.len());
                for (sum, family) in
                    sums.iter().flat_map(|sum| families.iter().map(move |family| (sum, family)))
                {
                    for (part, value) in family.values(sum) {
                        let key = (family.name, Arc::clone(&sum.names), part);
                        let values: &mut Vec<_> = counted.entry(key).or_default();
                        cells += if values.is_empty() { OF_SERIES + 1 } else { 1 };
                        values.push((number, value));
                    }
                }
            }
            bounded(cells)?;
            first = last - 1;
            together = (2 * together).min(TOGETHER).min(SUMS / most).max(1);
        }
        Ok(Self { edges: plan.edges.clone(), counted, seen })
    }

    /// Calls `each` with the labels of all series that one of `selectors` takes, or of all; with some more than once.
    pub(super) fn labels(&self, selectors: &[Selector], mut each: impl FnMut(Labels)) {
        let taken =
            |labels: &Labels| selectors.is_empty() || selectors.iter().any(|selector| selector.takes(labels));
        for (name, names, part) in self.counted.keys() {
            let Some(family) = families::all().find(|family| family.name == *name) else { continue };
            let mut labels = family.labels(names, *part);
            if family.has_buckets() {
                labels.insert(BOUND.to_owned(), bound(*part));
            }
            if taken(&labels) {
                each(labels);
            }
        }
        self.seen
            .iter()
            .filter(|series| taken(&series.labels))
            .for_each(|series| each(series.labels.clone()));
    }

    /// The series that `selector` takes. With `kept`, which labels a sum over them will keep, those of the ledger that it
    /// will add up come added up: the sum of increases is the increase of the sum.
    pub(super) fn select(
        &self,
        selector: &Selector,
        kept: Option<&LabelModifier>,
    ) -> Result<Vec<Series>, Refusal> {
        let mut series = Vec::new();
        for family in families::all().filter(|family| selector.takes_name(family.name)) {
            if family.has_buckets() {
                self.select_buckets(family, selector, kept, &mut series)?;
            } else {
                self.select_plain(family, selector, kept, &mut series)?;
            }
        }
        series.extend(self.seen.iter().filter(|series| selector.takes(&series.labels)).cloned());
        Ok(series)
    }

    fn select_plain(
        &self,
        family: &Family,
        selector: &Selector,
        kept: Option<&LabelModifier>,
        series: &mut Vec<Series>,
    ) -> Result<(), Refusal> {
        let mut sums: BTreeMap<Labels, Sums> = BTreeMap::new();
        for (names, part, cells) in self.of(family) {
            let labels = family.labels(names, part);
            if selector.takes(&labels) {
                let sum = sums.entry(reduced(labels, kept)).or_insert_with(|| Sums::new(self.edges.len()));
                sum.add(cells);
                bounded(cells_of(series.len() + sums.len(), self.edges.len()))?;
            }
        }
        series.extend(sums.into_iter().map(|(labels, sum)| sum.into_series(labels, family.per())));
        Ok(())
    }

    /// Each series has a bucket for every bound that any series of the family has, so that a total over them is right.
    fn select_buckets(
        &self,
        family: &Family,
        selector: &Selector,
        kept: Option<&LabelModifier>,
        series: &mut Vec<Series>,
    ) -> Result<(), Refusal> {
        let matchers = &selector.0.matchers.matchers;
        let takes_bound = |bound: &str| {
            matchers.iter().filter(|matcher| matcher.name == BOUND).all(|matcher| matcher.is_match(bound))
        };
        let mut of_all_bounds = selector.clone();
        of_all_bounds.0.matchers.matchers.retain(|matcher| matcher.name != BOUND);
        let kept =
            kept.filter(|kept| kept.is_include() == kept.labels().labels.iter().any(|label| label == BOUND));

        let mut groups: BTreeMap<Labels, BTreeMap<u64, Sums>> = BTreeMap::new();
        let (mut bounds, mut buckets) = (BTreeSet::new(), 0);
        for (names, part, cells) in self.of(family) {
            let labels = family.labels(names, part);
            if of_all_bounds.takes(&labels) {
                // With the bound below, so that a quantile in the lowest bucket is not looked for from 0 on.
                bounds.extend([history::largest_before(part), part]);
                let group = groups.entry(reduced(labels, kept)).or_default();
                let known = group.len();
                group.entry(part).or_insert_with(|| Sums::new(self.edges.len())).add(cells);
                buckets += group.len() - known;
                bounded(cells_of(series.len() + buckets, self.edges.len()))?;
            }
        }
        bounded(cells_of(series.len() + groups.len() * (bounds.len() + 1), self.edges.len()))?;
        for (labels, group) in groups {
            // A bucket counts all that is not above its bound.
            let mut below = Sums::new(self.edges.len());
            // The series is there as a whole, or not at all.
            let since = group.values().map(|sum| sum.since).min().unwrap_or(usize::MAX);
            let named = bounds.iter().map(|part| (Some(*part), bound(*part)));
            for (part, bound) in named.chain([(None, "+Inf".to_owned())]) {
                if let Some(more) = part.and_then(|part| group.get(&part)) {
                    below.absorb(more);
                }
                below.since = since;
                if takes_bound(&bound) {
                    let mut labels = labels.clone();
                    labels.insert(BOUND.to_owned(), bound);
                    series.push(below.clone().into_series(labels, family.per()));
                }
            }
        }
        Ok(())
    }

    fn of<'s>(
        &'s self,
        family: &'s Family,
    ) -> impl Iterator<Item = (&'s SeriesNames, u64, &'s [(usize, i64)])> {
        let counted = self.counted.iter().filter(move |((name, ..), _)| *name == family.name);
        counted.map(|((_, names, part), cells)| (&**names, *part, cells.as_slice()))
    }
}

/// What was counted in each stretch, at the edge that ends it.
#[derive(Debug, Clone)]
struct Sums {
    rose: Vec<i64>,
    since: usize,
}

impl Sums {
    fn new(edges: usize) -> Self {
        Self { rose: vec![0; edges], since: usize::MAX }
    }

    fn add(&mut self, cells: &[(usize, i64)]) {
        for (stretch, value) in cells {
            if let Some(rose) = self.rose.get_mut(stretch + 1) {
                *rose = rose.saturating_add(*value);
                self.since = self.since.min(stretch + 1);
            }
        }
    }

    fn absorb(&mut self, other: &Self) {
        for (rose, more) in self.rose.iter_mut().zip(&other.rose) {
            *rose = rose.saturating_add(*more);
        }
    }

    fn into_series(self, labels: Labels, per: f64) -> Series {
        let mut sum = 0_i64;
        let total = |rose: i64| {
            sum = sum.saturating_add(rose);
            sum
        };
        let sums = self.rose.into_iter().map(total).collect();
        Series { labels, points: Points::Counted { sums, per, since: self.since } }
    }
}

/// The labels that stay, with the name where nothing is added up.
fn reduced(mut labels: Labels, kept: Option<&LabelModifier>) -> Labels {
    let Some(kept) = kept else { return labels };
    labels.retain(|label, _| {
        label != LABEL_OF_NAME && kept.is_include() == kept.labels().labels.contains(label)
    });
    labels
}

/// A bound in seconds, as a label.
#[expect(clippy::cast_precision_loss, reason = "a label; bounds are below 2^53 ns, which is 104 days")]
fn bound(largest_ns: u64) -> String {
    (largest_ns as f64 / 1e9).to_string()
}

/// What rows with values at so many times take.
pub(super) const fn cells_of(rows: usize, times: usize) -> usize {
    rows.saturating_mul(times.saturating_add(OF_LABELS))
}

/// # Errors
/// [`Refusal::Limit`] when there are too many values.
pub(super) fn bounded(cells: usize) -> Result<(), Refusal> {
    if cells <= CELLS {
        return Ok(());
    }
    Err(Refusal::Limit(format!(
        "a query has at most {CELLS} values, of which the labels of a series count as {OF_LABELS}; choose a larger step, a \
         shorter range, or sum by fewer labels"
    )))
}
