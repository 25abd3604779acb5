//! Bedrock's asynchronous invocations: a video, or embeddings of media, which Amazon S3 receives. Nothing reports counts.
//! Source: docs.aws.amazon.com, `StartAsyncInvoke` and `GetAsyncInvoke`, 2026-11.

use super::headers;
use crate::call::Operation;
use crate::json::Json;
use crate::provider::format::Recognised;
use crate::provider::mapped::{Ask, Input, Mapped, Say};
use crate::provider::read::field;
use crate::provider::target::Target;
use crate::semconv::provider;

const INVOCATIONS: Mapped = Mapped {
    request: &[(&["modelId"], Ask::Model), (&["modelInput", "videoGenerationConfig", "seed"], Ask::Seed)],
    fields_not_hashed: &["clientRequestToken", "outputDataConfig", "tags"],
    input: Input::Prompts(&[&["modelInput", "textToVideoParams", "text"], &["modelInput", "prompt"]]),
    places_are_choices: false,
    read_headers: headers::read_headers,
    ..Mapped::CHAT
};

static STARTED: Mapped = Mapped { response: &[("invocationArn", Say::Task)], ..INVOCATIONS };
static FETCHED: Mapped = Mapped {
    response: &[("invocationArn", Say::Id), ("status", Say::Status), ("failureMessage", Say::ErrorMessage)],
    ..INVOCATIONS
};

/// `/async-invoke`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let path = target.segments == ["async-invoke"] && target.is_of(provider::AWS_BEDROCK);
    let recognised = Recognised::new(&STARTED, Operation::VideoGeneration).provider(target.provider);
    path.then(|| Recognised { operation_of: Some(operation), ..recognised.kept() })
}

/// `/async-invoke/ARN`.
pub(super) fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let arn = target.last_after(&["async-invoke"]).filter(|_| target.is_of(provider::AWS_BEDROCK))?;
    let recognised = Recognised::new(&FETCHED, Operation::VideoGeneration).provider(target.provider);
    Some(recognised.fetches(arn))
}

/// What a model makes, by its name.
fn operation(body: &Json<'_>) -> Option<Operation> {
    let model = field::string(body, "modelId")?;
    let embeds = ["embed", "marengo"].iter().any(|mark| model.contains(mark));
    embeds.then_some(Operation::Embeddings)
}
