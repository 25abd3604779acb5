//! What the counted account of a call takes over from the others.

use std::cmp::Reverse;

use super::relation::{end, is_witness};
use crate::record::{CallRecord, ENVIRONMENT, Tags};

/// Facts that may be taken over. The numbers are part of the file's schema: never reuse one.
const USER: u32 = 1;
const CONVERSATION: u32 = 1 << 1;
const CLIENT_ADDRESS: u32 = 1 << 2;
const REQUEST_MODEL: u32 = 1 << 3;
const RESPONSE_MODEL: u32 = 1 << 4;
const RESPONSE_ID: u32 = 1 << 5;
const REQUEST_HASH: u32 = 1 << 6;
const SERVER_ADDRESS: u32 = 1 << 7;
const STREAM: u32 = 1 << 8;
const FIRST_CHUNK: u32 = 1 << 9;
const STATUS_CODE: u32 = 1 << 10;
const ERROR_TYPE: u32 = 1 << 11;
const ERROR_MESSAGE: u32 = 1 << 12;
const FINISH_REASONS: u32 = 1 << 13;
/// All tags: an account without any takes those of another.
const TAGS: u32 = 1 << 14;
/// With [`TAGS`]: the environment is its own all the same.
const OWN_ENVIRONMENT: u32 = 1 << 15;
/// The environment alone.
const ENVIRONMENT_TAG: u32 = 1 << 16;

/// Which facts of a row are another account's, so that the row can be given back as it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shared {
    /// Facts that the account itself does not have.
    pub(crate) facts: u32,
    /// The account's own service, where it is counted under another's.
    pub(crate) own_service: Option<String>,
}

impl Shared {
    /// The response id is the account's own.
    pub(super) const fn keep_response_id(&mut self) {
        self.facts &= !RESPONSE_ID;
    }

    /// The call as its own span gave it.
    pub(crate) fn own(&self, mut call: CallRecord) -> CallRecord {
        if let Some(service) = &self.own_service {
            call.service.clone_from(service);
        }
        let taken = |fact| self.facts & fact != 0;
        clear(&mut call.user, taken(USER));
        clear(&mut call.conversation_id, taken(CONVERSATION));
        clear(&mut call.client_address, taken(CLIENT_ADDRESS));
        clear(&mut call.request_model, taken(REQUEST_MODEL));
        clear(&mut call.response_model, taken(RESPONSE_MODEL));
        clear(&mut call.response_id, taken(RESPONSE_ID));
        clear(&mut call.request_hash, taken(REQUEST_HASH));
        clear(&mut call.server_address, taken(SERVER_ADDRESS));
        clear(&mut call.first_chunk_ns, taken(FIRST_CHUNK));
        clear(&mut call.status_code, taken(STATUS_CODE));
        clear(&mut call.error_type, taken(ERROR_TYPE));
        clear(&mut call.error_kind, taken(ERROR_TYPE));
        clear(&mut call.error_message, taken(ERROR_MESSAGE));
        call.stream &= !taken(STREAM);
        if taken(FINISH_REASONS) {
            call.finish_reasons.clear();
        }
        if taken(TAGS) || taken(ENVIRONMENT_TAG) {
            let kept = |key| match key == ENVIRONMENT {
                true => !taken(ENVIRONMENT_TAG) && (taken(OWN_ENVIRONMENT) || !taken(TAGS)),
                false => !taken(TAGS),
            };
            call.tags = call.tags.map(|key, value| kept(key).then(|| value.to_owned()));
        }
        call
    }
}

fn clear<T>(fact: &mut Option<T>, taken: bool) {
    if taken {
        *fact = None;
    }
}

/// `counted` with what only the others know of the call, and which facts those are. The account that is nearest to
/// the application, the longest one, is asked first, and names the service. Witnesses are not asked: their service and
/// user are the provider's.
pub(super) fn shared(counted: &CallRecord, others: &[&CallRecord]) -> (CallRecord, Shared) {
    let mut others: Vec<&CallRecord> = others.iter().copied().filter(|call| !is_witness(call)).collect();
    others.sort_by_key(|call| (Reverse(call.duration_ns), call.start, call.trace_id, call.span_id));
    let mut call = counted.clone();
    let mut shared = Shared::default();

    let outermost = others.iter().copied().filter(|other| is_outside(other, counted));
    if let Some(service) = outermost.map(|other| &other.service).find(|name| is_given(name))
        && (*service != counted.service)
    {
        call.service.clone_from(service);
        shared.own_service = Some(counted.service.clone());
    }

    for other in others {
        let taken = &mut shared.facts;
        take(&mut call.user, &other.user, taken, USER);
        take(&mut call.conversation_id, &other.conversation_id, taken, CONVERSATION);
        take(&mut call.client_address, &other.client_address, taken, CLIENT_ADDRESS);
        take(&mut call.request_model, &other.request_model, taken, REQUEST_MODEL);
        take(&mut call.response_model, &other.response_model, taken, RESPONSE_MODEL);
        take(&mut call.response_id, &other.response_id, taken, RESPONSE_ID);
        take(&mut call.request_hash, &other.request_hash, taken, REQUEST_HASH);
        take(&mut call.server_address, &other.server_address, taken, SERVER_ADDRESS);
        *taken |= take_tags(&mut call.tags, &other.tags, &counted.tags);
        if other.stream && !call.stream {
            call.stream = true;
            *taken |= STREAM;
        }
        if other.first_chunk_ns.is_some_and(|ns| ns <= counted.duration_ns) {
            take(&mut call.first_chunk_ns, &other.first_chunk_ns, taken, FIRST_CHUNK);
        }
        // How it ended is taken only from an account that ended in the same way.
        if other.failed() == counted.failed() {
            take(&mut call.status_code, &other.status_code, taken, STATUS_CODE);
            if call.error_type.is_none() && call.error_kind.is_none() {
                take(&mut call.error_type, &other.error_type, taken, ERROR_TYPE);
                take(&mut call.error_kind, &other.error_kind, taken, ERROR_TYPE);
            }
            take(&mut call.error_message, &other.error_message, taken, ERROR_MESSAGE);
            if call.finish_reasons.is_empty() && !other.finish_reasons.is_empty() {
                call.finish_reasons.clone_from(&other.finish_reasons);
                *taken |= FINISH_REASONS;
            }
        }
    }
    (call, shared)
}

fn take<T: Clone>(fact: &mut Option<T>, other: &Option<T>, taken: &mut u32, bit: u32) {
    if fact.is_none() && other.is_some() {
        fact.clone_from(other);
        *taken |= bit;
    }
}

/// Takes what `other` has where `tags`, at first `own`, have none: the environment, and the other tags all together. The
/// environment alone is no reason to leave the others out.
fn take_tags(tags: &mut Tags, other: &Tags, own: &Tags) -> u32 {
    let mut taken = 0;
    if tags.without_environment().next().is_none() && other.without_environment().next().is_some() {
        for (key, value) in other.without_environment() {
            tags.add(key.as_str(), value);
        }
        taken |= if own.get(ENVIRONMENT).is_some() { TAGS | OWN_ENVIRONMENT } else { TAGS };
    }
    if let (None, Some(name)) = (tags.get(ENVIRONMENT), other.get(ENVIRONMENT)) {
        tags.add(ENVIRONMENT.as_str(), name);
        taken |= ENVIRONMENT_TAG;
    }
    taken
}

/// Whether `other` began no later and lasted longer, as what surrounds a call does.
fn is_outside(other: &CallRecord, counted: &CallRecord) -> bool {
    (other.duration_ns, Reverse(other.start), end(other))
        > (counted.duration_ns, Reverse(counted.start), end(counted))
}

/// What the SDKs write when no one named the service does not name it.
fn is_given(service: &str) -> bool {
    !service.is_empty() && !service.starts_with("unknown_service")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::records::{call, tags};

    #[test]
    fn the_environment_and_the_other_tags_are_taken_apart_and_given_back() {
        type Set = &'static [(&'static str, &'static str)];
        const PROD: (&str, &str) = ("environment", "prod");
        const DEV: (&str, &str) = ("environment", "dev");
        const TEAM: (&str, &str) = ("team", "ads");
        let cases: [(Set, &[Set], Set); 8] = [
            (&[], &[&[TEAM]], &[TEAM]),
            (&[], &[&[PROD, TEAM]], &[PROD, TEAM]),
            (&[PROD], &[&[TEAM]], &[PROD, TEAM]),
            (&[PROD], &[&[DEV, TEAM]], &[PROD, TEAM]),
            (&[TEAM], &[&[PROD, ("team", "search")]], &[PROD, TEAM]),
            (&[], &[&[PROD], &[DEV, TEAM]], &[PROD, TEAM]),
            (&[], &[&[TEAM], &[PROD]], &[PROD, TEAM]),
            (&[PROD, TEAM], &[&[DEV, ("cost", "x")]], &[PROD, TEAM]),
        ];
        for (own, others, wanted) in cases {
            let counted = CallRecord { tags: tags(own), ..call(1) };
            let others: Vec<_> = others.iter().map(|set| CallRecord { tags: tags(set), ..call(2) }).collect();
            let (taken, shared) = shared(&counted, &others.iter().collect::<Vec<_>>());
            assert_eq!(taken.tags, tags(wanted), "{own:?}");
            assert_eq!(shared.own(taken), counted, "{own:?}");
        }
    }
}
