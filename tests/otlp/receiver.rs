//! An OTLP receiver on a free loopback port: HTTP and gRPC, on a thread of its own.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::server::serve;

/// What has arrived.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) spans: Vec<Span>,
    /// The latest sum or count of each metric.
    pub(crate) metrics: BTreeMap<String, u64>,
    pub(crate) exponential: bool,
    pub(crate) resource: BTreeMap<String, String>,
    /// The paths that were called, with the headers of the last call.
    pub(crate) paths: BTreeMap<String, HeaderMap>,
}

/// A running receiver.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) received: Arc<Mutex<Received>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        Self::on(std::net::TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn on(listener: std::net::TcpListener) -> Self {
        let received = Arc::new(Mutex::new(Received::default()));
        let seen = Arc::clone(&received);
        let address = serve(listener, move |request| take(request, Arc::clone(&seen)));
        Self { address, received }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

type Reply = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

async fn take(
    request: Request<Incoming>,
    received: Arc<Mutex<Received>>,
) -> Result<Response<Reply>, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let grpc =
        head.headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let body = body.collect().await.unwrap().to_bytes();
    let gzip = ["content-encoding", "grpc-encoding"]
        .iter()
        .any(|name| head.headers.get(*name).is_some_and(|v| v == "gzip"));
    // gRPC puts a flag and four bytes of length before each message.
    let sent = if grpc { &body[5..] } else { &body[..] };
    let mut message = Vec::new();
    if gzip {
        flate2::read::GzDecoder::new(sent).read_to_end(&mut message).unwrap();
    } else {
        message.extend_from_slice(sent);
    }
    let message = message.as_slice();
    {
        let mut received = received.lock().unwrap();
        received.paths.insert(path.clone(), head.headers);
        if path.contains("trace") {
            received.traces(ExportTraceServiceRequest::decode(message).unwrap());
        } else {
            received.metrics(ExportMetricsServiceRequest::decode(message).unwrap());
        }
    }
    let frames = if grpc {
        let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
        vec![Ok(Frame::data(Bytes::from_static(&[0; 5]))), Ok(Frame::trailers(trailers))]
    } else {
        Vec::new()
    };
    let kind = if grpc { "application/grpc" } else { "application/x-protobuf" };
    Ok(Response::builder().header("content-type", kind).body(StreamBody::new(stream::iter(frames))).unwrap())
}

fn whole(value: Option<number_data_point::Value>) -> u64 {
    match value {
        Some(number_data_point::Value::AsInt(value)) => u64::try_from(value).unwrap(),
        _ => 0,
    }
}

impl Received {
    fn resource(&mut self, resource: Option<Resource>) {
        for attribute in resource.into_iter().flat_map(|resource| resource.attributes) {
            if let Some(Value::StringValue(value)) = attribute.value.and_then(|value| value.value) {
                self.resource.insert(attribute.key, value);
            }
        }
    }

    fn traces(&mut self, request: ExportTraceServiceRequest) {
        for of_resource in request.resource_spans {
            self.resource(of_resource.resource);
            self.spans.extend(of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans));
        }
    }

    fn metrics(&mut self, request: ExportMetricsServiceRequest) {
        for of_resource in request.resource_metrics {
            self.resource(of_resource.resource);
            for metric in of_resource.scope_metrics.into_iter().flat_map(|of_scope| of_scope.metrics) {
                let count = match metric.data.unwrap() {
                    Data::Sum(sum) => sum.data_points.iter().map(|point| whole(point.value)).sum(),
                    Data::Histogram(histogram) => histogram.data_points.iter().map(|point| point.count).sum(),
                    Data::ExponentialHistogram(histogram) => {
                        self.exponential = true;
                        histogram.data_points.iter().map(|point| point.count).sum()
                    }
                    other => panic!("{other:?} is not recorded here"),
                };
                self.metrics.insert(metric.name, count);
            }
        }
    }
}
