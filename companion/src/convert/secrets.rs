//! Removes credentials from texts that quote a request or a response: an error that names its URL, a key that the
//! provider repeats. The Collector does the same (`transform/secrets` in `collector/config.yaml`, by the same patterns);
//! an application that sends straight to the companion passes no Collector.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::value::cut;

/// Keys and tokens that are known by their form.
const FORM: &str = r"\b(?:sk-[A-Za-z0-9_-]{20,}|AIza[A-Za-z0-9_-]{35}|Bearer\s+[A-Za-z0-9._~+/-]{16,}=*)";
/// Parameters of a URL that are credentials. Gemini takes its key as `?key=`.
const PARAMETER: &str = r#"(?i)([?&](?:key|api[-_]?key|access_token|token|sig|signature)=)[^&#\s")]*"#;
/// What is left of a key where a text was cut within it.
const REST: &str = r"\b(?:sk-|AIza|Bearer\s+)[A-Za-z0-9._~+/-]+=*$";

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, and every test of this file compiles them"
)]
static PATTERNS: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
    [(FORM, "REDACTED"), (PARAMETER, "${1}REDACTED"), (REST, "REDACTED")]
        .map(|(pattern, instead)| (Regex::new(pattern).expect("a constant pattern"), instead))
});

/// `text` of at most `bytes` bytes with `REDACTED` in place of each credential.
pub(crate) fn removed(mut text: String, bytes: usize) -> String {
    for (pattern, instead) in &*PATTERNS {
        if let Cow::Owned(clean) = pattern.replace_all(&text, *instead) {
            text = clean;
        }
    }
    cut(text, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        removed(text.to_owned(), 1024)
    }

    #[test]
    fn removes_keys_tokens_and_secret_parameters_and_leaves_the_rest() {
        let key = "0123456789abcdefghijABCDEFGHIJ-_xyz";
        for (text, expected) in [
            (format!("key sk-proj-{key} refused"), "key REDACTED refused"),
            (format!("AIza{key}: not valid"), "REDACTED: not valid"),
            (format!("sent Bearer  {key}== twice"), "sent REDACTED twice"),
            (
                format!("GET https://x.example/v1?alt=sse&KEY={key}&a=b failed"),
                "GET https://x.example/v1?alt=sse&KEY=REDACTED&a=b failed",
            ),
            (format!("(https://x.example/?api_key={key})"), "(https://x.example/?api_key=REDACTED)"),
        ] {
            assert_eq!(clean(&text), expected);
        }
        for harmless in
            ["", "a task-list", "risk-free", "the bearer of bad news", "?keyboard=x", "429 too many"]
        {
            assert_eq!(clean(harmless), harmless);
        }
    }

    #[test]
    fn removes_what_a_cut_left_of_a_key_and_grows_no_text_beyond_its_bound() {
        for rest in ["AIza0123", "sk-0123", "Bearer 0123.45"] {
            assert_eq!(clean(&format!("invalid: {rest}")), "invalid: REDACTED", "{rest}");
        }
        assert_eq!(removed("&key=".repeat(200), 1024).len(), 1024);
    }

    #[test]
    fn the_collector_removes_the_same() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../collector/config.yaml");
        let config = std::fs::read_to_string(path).unwrap().replace("\\\\", "\\").replace("\\\"", "\"");
        for pattern in [FORM, PARAMETER] {
            assert!(config.contains(pattern), "{pattern}");
        }
    }
}
