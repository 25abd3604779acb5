//! What method, host and path say of a request, kept for the next request to the same place.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use super::format::Recognised;

/// Places that are kept. Paths with ids are many: a full memory is emptied.
const PLACES: usize = 256;

/// Bytes of a URL that is kept.
const MAX_URL: usize = 512;

/// The one query that is kept, which Gemini's clients send with each stream. Any other may hold a key.
const QUERY: &str = "alt=sse";

/// By URL; `None` where there is no call.
#[derive(Debug, Default)]
pub(super) struct Places(RwLock<HashMap<Box<str>, Option<Recognised>>>);

/// The places of this process that requests are posted to.
pub(super) static POSTED: LazyLock<Places> = LazyLock::new(Places::default);

impl Places {
    /// What is known of a URL, or else what `recognise` says of it.
    pub(super) fn recognise(
        &self,
        url: &reqwest::Url,
        recognise: impl FnOnce() -> Option<Recognised>,
    ) -> Option<Recognised> {
        if !is_kept(url) {
            return recognise();
        }
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(url.as_str()) {
            return known.clone();
        }
        let recognised = recognise();
        let mut places = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= PLACES {
            places.clear();
        }
        places.insert(url.as_str().into(), recognised.clone());
        recognised
    }
}

/// Whether a URL is short and holds no secret.
fn is_kept(url: &reqwest::Url) -> bool {
    url.as_str().len() <= MAX_URL
        && url.query().is_none_or(|query| query == QUERY)
        && url.username().is_empty()
        && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(places: &Places, url: &str) -> bool {
        let mut asked = false;
        places.recognise(&url.parse().unwrap(), || {
            asked = true;
            None
        });
        asked
    }

    #[test]
    fn a_place_is_read_once_and_one_with_a_secret_each_time() {
        let places = Places::default();
        for url in ["https://h/v1/chat/completions", "https://h/v1/models/m:streamGenerateContent?alt=sse"] {
            assert!(asked(&places, url), "{url}");
            assert!(!asked(&places, url), "{url}");
        }
        let long = format!("https://h/{}", "a".repeat(MAX_URL));
        for url in ["https://h/v1?key=secret", "https://user@h/v1", "https://:secret@h/v1", long.as_str()] {
            assert!(asked(&places, url) && asked(&places, url), "{url}");
        }
        assert_eq!(places.0.read().unwrap().len(), 2);
    }

    #[test]
    fn places_are_few() {
        let places = Places::default();
        for number in 0..3 * PLACES {
            asked(&places, &format!("https://h/threads/{number}/runs"));
            assert!(places.0.read().unwrap().len() <= PLACES);
        }
    }
}
