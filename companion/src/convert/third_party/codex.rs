//! Codex CLI. The span of a response's last event carries its tokens; no span of a response names its model.

use super::{Cached, Dialect, Fact, Field};

pub(super) const DIALECT: Dialect = Dialect {
    name: "Codex",
    scopes: &[("codex", Cached::Always)],
    fields: &[
        ("codex.usage.total_tokens", Field::More(Fact::CodexResponse)),
        ("codex.usage.reasoning_output_tokens", Field::Reasoning),
    ],
    own_fields: &[("model", Field::RequestModel), ("conversation.id", Field::Conversation)],
    provider: Some(spanledger::semconv::provider::OPENAI),
    ..Dialect::EMPTY
};
