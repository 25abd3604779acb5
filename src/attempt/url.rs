//! URLs that may be shown.

use std::fmt::Write;

use reqwest::Url;

/// The replacement of what is not shown, as the HTTP conventions word it.
const REDACTED: &str = "REDACTED";

/// Query parameters whose values name an API's version or a format. Keys, signatures and tokens ride under too
/// many names to list those.
const SHOWN: [&str; 5] = ["alt", "api-version", "api_version", "beta", "version"];

/// `url` without credentials, fragment and query values that may be secret.
pub(super) fn redacted(url: &Url) -> String {
    let mut shown = format!("{}://", url.scheme());
    if !url.username().is_empty() || url.password().is_some() {
        // Writing to a string cannot fail.
        let _ = write!(shown, "{REDACTED}:{REDACTED}@");
    }
    shown.push_str(url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        let _ = write!(shown, ":{port}");
    }
    shown.push_str(url.path());
    for (index, pair) in url.query().into_iter().flat_map(|query| query.split('&')).enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, value)) if SHOWN.iter().any(|known| name.eq_ignore_ascii_case(known)) => {
                let _ = write!(shown, "{name}={value}");
            }
            Some((name, _)) => {
                let _ = write!(shown, "{name}={REDACTED}");
            }
            // A lone word may be a secret as well as a flag.
            None => shown.push_str(REDACTED),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_paths_and_versions_and_no_secrets() {
        for (url, expected) in [
            ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
            (
                "https://h/v1beta/models/m:streamGenerateContent?alt=sse&key=secret",
                "https://h/v1beta/models/m:streamGenerateContent?alt=sse&key=REDACTED",
            ),
            (
                "https://x.openai.azure.com/a?API-Version=2024-10-21&subscription-key=s",
                "https://x.openai.azure.com/a?API-Version=2024-10-21&subscription-key=REDACTED",
            ),
            ("http://user:pass@[::1]:8080/a?secret#secret", "http://REDACTED:REDACTED@[::1]:8080/a?REDACTED"),
            ("http://user@h/", "http://REDACTED:REDACTED@h/"),
            (
                "http://h/?X-Amz-Signature=s&sig=s&k%65y=s",
                "http://h/?X-Amz-Signature=REDACTED&sig=REDACTED&k%65y=REDACTED",
            ),
        ] {
            assert_eq!(redacted(&Url::parse(url).unwrap()), expected);
        }
    }
}
