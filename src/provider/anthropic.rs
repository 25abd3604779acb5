//! Anthropic: the messages API.

pub(super) mod messages;
#[cfg(test)]
mod sweep;

use super::family::Family;
use super::target::hosts::Host;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family { hosts: HOSTS, formats: &[messages::recognise] };

const HOSTS: &[(Host, &str)] = &[(Host::Name("api.anthropic.com"), provider::ANTHROPIC)];
