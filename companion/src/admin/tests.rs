use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::app::tests::Panicking;
use crate::clock;
use crate::net::token::WrongTokens;
use crate::rule::tests::call;
use crate::store::memory::MemoryStore;
use crate::store::writer::{Writer, WriterOptions};

pub(super) type Statuses = watch::Sender<Arc<Vec<RuleStatus>>>;

fn state() -> (Arc<AdminState>, Statuses) {
    state_over(MemoryStore::default())
}

/// The state over a ledger.
pub(super) fn state_over(ledger: MemoryStore) -> (Arc<AdminState>, Statuses) {
    let (statuses, rules) = watch::channel(Arc::default());
    let state = AdminState {
        metrics: Arc::default(),
        writer: Writer::start(Panicking, WriterOptions::new(clock::now)).unwrap(),
        archival: None,
        rules,
        notifiers: Vec::new(),
        ledger: Mutex::default(),
        unready: Mutex::new(None),
        querier: Arc::new(ledger),
        interval: Duration::from_secs(15),
        recent: Recent::default(),
        history: Arc::default(),
        queries: Arc::new(Semaphore::new(1)),
    };
    (Arc::new(state), statuses)
}

async fn ask(state: &Arc<AdminState>) -> (StatusCode, String) {
    let request = Request::get("/readyz").body(Body::empty()).unwrap();
    let response =
        router(Arc::clone(state), Router::new(), AccessPolicy::of(&[], None, WrongTokens::default()))
            .oneshot(request)
            .await
            .unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

#[tokio::test]
async fn is_not_ready_when_nobody_writes_or_evaluates_any_more() {
    let (unwell, statuses) = state();
    statuses.send_replace(Arc::default());
    assert_eq!(ask(&unwell).await, (StatusCode::OK, "ok\n".to_owned()));
    drop(statuses);
    let (status, reason) = ask(&unwell).await;
    assert_eq!((status.as_u16(), reason.as_str()), (503, "the rules are not evaluated any more\n"));

    let (unwell, _statuses) = state();
    unwell.writer.append(vec![call(0)]).await.unwrap_err();
    // The question is dropped shortly before the thread is gone.
    unwell.writer.ended().await;
    let (status, reason) = ask(&unwell).await;
    assert_eq!((status.as_u16(), reason.as_str()), (503, "the ledger's writer has ended\n"));
    unwell.set_unready(Some("stopping"));
    assert_eq!(ask(&unwell).await.1, "stopping\n");
}
