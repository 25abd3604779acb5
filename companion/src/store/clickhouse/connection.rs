//! Questions and rows to ClickHouse over HTTP: which address is asked, within which bounds, and what its errors mean.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::{Client, Row, RowOwned, RowRead, RowWrite};
use tokio::runtime::Runtime;

use super::{Options, tls};
use crate::store::StoreError;

/// Added to the time that a query may take, for the way there and back.
const NETWORK: Duration = Duration::from_secs(5);
/// Bytes of a list within a statement; of a statement ClickHouse reads 256 KiB.
const LIST: usize = 128 << 10;

/// A connection to a database of one ClickHouse. Clones share it.
#[derive(Clone)]
pub(super) struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    /// Of its own, so that questions can be asked from every thread. Present until the end.
    runtime: Option<Runtime>,
    addresses: Vec<(String, Client)>,
    /// The address that answered last.
    preferred: AtomicUsize,
    deadline: Duration,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // May be dropped by a thread that must not block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Connection {
    /// Prepares the connection; nothing is sent.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn new(options: &Options) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("clickhouse")
            .enable_all()
            .build()
            .map_err(|error| remote(&options.name(), error.to_string()))?;
        let client = |url: &String| {
            let mut client = tls::client(options.authority.as_deref())?
                .with_url(url)
                .with_setting("max_memory_usage", options.memory_bytes.to_string())
                // Very many groups go to its disk before they are refused.
                .with_setting("max_bytes_before_external_group_by", (options.memory_bytes / 2).to_string())
                .with_setting("max_bytes_before_external_sort", (options.memory_bytes / 2).to_string())
                .with_setting("max_rows_to_read", options.rows.to_string())
                .with_setting("max_execution_time", options.timeout.as_secs().max(1).to_string())
                .with_setting("do_not_merge_across_partitions_select_final", "1")
                .with_product_info("spanledger", env!("CARGO_PKG_VERSION"));
            if let Some(user) = &options.user {
                client = client.with_user(user);
            }
            if let Some(password) = &options.password {
                client = client.with_password(password.as_str());
            }
            Ok((url.clone(), client))
        };
        Ok(Self {
            shared: Arc::new(Shared {
                runtime: Some(runtime),
                addresses: options.addresses.iter().map(client).collect::<Result<_, StoreError>>()?,
                preferred: AtomicUsize::new(0),
                deadline: options.timeout.saturating_add(NETWORK),
            }),
        })
    }

    /// The rows of a query.
    ///
    /// # Errors
    /// [`StoreError`] when no address answers, or one refuses it.
    pub(super) fn rows<T: RowOwned + RowRead + Send + 'static>(
        &self,
        sql: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.each_address(|client| {
            let query = client.query_raw(sql);
            async move { query.fetch_all::<T>().await }
        })
    }

    /// The one row of a query, if there is one.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub(super) fn row<T: RowOwned + RowRead + Send + 'static>(
        &self,
        sql: &str,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.rows(sql)?.into_iter().next())
    }

    /// Runs a statement.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub(super) fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.each_address(|client| {
            let query = client.query_raw(sql);
            async move { query.execute().await }
        })
    }

    /// Inserts rows as one block. Every table replaces rows by their key, so that rows inserted twice count once.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub(super) fn insert<T>(&self, table: &str, rows: Vec<T>) -> Result<(), StoreError>
    where
        T: Row + RowWrite + Send + Sync + 'static,
        for<'a> T: Row<Value<'a> = T>,
    {
        if rows.is_empty() {
            return Ok(());
        }
        let (table, rows) = (table.to_owned(), Arc::new(rows));
        self.each_address(|client| {
            let (client, table, rows) = (client.clone(), table.clone(), rows.clone());
            async move {
                let mut insert = client.insert_unescaped::<T>(&table).await?;
                for row in rows.iter() {
                    insert.write(row).await?;
                }
                insert.end().await
            }
        })
    }

    /// Asks the address that answered last, and the others while none can be reached.
    fn each_address<T, F>(&self, ask: impl Fn(&Client) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let shared = &self.shared;
        let first = shared.preferred.load(Ordering::Relaxed);
        let mut failed = remote(&self.address(), "no address is configured".to_owned());
        for turn in 0..shared.addresses.len() {
            let place = (first + turn) % shared.addresses.len();
            let Some((address, client)) = shared.addresses.get(place) else { continue };
            match self.wait(ask(client)) {
                Ok(value) => {
                    shared.preferred.store(place, Ordering::Relaxed);
                    return Ok(value);
                }
                Err(error) => {
                    let unreachable = matches!(error, Error::Network(_) | Error::TimedOut);
                    failed = remote(address, detail(&error));
                    if !unreachable {
                        break;
                    }
                }
            }
        }
        Err(failed)
    }

    /// Waits on this thread for what runs on the connection's own.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (done, result) = std::sync::mpsc::sync_channel(1);
        let deadline = self.shared.deadline;
        let Some(runtime) = &self.shared.runtime else { return Err(Error::TimedOut) };
        runtime.spawn(async move {
            let value = tokio::time::timeout(deadline, work).await.unwrap_or(Err(Error::TimedOut));
            drop(done.send(value));
        });
        result.recv().unwrap_or(Err(Error::TimedOut))
    }

    /// How long a statement may take before it is given up here. It may succeed there all the same.
    pub(super) fn deadline(&self) -> Duration {
        self.shared.deadline
    }

    /// The address that is asked first.
    pub(super) fn address(&self) -> String {
        let place = self.shared.preferred.load(Ordering::Relaxed);
        self.shared.addresses.get(place).map(|(address, _)| address.clone()).unwrap_or_default()
    }
}

/// What went wrong at `address`.
pub(super) fn remote(address: &str, detail: String) -> StoreError {
    StoreError::Other { path: PathBuf::from(address), detail }
}

/// The error with its causes, in one line of a bounded length.
fn detail(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(600).collect()
}

/// `text` as a literal of SQL.
pub(super) fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        match character {
            '\'' => quoted.push_str("\\'"),
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\0"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// The items with `separator` between them, as lists of at most `most` that a statement has room for.
pub(super) fn lists(items: impl IntoIterator<Item = String>, separator: &str, most: usize) -> Vec<String> {
    let mut lists: Vec<String> = Vec::new();
    let mut length = 0;
    for item in items {
        match lists.last_mut() {
            Some(list) if length < most && list.len() + item.len() < LIST => {
                list.push_str(separator);
                list.push_str(&item);
                length += 1;
            }
            _ => {
                lists.push(item);
                length = 1;
            }
        }
    }
    lists
}

/// Bytes as an expression of SQL.
pub(super) fn bytes(bytes: &[u8]) -> String {
    format!("unhex('{}')", crate::record::ids::hex(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_fit_into_a_statement() {
        let long = |number: usize| format!("{number}-{}", "x".repeat(1_000));
        let items: Vec<String> = (0..1_000).map(long).collect();
        let found = lists(items.clone(), ", ", 400);
        assert!(found.iter().all(|list| list.len() <= LIST + 2), "{:?}", found.iter().map(String::len).max());
        assert_eq!(found.join(", "), items.join(", "));
        let short = lists((0..10).map(|number| number.to_string()), " OR ", 4);
        assert_eq!(short, ["0 OR 1 OR 2 OR 3", "4 OR 5 OR 6 OR 7", "8 OR 9"]);
        assert_eq!(lists([], ",", 4), Vec::<String>::new());
    }
}
