//! Calls that their tokens do not pay for: subscriptions, rented capacity, gateways' plans. None is called exact.

use serde_json::json;

use super::{ANTHROPIC, Case, chat, converse, gemini, message, per_million, with};

/// Chats of a model that the table has, where something else than its tokens pays.
const CHATS: &[(&str, &str)] = &[
    ("https://api.z.ai/api/coding/paas/v4/chat/completions", "GLM-4.7"),
    ("https://open.bigmodel.cn/api/coding/paas/v4/chat/completions", "GLM-4.7"),
    ("https://api.kimi.com/coding/v1/chat/completions", "kimi-k2.5"),
    ("https://ark.cn-beijing.volces.com/api/coding/v3/chat/completions", "kimi-k2.5"),
    ("https://qianfan.baidubce.com/v2/coding/chat/completions", "kimi-k2.5"),
    ("https://opencode.ai/zen/go/v1/chat/completions", "kimi-k2.5"),
    ("https://codestral.mistral.ai/v1/chat/completions", "codestral-latest"),
    ("https://api.githubcopilot.com/chat/completions", "claude-opus-5"),
    ("https://birds.openai.azure.com/openai/deployments/d/chat/completions?api-version=1", "o3-mini"),
    ("https://api.friendli.ai/dedicated/v1/chat/completions", "gpt-4o"),
    ("https://api.novita.ai/dedicated/v1/openai/chat/completions", "deepseek/deepseek-v3.2"),
    (
        "https://model-a.api.baseten.co/environments/production/sync/v1/chat/completions",
        "deepseek-ai/DeepSeek-V4-Pro",
    ),
    ("https://a.us-east-1.aws.endpoints.huggingface.cloud/v1/chat/completions", "openai/gpt-oss-120b"),
    (
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints/1/chat/completions",
        "google/gemma-3-27b-it",
    ),
    ("https://api.fireworks.ai/inference/v1/chat/completions", "accounts/birds/models/deepseek-v3-0324"),
];

pub(super) fn otherwise() -> Vec<Case> {
    let t = json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100});
    let u = json!({"input_tokens": 1000, "output_tokens": 100});
    let g = json!({"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100});
    let c = json!({"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1100});
    let claude = || message("claude-opus-5", &u);
    let bill = per_million([(1000.0, 5.0), (100.0, 25.0)]);
    let bedrock = |arn: &str| -> &'static str {
        format!("https://bedrock-runtime.us-east-1.amazonaws.com/model/{arn}/converse").leak()
    };
    let router = json!({"promptRouter": {"invokedModelId": "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0"}});
    let chats = CHATS.iter().map(|(url, model)| Case::new(url, url, model, &chat(model, &t)));
    let mut cases: Vec<Case> = chats.collect();
    cases.extend([
        Case::new(
            "a plan by the path of Claude's format",
            "https://api.z.ai/api/anthropic/v1/messages",
            "GLM-4.7",
            &message("GLM-4.7", &u),
        )
        .factors(&["payment=subscription"]),
        Case::new(
            "a plan by its key",
            "https://api.minimax.io/anthropic/v1/messages",
            "MiniMax-M2.5",
            &message("MiniMax-M2.5", &u),
        )
        .asks(&[("authorization", "Bearer sk-cp-wren")]),
        Case::new("a token of an app's", ANTHROPIC, "claude-opus-5", &claude())
            .asks(&[("authorization", "Bearer sk-ant-oat01-wren")])
            .factors(&["payment=subscription"]),
        Case::new("a limit of a plan", ANTHROPIC, "claude-opus-5", &claude())
            .header(&[("anthropic-ratelimit-unified-5h-utilization", "0.2")])
            .factors(&["payment=subscription"]),
        Case::new(
            "a plan for developers",
            "https://cloudcode-pa.googleapis.com/v1internal:generateContent",
            "gemini-2.5-pro",
            &json!({"response": gemini("gemini-2.5-pro", &g)}),
        ),
        Case::new(
            "a router of Bedrock's, which has a fee",
            bedrock("arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Adefault-prompt-router%2Fanthropic.claude%3A1"),
            "",
            &with(converse(&c), "trace", router),
        ),
        Case::new(
            "an endpoint of SageMaker's",
            bedrock("arn%3Aaws%3Asagemaker%3Aus-east-1%3A1%3Aendpoint%2Fclaude-opus-5"),
            "",
            &converse(&c),
        ),
        Case::new(
            "a prompt that Bedrock keeps",
            bedrock("arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aprompt%2Fclaude-opus-5"),
            "",
            &converse(&c),
        ),
    ]);
    let mut cases: Vec<Case> = cases.into_iter().map(|case| case.is("estimated")).collect();
    // The table may have no price at all under what the account calls its models.
    for case in &mut cases {
        if case.model.starts_with("accounts/birds")
            || case.url.contains("endpoints/1/")
            || case.url.contains("friendli")
            || case.url.contains("novita")
        {
            case.status = "";
        }
    }
    // The same without a plan.
    cases.push(
        Case::new("a key of an account's", ANTHROPIC, "claude-opus-5", &claude())
            .asks(&[("x-api-key", "sk-ant-api03-wren")])
            .costs(bill),
    );
    cases.push(
        Case::new(
            "an ARN of a profile of Bedrock's",
            bedrock(
                "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fglobal.anthropic.claude-opus-5",
            ),
            "",
            &converse(&c),
        )
        .costs(bill),
    );
    cases
}
