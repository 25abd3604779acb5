//! Why a request was refused, in the terms of either protocol. A retryable refusal is marked as one: by
//! gRPC with `UNAVAILABLE` and `RetryInfo`, by HTTP with 429 or 503 and `Retry-After`, as OTLP asks.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use prost::Message;
use tonic::Code;
use tonic_types::{ErrorDetails, StatusExt};

/// Content type of OTLP/HTTP in its binary form.
pub(super) const PROTOBUF: &str = "application/x-protobuf";
/// Content type of OTLP/HTTP in its JSON form.
pub(super) const JSON: &str = "application/json";

/// Which protocol an entrance speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    Http,
}

/// Why a whole request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No token, or a wrong one.
    Unauthenticated,
    /// Meant for another host.
    Misdirected,
    /// Too much at once; retry after this time.
    Overloaded(Duration),
    /// The ledger cannot take anything now; retry later. The reason names files, so it is only logged.
    Unavailable,
    /// Not all of the request arrived, or the ledger did not answer, in time; retry later.
    TimedOut,
    /// More bytes than allowed, as sent or inflated.
    TooLarge(usize),
    /// Bytes that are no OTLP request.
    Malformed(String),
    /// A fault of ours that this request brings out; it would again.
    Failed,
    /// A content type or encoding that is not OTLP's.
    Unsupported(String),
}

impl Refusal {
    fn message(&self) -> String {
        match self {
            Self::Unauthenticated => "a valid bearer token is required".to_owned(),
            Self::Misdirected => {
                "the Host header is neither localhost nor an IP address; use one of them, or \
                                  set receiver.token_file to serve other names"
                    .to_owned()
            }
            Self::Overloaded(_) => "server is over capacity, retry later".to_owned(),
            Self::Unavailable => "the ledger cannot append at present, retry later".to_owned(),
            Self::TimedOut => "the request timed out, retry later".to_owned(),
            Self::TooLarge(limit) => {
                format!("the request is larger than {limit} bytes, send smaller batches")
            }
            Self::Malformed(reason) => format!("not a valid OTLP request: {reason}"),
            Self::Failed => {
                "the receiver failed at this request, and would again; please report it".to_owned()
            }
            Self::Unsupported(what) => format!("unsupported: {what}"),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded(after) => Some(*after),
            Self::Unavailable | Self::TimedOut => Some(super::RETRY_AFTER),
            _ => None,
        }
    }

    const fn codes(&self) -> (Code, StatusCode) {
        match self {
            Self::Unauthenticated => (Code::Unauthenticated, StatusCode::UNAUTHORIZED),
            Self::Overloaded(_) => (Code::Unavailable, StatusCode::TOO_MANY_REQUESTS),
            Self::Unavailable | Self::TimedOut => (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
            // OTLP's senders repeat what is out of range, and some repeat what exhausts a resource.
            Self::TooLarge(_) => (Code::InvalidArgument, StatusCode::PAYLOAD_TOO_LARGE),
            Self::Misdirected => (Code::PermissionDenied, StatusCode::MISDIRECTED_REQUEST),
            Self::Malformed(_) => (Code::InvalidArgument, StatusCode::BAD_REQUEST),
            // OTLP's senders repeat neither.
            Self::Failed => (Code::Internal, StatusCode::INTERNAL_SERVER_ERROR),
            Self::Unsupported(_) => (Code::Unimplemented, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        }
    }

    /// The refusal as a gRPC status.
    pub(super) fn status(&self) -> tonic::Status {
        let details = match self.retry_after() {
            Some(after) => ErrorDetails::with_retry_info(Some(after)),
            None => ErrorDetails::new(),
        };
        tonic::Status::with_error_details(self.codes().0, self.message(), details)
    }

    /// The refusal as a response of `protocol` to a request of content type `form`.
    pub(super) fn response(&self, protocol: Protocol, form: Option<&HeaderValue>) -> Response<Body> {
        match protocol {
            Protocol::Grpc => self.status().into_http(),
            Protocol::Http => self.http(form),
        }
    }

    /// `google.rpc.Status` in the form the request had.
    fn http(&self, form: Option<&HeaderValue>) -> Response<Body> {
        let (code, status) = self.codes();
        let message = self.message();
        let json = form.is_none_or(|form| !form.as_bytes().starts_with(PROTOBUF.as_bytes()));
        let (kind, body) = if json {
            let body = serde_json::json!({ "code": code as i32, "message": message });
            (JSON, body.to_string().into_bytes())
        } else {
            let status = tonic_types::Status { code: code as i32, message, details: Vec::new() };
            (PROTOBUF, status.encode_to_vec())
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(after) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, after.as_secs().max(1).into());
        }
        if *self == Self::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
