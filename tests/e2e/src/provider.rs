//! A loopback server that answers as the exchanges say.

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Request, Response};

use crate::exchange::Exchange;
use crate::server::{Body, Server};
use crate::{Error, Result};

/// The request header that says which exchange is meant.
pub const EXCHANGE: &str = "x-exchange";

/// Bytes of a frame: small enough that most events of a stream are torn.
const FRAME: usize = 97;

/// All providers at once.
#[derive(Debug)]
pub struct Provider {
    server: Server,
}

impl Provider {
    /// Serves `exchanges`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(exchanges: &[Exchange]) -> Result<Self> {
        let exchanges: HashMap<String, Exchange> =
            exchanges.iter().map(|exchange| (exchange.id.clone(), exchange.clone())).collect();
        Ok(Self { server: Server::start(move |request| answer(&exchanges, &request)).await? })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }
}

fn answer(exchanges: &HashMap<String, Exchange>, request: &Request<Bytes>) -> Response<Body> {
    let id = request.headers().get(EXCHANGE).and_then(|id| id.to_str().ok());
    let Some(exchange) = id.and_then(|id| exchanges.get(id)) else {
        return respond(404, "text/plain", Vec::new());
    };
    let mut frames: Vec<Result<Bytes>> =
        exchange.body.chunks(FRAME).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    if exchange.cut {
        frames.push(Err("the connection is cut here".into()));
    }
    respond(exchange.status, &exchange.content_type, frames)
}

fn respond(status: u16, content_type: &str, frames: Vec<Result<Bytes, Error>>) -> Response<Body> {
    let frames = stream::iter(frames).then(async |frame| {
        // Lets the server write what it has: an error would discard it, and the client see no response at all.
        tokio::task::yield_now().await;
        frame.map(Frame::data)
    });
    let body = BodyExt::boxed(StreamBody::new(frames));
    let mut response = Response::new(body);
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::BAD_GATEWAY);
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, value);
    }
    response
}
