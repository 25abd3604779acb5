//! What is kept of spans that are no calls.

/// A span that is no call, between a call and those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// Its trace.
    pub trace_id: [u8; 16],
    /// Its id.
    pub span_id: [u8; 8],
    /// Its parent, if any.
    pub parent_span_id: Option<[u8; 8]>,
    /// Whether it is an agent, a tool or a workflow: calls below it are separate from calls above it.
    pub boundary: bool,
}
