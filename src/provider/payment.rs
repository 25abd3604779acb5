//! Calls that their tokens do not pay for: a subscription does, or capacity that the account rents. Here is what path
//! and headers show of it; hosts that serve nothing else have their place among the factors of prices.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::target::Target;
use crate::semconv::provider;

/// What pays, as the factors of the cost name it.
const SUBSCRIPTION: &str = "subscription";
const DEDICATED: &str = "dedicated";
const PROVISIONED: &str = "provisioned";

/// Vertex AI: `dedicated` takes nothing but the throughput that the account has bought, whatever the format. Source:
/// cloud.google.com, "Use Provisioned Throughput", 2026-11.
const CAPACITY: &str = "x-vertex-ai-llm-request-type";

/// Words of paths that plans have. Sources, read 2026-11, by pull requests and issues of clients that quote the providers'
/// pages: Volcengine `/api/coding` and `/api/plan` (anomalyco/models.dev#3405, apache/maka#912), Baidu `/v2/coding`,
/// `/anthropic/coding` and `/v2/tokenplan` (farion1231/cc-switch#2322, VicBilibily/GCMP#293), Kimi `/coding`
/// (MoonshotAI/Kimi-K2#109), StepFun `/step_plan` (anomalyco/models.dev#1262), Tencent `/coding` and `/plan`
/// (Pinvou/pinvou-agent#155, farion1231/cc-switch#7011), Z.ai `/api/coding` (anomalyco/models.dev#555). `token_plan` is
/// not confirmed, and only lowers what is exact.
const PLANS: [&str; 4] = ["coding", "step_plan", "token_plan", "tokenplan"];
/// The word of the paths of two of them, which others may use for something else.
const PLAN: &str = "plan";

/// How the parts of host names begin that belong to a plan. Sources, read 2026-11: Alibaba's `token-plan.` and `coding.`
/// (QwenLM/qwen-code#10980, NousResearch/hermes-agent#4133), Xiaomi's `token-plan-sgp.` (NousResearch/hermes-agent#14285).
const PLAN_HOSTS: [&str; 4] = ["token-plan.", "token-plan-", "coding.", "coding-"];

/// Beginnings of keys that belong to a plan. Sources, read 2026-11: MiniMax's `sk-cp-` (MiniMax-AI/MiniMax-M2#96), Alibaba's
/// `sk-sp-` (NousResearch/hermes-agent#4133), Kimi's `sk-kimi-` (MoonshotAI/Kimi-K2#109), `sk-ant-oat` of Claude's apps
/// (platform.claude.com).
const PLAN_KEYS: [&str; 4] = ["sk-ant-oat", "sk-cp-", "sk-sp-", "sk-kimi-"];

/// What pays a call by its path.
pub(super) fn of_path(target: &Target<'_>) -> Option<&'static str> {
    let provider = target.provider?;
    let at = |words: &[&str]| {
        target.segments.iter().map(AsRef::as_ref).take(words.len()).eq(words.iter().copied())
    };
    let plan = PLANS.iter().any(|word| target.has(word))
        || PLAN_HOSTS.iter().any(|start| target.host.starts_with(start))
        || [provider::VOLCENGINE, provider::TENCENT_CLOUD].contains(&provider) && target.has(PLAN)
        || provider == provider::Z_AI && at(&["api", "anthropic"])
        || provider == provider::OPENCODE && at(&["zen", "go"]);
    if plan {
        return Some(SUBSCRIPTION);
    }
    let rented = match provider {
        // Endpoints of models that the account deployed; `openapi` is that of all.
        provider::GCP_VERTEX_AI => {
            target.ends_with(&["chat", "completions"])
                && target.after("endpoints").is_some_and(|name| name != "openapi")
        }
        provider::FRIENDLI | provider::NOVITA => target.has("dedicated"),
        provider::BASETEN => target.host.ends_with(".api.baseten.co"),
        provider::HUGGINGFACE => target.host.ends_with(".endpoints.huggingface.cloud"),
        // Databricks' own endpoints are named after it.
        provider::DATABRICKS => target
            .after("serving-endpoints")
            .filter(|_| target.ends_with(&["invocations"]))
            .is_some_and(|name| !name.starts_with("databricks-")),
        _ => false,
    };
    rented.then_some(DEDICATED)
}

/// What pays a call by the headers of its request.
pub(crate) fn of_headers(headers: &HeaderMap) -> Option<&'static str> {
    let dedicated = headers.get(CAPACITY).is_some_and(|capacity| capacity.as_bytes() == DEDICATED.as_bytes());
    if dedicated { Some(PROVISIONED) } else { of_key(headers) }
}

fn of_key(headers: &HeaderMap) -> Option<&'static str> {
    let bearer = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
    let bearer = bearer.map(|value| value.strip_prefix(b"Bearer ").unwrap_or(value));
    let key = bearer.or_else(|| headers.get("x-api-key").map(|value| value.as_bytes()))?;
    PLAN_KEYS.iter().any(|start| key.starts_with(start.as_bytes())).then_some(SUBSCRIPTION)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, Method};

    use super::*;
    use crate::provider::recognise;

    #[test]
    fn a_path_shows_who_pays() {
        for (url, wanted) in [
            ("https://api.z.ai/api/coding/paas/v4/chat/completions", Some(SUBSCRIPTION)),
            ("https://open.bigmodel.cn/api/coding/paas/v4/chat/completions", Some(SUBSCRIPTION)),
            ("https://api.z.ai/api/anthropic/v1/messages", Some(SUBSCRIPTION)),
            ("https://api.z.ai/api/paas/v4/chat/completions", None),
            ("https://ark.cn-beijing.volces.com/api/coding/v3/chat/completions", Some(SUBSCRIPTION)),
            ("https://ark.cn-beijing.volces.com/api/plan/v3/chat/completions", Some(SUBSCRIPTION)),
            ("https://ark.ap-southeast.bytepluses.com/api/coding/v1/messages", Some(SUBSCRIPTION)),
            ("https://ark.cn-beijing.volces.com/api/v3/chat/completions", None),
            ("https://qianfan.baidubce.com/v2/coding/chat/completions", Some(SUBSCRIPTION)),
            ("https://qianfan.baidubce.com/v2/tokenplan/personal/chat/completions", Some(SUBSCRIPTION)),
            ("https://qianfan.baidubce.com/anthropic/coding/v1/messages", Some(SUBSCRIPTION)),
            ("https://qianfan.baidubce.com/v2/chat/completions", None),
            ("https://coding-intl.dashscope.aliyuncs.com/v1/chat/completions", Some(SUBSCRIPTION)),
            ("https://coding.dashscope.aliyuncs.com/apps/anthropic/v1/messages", Some(SUBSCRIPTION)),
            (
                "https://token-plan.cn-beijing.maas.aliyuncs.com/compatible-mode/v1/chat/completions",
                Some(SUBSCRIPTION),
            ),
            ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions", None),
            ("https://token-plan-sgp.xiaomimimo.com/v1/chat/completions", Some(SUBSCRIPTION)),
            ("https://api.xiaomimimo.com/v1/chat/completions", None),
            ("https://api.lkeap.cloud.tencent.com/coding/v3/chat/completions", Some(SUBSCRIPTION)),
            ("https://tokenhub.tencentmaas.com/plan/v3/chat/completions", Some(SUBSCRIPTION)),
            ("https://tokenhub-intl.tencentcloudmaas.com/plan/anthropic/v1/messages", Some(SUBSCRIPTION)),
            ("https://api.lkeap.cloud.tencent.com/v1/chat/completions", None),
            ("https://api.kimi.com/coding/v1/messages", Some(SUBSCRIPTION)),
            ("https://opencode.ai/zen/go/v1/chat/completions", Some(SUBSCRIPTION)),
            ("https://opencode.ai/zen/v1/chat/completions", None),
            ("https://api.stepfun.com/step_plan/v1/chat/completions", Some(SUBSCRIPTION)),
            ("https://api.friendli.ai/dedicated/v1/chat/completions", Some(DEDICATED)),
            ("https://api.friendli.ai/serverless/v1/chat/completions", None),
            ("https://api.novita.ai/dedicated/v1/openai/chat/completions", Some(DEDICATED)),
            (
                "https://model-a.api.baseten.co/environments/production/sync/v1/chat/completions",
                Some(DEDICATED),
            ),
            ("https://inference.baseten.co/v1/chat/completions", None),
            ("https://a.us-east-1.aws.endpoints.huggingface.cloud/v1/chat/completions", Some(DEDICATED)),
            ("https://x.cloud.databricks.com/serving-endpoints/wrens/invocations", Some(DEDICATED)),
            ("https://x.cloud.databricks.com/serving-endpoints/databricks-claude-opus-5/invocations", None),
            (
                "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/1/chat/completions",
                Some(DEDICATED),
            ),
            (
                "https://aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
                None,
            ),
            // A gateway that no one knows may name its paths as it likes.
            ("https://llm.example.com/coding/v1/chat/completions", None),
            ("https://coding.example.com/v1/chat/completions", None),
        ] {
            let recognised = recognise(&Method::POST, &url.parse().unwrap()).unwrap();
            assert_eq!(recognised.request.payment, wanted, "{url}");
        }
    }

    #[test]
    fn a_header_shows_who_pays() {
        let of = |name: &'static str, value: &str| {
            let headers = [(HeaderName::from_static(name), value.parse().unwrap())];
            of_headers(&headers.into_iter().collect::<HeaderMap>())
        };
        assert_eq!(of(CAPACITY, "dedicated"), Some(PROVISIONED));
        assert_eq!(of(CAPACITY, "shared"), None);
        assert_eq!(of("authorization", "Bearer sk-ant-oat01-wren"), Some(SUBSCRIPTION));
        assert_eq!(of("authorization", "Bearer sk-cp-wren"), Some(SUBSCRIPTION));
        assert_eq!(of("x-api-key", "sk-sp-wren"), Some(SUBSCRIPTION));
        assert_eq!(of("x-api-key", "sk-ant-api03-wren"), None);
        assert_eq!(of("authorization", "Bearer sk-proj-wren"), None);
        assert_eq!(of_headers(&HeaderMap::new()), None);
    }
}
