//! Requests to known providers that no wire format takes: not a call that is understood, and not silence either. They
//! are named by the shape of their path, without ids.

mod free;

use super::target::Target;

/// What the domains of clouds carry besides models, by the word that their models are below.
const SHARED_HOSTS: &[(&str, &[&str])] = &[
    ("api.cloudflare.com", &["ai"]),
    (".databricks.com", &["serving-endpoints", "ai-gateway"]),
    (".azuredatabricks.net", &["serving-endpoints", "ai-gateway"]),
    (".snowflakecomputing.com", &["cortex"]),
    (".snowflakecomputing.cn", &["cortex"]),
    ("chatgpt.com", &["codex"]),
    (".aliyuncs.com", &["services", "apps", "compatible-mode"]),
    ("opencode.ai", &["zen"]),
    ("openrouter.ai", &["api"]),
    // Searches and imports are no calls of a model.
    ("discoveryengine.googleapis.com", &["rankingConfigs"]),
];

/// Segments of a shape; the rest of a path is left out.
const MAX_SEGMENTS: usize = 8;
/// Bytes of a word.
const MAX_WORD: usize = 32;

/// The shape of the path of a request to this provider, unless what it asks for is known to be no call of a model.
pub(super) fn shape(target: &Target<'_>) -> Option<(&'static str, String)> {
    let provider = target.provider?;
    let shared = SHARED_HOSTS.iter().find(|(host, _)| target.host.ends_with(host));
    if shared.is_some_and(|(_, words)| !words.iter().any(|word| target.has(word))) {
        return None;
    }
    if free::is_free(target) {
        return None;
    }
    let words = target.segments.iter().take(MAX_SEGMENTS).map(|segment| word(segment));
    let mut shape = String::new();
    for word in words {
        shape.push('/');
        shape.push_str(&word);
    }
    Some((provider, if shape.is_empty() { "/".to_owned() } else { shape }))
}

/// A segment as it may be shown: a word of the API, a version, or an action behind a colon; anything else is an id.
fn word(segment: &str) -> String {
    match segment.rsplit_once(':') {
        Some((_, action)) if is_word(action) => format!("*:{action}"),
        _ if is_word(segment) || is_version(segment) => segment.to_owned(),
        _ => "*".to_owned(),
    }
}

fn is_word(text: &str) -> bool {
    (1..=MAX_WORD).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-".contains(&byte))
}

/// `v1`, `v1beta2`, `2.0`.
fn is_version(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    text.len() <= 8
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.split_once(|c: char| c.is_ascii_alphabetic()).is_none_or(|_| text.contains("beta"))
        && text.bytes().filter(u8::is_ascii_digit).count() <= 3
}

#[cfg(test)]
mod tests {
    use super::super::unrecognised;

    pub(super) fn shape(url: &str) -> Option<String> {
        unrecognised(&http::Method::POST, &url.parse().unwrap()).map(|(_, shape)| shape)
    }

    #[test]
    fn names_the_shape_of_a_path_without_ids() {
        for (url, wanted) in [
            ("https://api.openai.com/v1/dreams/generations", "/v1/dreams/generations"),
            ("https://api.openai.com/v1/dreams/drm_68a1b2/redo", "/v1/dreams/*/redo"),
            (
                "https://aiplatform.googleapis.com/v1/projects/p-1/locations/eu-1/publishers/google/models/m-1:dream",
                "/v1/projects/*/locations/*/publishers/google/models",
            ),
            (
                "https://generativelanguage.googleapis.com/v1beta/models/gemini-3:dream",
                "/v1beta/models/*:dream",
            ),
            ("https://api.anthropic.com/", "/"),
        ] {
            assert_eq!(shape(url).as_deref(), Some(wanted), "{url}");
        }
    }

    #[test]
    fn leaves_out_who_is_unknown_what_clouds_have_besides_models_and_calls() {
        for url in [
            "https://w.cloud.databricks.com/api/2.0/sql/statements",
            "https://example.com/v1/dreams",
            "http://localhost:8000/v1/dreams",
            // Calls.
            "https://api.openai.com/v1/chat/completions",
            "https://api.openai.com/v1/images/generations",
        ] {
            assert_eq!(shape(url), None, "{url}");
        }
    }

    #[test]
    fn asks_posts_alone() {
        let url = "https://api.openai.com/v1/dreams".parse().unwrap();
        for method in ["GET", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS"] {
            assert_eq!(unrecognised(&method.parse().unwrap(), &url), None, "{method}");
        }
    }
}
