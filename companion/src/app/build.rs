//! Everything that can fail, in order, before the first port opens.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use spanledger::PriceTable;
use tokio::sync::watch;

use super::App;
use crate::admin::AccessPolicy;
use crate::config::{Config, ConfigError, Loaded, TlsConfig};
use crate::convert::Converter;
use crate::evaluate::state_file::{Mirror, StateFile};
use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::net::listener::Listener;
use crate::net::tls::{self, TlsError};
use crate::net::token::Token;
use crate::notify::secret;
use crate::notify::target::Target;
use crate::receiver::admission::{Admission, Limits};
use crate::receiver::sender::{Sender, Senders};
use crate::rule::budget::{Budget, Budgets};
use crate::silence::keeper::SilenceKeeper;
use crate::store::archival::Archival;
use crate::store::clickhouse::{
    ClickHouseAppender, ClickHouseArchive, ClickHouseQuerier, SilenceTable, SpanTable, Standby,
};
use crate::store::export::Exporter;
use crate::store::identity::Groups;
use crate::store::own_clock::OwnClock;
use crate::store::sqlite::{self, Ledger, Options};
use crate::store::writer::{Writer, WriterOptions};
use crate::store::{Appender, Querier, StoreError};
use crate::text::seconds::Seconds;
use crate::{clock, config};

/// Why `serve` did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// A value of the configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A certificate or key cannot be used.
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state of the alerts cannot be read.
    #[error("the state of the alerts {}: {source}", path.display())]
    Alerts {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// An address cannot be listened on.
    #[error("{key} = {address} cannot be listened on: {source}{}", advice(source))]
    Bind {
        /// The key of the configuration.
        key: &'static str,
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start the ledger's writer thread: {0}")]
    Thread(std::io::Error),
}

/// What to do about an address, if it is plain.
fn advice(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::AddrInUse => "; stop what listens there, or name another address",
        std::io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        std::io::ErrorKind::PermissionDenied => "; ports below 1024 need a permission, take a higher one",
        _ => "",
    }
}

/// What was built without opening anything to the outside.
struct Parts {
    converter: Arc<Converter>,
    prices: Arc<PriceTable>,
    senders: Senders,
    admin_token: Option<Token>,
    receiver_tls: Option<tokio_rustls::TlsAcceptor>,
    admin_tls: Option<tokio_rustls::TlsAcceptor>,
    budgets: Vec<Arc<Budget>>,
    targets: Vec<Target>,
    opened: Opened,
    alerts: StateFile,
}

/// A ledger to write and to ask.
struct Opened {
    appender: Box<dyn Appender>,
    querier: Arc<dyn Querier>,
    clock: OwnClock,
    spans: Option<SpanTable>,
    /// Becomes true when this companion must write no more, or can.
    lease: Option<watch::Receiver<bool>>,
    /// Whether this companion writes the ledger and judges it.
    writes: bool,
    /// What archives calls before they are deleted, and where it reads them.
    archival: Option<(Archival, Arc<dyn Exporter>)>,
    /// The state of the alerts that another companion kept, and what keeps it from now on.
    alerts: Option<(Option<String>, Mirror)>,
    silences: SilenceKeeper,
}

/// Builds the application. The ports are bound last, all of them before one is served.
///
/// # Errors
/// [`BuildError`] for the first thing that fails; then nothing is left behind but the ledger's file.
pub(crate) async fn build(loaded: &Loaded) -> Result<App, BuildError> {
    let config = &loaded.config;
    for path in loaded.files_with_secrets() {
        if let Some(remark) = secret::remark(&path) {
            tracing::warn!(path = %path.display(), "{remark}");
        }
    }
    let opened = open(loaded).await?;
    let parts = parts(loaded, opened)?;
    let connections = config.receiver.limits.connections as usize;
    let bind = async |key, address: config::Listen, tls: &Option<tokio_rustls::TlsAcceptor>| {
        Listener::bind(address.0, tls.clone(), connections).await.map_err(|source| BuildError::Bind {
            key,
            address: address.0,
            source,
        })
    };
    let grpc = bind("receiver.grpc", config.receiver.grpc, &parts.receiver_tls).await?;
    let http = bind("receiver.http", config.receiver.http, &parts.receiver_tls).await?;
    let admin = bind("admin.listen", config.admin.listen, &parts.admin_tls).await?;
    let metrics = Arc::new(Metrics::default());
    let Opened { appender, querier, clock, spans, lease, writes, archival, silences, .. } = parts.opened;
    let writer = Writer::start(appender, WriterOptions::new(clock::now)).map_err(BuildError::Thread)?;
    Ok(App {
        grpc,
        http,
        admin,
        admission: Admission::new(limits(config, parts.senders), Arc::clone(&metrics)),
        access: AccessPolicy::of(&config.admin.hosts, parts.admin_token, metrics.wrong_tokens.clone()),
        converter: parts.converter,
        prices: parts.prices,
        metrics,
        clock,
        writer,
        querier,
        spans,
        lease,
        writes,
        rules: config.rules.clone(),
        budgets: Budgets::new(parts.budgets),
        maintenance: config.maintenance.clone(),
        targets: parts.targets,
        alerts: Arc::new(parts.alerts),
        silences,
        archive: config.ledger.archive.dir.clone().zip(archival),
        journal: config.journal.clone(),
        deadline: config.shutdown.deadline.duration(),
        history: Arc::default(),
        note: config.admin.note.clone(),
    })
}

/// Opens the ledger. One in a ClickHouse that another companion writes is opened to read.
async fn open(loaded: &Loaded) -> Result<Opened, BuildError> {
    let path = &loaded.config.ledger.path;
    let Some((options, source)) = super::ledger::clickhouse(loaded)? else {
        let options = retention(&loaded.config);
        let appender = Ledger::open_writer(path, &options)?;
        let (clock, querier) = (appender.clock(), Arc::new(Ledger::open_reader(path)?));
        return Ok(Opened {
            appender: Box::new(appender),
            archival: options.archival.map(|archival| (archival, querier.clone() as Arc<dyn Exporter>)),
            querier,
            clock,
            spans: None,
            lease: None,
            writes: true,
            alerts: None,
            silences: SilenceKeeper::File(path.clone()),
        });
    };
    let rest = move || -> Result<Opened, StoreError> {
        let appender = match ClickHouseAppender::open(&options) {
            // Another companion writes: this one only answers.
            Err(StoreError::Held { path, holder }) => {
                tracing::info!(ledger = %path.display(), %holder, "answering questions alone: another companion writes");
                let standby = Standby::new(&options)?;
                return Ok(Opened {
                    querier: Arc::new(ClickHouseQuerier::open(&options)?),
                    clock: OwnClock::new(),
                    spans: None,
                    lease: Some(standby.free()),
                    writes: false,
                    archival: None,
                    appender: Box::new(standby),
                    alerts: None,
                    silences: SilenceKeeper::Tables(SilenceTable::open(&options)?),
                });
            }
            opened => opened?,
        };
        let table = source.open(&options)?;
        let kept = appender.text(ALERTS)?;
        let keep = appender.text_keeper(ALERTS);
        let mirror = Mirror::new(move |text: &str| keep(text).map_err(|error| error.to_string()));
        let querier = ClickHouseQuerier::open(&options)?;
        let archive = Arc::new(ClickHouseArchive::new(querier.clone())) as Arc<dyn Exporter>;
        Ok(Opened {
            querier: Arc::new(querier),
            clock: OwnClock::new(),
            spans: Some(table),
            lease: Some(appender.lost()),
            writes: true,
            archival: options.archival.clone().map(|archival| (archival, archive)),
            appender: Box::new(appender),
            alerts: Some((kept, mirror)),
            silences: SilenceKeeper::Tables(SilenceTable::open(&options)?),
        })
    };
    let failed = |error: tokio::task::JoinError| StoreError::Other {
        path: "clickhouse".into(),
        detail: error.to_string(),
    };
    Ok(tokio::task::spawn_blocking(rest).await.unwrap_or_else(|error| Err(failed(error)))?)
}

/// The name of the state of the alerts among the texts of a ledger.
pub(super) const ALERTS: &str = "alerts";

fn parts(loaded: &Loaded, mut opened: Opened) -> Result<Parts, BuildError> {
    let config = &loaded.config;
    let invalid = |invalid: config::Invalid| loaded.error_at(&invalid.key, invalid.message);
    let tls =
        |tls: &Option<TlsConfig>| tls.as_ref().map(|tls| tls::acceptor(&tls.cert, &tls.key)).transpose();
    let path = &config.ledger.path;
    let prices = Arc::new(prices(loaded)?);
    Ok(Parts {
        converter: Arc::new(
            Converter::new(prices.clone())
                .since(clock::now())
                .tagging(config.tags.sources().map_err(invalid)?),
        ),
        prices,
        senders: senders(config).map_err(invalid)?,
        admin_token: config.admin_token().map_err(invalid)?,
        receiver_tls: tls(&config.receiver.tls)?,
        admin_tls: tls(&config.admin.tls)?,
        budgets: config.budgets().map_err(invalid)?,
        targets: config.notify.targets().map_err(|message| loaded.error_of(&message))?,
        alerts: state_file(path, opened.alerts.take())?,
        opened,
    })
}

/// The prices that are in force.
///
/// # Errors
/// [`ConfigError`] when the user's table cannot be read.
pub(crate) fn prices(loaded: &Loaded) -> Result<PriceTable, ConfigError> {
    match &loaded.config.prices.file {
        None => Ok(PriceTable::bundled()),
        Some(path) => PriceTable::from_file(path)
            .map_err(|error| loaded.error_at("prices.file", Failure::from(error).to_string())),
    }
}

/// What the ledger keeps.
#[must_use]
pub(crate) fn retention(config: &Config) -> Options {
    let age = |seconds: Seconds| (seconds.0 > 0).then(|| seconds.duration());
    let retention = &config.ledger.retention;
    Options {
        keep_calls: age(retention.max_age),
        keep_sums: age(retention.sums_max_age),
        archival: config.ledger.archive.dir.as_ref().map(|_| Archival::default()),
        max_bytes: (retention.max_size.0 > 0).then_some(retention.max_size.0),
        now: Some(clock::now()),
        groups: groups(config),
        limits: sqlite::Limits { response_ids: config.ledger.response_ids(), ..Default::default() },
    }
}

/// Which services' spans may be accounts of one call.
pub(super) fn groups(config: &Config) -> Groups {
    let senders = config.receiver.senders.iter();
    Groups::of(
        senders.map(|sender| sender.services.iter().chain(&sender.describes).map(String::as_str).collect()),
    )
}

fn senders(config: &Config) -> Result<Senders, config::Invalid> {
    let some = config.senders()?.into_iter().map(|(sender, token)| Sender {
        name: sender.name.clone(),
        token,
        services: sender.services.clone(),
    });
    Ok(Senders { all: config.receiver_token()?, some: some.collect() })
}

fn limits(config: &Config, senders: Senders) -> Limits {
    let limits = &config.receiver.limits;
    Limits {
        message_bytes: usize::try_from(limits.message.0).unwrap_or(usize::MAX),
        requests: limits.requests as usize,
        deadline: Duration::from_secs(limits.deadline.0.unsigned_abs()),
        http_is_local: !senders.are_known() && config.receiver.http.0.ip().to_canonical().is_loopback(),
        senders,
    }
}

fn state_file(ledger: &Path, kept: Option<(Option<String>, Mirror)>) -> Result<StateFile, BuildError> {
    let opened = match kept {
        None => StateFile::open(ledger),
        Some((text, mirror)) => StateFile::mirrored(ledger, text.as_deref(), mirror),
    };
    opened.map_err(|source| BuildError::Alerts { path: StateFile::path_beside(ledger), source })
}
