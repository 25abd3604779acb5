//! A provider that counts its calls: it notes the id of each request before it says a word.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::Incoming;

use crate::server::serve;

/// The header that carries the id of a call, and the one that says how it is to be answered.
pub(crate) const ID: &str = "x-id";
pub(crate) const WAY: &str = "x-way";

/// What has been asked so far.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// With the time at which each arrived.
    ids: Mutex<BTreeMap<String, SystemTime>>,
    more: Condvar,
}

impl Counted {
    pub(crate) fn ids(&self) -> BTreeSet<String> {
        self.ids.lock().unwrap().keys().cloned().collect()
    }

    /// When a call arrived, if it did.
    pub(crate) fn arrived(&self, id: &str) -> Option<SystemTime> {
        self.ids.lock().unwrap().get(id).copied()
    }

    /// Whether so many calls are asked for before a time that no test lasts.
    #[cfg(target_os = "linux")]
    pub(crate) fn reaches(&self, calls: usize) -> bool {
        let ids = self.ids.lock().unwrap();
        let patience = std::time::Duration::from_secs(120);
        !self.more.wait_timeout_while(ids, patience, |ids| ids.len() < calls).unwrap().1.timed_out()
    }

    /// Waits until so many calls have been asked for.
    pub(crate) fn wait_for(&self, calls: usize) {
        let ids = self.ids.lock().unwrap();
        drop(self.more.wait_while(ids, |ids| ids.len() < calls).unwrap());
    }
}

/// A running provider, on a thread of its own.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    pub(crate) counted: Arc<Counted>,
    pub(crate) since: SystemTime,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let since = SystemTime::now();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let counted = Arc::new(Counted::default());
        let seen = Arc::clone(&counted);
        let address = serve(listener, move |request| respond(request, Arc::clone(&seen)));
        Self { address, counted, since }
    }
}

type Body = BoxBody<Bytes, Infallible>;

async fn respond(request: Request<Incoming>, counted: Arc<Counted>) -> Result<Response<Body>, Infallible> {
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    let (id, way) = (header(ID), header(WAY));
    // Counted when its head is here: from then on the call has been made.
    let before = counted.ids.lock().unwrap().insert(id.clone(), SystemTime::now());
    assert!(before.is_none(), "{id} is asked for twice");
    counted.more.notify_all();
    drop(request.into_body().collect().await);
    let (kind, frames) = match way.as_str() {
        "hang" => std::future::pending().await,
        "stream" => ("text/event-stream", events(&id)),
        // A stream that the application gives up or dies with.
        "endless" => {
            let more = stream::iter(0..).then(async |number: u64| {
                tokio::task::yield_now().await;
                if number > 50 {
                    std::future::pending::<()>().await;
                }
                Ok(Frame::data(Bytes::from(chunk("more", None))))
            });
            let response = Response::builder().header("content-type", "text/event-stream");
            return Ok(response.body(BodyExt::boxed(StreamBody::new(more))).unwrap());
        }
        _ => ("application/json", vec![whole(&id)]),
    };
    let frames = stream::iter(frames).then(async |frame| {
        tokio::task::yield_now().await;
        Ok(Frame::data(Bytes::from(frame)))
    });
    Ok(Response::builder()
        .header("content-type", kind)
        .body(BodyExt::boxed(StreamBody::new(frames)))
        .unwrap())
}

fn whole(id: &str) -> String {
    format!(
        r#"{{"id":"r-{id}","object":"chat.completion","model":"gpt-4o","choices":[{{"index":0,"finish_reason":"stop","message":{{"role":"assistant","content":"hello"}}}}],"usage":{{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}}}"#
    )
}

fn events(id: &str) -> Vec<String> {
    let mut events: Vec<String> = (0..10).map(|_| chunk(id, None)).collect();
    events.push(chunk(id, Some("stop")));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn chunk(id: &str, finish: Option<&str>) -> String {
    let finish = finish.map_or("null".to_owned(), |reason| format!("\"{reason}\""));
    format!(
        "data: {{\"id\":\"r-{id}\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"hello\"}},\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
    )
}
