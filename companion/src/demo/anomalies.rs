//! What goes wrong on the company's day: each anomaly with a label, a time, and what it does to calls.

use super::company::{Clock, SERVICES};
use crate::record::{SkipReason, Timestamp, Window};

/// The tag by which the calls of an anomaly are found: `spanledger calls --tag demo=surge`.
pub(super) const TAG: &str = "demo";

/// What an anomaly does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Effect {
    /// Most calls receive 429 and are retried.
    RateLimits,
    /// Most calls receive 500 and are retried.
    Outage,
    /// Every call receives 401.
    Revoked,
    /// Calls and their first chunks take so many times longer.
    Slower(f64),
    /// Prompts are so many times longer.
    LongerPrompts(f64),
    /// Responses end after a part of their tokens.
    ShorterResponses(f64),
    /// The provider's cache serves nothing.
    NoCache,
    /// Another model responds than the one that was asked for.
    Fallback(&'static str),
    /// Streams come without their usage.
    NoUsage,
    /// No call is made.
    Silence,
    /// Calls are made and never arrive.
    Lost,
    /// So many times as many calls.
    Surge(f64),
    /// Further calls: so many per minute, of one conversation, model or user.
    More(More),
    /// Spans that no one understands, or calls that cannot be taken: so many.
    Skipped(SkipReason, u64),
}

/// Further calls of an anomaly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct More {
    pub(super) per_minute: f64,
    /// Instead of the service's own models.
    pub(super) model: Option<&'static str>,
    /// Instead of the service's own users.
    pub(super) user: Option<&'static str>,
    /// Input and output tokens, instead of the service's own.
    pub(super) tokens: Option<(f64, f64)>,
    /// Whether all of them are one conversation.
    pub(super) one_conversation: bool,
    /// Whether all of them are one request.
    pub(super) one_request: bool,
    /// The service that makes them with the key of this one.
    pub(super) borrower: Option<&'static str>,
}

const NONE: More = More {
    per_minute: 0.0,
    model: None,
    user: None,
    tokens: None,
    one_conversation: false,
    one_request: false,
    borrower: None,
};

/// One anomaly.
#[derive(Debug)]
pub(super) struct Anomaly {
    /// Its label, and the value of the tag of its calls.
    pub(super) label: &'static str,
    /// What happens, in a few words.
    pub(super) what: &'static str,
    /// The service it happens to; all of them where it is empty.
    pub(super) service: &'static str,
    /// Hour and minute at which it begins.
    from: (i64, i64),
    /// How many minutes it lasts.
    minutes: i64,
    pub(super) effect: Effect,
}

const fn anomaly(
    label: &'static str,
    what: &'static str,
    service: &'static str,
    from: (i64, i64),
    minutes: i64,
    effect: Effect,
) -> Anomaly {
    Anomaly { label, what, service, from, minutes, effect }
}

/// The day. Times are those of the company, where it is now past five in the afternoon.
pub(super) const ALL: &[Anomaly] = &[
    anomaly(
        "night",
        "a batch of the office runs at night",
        "invoice-batch",
        (3, 5),
        25,
        Effect::More(More { per_minute: 5.0, ..NONE }),
    ),
    anomaly(
        "wrong-clock",
        "a machine's clock is months behind, and its calls cannot be taken",
        "",
        (7, 5),
        50,
        Effect::Skipped(SkipReason::TooOld, 12),
    ),
    anomaly(
        "new-library",
        "a library sends spans that no one understands",
        "",
        (8, 5),
        50,
        Effect::Skipped(SkipReason::Unknown, 90),
    ),
    anomaly(
        "rate-limit-storm",
        "the provider's rate limit, and retries into it",
        "support-chat",
        (9, 10),
        15,
        Effect::RateLimits,
    ),
    anomaly(
        "leaked-key",
        "a key turns up in a notebook",
        "invoice-batch",
        (9, 40),
        40,
        Effect::More(More { per_minute: 6.0, user: Some("intern"), borrower: Some("notebook"), ..NONE }),
    ),
    anomaly(
        "revoked-key",
        "the leaked key is revoked, and the batch still has it",
        "invoice-batch",
        (10, 25),
        10,
        Effect::Revoked,
    ),
    anomaly("outage", "the provider responds with 500", "coding-agent", (10, 45), 12, Effect::Outage),
    anomaly(
        "unpriced-model",
        "a model without a price is tried",
        "docs-search",
        (11, 5),
        1_000,
        Effect::More(More { per_minute: 1.5, model: Some("house-model-2"), ..NONE }),
    ),
    anomaly(
        "runaway-agent",
        "an agent does not end",
        "coding-agent",
        (11, 20),
        45,
        Effect::More(More {
            per_minute: 4.0,
            model: Some("claude-opus-4-1"),
            user: Some("ken"),
            tokens: Some((110_000.0, 2_500.0)),
            one_conversation: true,
            ..NONE
        }),
    ),
    anomaly(
        "token-bomb",
        "someone pastes a whole archive into the chat",
        "support-chat",
        (12, 15),
        4,
        Effect::More(More {
            per_minute: 2.0,
            model: Some("gpt-4.1"),
            user: Some("hedy"),
            tokens: Some((420_000.0, 900.0)),
            ..NONE
        }),
    ),
    anomaly(
        "request-loop",
        "a button without a cache: one request again and again",
        "support-chat",
        (12, 32),
        6,
        Effect::More(More { per_minute: 14.0, user: Some("grace"), one_request: true, ..NONE }),
    ),
    anomaly(
        "no-usage",
        "a release that no longer asks for usage in streams",
        "support-chat",
        (12, 42),
        24,
        Effect::NoUsage,
    ),
    anomaly("lost", "the Collector is down, and calls are lost", "", (13, 8), 24, Effect::Lost),
    anomaly("slow-provider", "the provider is slow", "support-chat", (13, 50), 50, Effect::Slower(3.5)),
    anomaly(
        "grown-prompts",
        "a history that is never cut",
        "invoice-batch",
        (14, 20),
        80,
        Effect::LongerPrompts(5.0),
    ),
    anomaly("service-down", "a service stops", "docs-search", (14, 40), 35, Effect::Silence),
    anomaly(
        "cache-broken",
        "a timestamp at the beginning of the prompt",
        "coding-agent",
        (14, 45),
        60,
        Effect::NoCache,
    ),
    anomaly(
        "cut-responses",
        "max_tokens is set too low",
        "support-chat",
        (15, 0),
        50,
        Effect::ShorterResponses(0.15),
    ),
    anomaly(
        "fallback",
        "the gateway falls back to another model",
        "docs-search",
        (15, 20),
        20,
        Effect::Fallback("gemini-2.0-flash"),
    ),
    anomaly(
        "script",
        "one user runs a script",
        "docs-search",
        (15, 50),
        60,
        Effect::More(More { per_minute: 60.0, user: Some("tim"), ..NONE }),
    ),
    anomaly("surge", "a campaign brings customers", "support-chat", (16, 25), 14, Effect::Surge(8.0)),
];

impl Anomaly {
    /// When it happens on the company's day.
    pub(super) const fn window(&self, clock: Clock) -> Window {
        let from = self.from.0 * 60 + self.from.1;
        Window { from: clock.minute(from), to: clock.minute(from + self.minutes) }
    }

    /// Whether it touches a service at a time.
    pub(super) fn touches(&self, service: &str, at: Timestamp, clock: Clock) -> bool {
        let Window { from, to } = self.window(clock);
        (self.service.is_empty() || self.service == service) && from <= at && at < to
    }

    /// Whether it happens to calls of all services.
    pub(super) fn is_everywhere(&self) -> bool {
        self.service.is_empty() && !matches!(self.effect, Effect::Skipped(..))
    }

    /// What a label of an alert has to be, where the alert has it, to be about this anomaly.
    pub(super) fn value_of(&self, label: &str) -> Option<&'static str> {
        let own = (!self.service.is_empty()).then_some(self.service);
        match (label, self.effect) {
            ("service", Effect::More(More { borrower: Some(borrower), .. })) => Some(borrower),
            ("service" | "budget", _) => own,
            ("key", Effect::More(More { borrower: Some(_), .. })) => {
                SERVICES.iter().find(|one| Some(one.name) == own).map(|one| one.key)
            }
            ("user", Effect::More(more)) => more.user,
            ("model", Effect::More(more)) => more.model,
            ("model", Effect::Fallback(model)) => Some(model),
            ("scope", Effect::Skipped(..)) => Some(self.label),
            ("result", Effect::Skipped(reason, _)) => Some(reason.as_str()),
            _ => None,
        }
    }
}
