//! Repetition of request hashes by service, model or user.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Row;

use crate::record::{NanoUsd, Window};
use crate::store::sqlite::file::row::Hash;
use crate::store::sqlite::read::scan::{FIRST, FewFacts, Snapshot};
use crate::store::sqlite::read::sketch::{Distinct, Sketch};
use crate::store::sqlite::read::sums::series_value;
use crate::store::sqlite::rollup::sightings::Sightings;
use crate::store::{Dimension, Duplicates, Filter, Group, GroupRepetition, RepetitionQuestion};

/// Which group a call belongs to.
struct Grouping<'a> {
    snapshot: &'a Snapshot<'a>,
    by: Option<Dimension>,
    /// The groups by the name they have.
    index: HashMap<&'a str, usize>,
    /// Found already: by the number of the user, or of the series.
    known: HashMap<i64, Option<usize>>,
}

impl Grouping<'_> {
    fn of(&mut self, facts: &FewFacts<'_>, row: &Row<'_>) -> rusqlite::Result<Option<usize>> {
        let number = match self.by {
            None => return Ok(Some(0)),
            Some(Dimension::User) => match row.get(FIRST + 2)? {
                Some(user) => user,
                None => return Ok(None),
            },
            Some(_) => facts.series_id,
        };
        if let Some(known) = self.known.get(&number) {
            return Ok(*known);
        }
        let name: Option<Arc<str>> = match self.by {
            Some(Dimension::User) => Some(self.snapshot.names.text(self.snapshot.connection, number)?),
            Some(by) => series_value(facts.series, by),
            None => None,
        };
        let found = name.and_then(|name| self.index.get(&*name).copied());
        self.known.insert(number, found);
        Ok(found)
    }
}

impl Snapshot<'_> {
    pub(crate) fn repetition_by(
        &self,
        window: Window,
        filter: &Filter,
        question: &RepetitionQuestion,
    ) -> rusqlite::Result<Vec<GroupRepetition>> {
        let groups = match question.by {
            Some(by) => self.breakdown(window, filter, by, question.groups)?,
            None => vec![Group { name: String::new(), totals: self.totals(window, filter)? }],
        };
        let calls: u64 = groups.iter().map(|group| group.totals.calls).sum();
        let index = groups.iter().enumerate().map(|(number, group)| (group.name.as_str(), number)).collect();
        let mut grouping = Grouping { snapshot: self, by: question.by, index, known: HashMap::new() };
        let mut scan = |each: &mut dyn FnMut(usize, Hash, Sightings)| {
            self.scan_columns(window, filter, "hash, cost, user", |facts, row| {
                let Some(group) = grouping.of(facts, row)? else { return Ok(()) };
                let Some(hash) = Hash::key(row.get_ref(FIRST)?)? else { return Ok(()) };
                let cost = NanoUsd(row.get::<_, Option<i64>>(FIRST + 1)?.unwrap_or(0));
                each(group, hash, Sightings::one(facts.end, facts.series_id, cost));
                Ok(())
            })
        };

        let mut hashed = vec![0_u64; groups.len()];
        let mut distinct = vec![0_u64; groups.len()];
        let mut by_hash: Vec<HashMap<Hash, Sightings>> = vec![HashMap::new(); groups.len()];
        if calls <= self.limits.remembered_calls {
            scan(&mut |group, hash, call| {
                hashed[group] += 1;
                by_hash[group].entry(hash).and_modify(|seen| seen.absorb(&call)).or_insert(call);
            })?;
            for (distinct, by_hash) in distinct.iter_mut().zip(&by_hash) {
                *distinct = by_hash.len() as u64;
            }
        } else {
            // Too many to remember each: the first pass counts, the second follows what may have come often enough.
            let mut sketch = Sketch::of(calls, question.more_than);
            let mut seen: Vec<Distinct> =
                groups.iter().map(|group| Distinct::of(group.totals.calls)).collect();
            scan(&mut |group, hash, _| {
                hashed[group] += 1;
                seen[group].add(&hash);
                sketch.add(group, &hash);
            })?;
            for (distinct, seen) in distinct.iter_mut().zip(&seen) {
                *distinct = seen.estimate();
            }
            scan(&mut |group, hash, call| {
                if sketch.may_exceed(group, &hash, question.more_than) {
                    by_hash[group].entry(hash).and_modify(|seen| seen.absorb(&call)).or_insert(call);
                }
            })?;
        }

        let counts = hashed.into_iter().zip(distinct);
        let found =
            groups.into_iter().zip(counts).zip(by_hash).map(|((group, (hashed, distinct)), by_hash)| {
                Ok(GroupRepetition {
                    name: group.name,
                    duplicates: Duplicates { hashed, repeats: hashed.saturating_sub(distinct) },
                    repeated: self.most_repeated(by_hash, question.more_than, question.hashes)?,
                })
            });
        found.collect()
    }
}
