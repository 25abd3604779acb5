//! OTLP over gRPC: the export method of every signal.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::map_response_with_state;
use bytes::Bytes;
use http::Response;
use tonic::service::Routes;
use tonic::{Code, Status};

use super::Intake;
use super::admission::Admission;
use super::refusal::{Protocol, Refusal};
use super::signal::Kept;
use crate::otlp::export::{self, ExportResponse};
use crate::otlp::{Encoded, Logs, Spans};

/// The gRPC entrance. Messages within the admission's limit, as sent and inflated; gzip or plain.
pub(crate) fn router(intake: Intake, admission: &Admission) -> Router {
    let most = admission.message_bytes();
    // Answers methods that do not exist.
    let router = Routes::default().into_axum_router();
    let (traces, logs) = (intake.clone(), intake.clone());
    let router =
        export::route(router, export::TRACES, most, move |request| take::<Spans>(traces.clone(), request));
    let router =
        export::route(router, export::LOGS, most, move |request| take::<Logs>(logs.clone(), request));
    let router =
        export::route(router, export::METRICS, most, move |request| take_metrics(intake.clone(), request));
    let refused = map_response_with_state(most, refuse_for_good);
    admission.guard(router.layer(refused), Protocol::Grpc)
}

async fn take<S: Kept>(intake: Intake, request: Bytes) -> Result<ExportResponse, Status> {
    let taken = intake.accept::<S>(request.len(), move || Ok(Encoded::Protobuf(request))).await;
    taken.map_err(|refusal| refusal.status())
}

async fn take_metrics(intake: Intake, request: Bytes) -> Result<ExportResponse, Status> {
    let taken = intake.accept_metrics(request.len(), move || Ok(Encoded::Protobuf(request))).await;
    taken.map_err(|refusal| refusal.status())
}

/// Answers a message that tonic found larger than `most`, as sent or inflated, in a word that OTLP's senders take as
/// final. Nothing else here answers with these two codes.
async fn refuse_for_good(State(most): State<usize>, response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()).map(|status| status.code()) {
        Some(Code::OutOfRange | Code::ResourceExhausted) => {
            Refusal::TooLarge(most).response(Protocol::Grpc, None)
        }
        _ => response,
    }
}
