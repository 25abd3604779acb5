//! Amazon Bedrock: Converse, and invoke with each model family's own shapes.

mod agents;
mod async_invoke;
mod converse;
mod headers;
mod invoke;
#[cfg(test)]
mod sweep;

use super::family::Family;
use super::target::hosts::Host;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family {
    hosts: HOSTS,
    formats: &[converse::recognise, invoke::recognise, agents::recognise, async_invoke::recognise],
    fetches: &[async_invoke::recognise_fetch],
};

const HOSTS: &[(Host, &str)] = &[(Host::Pattern(is_runtime), provider::AWS_BEDROCK)];

/// Service and region come before AWS domains that carry everything else as well; in a private network the
/// endpoint's own name comes before them.
fn is_runtime(host: &str) -> bool {
    (host.starts_with("bedrock") || host.contains(".bedrock-runtime."))
        && [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| host.ends_with(domain))
}
