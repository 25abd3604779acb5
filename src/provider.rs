//! Recognises inference calls and reads what providers write. One folder per family of providers, one file per wire
//! format; each format is a stateless [`WireFormat`] that fills plain facts.

mod agents;
mod aleph_alpha;
mod alibaba;
mod anthropic;
mod baidu;
mod bedrock;
mod cloudflare;
mod cohere;
mod coze;
mod deepinfra;
mod elevenlabs;
mod endpoints;
mod evidence;
mod family;
mod format;
mod gateway;
mod google;
mod huggingface;
mod mapped;
mod media;
mod meta;
mod minimax;
mod mistral;
mod names;
mod ollama;
mod openai;
mod oracle;
pub(crate) mod payment;
mod places;
pub(crate) mod read;
mod reka;
mod repeated;
mod replicate;
mod rerank;
mod selfhosted;
mod served;
mod snowflake;
#[cfg(test)]
mod sweep;
mod target;
mod tencent;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod unrecognised;
mod upstage;
mod vercel;
mod volcengine;
mod watsonx;
mod wrapped;

use std::sync::LazyLock;

use family::{Family, Recognise};
use target::Target;
use target::hosts::{self, Hosts};

pub(crate) use format::{Event, Framing, Reading, Recognised, WireFormat};
pub(crate) use google::asked_tier;
pub(crate) use names::ProviderNames;

/// Asked in this order: a provider's own paths before those that any gateway may serve.
const FAMILIES: &[&Family] = &[
    &anthropic::FAMILY,
    &google::FAMILY,
    &bedrock::FAMILY,
    &cohere::FAMILY,
    &ollama::FAMILY,
    &huggingface::FAMILY,
    &mistral::FAMILY,
    &alibaba::FAMILY,
    &minimax::FAMILY,
    &snowflake::FAMILY,
    &watsonx::FAMILY,
    &cloudflare::FAMILY,
    &replicate::FAMILY,
    &reka::FAMILY,
    &coze::FAMILY,
    &deepinfra::FAMILY,
    &baidu::FAMILY,
    &tencent::FAMILY,
    &elevenlabs::FAMILY,
    &vercel::FAMILY,
    &upstage::FAMILY,
    &endpoints::FAMILY,
    &oracle::FAMILY,
    &rerank::FAMILY,
    &aleph_alpha::FAMILY,
    &agents::FAMILY,
    &media::FAMILY,
    &meta::FAMILY,
    &volcengine::FAMILY,
    &selfhosted::FAMILY,
    &openai::FAMILY,
];

/// What the request's method, host and path say, or `None` when it is not an inference call.
pub(crate) fn recognise(method: &http::Method, url: &reqwest::Url) -> Option<Recognised> {
    match *method {
        http::Method::POST => places::POSTED.recognise(url, || recognise_by(|family| family.formats, url)),
        http::Method::GET => recognise_by(|family| family.fetches, url),
        _ => None,
    }
}

fn recognise_by(
    formats: fn(&'static Family) -> &'static [Recognise],
    url: &reqwest::Url,
) -> Option<Recognised> {
    let target = Target::new(url, host_provider)?;
    let mut recognised =
        FAMILIES.iter().flat_map(|family| formats(family)).find_map(|recognise| recognise(&target))?;
    recognised.request.payment = payment::of_path(&target);
    gateway::read_path(&target, &mut recognised.request);
    Some(Recognised { known_host: target.provider.is_some() || target.private, ..recognised })
}

/// Provider and path shape of a request that no wire format takes, although its host is a known provider's and what it
/// asks for is not known to cost nothing.
pub(crate) fn unrecognised(method: &http::Method, url: &reqwest::Url) -> Option<(&'static str, String)> {
    if method != http::Method::POST || recognise(method, url).is_some() {
        return None;
    }
    unrecognised::shape(&Target::new(url, host_provider)?)
}

/// `gen_ai.provider.name` of a host, or `None` for an unknown one.
fn host_provider(host: &str, port: Option<u16>) -> Option<&'static str> {
    static HOSTS: LazyLock<Hosts> = LazyLock::new(|| {
        let own = FAMILIES.iter().flat_map(|family| family.hosts);
        Hosts::new(own.chain(hosts::COMPATIBLE))
    });
    HOSTS.provider(host, port)
}
