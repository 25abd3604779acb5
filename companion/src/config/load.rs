//! Reading the layers, and remembering where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::spans::{self, Spans};
use super::{Config, Invalid, example};

/// What the names of environment variables begin with.
const PREFIX: &str = "SPANLEDGER_";

/// Read by the command line.
const OWN: [&str; 2] = ["SPANLEDGER_CONFIG", "SPANLEDGER_LEDGER"];

/// Read by the Collector's configuration, by `./test` and by the tests; they may be set where the companion runs too.
const OTHERS: [&str; 18] = [
    "SPANLEDGER_BIN",
    "SPANLEDGER_CACHE",
    "SPANLEDGER_COLLECTOR_GRPC",
    "SPANLEDGER_COLLECTOR_HEALTH",
    "SPANLEDGER_COLLECTOR_HOST",
    "SPANLEDGER_COLLECTOR_HTTP",
    "SPANLEDGER_COLLECTOR_PORT",
    "SPANLEDGER_COLLECTOR_STORAGE",
    "SPANLEDGER_COMPANION_ENDPOINT",
    "SPANLEDGER_COMPANION_TOKEN",
    "SPANLEDGER_CORPUS",
    "SPANLEDGER_KEEP_CONTENT",
    "SPANLEDGER_PROMETHEUS_ENDPOINT",
    "SPANLEDGER_PYTHON",
    "SPANLEDGER_SCREENSHOTS",
    "SPANLEDGER_TEMPO_ENDPOINT",
    "SPANLEDGER_TOOLS",
    "SPANLEDGER_TOOLS_BIN",
];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A line of the configuration file.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A flag that sets a key.
#[derive(Debug, Clone)]
pub struct Flag {
    /// As it is typed.
    pub name: &'static str,
    /// The key's path.
    pub key: &'static str,
    /// The value, if the flag was given.
    pub value: Option<Value>,
}

/// Why a configuration was refused: where, which key, what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {message}", path.display())]
    File {
        /// The configuration file.
        path: PathBuf,
        /// Why not.
        message: String,
    },
    /// A key of the file is unknown or has a bad value.
    #[error("{}:{line}: {key}{message}", path.display())]
    Line {
        /// The configuration file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key and a colon, or nothing when the text is no TOML at all.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// A value from elsewhere is bad.
    #[error("{source_name}: {key}: {message}")]
    Value {
        /// The environment variable or the flag.
        source_name: String,
        /// The key it sets.
        key: String,
        /// What is wrong.
        message: String,
    },
}

/// A configuration and where its values came from.
#[derive(Clone)]
pub struct Loaded {
    /// What is in force.
    pub config: Config,
    /// The same as a table, defaults included.
    table: Table,
    sources: BTreeMap<String, Source>,
}

/// Loads `file` (if there is one), then `environment`, then `flags`, and validates the whole.
///
/// # Errors
/// [`ConfigError`] for the first value that is wrong.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[Flag],
) -> Result<Loaded, ConfigError> {
    let mut loaded =
        Loaded { config: Config::default(), table: example::defaults(), sources: BTreeMap::new() };
    if let Some(path) = file {
        loaded.read_file(path)?;
    }
    let keys = example::keys();
    let mut environment: Vec<_> =
        environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    environment.sort();
    for (name, text) in environment {
        if let Some((key, like)) = keys.iter().find(|(key, _)| variable(key) == name) {
            loaded.set(key, typed(&text, like), Source::Environment(name))?;
        } else if !elsewhere(&name, &text) {
            let known = keys.iter().map(|(key, _)| variable(key)).chain(OWN.map(str::to_owned));
            let near = known.min_by_key(|known| strsim::damerau_levenshtein(known, &name));
            let message = format!("unknown variable; did you mean {}?", near.unwrap_or_default());
            return Err(ConfigError::Value { source_name: "environment".to_owned(), key: name, message });
        }
    }
    for Flag { name, key, value } in flags {
        if let Some(value) = value {
            loaded.set(key, value.clone(), Source::Flag(name))?;
        }
    }
    loaded.config.validate().map_err(|Invalid { key, message }| loaded.error_at(&key, message))?;
    Ok(loaded)
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The table holds the secrets.
        f.debug_set().entries(self.values()).finish()
    }
}

impl Loaded {
    /// Every key with its value as TOML (secrets masked) and its source, sorted by key.
    #[must_use]
    pub fn values(&self) -> Vec<(String, String, Source)> {
        let values = example::leaves(&self.table);
        values
            .into_iter()
            .map(|(key, value)| {
                let source = self.source(&key).clone();
                let value = mask(&key, value).to_string();
                (key, value, source)
            })
            .collect()
    }

    /// Where the value of `key` came from.
    #[must_use]
    pub fn source(&self, key: &str) -> &Source {
        let mut key = key;
        loop {
            // A list counts as one value; its items have places of their own when they come from a file.
            let list = key.split('[').next().unwrap_or(key);
            if let Some(source) = self.sources.get(key).or_else(|| self.sources.get(list)) {
                return source;
            }
            match key.rsplit_once('.') {
                Some((above, _)) => key = above,
                None => return &Source::Default,
            }
        }
    }

    /// The error of a message that begins with the key it is about and a colon.
    #[must_use]
    pub fn error_of(&self, message: &str) -> ConfigError {
        let (key, message) = message.split_once(": ").unwrap_or(("", message));
        self.error_at(key, message.to_owned())
    }

    /// The error that `key` is wrong, wherever its value came from.
    #[must_use]
    pub fn error_at(&self, key: &str, message: String) -> ConfigError {
        match self.source(key) {
            Source::File(path, line) => {
                ConfigError::Line { path: path.clone(), line: *line, key: format!("{key}: "), message }
            }
            other => ConfigError::Value { source_name: other.to_string(), key: key.to_owned(), message },
        }
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::File {
            path: path.to_owned(),
            message: format!("the configuration cannot be read: {error}"),
        })?;
        let spans = Spans::read(&text);
        let refused = |error: &toml::de::Error| line_error(path, &text, &spans, error);
        let table: Table = text.parse().map_err(|error| refused(&error))?;
        self.config = toml::from_str(&text).map_err(|error| refused(&error))?;
        for (key, _) in example::leaves(&table) {
            let line = spans::line(&text, spans.start_of(&key).unwrap_or(0));
            self.sources.insert(key, Source::File(path.to_owned(), line));
        }
        for (item, start) in spans.items() {
            self.sources.insert(item.to_owned(), Source::File(path.to_owned(), spans::line(&text, start)));
        }
        merge(&mut self.table, table);
        Ok(())
    }

    fn set(&mut self, key: &str, value: Value, source: Source) -> Result<(), ConfigError> {
        insert(&mut self.table, key, value);
        self.sources.insert(key.to_owned(), source);
        self.config = Config::deserialize(self.table.clone())
            .map_err(|error| self.error_at(key, first_line(error.message())))?;
        Ok(())
    }
}

/// An error of the TOML reader with its line and key.
fn line_error(path: &Path, text: &str, spans: &Spans, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start);
    let key = spans.key_at(text, at).map(|key| format!("{key}: ")).unwrap_or_default();
    let mut message = first_line(error.message());
    if key.starts_with("notify") {
        message = without_value(&message);
    }
    ConfigError::Line { path: path.to_owned(), line: spans::line(text, at), key, message }
}

/// What is said of a wrong type, without the value: among the targets it may be a secret that stands in the wrong
/// place.
fn without_value(message: &str) -> String {
    let value = message.find(['"', '`']).zip(message.rfind(", expected "));
    match value {
        Some((from, to)) if message.starts_with("invalid ") && from < to => {
            format!("{}{}", message[..from].trim_end(), &message[to..])
        }
        _ => message.to_owned(),
    }
}

/// What the reader says, with its names of types in words.
fn first_line(message: &str) -> String {
    let mut line = message.lines().next().unwrap_or_default().to_owned();
    for (name, words) in [("f64", "a number"), ("u32", "a whole number"), ("u64", "a whole number")] {
        if let Some(said) = line.strip_suffix(&format!("expected {name}")) {
            line = format!("{said}expected {words}");
        }
    }
    line
}

/// Lays `over` upon `table`, key by key.
fn merge(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

/// Sets `key` within nested tables. A part of the path that is no table is replaced by one.
fn insert(table: &mut Table, key: &str, value: Value) {
    let Some((first, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return;
    };
    let below = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
    if !below.is_table() {
        *below = Value::Table(Table::new());
    }
    if let Value::Table(below) = below {
        insert(below, rest, value);
    }
}

/// The environment variable of a key: `receiver.token_file` is `SPANLEDGER_RECEIVER_TOKEN_FILE`.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// Whether the variable is somebody else's: the command line's, another program's of this repository, or one that
/// Kubernetes sets in every container beside a service named `spanledger` (`SPANLEDGER_PORT_4317_TCP_ADDR`).
fn elsewhere(name: &str, text: &str) -> bool {
    let link = |end: &str| end == "HOST" || end == "PORT" || end.starts_with("PORT_");
    let digit = |end: &str| end.starts_with(|first: char| first.is_ascii_digit());
    // Only a service's own is a URL.
    let port = |end: &str| match end {
        "" => text.contains("://"),
        end => end.strip_prefix('_').is_some_and(digit),
    };
    OWN.contains(&name)
        || OTHERS.contains(&name)
        || name.split_once("_SERVICE_").is_some_and(|(_, end)| link(end))
        || name.split_once("_PORT").is_some_and(|(_, end)| port(end))
}

/// `text` in the type of `like`; what does not fit stays text, so that the reader says what it expected.
fn typed(text: &str, like: &Value) -> Value {
    let other = match like {
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Array(_) => {
            let items = text.split(',').map(|item| Value::String(item.trim().to_owned()));
            Some(Value::Array(items.collect()))
        }
        _ => None,
    };
    other.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The value of a secret key, hidden. Names of files are no secrets.
fn mask(key: &str, value: Value) -> Value {
    let name = key.rsplit('.').next().unwrap_or(key);
    let secret = ["token", "password", "secret", "url", "headers"].contains(&name);
    match value {
        Value::Table(table) => {
            Value::Table(table.into_iter().map(|(key, value)| (key.clone(), mask(&key, value))).collect())
        }
        Value::Array(items) if !secret => {
            Value::Array(items.into_iter().map(|item| mask(key, item)).collect())
        }
        _ if secret => Value::String("***".to_owned()),
        other => other,
    }
}
