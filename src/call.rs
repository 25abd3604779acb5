//! What is known about one call: plain facts, filled in by the readers of wire formats and written out by
//! `telemetry`. Nothing here knows HTTP, JSON or OpenTelemetry.

mod claude;
mod counted;
mod settle;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use self::counted::Counted;
use crate::billing::{Billing, Words};
use crate::charge::Charge;
use crate::coverage::{Coverage, MAX_PATHS};
use crate::semconv::error_type;
use crate::tags::Tags;
use crate::usage::Usage;

/// One call, from the request to the end of its body.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) destination: Destination,
    pub(crate) caller: Caller,
    pub(crate) request: RequestFacts,
    /// Absent when the body was a stream, too large, of too many values or no JSON.
    pub(crate) request_hash: Option<String>,
    /// Which credential made the call, where the application opted in.
    pub(crate) key_fingerprint: Option<String>,
    /// The request's body was a stream, too large, of too many values or no JSON: it has no hash, and parameters only
    /// where it has too many values.
    pub(crate) request_unparsed: bool,
    /// Bytes of the request body, for estimates only.
    pub(crate) request_bytes: u64,
    pub(crate) status_code: Option<u16>,
    pub(crate) response: ResponseFacts,
    pub(crate) retrieval: Retrieval,
    /// From the request to the first generated output of a stream.
    pub(crate) first_chunk: Option<Duration>,
    pub(crate) ending: Ending,
}

/// How the exchange ended on the wire. What that means for the call,
/// [`judge`](crate::outcome::judge) decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The caller dropped the future before the headers arrived.
    Cancelled,
    /// No response came.
    NoResponse(Failure),
    /// The body was read to its end.
    End,
    /// The caller stopped reading the body.
    Dropped,
    /// The body's transport failed.
    Broken(Failure),
}

/// Why a transport failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Timeout,
    Connect,
    Body,
    Decode,
    Redirect,
    Request,
    Middleware,
}

impl Failure {
    pub(crate) const fn error_type(self) -> &'static str {
        match self {
            Self::Timeout => error_type::TIMEOUT,
            Self::Connect => error_type::CONNECT,
            Self::Body => error_type::BODY,
            Self::Decode => error_type::DECODE,
            Self::Redirect => error_type::REDIRECT,
            Self::Request => error_type::REQUEST,
            Self::Middleware => error_type::MIDDLEWARE,
        }
    }
}

/// On whose behalf the application makes the call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) user_id: Option<String>,
    pub(crate) client_address: Option<String>,
    pub(crate) conversation_id: Option<String>,
    pub(crate) tags: Tags,
}

/// The operation a call performs, as the conventions name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Chat,
    TextCompletion,
    Embeddings,
    GenerateContent,
    InvokeAgent,
    ImageGeneration,
    VideoGeneration,
    Transcription,
    Speech,
    Rerank,
    Ocr,
    Classification,
}

impl Operation {
    /// Whether a model generates text or content, as the conventions mean it.
    pub(crate) const fn is_inference(self) -> bool {
        matches!(self, Self::Chat | Self::TextCompletion | Self::GenerateContent)
    }
}

/// Whether a response can be had more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Retrieval {
    /// It exists in this exchange only.
    #[default]
    Once,
    /// The provider keeps it, and others can fetch it.
    Kept,
    /// This exchange fetches the response of the call of this id.
    Fetch(String),
}

/// What the URL and the request body say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RequestFacts {
    /// The model asked for, from the body or the path.
    pub(crate) model: Option<String>,
    pub(crate) stream: bool,
    pub(crate) max_tokens: Option<i64>,
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<i64>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) stop_sequences: Vec<String>,
    pub(crate) seed: Option<i64>,
    /// The number of choices asked for; the span carries it when it is not 1.
    pub(crate) choice_count: Option<i64>,
    /// `text`, `json`, `image` or `speech`.
    pub(crate) output_type: Option<&'static str>,
    pub(crate) reasoning_level: Option<String>,
    pub(crate) previous_response_id: Option<String>,
    pub(crate) conversation_id: Option<String>,
    /// The prompt template kept at the provider, and which version of it.
    pub(crate) prompt_name: Option<String>,
    pub(crate) prompt_version: Option<String>,
    pub(crate) service_tier: Option<String>,
    /// Embeddings only.
    pub(crate) encoding_formats: Vec<String>,
    /// Embeddings only.
    pub(crate) dimensions: Option<i64>,
    /// Characters of the text to speak.
    pub(crate) characters: Option<u64>,
    /// Bedrock only: the guardrail named in the request.
    pub(crate) guardrail_id: Option<String>,
    /// Who serves the model behind a router, by the path.
    pub(crate) route: Option<String>,
    /// Where the model behind a router runs, by the path.
    pub(crate) region: Option<String>,
    /// What pays the call instead of its tokens, where path or key show it.
    pub(crate) payment: Option<&'static str>,
    /// Gemini only, whose counts may leave it out: the prompt holds sound.
    pub(crate) sound: bool,
    /// OpenAI's formats only: the provider is asked to run tools of its own, such as a search, which may be billed and of
    /// which not every response reports how often they ran.
    pub(crate) provider_tools: bool,
    /// Some of the prompt is to be kept in the provider's cache for an hour, which costs more than the usual five minutes.
    pub(crate) long_cache: bool,
    /// Anthropic only: tools are given with which code execution costs nothing.
    pub(crate) free_code: bool,
    /// Anthropic only: a credit for what another model's refusal cost is redeemed.
    pub(crate) redeems_credit: bool,
    /// What costs more than usual is asked for, a bit per word. Not every gateway grants it, or passes on whether it did.
    pub(crate) asked: Words,
}

impl RequestFacts {
    /// Cuts what is longer than a name: callers pass on what their users send, and neither spans nor tables of labels and prices
    /// grow with it.
    pub(crate) fn bound(&mut self) {
        let names = [
            &mut self.model,
            &mut self.conversation_id,
            &mut self.guardrail_id,
            &mut self.previous_response_id,
            &mut self.prompt_name,
            &mut self.prompt_version,
            &mut self.reasoning_level,
            &mut self.region,
            &mut self.route,
            &mut self.service_tier,
        ];
        let lists = [&mut self.encoding_formats, &mut self.stop_sequences];
        lists.into_iter().for_each(|list| list.truncate(MAX_LIST));
        let listed = self.encoding_formats.iter_mut().chain(&mut self.stop_sequences);
        for text in names.into_iter().flatten().chain(listed) {
            let end = (0..=MAX_IDENTIFIER).rev().find(|at| text.is_char_boundary(*at));
            text.truncate(end.unwrap_or(0));
        }
    }
}

/// What the response says, filled in event by event.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ResponseFacts {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) service_tier: Option<String>,
    /// The tier in a header, for responses whose body names none.
    pub(crate) header_tier: Option<String>,
    /// Counts in headers, for bodies that leave them out.
    pub(crate) header_usage: Usage,
    pub(crate) system_fingerprint: Option<String>,
    /// Wire values by choice index.
    pub(crate) finish_reasons: BTreeMap<u64, String>,
    /// Choices seen; those without a finish reason at an early end are reported as `error`.
    pub(crate) choices: u64,
    pub(crate) usage: Usage,
    /// Which output the counts of a stream are of.
    pub(crate) counted: Counted,
    /// Whether cache writes are counted by their lifetime.
    pub(crate) cache_by_lifetime: bool,
    /// What is billed next to tokens.
    pub(crate) billing: Billing,
    /// The words that the response gives, be they the usual ones.
    pub(crate) named: Words,
    /// What the provider or a gateway reports that the call costs.
    pub(crate) charge: Charge,
    /// What the provider calls the total of its tokens.
    pub(crate) reported_total: Option<u64>,
    /// What may cost something and was not understood.
    pub(crate) coverage: Coverage,
    /// What costs something at a price that is not known.
    pub(crate) unpriced: Coverage,
    /// The error the body carries, whatever the HTTP status.
    pub(crate) error: Option<ErrorFacts>,
    /// The provider's own end marker was seen (`[DONE]`, `message_stop`, ...).
    pub(crate) ended: bool,
    /// The provider accepted the request and gives the response later: `queued`, a task's id.
    pub(crate) pending: bool,
    /// Whether the provider says that the response comes later than the request.
    pub(crate) deferred: Option<bool>,
    /// The provider says that the response was cancelled on its side, as the caller can ask for from elsewhere.
    pub(crate) cancelled: bool,
    /// Bedrock only: a guardrail was at work.
    pub(crate) guarded: bool,
    /// The text refers to pages of the web, as what a search brought.
    pub(crate) cited: bool,
    /// Anthropic only: a container ran, whose time no response reports.
    pub(crate) container: bool,
    /// Anthropic only: a search ran that no count has since shown.
    pub(crate) uncounted_search: bool,
    /// Anthropic only: another model took over from one that declined, and whether there was output before.
    pub(crate) fell_back: Option<bool>,
    /// Gemini only: pages that the prompt names were fetched, to which the text refers as to found ones.
    pub(crate) fetched: bool,
    /// What else shows that the web was searched, of which the counts may have nothing.
    pub(crate) searched: Option<&'static str>,
    /// The model made images, of which the counts may have nothing.
    pub(crate) images: bool,
    /// Generated output of any channel was seen: text, reasoning, a tool call, audio. A role alone is none.
    pub(crate) output: bool,
    /// Bytes of generated output, for estimates only.
    pub(crate) output_bytes: u64,
    /// Tool calls seen that came in one piece and without an index, so that each gets one.
    pub(crate) whole_tool_calls: u64,
    /// Why some of the response, or all of it, was not parsed.
    pub(crate) unparsed: Option<Unparsed>,
    /// The response is one document instead of a stream.
    pub(crate) document: bool,
}

/// Why bytes pass unparsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unparsed {
    /// The request's body is a stream, too large, of too many values or no JSON.
    Request,
    /// The response is compressed, and the client does not undo that.
    Encoding,
    /// A piece of the response is longer than what is held at a time.
    TooLong,
    /// All calls of the process together held too much when this one was read.
    Memory,
    /// A piece of the response is no JSON to any client, or its framing is broken.
    Malformed,
    /// A reader panicked.
    Reader,
}

/// An error as the provider words it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ErrorFacts {
    /// The machine-readable code (`rate_limit_exceeded`), else the error's type or status name.
    pub(crate) code: Option<String>,
    /// Free text; may quote the request, so it is recorded only when content may be.
    pub(crate) message: Option<String>,
}

impl Call {
    /// Counts the choices that were asked for among those seen, since a provider may stream one after the other. An
    /// answer without any has failed, or is of a kind that has none; Gemini streams one candidate whatever was asked.
    pub(crate) fn expect_choices(&mut self) {
        let asked = self.request.choice_count.and_then(|asked| u64::try_from(asked.saturating_sub(1)).ok());
        if let Some(last) = asked
            && self.response.choices > 0
            && self.destination.operation != Operation::GenerateContent
        {
            self.response.choice(last);
        }
    }
}

/// The place a call goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// `gen_ai.provider.name`.
    pub(crate) provider: Cow<'static, str>,
    pub(crate) operation: Operation,
    /// `openai.api.type`, where the wire format has one.
    pub(crate) api_type: Option<&'static str>,
    /// Whether the wire format is one of OpenAI's.
    pub(crate) openai: bool,
    pub(crate) server_address: Arc<str>,
    pub(crate) server_port: u16,
}

/// Choices that are kept of one answer, so that a hostile index mints no state: OpenAI's own limit for `n`.
pub(crate) const MAX_CHOICES: u64 = 128;

/// Bytes of an id, a model's name or a finish reason. What a response puts there beyond them is ignored, and must not
/// grow a span or the table of labels.
pub(crate) const MAX_IDENTIFIER: usize = 1024;

/// Texts of a list of a request.
const MAX_LIST: usize = 64;

impl ResponseFacts {
    /// Whether a part of it was lost that may have held counts.
    pub(crate) fn is_read_in_part(&self) -> bool {
        self.unparsed.is_some_and(|unparsed| unparsed != Unparsed::Encoding)
    }

    /// Whether it reports anything that is billed next to tokens.
    pub(crate) fn is_billed(&self) -> bool {
        self.billing != Billing::default() || self.charge != Charge::default()
    }

    /// Whether the whole answer arrived: the provider's end marker, or all that comes before it, which is usage and
    /// a finish reason of every choice.
    pub(crate) fn complete(&self) -> bool {
        self.ended || (self.finished() && !self.usage.is_empty())
    }

    /// Whether nothing of a response was read.
    pub(crate) fn is_bare(&self) -> bool {
        let tokens = [self.usage.input_tokens, self.usage.output_tokens];
        !self.output
            && !self.is_billed()
            && self.finish_reasons.is_empty()
            && self.error.is_none()
            && tokens.into_iter().flatten().all(|tokens| tokens == 0)
    }

    /// Whether every choice has its finish reason.
    pub(crate) fn finished(&self) -> bool {
        let finished = self.finish_reasons.len() as u64;
        finished > 0 && finished >= self.choices
    }

    /// Notes the error that the response carries. The first counts, and none after the end of the response.
    pub(crate) fn note_error(&mut self, error: Option<ErrorFacts>) {
        if self.error.is_none() && !self.ended {
            self.error = error;
        }
    }

    /// The paths of what may cost something and is not known.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let mut paths: Vec<String> =
            self.coverage.paths().iter().chain(self.unpriced.paths()).cloned().collect();
        paths.sort_unstable();
        paths.dedup();
        paths.truncate(MAX_PATHS);
        paths
    }

    /// Sets the service tier the response names, unless it is too long for one.
    pub(crate) fn note_tier(&mut self, tier: &str) {
        if !tier.is_empty() && tier.len() <= MAX_IDENTIFIER && self.service_tier.as_deref() != Some(tier) {
            self.service_tier = Some(tier.to_owned());
        }
    }

    /// One finish reason per choice, in order. A choice of a response that ended early reads `error`, as the
    /// conventions ask.
    pub(crate) fn finish_reasons(&self, completed: bool) -> Vec<String> {
        if completed {
            return self.finish_reasons.values().cloned().collect();
        }
        let choices = self.finish_reasons.keys().next_back().map_or(0, |last| last + 1).max(self.choices);
        (0..choices.min(MAX_CHOICES))
            .map(|choice| self.finish_reasons.get(&choice).map_or_else(|| "error".to_owned(), Clone::clone))
            .collect()
    }

    /// Notes that the response has a choice of this index.
    pub(crate) fn choice(&mut self, index: u64) {
        self.choices = self.choices.max(index.min(MAX_CHOICES - 1) + 1);
    }

    /// Records the wire's finish reason of one choice. Empty strings mean "not yet" at some providers.
    pub(crate) fn finish(&mut self, choice: u64, reason: &str) {
        if !reason.is_empty() && reason.len() <= MAX_IDENTIFIER && choice < MAX_CHOICES {
            self.finish_reasons.insert(choice, reason.to_owned());
        }
    }

    /// Overlays counts that a piece of the response gives.
    pub(crate) fn count(&mut self, newer: Usage) {
        self.counted.note(&newer);
        self.usage.merge(newer);
    }

    /// Overlays charges that a piece of the response gives.
    pub(crate) fn charge(&mut self, newer: Charge) {
        self.counted.note_charge(&newer);
        self.charge.merge(newer);
    }

    /// Notes that a piece of a stream was read.
    pub(crate) fn end_piece(&mut self) {
        self.counted.end_piece(&self.usage, self.output_bytes);
    }

    /// Whether the output was counted, and all of it: no more came after the last count.
    pub(crate) fn counts_all_output(&self) -> bool {
        let all = self.document || self.counted.is_of_all(self.output_bytes);
        all && self.usage.output_tokens.is_some_and(|output| output > 0 || !self.output)
    }

    /// Notes `bytes` of generated output on any channel.
    pub(crate) fn generated(&mut self, bytes: usize) {
        if bytes > 0 {
            self.output = true;
            self.output_bytes += bytes as u64;
        }
    }
}

#[cfg(test)]
mod tests;
