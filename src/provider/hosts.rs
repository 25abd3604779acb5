//! The host table: who answers at a well-known host. A gateway is its own provider, whatever stands behind it.

use crate::semconv::provider;

/// Whole host names. The conventions' own providers come first.
const HOSTS: &[(&str, &str)] = &[
    ("api.openai.com", provider::OPENAI),
    ("chatgpt.com", provider::OPENAI),
    ("api.anthropic.com", provider::ANTHROPIC),
    ("api.deepseek.com", provider::DEEPSEEK),
    ("api.groq.com", provider::GROQ),
    ("api.mistral.ai", provider::MISTRAL_AI),
    ("codestral.mistral.ai", provider::MISTRAL_AI),
    ("api.moonshot.ai", provider::MOONSHOT_AI),
    ("api.moonshot.cn", provider::MOONSHOT_AI),
    ("api.perplexity.ai", provider::PERPLEXITY),
    ("api.x.ai", provider::X_AI),
    ("api.cohere.com", provider::COHERE),
    ("api.cohere.ai", provider::COHERE),
    ("generativelanguage.googleapis.com", provider::GCP_GEMINI),
    ("aiplatform.googleapis.com", provider::GCP_VERTEX_AI),
    ("models.inference.ai.azure.com", provider::GITHUB_MODELS),
    ("models.github.ai", provider::GITHUB_MODELS),
    ("api.ai21.com", provider::AI21),
    ("api.aleph-alpha.com", provider::ALEPH_ALPHA),
    ("api.endpoints.anyscale.com", provider::ANYSCALE),
    ("inference.baseten.co", provider::BASETEN),
    ("api.cerebras.ai", provider::CEREBRAS),
    ("llm.chutes.ai", provider::CHUTES),
    ("api.cloudflare.com", provider::CLOUDFLARE),
    ("gateway.ai.cloudflare.com", provider::CLOUDFLARE),
    ("api.inference.crusoecloud.com", provider::CRUSOE),
    ("api.deepinfra.com", provider::DEEPINFRA),
    ("api.doubleword.ai", provider::DOUBLEWORD),
    ("api.featherless.ai", provider::FEATHERLESS_AI),
    ("api.fireworks.ai", provider::FIREWORKS_AI),
    ("api.friendli.ai", provider::FRIENDLI),
    ("api.holysheep.ai", provider::HOLYSHEEP),
    ("router.huggingface.co", provider::HUGGINGFACE),
    ("api-inference.huggingface.co", provider::HUGGINGFACE),
    ("api.hyperbolic.xyz", provider::HYPERBOLIC),
    ("api.inceptionlabs.ai", provider::INCEPTION),
    ("api.lambda.ai", provider::LAMBDA_AI),
    ("api.lambdalabs.com", provider::LAMBDA_AI),
    ("api.llama.com", provider::META_LLAMA),
    ("api.minimax.io", provider::MINIMAX),
    ("api.minimax.chat", provider::MINIMAX),
    ("api.minimaxi.com", provider::MINIMAX),
    ("api.novita.ai", provider::NOVITA),
    ("inference.api.nscale.com", provider::NSCALE),
    ("integrate.api.nvidia.com", provider::NVIDIA),
    ("ai.api.nvidia.com", provider::NVIDIA),
    ("ollama.com", provider::OLLAMA),
    ("openrouter.ai", provider::OPENROUTER),
    ("oai.endpoints.kepler.ai.cloud.ovh.net", provider::OVHCLOUD),
    ("api.parasail.io", provider::PARASAIL),
    ("api.poe.com", provider::POE),
    ("api.portkey.ai", provider::PORTKEY),
    ("router.requesty.ai", provider::REQUESTY),
    ("api.reka.ai", provider::REKA_AI),
    ("api.sambanova.ai", provider::SAMBANOVA),
    ("api.scaleway.ai", provider::SCALEWAY),
    ("api.siliconflow.com", provider::SILICONFLOW),
    ("api.siliconflow.cn", provider::SILICONFLOW),
    ("api.targon.com", provider::TARGON),
    ("api.lkeap.cloud.tencent.com", provider::TENCENT_CLOUD),
    ("api.hunyuan.cloud.tencent.com", provider::TENCENT_CLOUD),
    ("api.together.xyz", provider::TOGETHER_AI),
    ("api.together.ai", provider::TOGETHER_AI),
    ("api.upstage.ai", provider::UPSTAGE),
    ("api.venice.ai", provider::VENICE),
    ("ai-gateway.vercel.sh", provider::VERCEL),
    ("api.voyageai.com", provider::VOYAGE_AI),
    ("api.writer.com", provider::WRITER),
    ("api.lingyiwanwu.com", provider::ZERO_ONE_AI),
    ("api.z.ai", provider::Z_AI),
    ("open.bigmodel.cn", provider::Z_AI),
];

/// Ends of host names that carry a region, an account or a resource in front.
const SUFFIXES: &[(&str, &str)] = &[
    (".api.openai.com", provider::OPENAI),
    (".api.x.ai", provider::X_AI),
    (".openai.azure.com", provider::AZURE_AI_OPENAI),
    (".openai.azure.us", provider::AZURE_AI_OPENAI),
    (".openai.azure.cn", provider::AZURE_AI_OPENAI),
    (".cognitiveservices.azure.com", provider::AZURE_AI_OPENAI),
    (".services.ai.azure.com", provider::AZURE_AI_INFERENCE),
    (".models.ai.azure.com", provider::AZURE_AI_INFERENCE),
    (".inference.ai.azure.com", provider::AZURE_AI_INFERENCE),
    ("-aiplatform.googleapis.com", provider::GCP_VERTEX_AI),
    (".aiplatform.googleapis.com", provider::GCP_VERTEX_AI),
    // Regional endpoints: `aiplatform.eu.rep`.
    (".rep.googleapis.com", provider::GCP_VERTEX_AI),
    (".ml.cloud.ibm.com", provider::IBM_WATSONX_AI),
    (".aliyuncs.com", provider::ALIBABA_CLOUD),
    (".api.baseten.co", provider::BASETEN),
    (".cloud.databricks.com", provider::DATABRICKS),
    (".azuredatabricks.net", provider::DATABRICKS),
    (".gcp.databricks.com", provider::DATABRICKS),
    (".fireworks.ai", provider::FIREWORKS_AI),
    (".githubcopilot.com", provider::GITHUB_COPILOT),
    (".inference.heroku.com", provider::HEROKU),
    (".endpoints.huggingface.cloud", provider::HUGGINGFACE),
    (".lepton.run", provider::LEPTON),
    (".nebius.com", provider::NEBIUS),
    (".nebius.ai", provider::NEBIUS),
    (".openrouter.ai", provider::OPENROUTER),
    (".cloud.ovh.net", provider::OVHCLOUD),
    (".snowflakecomputing.com", provider::SNOWFLAKE),
    (".snowflakecomputing.cn", provider::SNOWFLAKE),
    (".volces.com", provider::VOLCENGINE),
    (".bytepluses.com", provider::VOLCENGINE),
];

/// Ollama's own port: on a loopback host nothing else tells it from other servers.
const OLLAMA_PORT: u16 = 11434;

/// `gen_ai.provider.name` of a host, or `None` for one nobody knows.
pub(super) fn provider(host: &str, port: Option<u16>) -> Option<&'static str> {
    if port == Some(OLLAMA_PORT) {
        return Some(provider::OLLAMA);
    }
    let whole = HOSTS.iter().find(|(name, _)| *name == host);
    let known = whole.or_else(|| SUFFIXES.iter().find(|(suffix, _)| host.ends_with(suffix)));
    known.map(|(_, provider)| *provider).or_else(|| is_bedrock(host).then_some(provider::AWS_BEDROCK))
}

/// Service and region stand in front of AWS domains that carry everything else as well; before them, in a private
/// network, the endpoint's own name.
fn is_bedrock(host: &str) -> bool {
    (host.starts_with("bedrock") || host.contains(".bedrock-runtime."))
        && [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| host.ends_with(domain))
}
