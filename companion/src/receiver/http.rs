//! OTLP over HTTP: `POST /v1/traces`, `/v1/logs` and `/v1/metrics` in protobuf or JSON, plain or gzip.

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
use super::signal::Kept;
use super::{Encoded, Intake};
use crate::otlp::export::{ExportResponse, PartialSuccess};
use crate::otlp::{Logs, Spans};

/// The HTTP entrance. Bodies within the admission's limit, as sent and inflated.
pub(crate) fn router(intake: Intake, admission: &Admission) -> Router {
    let entrance = Entrance { intake, most: admission.message_bytes() };
    let router = Router::new()
        .route("/v1/traces", post(calls::<Spans>))
        .route("/v1/logs", post(calls::<Logs>))
        .route("/v1/metrics", post(metrics))
        .fallback(elsewhere)
        .layer(DefaultBodyLimit::disable())
        .with_state(entrance);
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
        "POST spans to /v1/traces, logs to /v1/logs and metrics to /v1/metrics; no other path exists\n",
    )
}

/// Takes a signal of which calls are kept.
async fn calls<S: Kept>(State(entrance): State<Entrance>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let taken = async {
        let body = read(&entrance, &parts.headers, body).await?;
        let form = body.form;
        Ok((form, entrance.intake.accept::<S>(body.bytes, || body.inflate()).await?))
    };
    respond(taken.await, &parts.headers, S::REJECTED)
}

async fn metrics(State(entrance): State<Entrance>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let taken = async {
        let body = read(&entrance, &parts.headers, body).await?;
        let form = body.form;
        Ok((form, entrance.intake.accept_metrics(body.bytes, || body.inflate()).await?))
    };
    respond(taken.await, &parts.headers, "rejectedDataPoints")
}

/// A body as it was sent.
struct Sent {
    form: Form,
    gzip: bool,
    bytes: usize,
    body: Bytes,
    most: usize,
}

impl Sent {
    fn inflate(self) -> Result<Encoded<Bytes>, Refusal> {
        let plain = if self.gzip { inflate(&self.body, self.most)? } else { self.body };
        Ok(match self.form {
            Form::Protobuf => Encoded::Protobuf(plain),
            Form::Json => Encoded::Json(plain),
        })
    }
}

async fn read(entrance: &Entrance, headers: &HeaderMap, body: Body) -> Result<Sent, Refusal> {
    let form = form(headers)?;
    let gzip = is_gzip(headers)?;
    let sent = match Limited::new(body, entrance.most).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Refusal::TooLarge(entrance.most)),
        Err(error) => return Err(Refusal::Malformed(format!("the body broke off: {error}"))),
    };
    let most = entrance.most;
    let bytes = if gzip { most } else { sent.len() };
    Ok(Sent { form, gzip, bytes, body: sent, most })
}

fn respond(
    taken: Result<(Form, ExportResponse), Refusal>,
    headers: &HeaderMap,
    rejected: &'static str,
) -> Response<Body> {
    match taken {
        Ok((form, response)) => taken_in(form, response, rejected),
        Err(refusal) => refusal.response(Protocol::Http, headers.get(header::CONTENT_TYPE)),
    }
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
        None => Ok(false),
        // Codings are written in any case, and `x-gzip` is the same (RFC 9110, section 8.4.1).
        Some(coding) => match coding.trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(false),
            b"gzip" | b"x-gzip" => Ok(true),
            _ => Err(Refusal::Unsupported("content-encoding, send gzip or none".to_owned())),
        },
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
fn taken_in(form: Form, response: ExportResponse, rejected: &'static str) -> Response<Body> {
    let (kind, body) = match form {
        Form::Protobuf => (PROTOBUF, response.encode_to_vec()),
        Form::Json => (JSON, json(response, rejected).to_string().into_bytes()),
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn json(response: ExportResponse, name: &'static str) -> serde_json::Value {
    match response.partial_success {
        None => serde_json::json!({}),
        Some(PartialSuccess { rejected, error_message }) => serde_json::json!({ "partialSuccess": {
            name: rejected.to_string(),
            "errorMessage": error_message,
        }}),
    }
}
