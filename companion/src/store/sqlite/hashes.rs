//! Repetition of request hashes.

use std::collections::HashMap;

use crate::record::{NanoUsd, Timestamp, Window};
use crate::store::sqlite::row::Hash;
use crate::store::sqlite::scan::{HASH, Snapshot, TRACE_ID, USER};
use crate::store::{Duplicates, Filter, LargeCall, Repeated};

struct Repeats {
    calls: u64,
    cost: NanoUsd,
    last: i64,
    series: i64,
}

impl Snapshot<'_> {
    pub(super) fn repeated(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<Repeated>> {
        let mut by_hash: HashMap<Hash, Repeats> = HashMap::new();
        self.scan(window, filter, |facts, row| {
            let Some(hash) = Hash::key(row.get_ref(HASH)?)? else { return Ok(()) };
            let series = facts.series_id;
            let seen =
                by_hash.entry(hash).or_insert(Repeats { calls: 0, cost: NanoUsd(0), last: i64::MIN, series });
            seen.calls += 1;
            seen.cost = NanoUsd(seen.cost.0.saturating_add(facts.measures.cost.unwrap_or_default().0));
            if facts.end >= seen.last {
                seen.last = facts.end;
                seen.series = series;
            }
            Ok(())
        })?;
        let mut repeated = Vec::new();
        for (hash, seen) in by_hash.into_iter().filter(|(_, seen)| seen.calls > more_than) {
            repeated.push(Repeated {
                hash: hash.into_text(),
                calls: seen.calls,
                model: self.names.series(self.connection, seen.series)?.model.to_string(),
                cost: seen.cost,
                last: Timestamp(seen.last),
            });
        }
        repeated.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.hash.cmp(&b.hash)));
        repeated.truncate(limit);
        Ok(repeated)
    }

    pub(super) fn duplicates(&self, window: Window, filter: &Filter) -> rusqlite::Result<Duplicates> {
        let mut distinct = std::collections::HashSet::new();
        let mut hashed = 0;
        self.scan(window, filter, |_, row| {
            if let Some(hash) = Hash::key(row.get_ref(HASH)?)? {
                hashed += 1;
                distinct.insert(hash);
            }
            Ok(())
        })?;
        Ok(Duplicates { hashed, repeats: hashed - distinct.len() as u64 })
    }

    pub(super) fn largest_calls(
        &self,
        window: Window,
        filter: &Filter,
        more_than: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<LargeCall>> {
        // Of equal calls the one with the lower trace id, so that the answer does not depend on their order.
        let mut by_user: HashMap<Option<i64>, (u64, [u8; 16], i64)> = HashMap::new();
        self.scan(window, filter, |facts, row| {
            let measures = &facts.measures;
            let known = |tokens: Option<u64>| tokens.unwrap_or(0);
            let tokens = known(measures.input_tokens).saturating_add(known(measures.output_tokens));
            if tokens <= more_than {
                return Ok(());
            }
            let trace_id: [u8; 16] = row.get(TRACE_ID)?;
            let call = (tokens, trace_id, facts.series_id);
            by_user
                .entry(row.get(USER)?)
                .and_modify(|largest| {
                    if tokens > largest.0 || tokens == largest.0 && trace_id < largest.1 {
                        *largest = call;
                    }
                })
                .or_insert(call);
            Ok(())
        })?;
        let mut calls = Vec::new();
        for (user, (tokens, trace_id, series)) in by_user {
            let user = match user {
                Some(number) => self.names.text(self.connection, number)?.to_string(),
                None => String::new(),
            };
            let model = self.names.series(self.connection, series)?.model.to_string();
            calls.push(LargeCall { user, tokens, model, trace_id });
        }
        calls.sort_by(|a, b| b.tokens.cmp(&a.tokens).then_with(|| a.user.cmp(&b.user)));
        calls.truncate(limit);
        Ok(calls)
    }
}
