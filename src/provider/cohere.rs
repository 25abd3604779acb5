//! Cohere: both versions of its API.

mod classify;
#[cfg(test)]
mod sweep;
mod usage;
pub(super) mod v1;
mod v2;

pub(super) use usage::{META_MEMBER as META, note_meta};

use super::family::Family;
use super::target::hosts::Host;
use crate::semconv::provider;

pub(super) const FAMILY: Family =
    Family { hosts: HOSTS, formats: &[v1::recognise, v2::recognise, classify::recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] =
    &[(Host::Name("api.cohere.com"), provider::COHERE), (Host::Name("api.cohere.ai"), provider::COHERE)];
