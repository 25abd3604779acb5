//! Senders with tokens of their own, each bound to the services that it may write.

use std::sync::Arc;

use http::HeaderMap;

use crate::net::token::Token;
use crate::record::{CallRecord, ProcessReport};

/// One of `[[receiver.senders]]`.
#[derive(Debug)]
pub(crate) struct Sender {
    /// Names it in responses and in the log.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) token: Token,
    /// What it may write.
    pub(crate) services: Vec<String>,
}

/// Who may send.
#[derive(Debug, Clone, Default)]
pub(crate) struct Senders {
    /// The token of those that may write for every service.
    pub(crate) all: Option<Token>,
    /// Those that may write for some.
    pub(crate) some: Arc<[Sender]>,
}

/// What a request may write.
#[derive(Debug, Clone)]
pub(crate) enum Scope {
    /// Anything.
    All,
    /// What the sender at this place may.
    Of(Arc<[Sender]>, usize),
}

tokio::task_local! {
    /// What the request that the task works on may write. Between the admission and the intake are the frameworks of two
    /// protocols, and no other value of ours passes through both.
    static SCOPE: Scope;
}

impl Senders {
    /// Whether a token is asked for.
    pub(crate) fn are_known(&self) -> bool {
        self.all.is_some() || !self.some.is_empty()
    }

    /// What a request with `headers` may write; `None` when it shows no token of any.
    pub(super) fn scope(&self, headers: &HeaderMap) -> Option<Scope> {
        if !self.are_known() || self.all.as_ref().is_some_and(|token| token.admits(headers)) {
            return Some(Scope::All);
        }
        let place = self.some.iter().position(|sender| sender.token.admits(headers))?;
        Some(Scope::Of(Arc::clone(&self.some), place))
    }
}

impl Scope {
    /// That of the request that this task works on.
    pub(super) fn current() -> Self {
        SCOPE.try_with(Clone::clone).unwrap_or(Self::All)
    }

    /// Does `work` on a request of this scope.
    pub(super) async fn over<T>(self, work: impl Future<Output = T>) -> T {
        SCOPE.scope(self, work).await
    }

    fn sender(&self) -> Option<&Sender> {
        match self {
            Self::All => None,
            Self::Of(senders, place) => senders.get(*place),
        }
    }

    /// Which of the senders with tokens of their own it is; `None` for all others.
    pub(super) const fn number(&self) -> Option<usize> {
        match self {
            Self::All => None,
            Self::Of(_, place) => Some(*place),
        }
    }

    /// Whether calls and counts of this service may be written.
    pub(super) fn may_write(&self, service: &str) -> bool {
        self.sender().is_none_or(|sender| sender.services.iter().any(|own| own == service))
    }

    /// Why what may not be written is refused.
    pub(super) fn refusal(&self) -> String {
        let name = self.sender().map_or("", |sender| &sender.name);
        format!("the token of sender {name:?} may not write their service")
    }

    /// Leaves what may be written, and returns how many calls that leaves out, where there is a bound.
    pub(super) fn keep(
        &self,
        calls: &mut Vec<CallRecord>,
        processes: &mut Vec<ProcessReport>,
    ) -> Option<u64> {
        self.sender()?;
        let before = calls.len();
        calls.retain(|call| self.may_write(&call.service));
        processes.retain(|process| self.may_write(&process.service));
        Some((before - calls.len()) as u64)
    }

    /// Whether spans that are no calls count: they have no service, and could connect calls of others.
    pub(super) fn connects(&self) -> bool {
        self.sender().is_none()
    }
}
