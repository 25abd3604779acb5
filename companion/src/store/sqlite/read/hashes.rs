//! Repetition of request hashes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::record::{Tags, Timestamp, Window};
use crate::store::sqlite::file::row::Hash;
use crate::store::sqlite::read::scan::{HASH, Snapshot, TRACE_ID, USER};
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
        let sketch = self.sketch(window, filter)?;
        self.scan(window, filter, |facts, row| {
            let Some(hash) = Hash::key(row.get_ref(HASH)?)? else { return Ok(()) };
            if sketch.as_ref().is_some_and(|sketch| !sketch.may_exceed(0, &hash, more_than)) {
                return Ok(());
            }
            let call = Sightings::one(facts.end, facts.series_id, facts.measures.cost.unwrap_or_default());
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
    fn sketch(&self, window: Window, filter: &Filter) -> rusqlite::Result<Option<Sketch>> {
        let calls = self.totals(window, filter)?.calls;
        if calls <= self.limits.remembered_calls {
            return Ok(None);
        }
        let mut sketch = Sketch::of(calls);
        self.scan(window, filter, |_, row| {
            if let Some(hash) = Hash::key(row.get_ref(HASH)?)? {
                sketch.add(0, &hash);
            }
            Ok(())
        })?;
        Ok(Some(sketch))
    }

    pub(crate) fn duplicates(&self, window: Window, filter: &Filter) -> rusqlite::Result<Duplicates> {
        let mut hashed = 0;
        let mut count = |see: &mut dyn FnMut(Hash)| {
            self.scan(window, filter, |_, row| {
                if let Some(hash) = Hash::key(row.get_ref(HASH)?)? {
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
        /// Tokens, trace id, series.
        type Largest = (u64, [u8; 16], i64);
        // Of equal calls the one with the lower trace id, so that the result does not depend on their order.
        let mut largest: HashMap<Caller, Largest> = HashMap::new();
        self.scan(window, filter, |facts, row| {
            let measures = &facts.measures;
            let known = |tokens: Option<u64>| tokens.unwrap_or(0);
            let tokens = known(measures.input_tokens).saturating_add(known(measures.output_tokens));
            if tokens <= more_than {
                return Ok(());
            }
            let trace_id: [u8; 16] = row.get(TRACE_ID)?;
            let call = (tokens, trace_id, facts.series_id);
            largest
                .entry((row.get(USER)?, Arc::clone(&facts.series.service), facts.series.tags.clone()))
                .and_modify(|largest| {
                    if tokens > largest.0 || tokens == largest.0 && trace_id < largest.1 {
                        *largest = call;
                    }
                })
                .or_insert(call);
            Ok(())
        })?;
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
