//! A provider in memory: answers without a network, in the frames the test wants.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::Extensions;
use http_body::Frame;
use http_body_util::StreamBody;
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};

use super::observed::Observed;

/// Answers every request with the frames that were set last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<(u16, &'static str, Vec<Bytes>)>>);

impl Memory {
    pub(crate) fn set(&self, content_type: &'static str, frames: Vec<Bytes>) {
        self.answer(200, content_type, frames);
    }

    pub(crate) fn answer(&self, status: u16, content_type: &'static str, frames: Vec<Bytes>) {
        *self.0.lock().unwrap() = (status, content_type, frames);
    }

    /// A client whose calls are observed and answered here.
    pub(crate) fn client(&self, observed: &Observed) -> ClientWithMiddleware {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        ClientBuilder::new(http).with(observed.builder().build()).with(self.clone()).build()
    }
}

#[async_trait::async_trait]
impl Middleware for Memory {
    async fn handle(
        &self,
        _request: Request,
        _extensions: &mut Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let (status, content_type, frames) = self.0.lock().unwrap().clone();
        let frames = frames.into_iter().map(|bytes| Ok::<_, std::io::Error>(Frame::data(bytes)));
        let response = http::Response::builder()
            .status(status)
            .header("content-type", content_type)
            .body(reqwest::Body::wrap(StreamBody::new(stream::iter(frames))));
        Ok(response.unwrap().into())
    }
}
