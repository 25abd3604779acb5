//! A report's overview: one question for the steps, one for all that is added up, and the search for repetition.

use std::borrow::Cow;
use std::collections::HashMap;

use super::querier::ClickHouseQuerier;
use super::sums::{By, SumRow, latency_of};
use crate::record::Window;
use crate::store::{
    Dimension, Filter, Group, Overview, OverviewQuestion, Querier as _, Repetition, Step, StoreError, Totals,
};

/// Calls among which an overview looks for repetition: the newest of the window.
const SEARCHED: u64 = 2_000_000;

impl ClickHouseQuerier {
    pub(super) fn overview_of_sums(&self, question: &OverviewQuestion<'_>) -> Result<Overview, StoreError> {
        let (window, all) = (question.window, Filter::default());
        let steps = self.series(window, &all, question.step_seconds)?;
        let rows = self.of_window(window, &all, By::Everything, true, None)?;
        let mut totals = Totals::default();
        rows.iter().for_each(|row| totals.absorb(&row.totals()));
        let groups = question.by.iter().map(|(by, limit)| match by {
            Dimension::User => self.breakdown(window, &all, *by, *limit),
            _ => Ok(groups_of(&rows, *by, *limit)),
        });
        let searched = searched(window, &steps);
        Ok(Overview {
            totals,
            latency: latency_of(&rows),
            groups: groups.collect::<Result<_, _>>()?,
            repetition: Repetition {
                window: searched,
                repeated: self.repeated(searched, &all, 1, question.repeated)?,
                duplicates: self.duplicates(searched, &all)?,
                exact: searched == window,
            },
            steps,
        })
    }
}

/// Adds groups up by one dimension, the most calls first.
fn groups_of(rows: &[SumRow], by: Dimension, limit: usize) -> Vec<Group> {
    let mut found: HashMap<Cow<'_, str>, Totals> = HashMap::new();
    for row in rows {
        if let Some(name) = row.name_in(by) {
            found.entry(name).or_default().absorb(&row.totals());
        }
    }
    let group = |(name, totals): (Cow<'_, str>, Totals)| Group { name: name.into_owned(), totals };
    let mut groups: Vec<Group> = found.into_iter().map(group).collect();
    groups.sort_by(|a, b| b.totals.calls.cmp(&a.totals.calls).then_with(|| a.name.cmp(&b.name)));
    groups.truncate(limit);
    groups
}

/// The end of a window that has few enough calls to look for repetition among them.
fn searched(window: Window, steps: &[Step]) -> Window {
    let mut calls = 0_u64;
    for step in steps.iter().rev() {
        calls = calls.saturating_add(step.totals.calls);
        if calls > SEARCHED {
            let next = steps.iter().find(|other| other.at > step.at).map_or(step.at, |next| next.at);
            return Window { from: next, to: window.to };
        }
    }
    window
}
