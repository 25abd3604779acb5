//! Recognises inference calls and reads what providers write. One folder per family of providers, one file per wire
//! format; each format is a stateless [`WireFormat`] that fills plain facts.

mod anthropic;
mod bedrock;
mod cohere;
mod evidence;
mod family;
mod format;
mod google;
mod names;
mod ollama;
mod openai;
pub(crate) mod read;
#[cfg(test)]
mod sweep;
mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use family::Family;
use target::Target;
use target::hosts::{self, Hosts};

pub(crate) use format::{Event, Framing, Reading, Recognised, WireFormat};
pub(crate) use names::ProviderNames;

/// Asked in this order: a provider's own paths before those that any gateway may serve.
const FAMILIES: &[&Family] = &[
    &anthropic::FAMILY,
    &google::FAMILY,
    &bedrock::FAMILY,
    &cohere::FAMILY,
    &ollama::FAMILY,
    &openai::FAMILY,
];

/// What the request's method, host and path say, or `None` when it is not an inference call.
pub(crate) fn recognise(method: &http::Method, url: &reqwest::Url) -> Option<Recognised> {
    if method != http::Method::POST {
        return None;
    }
    let target = Target::new(url, host_provider)?;
    let recognised =
        FAMILIES.iter().flat_map(|family| family.formats).find_map(|recognise| recognise(&target))?;
    Some(Recognised { known_host: target.provider.is_some() || target.private, ..recognised })
}

/// `gen_ai.provider.name` of a host, or `None` for an unknown one.
fn host_provider(host: &str, port: Option<u16>) -> Option<&'static str> {
    static HOSTS: LazyLock<Hosts> = LazyLock::new(|| {
        let own = FAMILIES.iter().flat_map(|family| family.hosts);
        Hosts::new(own.chain(hosts::COMPATIBLE))
    });
    HOSTS.provider(host, port)
}
