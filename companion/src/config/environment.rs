//! The environment as a layer of the configuration: which variables set which key.

use toml::Value;

use super::{ConfigError, example};

/// What the names of environment variables begin with.
const PREFIX: &str = "SPANLEDGER_";

/// What the names of those begin with that the tests read. They may be set where a companion runs too.
const TESTS: &str = "SPANLEDGER_TEST_";

/// Read by the command line.
const OWN: [&str; 2] = ["SPANLEDGER_CONFIG", "SPANLEDGER_LEDGER"];

/// Read by the library, in applications that may share an environment with the companion.
const LIBRARY: [&str; 2] = ["SPANLEDGER_JOURNAL_DIR", "SPANLEDGER_TAGS_FROM_RESOURCE"];

/// Read by the Collector's configuration in `collector/`, which may share an environment with the companion.
const COLLECTOR: [&str; 18] = [
    "SPANLEDGER_CLICKHOUSE_ASYNC",
    "SPANLEDGER_CLICKHOUSE_COMPRESS",
    "SPANLEDGER_CLICKHOUSE_DATABASE",
    "SPANLEDGER_CLICKHOUSE_ENDPOINT",
    "SPANLEDGER_CLICKHOUSE_JSON",
    "SPANLEDGER_CLICKHOUSE_PASSWORD",
    "SPANLEDGER_CLICKHOUSE_USER",
    "SPANLEDGER_COLLECTOR_GRPC",
    "SPANLEDGER_COLLECTOR_HEALTH",
    "SPANLEDGER_COLLECTOR_HOST",
    "SPANLEDGER_COLLECTOR_HTTP",
    "SPANLEDGER_COLLECTOR_PORT",
    "SPANLEDGER_COLLECTOR_STORAGE",
    "SPANLEDGER_COMPANION_ENDPOINT",
    "SPANLEDGER_COMPANION_TOKEN",
    "SPANLEDGER_KEEP_CONTENT",
    "SPANLEDGER_PROMETHEUS_ENDPOINT",
    "SPANLEDGER_TEMPO_ENDPOINT",
];

/// The variables that set a key: name, key and value, sorted by name.
///
/// # Errors
/// [`ConfigError::Value`] for a variable that looks like one of the companion's and is none, which is most likely
/// misspelt. Its value is not repeated.
pub(super) fn values(
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<(String, String, Value)>, ConfigError> {
    let keys = example::keys();
    let mut environment: Vec<_> =
        environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    environment.sort();
    let mut values = Vec::new();
    for (name, text) in environment {
        if let Some((key, like)) = keys.iter().find(|(key, _)| variable(key) == name) {
            values.push((name, key.clone(), typed(&text, like)));
        } else if !elsewhere(&name, &text) {
            let known = keys.iter().map(|(key, _)| variable(key)).chain(OWN.map(str::to_owned));
            let near = known.min_by_key(|known| strsim::damerau_levenshtein(known, &name));
            let message = format!("unknown variable; did you mean {}?", near.unwrap_or_default());
            return Err(ConfigError::Value { source_name: "environment".to_owned(), key: name, message });
        }
    }
    Ok(values)
}

/// The environment variable of a key: `receiver.token_file` is `SPANLEDGER_RECEIVER_TOKEN_FILE`.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// Whether another program reads the variable: the command line, the tests, the Collector, or none, because Kubernetes
/// sets it in every container next to a service named `spanledger` (`SPANLEDGER_PORT_4317_TCP_ADDR`).
fn elsewhere(name: &str, text: &str) -> bool {
    let link = |end: &str| end == "HOST" || end == "PORT" || end.starts_with("PORT_");
    let digit = |end: &str| end.starts_with(|first: char| first.is_ascii_digit());
    // Only a service's own is a URL.
    let port = |end: &str| match end {
        "" => text.contains("://"),
        end => end.strip_prefix('_').is_some_and(digit),
    };
    name.starts_with(TESTS)
        || OWN.contains(&name)
        || LIBRARY.contains(&name)
        || COLLECTOR.contains(&name)
        || name.split_once("_SERVICE_").is_some_and(|(_, end)| link(end))
        || name.split_once("_PORT").is_some_and(|(_, end)| port(end))
}

/// `text` in the type of `like`; what does not fit stays text, so that the reader reports what it expected.
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
