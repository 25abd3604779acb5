//! A receiver that reads spans and refuses them: what an application has sent and not delivered.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;

use crate::server::serve;

/// Everything that is sent of a span, in one order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Whole {
    resource: Resource,
    resource_schema: String,
    scope: Option<InstrumentationScope>,
    scope_schema: String,
    pub(crate) span: Span,
}

impl Whole {
    pub(crate) fn all(sent: ResourceSpans) -> Vec<Self> {
        let mut resource = sent.resource.unwrap_or_default();
        sort(&mut resource.attributes);
        let mut all = Vec::new();
        for of_scope in sent.scope_spans {
            for mut span in of_scope.spans {
                sort(&mut span.attributes);
                all.push(Self {
                    resource: resource.clone(),
                    resource_schema: sent.schema_url.clone(),
                    scope: of_scope.scope.clone(),
                    scope_schema: of_scope.schema_url.clone(),
                    span,
                });
            }
        }
        all
    }

    /// Removes the messages. Whether there were any.
    pub(crate) fn take_content(&mut self) -> bool {
        let before = self.span.attributes.len();
        self.span.attributes.retain(|attribute| {
            !["gen_ai.input.messages", "gen_ai.output.messages"].contains(&&*attribute.key)
        });
        self.span.attributes.len() < before
    }
}

fn sort(attributes: &mut [KeyValue]) {
    attributes.sort_by(|one, other| one.key.cmp(&other.key));
}

/// What was refused so far, by span id.
#[derive(Debug, Default)]
struct Refused {
    spans: Mutex<BTreeMap<Vec<u8>, Whole>>,
    more: Condvar,
}

/// A running receiver.
#[derive(Debug)]
pub(crate) struct Refusing {
    address: SocketAddr,
    refused: Arc<Refused>,
}

impl Refusing {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = Arc::new(Refused::default());
        let seen = Arc::clone(&refused);
        let address = serve(listener, move |request| refuse(request, Arc::clone(&seen)));
        Self { address, refused }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans that were refused, once there are so many.
    pub(crate) fn wait_for(&self, spans: usize) -> BTreeMap<Vec<u8>, Whole> {
        let refused = self.refused.spans.lock().unwrap();
        self.refused.more.wait_while(refused, |refused| refused.len() < spans).unwrap().clone()
    }
}

async fn refuse(
    request: Request<Incoming>,
    refused: Arc<Refused>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    if head.uri.path().contains("trace") {
        let mut message = Vec::new();
        match head.headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
            true => drop(flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut message).unwrap()),
            false => message.extend_from_slice(&body),
        }
        let sent = ExportTraceServiceRequest::decode(&message[..]).unwrap();
        let mut spans = refused.spans.lock().unwrap();
        for whole in sent.resource_spans.into_iter().flat_map(Whole::all) {
            let before = spans.insert(whole.span.span_id.clone(), whole.clone());
            assert!(before.is_none_or(|before| before == whole), "a span that is sent again is the same");
        }
        refused.more.notify_all();
    }
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    Ok(response)
}
