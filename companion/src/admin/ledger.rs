//! The ledger's totals as metrics. Gauges, since retention lowers them; labels are bounded.

use super::budgets;
use crate::metrics::text::{Kind, Text};
use crate::record::{ENVIRONMENT, Timestamp, Window};
use crate::rule::budget::{Budgets, Standing};
use crate::store::{Dimension, Filter, Group, Querier, SequenceGaps, StoreError, Totals};

/// Values of one dimension that get a series of their own, the ones with most calls; the others are summed.
const MOST_SERIES: usize = 50;
/// The label of the others.
const OTHERS: &str = "_OTHER";

/// What is summed by, with the label it gives.
const DIMENSIONS: [(Dimension, &str); 6] = [
    (Dimension::Model, "model"),
    (Dimension::Provider, "provider"),
    (Dimension::Service, "service"),
    (Dimension::Tag(ENVIRONMENT), "environment"),
    (Dimension::Outcome, "outcome"),
    (Dimension::CostStatus, "cost_status"),
];

/// Totals over all calls in the ledger.
#[derive(Debug, Default)]
pub(crate) struct LedgerTotals {
    all: Totals,
    by: Vec<(&'static str, Vec<Group>)>,
    /// Sequence numbers that never came, and how many of those a journal has dropped.
    missing: u64,
    lost: u64,
    budgets: Vec<Standing>,
}

impl LedgerTotals {
    /// Asks the ledger at `now`.
    ///
    /// # Errors
    /// [`StoreError`] when the ledger cannot answer.
    pub(crate) fn read(querier: &dyn Querier, budgets: &Budgets, now: Timestamp) -> Result<Self, StoreError> {
        // Clocks of senders may run ahead; the end is exclusive and generous.
        let window = Window { from: Timestamp(0), to: now.plus_seconds(86_400) };
        let filter = Filter::default();
        let all = querier.totals(window, &filter)?;
        let mut by = Vec::with_capacity(DIMENSIONS.len());
        for (dimension, label) in DIMENSIONS {
            let mut groups = querier.breakdown(window, &filter, dimension, MOST_SERIES)?;
            // Prometheus takes an empty label for none, as the ledger's own series have it.
            if dimension == Dimension::Tag(ENVIRONMENT) {
                let filter = Filter { tags: vec![(ENVIRONMENT, String::new())], ..Filter::default() };
                let totals = querier.totals(window, &filter)?;
                groups.extend((totals.calls > 0).then(|| Group { name: String::new(), totals }));
            }
            let listed: Totals = groups.iter().fold(Totals::default(), |sum, group| add(sum, &group.totals));
            if listed.calls < all.calls {
                groups.push(Group { name: OTHERS.to_owned(), totals: rest(&all, &listed) });
            }
            by.push((label, groups));
        }
        let SequenceGaps { numbers: missing, lost, .. } = querier.sequence_gaps(window, now, &filter, 0)?;
        Ok(Self { all, by, missing, lost, budgets: budgets.standings(querier, now)? })
    }

    /// Writes them.
    pub(crate) fn write(&self, out: &mut Text) {
        self.family(out, "spanledger_ledger_calls", "Calls in the ledger.", |totals| {
            Some(as_f64(totals.calls))
        });
        self.family(out, "spanledger_ledger_failed_calls", "Failed calls in the ledger.", |totals| {
            Some(as_f64(totals.failed))
        });
        self.family(out, "spanledger_ledger_input_tokens", "Input tokens in the ledger.", |totals| {
            Some(as_f64(totals.input_tokens))
        });
        self.family(out, "spanledger_ledger_output_tokens", "Output tokens in the ledger.", |totals| {
            Some(as_f64(totals.output_tokens))
        });
        // Where nothing has a price, the cost is unknown and not zero.
        self.family(out, "spanledger_ledger_cost_usd", "Cost of the calls in the ledger.", |totals| {
            (totals.cost.0 != 0 || totals.unpriced == 0).then(|| totals.cost.as_usd())
        });
        let name = "spanledger_ledger_missing_calls";
        out.family(name, Kind::Gauge, "Calls that never came, by their sequence numbers.");
        out.sample(name, &[], as_f64(self.missing));
        let name = "spanledger_ledger_lost_calls";
        out.family(name, Kind::Gauge, "Missing calls that a journal has dropped at its cap.");
        out.sample(name, &[], as_f64(self.lost));
        budgets::write(out, &self.budgets);
    }

    /// The sum over all calls without a label, and one family a dimension, so that no sum counts a call twice. What has no
    /// value has no sample.
    fn family(&self, out: &mut Text, name: &str, help: &str, value: impl Fn(&Totals) -> Option<f64>) {
        out.family(name, Kind::Gauge, help);
        if let Some(value) = value(&self.all) {
            out.sample(name, &[], value);
        }
        for (label, groups) in &self.by {
            let name = format!("{name}_by_{label}");
            out.family(&name, Kind::Gauge, help);
            for group in groups {
                if let Some(value) = value(&group.totals) {
                    out.sample(&name, &[(label, &group.name)], value);
                }
            }
        }
    }
}

fn add(mut sum: Totals, more: &Totals) -> Totals {
    sum.calls += more.calls;
    sum.failed += more.failed;
    sum.unpriced += more.unpriced;
    sum.input_tokens += more.input_tokens;
    sum.output_tokens += more.output_tokens;
    sum.cost.0 = sum.cost.0.saturating_add(more.cost.0);
    sum
}

/// What is left of `all`. The two are read one after the other, so a difference may not be below zero.
fn rest(all: &Totals, listed: &Totals) -> Totals {
    let mut rest = Totals {
        calls: all.calls.saturating_sub(listed.calls),
        failed: all.failed.saturating_sub(listed.failed),
        unpriced: all.unpriced.saturating_sub(listed.unpriced),
        input_tokens: all.input_tokens.saturating_sub(listed.input_tokens),
        output_tokens: all.output_tokens.saturating_sub(listed.output_tokens),
        ..Totals::default()
    };
    rest.cost.0 = all.cost.0.saturating_sub(listed.cost.0).max(0);
    rest
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus values are doubles")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
