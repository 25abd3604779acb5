//! Where a request goes.

pub(super) mod hosts;

use crate::private_host;
use std::borrow::Cow;

/// Where a request goes, cut up once for all wire formats.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    /// Lower case, without port; an IPv6 address is in brackets.
    pub(crate) host: &'a str,
    /// `gen_ai.provider.name` of the host, where it is known.
    pub(crate) provider: Option<&'static str>,
    /// Whether the host belongs to the machine or its network: loopback, private addresses, names without a public
    /// domain.
    pub(crate) private: bool,
    /// The path's segments, percent-decoded after the cut, so that `%3A` equals `:` and `%2F` cuts nothing.
    /// Empty segments (doubled and trailing slashes) are left out.
    pub(crate) segments: Vec<Cow<'a, str>>,
    query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// `None` for a URL without a host. `provider` knows the providers of hosts.
    pub(crate) fn new(
        url: &'a reqwest::Url,
        provider: impl Fn(&str, Option<u16>) -> Option<&'static str>,
    ) -> Option<Self> {
        let segments =
            url.path_segments()?.filter(|segment| !segment.is_empty()).map(percent_decoded).collect();
        let host = url.host_str()?;
        Some(Self {
            host,
            provider: provider(host, url.port_or_known_default()),
            private: private_host::is_private(host),
            segments,
            query: url.query(),
        })
    }

    /// The value of a query parameter as it is written.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query?.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Whether one of the path's segments is this one.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.segments.iter().any(|segment| segment == name)
    }

    /// The last segment, where these come before it.
    pub(crate) fn last_after(&self, tail: &[&str]) -> Option<&str> {
        let (last, before) = self.segments.split_last()?;
        let start = before.len().checked_sub(tail.len())?;
        before[start..].iter().zip(tail).all(|(a, b)| a == b).then_some(last.as_ref())
    }

    /// Whether the host belongs to this provider.
    pub(crate) fn is_of(&self, provider: &str) -> bool {
        self.provider == Some(provider)
    }

    /// Whether the path ends in these segments.
    pub(crate) fn ends_with(&self, tail: &[&str]) -> bool {
        self.segments.len() >= tail.len()
            && self.segments[self.segments.len() - tail.len()..].iter().zip(tail).all(|(a, b)| a == b)
    }

    /// The segment after the first one that reads `name`.
    pub(crate) fn after(&self, name: &str) -> Option<&str> {
        let at = self.segments.iter().position(|segment| segment == name)?;
        self.segments.get(at + 1).map(AsRef::as_ref)
    }

    /// Publisher, model and streaming of Vertex AI's `.../publishers/PUBLISHER/models/MODEL:streamRawPredict`, which
    /// passes the publisher's own API through.
    pub(crate) fn raw_prediction(&self) -> Option<(&str, &str, bool)> {
        let [.., publishers, publisher, models, last] = self.segments.as_slice() else { return None };
        let (model, action) = last.rsplit_once(':')?;
        let stream = match action {
            "rawPredict" => false,
            "streamRawPredict" => true,
            _ => return None,
        };
        (publishers == "publishers" && models == "models").then_some((publisher, model, stream))
    }
}

/// RFC 3986 section 2.1; an incomplete escape stays as it is, and what is not UTF-8 is replaced.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}
