//! The spans of the Claude SDKs themselves (Python from 2.0, TypeScript from 1.0).
//!
//! The usage leaves out what compactions used, which has attributes of its own. A stream that the application
//! closed early leaves the span's status unset; a complete one sets it to OK.

use super::{Cached, Dialect, Fact, Field};

pub(super) const DIALECT: Dialect = Dialect {
    name: "Claude SDK",
    scopes: &[("com.anthropic.sdk.", Cached::Since(&[1]))],
    fields: &[
        ("anthropic.message.stop_reason", Field::FinishReasons),
        (
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
            Field::More(Fact::Billed("cache_write_1h")),
        ),
        ("anthropic.usage.compaction.input_tokens", Field::More(Fact::CompactionInput)),
        ("anthropic.usage.compaction.output_tokens", Field::More(Fact::CompactionOutput)),
        ("anthropic.session.id", Field::Conversation),
    ],
    unset_means_dropped: true,
    ..Dialect::EMPTY
};
