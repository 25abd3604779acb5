//! What a call does.

/// Whether a call generates text or embeds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Generation,
    Embeddings,
}
