//! The export services of OTLP over gRPC, one per signal. What the generated servers would be, but for the requests, which
//! stay in the bytes they came in.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::any;
use bytes::{Buf, Bytes};
use prost::Message;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, UnaryService};
use tonic::{Response, Status};

/// The export method of each signal.
pub(crate) const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
pub(crate) const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
pub(crate) const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// The response to an export request of any signal: empty when all of it was accepted.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) partial_success: Option<PartialSuccess>,
}

/// What of a request was refused for good.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct PartialSuccess {
    /// Spans, data points or log records.
    #[prost(int64, tag = "1")]
    pub(crate) rejected: i64,
    #[prost(string, tag = "2")]
    pub(crate) error_message: String,
}

/// Adds an export method to `router`: requests of at most `most` bytes, as sent and inflated, gzip or plain, which `take`
/// responds to.
pub(crate) fn route<F>(
    router: Router,
    method: &str,
    most: usize,
    take: impl Fn(Bytes) -> F + Send + Sync + 'static,
) -> Router
where
    F: Future<Output = Result<ExportResponse, Status>> + Send + 'static,
{
    let take = Arc::new(take);
    let export = move |request: Request| {
        let export = Export(Arc::clone(&take));
        async move {
            let mut grpc = Grpc::new(AsSent)
                .accept_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(most);
            grpc.unary(export, request).await
        }
    };
    router.route(method, any(export))
}

/// The response to a request by `T`.
struct Export<T>(Arc<T>);

impl<T, F> UnaryService<Bytes> for Export<T>
where
    T: Fn(Bytes) -> F,
    F: Future<Output = Result<ExportResponse, Status>> + Send + 'static,
{
    type Response = ExportResponse;
    type Future = BoxFuture<Response<ExportResponse>, Status>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let response = (self.0)(request.into_inner());
        Box::pin(async { response.await.map(Response::new) })
    }
}

/// Leaves requests as they were sent.
#[derive(Debug, Clone, Copy)]
struct AsSent;

impl Codec for AsSent {
    type Encode = ExportResponse;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Decoder for AsSent {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}

impl Encoder for AsSent {
    type Item = ExportResponse;
    type Error = Status;

    fn encode(&mut self, response: ExportResponse, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        response.encode(to).map_err(|error| Status::internal(error.to_string()))
    }
}
