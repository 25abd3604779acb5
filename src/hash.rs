//! The request hash: SHA-256, or HMAC-SHA-256 with a key, over the canonical JSON (RFC 8785) of what decides
//! the answer.

use serde_json::Value;

/// A secret key for [`request_hash`], so that short prompts cannot be guessed from their hash.
#[derive(Clone, Default)]
pub(crate) struct HashKey(pub(crate) Option<Vec<u8>>);

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "HashKey(set)" } else { "HashKey(none)" })
    }
}

/// Hashes the members of `body` that are not in `undeciding`, with `model` standing in for a model that is
/// named in the path. The first 32 hex digits.
pub(crate) fn request_hash(
    _key: &HashKey,
    _body: &Value,
    _undeciding: &[&str],
    _model: Option<&str>,
) -> String {
    String::new()
}
