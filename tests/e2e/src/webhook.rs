//! The last station of an alert: the receiver of the webhook.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Response;
use serde_json::Value;

use crate::Result;
use crate::server::Server;

/// Collects what Alertmanager posts.
#[derive(Debug)]
pub struct Webhook {
    server: Server,
    messages: Arc<Mutex<Vec<Value>>>,
}

impl Webhook {
    /// Listens.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> Result<Self> {
        let messages = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&messages);
        let server = Server::start(move |request| {
            if let Ok(message) = serde_json::from_slice(request.body()) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(message);
            }
            Response::new(Empty::<Bytes>::new().map_err(|never| match never {}).boxed())
        })
        .await?;
        Ok(Self { server, messages })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The names of all alerts that were notified as firing so far.
    #[must_use]
    pub fn received(&self) -> BTreeSet<String> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let alerts = messages.iter().filter_map(|message| message["alerts"].as_array()).flatten();
        alerts
            .filter(|alert| alert["status"] == "firing")
            .filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned))
            .collect()
    }
}
