//! What questions are about.

/// Which calls a question is about. An absent field matches all; several must all match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Exact `service.name`.
    pub service: Option<String>,
    /// Exact model, as [`CallRecord::model`](crate::record::CallRecord::model) names it.
    pub model: Option<String>,
    /// Exact provider.
    pub provider: Option<String>,
    /// Exact user id. Questions with this or a later field read rows, not rollups.
    pub user: Option<String>,
    /// Exact request hash.
    pub hash: Option<String>,
    /// Exact trace id.
    pub trace_id: Option<[u8; 16]>,
    /// Exact outcome.
    pub outcome: Option<spanledger::Outcome>,
    /// Exact HTTP status.
    pub status_code: Option<u16>,
    /// Services whose calls are left out.
    pub except_services: Vec<String>,
    /// Models whose calls are left out.
    pub except_models: Vec<String>,
}

/// What totals can be taken by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// [`CallRecord::model`](crate::record::CallRecord::model).
    Model,
    /// The provider.
    Provider,
    /// The service.
    Service,
    /// The user; calls without one are left out.
    User,
    /// `error.type`; calls without one are left out.
    Error,
    /// The outcome.
    Outcome,
    /// The cost status.
    CostStatus,
}

/// What is asked about the repetition of request hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepetitionQuestion {
    /// Each value of this dimension by itself; `None` is all calls together. Calls without a user are in no group of
    /// [`Dimension::User`].
    pub by: Option<Dimension>,
    /// At most this many groups, those with the most calls.
    pub groups: usize,
    /// Hashes that came more often than this are named,
    pub more_than: u64,
    /// and of each group at most this many.
    pub hashes: usize,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most this many rows.
    pub limit: usize,
    /// The `next` of the page before; `None` for the first.
    pub after: Option<i64>,
}
