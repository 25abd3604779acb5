//! Prices that the bundled table has no rule for: factors on the price of tokens, and fees of server tools. Each names
//! its source and when it was read.

use crate::billing::Count;

/// What multiplies the price of tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served<'a> {
    /// The table's id of the seller.
    pub(super) seller: &'a str,
    /// The table's id of the model, in lower case.
    pub(super) model: &'a str,
    /// The host that was called.
    pub(super) host: &'a str,
    pub(super) speed: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    /// What the host costs as a multiple of the list price, as the own table has it.
    pub(super) multiple: Option<f64>,
}

/// A factor, and whether it is the one that is billed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Factor {
    pub(super) by: f64,
    pub(super) exact: bool,
}

const ONE: Factor = Factor { by: 1.0, exact: true };
const UNKNOWN: Factor = Factor { by: 1.0, exact: false };

const fn times(by: f64) -> Factor {
    Factor { by, exact: true }
}

impl Served<'_> {
    /// The factor of speed, region and host together.
    pub(super) fn factor(&self) -> Factor {
        let endpoint = self.multiple.map_or_else(|| self.endpoint(), times);
        let all = [self.speed(), self.region(), endpoint];
        all.into_iter()
            .fold(ONE, |one, other| Factor { by: one.by * other.by, exact: one.exact && other.exact })
    }

    /// Anthropic's fast mode, cache prices included. Source: platform.claude.com, "Fast mode", 2026-10.
    fn speed(&self) -> Factor {
        let Some(speed) = self.speed else { return ONE };
        match (speed, claude(self.model)) {
            ("fast", Some((4, 6 | 7))) if self.model.contains("opus") => times(6.0),
            ("fast", Some((4, 8) | (5, 0 | 5))) if self.model.contains("opus") => times(2.0),
            _ => UNKNOWN,
        }
    }

    /// Anthropic's `inference_geo`: 10 % more for inference in the US, from Claude 4.6 on. Source: platform.claude.com,
    /// "Pricing", data residency, 2026-10.
    fn region(&self) -> Factor {
        let Some(region) = self.region else { return ONE };
        // Vertex AI behind a gateway, whose host does not show the region.
        if self.seller == "google" && !self.host.ends_with("googleapis.com") {
            return self.regional_vertex();
        }
        match (region, claude(self.model)) {
            ("us", Some(version)) => times(if version >= (4, 6) { 1.1 } else { 1.0 }),
            _ => UNKNOWN,
        }
    }

    /// Claude from 4.5 on costs 10 % more on regional and multi-region endpoints of Vertex AI than on the global one. Source:
    /// cloud.google.com, "Vertex AI pricing", partner models, 2026-10. On Google's own models of the third generation on,
    /// sources differ.
    fn regional_vertex(&self) -> Factor {
        match claude(self.model) {
            Some(version) if version >= (4, 5) => times(1.1),
            _ if gemini_3(self.model) => UNKNOWN,
            _ => ONE,
        }
    }

    /// Hosts that keep data in a region.
    fn endpoint(&self) -> Factor {
        match self.seller {
            // 10 % more for models released from 2026-03-05 on. Source: developers.openai.com, "Data residency", 2026-10.
            "openai" if self.host.ends_with(".api.openai.com") => match numbered_gpt(self.model) {
                Some(version) => times(if version >= (5, 4) { 1.1 } else { 1.0 }),
                None => UNKNOWN,
            },
            // 10 % more. Source: docs.x.ai, "Regional endpoints", 2026-10.
            "x-ai" if self.host == "us.api.x.ai" => times(1.1),
            "x-ai" if self.host.ends_with(".api.x.ai") => UNKNOWN,
            // Google's plans for developers. Source: developers.google.com, "Gemini Code Assist", quotas, 2026-11.
            "google" if self.host.contains("cloudcode-pa") => UNKNOWN,
            "google"
                if self.host != "aiplatform.googleapis.com"
                    && self.host.ends_with("googleapis.com")
                    && (self.host.contains("aiplatform.") || !gemini_3(self.model)) =>
            {
                self.regional_vertex()
            }
            // The table has the prices of Amazon's regions in the US; elsewhere only models with profiles of their own
            // cost the same. Not confirmed by a page for each region, so that the cost there is an estimate.
            "aws" if !self.model.starts_with("regional.") && !self.model.starts_with("global.") => {
                let regions = ["us-east-1", "us-east-2", "us-west-2"];
                let here = regions.iter().any(|region| self.host.contains(region));
                if here || !self.host.contains("amazonaws.com") { ONE } else { UNKNOWN }
            }
            "aws" if self.host.contains("us-gov-") => UNKNOWN,
            // Deployments of a data zone and of a region cost 10 to 20 % more than global ones, and nothing in a
            // request or a response tells them apart. Source: learn.microsoft.com, "Deployment types", 2026-11.
            "azure" => UNKNOWN,
            // What a plan includes is not billed; what is, the response reports. Source: docs.github.com, "Usage-based
            // billing", 2026-06.
            "github-copilot" => UNKNOWN,
            // Subscriptions pay for the calls. Sources: kimi.com/code/docs, "Kimi Code", and docs.mistral.ai, "Coding",
            // 2026-11.
            "moonshotai" if self.host == "api.kimi.com" => UNKNOWN,
            "mistral" if self.host == "codestral.mistral.ai" => UNKNOWN,
            "openai" if self.host == "chatgpt.com" => UNKNOWN,
            _ => ONE,
        }
    }
}

/// Whether the model is a Gemini of the third generation on.
fn gemini_3(model: &str) -> bool {
    model.strip_prefix("gemini-").and_then(version).is_some_and(|(major, _)| major >= 3)
}

/// Whether DeepSeek's price is that of its peak hours, which the table has for all days: weekends and holidays have
/// none, and the holidays are not known. Source: api-docs.deepseek.com, "Models & Pricing", 2026-10; since 2026-08-17.
pub(super) fn may_be_a_holiday(seller: &str, at: std::time::SystemTime) -> bool {
    const FIRST: u64 = 1_786_896_000;
    let seconds = at.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    seller == "deepseek" && seconds >= FIRST && matches!(seconds / 3600 % 24, 1..4 | 6..10)
}

/// The factor of a service tier that the table has no price for. Sources: ai.google.dev, "Flex inference" and "Priority
/// inference", 2026-10: half, and 75 to 100 % more; aws.amazon.com/bedrock/pricing, 2026-10: half, and 75 % more.
pub(super) fn tier(seller: &str, tier: &str) -> Option<Factor> {
    match (seller, tier) {
        ("google" | "aws", "flex") => Some(times(0.5)),
        ("google", "priority") => Some(Factor { by: 1.8, exact: false }),
        ("aws", "priority") => Some(times(1.75)),
        _ => None,
    }
}

/// Cache writes of one hour cost twice the input, those of five minutes 1.25 times. Source: platform.claude.com,
/// "Prompt caching", 2026-10; the same on Amazon Bedrock and Vertex AI.
pub(super) fn hour_of_cache(model: &str) -> Option<f64> {
    claude(model).map(|_| 2.0 / 1.25)
}

/// US dollars for one use of a server tool. Sources: platform.claude.com, "Web search tool", and developers.openai.com,
/// "Pricing", built-in tools, 2026-10: USD 10 per 1,000 searches, USD 25 with the search previews; file search USD 2.50
/// per 1,000 calls. cohere.com/pricing, 2026-10: rerank 3.5 USD 2 per 1,000 searches, which nothing else is billed for.
pub(super) fn fee(model: &str, count: Count) -> Option<f64> {
    let openai = gpt(model).is_some();
    match count {
        Count::WebSearch if openai && searches_itself(model) => Some(0.025),
        Count::RerankSearch if model.starts_with("rerank-v3.5") => Some(0.002),
        Count::WebSearch if openai || claude(model).is_some() => Some(0.01),
        Count::FileSearch if openai => Some(0.0025),
        _ => None,
    }
}

/// Whether the model is one of OpenAI's search previews.
pub(super) fn searches_itself(model: &str) -> bool {
    model.contains("-search-preview")
}

/// What Perplexity adds per request, where the table has the fee of the high search context alone. Source:
/// docs.perplexity.ai, "Pricing", request fees, 2026-10.
pub(super) fn search_context(seller: &str, model: &str, context: Option<&str>) -> Option<Factor> {
    if seller != "perplexity" {
        return None;
    }
    let fees = match model {
        "sonar" | "sonar-reasoning" => [5.0, 8.0, 12.0],
        "sonar-pro" | "sonar-reasoning-pro" => [6.0, 10.0, 14.0],
        _ => return None,
    };
    let [low, medium, high] = fees.map(|fee| fee / 1000.0);
    let (by, exact) = match context {
        Some("low") => (low - high, true),
        Some("medium") => (medium - high, true),
        Some("high") => (0.0, true),
        _ => (0.0, false),
    };
    Some(Factor { by, exact })
}

/// Major and minor version of a Claude model: `claude-opus-4-8`, `anthropic.claude-opus-5`, `claude-3.5-sonnet`.
fn claude(model: &str) -> Option<(u32, u32)> {
    let (_, rest) = model.split_once("claude-")?;
    version(rest)
}

/// Major and minor version of a GPT model that is named by its number, and not by what it makes.
fn numbered_gpt(model: &str) -> Option<(u32, u32)> {
    let rest = model.strip_prefix("gpt-")?;
    version(rest).filter(|_| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Major and minor version of a GPT model.
fn gpt(model: &str) -> Option<(u32, u32)> {
    version(model.strip_prefix("gpt-")?).or(Some((0, 0)))
}

/// The first two numbers of a name, dates left out; no second number is zero.
fn version(name: &str) -> Option<(u32, u32)> {
    let parts = name.split(['-', '.', '@', ':']).filter(|part| part.len() <= 2);
    let mut numbers = parts.filter_map(|part| part.trim_end_matches('o').parse().ok());
    Some((numbers.next()?, numbers.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served<'a>(model: &'a str, speed: Option<&'a str>, region: Option<&'a str>) -> Served<'a> {
        Served { seller: "anthropic", model, host: "api.anthropic.com", speed, region, multiple: None }
    }

    #[test]
    fn reads_versions_out_of_names() {
        assert_eq!(claude("claude-opus-4-8"), Some((4, 8)));
        assert_eq!(claude("regional.anthropic.claude-opus-5"), Some((5, 0)));
        assert_eq!(claude("claude-opus-5-5"), Some((5, 5)));
        assert_eq!(claude("claude-3-5-sonnet-20241022"), Some((3, 5)));
        assert_eq!(claude("claude-sonnet-4-20250514"), Some((4, 0)));
        assert_eq!(claude("claude-opus-4.6"), Some((4, 6)));
        assert_eq!(claude("gpt-5"), None);
        assert_eq!(gpt("gpt-5.6-sol"), Some((5, 6)));
        assert_eq!(gpt("gpt-4o-mini"), Some((4, 0)));
        assert_eq!(gpt("o3"), None);
    }

    #[test]
    fn multiplies_what_was_served_and_not_what_was_asked_for() {
        for (model, speed, region, by, exact) in [
            ("claude-opus-5", None, None, 1.0, true),
            ("claude-opus-5", Some("fast"), None, 2.0, true),
            ("claude-opus-5-5", Some("fast"), None, 2.0, true),
            ("claude-opus-4-8", Some("fast"), Some("us"), 2.2, true),
            ("claude-opus-4-6", Some("fast"), None, 6.0, true),
            ("claude-sonnet-5", Some("fast"), None, 1.0, false),
            ("claude-opus-5", Some("warp"), None, 1.0, false),
            ("claude-opus-4-5", None, Some("us"), 1.0, true),
            ("claude-sonnet-4-6", None, Some("us"), 1.1, true),
            ("claude-sonnet-4-6", None, Some("eu"), 1.0, false),
        ] {
            let factor = served(model, speed, region).factor();
            assert!((factor.by - by).abs() < 1e-12, "{model} {speed:?} {region:?}: {factor:?}");
            assert_eq!(factor.exact, exact, "{model} {speed:?} {region:?}");
        }
    }

    #[test]
    fn peak_hours_of_deepseek_may_be_a_holiday() {
        let at = |seconds| std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        // A Saturday: 2026-11-28, 02:00, 05:00 and 09:59 UTC; and a day before there were peak hours.
        let day = 1_795_824_000;
        assert!(may_be_a_holiday("deepseek", at(day + 2 * 3600)));
        assert!(may_be_a_holiday("deepseek", at(day + 10 * 3600 - 60)));
        assert!(!may_be_a_holiday("deepseek", at(day + 5 * 3600)));
        assert!(!may_be_a_holiday("together", at(day + 2 * 3600)));
        assert!(!may_be_a_holiday("deepseek", at(1_780_000_000 / 86_400 * 86_400 + 2 * 3600)));
    }

    #[test]
    fn hosts_that_keep_data_in_a_region_cost_more() {
        let of = |seller, model, host| {
            Served { seller, model, host, speed: None, region: None, multiple: None }.factor()
        };
        assert_eq!(of("openai", "gpt-5.5", "eu.api.openai.com"), times(1.1));
        assert_eq!(of("openai", "gpt-5.5", "api.openai.com"), ONE);
        assert_eq!(of("openai", "gpt-4o", "us.api.openai.com"), ONE);
        assert!(!of("openai", "whisper-1", "us.api.openai.com").exact);
        // Named by what they make, and released when all new models cost more there.
        assert!(!of("openai", "gpt-image-2", "eu.api.openai.com").exact);
        assert!(!of("openai", "gpt-audio-1.5", "eu.api.openai.com").exact);
        assert!(!of("azure", "gpt-4.1", "x.openai.azure.com").exact);
        assert!(!of("google", "gemini-2.5-pro", "cloudcode-pa.googleapis.com").exact);
        assert!(!of("mistral", "codestral", "codestral.mistral.ai").exact);
        assert_eq!(of("x-ai", "grok-4.6", "us.api.x.ai"), times(1.1));
        assert_eq!(of("google", "claude-opus-5", "us-east5-aiplatform.googleapis.com"), times(1.1));
        assert_eq!(of("google", "claude-opus-5", "aiplatform.googleapis.com"), ONE);
        assert_eq!(of("google", "gemini-2.5-pro", "us-east5-aiplatform.googleapis.com"), ONE);
        assert!(!of("google", "gemini-3.5-flash", "us-east5-aiplatform.googleapis.com").exact);
        assert_eq!(of("google", "gemini-3.5-flash", "generativelanguage.googleapis.com"), ONE);
        assert!(!of("aws", "amazon.nova-lite-v1:0", "bedrock-runtime.eu-west-1.amazonaws.com").exact);
        assert_eq!(of("aws", "amazon.nova-lite-v1:0", "bedrock-runtime.us-east-1.amazonaws.com"), ONE);
        assert_eq!(
            of("aws", "regional.anthropic.claude-opus-5", "bedrock-runtime.eu-west-1.amazonaws.com"),
            ONE
        );
        assert!(
            !of("aws", "regional.anthropic.claude-opus-5", "bedrock-runtime.us-gov-west-1.amazonaws.com")
                .exact
        );
    }
}
