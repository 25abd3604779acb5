//! Repetition of request hashes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::types::ValueRef;

use crate::record::{NanoUsd, Tags, Timestamp, Window};
use crate::store::sqlite::file::row::Hash;
use crate::store::sqlite::read::scan::{FIRST, Snapshot};
use crate::store::sqlite::read::sketch::{Distinct, Sketch};
use crate::store::sqlite::rollup::sightings::Sightings;
use crate::store::{Duplicates, Filter, LargeCall, Repeated};

impl Snapshot<'_> {
    pub(crate) fn repeated(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<Repeated>> {
        let mut by_hash: HashMap<Hash, Sightings> = HashMap::new();
        let sketch = self.sketch(window, filter, more_than)?;
        self.scan_columns(window, filter, "hash, cost", |facts, row| {
            let Some(hash) = Hash::key(row.get_ref(FIRST)?)? else { return Ok(()) };
            if sketch.as_ref().is_some_and(|sketch| !sketch.may_exceed(0, &hash, more_than)) {
                return Ok(());
            }
            let cost = NanoUsd(row.get::<_, Option<i64>>(FIRST + 1)?.unwrap_or(0));
            let call = Sightings::one(facts.end, facts.series_id, cost);
            by_hash.entry(hash).and_modify(|seen| seen.absorb(&call)).or_insert(call);
            Ok(())
        })?;
        self.most_repeated(by_hash, more_than, limit)
    }

    /// Those of `by_hash` that came more than `more_than` times, the most calls first, at most `limit`.
    pub(crate) fn most_repeated(
        &self,
        by_hash: HashMap<Hash, Sightings>,
        more_than: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<Repeated>> {
        let mut repeated: Vec<_> = by_hash
            .into_iter()
            .filter(|(_, seen)| seen.calls > more_than)
            .map(|(hash, seen)| (hash.into_text(), seen))
            .collect();
        repeated.sort_by(|(a, seen), (b, other)| other.calls.cmp(&seen.calls).then_with(|| a.cmp(b)));
        repeated.truncate(limit);
        let named = repeated.into_iter().map(|(hash, seen)| {
            let model = self.names.series(self.connection, seen.series)?.model.to_string();
            Ok(Repeated { hash, calls: seen.calls, model, cost: seen.cost, last: Timestamp(seen.last) })
        });
        named.collect()
    }

    /// For a window with more calls than should be remembered one by one: how often its hashes were seen.
    fn sketch(&self, window: Window, filter: &Filter, more_than: u64) -> rusqlite::Result<Option<Sketch>> {
        let calls = self.totals(window, filter)?.calls;
        if calls <= self.limits.remembered_calls {
            return Ok(None);
        }
        let mut sketch = Sketch::of(calls, more_than);
        self.scan_columns(window, filter, "hash", |_, row| {
            if let Some(hash) = Hash::key(row.get_ref(FIRST)?)? {
                sketch.add(0, &hash);
            }
            Ok(())
        })?;
        Ok(Some(sketch))
    }

    pub(crate) fn duplicates(&self, window: Window, filter: &Filter) -> rusqlite::Result<Duplicates> {
        let mut hashed = 0;
        let mut count = |see: &mut dyn FnMut(Hash)| {
            self.scan_columns(window, filter, "hash", |_, row| {
                if let Some(hash) = Hash::key(row.get_ref(FIRST)?)? {
                    hashed += 1;
                    see(hash);
                }
                Ok(())
            })
        };
        let calls = self.totals(window, filter)?.calls;
        let distinct = if calls <= self.limits.remembered_calls {
            let mut seen = HashSet::new();
            count(&mut |hash| {
                seen.insert(hash);
            })?;
            seen.len() as u64
        } else {
            let mut seen = Distinct::of(calls);
            count(&mut |hash| seen.add(&hash))?;
            seen.estimate()
        };
        Ok(Duplicates { hashed, repeats: hashed.saturating_sub(distinct) })
    }

    pub(crate) fn largest_calls(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<LargeCall>> {
        /// A user at a service, with tags.
        type Caller = (Option<i64>, Arc<str>, Tags);
        let mut largest: HashMap<Caller, Largest> = HashMap::new();
        // No caller is among the `limit` by a call of fewer tokens than this: rises as they are found.
        let mut least = more_than.saturating_add(1);
        let mut crowded = 2 * limit;
        let columns = "coalesce(input_tokens, 0) + coalesce(output_tokens, 0), trace_id, user";
        self.scan_columns(window, filter, columns, |facts, row| {
            // A sum beyond 63 bits is a fraction in SQLite.
            let tokens = match row.get_ref(FIRST)? {
                ValueRef::Integer(tokens) => tokens.cast_unsigned(),
                _ => i64::MAX.cast_unsigned(),
            };
            if tokens < least {
                return Ok(());
            }
            let trace_id: [u8; 16] = row.get(FIRST + 1)?;
            // Of equal calls the one with the lower trace id, so that the result does not depend on their order.
            let call = (tokens, trace_id, facts.series_id);
            largest
                .entry((row.get(FIRST + 2)?, Arc::clone(&facts.series.service), facts.series.tags.clone()))
                .and_modify(|largest| {
                    if tokens > largest.0 || tokens == largest.0 && trace_id < largest.1 {
                        *largest = call;
                    }
                })
                .or_insert(call);
            if largest.len() > crowded {
                least = keep_largest(&mut largest, limit);
                crowded = 2 * largest.len();
            }
            Ok(())
        })?;
        keep_largest(&mut largest, limit);
        let mut calls = Vec::new();
        for ((user, service, tags), (tokens, trace_id, series)) in largest {
            let user = match user {
                Some(number) => self.names.text(self.connection, number)?.to_string(),
                None => String::new(),
            };
            let model = self.names.series(self.connection, series)?.model.to_string();
            let service = service.to_string();
            calls.push(LargeCall { user, tokens, service, model, tags, trace_id });
        }
        calls.sort_by(|a: &LargeCall, b| {
            (b.tokens, &a.user, &a.service, &a.tags).cmp(&(a.tokens, &b.user, &b.service, &b.tags))
        });
        calls.truncate(limit);
        Ok(calls)
    }
}

/// Tokens, trace id, series.
type Largest = (u64, [u8; 16], i64);

/// Removes all beyond the `limit` with the most tokens and those with as many as the last of these, and returns how many that
/// has.
fn keep_largest<K>(largest: &mut HashMap<K, Largest>, limit: usize) -> u64 {
    if largest.len() <= limit {
        return 0;
    }
    let mut tokens: Vec<u64> = largest.values().map(|(tokens, ..)| *tokens).collect();
    let place = limit.saturating_sub(1);
    let (_, least, _) = tokens.select_nth_unstable_by(place, |a, b| b.cmp(a));
    let least = *least;
    largest.retain(|_, (tokens, ..)| *tokens >= least);
    least
}
