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

#[test]
fn takes_the_model_of_an_azure_deployment_from_the_path() {
    let url = "https://x.openai.azure.com/openai/deployments/my%20gpt-4o/embeddings?api-version=1";
    assert_eq!(of(url).unwrap().request.model.as_deref(), Some("my gpt-4o"));
}

#[test]
fn decodes_escapes_after_the_path_is_cut() {
    let url = "https://h/model/arn%3aaws%3Abedrock%2Fx/%zz%".parse().unwrap();
    assert_eq!(Target::new(&url).unwrap().segments, ["model", "arn:aws:bedrock/x", "%zz%"]);
}
