//! In which order stores list what has calls: the most first, and what has as many always in the same order.

use std::cmp::Ordering;

use super::{Conversation, KeyUse, Pairing};

pub(crate) fn pairings(a: &Pairing, b: &Pairing) -> Ordering {
    (b.calls, &a.deployment, &a.subject, &a.value).cmp(&(a.calls, &b.deployment, &b.subject, &b.value))
}

pub(crate) fn key_uses(a: &KeyUse, b: &KeyUse) -> Ordering {
    (b.calls, &a.key, &a.service).cmp(&(a.calls, &b.key, &b.service))
}

pub(crate) fn conversations(a: &Conversation, b: &Conversation) -> Ordering {
    (b.calls, b.input_tokens, &a.deployment, &a.id).cmp(&(a.calls, a.input_tokens, &b.deployment, &b.id))
}
