//! OTLP over HTTP: `POST /v1/traces` in protobuf or JSON, plain or gzip.

use std::io::Read;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::routing::post;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use prost::Message;

use super::admission::Admission;
use super::refusal::{JSON, PROTOBUF, Protocol, Refusal};
use super::{Encoded, Intake, unsupported_signals};
use crate::otlp::export::{ExportResponse, PartialSuccess};

/// The HTTP entrance. Bodies within the admission's limit, as sent and inflated.
pub(crate) fn router(intake: Intake, admission: &Admission) -> Router {
    let unsupported = unsupported_signals::routes(intake.metrics.clone());
    let entrance = Entrance { intake, most: admission.message_bytes() };
    let router = Router::new()
        .route("/v1/traces", post(traces))
        .fallback(elsewhere)
        .layer(DefaultBodyLimit::disable())
        .with_state(entrance)
        .merge(unsupported);
    admission.guard(router, Protocol::Http)
}

#[derive(Clone)]
struct Entrance {
    intake: Intake,
    most: usize,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

async fn elsewhere() -> (StatusCode, &'static str) {
    (
        StatusCode::NOT_FOUND,
        "POST spans to /v1/traces; /v1/metrics and /v1/logs are accepted and discarded; no other path exists\n",
    )
}

async fn traces(State(entrance): State<Entrance>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match take(&entrance, &parts.headers, body).await {
        Ok((form, response)) => taken(form, response),
        Err(refusal) => refusal.response(Protocol::Http, parts.headers.get(header::CONTENT_TYPE)),
    }
}

async fn take(
    entrance: &Entrance,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Form, ExportResponse), Refusal> {
    let form = form(headers)?;
    let gzip = is_gzip(headers)?;
    let sent = match Limited::new(body, entrance.most).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Refusal::TooLarge(entrance.most)),
        Err(error) => return Err(Refusal::Malformed(format!("the body broke off: {error}"))),
    };
    let most = entrance.most;
    let bytes = if gzip { most } else { sent.len() };
    let read = move || {
        let plain = if gzip { inflate(&sent, most)? } else { sent };
        Ok(match form {
            Form::Protobuf => Encoded::Protobuf(plain),
            Form::Json => Encoded::Json(plain),
        })
    };
    Ok((form, entrance.intake.accept(bytes, read).await?))
}

fn form(headers: &HeaderMap) -> Result<Form, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str);
    let Some(Ok(kind)) = kind else {
        return Err(Refusal::Unsupported(format!("no content-type, send {PROTOBUF} or {JSON}")));
    };
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        PROTOBUF => Ok(Form::Protobuf),
        JSON => Ok(Form::Json),
        _ => Err(Refusal::Unsupported(format!("content-type, send {PROTOBUF} or {JSON}"))),
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Refusal> {
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"" | b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(_) => Err(Refusal::Unsupported("content-encoding, send gzip or none".to_owned())),
    }
}

/// Inflates at most `most` bytes: a bomb is refused at that size, not after it went off.
fn inflate(sent: &[u8], most: usize) -> Result<Bytes, Refusal> {
    let mut plain = Vec::with_capacity(sent.len().saturating_mul(4).min(most));
    #[expect(clippy::disallowed_methods, reason = "no more is read than the bound")]
    let mut bounded = MultiGzDecoder::new(sent).take(most as u64 + 1);
    bounded.read_to_end(&mut plain).map_err(|error| Refusal::Malformed(format!("gzip: {error}")))?;
    if plain.len() > most {
        return Err(Refusal::TooLarge(most));
    }
    Ok(Bytes::from(plain))
}

/// The response in the form of the request.
fn taken(form: Form, response: ExportResponse) -> Response<Body> {
    let (kind, body) = match form {
        Form::Protobuf => (PROTOBUF, response.encode_to_vec()),
        Form::Json => (JSON, json(response).to_string().into_bytes()),
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn json(response: ExportResponse) -> serde_json::Value {
    match response.partial_success {
        None => serde_json::json!({}),
        Some(PartialSuccess { rejected, error_message }) => serde_json::json!({ "partialSuccess": {
            "rejectedSpans": rejected.to_string(),
            "errorMessage": error_message,
        }}),
    }
}
