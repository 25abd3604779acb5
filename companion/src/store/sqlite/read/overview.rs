//! The overview of a window: every rollup row and every call is read once, however many figures it is part of.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::record::Window;
use crate::store::sqlite::file::row::Hash;
use crate::store::sqlite::read::scan::{Facts, HASH, Snapshot, USER};
use crate::store::sqlite::read::sums::{BySeries, Sum, count, grouped, ranked, series_steps};
use crate::store::sqlite::rollup::grain::minute_start;
use crate::store::sqlite::rollup::plan::{Part, all_parts, hash_parts, series_parts, user_parts};
use crate::store::sqlite::rollup::{repeats::Repeats, sightings::Sightings};
use crate::store::{
    Dimension, Duplicates, Filter, Group, Overview, OverviewQuestion, Repetition, Step, Totals,
};

/// Different hashes followed in the calls that no rollup has yet, some 30 MB; more are not listed.
const FOLLOWED: usize = 200_000;

/// What the calls that rollups do not have add to each figure.
#[derive(Default)]
struct Gathered {
    steps: Vec<Sum>,
    by_series: BySeries,
    users: HashMap<i64, Totals>,
    hashes: HashMap<Hash, Sightings>,
    hashed: u64,
    /// Whether a hash was left out.
    overflowed: bool,
}

/// Which windows each figure takes from the calls, oldest first and apart from each other.
#[derive(Default)]
struct Wanted {
    steps: Vec<(Window, usize)>,
    series: Vec<Window>,
    users: Vec<Window>,
    hashes: Vec<Window>,
}

impl Snapshot<'_> {
    /// # Errors
    /// Also when the step is not positive or the series too long.
    pub(crate) fn overview(&self, question: &OverviewQuestion<'_>) -> rusqlite::Result<Overview> {
        let window = question.window;
        let all = Filter::default();
        let steps = series_steps(window, question.step_seconds)?;
        let mut wanted = Wanted::default();
        let mut gathered = Gathered { steps: vec![Sum::default(); steps.len()], ..Gathered::default() };

        // First pass: each figure plans its own window. Rollup rows are added at once; windows that only the calls can fill
        // are noted in `wanted`. The steps also give the totals, as they cover the whole window.
        for (number, step) in steps.iter().enumerate() {
            for part in all_parts(*step, &self.watermarks) {
                match part {
                    Part::Calls(window) => wanted.steps.push((window, number)),
                    Part::Rollup(table, minutes) => {
                        self.add_rows(table, &minutes, &all, &mut gathered.steps[number])?;
                    }
                }
            }
        }
        for part in series_parts(window, &self.watermarks) {
            match part {
                Part::Calls(window) => wanted.series.push(window),
                Part::Rollup(table, minutes) => {
                    self.add_series(table, minutes, &all, &mut gathered.by_series)?;
                }
            }
        }
        let users = user_parts(window, &self.watermarks);
        wanted.users = calls_of(&users);
        let known: u64 = gathered.steps.iter().map(|step| step.totals.calls).sum();
        let (searched, hashes) = self.searched(window, known);
        wanted.hashes = calls_of(&hashes);

        // Second pass: the noted windows overlap, so each stretch of calls is read once and every call is offered to all figures.
        for window in wanted.together() {
            self.scan(window, &all, |facts, row| gathered.count(&wanted, facts, row))?;
        }

        let mut sum = Sum::default();
        gathered.steps.iter().for_each(|step| sum.absorb(step));
        let groups = question.by.iter().map(|(by, limit)| match by {
            Dimension::User => self.top_users(&users, gathered.users.clone(), *limit),
            _ => Ok::<Vec<Group>, rusqlite::Error>(ranked(grouped(&gathered.by_series, *by), *limit)),
        });
        let groups = groups.collect::<Result<_, _>>()?;
        let repetition = self.repetition(&mut gathered, searched, &hashes, question.repeated)?;
        Ok(Overview {
            totals: sum.totals,
            latency: sum.latency(),
            steps: steps
                .iter()
                .zip(&gathered.steps)
                .map(|(step, sum)| Step { at: step.from, totals: sum.totals, latency: sum.latency() })
                .collect(),
            groups,
            repetition,
        })
    }

    /// Where repetition is searched, and in what: in the calls where all are kept and they are few enough, else in
    /// the lists of hashes from where these begin.
    fn searched(&self, window: Window, known_calls: u64) -> (Window, Vec<Part>) {
        if window.from >= window.to {
            return (window, Vec::new());
        }
        if known_calls <= self.limits.compared_calls
            && window.from >= minute_start(self.watermarks.every_call_from())
        {
            return (window, vec![Part::Calls(window)]);
        }
        // Calls without a list wait to be closed, or are from before there were lists.
        let from = window.from.max(minute_start(self.watermarks.summed_from.min(self.watermarks.closed)));
        let from = from.min(window.to);
        let window = Window { from, to: window.to };
        (window, hash_parts(window, &self.watermarks))
    }

    fn repetition(
        &self,
        gathered: &mut Gathered,
        window: Window,
        parts: &[Part],
        limit: usize,
    ) -> rusqlite::Result<Repetition> {
        let mut repeats = Repeats { hashed: gathered.hashed, ..Repeats::default() };
        repeats.list = std::mem::take(&mut gathered.hashes);
        let mut exact = !gathered.overflowed;
        for part in parts {
            if let Part::Rollup(table, minutes) = part {
                repeats.absorb(Repeats::of(self.connection, *table, minutes)?);
                exact = false;
            }
        }
        let listed: u64 = repeats.list.values().map(|seen| seen.calls.saturating_sub(1)).sum();
        let duplicates =
            Duplicates { hashed: repeats.hashed, repeats: repeats.others.saturating_add(listed) };
        let repeated = self.most_repeated(repeats.list, 1, limit)?;
        Ok(Repetition { window, repeated, duplicates, exact })
    }
}

impl Gathered {
    fn count(&mut self, wanted: &Wanted, facts: &Facts, row: &rusqlite::Row<'_>) -> rusqlite::Result<()> {
        let within = |window: &Window| (window.from.0..window.to.0).contains(&facts.end);
        let step = wanted.steps.partition_point(|(window, _)| window.to.0 <= facts.end);
        if let Some((_, number)) = wanted.steps.get(step).filter(|(window, _)| within(window)) {
            self.steps[*number].count(&facts.measures);
        }
        if wanted.series.iter().any(within) {
            count(&mut self.by_series, facts.series_id, &facts.series, |sum| sum.count(&facts.measures));
        }
        if wanted.users.iter().any(within)
            && let Some(user) = row.get(USER)?
        {
            self.users.entry(user).or_default().count(&facts.measures);
        }
        if wanted.hashes.iter().any(within)
            && let Some(hash) = Hash::key(row.get_ref(HASH)?)?
        {
            self.hashed += 1;
            let call = Sightings::one(facts.end, facts.series_id, facts.measures.cost.unwrap_or_default());
            let room = self.hashes.len() < FOLLOWED;
            match self.hashes.entry(hash) {
                Entry::Occupied(mut known) => known.get_mut().absorb(&call),
                Entry::Vacant(new) if room => {
                    new.insert(call);
                }
                Entry::Vacant(_) => self.overflowed = true,
            }
        }
        Ok(())
    }
}

impl Wanted {
    /// All windows as few that do not overlap.
    fn together(&self) -> Vec<Window> {
        let steps = self.steps.iter().map(|(window, _)| *window);
        let mut windows: Vec<Window> = steps.chain(self.series.iter().copied()).collect();
        windows.extend(self.users.iter().chain(&self.hashes));
        windows.sort_by_key(|window| window.from);
        let mut together: Vec<Window> = Vec::new();
        for window in windows {
            match together.last_mut() {
                Some(last) if window.from <= last.to => last.to = last.to.max(window.to),
                _ => together.push(window),
            }
        }
        together
    }
}

/// The windows of which the calls themselves are needed.
fn calls_of(parts: &[Part]) -> Vec<Window> {
    let calls = parts.iter().filter_map(|part| match part {
        Part::Calls(window) => Some(*window),
        Part::Rollup(..) => None,
    });
    calls.collect()
}
