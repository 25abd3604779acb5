//! The attributes of a call's span.

use std::cell::Cell;
use std::sync::Arc;

use opentelemetry::{Array, KeyValue, StringValue, Value};

use super::Ended;
use crate::call::{Call, Operation, RequestFacts, ResponseFacts, Retrieval, Unparsed};
use crate::outcome::Outcome;
use crate::semconv::{Semconv, attribute, operation, provider, unparsed};
use crate::tags::Tags;
use crate::usage::Usage;

impl Operation {
    /// The value of `gen_ai.operation.name`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => operation::CHAT,
            Self::TextCompletion => operation::TEXT_COMPLETION,
            Self::Embeddings => operation::EMBEDDINGS,
            Self::GenerateContent => operation::GENERATE_CONTENT,
            Self::InvokeAgent => operation::INVOKE_AGENT,
            Self::ImageGeneration => operation::IMAGE_GENERATION,
            Self::VideoGeneration => operation::VIDEO_GENERATION,
            Self::Transcription => operation::TRANSCRIPTION,
            Self::Speech => operation::SPEECH,
            Self::Rerank => operation::RERANK,
            Self::Ocr => operation::OCR,
            Self::Classification => operation::CLASSIFICATION,
        }
    }
}

impl Unparsed {
    /// The value of `spanledger.unparsed`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Request => unparsed::REQUEST,
            Self::Encoding => unparsed::ENCODING,
            Self::TooLong => unparsed::TOO_LONG,
            Self::Memory => unparsed::MEMORY,
            Self::Malformed => unparsed::MALFORMED,
            Self::Reader => unparsed::READER,
        }
    }
}

/// `{operation} {request model}`.
pub(super) fn name(call: &Call) -> String {
    let operation = call.destination.operation.as_str();
    match &call.request.model {
        Some(model) => [operation, model].join(" "),
        None => operation.to_owned(),
    }
}

/// The attributes samplers may decide by, which the conventions want at creation.
pub(super) fn at_creation(call: &Call) -> Vec<KeyValue> {
    let destination = &call.destination;
    // The span keeps the list, and adds all others to it at the end.
    let mut list = Vec::with_capacity(32);
    list.push(KeyValue::new(attribute::OPERATION_NAME, destination.operation.as_str()));
    list.push(KeyValue::new(attribute::PROVIDER_NAME, destination.provider.clone()));
    list.push(KeyValue::new(
        attribute::SERVER_ADDRESS,
        StringValue::from(Arc::clone(&destination.server_address)),
    ));
    list.push(KeyValue::new(attribute::SERVER_PORT, i64::from(destination.server_port)));
    list.extend(call.request.model.clone().map(|model| KeyValue::new(attribute::REQUEST_MODEL, model)));
    list
}

/// The list that the attributes at the end of a call are gathered in. A thread keeps its place for the next call.
pub(super) struct List;

/// Attributes that there is room for at first, and those that room is kept for.
const ROOM: usize = 40;
const MOST_ROOM: usize = 128;

thread_local! {
    static LIST: Cell<Vec<KeyValue>> = const { Cell::new(Vec::new()) };
}

impl List {
    /// An empty list.
    pub(super) fn take() -> Vec<KeyValue> {
        let mut list = LIST.try_with(Cell::take).unwrap_or_default();
        list.reserve(ROOM);
        list
    }

    /// Keeps the place of a list, which is empty again.
    pub(super) fn give_back(list: Vec<KeyValue>) {
        if list.is_empty() && list.capacity() <= MOST_ROOM {
            // At the end of its thread there is nothing to keep.
            let _ended = LIST.try_with(|kept| kept.set(list));
        }
    }
}

/// All other attributes, set together at the end.
pub(super) fn at_the_end(list: Vec<KeyValue>, semconv: Semconv, ended: &Ended<'_>) -> Vec<KeyValue> {
    let call = ended.call;
    let mut list = Attributes(list);
    list.request(semconv, &call.request);
    list.openai(call);
    list.response(&call.response, ended.verdict.outcome);
    list.usage(semconv, &call.response.usage);
    list.text(attribute::USER_ID, call.caller.user_id.as_deref());
    list.text(attribute::CLIENT_ADDRESS, call.caller.client_address.as_deref());
    // The application's value wins over the one in the request body.
    let conversation = call.caller.conversation_id.as_deref().or(call.request.conversation_id.as_deref());
    list.text(attribute::CONVERSATION_ID, conversation);
    list.tags(&call.caller.tags);
    if call.request.stream {
        let seconds = call.first_chunk.map(|duration| duration.as_secs_f64());
        list.some(attribute::RESPONSE_TIME_TO_FIRST_CHUNK, seconds);
    }
    list.some(attribute::HTTP_RESPONSE_STATUS_CODE, call.status_code.map(i64::from));
    list.some(attribute::ERROR_TYPE, ended.verdict.error_type.clone());
    let fetched = matches!(call.retrieval, Retrieval::Fetch(_));
    list.some(attribute::RESPONSE_FETCHED, fetched.then_some(true));
    list.text(attribute::REQUEST_HASH, call.request_hash.as_deref());
    list.text(attribute::KEY_FINGERPRINT, call.key_fingerprint.as_deref());
    let unparsed = call.response.unparsed.or(call.request_unparsed.then_some(Unparsed::Request));
    list.some(attribute::UNPARSED, unparsed.map(Unparsed::as_str));
    list.some(attribute::OUTCOME, Some(ended.verdict.outcome.as_str()));
    list.some(attribute::USAGE_SOURCE, Some(ended.verdict.usage_source.as_str()));
    list.some(attribute::COST_STATUS, Some(ended.cost.status.as_str()));
    list.some(attribute::USAGE_COST, ended.cost.usd);
    list.text(attribute::COST_PRICE_SOURCE, ended.cost.source.as_deref());
    list.some(attribute::COST_COMPUTED, ended.cost.computed);
    list.texts(attribute::COST_FACTORS, call.response.billing.factors());
    list.texts(attribute::USAGE_UNPARSED, call.response.unknown());
    list.0.extend_from_slice(&ended.further);
    list.0
}

struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn some(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        self.0.extend(value.map(|value| KeyValue::new(name, value)));
    }

    fn text(&mut self, name: &'static str, value: Option<&str>) {
        self.some(name, value.map(str::to_owned));
    }

    fn count(&mut self, name: &'static str, value: Option<u64>) {
        self.some(name, value.map(|count| i64::try_from(count).unwrap_or(i64::MAX)));
    }

    fn texts(&mut self, name: &'static str, values: Vec<String>) {
        if !values.is_empty() {
            let values = values.into_iter().map(StringValue::from).collect();
            self.some(name, Some(Value::Array(Array::String(values))));
        }
    }

    fn tags(&mut self, tags: &Tags) {
        let pairs = tags.pairs().iter();
        self.0.extend(
            pairs.map(|(name, value)| KeyValue::new(Arc::clone(name), StringValue::from(Arc::clone(value)))),
        );
        self.some(attribute::TAGS_CUT, tags.cut());
    }

    fn request(&mut self, semconv: Semconv, request: &RequestFacts) {
        self.some(attribute::REQUEST_STREAM, request.stream.then_some(true));
        self.some(attribute::REQUEST_MAX_TOKENS, request.max_tokens);
        self.some(attribute::REQUEST_TEMPERATURE, request.temperature);
        self.some(attribute::REQUEST_TOP_P, request.top_p);
        match semconv {
            Semconv::Latest => self.some(attribute::REQUEST_TOP_K, request.top_k),
            #[expect(clippy::cast_precision_loss, reason = "the older convention has a double")]
            Semconv::V1_41 => self.some(attribute::REQUEST_TOP_K, request.top_k.map(|k| k as f64)),
        }
        self.some(attribute::REQUEST_FREQUENCY_PENALTY, request.frequency_penalty);
        self.some(attribute::REQUEST_PRESENCE_PENALTY, request.presence_penalty);
        self.texts(attribute::REQUEST_STOP_SEQUENCES, request.stop_sequences.clone());
        self.some(attribute::REQUEST_SEED, request.seed);
        self.some(attribute::REQUEST_CHOICE_COUNT, request.choice_count.filter(|count| *count != 1));
        self.some(attribute::OUTPUT_TYPE, request.output_type);
        self.text(attribute::REQUEST_REASONING_LEVEL, request.reasoning_level.as_deref());
        self.text(attribute::REQUEST_PREVIOUS_RESPONSE_ID, request.previous_response_id.as_deref());
        self.text(attribute::PROMPT_NAME, request.prompt_name.as_deref());
        self.text(attribute::PROMPT_VERSION, request.prompt_version.as_deref());
        self.texts(attribute::REQUEST_ENCODING_FORMATS, request.encoding_formats.clone());
        self.some(attribute::EMBEDDINGS_DIMENSION_COUNT, request.dimensions);
    }

    /// The names of OpenAI's wire format are used only on calls that speak it, and Bedrock's on Bedrock's. Only OpenAI's
    /// have one for the service tier, which decides prices elsewhere too: the others get ours.
    fn openai(&mut self, call: &Call) {
        if call.destination.provider == provider::AWS_BEDROCK {
            self.text(attribute::AWS_BEDROCK_GUARDRAIL_ID, call.request.guardrail_id.as_deref());
        }
        if !call.destination.openai {
            let (asked, answered) = (&call.request.service_tier, &call.response.service_tier);
            self.text(attribute::SERVICE_TIER, answered.as_deref().or(asked.as_deref()));
            return;
        }
        self.some(attribute::OPENAI_API_TYPE, call.destination.api_type);
        let asked = call.request.service_tier.as_deref().filter(|tier| *tier != "auto");
        self.text(attribute::OPENAI_REQUEST_SERVICE_TIER, asked);
        self.text(attribute::OPENAI_RESPONSE_SERVICE_TIER, call.response.service_tier.as_deref());
        self.text(attribute::OPENAI_RESPONSE_SYSTEM_FINGERPRINT, call.response.system_fingerprint.as_deref());
    }

    fn response(&mut self, response: &ResponseFacts, outcome: Outcome) {
        self.text(attribute::RESPONSE_ID, response.id.as_deref());
        self.text(attribute::RESPONSE_MODEL, response.model.as_deref());
        let reasons = response.finish_reasons(outcome == Outcome::Completed);
        self.texts(attribute::RESPONSE_FINISH_REASONS, reasons);
    }

    fn usage(&mut self, semconv: Semconv, usage: &Usage) {
        self.count(attribute::USAGE_INPUT_TOKENS, usage.input_tokens);
        self.count(attribute::USAGE_OUTPUT_TOKENS, usage.output_tokens);
        self.count(attribute::USAGE_CACHE_READ_TOKENS, usage.cache_read_tokens);
        if semconv == Semconv::Latest {
            self.count(attribute::USAGE_CACHE_WRITE_TOKENS, usage.cache_write_tokens);
        }
        // Backends of today read the older name only, and one of their own for the total.
        self.count(attribute::USAGE_CACHE_CREATION_TOKENS, usage.cache_write_tokens);
        let total = usage.input_tokens.zip(usage.output_tokens);
        self.count(attribute::USAGE_TOTAL_TOKENS, total.map(|(input, output)| input.saturating_add(output)));
        self.count(attribute::USAGE_REASONING_TOKENS, usage.reasoning_tokens);
        if semconv == Semconv::V1_41 {
            return;
        }
        self.count(attribute::USAGE_TEXT_INPUT_TOKENS, usage.input_modality.text);
        self.count(attribute::USAGE_IMAGE_INPUT_TOKENS, usage.input_modality.image);
        self.count(attribute::USAGE_AUDIO_INPUT_TOKENS, usage.input_modality.audio);
        self.count(attribute::USAGE_TEXT_CACHE_READ_TOKENS, usage.cache_read_modality.text);
        self.count(attribute::USAGE_IMAGE_CACHE_READ_TOKENS, usage.cache_read_modality.image);
        self.count(attribute::USAGE_AUDIO_CACHE_READ_TOKENS, usage.cache_read_modality.audio);
        self.count(attribute::USAGE_TEXT_OUTPUT_TOKENS, usage.output_modality.text);
        self.count(attribute::USAGE_IMAGE_OUTPUT_TOKENS, usage.output_modality.image);
        self.count(attribute::USAGE_AUDIO_OUTPUT_TOKENS, usage.output_modality.audio);
    }
}
