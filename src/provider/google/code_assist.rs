//! Gemini Code Assist, which Gemini CLI calls: `generateContent` with request and response within envelopes.

use super::generate::GEMINI;
use crate::call::Operation;
use crate::provider::format::Recognised;
use crate::provider::mapped::{Ask, Mapped, Say};
use crate::provider::target::Target;
use crate::provider::wrapped::Wrapped;
use crate::semconv::provider;

static CODE_ASSIST: Wrapped = Wrapped {
    outer: Mapped { request: &[(&["model"], Ask::Model)], response: &[("traceId", Say::Id)], ..Mapped::CHAT },
    request: Some("request"),
    response: &["response"],
    inner: &GEMINI,
};

/// `/v1internal:generateContent` and `:streamGenerateContent`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let [last] = target.segments.as_slice() else { return None };
    let stream = match last.strip_prefix("v1internal:")? {
        "generateContent" => false,
        "streamGenerateContent" => true,
        _ => return None,
    };
    let recognised = Recognised::new(&CODE_ASSIST, Operation::GenerateContent).stream(stream);
    Some(recognised.provider(target.provider.or(Some(provider::GCP_GEMINI))).carrying(&[]))
}
