//! OpenLIT. Its cost has the name that this project uses as well.
//!
//! It passes on what the provider's API counts: for Anthropic and Bedrock the input without the cache, for Gemini the
//! output without the thoughts. Where a stream brings no usage it counts the texts itself; such spans have no
//! cache counts, which all others have. Its time to first token is the whole duration where nothing streams.

use super::{Cached, Dialect, Fact, Field, Input, Thoughts};

pub(super) const DIALECT: Dialect = Dialect {
    name: "OpenLIT",
    scopes: &[("openlit", Cached::Unknown)],
    fields: &[
        ("gen_ai.usage.cache_read_tokens", Field::CacheRead),
        ("gen_ai.usage.cache_creation_tokens", Field::CacheWrite),
        ("gen_ai.usage.details.cache_read_tokens", Field::CacheRead),
        ("gen_ai.usage.details.cache_write_tokens", Field::CacheWrite),
        ("gen_ai.usage.details.reasoning_tokens", Field::Reasoning),
        ("gen_ai.usage.details.thoughts_tokens", Field::Reasoning),
        ("gen_ai.server.time_to_first_token", Field::More(Fact::FirstToken)),
    ],
    input: Input::AsTheApi,
    thoughts: Thoughts::LeftOut,
    estimates_without_cache_counts: true,
    names_calls: true,
    ..Dialect::EMPTY
};
