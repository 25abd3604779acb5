//! LiteLLM, the library and the proxy. It reports the cost it has computed itself, in USD.
//!
//! Its usage object, which alone has the cached tokens, is the text of a Python dictionary. The id of a response of the
//! Responses API is its own, around the provider's, for its client as well.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::json::{self, Json};
use super::{Cached, Dialect, Fact, Field};

pub(super) const DIALECT: Dialect = Dialect {
    name: "LiteLLM",
    scopes: &[("litellm", Cached::Unknown)],
    fields: &[
        ("gen_ai.cost.total_cost", Field::Cost),
        ("litellm.cost.total_cost", Field::Cost),
        ("litellm.cost.total", Field::Cost),
        ("litellm.provider.model", Field::More(Fact::ProviderModel)),
        ("metadata.usage_object", Field::Json(&USAGE)),
        ("litellm.metadata.usage_object", Field::Json(&USAGE)),
        ("metadata.user_api_key_end_user_id", Field::User),
        ("litellm.provider.error.code", Field::StatusCode),
    ],
    bills: true,
    ..Dialect::EMPTY
};

const USAGE: Json = json::USAGE.in_python();

/// With what its own ids begin: `resp_` and `litellm:` in base64.
const OWN_ID: &str = "resp_bGl0ZWxsbTp";

/// The provider's id of a response, also where LiteLLM put its own around it:
/// `resp_` and, in base64, `litellm:custom_llm_provider:openai;model_id:...;response_id:resp_1`.
pub(in super::super) fn provider_response_id(id: Cow<'_, str>) -> Cow<'_, str> {
    let inner = id.strip_prefix("resp_").filter(|_| id.starts_with(OWN_ID)).and_then(|encoded| {
        let text = String::from_utf8(STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?).ok()?;
        let (_, id) = text.rsplit_once("response_id:")?;
        (!id.is_empty()).then(|| id.to_owned())
    });
    inner.map_or(id, Cow::Owned)
}
