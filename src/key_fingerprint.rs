//! Which credential made a call, without the credential: enough to tell the key that is wrong, revoked or spends too
//! much from the others.

use http::HeaderMap;
use reqwest::Request;

use crate::hash::{HashKey, keyed_digest};

/// Where providers take keys, apart from `authorization`.
const HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// Keeps fingerprints apart from request hashes under the same key.
const DOMAIN: &[u8] = b"spanledger key fingerprint\0";

/// Hex digits shown: enough to tell the keys of an organisation apart, too few to search for one.
const SHOWN: usize = 12;

/// The fingerprint of the request's credential. None without a hash key: a plain hash could be looked up.
pub(crate) fn of(key: &HashKey, request: &Request) -> Option<String> {
    let credential = authorization(request.headers())
        .or_else(|| {
            HEADERS.iter().find_map(|name| request.headers().get(*name)?.to_str().ok()).map(str::to_owned)
        })
        .or_else(|| {
            let mut query = request.url().query_pairs();
            query.find(|(name, _)| name == "key").map(|(_, value)| value.into_owned())
        })?;
    let mut digits = keyed_digest(key, &[DOMAIN, credential.trim().as_bytes()])?;
    digits.truncate(SHOWN);
    Some(digits)
}

/// What follows the scheme; of a signature by AWS the id of the access key, since the rest changes each time.
fn authorization(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credential) = value.trim().split_once(' ')?;
    if !scheme.starts_with("AWS4-") {
        return Some(credential.to_owned());
    }
    let scope = credential.split([',', ' ']).find_map(|part| part.strip_prefix("Credential="))?;
    scope.split('/').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(key: Option<&str>, url: &str, headers: &[(&'static str, &str)]) -> Option<String> {
        let mut request = Request::new(http::Method::POST, url.parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        of(&HashKey(key.map(|key| key.as_bytes().to_vec())), &request)
    }

    const URL: &str = "https://api.openai.com/v1/chat/completions";

    #[test]
    fn one_credential_has_one_fingerprint_wherever_it_stands() {
        let bearer = fingerprint(Some("k"), URL, &[("authorization", "Bearer sk-1")]).unwrap();
        assert_eq!(bearer.len(), SHOWN);
        assert!(bearer.bytes().all(|digit| digit.is_ascii_hexdigit()));
        for name in HEADERS {
            assert_eq!(fingerprint(Some("k"), URL, &[(name, "sk-1")]).as_ref(), Some(&bearer), "{name}");
        }
        assert_eq!(fingerprint(Some("k"), &format!("{URL}?alt=sse&key=sk-1"), &[]).as_ref(), Some(&bearer));
        assert_ne!(fingerprint(Some("k"), URL, &[("x-api-key", "sk-2")]), Some(bearer.clone()));
        assert_ne!(fingerprint(Some("l"), URL, &[("x-api-key", "sk-1")]), Some(bearer));
    }

    #[test]
    fn there_is_none_without_a_key_or_a_credential() {
        assert_eq!(fingerprint(None, URL, &[("x-api-key", "sk-1")]), None);
        assert_eq!(fingerprint(Some("k"), URL, &[]), None);
    }

    #[test]
    fn of_a_signature_the_access_key_counts_and_not_what_changes() {
        let signed = |signature: &str| {
            let value = format!(
                "AWS4-HMAC-SHA256 Credential=AKIA1/20261123/us-east-1/bedrock/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature={signature}"
            );
            fingerprint(Some("k"), URL, &[("authorization", &value)])
        };
        assert_eq!(signed("aa"), signed("bb"));
        assert_eq!(signed("aa"), fingerprint(Some("k"), URL, &[("x-api-key", "AKIA1")]));
    }
}
