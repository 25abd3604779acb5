//! Facts that only other instrumentations state.

/// A fact from which facts of the call follow; see `draft::more`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Fact {
    /// The one model of a sender that names the request's until a response came, then the response's.
    Model,
    /// The model asked for, where the conventions' name for it has the response's.
    AskedModel,
    /// The model with its provider before it: `openai/gpt-4o`.
    ProviderModel,
    /// Milliseconds.
    FirstChunkMs,
    /// A timestamp as RFC 3339 has it.
    FirstChunkAt,
    /// Seconds to the first token, also of a call that does not stream.
    FirstToken,
    TotalTokens,
    /// Input and output without any other kind of tokens.
    InputApart,
    OutputApart,
    /// Whatever its value: the input has the cached tokens in it.
    InputHasCache,
    /// A quantity that has a price of its own, by its key in the library's `Billing`.
    Billed(&'static str),
    /// A word that decides the price, by its key in the library's `Billing`.
    BilledBy(&'static str),
    /// Members of a usage object that are not known, each of which may cost something.
    Unparsed,
    /// What compactions used, which is in no total.
    CompactionInput,
    CompactionOutput,
    /// `span`, `log` or `pending_span`.
    SpanType,
    /// A class of LangChain's generations: one whose name ends in `Chunk` came from a stream.
    GenerationType,
    /// Milliseconds that the call lasted, of a log record.
    DurationMs,
    /// The account of the person, by the name that people know; it goes before every other id of a user.
    Account,
    /// Seconds, of a log line at the end of a stream.
    LogDuration,
    /// Whatever its value: the span is a response of Codex.
    CodexResponse,
    /// `ERROR` marks a failed call.
    Level,
    /// False marks a failed call.
    Success,
}
