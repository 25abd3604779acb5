//! A page while the ledger answers nothing, and one page too many.

use std::sync::Mutex;

use super::*;
use crate::record::TagKey;
use crate::store::history::SeriesSum;
use crate::store::{Dimension, Duplicates, FiveMinutes, Group, LatencySummary, Repeated, Step, Totals};

/// A ledger whose first question waits for a word before it is refused.
struct Stuck {
    asked: tokio::sync::mpsc::UnboundedSender<()>,
    go: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Stuck {
    fn refuse<T>(&self) -> Result<T, StoreError> {
        self.asked.send(()).unwrap();
        let _ = self.go.lock().unwrap().recv();
        Err(StoreError::Busy { path: "calls.db".into() })
    }
}

impl Querier for Stuck {
    fn totals(&self, _: Window, _: &Filter) -> Result<Totals, StoreError> {
        self.refuse()
    }
    fn five_minutes(
        &self,
        _: Window,
        _: &Filter,
        _: Option<Dimension>,
    ) -> Result<Vec<FiveMinutes>, StoreError> {
        self.refuse()
    }
    fn breakdown(&self, _: Window, _: &Filter, _: Dimension, _: usize) -> Result<Vec<Group>, StoreError> {
        self.refuse()
    }
    fn series(&self, _: Window, _: &Filter, _: i64) -> Result<Vec<Step>, StoreError> {
        self.refuse()
    }
    fn history(&self, _: &[Timestamp]) -> Result<Vec<Vec<SeriesSum>>, StoreError> {
        self.refuse()
    }
    fn tag_keys(&self) -> Result<Vec<TagKey>, StoreError> {
        self.refuse()
    }
    fn latency(&self, _: Window, _: &Filter) -> Result<LatencySummary, StoreError> {
        self.refuse()
    }
    fn repeated(&self, _: Window, _: &Filter, _: u64, _: usize) -> Result<Vec<Repeated>, StoreError> {
        self.refuse()
    }
    fn duplicates(&self, _: Window, _: &Filter) -> Result<Duplicates, StoreError> {
        self.refuse()
    }
    fn repetition(
        &self,
        _: Window,
        _: &Filter,
        _: &crate::store::RepetitionQuestion,
    ) -> Result<Vec<crate::store::GroupRepetition>, StoreError> {
        self.refuse()
    }
    fn largest_calls(
        &self,
        _: Window,
        _: &Filter,
        _: u64,
        _: usize,
    ) -> Result<Vec<crate::store::LargeCall>, StoreError> {
        self.refuse()
    }
    fn served_models(
        &self,
        _: Window,
        _: &Filter,
        _: usize,
    ) -> Result<Vec<crate::store::Pairing>, StoreError> {
        self.refuse()
    }
    fn conversations(
        &self,
        _: Window,
        _: &Filter,
        _: usize,
    ) -> Result<Vec<crate::store::Conversation>, StoreError> {
        self.refuse()
    }
    fn key_uses(&self, _: Window, _: usize) -> Result<Vec<crate::store::KeyUse>, StoreError> {
        self.refuse()
    }
    fn sequence_gaps(
        &self,
        _: Window,
        _: Timestamp,
        _: &Filter,
        _: usize,
    ) -> Result<crate::store::SequenceGaps, StoreError> {
        self.refuse()
    }
    fn skipped(&self, _: Window) -> Result<crate::record::SkippedSpans, StoreError> {
        self.refuse()
    }
    fn last_call(&self, _: Timestamp, _: &Filter) -> Result<Option<Timestamp>, StoreError> {
        self.refuse()
    }
    fn calls(&self, _: Window, _: &Filter, _: Page) -> Result<crate::store::CallPage, StoreError> {
        self.refuse()
    }
    fn accounts(
        &self,
        _: Window,
        _: &crate::store::CallId,
        _: usize,
    ) -> Result<Vec<crate::store::CallAccount>, StoreError> {
        self.refuse()
    }
}

#[tokio::test]
async fn one_page_too_many_and_a_busy_ledger_are_asked_to_retry_later() {
    let (asked, mut questions) = tokio::sync::mpsc::unbounded_channel();
    let (go, wait) = std::sync::mpsc::channel();
    let state = PageState {
        querier: Arc::new(Stuck { asked, go: Mutex::new(wait) }),
        rules: Arc::new(Vec::new),
        history: Arc::default(),
        budgets: Arc::default(),
        silences: Silences { ledger: "/no/such/ledger.db".into(), may_change: false },
        prices: Arc::new(PriceTable::bundled()),
        note: String::new(),
        clock: Arc::new(|| NOW),
    };
    let app = router(state);
    let request = || app.clone().oneshot(Request::get("/calls").body(Body::empty()).unwrap());
    let waiting: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(request())).collect();
    for _ in 0..AT_ONCE {
        questions.recv().await.unwrap();
    }
    let refused = request().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "5");
    drop(go);
    for answer in waiting {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("the ledger calls.db is locked by another process"));
    }
}
