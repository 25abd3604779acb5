//! The providers of well-known hosts. A gateway is its own provider, whatever serves its calls.

use std::collections::HashMap;

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
    Pattern(IsHost),
}

type IsHost = fn(&str) -> bool;

/// Hosts and their providers, ready to be asked: every request of a client asks once.
#[derive(Debug)]
pub(in crate::provider) struct Hosts {
    ports: Vec<(u16, &'static str)>,
    names: HashMap<&'static str, &'static str>,
    suffixes: Vec<(&'static str, &'static str)>,
    patterns: Vec<(IsHost, &'static str)>,
}

impl Hosts {
    /// The table of these entries. Of two with the same name the first counts.
    pub(in crate::provider) fn new(known: impl Iterator<Item = &'static (Host, &'static str)>) -> Self {
        let mut hosts =
            Self { ports: Vec::new(), names: HashMap::new(), suffixes: Vec::new(), patterns: Vec::new() };
        for (host, provider) in known {
            match host {
                Host::Port(port) => hosts.ports.push((*port, provider)),
                Host::Name(name) => drop(hosts.names.entry(name).or_insert(provider)),
                Host::Suffix(suffix) => hosts.suffixes.push((suffix, provider)),
                Host::Pattern(is) => hosts.patterns.push((*is, provider)),
            }
        }
        hosts
    }

    /// The `gen_ai.provider.name` of a host: by port, whole name, end of the name or pattern, in this order.
    pub(in crate::provider) fn provider(&self, host: &str, port: Option<u16>) -> Option<&'static str> {
        let by_port = self.ports.iter().find(|(known, _)| Some(*known) == port).map(|(_, name)| *name);
        let by_name = || self.names.get(host).copied();
        let by_suffix = || {
            let entry = self.suffixes.iter().find(|(suffix, _)| host.ends_with(suffix));
            entry.map(|(_, name)| *name)
        };
        let by_pattern = || self.patterns.iter().find(|(is, _)| is(host)).map(|(_, name)| *name);
        by_port.or_else(by_name).or_else(by_suffix).or_else(by_pattern)
    }
}

/// Providers that speak another family's wire formats, mostly OpenAI's. The conventions' own names come first.
pub(in crate::provider) const COMPATIBLE: &[(Host, &str)] = &[
    (Host::Name("api.deepseek.com"), provider::DEEPSEEK),
    (Host::Name("api.groq.com"), provider::GROQ),
    (Host::Name("api.moonshot.ai"), provider::MOONSHOT_AI),
    (Host::Name("api.moonshot.cn"), provider::MOONSHOT_AI),
    (Host::Name("api.perplexity.ai"), provider::PERPLEXITY),
    (Host::Name("api.x.ai"), provider::X_AI),
    (Host::Name("models.inference.ai.azure.com"), provider::GITHUB_MODELS),
    (Host::Name("models.github.ai"), provider::GITHUB_MODELS),
    (Host::Name("api.ai21.com"), provider::AI21),
    (Host::Name("api.endpoints.anyscale.com"), provider::ANYSCALE),
    (Host::Name("inference.baseten.co"), provider::BASETEN),
    (Host::Name("api.cerebras.ai"), provider::CEREBRAS),
    (Host::Name("llm.chutes.ai"), provider::CHUTES),
    (Host::Name("api.inference.crusoecloud.com"), provider::CRUSOE),
    (Host::Name("api.deepinfra.com"), provider::DEEPINFRA),
    (Host::Name("api.doubleword.ai"), provider::DOUBLEWORD),
    (Host::Name("api.featherless.ai"), provider::FEATHERLESS_AI),
    (Host::Name("api.fireworks.ai"), provider::FIREWORKS_AI),
    (Host::Name("api.friendli.ai"), provider::FRIENDLI),
    (Host::Name("api.holysheep.ai"), provider::HOLYSHEEP),
    (Host::Name("api.hyperbolic.xyz"), provider::HYPERBOLIC),
    (Host::Name("api.inceptionlabs.ai"), provider::INCEPTION),
    (Host::Name("api.lambda.ai"), provider::LAMBDA_AI),
    (Host::Name("api.lambdalabs.com"), provider::LAMBDA_AI),
    (Host::Name("api.llama.com"), provider::META_LLAMA),
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
    (Host::Name("api.sambanova.ai"), provider::SAMBANOVA),
    (Host::Name("api.scaleway.ai"), provider::SCALEWAY),
    (Host::Name("api.siliconflow.com"), provider::SILICONFLOW),
    (Host::Name("api.siliconflow.cn"), provider::SILICONFLOW),
    (Host::Name("api.targon.com"), provider::TARGON),
    (Host::Name("api.together.xyz"), provider::TOGETHER_AI),
    (Host::Name("api.together.ai"), provider::TOGETHER_AI),
    (Host::Name("api.upstage.ai"), provider::UPSTAGE),
    (Host::Name("api.venice.ai"), provider::VENICE),
    (Host::Name("api.writer.com"), provider::WRITER),
    (Host::Name("api.lingyiwanwu.com"), provider::ZERO_ONE_AI),
    (Host::Name("api.z.ai"), provider::Z_AI),
    (Host::Name("open.bigmodel.cn"), provider::Z_AI),
    (Host::Name("gateway.braintrust.dev"), provider::BRAINTRUST),
    (Host::Name("api.braintrust.dev"), provider::BRAINTRUST),
    (Host::Name("oai.helicone.ai"), provider::HELICONE),
    (Host::Name("anthropic.helicone.ai"), provider::HELICONE),
    (Host::Name("ai-gateway.helicone.ai"), provider::HELICONE),
    (Host::Name("gateway.helicone.ai"), provider::HELICONE),
    (Host::Name("groq.helicone.ai"), provider::HELICONE),
    (Host::Name("api.kilo.ai"), provider::KILO),
    (Host::Name("api.kimi.com"), provider::MOONSHOT_AI),
    (Host::Name("spark-api-open.xf-yun.com"), provider::IFLYTEK),
    (Host::Name("opencode.ai"), provider::OPENCODE),
    (Host::Name("api-atlas.nomic.ai"), provider::NOMIC),
    (Host::Name("external.api.recraft.ai"), provider::RECRAFT),
    (Host::Name("inference.do-ai.run"), provider::DIGITALOCEAN),
    (Host::Name("api.inference.net"), provider::INFERENCE_NET),
    (Host::Name("api.stepfun.com"), provider::STEPFUN),
    (Host::Name("api.stepfun.ai"), provider::STEPFUN),
    (Host::Name("api.xiaomimimo.com"), provider::XIAOMI_MIMO),
    (Host::Suffix(".xiaomimimo.com"), provider::XIAOMI_MIMO),
    (Host::Name("api.sarvam.ai"), provider::SARVAM_AI),
    (Host::Name("api.nova.amazon.com"), provider::AMAZON_NOVA),
    (Host::Suffix(".api.x.ai"), provider::X_AI),
    (Host::Suffix(".api.baseten.co"), provider::BASETEN),
    (Host::Suffix(".fireworks.ai"), provider::FIREWORKS_AI),
    (Host::Suffix(".githubcopilot.com"), provider::GITHUB_COPILOT),
    (Host::Suffix(".inference.heroku.com"), provider::HEROKU),
    (Host::Suffix(".lepton.run"), provider::LEPTON),
    (Host::Suffix(".nebius.com"), provider::NEBIUS),
    (Host::Suffix(".nebius.ai"), provider::NEBIUS),
    (Host::Suffix(".openrouter.ai"), provider::OPENROUTER),
    (Host::Suffix(".cloud.ovh.net"), provider::OVHCLOUD),
    (Host::Pattern(is_volcengine), provider::VOLCENGINE),
    (Host::Suffix(".xf-yun.com"), provider::IFLYTEK),
];

/// Ark, under both of the cloud's domains.
fn is_volcengine(host: &str) -> bool {
    host.starts_with("ark.") && (host.ends_with(".volces.com") || host.ends_with(".bytepluses.com"))
}
