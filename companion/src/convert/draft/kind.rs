//! What a span is: a call, the log of one, or something else, and then why it is not recorded.

use std::borrow::Cow;

use super::{Draft, SpanStatus};
use crate::convert::kind::Kind;
use crate::convert::third_party::{self, Event, Meaning, provider};
use crate::record::SkipReason;

/// What Logfire writes of a log line, and of a span that has just begun and comes whole later.
const LOG: &str = "log";
const PENDING: &str = "pending_span";

/// Verbs with which OpenLIT names the span of a call, before the model.
const VERBS: [&str; 3] = ["chat", "text_completion", "embeddings"];

impl<'a> Draft<'a> {
    /// What kind of call the span is, or why it is none.
    pub(in crate::convert) fn kind(&mut self) -> Result<Kind, SkipReason> {
        if self.process.is_some() {
            return Err(SkipReason::Operation);
        }
        let stated = self.stated();
        if self.own {
            let embeddings = matches!(stated, Some(Meaning::Call(Kind::Embeddings, _)));
            return Ok(if embeddings { Kind::Embeddings } else { Kind::Generation });
        }
        if self.more.span_type.as_deref() == Some(PENDING) {
            return Err(SkipReason::Pending);
        }
        if self.is_log()
            && self.response_id.is_none()
            && !self.has_usage()
            && self.status != SpanStatus::Error
        {
            return Err(SkipReason::Log);
        }
        match stated {
            Some(Meaning::Call(kind, _)) => Ok(kind),
            Some(Meaning::Boundary(skipped)) => Err(skipped),
            Some(Meaning::Other) => Err(SkipReason::Operation),
            Some(Meaning::Unknown) => Err(SkipReason::Unknown),
            None if self.more.codex_response => Ok(Kind::Generation),
            // The oldest instrumentations name no operation: a model and a provider, or tokens, make a call.
            None => {
                let model = self.request_model.is_some()
                    || self.response_model.is_some()
                    || self.more.model.is_some();
                let more = self.provider.is_some() || self.system.is_some() || self.has_usage();
                if model && more {
                    Ok(Kind::Generation)
                } else {
                    self.named_call().ok_or(SkipReason::Unknown)
                }
            }
        }
    }

    /// The call of a span that has nothing but its name, `chat MODEL`, and an error. The scope names the provider.
    fn named_call(&mut self) -> Option<Kind> {
        if !self.sender.dialect.names_calls || self.status != SpanStatus::Error {
            return None;
        }
        let (verb, model) = self.name.split_once(' ').filter(|(verb, _)| VERBS.contains(verb))?;
        let meaning = third_party::meaning(verb);
        self.operation = Some(Cow::Owned(verb.to_owned()));
        self.request_model = Some(Cow::Owned(model.to_owned()));
        match meaning {
            Meaning::Call(kind, _) => Some(kind),
            _ => None,
        }
    }

    /// Whether the span is the log line that ends a stream.
    pub(in crate::convert) fn is_log(&self) -> bool {
        self.more.span_type.as_deref() == Some(LOG)
    }

    /// Whether a log record of the kind `event` is a call.
    pub(in crate::convert) fn is_event_of_a_call(&mut self, event: Event) -> bool {
        self.more.failed |= event == Event::Failure;
        match event {
            Event::Call | Event::Failure => true,
            Event::Step if self.has_usage() => true,
            Event::Step | Event::Request => {
                self.more.failed |= self.error_message.is_some();
                self.has_failed()
            }
        }
    }

    /// How long the call of a log record lasted, in nanoseconds.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and the range is checked by the caller"
    )]
    pub(in crate::convert) fn lasted_ns(&self) -> Option<i64> {
        self.more.duration.map(|millis| (millis * 1e6) as i64)
    }

    /// Gives `part` what tells the call of a log record from others.
    pub(in crate::convert) fn identify(&self, part: &mut impl FnMut(&[u8])) {
        let texts = [&self.conversation, &self.response_id, &self.request_model, &self.error_message];
        texts.into_iter().for_each(|text| part(text.as_deref().unwrap_or_default().as_bytes()));
        for tokens in [self.usage.input_tokens, self.usage.output_tokens] {
            part(&tokens.unwrap_or(u64::MAX).to_le_bytes());
        }
        part(&self.more.duration.unwrap_or(-1.0).to_le_bytes());
    }

    /// Whether any number of tokens is known.
    pub(in crate::convert) fn has_usage(&self) -> bool {
        !self.usage.is_empty() || self.more.input_apart.is_some() || self.more.output_apart.is_some()
    }

    /// What the operation says, else the span kind. OpenLLMetry writes `unknown` where it does not know.
    pub(super) fn stated(&self) -> Option<Meaning> {
        let name =
            self.operation.as_deref().filter(|name| *name != "unknown").or(self.span_kind.as_deref())?;
        Some(third_party::meaning(name))
    }

    /// Whether anything of a response is known.
    pub(super) fn has_begun(&self) -> bool {
        self.response_id.is_some()
            || self.is_log()
            || self.first_chunk.is_some()
            || self.more.first_chunk.is_some()
            || self.more.first_chunk_at.is_some()
            || self.more.streamed
            || self.has_usage()
            || self.status_code == Some(200)
    }

    /// Whether the span is the call of a stream whose end comes as a log line.
    pub(in crate::convert) fn opens_stream(&self) -> bool {
        self.sender.dialect.logs_stream_ends
            && !self.is_log()
            && !self.has_begun()
            && self.status != SpanStatus::Error
    }

    /// How long the stream lasted that the log line ends, in nanoseconds.
    pub(in crate::convert) fn log_duration(&self) -> Option<i64> {
        self.more.log_duration.filter(|_| self.is_log())
    }

    /// Whether the call streams, as far as the sender knows: by a flag, by the operation's name, or since only streams
    /// have a first chunk.
    pub(super) fn streams(&self) -> bool {
        let named = || {
            [&self.operation, &self.span_kind].into_iter().flatten().any(|name| third_party::streams(name))
        };
        self.more.streamed
            || self.stream.unwrap_or_else(|| {
                self.sender.dialect.always_streams
                    || self.first_chunk.is_some()
                    || self.more.first_chunk.is_some()
                    || self.more.first_chunk_at.is_some()
                    || self.is_log()
                    || self.opens_stream()
                    || named()
            })
    }

    /// Settles who served the call and which model, out of all that the sender has of them.
    pub(super) fn settle_names(&mut self, failed: bool) {
        let responded = !failed || self.has_begun();
        // Some senders write the model asked for as the response's before a response comes.
        if !responded {
            let echo = self.response_model.take();
            self.request_model = self.request_model.take().or(echo);
        }
        let more = &mut self.more;
        self.request_model = more.asked_model.take().or(self.request_model.take());
        if let Some(model) = more.model.take() {
            if self.response_model.is_none() && responded {
                self.response_model = Some(model.clone());
            }
            self.request_model.get_or_insert(model);
        }
        let named = |name: Option<Cow<'a, str>>| name.and_then(provider::named);
        let of_model = |model: &Option<Cow<'_, str>>| model.as_deref().and_then(provider::of_model);
        self.provider = named(self.provider.take())
            .or_else(|| named(self.system.take()))
            .or_else(|| of_model(&more.provider_model).map(Cow::Borrowed))
            .or_else(|| self.sender.provider.map(Cow::Borrowed))
            .or_else(|| self.server_address.as_deref().and_then(provider::at_host).map(Cow::Borrowed))
            .or_else(|| {
                of_model(&self.response_model).or_else(|| of_model(&self.request_model)).map(Cow::Borrowed)
            })
            .or(self.sender.dialect.provider.map(Cow::Borrowed))
            .or_else(|| self.error_type.as_deref().and_then(provider::of_class).map(Cow::Borrowed));
    }
}
