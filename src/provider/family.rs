//! A family of providers: the hosts and the wire formats of one company, and of those that serve them.

use super::format::Recognised;
use super::target::Target;
use super::target::hosts::Host;

/// Which requests belong to a wire format.
pub(super) type Recognise = fn(&Target<'_>) -> Option<Recognised>;

/// What a family's module adds to the list of families.
#[derive(Debug)]
pub(super) struct Family {
    /// The family's own hosts, each with its `gen_ai.provider.name`.
    pub(super) hosts: &'static [(Host, &'static str)],
    /// One entry per wire format, asked of POST requests in this order.
    pub(super) formats: &'static [Recognise],
    /// Formats whose responses can be fetched later, asked of GET requests.
    pub(super) fetches: &'static [Recognise],
}
