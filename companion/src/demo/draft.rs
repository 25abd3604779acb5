//! One call of the company before it becomes a record.

use std::time::{Duration, SystemTime};

use fastrand::Rng;
use spanledger::{Billing, Outcome, PriceQuery, PriceTable, Usage, UsageSource};

use super::anomalies::{self, Anomaly, Effect};
use super::company::{Service, around};
use crate::record::{CallRecord, NanoUsd, Origin, Tags, Timestamp};

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Good,
    /// The reader of a stream goes away.
    Dropped,
    TimedOut,
    /// An HTTP status with the name of the failure.
    Refused(u16, &'static str),
}

const RATE_LIMITED: Status = Status::Refused(429, "rate_limited");
const BROKEN: Status = Status::Refused(500, "server_error");
const REVOKED: Status = Status::Refused(401, "unauthenticated");

impl Status {
    /// Of a usual day.
    fn draw(random: &mut Rng, streams: bool) -> Self {
        match random.u32(..1_000) {
            ..4 => RATE_LIMITED,
            4..9 => BROKEN,
            9..11 => Self::TimedOut,
            11..17 if streams => Self::Dropped,
            _ => Self::Good,
        }
    }

    /// Whether applications make the call again.
    pub(super) fn is_retried(self) -> bool {
        matches!(self, Self::Refused(429 | 500, _))
    }
}

/// A call with all that anomalies change.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) service: &'static Service,
    pub(super) at: Timestamp,
    /// As the request and the response name it.
    pub(super) model: (&'static str, &'static str),
    pub(super) user: &'static str,
    pub(super) input: f64,
    pub(super) output: f64,
    cached: f64,
    usage: bool,
    pub(super) status: Status,
    /// Whether the response asks for a tool.
    pub(super) tool: bool,
    pub(super) hash: u128,
    conversation: Option<u128>,
    trace: u128,
    span: u64,
    /// Seconds to the first chunk, and for each token after it.
    first: f64,
    pace: f64,
    /// Who calls with the key of the service.
    pub(super) borrower: Option<&'static str>,
    /// The anomaly that made or changed it.
    pub(super) label: Option<&'static str>,
}

impl Draft {
    /// A usual call of a service, and the first of a conversation where the service has them.
    pub(super) fn new(random: &mut Rng, service: &'static Service, at: Timestamp) -> Self {
        let trace = random.u128(1..);
        Self {
            service,
            at,
            model: service.models[random.usize(..service.models.len())],
            user: service.users[random.usize(..service.users.len())],
            input: around(random, service.tokens.0, 0.35),
            output: around(random, service.tokens.1, 0.5),
            cached: (service.cached + 0.1 * (random.f64() - 0.5)).clamp(0.0, 0.95),
            usage: true,
            status: Status::draw(random, service.streams),
            tool: false,
            hash: random.u128(..),
            conversation: service.agent.then_some(trace),
            trace,
            span: random.u64(1..),
            first: around(random, 0.45, 0.4),
            pace: around(random, 0.011, 0.2),
            borrower: None,
            label: None,
        }
    }

    /// Another call of the same conversation.
    pub(super) fn next_step(&self, random: &mut Rng, at: Timestamp) -> Self {
        let other = Self::new(random, self.service, at);
        Self {
            trace: self.trace,
            conversation: Some(self.conversation.unwrap_or(self.trace)),
            user: self.user,
            model: self.model,
            ..other
        }
    }

    /// The same request once more.
    pub(super) fn again(&self, random: &mut Rng, at: Timestamp) -> Self {
        let status = Status::draw(random, self.service.streams);
        Self { at, span: random.u64(1..), status, ..self.clone() }
    }

    /// What an anomaly makes of it.
    pub(super) fn change(&mut self, random: &mut Rng, anomaly: &Anomaly) {
        let often = random.f64() < 0.8;
        match anomaly.effect {
            Effect::RateLimits if often => self.status = RATE_LIMITED,
            Effect::Outage if often => self.status = BROKEN,
            Effect::Revoked => self.status = REVOKED,
            Effect::Slower(times) => (self.first, self.pace) = (self.first * times, self.pace * times),
            Effect::LongerPrompts(times) => self.input *= times,
            Effect::ShorterResponses(times) => self.output *= times,
            Effect::NoCache => self.cached = 0.0,
            Effect::Fallback(model) => self.model.1 = model,
            Effect::NoUsage if often => self.usage = false,
            Effect::Surge(_) => {}
            _ => return,
        }
        self.label = Some(anomaly.label);
    }

    /// The service whose process makes it.
    pub(super) fn sender(&self) -> &'static str {
        self.borrower.unwrap_or(self.service.name)
    }

    /// Seconds that it takes.
    fn seconds(&self) -> f64 {
        match self.status {
            Status::Good => self.first + self.pace * self.output,
            Status::Dropped => self.first + self.pace * self.output * 0.4,
            Status::TimedOut => 60.0,
            Status::Refused(..) => 0.12 + self.first / 10.0,
        }
    }

    /// When it ends.
    pub(super) fn end(&self) -> Timestamp {
        Timestamp(self.at.0 + nanos(self.seconds()))
    }

    /// The call as the library would have recorded it.
    pub(super) fn record(&self, sequence: u64, seed: u64, prices: &PriceTable) -> CallRecord {
        let Self { service, .. } = *self;
        let good = self.status == Status::Good;
        let (outcome, code, kind) = match self.status {
            Status::Good => (Outcome::Completed, Some(200), None),
            Status::Dropped => (Outcome::Dropped, Some(200), None),
            Status::TimedOut => (Outcome::TimedOut, None, Some("timeout")),
            Status::Refused(code, kind) => (Outcome::Failed, Some(code), Some(kind)),
        };
        let usage = if good && self.usage { self.tokens() } else { Usage::default() };
        let source = if usage.is_empty() { UsageSource::None } else { UsageSource::Provider };
        let response = (good || self.status == Status::Dropped).then_some(self.model.1);
        let cost = prices.price(&PriceQuery {
            provider: service.provider,
            server_address: Some(service.host),
            response_model: response,
            request_model: Some(self.model.0),
            service_tier: None,
            requested_service_tier: None,
            usage: &usage,
            usage_source: source,
            billing: Billing::NONE,
            at: SystemTime::UNIX_EPOCH + Duration::from_nanos(self.at.0.unsigned_abs()),
        });
        let mut tags = Tags::default();
        tags.add("team", service.team);
        if let Some(label) = self.label {
            tags.add(anomalies::TAG, label);
        }
        let finish = match (good, self.tool) {
            (false, _) => Vec::new(),
            (true, true) => vec!["tool_use".to_owned()],
            (true, false) => vec!["stop".to_owned()],
        };
        CallRecord {
            trace_id: self.trace.to_be_bytes(),
            span_id: self.span.to_be_bytes(),
            origin: Origin::Spanledger,
            start: self.at,
            duration_ns: nanos(self.seconds()),
            first_chunk_ns: (service.streams && response.is_some()).then(|| nanos(self.first)),
            service: self.sender().to_owned(),
            provider: service.provider.to_owned(),
            operation: "chat".to_owned(),
            request_model: Some(self.model.0.to_owned()),
            response_model: response.map(str::to_owned),
            response_id: response.map(|_| format!("demo-{:016x}", self.span)),
            stream: service.streams,
            outcome,
            status_code: code,
            error_type: kind.map(|kind| code.map_or_else(|| kind.to_owned(), |code| code.to_string())),
            error_kind: kind.map(str::to_owned),
            finish_reasons: finish,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            usage_source: source,
            cost: cost.usd.and_then(NanoUsd::from_usd),
            cost_status: cost.status,
            price_source: cost.source.map(|source| source.to_string()),
            server_address: Some(service.host.to_owned()),
            tags,
            user: Some(self.user.to_owned()),
            client_address: Some(format!("198.51.100.{}", 10 + self.user.len())),
            conversation_id: self.conversation.map(|id| format!("c-{:08x}", id >> 96)),
            key_fingerprint: Some(service.key.to_owned()),
            request_hash: Some(format!("{:032x}", self.hash)),
            instance: Some(format!("{}-{seed:04x}", self.sender())),
            sequence: Some(sequence),
            ..CallRecord::default()
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes of one call, above zero"
    )]
    fn tokens(&self) -> Usage {
        Usage {
            input_tokens: Some(self.input as u64),
            output_tokens: Some(self.output.max(1.0) as u64),
            cache_read_tokens: Some((self.input * self.cached) as u64),
            ..Usage::default()
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seconds of one call")]
fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9) as i64
}
