//! Opens the ledger that the configuration names: a file, or tables in a ClickHouse.

use std::sync::Arc;

use super::build::{ALERTS, groups};
use crate::alert::Alert;
use crate::clock;
use crate::config::{ConfigError, Loaded, Store};
use crate::evaluate::state_file::StateFile;
use crate::failure::Failure;
use crate::silence::keeper::SilenceKeeper;
use crate::store::archival::Archival;
use crate::store::clickhouse::{self, ClickHouseExporter, ClickHouseQuerier, SilenceTable, SpanTable};
use crate::store::export::Exporter;
use crate::store::sqlite::Ledger;
use crate::store::{Querier, StoreError};

/// The ClickHouse of the configuration, with the table of spans; `None` where the ledger is a file.
///
/// # Errors
/// [`ConfigError`] when the password cannot be read.
pub(crate) fn clickhouse(loaded: &Loaded) -> Result<Option<(clickhouse::Options, SpanSource)>, ConfigError> {
    let config = &loaded.config;
    let Store::ClickHouse(dsn) = &config.ledger.store else { return Ok(None) };
    let of = &config.ledger.clickhouse;
    let password =
        config.clickhouse_password().map_err(|invalid| loaded.error_at(&invalid.key, invalid.message))?;
    let age = |seconds: crate::text::seconds::Seconds| (seconds.0 > 0).then(|| seconds.duration());
    let retention = &config.ledger.retention;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let options = clickhouse::Options {
        addresses: dsn.urls(),
        user: of.user.clone(),
        password: password.map(|secret| secret.expose().to_owned()),
        authority: of.ca_file.clone(),
        database: of.database.clone(),
        holder: format!("{}-{}-{:08x}", host.trim(), std::process::id(), fastrand::u32(..)),
        timeout: of.timeout.duration(),
        memory_bytes: of.max_memory.0,
        rows: of.max_rows,
        keep_calls: age(retention.max_age),
        keep_sums: age(retention.sums_max_age),
        archival: config.ledger.archive.dir.as_ref().map(|_| Archival::default()),
        created: Some(clock::now()),
        groups: groups(config),
        recent: clickhouse::RECENT,
        response_ids: config.ledger.response_ids(),
    };
    Ok(Some((options, SpanSource { database: dsn.database.clone(), table: of.table.clone() })))
}

/// The table that a Collector writes spans to.
#[derive(Debug, Clone)]
pub(crate) struct SpanSource {
    database: String,
    table: String,
}

impl SpanSource {
    /// Opens the table.
    ///
    /// # Errors
    /// [`StoreError`] when it is not there.
    pub(crate) fn open(&self, options: &clickhouse::Options) -> Result<SpanTable, StoreError> {
        let table = SpanTable::open(options, &self.database, &self.table)?;
        table.check()?;
        Ok(table)
    }
}

/// The ledger, for questions.
///
/// # Errors
/// `Failure` when there is none or it cannot be read.
pub(crate) fn querier(loaded: &Loaded) -> Result<Arc<dyn Querier>, Failure> {
    match clickhouse(loaded)? {
        None => Ok(Arc::new(Ledger::open_reader(&loaded.config.ledger.path)?)),
        Some((options, _)) => Ok(Arc::new(ClickHouseQuerier::open(&options)?)),
    }
}

/// The alerts that `serve` keeps with the ledger; none where it keeps none.
///
/// # Errors
/// `Failure` where the ledger is in a ClickHouse that does not answer.
pub(crate) fn kept_alerts(loaded: &Loaded) -> Result<Vec<Alert>, Failure> {
    match clickhouse(loaded)? {
        None => Ok(StateFile::peek(&loaded.config.ledger.path).alerts),
        Some((options, _)) => {
            let text = ClickHouseQuerier::open(&options)?.text(ALERTS)?;
            Ok(text.map(|text| StateFile::parsed(&text)).unwrap_or_default().alerts)
        }
    }
}

/// The silences of the ledger.
///
/// # Errors
/// `Failure` where the ledger is in a ClickHouse that has none.
pub(crate) fn silences(loaded: &Loaded) -> Result<SilenceKeeper, Failure> {
    match clickhouse(loaded)? {
        None => Ok(SilenceKeeper::File(loaded.config.ledger.path.clone())),
        Some((options, _)) => Ok(SilenceKeeper::Tables(SilenceTable::open(&options)?)),
    }
}

/// The ledger, to be read whole.
///
/// # Errors
/// `Failure` when there is none or it cannot be read.
pub(crate) fn exporter(loaded: &Loaded) -> Result<Box<dyn Exporter>, Failure> {
    match clickhouse(loaded)? {
        None => Ok(Box::new(Ledger::open_reader(&loaded.config.ledger.path)?)),
        Some((options, _)) => Ok(Box::new(ClickHouseExporter::new(ClickHouseQuerier::open(&options)?))),
    }
}

/// That a command works on a file.
///
/// # Errors
/// `Failure` where the ledger is in a ClickHouse.
pub(crate) fn needs_a_file(loaded: &Loaded, command: &str) -> Result<(), Failure> {
    match &loaded.config.ledger.store {
        Store::Sqlite => Ok(()),
        store => Err(Failure(format!(
            "spanledger {command} works on a ledger file, and ledger.store is {store}: give --store sqlite"
        ))),
    }
}
