//! Cost and service tier in the headers of a response, of whatever provider or gateway.

use http::HeaderMap;

use super::lenient::COUNT_LIMIT;
use crate::billing::{Word, is_standard};
use crate::call::ResponseFacts;
use crate::coverage::Reason;

/// What becomes of a header whose name speaks of cost or tier.
enum Meaning {
    /// US dollars.
    Charge,
    /// US dollars, before an adjustment.
    ChargeBefore,
    /// What is added to a charge, or taken from it.
    Adjustment,
    /// The tier the response was served in.
    Tier,
    /// Who served the model behind a router.
    Route,
    /// The call is paid by other means than its tokens.
    Prepaid(&'static str),
    /// Whether a gateway has the response from its own cache.
    Cache,
    /// Tokens, which the body may leave out.
    Tokens(Tokens),
    /// Repeats what the body holds.
    Free,
    /// A tier under a name that no one knows.
    UnknownTier,
    /// Something about cost, if it is a number.
    UnknownAmount,
    Unknown,
}

/// Which tokens a header counts.
#[derive(Clone, Copy)]
enum Tokens {
    Input,
    CacheRead,
    Output,
}

/// Names that are known.
const KNOWN: &[(&str, Meaning)] = &[
    ("x-litellm-response-cost", Meaning::Charge),
    // The same before a discount and a margin, which some versions write alone; parts of it, and a share of it.
    ("x-litellm-response-cost-original", Meaning::ChargeBefore),
    ("x-litellm-response-cost-discount-amount", Meaning::Adjustment),
    ("x-litellm-response-cost-margin-amount", Meaning::Adjustment),
    ("x-litellm-response-cost-margin-percent", Meaning::Free),
    ("x-litellm-response-cost-input", Meaning::Free),
    ("x-litellm-response-cost-output", Meaning::Free),
    ("x-litellm-response-cost-reasoning", Meaning::Free),
    ("x-litellm-response-cost-tool-usage", Meaning::Free),
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
    // Fireworks: all of the prompt, and the part of it that came from the cache, which its bodies may leave out. Source:
    // docs.fireworks.ai, "Prompt caching", 2026-11. The third is of dedicated deployments.
    ("fireworks-prompt-tokens", Meaning::Tokens(Tokens::Input)),
    ("fireworks-cached-prompt-tokens", Meaning::Tokens(Tokens::CacheRead)),
    ("fireworks-generated-tokens", Meaning::Tokens(Tokens::Output)),
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

/// Words of names that speak of cost, wherever they are.
const AMOUNTS: [&str; 13] = [
    "cost", "costs", "price", "pricing", "charge", "charges", "charged", "credit", "credits", "billed",
    "billing", "spend", "fee",
];

/// Words of names that are no amount of a call: of an account, and where it is booked.
const NO_AMOUNTS: [&str; 5] = ["center", "centre", "project", "version", "id"];

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
    let mut before = None;
    let mut adjusted = false;
    for (name, value) in headers {
        let name = name.as_str();
        let Some(meaning) = meaning(name) else { continue };
        let Ok(value) = value.to_str().map(str::trim) else { continue };
        let number = value.parse::<f64>().ok().filter(|number| (0.0..1e6).contains(number));
        match (meaning, number) {
            (Meaning::Charge, Some(usd)) => facts.charge.header = Some(usd),
            (Meaning::ChargeBefore, Some(usd)) => before = Some(usd),
            (Meaning::Adjustment, _) => adjusted |= number != Some(0.0),
            (Meaning::Tier, _) => facts.header_tier = Some(value.to_owned()).filter(|tier| !tier.is_empty()),
            (Meaning::Route, _) => _ = facts.billing.word(Word::Route, &value.to_ascii_lowercase()),
            (Meaning::Free, _) => {}
            (Meaning::Tokens(which), _) => {
                let count = value.parse().ok().filter(|count: &u64| *count < COUNT_LIMIT);
                let usage = &mut facts.header_usage;
                match which {
                    Tokens::Input => usage.input_tokens = count,
                    Tokens::CacheRead => usage.cache_read_tokens = count,
                    Tokens::Output => usage.output_tokens = count,
                }
            }
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
            (Meaning::UnknownAmount, None) if !is_amount(value) => {}
            _ => facts.coverage.note(Reason::Header, format!("header:{}", &name[..name.len().min(57)])),
        }
    }
    if facts.charge.header.is_none() && before.is_some() {
        facts.charge.header = before;
        if adjusted {
            facts.coverage.note(Reason::Header, "header:x-litellm-response-cost-original".to_owned());
        }
    }
}

/// A number with a currency or a unit around it.
fn is_amount(value: &str) -> bool {
    let number = value.trim_matches(|c: char| c.is_ascii_alphabetic() || " $".contains(c));
    number.parse::<f64>().is_ok_and(|number| number != 0.0)
}

/// Names that most responses have, and that say nothing of costs.
const COMMON: [&str; 16] = [
    "alt-svc",
    "cache-control",
    "cf-ray",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "via",
    "x-content-type-options",
    "x-request-id",
];

/// What a header means; `None` for most.
fn meaning(name: &str) -> Option<Meaning> {
    if COMMON.contains(&name) {
        return None;
    }
    let amount = || {
        let word = |words: &[&str]| name.split(['-', '_']).any(|word| words.contains(&word));
        let amount = word(&AMOUNTS) && !word(&LIMITS) && !word(&NO_AMOUNTS);
        amount.then_some(Meaning::UnknownAmount)
    };
    // Each other name of interest ends in one of these bytes.
    if !matches!(name.as_bytes().last(), Some(b't' | b'e' | b'r' | b's' | b'd' | b'n' | b'l' | b'g')) {
        return amount();
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
            Meaning::Tokens(which) => Meaning::Tokens(*which),
            Meaning::ChargeBefore => Meaning::ChargeBefore,
            Meaning::Adjustment => Meaning::Adjustment,
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
    if ends(&COUNTED) && !word(&LIMITS) {
        return Some(Meaning::Unknown);
    }
    amount()
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
    fn reads_counts_of_tokens_that_bodies_leave_out() {
        let facts = facts(&[
            ("fireworks-prompt-tokens", "8000000"),
            ("fireworks-cached-prompt-tokens", "7500"),
            ("fireworks-generated-tokens", "-1"),
        ]);
        assert_eq!(facts.header_usage.input_tokens, Some(8_000_000));
        assert_eq!(facts.header_usage.cache_read_tokens, Some(7500));
        assert_eq!(facts.header_usage.output_tokens, None);
        assert!(facts.usage.is_empty() && facts.coverage.is_whole());
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
    fn an_amount_under_any_name_is_not_silent() {
        for (name, value, noted) in [
            ("x-acme-cost-total", "0.5", true),
            ("x-price-usd", "0.5", true),
            ("x-cost-cents", "5", true),
            ("x-credits-consumed", "3", true),
            ("x-billed-amount", "$0.50", true),
            ("x-usage-cost-micros", "500", true),
            ("x-spend", "0.5 USD", true),
            ("cost", "0.5", true),
            ("x-compute-seconds-billed", "4", true),
            ("x-acme-cost-total", "0.00", false),
            ("x-acme-cost-total", "$0", false),
            // Of the account, and what is no amount.
            ("x-spend-limit", "500", false),
            ("x-credits-remaining", "400", false),
            ("x-litellm-key-spend", "12", false),
            ("x-cost-center", "1234", false),
            ("x-billing-project", "p-1", false),
            ("x-billing-mode", "on demand", false),
            ("set-cookie", "price=5", false),
            ("x-costume", "5", false),
        ] {
            let wanted = Vec::from_iter(noted.then(|| format!("header:{name}")));
            assert_eq!(facts(&[(name, value)]).coverage.paths(), wanted, "{name}: {value}");
        }
    }

    #[test]
    fn reads_what_a_proxy_charges_before_its_adjustments() {
        let original = ("x-litellm-response-cost-original", "0.0042");
        let margin = |amount| ("x-litellm-response-cost-margin-amount", amount);
        let alone = facts(&[original, margin("0.0"), ("x-litellm-response-cost-input", "0.003")]);
        assert_eq!(alone.charge.header, Some(0.0042));
        assert!(alone.coverage.is_whole());
        let adjusted = facts(&[original, margin("0.0008")]);
        assert!(!adjusted.coverage.is_whole());
        let total = facts(&[original, margin("0.0008"), ("x-litellm-response-cost", "0.005")]);
        assert_eq!(total.charge.header, Some(0.005));
        assert!(total.coverage.is_whole());
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
