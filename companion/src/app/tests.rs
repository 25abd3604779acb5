use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::load;
use crate::record::Timestamp;
use crate::rule::tests::call;
use crate::store::writer::{AppendError, Writer, WriterOptions};
use crate::store::{Appended, Appender, Batch, Maintained, StoreError};

/// A store with a bug.
pub(crate) struct Panicking;

impl Appender for Panicking {
    fn append_batch(&mut self, _: Batch<'_>) -> Result<Appended, StoreError> {
        panic!("a bug in the store")
    }

    fn maintain(&mut self, _: Timestamp) -> Result<Maintained, StoreError> {
        Ok(Maintained::default())
    }
}

async fn built(folder: &Path) -> App {
    let any = "127.0.0.1:0";
    let text = format!(
        "[ledger]\npath = {:?}\n[receiver]\ngrpc = {any:?}\nhttp = {any:?}\n[admin]\nlisten = {any:?}\n",
        folder.join("ledger.db")
    );
    let config = folder.join("spanledger.toml");
    std::fs::write(&config, text).unwrap();
    build(&load(Some(&config), [], &[]).unwrap()).await.unwrap()
}

#[tokio::test]
async fn ends_with_an_error_when_the_writer_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = built(folder.path()).await;
    assert!(app.writer.stop(Duration::from_secs(30)).await);
    app.writer = Writer::start(Panicking, WriterOptions::new(clock::now)).unwrap();
    let writer = app.writer.clone();
    let run = tokio::spawn(app.run(CancellationToken::new()));
    assert!(matches!(writer.append(vec![call(0)]).await, Err(AppendError::Stopped)));
    let ended = tokio::time::timeout(Duration::from_secs(60), run).await.unwrap().unwrap();
    assert_eq!(ended, Err(TaskEnded("the ledger's writer")));
}

#[tokio::test]
async fn ends_without_an_error_when_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let app = built(folder.path()).await;
    let stop = CancellationToken::new();
    stop.cancel();
    assert_eq!(app.run(stop).await, Ok(true));
}

#[tokio::test]
async fn hears_of_the_first_part_that_ends_also_by_a_panic() {
    let supervisor = Supervisor::default();
    let _goes_on = supervisor.spawn("one that goes on", std::future::pending());
    let panics = supervisor.spawn("one that panics", async { panic!("a bug") });
    assert_eq!(supervisor.ended().await, TaskEnded("one that panics"));
    assert!(panics.await.unwrap_err().is_panic());
}

#[test]
fn the_longer_the_sums_of_the_ledger_take_the_less_often_they_are_read() {
    assert_eq!(pause(Duration::from_millis(20)), Duration::from_secs(15));
    assert_eq!(pause(Duration::from_secs(2)), Duration::from_secs(100));
}
