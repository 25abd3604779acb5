//! Values of flags that several commands take, each with an error that shows how one is written.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A whole number of `range`.
pub(super) fn number<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync
where
    N: FromStr + PartialOrd + Display + Clone + Send + Sync,
{
    move |text: &str| {
        let found = text.parse().ok().filter(|number| range.contains(number));
        found.ok_or_else(|| format!("expected a whole number from {} to {}", range.start(), range.end()))
    }
}

/// The status of an HTTP response.
pub(super) fn status(text: &str) -> Result<u16, String> {
    let known = text.parse().ok().filter(|code| (100..=599).contains(code));
    known.ok_or_else(|| "expected the status of an HTTP response, such as 429".to_owned())
}

/// The address of a program that speaks HTTP, as it was written.
pub(super) fn address(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).ok();
    let known = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match known {
        Some(_) => Ok(text.to_owned()),
        None => Err("expected an address such as http://HOST:PORT".to_owned()),
    }
}

/// The name or the address of a host, without scheme and path.
pub(super) fn host(text: &str) -> Result<String, String> {
    let known = reqwest::Url::parse(&format!("http://{text}/")).ok();
    match known.filter(|url| url.path() == "/" && url.query().is_none() && url.username().is_empty()) {
        Some(_) => Ok(text.to_owned()),
        None => Err("expected the name of a host, such as api.openai.com".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_cannot_be_one_is_refused_with_an_example() {
        assert_eq!(number(1..=50_u32)("50"), Ok(50));
        for wrong in ["0", "51", "-1", "1.5", "many", "", "99999999999999999999"] {
            assert_eq!(
                number(1..=50_u32)(wrong),
                Err("expected a whole number from 1 to 50".to_owned()),
                "{wrong}"
            );
        }
        assert_eq!(status("429"), Ok(429));
        for wrong in ["99", "600", "99999", "abc", "-1", ""] {
            assert!(status(wrong).unwrap_err().contains("such as 429"), "{wrong}");
        }
        for right in ["http://127.0.0.1:4319", "https://companion.example/below", "http://[::1]:1/"] {
            assert_eq!(address(right).as_deref(), Ok(right));
        }
        for wrong in ["nonsense", "127.0.0.1:4319", "ftp://a", "http://", "file:///etc/passwd", ""] {
            assert!(address(wrong).unwrap_err().contains("such as http://"), "{wrong}");
        }
        for right in ["api.openai.com", "10.0.0.7", "10.0.0.7:8080", "[::1]"] {
            assert_eq!(host(right).as_deref(), Ok(right));
        }
        for wrong in ["https://api.openai.com", "a b", "a/v1", "a?b", "user@host", ""] {
            assert!(host(wrong).unwrap_err().contains("such as api.openai.com"), "{wrong}");
        }
    }
}
