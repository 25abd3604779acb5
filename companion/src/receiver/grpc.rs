//! OTLP over gRPC: `opentelemetry.proto.collector.trace.v1.TraceService/Export`.

use axum::Router;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::limits::Gate;
use super::refusal::Protocol;
use super::{Intake, Rejected, passed_over};

/// The gRPC entrance. Messages within the gate's limit, as sent and inflated; gzip or plain.
pub fn router(intake: Intake, gate: &Gate) -> Router {
    let metrics = intake.metrics.clone();
    let service = TraceServiceServer::new(Traces { intake })
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(gate.message_bytes());
    let mut routes = Routes::builder();
    routes.add_service(service);
    passed_over::services(&mut routes, gate, metrics);
    gate.guard(routes.routes().into_axum_router(), Protocol::Grpc)
}

struct Traces {
    intake: Intake,
}

#[tonic::async_trait]
impl TraceService for Traces {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        match self.intake.accept(request.into_inner().resource_spans).await {
            Ok(rejected) => Ok(Response::new(answer(rejected))),
            Err(refusal) => Err(refusal.status()),
        }
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
