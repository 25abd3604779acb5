//! Which requests are recognised, and whom their hosts belong to.

mod recipe;

use super::*;

fn of(url: &str) -> Option<Recognised> {
    recognise(&http::Method::POST, &url.parse().unwrap())
}

fn provider(url: &str) -> Option<&'static str> {
    of(url).unwrap_or_else(|| panic!("{url} is not recognised")).provider
}

#[test]
fn knows_openai_style_paths_on_any_host_and_behind_any_prefix() {
    for url in [
        "https://api.openai.com/v1/chat/completions",
        "https://gateway.internal/team/openai/v1/chat/completions/",
        "http://10.0.0.7:8000//v1//chat/completions?trace=1",
        "http://[::1]:4000/chat/completions",
        "https://api.writer.com/v1/chat",
        "https://api.writer.com:443/v1/chat",
        "https://api.mistral.ai/v1/agents/completions",
        "https://x.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01",
        "https://x.openai.azure.com/openai/v1/chat/completions",
        "https://api.openai.com/v1/completions",
        "https://api.openai.com/v1/responses",
        "https://x.openai.azure.com/openai/responses?api-version=preview",
        "https://chatgpt.com/backend-api/codex/responses",
        "https://api.openai.com/v1/embeddings",
    ] {
        assert!(of(url).is_some(), "{url}");
    }
}

#[test]
fn leaves_everything_else_alone() {
    for url in [
        "https://api.openai.com/v1/responses/resp_1/cancel",
        "https://api.openai.com/v1/responses/input_tokens",
        "https://api.openai.com/v1/responses/compact",
        "https://api.openai.com/v1/chat/completions/chatcmpl-1",
        "https://api.openai.com/v1/moderations",
        "https://api.openai.com/v1/audio/speech",
        "https://api.openai.com/v1/images/generations",
        "https://api.openai.com/v1/batches",
        "https://api.openai.com/v1/files",
        "https://api.openai.com/v1/threads/t/runs",
        "https://api.openai.com/v1/fine_tuning/jobs",
        "https://example.com/v1/chat",
        "https://example.com/v1/generate",
        "https://example.com/v1/embed",
        "https://example.com/cohere/v1/rerank",
        "https://example.com/survey/responses/7",
        "https://example.com/completions-report",
        "https://example.com/",
    ] {
        assert!(of(url).is_none(), "{url}");
    }
    let url = "https://api.openai.com/v1/chat/completions".parse().unwrap();
    assert!(recognise(&http::Method::GET, &url).is_none());
    assert!(recognise(&http::Method::DELETE, &url).is_none());
}

#[test]
fn takes_the_provider_from_the_host() {
    for (url, name) in [
        ("https://api.openai.com/v1/chat/completions", Some("openai")),
        ("https://api.holysheep.ai/v1/chat/completions", Some("holysheep")),
        ("https://openrouter.ai/api/v1/chat/completions", Some("openrouter")),
        ("https://x.openai.azure.com/openai/v1/responses", Some("azure.ai.openai")),
        ("https://x.services.ai.azure.com/openai/v1/chat/completions", Some("azure.ai.openai")),
        ("https://x.services.ai.azure.com/models/chat/completions", Some("azure.ai.inference")),
        ("https://apim.example.com/openai/deployments/d/chat/completions", Some("azure.ai.openai")),
        ("https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1/chat/completions", Some("aws.bedrock")),
        ("https://bedrock-mantle.us-east-1.api.aws/v1/responses", Some("aws.bedrock")),
        (
            "https://vpce-0a-1b.bedrock-runtime.us-east-1.vpce.amazonaws.com/openai/v1/chat/completions",
            Some("aws.bedrock"),
        ),
        (
            "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/endpoints/openapi/chat/completions",
            Some("gcp.vertex_ai"),
        ),
        ("https://jp.api.openai.com/v1/responses", Some("openai")),
        ("https://eu-west-1.api.x.ai/v1/chat/completions", Some("x_ai")),
        ("https://eu.openrouter.ai/api/v1/chat/completions", Some("openrouter")),
        ("https://acme.us-virginia-1.direct.fireworks.ai/v1/chat/completions", Some("fireworks_ai")),
        ("https://notapi.openai.com/v1/chat/completions", None),
        ("https://abc.execute-api.us-east-1.amazonaws.com/v1/chat/completions", None),
        ("https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", Some("gcp.gemini")),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions", Some("alibaba_cloud")),
        ("http://localhost:11434/v1/chat/completions", Some("ollama")),
        ("http://localhost:8000/v1/chat/completions", None),
        ("https://notopenrouter.ai/api/v1/chat/completions", None),
    ] {
        assert_eq!(provider(url), name, "{url}");
    }
}

/// Wire format and provider.
#[track_caller]
fn reads_as(url: &str, format: &str, provider: Option<&str>) {
    let found = of(url).unwrap_or_else(|| panic!("{url} is not recognised"));
    let name = format!("{:?}", found.format);
    assert_eq!((name.split(' ').next(), found.provider), (Some(format), provider), "{url}");
}

#[test]
fn knows_the_paths_of_clouds_and_gateways() {
    let vertex = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1";
    let bedrock = "https://bedrock-runtime.us-west-2.amazonaws.com";
    let cloudflare = "https://gateway.ai.cloudflare.com/v1/account/gateway";
    let foundry = "https://x.services.ai.azure.com";
    for (url, format, provider) in [
        (format!("{vertex}/endpoints/openapi/chat/completions"), "OpenAiChat", "gcp.vertex_ai"),
        (format!("{vertex}/endpoints/123/chat/completions"), "OpenAiChat", "gcp.vertex_ai"),
        (format!("{vertex}/publishers/mistralai/models/mistral-x:rawPredict"), "OpenAiChat", "gcp.vertex_ai"),
        (
            format!("{vertex}/publishers/mistralai/models/mistral-x%3AstreamRawPredict"),
            "OpenAiChat",
            "gcp.vertex_ai",
        ),
        (format!("{vertex}/publishers/ai21/models/jamba-x@001:rawPredict"), "OpenAiChat", "gcp.vertex_ai"),
        (
            format!("{vertex}/publishers/anthropic/models/claude-x:rawPredict"),
            "AnthropicMessages",
            "gcp.vertex_ai",
        ),
        (
            format!("{vertex}/publishers/google/models/text-embedding-005:predict"),
            "GeminiEmbeddings",
            "gcp.vertex_ai",
        ),
        (format!("{bedrock}/openai/v1/chat/completions"), "OpenAiChat", "aws.bedrock"),
        (format!("{bedrock}/model/openai.gpt-oss-20b-1:0/invoke"), "BedrockInvoke", "aws.bedrock"),
        (
            "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages".into(),
            "AnthropicMessages",
            "aws.bedrock",
        ),
        (format!("{cloudflare}/openai/chat/completions"), "OpenAiChat", "cloudflare"),
        (format!("{cloudflare}/openai/responses"), "OpenAiResponses", "cloudflare"),
        (format!("{cloudflare}/openai/embeddings"), "OpenAiEmbeddings", "cloudflare"),
        (format!("{cloudflare}/compat/chat/completions"), "OpenAiChat", "cloudflare"),
        (format!("{cloudflare}/anthropic/v1/messages"), "AnthropicMessages", "cloudflare"),
        (format!("{cloudflare}/cohere/v1/chat"), "CohereV1", "cloudflare"),
        (format!("{cloudflare}/cohere/v2/chat"), "CohereV2", "cloudflare"),
        (format!("{cloudflare}/cohere/v2/embed"), "CohereV2", "cloudflare"),
        (
            format!(
                "{cloudflare}/aws-bedrock/bedrock-runtime/us-east-1/model/amazon.nova-lite-v1:0/converse"
            ),
            "BedrockConverse",
            "cloudflare",
        ),
        (format!("{foundry}/models/chat/completions?api-version=1"), "OpenAiChat", "azure.ai.inference"),
        (format!("{foundry}/models/embeddings?api-version=1"), "OpenAiEmbeddings", "azure.ai.inference"),
        (format!("{foundry}/openai/v1/responses"), "OpenAiResponses", "azure.ai.openai"),
        (format!("{foundry}/api/projects/p/openai/v1/responses"), "OpenAiResponses", "azure.ai.openai"),
        (format!("{foundry}/anthropic/v1/messages"), "AnthropicMessages", "azure.ai.inference"),
        ("https://router.huggingface.co/v1/chat/completions".into(), "OpenAiChat", "huggingface"),
        (
            "https://router.huggingface.co/hf-inference/models/a/b/v1/chat/completions".into(),
            "OpenAiChat",
            "huggingface",
        ),
        (
            "https://w.cloud.databricks.com/serving-endpoints/chat/completions".into(),
            "OpenAiChat",
            "databricks",
        ),
        ("https://api.fireworks.ai/inference/v1/completions".into(), "OpenAiCompletions", "fireworks_ai"),
        ("https://api.perplexity.ai/chat/completions".into(), "OpenAiChat", "perplexity"),
        ("https://api.deepseek.com/beta/completions".into(), "OpenAiCompletions", "deepseek"),
        ("https://api.deepseek.com/chat/completions".into(), "OpenAiChat", "deepseek"),
        ("https://api.deepseek.com/anthropic/v1/messages".into(), "AnthropicMessages", "deepseek"),
        ("https://api.mistral.ai/v1/fim/completions".into(), "OpenAiCompletions", "mistral_ai"),
        ("https://models.github.ai/orgs/o/inference/chat/completions".into(), "OpenAiChat", "github_models"),
        ("https://api.cohere.com/compatibility/v1/chat/completions".into(), "OpenAiChat", "cohere"),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai/embeddings".into(),
            "OpenAiEmbeddings",
            "gcp.gemini",
        ),
        ("https://open.bigmodel.cn/api/paas/v4/chat/completions".into(), "OpenAiChat", "z_ai"),
        ("https://ark.cn-beijing.volces.com/api/v3/responses".into(), "OpenAiResponses", "volcengine"),
        ("https://openrouter.ai/api/v1/messages".into(), "AnthropicMessages", "openrouter"),
    ] {
        reads_as(&url, format, Some(provider));
    }
}

#[test]
fn stays_silent_on_what_clouds_serve_beside_inference() {
    let vertex = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5";
    let gemini = "https://generativelanguage.googleapis.com/v1beta";
    for url in [
        format!("{vertex}/publishers/anthropic/models/count-tokens:rawPredict"),
        format!("{vertex}/publishers/mistralai/models/mistral-ocr-2505:rawPredict"),
        format!("{vertex}/publishers/google/models/imagen-4:predict"),
        format!("{vertex}/publishers/google/models/gemini-x:computeTokens"),
        format!("{vertex}/endpoints/123:predict"),
        format!("{vertex}/endpoints/123:rawPredict"),
        format!("{vertex}/batchPredictionJobs"),
        format!("{gemini}/models/m:batchGenerateContent"),
        format!("{gemini}/models/m:asyncBatchEmbedContent"),
        format!("{gemini}/cachedContents"),
        "https://gateway.ai.cloudflare.com/v1/account/gateway".into(),
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke-with-bidirectional-stream".into(),
        "https://api.cohere.com/v1/batches".into(),
        "https://x.openai.azure.com/openai/deployments/d/audio/transcriptions".into(),
        "https://x.openai.azure.com/openai/v1/fine_tuning/jobs".into(),
        "https://api.mistral.ai/v1/conversations".into(),
        "http://localhost:11434/api/show".into(),
    ] {
        assert!(of(&url).is_none(), "{url}");
    }
}

#[test]
fn takes_model_and_streaming_of_a_raw_prediction_from_the_path() {
    let url = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/mistralai/models/\
               codestral-2%40001:";
    let whole = of(&format!("{url}rawPredict")).unwrap().request;
    assert_eq!((whole.model.as_deref(), whole.stream), (Some("codestral-2@001"), false));
    assert!(of(&format!("{url}streamRawPredict")).unwrap().request.stream);
}

#[test]
fn takes_the_model_of_an_azure_deployment_from_the_path() {
    let url = "https://x.openai.azure.com/openai/deployments/my%20gpt-4o/embeddings?api-version=1";
    assert_eq!(of(url).unwrap().request.model.as_deref(), Some("my gpt-4o"));
}

#[test]
fn decodes_escapes_after_the_path_is_cut() {
    let url = "https://h/model/arn%3aaws%3Abedrock%2Fx/%zz%".parse().unwrap();
    assert_eq!(Target::new(&url, |_, _| None).unwrap().segments, ["model", "arn:aws:bedrock/x", "%zz%"]);
}
