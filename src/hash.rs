//! The request hash: SHA-256, or HMAC-SHA-256 with a key, over the canonical JSON (RFC 8785) of what decides
//! the response. `docs/request-hash.md` defines it for others and publishes test vectors.

mod canonical;
#[cfg(test)]
mod tests;

use hmac::{Hmac, KeyInit};
use serde_json::Value;
use sha2::digest::{FixedOutput, Update};
use sha2::{Digest, Sha256};

use self::canonical::Writer;
use crate::json::Json;

/// Bytes of the digest that are shown: 32 hex digits keep accidental collisions out of reach of any ledger.
const SHOWN: usize = 16;

/// A secret key for [`request_hash`], so that short prompts cannot be guessed from their hash.
#[derive(Clone, Default)]
pub(crate) struct HashKey(pub(crate) Option<Vec<u8>>);

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "HashKey(set)" } else { "HashKey(none)" })
    }
}

/// Hashes the members of `body` that are not in `fields_not_hashed`, with `model` standing in for a model that is
/// named in the path. The first 32 hex digits.
pub(crate) fn request_hash(
    key: &HashKey,
    body: &Json<'_>,
    fields_not_hashed: &[&str],
    model: Option<&str>,
) -> String {
    match &key.0 {
        Some(key) => shown(absorb(keyed(key), body, fields_not_hashed, model)),
        None => shown(absorb(Sha256::new(), body, fields_not_hashed, model)),
    }
}

/// The HMAC of `parts` under `key`, as [`request_hash`] shows one. `None` without a key.
pub(crate) fn keyed_digest(key: &HashKey, parts: &[&[u8]]) -> Option<String> {
    let mut hasher = keyed(key.0.as_deref()?);
    parts.iter().for_each(|part| hasher.update(part));
    Some(shown(hasher))
}

/// Feeds the canonical form of the deciding members to `hasher`.
fn absorb<H: Update>(hasher: H, body: &Json<'_>, fields_not_hashed: &[&str], model: Option<&str>) -> H {
    let mut writer = Writer::new(hasher);
    match body {
        Json::Object(members) => {
            let named =
                model.filter(|_| members.get("model").is_none()).map(|model| Value::from(model).to_string());
            let named = named.as_deref().and_then(|model| Json::read(model.as_bytes()));
            let deciding = members.iter().filter(|(name, _)| !fields_not_hashed.contains(name));
            match &named {
                None if members.are_ascii() => writer.sorted_object(deciding),
                _ => writer.object(deciding.chain(named.as_ref().map(|model| ("model", model)))),
            }
        }
        other => writer.value(other),
    }
    writer.finish()
}

/// HMAC-SHA-256 under a key of any length.
#[expect(
    clippy::expect_used,
    reason = "RFC 2104 takes keys of every length: longer ones are hashed, shorter ones padded"
)]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn shown<H: FixedOutput>(hasher: H) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = hasher.finalize_fixed();
    let mut text = String::with_capacity(2 * SHOWN);
    for byte in digest.iter().take(SHOWN) {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0xf)]));
    }
    text
}
