//! The service tier that a request to Vertex AI asks for in a header, in whatever format it is. Source: cloud.google.com,
//! "Flex PayGo" and "Priority PayGo", 2026-11.

use http::HeaderMap;

const HEADER: &str = "x-vertex-ai-llm-shared-request-type";

/// The tier, where the header names one.
pub(crate) fn asked_tier(headers: &HeaderMap) -> Option<String> {
    let tier = headers.get(HEADER)?.to_str().ok()?.trim();
    (!tier.is_empty()).then(|| tier.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_header_asks_for_a_tier() {
        let asked = |value: &'static str| {
            let header = (HeaderName::from_static(HEADER), HeaderValue::from_static(value));
            asked_tier(&[header].into_iter().collect())
        };
        assert_eq!(asked("flex").as_deref(), Some("flex"));
        assert_eq!(asked("Priority").as_deref(), Some("priority"));
        assert_eq!(asked(""), None);
        assert_eq!(asked_tier(&HeaderMap::new()), None);
    }
}
