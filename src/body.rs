//! Forwards a response body untouched and shows it to the call's recorder.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use reqwest::ResponseBuilderExt;

use crate::call::{Ending, Failure};
use crate::recorder::Recorder;
use crate::usage_filter::UsageFilter;

pin_project! {
    /// A body whose frames the recorder sees. Dropping it ends the call.
    struct Observed<B> {
        #[pin]
        inner: B,
        recorder: Box<Recorder>,
        // Only where usage was asked for on the caller's behalf.
        filter: Option<Filter>,
    }
}

impl<B> Body for Observed<B>
where
    B: Body<Data = Bytes, Error = reqwest::Error>,
{
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let mut this = self.project();
        loop {
            if let Some(held_back) = this.filter.as_mut().and_then(|filter| filter.last.take()) {
                return Poll::Ready(held_back);
            }
            let polled = ready!(this.inner.as_mut().poll_frame(context));
            note(this.recorder, &polled, this.inner.as_ref().get_ref());
            let Some(filter) = this.filter.as_mut() else { return Poll::Ready(polled) };
            if let Some(passed) = filter.pass(polled) {
                return Poll::Ready(passed);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.filter.as_ref().is_none_or(Filter::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        if self.filter.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}

type Polled = Option<Result<Frame<Bytes>, reqwest::Error>>;

/// Shows a frame to the recorder.
fn note(recorder: &mut Recorder, frame: &Polled, inner: &impl Body) {
    match frame {
        Some(Ok(frame)) => {
            if let Some(data) = frame.data_ref() {
                recorder.see(data);
            }
            // A reader that knows the length never polls for the end; under a content decoder
            // `is_end_stream` may never turn true, and the exact size hint tells.
            if inner.is_end_stream() || inner.size_hint().exact() == Some(0) {
                recorder.end(Ending::End);
            }
        }
        Some(Err(error)) => recorder.end(Ending::Broken(failure(error))),
        None => recorder.end(Ending::End),
    }
}

/// Withholds the usage chunk, and with it nothing else.
#[derive(Default)]
struct Filter {
    chunk: UsageFilter,
    /// The end, the error or the trailers that came while bytes were held: they follow those.
    last: Option<Polled>,
}

impl Filter {
    /// What of a frame reaches the caller now; `None` when nothing of it does.
    fn pass(&mut self, polled: Polled) -> Option<Polled> {
        let last = match polled {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    let passed = self.chunk.push(&data);
                    return (!passed.is_empty()).then(|| Some(Ok(Frame::data(passed))));
                }
                Err(trailers) => Some(Ok(trailers)),
            },
            last => last,
        };
        let rest = self.chunk.finish();
        if rest.is_empty() {
            return Some(last);
        }
        self.last = Some(last);
        Some(Some(Ok(Frame::data(rest))))
    }

    fn is_empty(&self) -> bool {
        self.chunk.is_empty() && self.last.is_none()
    }
}

/// Puts `recorder` behind the body of `response`. Everything else of the response stays.
pub(crate) fn observe(
    response: reqwest::Response,
    mut recorder: Box<Recorder>,
    asked_for_usage: bool,
) -> reqwest::Response {
    recorder.receive(response.status(), response.headers());
    let filter = asked_for_usage.then(Filter::default);
    let url = response.url().clone();
    let (mut parts, inner) = http::Response::from(response).into_parts();
    if inner.is_end_stream() {
        recorder.end(Ending::End);
    }
    // The URL is outside the parts and would be lost on the way back; its carrier is a private type that
    // only the builder makes.
    if let Ok(carrier) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(carrier.into_parts().0.extensions);
    }
    http::Response::from_parts(parts, reqwest::Body::wrap(Observed { inner, recorder, filter })).into()
}

/// The kind of a transport error.
pub(crate) fn failure(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        Failure::Timeout
    } else if error.is_connect() {
        Failure::Connect
    } else if error.is_redirect() {
        Failure::Redirect
    } else if error.is_decode() {
        Failure::Decode
    } else if error.is_body() {
        Failure::Body
    } else {
        Failure::Request
    }
}
