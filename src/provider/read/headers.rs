//! Cost and service tier in the headers of a response, of whatever provider or gateway.

use http::HeaderMap;

use crate::billing::Word;
use crate::call::ResponseFacts;
use crate::coverage::Reason;

/// What becomes of a header whose name speaks of cost or tier.
enum Meaning {
    /// US dollars.
    Charge,
    /// The tier the response was served in.
    Tier,
    /// Who served the model behind a router.
    Route,
    /// The call is paid by other means than its tokens.
    Prepaid(&'static str),
    /// Whether a gateway has the response from its own cache.
    Cache,
    /// Repeats what the body holds.
    Free,
    Unknown,
}

/// Names that are known.
const KNOWN: &[(&str, Meaning)] = &[
    ("x-litellm-response-cost", Meaning::Charge),
    // nRouter.
    ("x-nr-request-cost", Meaning::Charge),
    ("x-inference-provider", Meaning::Route),
    ("helicone-cache", Meaning::Cache),
    ("x-cache", Meaning::Cache),
    // Azure OpenAI, where the deployment is of provisioned throughput.
    ("azure-openai-deployment-utilization", Meaning::Prepaid("provisioned")),
    // ElevenLabs: characters, which its own format reads.
    ("character-cost", Meaning::Free),
    // Pydantic AI Gateway: rounded.
    ("pydantic-ai-gateway-price-estimate", Meaning::Free),
];

/// Ends of names that speak of what a call costs.
const PRICED: [&str; 7] =
    ["-cost", "-price", "-price-estimate", "-charge", "-credits", "-credits-used", "-cost-ticks"];

/// Ends of names that show whether a gateway has the response from its own cache: Cloudflare's `cf-aig-cache-status`,
/// Portkey's, OpenRouter's, Kong's `x-cache-status`, LiteLLM's `x-litellm-cache-hit`. Sources, 2026-11:
/// developers.cloudflare.com/ai-gateway/features/caching, openrouter.ai/docs/guides/features/response-caching.
const CACHED: [&str; 2] = ["-cache-status", "-cache-hit"];
/// What pays such a response: the call that filled the cache.
const CACHE: &str = "gateway_cache";

/// Reads what any header may carry.
pub(crate) fn read(headers: &HeaderMap, facts: &mut ResponseFacts) {
    for (name, value) in headers {
        let name = name.as_str();
        let Some(meaning) = meaning(name) else { continue };
        let Ok(value) = value.to_str().map(str::trim) else { continue };
        let number = value.parse::<f64>().ok().filter(|number| (0.0..1e6).contains(number));
        match (meaning, number) {
            (Meaning::Charge, Some(usd)) => facts.charge.header = Some(usd),
            (Meaning::Tier, _) => facts.header_tier = Some(value.to_owned()).filter(|tier| !tier.is_empty()),
            (Meaning::Route, _) => _ = facts.billing.word(Word::Route, &value.to_ascii_lowercase()),
            (Meaning::Free, _) => {}
            (Meaning::Prepaid(payment), _) => _ = facts.billing.word(Word::Payment, payment),
            (Meaning::Cache, _) => {
                let value = value.to_ascii_lowercase();
                if value.split([' ', ',', ';']).any(|word| ["hit", "true"].contains(&word)) {
                    facts.billing.word(Word::Payment, CACHE);
                }
            }
            (_, Some(0.0)) => {}
            _ if value.is_empty() => {}
            _ => facts.coverage.note(Reason::Header, format!("header:{}", &name[..name.len().min(57)])),
        }
    }
}

/// What a header means; `None` for most.
fn meaning(name: &str) -> Option<Meaning> {
    // Each name of interest ends in one of these bytes.
    if !matches!(name.as_bytes().last(), Some(b't' | b'e' | b'r' | b's' | b'd' | b'n')) {
        return None;
    }
    // Anthropic, where a subscription pays: all of its limits are of this kind.
    if name.starts_with("anthropic-ratelimit-unified-") {
        return Some(Meaning::Prepaid("subscription"));
    }
    if let Some((_, meaning)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return Some(match meaning {
            Meaning::Charge => Meaning::Charge,
            Meaning::Route => Meaning::Route,
            Meaning::Prepaid(payment) => Meaning::Prepaid(payment),
            Meaning::Cache => Meaning::Cache,
            _ => Meaning::Free,
        });
    }
    if name.ends_with("-service-tier") {
        return Some(Meaning::Tier);
    }
    if CACHED.iter().any(|end| name.ends_with(end)) {
        return Some(Meaning::Cache);
    }
    // What limits count is no bill.
    let priced = PRICED.iter().any(|end| name.ends_with(end));
    let limit = || name.contains("ratelimit") || name.contains("rate-limit");
    let usd = || name.ends_with("-cost-usd") || name.ends_with("-cost-in-usd");
    if usd() {
        return Some(Meaning::Charge);
    }
    (priced && !limit()).then_some(Meaning::Unknown)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn facts(headers: &[(&'static str, &str)]) -> ResponseFacts {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        let mut facts = ResponseFacts::default();
        read(&headers.collect(), &mut facts);
        facts
    }

    #[test]
    fn reads_what_gateways_and_providers_say_in_headers_alone() {
        let facts = facts(&[
            ("x-litellm-response-cost", "0.0042"),
            ("x-gemini-service-tier", "priority"),
            ("x-inference-provider", "Groq"),
            ("content-type", "application/json"),
        ]);
        assert_eq!(facts.charge.header, Some(0.0042));
        assert_eq!(facts.header_tier.as_deref(), Some("priority"));
        assert_eq!(facts.billing.get(Word::Route), Some("groq"));
        assert!(facts.coverage.is_whole());
    }

    #[test]
    fn a_response_from_the_cache_of_a_gateway_is_not_paid_by_its_tokens() {
        for (name, value, hit) in [
            ("cf-aig-cache-status", "HIT", true),
            ("x-portkey-cache-status", "SEMANTIC HIT", true),
            ("x-openrouter-cache-status", "hit", true),
            ("x-cache-status", "Hit", true),
            ("x-litellm-cache-hit", "True", true),
            ("helicone-cache", "HIT", true),
            ("x-cache", "Hit from cloudfront", true),
            ("cf-aig-cache-status", "MISS", false),
            ("x-portkey-cache-status", "DISABLED", false),
            ("x-cache", "Miss from cloudfront", false),
            ("x-litellm-cache-hit", "False", false),
            ("x-litellm-cache-key", "abc-hit", false),
        ] {
            let payment = facts(&[(name, value)]).billing.get(Word::Payment).map(str::to_owned);
            assert_eq!(payment.as_deref(), hit.then_some(CACHE), "{name}: {value}");
        }
    }

    #[test]
    fn a_cost_that_no_one_knows_is_not_silent() {
        for name in ["x-acme-request-cost", "x-acme-price", "x-acme-credits", "x-acme-cost-ticks"] {
            assert_eq!(facts(&[(name, "12")]).coverage.paths(), [format!("header:{name}")]);
            assert!(facts(&[(name, "0.00")]).coverage.is_whole(), "{name}");
        }
        for name in ["x-ratelimit-tokens-query-cost", "ratelimitbysize-query-cost", "x-account-tier", "date"]
        {
            assert!(facts(&[(name, "12")]).coverage.is_whole(), "{name}");
        }
    }
}
