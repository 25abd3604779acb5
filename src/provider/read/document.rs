//! A response of one document, parsed once.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::lenient::Object;

/// Reads a document that is an object as `T`, and whether it is JSON at all.
pub(in crate::provider) fn document<'a, T: Deserialize<'a>>(body: &'a [u8]) -> (Option<Box<T>>, bool) {
    match serde_json::from_slice::<Object<T>>(body) {
        Ok(Object(object)) => (object, true),
        Err(_) => (None, is_json(body)),
    }
}

/// Whether a document that is no `T` is JSON. A text that cannot be decoded, such as half of a surrogate pair, keeps its
/// member from being read, but the document came to its end.
pub(in crate::provider) fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}
