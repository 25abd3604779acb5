//! Cost and service tier in the headers of a response, of whatever provider or gateway.

use http::HeaderMap;

use crate::billing::{Word, is_standard};
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
    /// A tier under a name that no one knows.
    UnknownTier,
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
    // Bedrock's formats read these four.
    ("x-amzn-bedrock-input-token-count", Meaning::Free),
    ("x-amzn-bedrock-output-token-count", Meaning::Free),
    ("x-amzn-bedrock-cache-read-input-token-count", Meaning::Free),
    ("x-amzn-bedrock-cache-write-input-token-count", Meaning::Free),
    // Cohere.
    ("num_tokens", Meaning::Free),
    // Text Generation Inference.
    ("x-prompt-tokens", Meaning::Free),
    ("x-generated-tokens", Meaning::Free),
    // Text Embeddings Inference, which runs on a machine of one's own.
    ("x-compute-tokens", Meaning::Free),
    // Fireworks.
    ("fireworks-prompt-tokens", Meaning::Free),
    ("fireworks-cached-prompt-tokens", Meaning::Free),
    ("fireworks-generated-tokens", Meaning::Free),
    // Azure API Management writes all tokens of the call to a header that its customer names; this name is a common one.
    ("consumed-tokens", Meaning::Free),
];

/// Ends of names that speak of what a call costs.
const PRICED: [&str; 7] =
    ["-cost", "-price", "-price-estimate", "-charge", "-credits", "-credits-used", "-cost-ticks"];

/// Ends of names that speak of what a call used.
const COUNTED: [&str; 9] = [
    "-usage",
    "-unit",
    "-units",
    "-token",
    "-tokens",
    "-token-count",
    "-tokens-count",
    "-token-counts",
    "-tokens-used",
];

/// Words of names that speak of what may be used and of how fast, but not of what this call used.
const LIMITS: [&str; 16] = [
    "ratelimit",
    "ratelimitbysize",
    "limit",
    "remaining",
    "reset",
    "quota",
    "budget",
    "max",
    "time",
    "latency",
    "per",
    "key",
    "app",
    "ad",
    "cpu",
    "memory",
];

/// Words of names of tiers that an account, a cache or a disk has. A call of any account costs the same: what an
/// account has agreed on is in no price table at all.
const OTHER_TIERS: [&str; 9] =
    ["account", "customer", "user", "plan", "subscription", "usage", "cache", "storage", "ratelimit"];

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
            // A secret or a place in a list.
            _ if name.ends_with("-token") && number.is_none() => {}
            _ if value.is_empty() => {}
            (Meaning::UnknownTier, _) if is_standard(value) => {}
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
    // LiteLLM, in front of a provider's own.
    let name = name.strip_prefix("llm_provider-").unwrap_or(name);
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
    if name.ends_with("-cost-usd") || name.ends_with("-cost-in-usd") {
        return Some(Meaning::Charge);
    }
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let word = |words: &[&str]| name.split(['-', '_']).any(|word| words.contains(&word));
    // What limits count is no bill.
    if ends(&PRICED) {
        return (!name.contains("ratelimit") && !name.contains("rate-limit")).then_some(Meaning::Unknown);
    }
    if name.ends_with("-tier") {
        return (!word(&OTHER_TIERS)).then_some(Meaning::UnknownTier);
    }
    (ends(&COUNTED) && !word(&LIMITS)).then_some(Meaning::Unknown)
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

    #[test]
    fn a_count_or_a_tier_that_no_one_knows_is_not_silent() {
        for (name, value, noted) in [
            ("x-acme-billed-units", "12", true),
            ("x-acme-usage-tokens", "12", true),
            ("x-acme-audio-token-count", "12", true),
            ("x-amzn-bedrock-video-token-count", "12", true),
            ("llm_provider-x-amzn-bedrock-video-token-count", "12", true),
            ("x-acme-usage", r#"{"audio":3}"#, true),
            ("x-acme-tokens-used", "12", true),
            ("x-acme-tier", "turbo", true),
            ("x-acme-serving-tier", "batch", true),
            ("x-acme-billed-units", "0", false),
            ("x-acme-usage-tokens", "", false),
            ("x-acme-tier", "Standard", false),
            ("x-acme-tier", "default", false),
            // Read elsewhere, or in the body as well.
            ("x-amzn-bedrock-output-token-count", "12", false),
            ("llm_provider-x-amzn-bedrock-output-token-count", "12", false),
            ("x-generated-tokens", "12", false),
            ("num_tokens", "12", false),
            // Limits, times and secrets.
            ("x-ratelimit-remaining-tokens", "12", false),
            ("x-ratelimit-renewalperiod-tokens", "60", false),
            ("x-remaining-tokens", "12", false),
            ("anthropic-ratelimit-tokens-limit", "12", false),
            ("x-time-per-token", "12", false),
            ("fireworks-server-time-to-first-token", "0.2", false),
            ("x-csrf-token", "a3f0", false),
            ("x-next-page-token", "CAE=", false),
            ("x-app-usage", r#"{"call_count":28}"#, false),
            // Of the account.
            ("x-account-tier", "enterprise", false),
            ("x-usage-tier", "5", false),
        ] {
            let facts = facts(&[(name, value)]);
            let wanted = Vec::from_iter(noted.then(|| format!("header:{name}")));
            assert_eq!(facts.coverage.paths(), wanted, "{name}: {value}");
        }
    }
}
