//! The example file: the list of all keys, with their defaults.
//!
//! In it a comment begins with `# `; a `#` directly before a key or a table header sets off an optional one,
//! which has no default.

use toml::{Table, Value};

/// The example file itself.
pub(crate) const EXAMPLE: &str = include_str!("../../spanledger.example.toml");

/// Every key with its default.
pub(super) fn defaults() -> Table {
    // A test reads the file, so the empty table is never seen.
    EXAMPLE.parse().unwrap_or_default()
}

/// Every key that one value sets, optional ones with the example's value. Lists of tables are for files only.
pub(super) fn keys() -> Vec<(String, Value)> {
    let mut keys = leaves(&complete().parse().unwrap_or_default());
    keys.retain(|(_, value)| value.as_array().is_none_or(|items| !items.iter().any(Value::is_table)));
    keys
}

/// The example with its optional keys and tables set.
pub(super) fn complete() -> String {
    let set = |line: &str| {
        let optional =
            line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#']) && !rest.is_empty());
        format!("{}\n", optional.unwrap_or(line))
    };
    EXAMPLE.lines().map(set).collect()
}

/// The values below `table` that are not tables, by dotted path. Arrays are values.
pub(super) fn leaves(table: &Table) -> Vec<(String, Value)> {
    fn walk(table: &Table, above: &str, found: &mut Vec<(String, Value)>) {
        for (key, value) in table {
            let dot = if above.is_empty() { "" } else { "." };
            let path = format!("{above}{dot}{key}");
            match value {
                Value::Table(inner) => walk(inner, &path, found),
                leaf => found.push((path, leaf.clone())),
            }
        }
    }
    let mut found = Vec::new();
    walk(table, "", &mut found);
    found
}
