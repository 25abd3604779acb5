//! Calls by what no rollup knows: the models asked for, conversations.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Columns, end};
use crate::record::{CallRecord, Origin, Timestamp, Window, hours_of};
use crate::store::{Conversation, Filter, KeyUse, Pairing, most_calls};

const HOUR: i64 = 3_600 * Timestamp::SECOND;

impl Columns {
    pub(super) fn served_models(&self, window: Window, filter: &Filter, limit: usize) -> Vec<Pairing> {
        let mut found: HashMap<(Cow<'_, str>, &str, &str), u64> = HashMap::new();
        for index in self.matching(window, filter) {
            let call = &*self.records[index];
            if let (Some(asked), Some(served)) = (&call.request_model, &call.response_model) {
                *found.entry((call.deployment(), asked, served)).or_default() += 1;
            }
        }
        let pairings = found.into_iter().map(|((deployment, asked, served), calls)| Pairing {
            deployment: deployment.into_owned(),
            subject: asked.to_owned(),
            value: served.to_owned(),
            calls,
        });
        let mut pairings: Vec<Pairing> = pairings.collect();
        pairings.sort_by(most_calls::pairings);
        pairings.truncate(limit);
        pairings
    }

    pub(super) fn key_uses(&self, window: Window, limit: usize) -> Vec<KeyUse> {
        let hours = hours_of(window);
        let start = |hour: i64| Timestamp(hour.saturating_mul(HOUR));
        let whole = Window { from: start(hours.start), to: start(hours.end) };
        let within = |call: &&CallRecord| (whole.from..whole.to).contains(&end(call));
        let sent = self.accounts.sent().filter(within).filter(|call| call.origin != Origin::Witness);
        // Of calls that were taken there are no other accounts.
        let taken = self.records[self.range(whole)].iter().map(|call| &**call);
        let taken = taken.filter(|_| self.accounts.is_empty());
        let mut found: HashMap<(&str, &str), KeyUse> = HashMap::new();
        for call in sent.chain(taken) {
            let Some(key) = &call.key_fingerprint else { continue };
            let first = start(end(call).0.div_euclid(HOUR));
            let known = found.entry((key, &call.service)).or_insert_with(|| KeyUse {
                key: key.clone(),
                service: call.service.clone(),
                first,
                calls: 0,
            });
            known.first = known.first.min(first);
            known.calls += 1;
        }
        let mut uses: Vec<KeyUse> = found.into_values().collect();
        uses.sort_by(most_calls::key_uses);
        uses.truncate(limit);
        uses
    }

    pub(super) fn conversations(&self, window: Window, filter: &Filter, limit: usize) -> Vec<Conversation> {
        let mut found: HashMap<(Cow<'_, str>, &str), Conversation> = HashMap::new();
        for index in self.matching(window, filter) {
            let call = &*self.records[index];
            let Some(id) = &call.conversation_id else { continue };
            let known = found.entry((call.deployment(), id)).or_insert_with(|| Conversation {
                deployment: call.deployment().into_owned(),
                id: id.clone(),
                calls: 0,
                input_tokens: 0,
                cost: crate::record::NanoUsd(0),
            });
            known.calls += 1;
            known.input_tokens = known.input_tokens.saturating_add(call.input_tokens.unwrap_or(0));
            known.cost.0 = known.cost.0.saturating_add(call.cost.unwrap_or_default().0);
        }
        let mut conversations: Vec<Conversation> = found.into_values().collect();
        conversations.sort_by(most_calls::conversations);
        conversations.truncate(limit);
        conversations
    }
}
