//! A form that passes as a stream, unchanged, while its fields are read.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Fields, Reader};

/// The fields that have passed so far.
#[derive(Debug, Clone)]
pub(crate) struct Passing(Arc<Mutex<Reader>>);

impl Passing {
    /// The fields, which are not there a second time.
    pub(crate) fn take(&self) -> Fields {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).fields)
    }
}

pin_project! {
    /// A body whose frames pass as they are.
    struct Observed {
        #[pin]
        inner: reqwest::Body,
        passing: Passing,
    }
}

impl Body for Observed {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            this.passing.0.lock().unwrap_or_else(PoisonError::into_inner).push(data);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Reads the fields of a request whose body is a stream of parts with this boundary, as they pass.
pub(crate) fn observe(request: &mut reqwest::Request, boundary: &str) -> Option<Passing> {
    let inner = request.body_mut().take()?;
    let passing = Passing(Arc::new(Mutex::new(Reader::new(boundary))));
    *request.body_mut() = Some(reqwest::Body::wrap(Observed { inner, passing: passing.clone() }));
    Some(passing)
}
