//! Receives notifications and shows them on a page, where no other receiver exists. It keeps a bounded number of them,
//! in memory and in one file that is replaced as a whole.

mod page;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::net::host::is_meant;
use crate::record::Timestamp;
use crate::report::html::POLICY;
use crate::text::time::rfc3339;

/// Notifications kept; the oldest leave first.
const KEPT: usize = 200;
/// Alerts kept of one notification.
const ALERTS: usize = 50;
/// Bytes of one notification.
const LARGEST: usize = 1 << 20;

/// A notification as it was received.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Notice {
    #[serde(default)]
    received: String,
    status: String,
    /// The receiver of Alertmanager's configuration.
    #[serde(default)]
    receiver: String,
    alerts: Vec<Alert>,
}

/// One alert of it, in the shape of Alertmanager's webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Alert {
    status: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default, rename = "generatorURL")]
    source: String,
}

/// What was received, newest first.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    notices: Arc<Mutex<VecDeque<Notice>>>,
    file: Option<Arc<Path>>,
}

impl Inbox {
    /// An inbox with what `file` holds; a missing file is an empty inbox.
    ///
    /// # Errors
    /// When the file cannot be read or is no inbox.
    pub(crate) fn open(file: Option<PathBuf>) -> io::Result<Self> {
        let text = match file.as_deref().map(std::fs::read) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Some(Ok(text)) => Some(text),
            _ => None,
        };
        let notices = text.as_deref().map(serde_json::from_slice).transpose()?.unwrap_or_default();
        Ok(Self { notices: Arc::new(Mutex::new(notices)), file: file.map(Into::into) })
    }

    /// `POST /alerts`, the page at `/`, `/notices.json` and `/healthz`.
    pub(crate) fn router(self, hosts: &[String]) -> Router {
        let hosts: Arc<[String]> = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Router::new()
            .route("/", get(shown))
            .route("/notices.json", get(listed))
            .route("/alerts", post(taken).layer(DefaultBodyLimit::max(LARGEST)))
            .layer(middleware::from_fn_with_state(hosts, meant))
            .route("/healthz", get(|| async { "ok\n" }))
            .with_state(self)
    }

    /// Keeps `notice` as the newest one. The file is written before the sender gets its response.
    fn take(&self, mut notice: Notice, now: Timestamp) -> io::Result<()> {
        notice.received = rfc3339(now);
        notice.alerts.truncate(ALERTS);
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.push_front(notice);
        notices.truncate(KEPT);
        let Some(file) = &self.file else { return Ok(()) };
        let temporary = file.with_extension("new");
        std::fs::write(&temporary, serde_json::to_vec(&*notices)?)?;
        std::fs::rename(&temporary, file)
    }

    fn newest(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

async fn meant(State(hosts): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    if is_meant(&request, &hosts) {
        return next.run(request).await;
    }
    let reason = "the host of the request is neither localhost nor an address nor one of --host\n";
    (StatusCode::MISDIRECTED_REQUEST, reason).into_response()
}

async fn taken(State(inbox): State<Inbox>, body: Bytes) -> Response {
    let notice = match serde_json::from_slice(&body) {
        Ok(notice) => notice,
        Err(error) => {
            return (StatusCode::BAD_REQUEST, format!("not a notification: {error}\n")).into_response();
        }
    };
    match inbox.take(notice, clock::now()) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::error!(%error, "the inbox cannot be written");
            (StatusCode::SERVICE_UNAVAILABLE, "the inbox cannot be written\n").into_response()
        }
    }
}

async fn listed(State(inbox): State<Inbox>) -> Response {
    axum::Json(inbox.newest()).into_response()
}

async fn shown(State(inbox): State<Inbox>) -> Response {
    let headers = [(header::CONTENT_SECURITY_POLICY, POLICY.as_str()), (header::CACHE_CONTROL, "no-store")];
    (headers, page::of(&inbox.newest())).into_response()
}
