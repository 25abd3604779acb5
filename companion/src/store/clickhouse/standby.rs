//! The writer's place in a companion that only answers questions, because another one writes.

use tokio::sync::watch;

use super::connection::Connection;
use super::lease::Lease;
use super::{Options, schema};
use crate::record::Timestamp;
use crate::store::{Appended, Appender, Batch, Maintained, StoreError};

/// Takes nothing, and notices when the lease to write is free.
#[derive(Debug)]
pub(crate) struct Standby {
    connection: Connection,
    database: String,
    /// The companion that writes.
    holder: String,
    free: watch::Sender<bool>,
}

impl Standby {
    /// Waits for the lease of these tables.
    ///
    /// # Errors
    /// [`StoreError`] when ClickHouse does not answer or its tables are newer.
    pub(crate) fn new(options: &Options) -> Result<Self, StoreError> {
        let connection = Connection::new(options)?;
        schema::version(&connection, &options.database)?;
        let holder = Lease::holder(&connection, &options.database)?.unwrap_or_default();
        Ok(Self { connection, database: options.database.clone(), holder, free: watch::Sender::new(false) })
    }

    /// Becomes true when no companion holds the lease any more.
    pub(crate) fn free(&self) -> watch::Receiver<bool> {
        self.free.subscribe()
    }
}

impl Appender for Standby {
    fn append_batch(&mut self, _: Batch<'_>) -> Result<Appended, StoreError> {
        let path = format!("{}/{}", self.connection.address(), self.database).into();
        Err(StoreError::Held { path, holder: self.holder.clone() })
    }

    fn maintain(&mut self, _: Timestamp) -> Result<Maintained, StoreError> {
        if let Some(holder) = Lease::holder(&self.connection, &self.database)? {
            self.holder = holder;
        } else {
            tracing::warn!(
                "no companion writes the ledger any more: stopping; restart this companion to become the writer"
            );
            self.free.send_replace(true);
        }
        Ok(Maintained::default())
    }
}
