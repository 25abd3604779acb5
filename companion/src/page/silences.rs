//! Silences: which there are, and with the token new ones and their end. What changes one is a `POST`, by a form of this
//! page or by a program.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};
use maud::{Markup, html};
use serde::Deserialize;

use super::parameters::Parameters;
use super::{Refusal, Shared, answer, as_json, guard, navigation, page_again};
use crate::alert::Matcher;
use crate::record::Timestamp;
use crate::report::html::{badge, footer, untrusted};
use crate::silence::draft::{Draft, Wrong, check_text};
use crate::silence::file::FileError;
use crate::silence::keeper::SilenceKeeper;
use crate::silence::{Silence, Via};
use crate::text::time::{duration_seconds, format, parse_time, rfc3339};

/// Bytes of a request.
const LARGEST: usize = 16 * 1024;
/// Silences that are over and shown.
const OVER: usize = 50;

/// Whose silences, and whether requests may change them.
#[derive(Debug, Clone)]
pub(crate) struct Silences {
    /// Where they are kept.
    pub ledger: SilenceKeeper,
    /// Only where every request has shown a token.
    pub may_change: bool,
}

/// What is asked for, by a program as JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    matchers: Vec<Matcher>,
    #[serde(rename = "for")]
    length: String,
    from: Option<String>,
    comment: String,
    by: String,
}

/// Who ends a silence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ending {
    by: String,
}

/// By whom a request was made, which decides what it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Form,
    Program,
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/silences", get(page).post(add))
        .route("/silences.json", get(list))
        .route("/silences/{id}/expire", post(expire))
        .layer(DefaultBodyLimit::max(LARGEST))
}

async fn page(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    answer(shared, query, |sources, asked| {
        let now = (sources.clock)();
        let silences = sources.silences.ledger.read().map_err(Refusal::failed)?;
        let body = html! {
            (navigation::bar("/silences", &asked, &sources.note))
            header.top { div { h1 { "Silences" } p.period { "Alerts that match are shown as silenced and not sent" } } }
            main id="main" tabindex="-1" { (sections(&silences, sources.silences.may_change, &asked, now)) }
            (footer(now))
        };
        page_again("Silences, Spanledger", &asked, &body)
    })
    .await
}

async fn list(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    answer(shared, query, |sources, _| {
        let now = (sources.clock)();
        let silences = sources.silences.ledger.read().map_err(Refusal::failed)?;
        as_json(&silences.iter().map(|silence| silence.to_json(now)).collect::<Vec<_>>())
    })
    .await
}

async fn add(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    change(shared, headers, body, |silences, sender, body, now| {
        let mut silence = draft(sender, body)?.silence(now)?;
        silence.id = silences.ledger.add(silence.clone(), now)?;
        tracing::info!(
            silence = silence.id, by = silence.by, via = %silence.via, until = rfc3339(silence.until),
            "a silence was added"
        );
        Ok((StatusCode::CREATED, silence.to_json(now)))
    })
    .await
}

async fn expire(
    State(shared): State<Shared>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    change(shared, headers, body, move |silences, sender, body, now| {
        let Ending { by } = match sender {
            Sender::Program => {
                serde_json::from_slice(body).map_err(|error| Refusal::wrong(error.to_string()))?
            }
            Sender::Form => {
                serde_urlencoded::from_bytes(body).map_err(|error| Refusal::wrong(error.to_string()))?
            }
        };
        check_text("by", &by)?;
        silences.ledger.expire(id, &by, now)?;
        tracing::info!(silence = id, by, "a silence was ended");
        Ok((StatusCode::OK, serde_json::json!({ "id": id, "state": "expired", "expired_by": by })))
    })
    .await
}

/// Changes the silences, and answers a program with JSON and a form with the page.
async fn change(
    shared: Shared,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
    work: impl FnOnce(&Silences, Sender, &[u8], Timestamp) -> Result<(StatusCode, serde_json::Value), Refusal>
    + Send
    + 'static,
) -> Response {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let program = content.split(';').next().is_some_and(|kind| kind.trim() == "application/json");
    let sender = if program { Sender::Program } else { Sender::Form };
    let cross_site = is_cross_site(&headers);
    let made = answer(shared, None, move |sources, _| {
        let made = || {
            let silences = &sources.silences;
            let refuse = |status, text: &str| Err(Refusal { status, text: text.to_owned() });
            if !silences.may_change {
                let reason = "silences are changed here with a token only: set admin.token_file, or use `spanledger silence`";
                return refuse(StatusCode::FORBIDDEN, reason);
            }
            // A browser sends the token of this listener also when a page of another site asks it to.
            if cross_site {
                return refuse(StatusCode::FORBIDDEN, "the request comes from a page of another site");
            }
            let body = body.map_err(|error| Refusal { status: error.status(), text: error.body_text() })?;
            work(silences, sender, &body, (sources.clock)())
        };
        match (made(), sender) {
            (Ok(_), Sender::Form) => Ok(Redirect::to("/silences").into_response()),
            (Ok((status, json)), Sender::Program) => Ok((status, as_json(&json)?).into_response()),
            (Err(refusal), Sender::Form) => Err(refusal),
            (Err(Refusal { status, text }), Sender::Program) => {
                Ok((status, as_json(&serde_json::json!({ "error": text }))?).into_response())
            }
        }
    });
    let mut response = made.await;
    guard(response.headers_mut());
    response
}

/// Whether a browser says that a page of another origin made the request. Programs say neither.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    origin.is_some_and(|origin| origin.split_once("://").map(|(_, host)| host) != text("host"))
}

/// The fields of the form of this page: one matcher per line.
/// Reads what is asked for.
fn draft(sender: Sender, body: &[u8]) -> Result<Draft, Refusal> {
    let asked: Asked = match sender {
        Sender::Program => serde_json::from_slice(body).map_err(|error| Refusal::wrong(error.to_string()))?,
        Sender::Form => of_form(body)?,
    };
    let from = asked.from.as_deref().map(parse_time).transpose();
    let seconds = duration_seconds(&asked.length);
    Ok(Draft {
        matchers: asked.matchers,
        from: from.map_err(|error| Refusal::wrong(error.to_string()))?,
        seconds: seconds.map_err(|error| Refusal::wrong(error.to_string()))?,
        by: asked.by,
        comment: asked.comment,
        via: if sender == Sender::Form { Via::Page } else { Via::Post },
    })
}

/// As [`draft`], for the fuzz target.
#[cfg(any(fuzzing, test))]
pub(crate) fn silence_draft(body: &[u8], is_form: bool) -> Option<Draft> {
    draft(if is_form { Sender::Form } else { Sender::Program }, body).ok()
}

fn of_form(body: &[u8]) -> Result<Asked, Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fields {
        matchers: String,
        #[serde(rename = "for")]
        length: String,
        comment: String,
        by: String,
    }
    let fields: Fields =
        serde_urlencoded::from_bytes(body).map_err(|error| Refusal::wrong(error.to_string()))?;
    let matchers = fields.matchers.lines().filter(|line| !line.trim().is_empty());
    let matchers = matchers.map(str::parse).collect::<Result<_, String>>().map_err(Refusal::wrong)?;
    Ok(Asked { matchers, length: fields.length, from: None, comment: fields.comment, by: fields.by })
}

impl Refusal {
    const fn wrong(text: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text }
    }
}

impl From<Wrong> for Refusal {
    fn from(Wrong { part, reason }: Wrong) -> Self {
        Self::wrong(format!("{part}: {reason}"))
    }
}

impl From<FileError> for Refusal {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Refused(text) => Self { status: StatusCode::CONFLICT, text },
            FileError::Failed(text) => Self::failed(text),
        }
    }
}

fn sections(silences: &[Silence], may_change: bool, asked: &Parameters, now: Timestamp) -> Markup {
    let (over, current): (Vec<_>, Vec<_>) = silences.iter().partition(|silence| now >= silence.end());
    html! {
        @if may_change { (form(asked)) } @else {
            p.note {
                "To silence alerts here, set " code { "admin.token_file" } "; " code { "spanledger silence add" }
                " needs no token."
            }
        }
        section aria-labelledby="current" {
            h2 id="current" { "In force and to come" }
            @if current.is_empty() { p.card.calm { (badge("good", "none")) } }
            @for silence in current { (one(silence, may_change, now)) }
        }
        @if !over.is_empty() {
            section aria-labelledby="over" {
                h2 id="over" { "Over" }
                @for silence in over.iter().rev().take(OVER) { (one(silence, false, now)) }
            }
        }
    }
}

fn form(asked: &Parameters) -> Markup {
    html! {
        form.card method="post" action="/silences" aria-label="New silence" {
            label {
                "What all must match, one per line: service=\"checkout\""
                textarea name="matchers" rows="3" required { (asked.get("matchers").unwrap_or_default()) }
            }
            label { "For how long" input name="for" required value="2h"; }
            label { "Why" input name="comment" required; }
            label { "Who decides it" input name="by" required; }
            button type="submit" { "Silence" }
        }
    }
}

fn one(silence: &Silence, may_end: bool, now: Timestamp) -> Markup {
    let time = |at| html! { time datetime=(rfc3339(at)) { (format(at, "%b %-d %H:%M")) } };
    let state = silence.state(now);
    html! {
        div.card {
            h3 { (silence.id) " " (badge(if state == "active" { "warning" } else { "" }, state)) }
            p { @for matcher in &silence.matchers { code { (untrusted(&matcher.to_string())) } " " } }
            p { (time(silence.from)) " to " (time(silence.end())) " UTC: " (untrusted(&silence.comment)) }
            p.note {
                "by " (untrusted(&silence.by)) " (" (silence.via) ")"
                @if let Some((at, by)) = &silence.expired { ", ended " (time(*at)) " by " (untrusted(by)) }
            }
            @if may_end {
                form method="post" action=(format!("/silences/{}/expire", silence.id)) aria-label="End it" {
                    label { "Who decides it" input name="by" required; }
                    button type="submit" { "End" }
                }
            }
        }
    }
}
