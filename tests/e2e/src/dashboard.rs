//! The queries of the dashboards in `dashboards/`, as Grafana would send them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Result, root};

/// The range a test looks at, in place of the one chosen in Grafana.
pub const RANGE_SECONDS: u64 = 600;

/// One query of a panel.
#[derive(Debug, Clone)]
pub struct Query {
    /// The panel's title.
    pub panel: String,
    /// With the variables filled in.
    pub expression: String,
    /// Whether it asks for one time instead of the range.
    pub instant: bool,
}

/// One variable: the values of `label` among the series of `selector`.
#[derive(Debug, Clone)]
pub struct Variable {
    /// With the variables before it filled in.
    pub selector: String,
    /// The label.
    pub label: String,
}

/// The dashboards that `dashboards/generate.py` writes.
const BOARDS: [&str; 3] = ["spanledger.json", "cost.json", "audit.json"];

fn boards() -> Result<Vec<Value>> {
    let read = |name: &str| {
        Ok(serde_json::from_str(&std::fs::read_to_string(root().join("dashboards").join(name))?)?)
    };
    BOARDS.into_iter().map(read).collect()
}

fn panels_of(value: &Value) -> &[Value] {
    value["panels"].as_array().map_or(&[], Vec::as_slice)
}

/// All panels, those of collapsed rows too.
fn panels(boards: &[Value]) -> impl Iterator<Item = &Value> {
    boards.iter().flat_map(panels_of).flat_map(|panel| std::iter::once(panel).chain(panels_of(panel)))
}

/// "All" for every variable of the dashboards, and Grafana's own intervals. No test has a yesterday: what is compared with an
/// earlier time is asked about the same time.
fn filled(text: &str) -> String {
    let mut text = text
        .replace("$__rate_interval", "4m")
        .replace("$__range_s", &RANGE_SECONDS.to_string())
        .replace("$__range", &format!("{RANGE_SECONDS}s"))
        .replace(" offset 1d", "")
        .replace(" offset 1w", "");
    for variable in ["$service", "$environment", "$provider", "$model", "$version"] {
        text = text.replace(variable, ".*");
    }
    text
}

/// Every Prometheus query of every panel.
///
/// # Errors
/// When a dashboard cannot be read.
pub fn queries() -> Result<Vec<Query>> {
    let boards = boards()?;
    let mut queries = Vec::new();
    for panel in panels(&boards) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            if let Some(expression) = target["expr"].as_str() {
                queries.push(Query {
                    panel: panel["title"].as_str().unwrap_or_default().to_owned(),
                    expression: filled(expression),
                    instant: target["instant"] == true,
                });
            }
        }
    }
    Ok(queries)
}

/// The panels that say of themselves that they have no data where the companion is the only data source.
///
/// # Errors
/// When a dashboard cannot be read.
pub fn empty_on_the_ledger() -> Result<BTreeSet<String>> {
    let boards = boards()?;
    let noted = panels(&boards).filter(|panel| {
        panel["description"].as_str().is_some_and(|text| text.contains("On the ledger alone: no data"))
    });
    Ok(noted.filter_map(|panel| panel["title"].as_str().map(str::to_owned)).collect())
}

/// Every variable that asks Prometheus.
///
/// # Errors
/// When a dashboard cannot be read, or a variable asks for anything but the values of a label.
pub fn variables() -> Result<Vec<Variable>> {
    let boards = boards()?;
    let lists = boards.iter().filter_map(|board| board["templating"]["list"].as_array()).flatten();
    let asking = lists.filter(|variable| variable["type"] == "query");
    asking
        .map(|variable| {
            let definition = variable["definition"].as_str().unwrap_or_default();
            let inner = definition.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            let (selector, label) = inner
                .and_then(|inner| inner.rsplit_once(", "))
                .ok_or_else(|| format!("unknown: {definition}"))?;
            Ok(Variable { selector: filled(selector), label: label.to_owned() })
        })
        .collect()
}

/// The text of the TraceQL queries.
///
/// # Errors
/// When a dashboard cannot be read.
pub fn trace_queries() -> Result<Vec<String>> {
    let boards = boards()?;
    let targets = panels(&boards).filter_map(|panel| panel["targets"].as_array()).flatten();
    Ok(targets.filter_map(|target| target["query"].as_str().map(str::to_owned)).collect())
}
