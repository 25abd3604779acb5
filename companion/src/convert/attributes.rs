//! Which fact an attribute of the conventions states. The names are in the library's `semconv`.

use spanledger::Modality;
use spanledger::semconv::attribute;

use super::third_party::{Fact, Json};

/// A fact about a call that an attribute can state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Operation,
    Provider,
    /// The older, looser word for the provider; counts where no provider is named.
    System,
    RequestModel,
    ResponseModel,
    ResponseId,
    Stream,
    FinishReasons,
    FirstChunk,
    InputTokens,
    OutputTokens,
    CacheRead,
    CacheWrite,
    Reasoning,
    InputOf(Part),
    CacheReadOf(Part),
    OutputOf(Part),
    Cost,
    ServiceTier,
    RequestServiceTier,
    ServerAddress,
    StatusCode,
    ErrorType,
    ErrorMessage,
    User,
    ClientAddress,
    Conversation,
    ResponsePreview,
    /// A span kind of another instrumentation: decides what the span is, together with the operation.
    SpanKind,
    /// A document that states facts.
    Json(&'static Json),
    /// Facts that only third-party spans state.
    More(Fact),
    /// Facts that only the `spanledger` library states.
    Own(Own),
}

/// A part of some tokens, which may have a price of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Text,
    Image,
    Audio,
}

impl Part {
    /// Where `modality` holds this part.
    pub(super) const fn of(self, modality: &mut Modality) -> &mut Option<u64> {
        match self {
            Self::Text => &mut modality.text,
            Self::Image => &mut modality.image,
            Self::Audio => &mut modality.audio,
        }
    }
}

/// A fact that makes a span our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    Outcome,
    UsageSource,
    CostStatus,
    ComputedCost,
    PriceSource,
    Factors,
    ServiceTier,
    RequestHash,
    Instance,
    Sequence,
    KeyFingerprint,
    /// The response was fetched by its id, after a request that it did not answer.
    Fetched,
}

/// The fact that the conventions', or our own, name `key` states.
pub(super) fn field(key: &str) -> Option<Field> {
    Some(match key {
        attribute::OPERATION_NAME => Field::Operation,
        attribute::PROVIDER_NAME => Field::Provider,
        attribute::REQUEST_MODEL => Field::RequestModel,
        attribute::RESPONSE_MODEL => Field::ResponseModel,
        attribute::RESPONSE_ID => Field::ResponseId,
        attribute::REQUEST_STREAM => Field::Stream,
        attribute::RESPONSE_FINISH_REASONS => Field::FinishReasons,
        attribute::RESPONSE_TIME_TO_FIRST_CHUNK => Field::FirstChunk,
        attribute::USAGE_INPUT_TOKENS => Field::InputTokens,
        attribute::USAGE_OUTPUT_TOKENS => Field::OutputTokens,
        attribute::USAGE_CACHE_READ_TOKENS => Field::CacheRead,
        attribute::USAGE_CACHE_WRITE_TOKENS => Field::CacheWrite,
        attribute::USAGE_REASONING_TOKENS => Field::Reasoning,
        attribute::USAGE_TEXT_INPUT_TOKENS => Field::InputOf(Part::Text),
        attribute::USAGE_IMAGE_INPUT_TOKENS => Field::InputOf(Part::Image),
        attribute::USAGE_AUDIO_INPUT_TOKENS => Field::InputOf(Part::Audio),
        attribute::USAGE_TEXT_CACHE_READ_TOKENS => Field::CacheReadOf(Part::Text),
        attribute::USAGE_IMAGE_CACHE_READ_TOKENS => Field::CacheReadOf(Part::Image),
        attribute::USAGE_AUDIO_CACHE_READ_TOKENS => Field::CacheReadOf(Part::Audio),
        attribute::USAGE_TEXT_OUTPUT_TOKENS => Field::OutputOf(Part::Text),
        attribute::USAGE_IMAGE_OUTPUT_TOKENS => Field::OutputOf(Part::Image),
        attribute::USAGE_AUDIO_OUTPUT_TOKENS => Field::OutputOf(Part::Audio),
        attribute::USAGE_COST => Field::Cost,
        attribute::OPENAI_RESPONSE_SERVICE_TIER => Field::ServiceTier,
        attribute::OPENAI_REQUEST_SERVICE_TIER => Field::RequestServiceTier,
        attribute::SERVER_ADDRESS => Field::ServerAddress,
        attribute::HTTP_RESPONSE_STATUS_CODE => Field::StatusCode,
        attribute::ERROR_TYPE => Field::ErrorType,
        attribute::USER_ID => Field::User,
        attribute::CLIENT_ADDRESS => Field::ClientAddress,
        attribute::CONVERSATION_ID => Field::Conversation,
        attribute::RESPONSE_PREVIEW => Field::ResponsePreview,
        attribute::OUTCOME => Field::Own(Own::Outcome),
        attribute::USAGE_SOURCE => Field::Own(Own::UsageSource),
        attribute::COST_STATUS => Field::Own(Own::CostStatus),
        attribute::COST_COMPUTED => Field::Own(Own::ComputedCost),
        attribute::COST_PRICE_SOURCE => Field::Own(Own::PriceSource),
        attribute::COST_FACTORS => Field::Own(Own::Factors),
        attribute::SERVICE_TIER => Field::Own(Own::ServiceTier),
        attribute::REQUEST_HASH => Field::Own(Own::RequestHash),
        attribute::INSTANCE => Field::Own(Own::Instance),
        attribute::SEQUENCE => Field::Own(Own::Sequence),
        attribute::KEY_FINGERPRINT => Field::Own(Own::KeyFingerprint),
        attribute::RESPONSE_FETCHED => Field::Own(Own::Fetched),
        _ => return None,
    })
}
