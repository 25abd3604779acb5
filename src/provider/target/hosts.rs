//! The providers of well-known hosts. A gateway is its own provider, whatever serves its calls.

use crate::semconv::provider;

/// How a host is known.
#[derive(Debug, Clone, Copy)]
pub(in crate::provider) enum Host {
    /// Any host at this port.
    Port(u16),
    /// The whole host name.
    Name(&'static str),
    /// The end of a host name that carries a region, an account or a resource in front.
    Suffix(&'static str),
    /// Host names that no end tells apart from others.
    Pattern(fn(&str) -> bool),
}

impl Host {
    fn is(&self, host: &str, port: Option<u16>) -> bool {
        match self {
            Self::Port(known) => port == Some(*known),
            Self::Name(name) => *name == host,
            Self::Suffix(suffix) => host.ends_with(suffix),
            Self::Pattern(is) => is(host),
        }
    }

    /// Where several entries are right, the lowest rank decides.
    const fn rank(&self) -> u8 {
        match self {
            Self::Port(_) => 0,
            Self::Name(_) => 1,
            Self::Suffix(_) => 2,
            Self::Pattern(_) => 3,
        }
    }
}

/// The `gen_ai.provider.name` of a host among `known` ones.
pub(in crate::provider) fn provider<'k>(
    known: impl Iterator<Item = &'k (Host, &'static str)>,
    host: &str,
    port: Option<u16>,
) -> Option<&'static str> {
    known
        .filter(|(known, _)| known.is(host, port))
        .min_by_key(|(known, _)| known.rank())
        .map(|(_, name)| *name)
}

/// Providers that speak another family's wire formats, mostly OpenAI's. The conventions' own names come first.
pub(in crate::provider) const COMPATIBLE: &[(Host, &str)] = &[
    (Host::Name("api.deepseek.com"), provider::DEEPSEEK),
    (Host::Name("api.groq.com"), provider::GROQ),
    (Host::Name("api.mistral.ai"), provider::MISTRAL_AI),
    (Host::Name("codestral.mistral.ai"), provider::MISTRAL_AI),
    (Host::Name("api.moonshot.ai"), provider::MOONSHOT_AI),
    (Host::Name("api.moonshot.cn"), provider::MOONSHOT_AI),
    (Host::Name("api.perplexity.ai"), provider::PERPLEXITY),
    (Host::Name("api.x.ai"), provider::X_AI),
    (Host::Name("models.inference.ai.azure.com"), provider::GITHUB_MODELS),
    (Host::Name("models.github.ai"), provider::GITHUB_MODELS),
    (Host::Name("api.ai21.com"), provider::AI21),
    (Host::Name("api.aleph-alpha.com"), provider::ALEPH_ALPHA),
    (Host::Name("api.endpoints.anyscale.com"), provider::ANYSCALE),
    (Host::Name("inference.baseten.co"), provider::BASETEN),
    (Host::Name("api.cerebras.ai"), provider::CEREBRAS),
    (Host::Name("llm.chutes.ai"), provider::CHUTES),
    (Host::Name("api.cloudflare.com"), provider::CLOUDFLARE),
    (Host::Name("gateway.ai.cloudflare.com"), provider::CLOUDFLARE),
    (Host::Name("api.inference.crusoecloud.com"), provider::CRUSOE),
    (Host::Name("api.deepinfra.com"), provider::DEEPINFRA),
    (Host::Name("api.doubleword.ai"), provider::DOUBLEWORD),
    (Host::Name("api.featherless.ai"), provider::FEATHERLESS_AI),
    (Host::Name("api.fireworks.ai"), provider::FIREWORKS_AI),
    (Host::Name("api.friendli.ai"), provider::FRIENDLI),
    (Host::Name("api.holysheep.ai"), provider::HOLYSHEEP),
    (Host::Name("router.huggingface.co"), provider::HUGGINGFACE),
    (Host::Name("api-inference.huggingface.co"), provider::HUGGINGFACE),
    (Host::Name("api.hyperbolic.xyz"), provider::HYPERBOLIC),
    (Host::Name("api.inceptionlabs.ai"), provider::INCEPTION),
    (Host::Name("api.lambda.ai"), provider::LAMBDA_AI),
    (Host::Name("api.lambdalabs.com"), provider::LAMBDA_AI),
    (Host::Name("api.llama.com"), provider::META_LLAMA),
    (Host::Name("api.minimax.io"), provider::MINIMAX),
    (Host::Name("api.minimax.chat"), provider::MINIMAX),
    (Host::Name("api.minimaxi.com"), provider::MINIMAX),
    (Host::Name("api.novita.ai"), provider::NOVITA),
    (Host::Name("inference.api.nscale.com"), provider::NSCALE),
    (Host::Name("integrate.api.nvidia.com"), provider::NVIDIA),
    (Host::Name("ai.api.nvidia.com"), provider::NVIDIA),
    (Host::Name("openrouter.ai"), provider::OPENROUTER),
    (Host::Name("oai.endpoints.kepler.ai.cloud.ovh.net"), provider::OVHCLOUD),
    (Host::Name("api.parasail.io"), provider::PARASAIL),
    (Host::Name("api.poe.com"), provider::POE),
    (Host::Name("api.portkey.ai"), provider::PORTKEY),
    (Host::Name("router.requesty.ai"), provider::REQUESTY),
    (Host::Name("api.reka.ai"), provider::REKA_AI),
    (Host::Name("api.sambanova.ai"), provider::SAMBANOVA),
    (Host::Name("api.scaleway.ai"), provider::SCALEWAY),
    (Host::Name("api.siliconflow.com"), provider::SILICONFLOW),
    (Host::Name("api.siliconflow.cn"), provider::SILICONFLOW),
    (Host::Name("api.targon.com"), provider::TARGON),
    (Host::Name("api.lkeap.cloud.tencent.com"), provider::TENCENT_CLOUD),
    (Host::Name("api.hunyuan.cloud.tencent.com"), provider::TENCENT_CLOUD),
    (Host::Name("api.together.xyz"), provider::TOGETHER_AI),
    (Host::Name("api.together.ai"), provider::TOGETHER_AI),
    (Host::Name("api.upstage.ai"), provider::UPSTAGE),
    (Host::Name("api.venice.ai"), provider::VENICE),
    (Host::Name("ai-gateway.vercel.sh"), provider::VERCEL),
    (Host::Name("api.voyageai.com"), provider::VOYAGE_AI),
    (Host::Name("api.writer.com"), provider::WRITER),
    (Host::Name("api.lingyiwanwu.com"), provider::ZERO_ONE_AI),
    (Host::Name("api.z.ai"), provider::Z_AI),
    (Host::Name("open.bigmodel.cn"), provider::Z_AI),
    (Host::Suffix(".api.x.ai"), provider::X_AI),
    (Host::Suffix(".ml.cloud.ibm.com"), provider::IBM_WATSONX_AI),
    (Host::Suffix(".aliyuncs.com"), provider::ALIBABA_CLOUD),
    (Host::Suffix(".api.baseten.co"), provider::BASETEN),
    (Host::Suffix(".cloud.databricks.com"), provider::DATABRICKS),
    (Host::Suffix(".azuredatabricks.net"), provider::DATABRICKS),
    (Host::Suffix(".gcp.databricks.com"), provider::DATABRICKS),
    (Host::Suffix(".fireworks.ai"), provider::FIREWORKS_AI),
    (Host::Suffix(".githubcopilot.com"), provider::GITHUB_COPILOT),
    (Host::Suffix(".inference.heroku.com"), provider::HEROKU),
    (Host::Suffix(".endpoints.huggingface.cloud"), provider::HUGGINGFACE),
    (Host::Suffix(".lepton.run"), provider::LEPTON),
    (Host::Suffix(".nebius.com"), provider::NEBIUS),
    (Host::Suffix(".nebius.ai"), provider::NEBIUS),
    (Host::Suffix(".openrouter.ai"), provider::OPENROUTER),
    (Host::Suffix(".cloud.ovh.net"), provider::OVHCLOUD),
    (Host::Suffix(".snowflakecomputing.com"), provider::SNOWFLAKE),
    (Host::Suffix(".snowflakecomputing.cn"), provider::SNOWFLAKE),
    (Host::Suffix(".volces.com"), provider::VOLCENGINE),
    (Host::Suffix(".bytepluses.com"), provider::VOLCENGINE),
];
