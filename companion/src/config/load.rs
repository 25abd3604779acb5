//! Reading the layers, and remembering where each value came from.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::spans::{self, Spans};
use super::{Config, Invalid, environment, example};
use crate::text::terminal::harmless;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Not set anywhere.
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

/// Why a configuration was refused: where, which key, what is wrong. In one line, whatever the values in it hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}", harmless(&format!("{}: {message}", path.display())))]
    File {
        /// The configuration file.
        path: PathBuf,
        /// Why not.
        message: String,
    },
    /// A key of the file is unknown or has a bad value.
    #[error("{}", harmless(&format!("{}:{line}: {key}{message}", path.display())))]
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
    #[error("{}", harmless(&format!("{source_name}: {key}: {message}")))]
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
    /// The layers read so far, to lay the next upon. Holds the secrets as they were given.
    layers: Table,
    sources: BTreeMap<String, Source>,
}

/// Loads `file` (if there is one), then `environment`, then `flags`, and validates the whole.
///
/// # Errors
/// [`ConfigError`] for the first value that is wrong.
pub(crate) fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[Flag],
) -> Result<Loaded, ConfigError> {
    let mut layers = example::defaults();
    // What the rules have unless set depends on their preset.
    layers.remove("rules");
    let mut loaded = Loaded { config: Config::default(), layers, sources: BTreeMap::new() };
    if let Some(path) = file {
        loaded.read_file(path)?;
    }
    for (name, key, value) in environment::values(environment)? {
        loaded.set(&key, value, Source::Environment(name))?;
    }
    for Flag { name, key, value } in flags {
        if let Some(value) = value {
            loaded.set(key, value.clone(), Source::Flag(name))?;
        }
    }
    loaded.config.validate().map_err(|Invalid { key, message }| loaded.error_at(&key, message))?;
    let budgets =
        loaded.config.budgets().map_err(|Invalid { key, message }| loaded.error_at(&key, message))?;
    loaded.config.rules.set_budgets(&budgets);
    Ok(loaded)
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The layers hold the secrets.
        f.debug_set().entries(self.values()).finish()
    }
}

/// The ends of keys that name a file without a secret.
const PUBLIC_FILES: [&str; 2] = ["ca_file", "holidays_file"];

impl Loaded {
    /// The files that hold secrets: configuration files that set one, those that keys name, and the keys of certificates.
    pub(crate) fn files_with_secrets(&self) -> BTreeSet<PathBuf> {
        let is_secret = |key: &str| {
            let is_public = PUBLIC_FILES.iter().any(|public| key.ends_with(public));
            (key.ends_with("_file") && !is_public) || key.ends_with(".tls.key")
        };
        let file = |(key, value, source): (String, Value, Source)| match (value, source) {
            (Value::String(path), _) if is_secret(&key) => Some(PathBuf::from(path)),
            (value, Source::File(path, _)) if value.to_string().contains("***") => Some(path),
            _ => None,
        };
        self.leaves().into_iter().filter_map(file).collect()
    }

    /// Every key that has a value, with that as TOML and its source, sorted by key. What is shown is the typed
    /// configuration: a secret is masked because it is a [`Secret`](crate::notify::secret::Secret), wherever it is.
    #[must_use]
    pub fn values(&self) -> Vec<(String, String, Source)> {
        self.leaves().into_iter().map(|(key, value, source)| (key, value.to_string(), source)).collect()
    }

    fn leaves(&self) -> Vec<(String, Value, Source)> {
        // What was read from TOML can be written as TOML; an empty table would show in every test of the output.
        let table = Table::try_from(&self.config).unwrap_or_default();
        let shown = example::leaves(&table).into_iter().flat_map(|(key, value)| match value {
            // Targets: one line per key, since each has a place of its own.
            Value::Array(items) if items.iter().any(Value::is_table) => {
                let keys =
                    items.iter().enumerate().filter_map(|(index, item)| Some((index, item.as_table()?)));
                keys.flat_map(|(index, item)| {
                    example::leaves(item).into_iter().map(move |leaf| (index, leaf))
                })
                .map(|(index, (below, value))| (format!("{key}[{index}].{below}"), value))
                .collect()
            }
            value => vec![(key, value)],
        });
        shown
            .map(|(key, value)| {
                // A key of a target that was not given has its default, wherever the target came from.
                let source = match key.contains('[') {
                    true => self.sources.get(&key).unwrap_or(&Source::Default),
                    false => self.source(&key),
                };
                (key, value, source.clone())
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
        merge(&mut self.layers, table);
        Ok(())
    }

    fn set(&mut self, key: &str, value: Value, source: Source) -> Result<(), ConfigError> {
        insert(&mut self.layers, key, value);
        self.sources.insert(key.to_owned(), source);
        self.config = Config::deserialize(self.layers.clone())
            .map_err(|error| self.error_at(key, without_value(&first_line(error.message()))))?;
        Ok(())
    }
}

/// An error of the TOML reader with its line and key.
fn line_error(path: &Path, text: &str, spans: &Spans, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start);
    let key = spans.key_at(text, at).map(|key| format!("{key}: ")).unwrap_or_default();
    let message = without_value(&first_line(error.message()));
    ConfigError::Line { path: path.to_owned(), line: spans::line(text, at), key, message }
}

/// What the reader reports of a wrong type, without the value: it may be a secret under a wrong key.
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
