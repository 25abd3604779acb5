//! Which requests are recognised, and whom their hosts belong to.

mod recipe;

use super::*;
use crate::call::Retrieval;

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
        "https://api.openai.com/v1/chat/completions/chatcmpl-1",
        "https://api.openai.com/v1/moderations",
        "https://api.openai.com/v1/batches",
        "https://api.openai.com/v1/files",
        "https://api.openai.com/v1/threads/t/runs",
        "https://api.openai.com/v1/fine_tuning/jobs",
        "https://example.com/v1/chat",
        "https://example.com/v1/generate",
        "https://example.com/v1/embed",
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
        format!("{vertex}/publishers/google/models/gemini-x:computeTokens"),
        format!("{vertex}/batchPredictionJobs"),
        format!("{gemini}/models/m:batchGenerateContent"),
        format!("{gemini}/models/m:asyncBatchEmbedContent"),
        format!("{gemini}/cachedContents"),
        "https://gateway.ai.cloudflare.com/v1/account".into(),
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke-with-bidirectional-stream".into(),
        "https://api.cohere.com/v1/batches".into(),
        "https://x.openai.azure.com/openai/v1/fine_tuning/jobs".into(),
        "http://localhost:11434/api/show".into(),
    ] {
        assert!(of(&url).is_none(), "{url}");
    }
}

/// Every endpoint through which a model is called, by the operation it performs and whom it belongs to.
#[test]
fn knows_every_operation_of_every_provider() {
    use crate::call::Operation::*;
    for (url, operation, provider) in [
        ("https://api.openai.com/v1/responses/compact", Chat, "openai"),
        ("https://api.openai.com/v1/images/generations", ImageGeneration, "openai"),
        ("https://api.openai.com/v1/images/edits", ImageGeneration, "openai"),
        ("https://api.openai.com/v1/images/variations", ImageGeneration, "openai"),
        ("https://api.openai.com/v1/audio/transcriptions", Transcription, "openai"),
        ("https://api.openai.com/v1/audio/translations", Transcription, "openai"),
        ("https://api.openai.com/v1/audio/speech", Speech, "openai"),
        ("https://api.openai.com/v1/videos", VideoGeneration, "openai"),
        ("https://api.openai.com/v1/videos/video_1/remix", VideoGeneration, "openai"),
        (
            "https://x.openai.azure.com/openai/deployments/d/images/generations",
            ImageGeneration,
            "azure.ai.openai",
        ),
        (
            "https://x.openai.azure.com/openai/deployments/d/audio/transcriptions",
            Transcription,
            "azure.ai.openai",
        ),
        ("https://x.services.ai.azure.com/api/projects/p/agents/a/runs", InvokeAgent, "azure.ai.inference"),
        ("https://x.services.ai.azure.com/api/projects/p/threads/t/runs", InvokeAgent, "azure.ai.inference"),
        ("https://e.eastus.inference.ml.azure.com/score", Chat, "azure.ml"),
        ("https://api.x.ai/v1/images/generations", ImageGeneration, "x_ai"),
        ("https://api.x.ai/v1/videos/generations", VideoGeneration, "x_ai"),
        ("https://api.x.ai/v1/complete", TextCompletion, "x_ai"),
        ("https://api.anthropic.com/v1/complete", TextCompletion, "anthropic"),
        ("https://aws-external-anthropic.us-west-2.api.aws/v1/messages", Chat, "anthropic"),
        ("https://generativelanguage.googleapis.com/v1beta/interactions", GenerateContent, "gcp.gemini"),
        (
            "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/interactions",
            GenerateContent,
            "gcp.vertex_ai",
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/veo-3:predictLongRunning",
            VideoGeneration,
            "gcp.gemini",
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/imagen-4:predict",
            ImageGeneration,
            "gcp.gemini",
        ),
        (
            "https://cloudcode-pa.googleapis.com/v1internal:streamGenerateContent",
            GenerateContent,
            "gcp.gemini",
        ),
        (
            "https://firebasevertexai.googleapis.com/v1beta/projects/p/models/gemini-3:generateContent",
            GenerateContent,
            "gcp.vertex_ai",
        ),
        (
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/1:predict",
            Chat,
            "gcp.vertex_ai",
        ),
        (
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/meta/models/m:rawPredict",
            Chat,
            "gcp.vertex_ai",
        ),
        (
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/mistralai/models/mistral-ocr:rawPredict",
            Ocr,
            "gcp.vertex_ai",
        ),
        (
            "https://bedrock-agent-runtime.us-east-1.amazonaws.com/agents/A/agentAliases/B/sessions/C/text",
            InvokeAgent,
            "aws.bedrock",
        ),
        ("https://bedrock-agent-runtime.us-east-1.amazonaws.com/retrieveAndGenerate", Chat, "aws.bedrock"),
        ("https://bedrock-agent-runtime.us-east-1.amazonaws.com/rerank", Rerank, "aws.bedrock"),
        (
            "https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/arn%3Aaws%3Ar%2Fa/invocations",
            InvokeAgent,
            "aws.bedrock",
        ),
        ("https://bedrock-runtime.us-east-1.amazonaws.com/async-invoke", VideoGeneration, "aws.bedrock"),
        ("https://gateway.ai.cloudflare.com/v1/a1/birds", Chat, "cloudflare"),
        (
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/reasoningEngines/1:streamQuery",
            InvokeAgent,
            "gcp.vertex_ai",
        ),
        (
            "https://eu-discoveryengine.googleapis.com/v1/projects/p/locations/eu/rankingConfigs/c:rank",
            Rerank,
            "gcp.vertex_ai",
        ),
        ("https://ai.api.nvidia.com/v1/vlm/nvidia/neva-22b", Chat, "nvidia"),
        ("https://api.writer.com/v1/applications/a/jobs", InvokeAgent, "writer"),
        ("https://runtime.sagemaker.us-west-2.amazonaws.com/endpoints/e/invocations", Chat, "aws.sagemaker"),
        ("https://w.cloud.databricks.com/serving-endpoints/e/invocations", Chat, "databricks"),
        ("https://a.snowflakecomputing.com/api/v2/cortex/inference:complete", Chat, "snowflake"),
        ("https://a.snowflakecomputing.com/api/v2/cortex/inference:embed", Embeddings, "snowflake"),
        ("https://a.snowflakecomputing.com/api/v2/cortex/agent:run", InvokeAgent, "snowflake"),
        (
            "https://a.snowflakecomputing.com/api/v2/databases/D/schemas/S/agents/N:run",
            InvokeAgent,
            "snowflake",
        ),
        ("https://us-south.ml.cloud.ibm.com/ml/v1/text/chat", Chat, "ibm.watsonx.ai"),
        ("https://us-south.ml.cloud.ibm.com/ml/v1/text/generation_stream", TextCompletion, "ibm.watsonx.ai"),
        ("https://us-south.ml.cloud.ibm.com/ml/v1/deployments/d/text/chat_stream", Chat, "ibm.watsonx.ai"),
        ("https://us-south.ml.cloud.ibm.com/ml/v1/text/embeddings", Embeddings, "ibm.watsonx.ai"),
        ("https://us-south.ml.cloud.ibm.com/ml/v1/text/rerank", Rerank, "ibm.watsonx.ai"),
        ("https://api.cloudflare.com/client/v4/accounts/a/ai/run/@cf/meta/llama", Chat, "cloudflare"),
        ("https://api.cloudflare.com/client/v4/accounts/a/ai/run/@cf/baai/bge-m3", Embeddings, "cloudflare"),
        (
            "https://gateway.ai.cloudflare.com/v1/a/g/workers-ai/@cf/black-forest-labs/flux",
            ImageGeneration,
            "cloudflare",
        ),
        (
            "https://api.ai.prod.eu.aws.ml.hana.ondemand.com/v2/inference/deployments/d/v2/completion",
            Chat,
            "sap_ai_core",
        ),
        ("https://api.mistral.ai/v1/conversations", Chat, "mistral_ai"),
        ("https://api.mistral.ai/v1/conversations/c/restart", Chat, "mistral_ai"),
        ("https://api.mistral.ai/v1/ocr", Ocr, "mistral_ai"),
        ("https://api.mistral.ai/v1/audio/transcriptions", Transcription, "mistral_ai"),
        ("https://api.mistral.ai/v1/classifications", Classification, "mistral_ai"),
        (
            "https://dashscope.aliyuncs.com/api/v1/services/aigc/text-generation/generation",
            Chat,
            "alibaba_cloud",
        ),
        (
            "https://dashscope.aliyuncs.com/api/v1/services/aigc/multimodal-generation/generation",
            Chat,
            "alibaba_cloud",
        ),
        (
            "https://dashscope-intl.aliyuncs.com/api/v1/services/embeddings/text-embedding/text-embedding",
            Embeddings,
            "alibaba_cloud",
        ),
        (
            "https://dashscope.aliyuncs.com/api/v1/services/rerank/text-rerank/text-rerank",
            Rerank,
            "alibaba_cloud",
        ),
        (
            "https://dashscope.aliyuncs.com/api/v1/services/aigc/video-generation/video-synthesis",
            VideoGeneration,
            "alibaba_cloud",
        ),
        ("https://dashscope.aliyuncs.com/api/v1/apps/a/completion", InvokeAgent, "alibaba_cloud"),
        ("https://api.minimax.io/v1/text/chatcompletion_v2", Chat, "minimax"),
        ("https://api.minimax.io/v1/t2a_v2", Speech, "minimax"),
        ("https://api.minimax.io/v1/image_generation", ImageGeneration, "minimax"),
        ("https://api.cohere.com/v1/classify", Classification, "cohere"),
        ("https://api.cohere.com/v2/rerank", Rerank, "cohere"),
        ("https://api.voyageai.com/v1/rerank", Rerank, "voyage_ai"),
        ("https://api.voyageai.com/v1/multimodalembeddings", Embeddings, "voyage_ai"),
        ("https://ark.cn-beijing.volces.com/api/v3/embeddings/multimodal", Embeddings, "volcengine"),
        ("https://api.perplexity.ai/v1/sonar", Chat, "perplexity"),
        ("https://api.perplexity.ai/async/chat/completions", Chat, "perplexity"),
        ("https://api.z.ai/api/paas/v4/async/chat/completions", Chat, "z_ai"),
        ("https://api.reka.ai/v1/chat", Chat, "reka_ai"),
        ("https://api.coze.com/v3/chat", InvokeAgent, "coze"),
        ("https://aip.baidubce.com/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/ernie-4.0-8k", Chat, "baidu"),
        ("https://aip.baidubce.com/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/completions", Chat, "baidu"),
        ("https://hunyuan.tencentcloudapi.com/", Chat, "tencent_cloud"),
        ("https://api.elevenlabs.io/v1/text-to-speech/v/stream", Speech, "elevenlabs"),
        ("https://ai-gateway.vercel.sh/v1/ai/language-model", Chat, "vercel"),
        ("https://ai-gateway.vercel.sh/v3/ai/embedding-model", Embeddings, "vercel"),
        ("https://api.replicate.com/v1/models/meta/llama-4/predictions", TextCompletion, "replicate"),
        ("https://router.huggingface.co/hf-inference/models/a/b", Chat, "huggingface"),
        ("https://x.us-east-1.aws.endpoints.huggingface.cloud/", Chat, "huggingface"),
        (
            "https://inference.generativeai.us-chicago-1.oci.oraclecloud.com/20231130/actions/chat",
            Chat,
            "oracle_cloud",
        ),
        ("https://api.aleph-alpha.com/complete", TextCompletion, "aleph_alpha"),
        ("https://api.runpod.ai/v2/e/runsync", TextCompletion, "runpod"),
        ("https://api.deepgram.com/v1/listen?model=nova-3", Transcription, "deepgram"),
        ("https://api.assemblyai.com/v2/transcript", Transcription, "assemblyai"),
        ("https://api.stability.ai/v2beta/stable-image/generate/core", ImageGeneration, "stability_ai"),
        ("https://api.bfl.ai/v1/flux-pro-1.1", ImageGeneration, "black_forest_labs"),
        ("https://fal.run/fal-ai/flux/dev", ImageGeneration, "fal"),
    ] {
        let found = of(url).unwrap_or_else(|| panic!("{url} is not recognised"));
        assert_eq!((found.operation, found.provider), (operation, Some(provider)), "{url}");
    }
}

/// Servers of one's own, by paths that are everyday words elsewhere.
#[test]
fn knows_model_servers_on_private_hosts_only() {
    use crate::call::Operation::*;
    for (path, operation) in [
        ("api/v1/chat", Chat),
        ("generate", TextCompletion),
        ("generate_stream", TextCompletion),
        ("completion", TextCompletion),
        ("infill", TextCompletion),
        ("inference/v1/generate", TextCompletion),
        ("v2/models/m/generate", TextCompletion),
        ("v2/models/m/versions/1/infer", TextCompletion),
        ("embed", Embeddings),
        ("embedding", Embeddings),
        ("rerank", Rerank),
    ] {
        let found = of(&format!("http://10.0.0.7:8000/{path}"));
        assert_eq!(found.map(|found| found.operation), Some(operation), "{path}");
        assert!(of(&format!("https://app.example.com/{path}")).is_none(), "{path}");
    }
}

/// What is asked of GET requests: responses that come later than their call.
#[test]
fn knows_what_fetches_a_response() {
    let fetched = |url: &str| {
        let found = recognise(&http::Method::GET, &url.parse().unwrap())?;
        match found.retrieval {
            Retrieval::Fetch(id) => Some(id),
            _ => None,
        }
    };
    for (url, id) in [
        ("https://api.openai.com/v1/responses/resp_1", "resp_1"),
        ("https://x.openai.azure.com/openai/v1/responses/resp_1?api-version=1", "resp_1"),
        ("https://llm.example.com/v1/responses/resp_1", "resp_1"),
        ("https://generativelanguage.googleapis.com/v1beta/interactions/v1_1", "v1_1"),
        ("https://api.x.ai/v1/chat/deferred-completion/r1", "r1"),
        ("https://api.perplexity.ai/async/chat/completions/a1", "a1"),
        ("https://api.z.ai/api/paas/v4/async-result/t1", "t1"),
        ("https://dashscope.aliyuncs.com/api/v1/tasks/t1", "t1"),
        ("https://api.replicate.com/v1/predictions/p1", "p1"),
        ("https://api.openai.com/v1/videos/video_1", "video_1"),
        ("https://api.coze.com/v3/chat/retrieve?conversation_id=c1&chat_id=h1", "h1"),
        ("https://api.minimax.io/v1/query/video_generation?task_id=t1", "t1"),
        ("https://x.services.ai.azure.com/api/projects/p/threads/t/runs/run_1", "run_1"),
        ("https://api.runpod.ai/v2/e/status/j1", "j1"),
        ("https://api.assemblyai.com/v2/transcript/t1", "t1"),
    ] {
        assert_eq!(fetched(url).as_deref(), Some(id), "{url}");
    }
    for url in [
        "https://api.openai.com/v1/responses",
        "https://api.openai.com/v1/responses/resp_1/input_items",
        "https://api.openai.com/v1/models",
        "https://api.openai.com/v1/threads/t/runs/run_1",
        "https://api.anthropic.com/v1/messages/batches/b",
        "https://generativelanguage.googleapis.com/v1beta/models/veo-3/operations/o",
        "https://surveys.example.com/survey/responses/7",
    ] {
        assert_eq!(fetched(url), None, "{url}");
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
