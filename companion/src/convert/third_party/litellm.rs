//! LiteLLM, the library and the proxy. It reports the cost it has computed itself, in USD.
//!
//! Its usage object, which alone has the cached tokens, is the text of a Python dictionary.

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
    ..Dialect::EMPTY
};

const USAGE: Json = json::USAGE.in_python();
