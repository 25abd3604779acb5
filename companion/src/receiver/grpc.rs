//! OTLP over gRPC: `opentelemetry.proto.collector.trace.v1.TraceService/Export`.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body as Plain;
use axum::extract::State;
use axum::middleware::map_response_with_state;
use bytes::{Buf, Bytes};
use http::{Request, Response};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::SERVICE_NAME;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Service};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::service::Routes;
use tonic::{Code, Status};

use super::admission::Admission;
use super::refusal::{Protocol, Refusal};
use super::{Intake, Rejected, unsupported_signals};

/// The one method of the service.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The gRPC entrance. Messages within the admission's limit, as sent and inflated; gzip or plain.
pub fn router(intake: Intake, admission: &Admission) -> Router {
    let metrics = intake.metrics.clone();
    let mut routes = Routes::builder();
    routes.add_service(Traces { intake, most: admission.message_bytes() });
    unsupported_signals::services(&mut routes, admission, metrics);
    let refused = map_response_with_state(admission.message_bytes(), refuse_for_good);
    admission.guard(routes.routes().into_axum_router().layer(refused), Protocol::Grpc)
}

/// Answers a message that tonic found larger than `most`, as sent or inflated, in a word that OTLP's senders take as
/// final. Nothing else here answers with these two codes.
async fn refuse_for_good(State(most): State<usize>, response: Response<Plain>) -> Response<Plain> {
    match Status::from_header_map(response.headers()).map(|status| status.code()) {
        Some(Code::OutOfRange | Code::ResourceExhausted) => {
            Refusal::TooLarge(most).response(Protocol::Grpc, None)
        }
        _ => response,
    }
}

/// What the generated server would be, but for the request, which stays in the bytes it came in.
#[derive(Clone)]
struct Traces {
    intake: Intake,
    most: usize,
}

impl NamedService for Traces {
    const NAME: &'static str = SERVICE_NAME;
}

impl Service<Request<Body>> for Traces {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path() != EXPORT {
            return Box::pin(async { Ok(Status::unimplemented("no such method").into_http()) });
        }
        let (export, most) = (Export(self.intake.clone()), self.most);
        Box::pin(async move {
            let mut grpc = Grpc::new(AsSent)
                .accept_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(most);
            Ok(grpc.unary(export, request).await)
        })
    }
}

struct Export(Intake);

impl UnaryService<Bytes> for Export {
    type Response = ExportTraceServiceResponse;
    type Future = BoxFuture<tonic::Response<ExportTraceServiceResponse>, Status>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let intake = self.0.clone();
        Box::pin(async move {
            let request = request.into_inner();
            match intake.accept(request.len(), move || Ok(request)).await {
                Ok(rejected) => Ok(tonic::Response::new(answer(rejected))),
                Err(refusal) => Err(refusal.status()),
            }
        })
    }
}

/// Leaves requests as they were sent.
#[derive(Debug, Clone, Copy)]
struct AsSent;

impl Codec for AsSent {
    type Encode = ExportTraceServiceResponse;
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
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn encode(&mut self, answer: ExportTraceServiceResponse, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        answer.encode(to).map_err(|error| Status::internal(error.to_string()))
    }
}

/// The protocol's answer: empty when everything was taken, else a partial success.
pub(super) fn answer(rejected: Option<Rejected>) -> ExportTraceServiceResponse {
    ExportTraceServiceResponse {
        partial_success: rejected.map(|rejected| ExportTracePartialSuccess {
            rejected_spans: rejected.spans,
            error_message: rejected.message,
        }),
    }
}
