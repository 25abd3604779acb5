//! The names of failures: those of this ledger, and what SDKs, providers and transports call them.

/// One kind of failure. A kind is what somebody on call acts on: slow down, mend a key, ask the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    RateLimited,
    QuotaExceeded,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    ContextLengthExceeded,
    ContentFiltered,
    InvalidRequest,
    Timeout,
    Cancelled,
    Overloaded,
    Connection,
    Truncated,
    ServerError,
}

impl Kind {
    /// Its name in the ledger.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission_denied",
            Self::NotFound => "not_found",
            Self::ContextLengthExceeded => "context_length_exceeded",
            Self::ContentFiltered => "content_filtered",
            Self::InvalidRequest => "invalid_request",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Overloaded => "overloaded",
            Self::Connection => "connection",
            Self::Truncated => "truncated",
            Self::ServerError => "server_error",
        }
    }

    /// What an HTTP status means.
    pub(super) const fn of_status(status: u16) -> Option<Self> {
        Some(match status {
            401 => Self::Unauthenticated,
            402 => Self::QuotaExceeded,
            403 => Self::PermissionDenied,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            429 => Self::RateLimited,
            499 => Self::Cancelled,
            503 | 529 => Self::Overloaded,
            400..=498 => Self::InvalidRequest,
            500..=599 => Self::ServerError,
            _ => return None,
        })
    }

    /// The HTTP status that belongs to a name, where SDKs raise it for one status only.
    pub(super) const fn status(self) -> Option<u16> {
        match self {
            Self::RateLimited => Some(429),
            Self::Unauthenticated => Some(401),
            Self::PermissionDenied => Some(403),
            Self::NotFound => Some(404),
            Self::InvalidRequest | Self::ContextLengthExceeded => Some(400),
            Self::Overloaded => Some(503),
            Self::ServerError => Some(500),
            _ => None,
        }
    }

    /// Whether it says more precisely what a status of the kind `coarse` was about.
    pub(super) const fn refines(self, coarse: Self) -> bool {
        matches!(
            (coarse, self),
            (Self::RateLimited, Self::QuotaExceeded | Self::Overloaded)
                | (Self::PermissionDenied, Self::Unauthenticated | Self::QuotaExceeded)
                | (Self::ServerError, Self::Overloaded | Self::Timeout)
                | (
                    Self::InvalidRequest,
                    Self::ContextLengthExceeded
                        | Self::ContentFiltered
                        | Self::QuotaExceeded
                        | Self::NotFound
                        | Self::Unauthenticated
                )
        )
    }

    /// What an exception class or a provider's error code means: `openai.RateLimitError`, `ModelRateLimitError`,
    /// `_ResourceExhaustedError`, `rate_limit_error`, `Anthropic::RateLimitError`.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        // Codes of clouds begin with what failed: `AuthFailure.SecretIdNotFound`, `Throttling.RateQuota`.
        let group = name.split_once('.').map(|(group, _)| group);
        if let Some((_, kind)) = GROUPS.iter().find(|(known, _)| group == Some(known)) {
            return Some(*kind);
        }
        let class = name.rsplit(['.', ':', '/', '#', '\\']).next().unwrap_or(name);
        let bare: String =
            class.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect();
        NAMES.iter().find(|(part, _)| bare.contains(part)).map(|(_, kind)| *kind)
    }

    /// What a text says, by words that providers and SDKs write.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        TEXTS.iter().find(|(part, _)| text.contains(part)).map(|(_, kind)| *kind)
    }
}

/// First parts of the codes of Tencent Cloud and Alibaba Cloud.
const GROUPS: &[(&str, Kind)] = &[
    ("AuthFailure", Kind::Unauthenticated),
    ("UnauthorizedOperation", Kind::PermissionDenied),
    ("AccessDenied", Kind::PermissionDenied),
    ("RequestLimitExceeded", Kind::RateLimited),
    ("Throttling", Kind::RateLimited),
    ("AllocationQuota", Kind::QuotaExceeded),
];

/// Parts of names without case and punctuation. The first that fits counts, so the more precise come first.
const NAMES: &[(&str, Kind)] = &[
    ("insufficientquota", Kind::QuotaExceeded),
    ("quotaexceeded", Kind::QuotaExceeded),
    ("paymentrequired", Kind::QuotaExceeded),
    ("billing", Kind::QuotaExceeded),
    ("budgetexceeded", Kind::QuotaExceeded),
    ("insufficientbalance", Kind::QuotaExceeded),
    ("arrear", Kind::QuotaExceeded),
    ("ratelimit", Kind::RateLimited),
    ("toomanyrequests", Kind::RateLimited),
    ("resourceexhausted", Kind::RateLimited),
    ("throttl", Kind::RateLimited),
    ("requestlimitexceeded", Kind::RateLimited),
    ("limitrequests", Kind::RateLimited),
    ("limitburstrate", Kind::RateLimited),
    ("authentication", Kind::Unauthenticated),
    ("authfailure", Kind::Unauthenticated),
    ("unauthenticated", Kind::Unauthenticated),
    ("unauthorized", Kind::Unauthenticated),
    ("unauthorised", Kind::Unauthenticated),
    ("invalidapikey", Kind::Unauthenticated),
    ("loadapikey", Kind::Unauthenticated),
    ("missingapikey", Kind::Unauthenticated),
    ("expiredtoken", Kind::Unauthenticated),
    ("unrecognizedclient", Kind::Unauthenticated),
    ("permission", Kind::PermissionDenied),
    ("forbidden", Kind::PermissionDenied),
    ("accessdenied", Kind::PermissionDenied),
    ("contextwindow", Kind::ContextLengthExceeded),
    ("contextlength", Kind::ContextLengthExceeded),
    ("contentfilter", Kind::ContentFiltered),
    ("contentpolicy", Kind::ContentFiltered),
    ("datainspection", Kind::ContentFiltered),
    ("guardrail", Kind::ContentFiltered),
    // Before `notfound`: a host that is not found is no model that is not found.
    ("hostnotfound", Kind::Connection),
    ("enotfound", Kind::Connection),
    ("notfound", Kind::NotFound),
    ("nosuchmodel", Kind::NotFound),
    ("overloaded", Kind::Overloaded),
    ("unavailable", Kind::Overloaded),
    ("modelnotready", Kind::Overloaded),
    ("timeout", Kind::Timeout),
    ("timedout", Kind::Timeout),
    ("deadlineexceeded", Kind::Timeout),
    ("cancel", Kind::Cancelled),
    ("generatorexit", Kind::Cancelled),
    ("keyboardinterrupt", Kind::Cancelled),
    ("abort", Kind::Cancelled),
    ("remoteprotocol", Kind::Connection),
    ("incompleteread", Kind::Connection),
    ("chunkedencoding", Kind::Connection),
    ("connect", Kind::Connection),
    ("econn", Kind::Connection),
    ("readerror", Kind::Connection),
    ("network", Kind::Connection),
    ("badrequest", Kind::InvalidRequest),
    ("invalidrequest", Kind::InvalidRequest),
    ("invalidargument", Kind::InvalidRequest),
    ("requestrejected", Kind::InvalidRequest),
    ("unprocessable", Kind::InvalidRequest),
    ("validationexception", Kind::InvalidRequest),
    ("unsupportedparams", Kind::InvalidRequest),
    ("toolarge", Kind::InvalidRequest),
    ("conflicterror", Kind::InvalidRequest),
    ("internalserver", Kind::ServerError),
    ("servererror", Kind::ServerError),
    ("internalfailure", Kind::ServerError),
    ("badgateway", Kind::ServerError),
];

/// Parts of texts in lower case, as `NAMES`.
const TEXTS: &[(&str, Kind)] = &[
    ("insufficient_quota", Kind::QuotaExceeded),
    ("exceeded your current quota", Kind::QuotaExceeded),
    ("credit balance is too low", Kind::QuotaExceeded),
    ("insufficient balance", Kind::QuotaExceeded),
    ("rate limit", Kind::RateLimited),
    ("rate_limit", Kind::RateLimited),
    ("too many requests", Kind::RateLimited),
    ("resource_exhausted", Kind::RateLimited),
    ("throttlingexception", Kind::RateLimited),
    ("incorrect api key", Kind::Unauthenticated),
    ("invalid api key", Kind::Unauthenticated),
    ("api key not valid", Kind::Unauthenticated),
    ("invalid x-api-key", Kind::Unauthenticated),
    ("authentication_error", Kind::Unauthenticated),
    ("permission_error", Kind::PermissionDenied),
    ("permission_denied", Kind::PermissionDenied),
    ("accessdeniedexception", Kind::PermissionDenied),
    ("context_length_exceeded", Kind::ContextLengthExceeded),
    ("maximum context length", Kind::ContextLengthExceeded),
    ("prompt is too long", Kind::ContextLengthExceeded),
    ("content_filter", Kind::ContentFiltered),
    ("model_not_found", Kind::NotFound),
    ("not_found_error", Kind::NotFound),
    ("overloaded", Kind::Overloaded),
    ("service unavailable", Kind::Overloaded),
    ("timed out", Kind::Timeout),
    ("etimedout", Kind::Timeout),
    ("deadline_exceeded", Kind::Timeout),
    ("timeout", Kind::Timeout),
    ("deadline exceeded", Kind::Timeout),
    ("peer closed connection", Kind::Connection),
    ("connection error", Kind::Connection),
    ("connection refused", Kind::Connection),
    ("connection reset", Kind::Connection),
    ("socket hang up", Kind::Connection),
    ("fetch failed", Kind::Connection),
    ("premature close", Kind::Connection),
    ("error sending request", Kind::Connection),
    ("unexpected eof", Kind::Connection),
    ("econnreset", Kind::Connection),
    ("error decoding response body", Kind::Connection),
    ("incomplete chunked read", Kind::Connection),
    ("other side closed", Kind::Connection),
    ("broken pipe", Kind::Connection),
    ("context canceled", Kind::Cancelled),
    ("was aborted", Kind::Cancelled),
    ("operation was canceled", Kind::Cancelled),
    ("failed to process successful response", Kind::Connection),
    ("the server had an error", Kind::ServerError),
    ("internal server error", Kind::ServerError),
];
