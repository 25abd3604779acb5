//! Brings the spans that a Collector writes to a ClickHouse into the ledger: the same spans as over OTLP, read by the same
//! code.

mod request;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use spanledger::journal::Taken;
use tokio_util::sync::CancellationToken;

use crate::receiver::Intake;
use crate::store::StoreError;
use crate::store::clickhouse::{Part, SpanTable};

/// Pause when nothing is new.
const EVERY: Duration = Duration::from_secs(2);

/// Reads a table of spans for as long as it runs.
#[derive(Debug)]
pub(crate) struct TraceReader {
    table: SpanTable,
    intake: Intake,
}

impl TraceReader {
    /// A reader that gives what it reads to `intake`.
    pub(crate) const fn new(table: SpanTable, intake: Intake) -> Self {
        Self { table, intake }
    }

    /// Reads new parts until `stop`. What fails is read again later.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            let pass = tokio::select! {
                () = stop.cancelled() => return,
                pass = self.pass() => pass,
            };
            if let Err(error) = pass {
                tracing::warn!(%error, "the table of spans could not be read, retry later");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Reads every part that is new.
    pub(crate) async fn pass(&self) -> Result<(), StoreError> {
        let table = self.table.clone();
        let parts = blocking(move || table.new_parts()).await?;
        for part in parts {
            if !self.read(part).await? {
                break;
            }
        }
        Ok(())
    }

    /// Reads one part; false when it cannot be read now: the ledger does not take it, or it was merged into another.
    async fn read(&self, part: Part) -> Result<bool, StoreError> {
        let mut offset = 0;
        while offset < part.rows() {
            let (table, of) = (self.table.clone(), part.clone());
            let read = move || {
                let room = table.room(&of, offset)?;
                Ok((table.spans(&of, offset, room)?, room))
            };
            let (rows, room) = blocking(read).await?;
            if room == 0 || (rows.len() as u64) < room {
                return Ok(false);
            }
            let request = Bytes::from(request::export(&rows));
            match self.intake.take(request).await {
                Taken::Delivered => {}
                Taken::NotNow => return Ok(false),
                // Every span of it is in the ledger's counts.
                Taken::Refused => tracing::error!("spans of the table could not be read and are left out"),
            }
            offset += room;
        }
        let table = self.table.clone();
        blocking(move || table.note(&part)).await?;
        Ok(true)
    }
}

/// Runs what waits for ClickHouse on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(StoreError::Other { path: "clickhouse".into(), detail: error.to_string() })
    })
}
