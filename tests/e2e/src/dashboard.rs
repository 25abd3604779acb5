//! The queries of `dashboards/spanledger.json`, as Grafana would send them.

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

fn board() -> Result<Value> {
    Ok(serde_json::from_str(&std::fs::read_to_string(root().join("dashboards/spanledger.json"))?)?)
}

/// "All" for every variable of the dashboard, and Grafana's own intervals.
fn filled(text: &str) -> String {
    text.replace("$__rate_interval", "4m")
        .replace("$__range", &format!("{RANGE_SECONDS}s"))
        .replace("$service", ".*")
        .replace("$provider", ".*")
        .replace("$model", ".*")
}

/// Every Prometheus query of every panel.
///
/// # Errors
/// When the dashboard cannot be read.
pub fn queries() -> Result<Vec<Query>> {
    let board = board()?;
    let panels = board["panels"].as_array().ok_or("a dashboard without panels")?;
    let mut queries = Vec::new();
    for panel in panels {
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

/// Every variable that asks Prometheus.
///
/// # Errors
/// When the dashboard cannot be read, or a variable asks for anything but the values of a label.
pub fn variables() -> Result<Vec<Variable>> {
    let board = board()?;
    let list = board["templating"]["list"].as_array().ok_or("a dashboard without variables")?;
    let asking = list.iter().filter(|variable| variable["type"] == "query");
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
/// When the dashboard cannot be read.
pub fn trace_queries() -> Result<Vec<String>> {
    let board = board()?;
    let panels = board["panels"].as_array().into_iter().flatten();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    Ok(targets.filter_map(|target| target["query"].as_str().map(str::to_owned)).collect())
}
