//! Who a sender is, and that no name means two facts.

use super::*;

#[test]
fn knows_a_sender_by_its_scope() {
    for (scope, version, name, reports) in [
        ("openlit.instrumentation.anthropic", "", "OpenLIT", false),
        ("opentelemetry.instrumentation.openai.v1", "0.62.4", "OpenLLMetry", true),
        ("opentelemetry.instrumentation.openai.v1", "0.30.0", "OpenLLMetry", false),
        ("opentelemetry.instrumentation.openai_v2", "2.4b0", "OpenTelemetry openai-v2", false),
        ("@opentelemetry/instrumentation-openai", "0.21.0", "OpenTelemetry openai-v2", false),
        ("opentelemetry.instrumentation.genai.openai", "1.3b0", "OpenTelemetry GenAI", true),
        ("openinference.instrumentation.openai", "0.1.66", "OpenInference", true),
        ("openinference.instrumentation.openai", "0.1.30", "OpenInference", false),
        ("openinference.instrumentation.openai", "0.2.0", "OpenInference", true),
        ("openinference.instrumentation.openai_agents", "9.0", "OpenInference", false),
        ("openinference.instrumentation.smolagents", "0.1.43", "OpenInference", false),
        ("opentelemetry.instrumentation.genai.openai", "", "OpenTelemetry GenAI", false),
        ("com.anthropic.sdk.typescript", "0.9.0", "Claude SDK", false),
        ("com.anthropic.sdk.python", "2.14.0", "Claude SDK", true),
        ("ai", "", "Vercel AI SDK", false),
        ("aiohttp.client", "", "", false),
        ("app", "", "", false),
        ("", "", "", false),
    ] {
        let sender = Sender::of(scope, version, "");
        assert_eq!((sender.dialect.name, sender.reports_cached()), (name, reports), "{scope} {version}");
    }
    assert_eq!(Sender::of("app", "1.0", "openlit").dialect.name, "OpenLIT");
    assert_eq!(Sender::of("app", "", "").in_module("target", "rig::completions").dialect.name, "rig");
    assert_eq!(Sender::of("app", "", "").in_module("module", "rig::completions").dialect.name, "");
}

#[test]
fn no_name_means_two_facts() {
    let mut seen = HashMap::new();
    for dialect in DIALECTS {
        for (name, field) in dialect.fields {
            let before = seen.insert(*name, *field);
            assert!(before.is_none_or(|before| before == *field), "{name}");
        }
    }
}
