//! A family of providers: the hosts and the wire formats of one company, and of those that serve them.

use super::format::Recognised;
use super::target::Target;
use super::target::hosts::Host;

/// What a family's module adds to the list of families.
#[derive(Debug)]
pub(super) struct Family {
    /// The family's own hosts, each with its `gen_ai.provider.name`.
    pub(super) hosts: &'static [(Host, &'static str)],
    /// One entry per wire format, asked in this order.
    pub(super) formats: &'static [fn(&Target<'_>) -> Option<Recognised>],
}
