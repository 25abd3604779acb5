//! The configuration: one TOML file, environment and flags, in rising order. The meaning and default of each key
//! is in `spanledger.example.toml`, which a test compares with this code.

mod environment;
mod example;
mod listen;
mod load;
mod size;
mod spans;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use example::EXAMPLE;
pub(crate) use listen::Listen;
#[cfg(test)]
pub(crate) use load::Source;
pub(crate) use load::{ConfigError, Flag, Loaded, load};
pub(crate) use size::ByteSize;
pub(crate) use store::Store;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::convert::{TagSource, TagSources};
use crate::net::token::Token;
use crate::notify::secret::{self, Secret};
use crate::notify::target::NotifyConfig;
use crate::rule::budget::{Budget, BudgetConfig};
use crate::rule::config::RulesConfig;
use crate::silence::maintenance::{self, MaintenanceConfig};
use crate::text::seconds::Seconds;

/// Attributes that each list of `[tags]` may name: each is compared with every attribute that is received.
const MOST_TAG_SOURCES: usize = 32;

/// Each is asked for at every evaluation of its rules.
const MOST_BUDGETS: usize = 200;

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where calls are kept, and how long.
    pub ledger: LedgerConfig,
    /// The OTLP entrances.
    pub receiver: ReceiverConfig,
    /// The journals of applications on this machine.
    pub journal: JournalConfig,
    /// Metrics, health and the report page.
    pub admin: AdminConfig,
    /// Attributes that are tags.
    pub tags: TagsConfig,
    /// Prices besides the bundled ones.
    pub prices: PricesConfig,
    /// The anomaly rules.
    pub rules: RulesConfig,
    /// What calls may cost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budget: Vec<BudgetConfig>,
    /// When alerts are held back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintenance: Vec<MaintenanceConfig>,
    /// The targets of alerts.
    pub notify: NotifyConfig,
    /// What is logged and how.
    pub log: LogConfig,
    /// The end of `serve`.
    pub shutdown: ShutdownConfig,
}

/// `[ledger]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerConfig {
    /// What keeps the calls.
    pub(crate) store: Store,
    /// The ledger's file; with another store, what the files next to it are named after.
    pub path: PathBuf,
    /// Bytes in which the response ids of ten minutes are remembered.
    pub response_ids: ByteSize,
    /// How a ClickHouse is spoken to.
    pub clickhouse: ClickHouseConfig,
    /// What is deleted, and when.
    pub retention: RetentionConfig,
    /// Where calls go before they are deleted.
    pub archive: ArchiveConfig,
}

/// `[ledger.clickhouse]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClickHouseConfig {
    /// The user.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// A PEM file with the authority that signed ClickHouse's certificate.
    pub ca_file: Option<PathBuf>,
    /// The table that the Collector's exporter writes spans to.
    pub table: String,
    /// The database of our own tables.
    pub database: String,
    /// How long a question may take.
    pub timeout: Seconds,
    /// Memory that a question may take there.
    pub max_memory: ByteSize,
    /// Rows that a question may read there.
    pub max_rows: u64,
}

/// `[ledger.retention]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Calls that ended longer ago are deleted; 0 keeps them.
    pub max_age: Seconds,
    /// Totals by the hour that are older are deleted; 0 keeps them. Never shorter than `max_age`.
    pub sums_max_age: Seconds,
    /// The oldest calls are deleted while the ledger is larger; 0 keeps them.
    pub max_size: ByteSize,
}

/// `[ledger.archive]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveConfig {
    /// A folder that is there; without one calls are deleted without being archived.
    pub dir: Option<PathBuf>,
}

/// `[receiver]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiverConfig {
    /// Address of OTLP/gRPC.
    pub grpc: Listen,
    /// Address of OTLP/HTTP.
    pub http: Listen,
    /// The token senders must show.
    pub token: Option<Secret>,
    /// A file that holds the token.
    pub token_file: Option<PathBuf>,
    /// Whether addresses other than loopback are served without a token.
    pub listen_without_token: bool,
    /// Senders with tokens of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub senders: Vec<SenderConfig>,
    /// Bounds.
    pub limits: LimitsConfig,
    /// Certificate and key.
    pub tls: Option<TlsConfig>,
}

/// `[[receiver.senders]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SenderConfig {
    /// Names it in responses and in the log.
    pub name: String,
    /// Its token.
    pub token: Option<Secret>,
    /// A file that holds its token.
    pub token_file: Option<PathBuf>,
    /// The services that it may write.
    pub services: Vec<String>,
    /// Services whose calls its spans may describe as well, without writing for them.
    #[serde(default)]
    pub describes: Vec<String>,
}

/// `[receiver.limits]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Bytes of one request, as sent and inflated.
    pub message: ByteSize,
    /// Requests worked on at a time.
    pub requests: u32,
    /// Connections of each listener.
    pub connections: u32,
    /// From the headers of a request to its response.
    pub deadline: Seconds,
}

/// `[receiver.tls]` and `[admin.tls]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate chain (PEM).
    pub cert: PathBuf,
    /// Its key (PEM).
    pub key: PathBuf,
}

/// `[journal]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Directories whose dead processes are recovered.
    pub dirs: Vec<PathBuf>,
    /// Between two looks at them.
    pub every: Seconds,
}

/// `[tags]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TagsConfig {
    /// Attributes of resources.
    pub resource: Vec<String>,
    /// Attributes of spans and log records.
    pub attributes: Vec<String>,
}

impl TagsConfig {
    /// The attributes, read.
    ///
    /// # Errors
    /// The first [`Invalid`] entry.
    pub(crate) fn sources(&self) -> Result<TagSources, Invalid> {
        let read = |key: &str, texts: &[String]| {
            if texts.len() > MOST_TAG_SOURCES {
                return Err(Invalid::new(key, format!("at most {MOST_TAG_SOURCES} attributes")));
            }
            let sources = texts.iter().map(|text| text.parse::<TagSource>());
            sources.collect::<Result<_, _>>().map_err(|message| Invalid::new(key, message))
        };
        Ok(TagSources {
            resource: read("tags.resource", &self.resource)?,
            attributes: read("tags.attributes", &self.attributes)?,
        })
    }
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Address of `/metrics`, `/healthz`, `/readyz` and the report page.
    pub listen: Listen,
    /// Names, besides `localhost` and IP addresses, under which readers come when there is no token.
    pub hosts: Vec<String>,
    /// The token readers must show; `/healthz` and `/readyz` need none.
    pub token: Option<Secret>,
    /// A file that holds the token.
    pub token_file: Option<PathBuf>,
    /// Whether an address other than loopback is served without a token.
    pub listen_without_token: bool,
    /// A line at the top of every page.
    pub note: String,
    /// Certificate and key.
    pub tls: Option<TlsConfig>,
}

/// `[prices]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PricesConfig {
    /// The user's own table, asked before the bundled one.
    pub file: Option<PathBuf>,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// One line of text, or of JSON.
    pub format: LogFormat,
    /// A level, or directives like `info,spanledger_companion=debug`.
    pub level: String,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// `[shutdown]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShutdownConfig {
    /// How long the drain may take before the process ends anyway.
    pub deadline: Seconds,
}

impl LedgerConfig {
    /// Bytes in which response ids are remembered.
    pub(crate) fn response_ids(&self) -> usize {
        usize::try_from(self.response_ids.0).unwrap_or(usize::MAX)
    }
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            store: Store::default(),
            path: PathBuf::from("spanledger.db"),
            response_ids: ByteSize(8 << 20),
            clickhouse: ClickHouseConfig::default(),
            retention: RetentionConfig::default(),
            archive: ArchiveConfig::default(),
        }
    }
}

impl Default for ClickHouseConfig {
    fn default() -> Self {
        Self {
            user: None,
            password: None,
            password_file: None,
            ca_file: None,
            table: "otel_traces".to_owned(),
            database: "spanledger".to_owned(),
            timeout: Seconds(30),
            max_memory: ByteSize::gib(4),
            max_rows: 2_000_000_000,
        }
    }
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { max_age: Seconds(180 * 86_400), sums_max_age: Seconds(0), max_size: ByteSize::gib(20) }
    }
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self {
            grpc: Listen::local(4317),
            http: Listen::local(4318),
            token: None,
            token_file: None,
            listen_without_token: false,
            senders: Vec::new(),
            limits: LimitsConfig::default(),
            tls: None,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { message: ByteSize::mib(16), requests: 32, connections: 1024, deadline: Seconds(30) }
    }
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            listen: Listen::local(4319),
            hosts: Vec::new(),
            token: None,
            token_file: None,
            listen_without_token: false,
            note: String::new(),
            tls: None,
        }
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { dirs: Vec::new(), every: Seconds(10) }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { deadline: Seconds(10) }
    }
}

/// What is wrong with a value that is well-formed, and which key it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The key's path.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Invalid {
    fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

impl Config {
    /// The receivers' token, out of the configuration or its file.
    ///
    /// # Errors
    /// [`Invalid`] when the file cannot be read or is empty.
    pub fn receiver_token(&self) -> Result<Option<Token>, Invalid> {
        token("receiver", self.receiver.token.as_ref(), self.receiver.token_file.as_ref())
    }

    /// The senders with their tokens.
    ///
    /// # Errors
    /// [`Invalid`] when one has no token, no service or a name that another has, or its file cannot be read.
    pub fn senders(&self) -> Result<Vec<(&SenderConfig, Token)>, Invalid> {
        let key = "receiver.senders";
        let mut senders: Vec<(&SenderConfig, Token)> = Vec::new();
        for sender in &self.receiver.senders {
            let name = &sender.name;
            let fault = |message: &str| Invalid::new(key, format!("{name:?}: {message}"));
            if senders.iter().any(|(other, _)| other.name == *name) {
                return Err(fault("two senders have this name"));
            }
            if sender.services.is_empty() {
                return Err(fault("give the services that it may write"));
            }
            let token = token(key, sender.token.as_ref(), sender.token_file.as_ref())?;
            let token = token.ok_or_else(|| fault("give its token or token_file"))?;
            if senders.iter().any(|(_, other)| *other == token) {
                return Err(fault("another sender has its token"));
            }
            senders.push((sender, token));
        }
        Ok(senders)
    }

    /// The token of the admin listener, out of the configuration or its file.
    ///
    /// # Errors
    /// [`Invalid`] when the file cannot be read or is empty.
    pub fn admin_token(&self) -> Result<Option<Token>, Invalid> {
        token("admin", self.admin.token.as_ref(), self.admin.token_file.as_ref())
    }

    /// The password of ClickHouse, out of the configuration or its file.
    ///
    /// # Errors
    /// [`Invalid`] when the file cannot be read or is empty.
    pub(crate) fn clickhouse_password(&self) -> Result<Option<Secret>, Invalid> {
        let of = &self.ledger.clickhouse;
        let (key, key_of_file) = ("ledger.clickhouse.password", "ledger.clickhouse.password_file");
        Secret::resolve(key, of.password.as_ref(), of.password_file.as_deref()).map_err(|message| {
            match message.strip_prefix(key_of_file) {
                Some(of_file) => Invalid::new(key_of_file, of_file.trim_start()),
                None => Invalid::new(key, message),
            }
        })
    }

    /// The budgets.
    ///
    /// # Errors
    /// [`Invalid`] when one is wrong, or has the name of another, or there are too many.
    pub(crate) fn budgets(&self) -> Result<Vec<Arc<Budget>>, Invalid> {
        if self.budget.len() > MOST_BUDGETS {
            return Err(Invalid::new("budget", format!("at most {MOST_BUDGETS} budgets")));
        }
        let read = self.budget.iter().enumerate().map(|(index, one)| {
            if self.budget[..index].iter().any(|other| other.name == one.name) {
                let message = format!("{:?}: two budgets have this name", one.name);
                return Err(Invalid::new(format!("budget[{index}].name"), message));
            }
            let wrong = |message: String| {
                let (key, message) = message.split_once(": ").unwrap_or(("name", &message));
                Invalid::new(format!("budget[{index}].{key}"), message)
            };
            one.budget().map(Arc::new).map_err(wrong)
        });
        read.collect()
    }

    fn check_maintenance(&self) -> Result<(), Invalid> {
        if self.maintenance.len() > maintenance::MOST {
            return Err(Invalid::new("maintenance", format!("at most {} windows", maintenance::MOST)));
        }
        self.maintenance.iter().enumerate().try_for_each(|(index, one)| {
            one.check().map_err(|(key, message)| Invalid::new(format!("maintenance[{index}].{key}"), message))
        })
    }

    /// Checks what types cannot. Opens no file but those that hold secrets.
    ///
    /// # Errors
    /// The first [`Invalid`] value.
    pub fn validate(&self) -> Result<(), Invalid> {
        let limits = &self.receiver.limits;
        at_least_one("receiver.limits.requests", limits.requests.into())?;
        at_least_one("receiver.limits.connections", limits.connections.into())?;
        at_least_a_second("receiver.limits.deadline", limits.deadline)?;
        at_least_a_second("journal.every", self.journal.every)?;
        at_least_a_second("shutdown.deadline", self.shutdown.deadline)?;
        if !(1024..=1 << 30).contains(&limits.message.0) {
            return Err(Invalid::new("receiver.limits.message", "must be from 1KiB to 1GiB"));
        }
        if self.ledger.response_ids.0 > 1 << 30 {
            return Err(Invalid::new("ledger.response_ids", "must be at most 1GiB"));
        }
        self.tags.sources()?;
        self.budgets()?;
        self.check_maintenance()?;
        let clickhouse = &self.ledger.clickhouse;
        at_least_a_second("ledger.clickhouse.timeout", clickhouse.timeout)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if clickhouse.database.is_empty() || !clickhouse.database.bytes().all(plain) {
            let message = "must have letters, digits and \"_\" alone";
            return Err(Invalid::new("ledger.clickhouse.database", message));
        }
        self.clickhouse_password()?;
        if self.ledger.path.as_os_str().is_empty() {
            return Err(Invalid::new("ledger.path", "must name a file"));
        }
        self.log.level.parse::<tracing_subscriber::EnvFilter>().map_err(|error| {
            Invalid::new("log.level", format!("{:?} is not a valid log level: {error}", self.log.level))
        })?;
        let receiver = &self.receiver;
        let has_senders = !self.senders()?.is_empty();
        let guarded = self.receiver_token()?.is_some() || has_senders || receiver.listen_without_token;
        guard("receiver.grpc", receiver.grpc, guarded, "receiver")?;
        guard("receiver.http", receiver.http, guarded, "receiver")?;
        let admin = &self.admin;
        let guarded = self.admin_token()?.is_some() || admin.listen_without_token;
        if let Some(host) =
            admin.hosts.iter().find(|host| host.is_empty() || host.contains([':', '/', '*', ' ']))
        {
            let message = format!("{host:?} is not a host name; give it without scheme, port or pattern");
            return Err(Invalid::new("admin.hosts", message));
        }
        guard("admin.listen", admin.listen, guarded, "admin")
    }
}

fn at_least_one(key: &str, value: i64) -> Result<(), Invalid> {
    if value < 1 { Err(Invalid::new(key, "must be at least 1")) } else { Ok(()) }
}

fn at_least_a_second(key: &str, value: Seconds) -> Result<(), Invalid> {
    if value.0 < 1 { Err(Invalid::new(key, "must be at least 1s")) } else { Ok(()) }
}

fn guard(key: &str, listen: Listen, guarded: bool, section: &str) -> Result<(), Invalid> {
    if listen.0.ip().to_canonical().is_loopback() || guarded {
        return Ok(());
    }
    Err(Invalid::new(
        key,
        format!(
            "{} can be reached from other machines without a token; set {section}.token_file, or set \
             {section}.listen_without_token = true (--listen-without-token)",
            listen.0
        ),
    ))
}

fn token(section: &str, text: Option<&Secret>, file: Option<&PathBuf>) -> Result<Option<Token>, Invalid> {
    let empty = |key: String| Invalid::new(key, "the token is empty");
    match (text, file) {
        (Some(_), Some(_)) => Err(Invalid::new(
            format!("{section}.token_file"),
            format!("give either {section}.token or {section}.token_file"),
        )),
        (Some(text), None) => {
            Token::new(text.expose()).map(Some).ok_or_else(|| empty(format!("{section}.token")))
        }
        (None, Some(path)) => {
            let key = format!("{section}.token_file");
            let text = secret::read_file(path)
                .map_err(|error| Invalid::new(&key, format!("{} cannot be read: {error}", path.display())))?;
            Token::new(&text).map(Some).ok_or_else(|| empty(key))
        }
        (None, None) => Ok(None),
    }
}
