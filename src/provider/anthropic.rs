//! Anthropic: the messages API.

mod complete;
pub(super) mod messages;
#[cfg(test)]
mod sweep;

use super::family::Family;
use super::target::hosts::Host;
use crate::semconv::provider;

pub(super) const FAMILY: Family =
    Family { hosts: HOSTS, formats: &[messages::recognise, complete::recognise], fetches: &[] };

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("api.anthropic.com"), provider::ANTHROPIC),
    (Host::Pattern(is_claude_on_aws), provider::ANTHROPIC),
];

/// Anthropic's own platform on AWS: `aws-external-anthropic.REGION.api.aws`.
fn is_claude_on_aws(host: &str) -> bool {
    host.starts_with("aws-external-anthropic.") && host.ends_with(".api.aws")
}
