//! What accounts are known by in the bounded memory: salted hashes, since senders choose ids.

use std::hash::{BuildHasher, RandomState};

use super::groups::Groups;
use super::relation::{SAME_TOKENS_GAP, TimeSpan, end, kind, kind_of, response_id};
use super::times::{Keys, Near};
use crate::record::{CallRecord, Origin};

/// The hashes of one process.
#[derive(Debug)]
pub(super) struct Hashes {
    salt: RandomState,
    /// Accounts of different groups are never of one call.
    groups: Groups,
}

impl Hashes {
    pub(super) fn new(groups: Groups) -> Self {
        Self { salt: RandomState::new(), groups }
    }

    /// Of a span, whatever its group.
    pub(super) fn span(&self, trace_id: &[u8; 16], span_id: &[u8; 8]) -> u64 {
        self.salt.hash_one((u128::from_le_bytes(*trace_id), u64::from_le_bytes(*span_id)))
    }

    /// Of the span that a call is an account of, in its group.
    pub(super) fn account(&self, call: &CallRecord) -> u64 {
        in_group(self.span(&call.trace_id, &call.span_id), self.group(call))
    }

    /// Of the span above a call, whatever its group.
    pub(super) fn parent(&self, call: &CallRecord) -> Option<u64> {
        Some(self.span(&call.trace_id, &call.parent_span_id?))
    }

    /// Of the trace of a call, in its group.
    pub(super) fn trace(&self, call: &CallRecord) -> u64 {
        in_group(self.salt.hash_one(call.trace_id), self.group(call))
    }

    /// Of the response id of a call, where it has one.
    pub(super) fn response(&self, call: &CallRecord) -> Option<u64> {
        response_id(call).map(|id| self.response_of(&call.operation, &call.service, id))
    }

    pub(super) fn response_of(&self, operation: &str, service: &str, id: &str) -> u64 {
        in_group(self.salt.hash_one((kind_of(operation), id)), self.groups.group(service))
    }

    /// An account that is compared by time, and the keys of the time in which it ended and of those next to it.
    pub(super) fn near(&self, row: i64, call: &CallRecord) -> Option<(Keys, Near)> {
        if call.origin != Origin::ThirdParty || call.scope.is_empty() {
            return None;
        }
        let time = end(call).div_euclid(SAME_TOKENS_GAP);
        let keys = [time, time.saturating_sub(1), time.saturating_add(1)]
            .map(|time| self.salt.hash_one((kind(call), call.service.as_str(), time)));
        Some((keys, Near { row, time: TimeSpan::of(call), scope: self.salt.hash_one(call.scope.as_str()) }))
    }

    pub(super) fn group(&self, call: &CallRecord) -> u64 {
        self.groups.group(&call.service)
    }

    pub(super) const fn groups(&self) -> &Groups {
        &self.groups
    }
}

/// The key that a span or a trace has among accounts of one group.
pub(super) const fn in_group(key: u64, group: u64) -> u64 {
    // A large odd number: small ones would change low bits alone, which may be those of another key.
    key ^ group.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
