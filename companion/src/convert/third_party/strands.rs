//! Strands Agents. Its time to first token is in milliseconds, under the name that OpenLIT has for seconds, and its
//! provider is its own name.

use super::{Cached, Dialect, Fact, Field};

pub(super) const DIALECT: Dialect = Dialect {
    name: "Strands Agents",
    scopes: &[("strands", Cached::Unknown)],
    fields: &[("gen_ai.usage.cache_write_input_tokens", Field::CacheWrite)],
    own_fields: &[("gen_ai.server.time_to_first_token", Field::More(Fact::FirstChunkMs))],
    finish_reason_event: Some("gen_ai.choice"),
    ..Dialect::EMPTY
};
