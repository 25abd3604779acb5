//! Names and conditions of SQL: what a dimension is called in columns, what a filter asks of them, and steps of time.

use super::connection::{bytes, literal};
use super::row::{error_text, tag_text};
use crate::record::{ENVIRONMENT, TagKey, Timestamp, deployment};
use crate::store::{Dimension, Filter};

/// The name of a call in a dimension, over columns with a prefix, and the condition that it has one.
pub(super) fn name_of(by: Dimension, prefix: &str) -> (String, String) {
    let column = |name: &str| format!("{prefix}{name}");
    match by {
        Dimension::Model => (column("model"), String::new()),
        Dimension::Provider => (column("provider"), String::new()),
        Dimension::Service => (column("service"), String::new()),
        Dimension::Deployment => (deployment_of(&column("service"), &column("tags")), String::new()),
        Dimension::Outcome => (column("outcome"), String::new()),
        Dimension::CostStatus => (column("cost_status"), String::new()),
        Dimension::User => (format!("ifNull({prefix}user, '')"), format!("isNotNull({prefix}user)")),
        Dimension::Error => (format!("substring({prefix}error, 2)"), format!("{prefix}error != ''")),
        Dimension::Tag(key) => tag_of(key, &column("tags")),
    }
}

/// The name of a service in its environment.
fn deployment_of(service: &str, tags: &str) -> String {
    let separator = deployment("", ".");
    let separator = literal(separator.trim_end_matches('.'));
    let (environment, has_one) = tag_of(ENVIRONMENT, tags);
    format!("if({has_one}, concat(toString({service}), {separator}, {environment}), toString({service}))")
}

/// The value of a tag, and the condition that there is one.
fn tag_of(key: TagKey, column: &str) -> (String, String) {
    let begins = literal(&tag_text(key.as_str(), ""));
    let found = format!("arrayFirst(tag -> startsWith(tag, {begins}), {column})");
    let name = format!("substring({found}, {})", key.as_str().len() + 2);
    (name, format!("arrayExists(tag -> startsWith(tag, {begins}), {column})"))
}

/// The name of a call in a dimension, over `calls AS c`.
pub(super) fn name_of_call(by: Dimension) -> (String, String) {
    name_of(by, "c.")
}

/// Whether the rollups know what a filter asks for.
pub(super) const fn rollups_know(filter: &Filter) -> bool {
    filter.user.is_none()
        && filter.hash.is_none()
        && filter.trace_id.is_none()
        && filter.status_code.is_none()
}

/// The conditions of a filter over a table `c`, each after an `AND`.
pub(super) fn conditions(filter: &Filter) -> String {
    let mut all = String::new();
    let mut is = |column: &str, value: String| all.push_str(&format!(" AND c.{column} = {value}"));
    if let Some(service) = &filter.service {
        is("service", literal(service));
    }
    if let Some(model) = &filter.model {
        is("model", literal(model));
    }
    if let Some(provider) = &filter.provider {
        is("provider", literal(provider));
    }
    if let Some(error) = &filter.error {
        is("error", literal(&error_text(Some(error))));
    }
    if let Some(outcome) = filter.outcome {
        is("outcome", literal(outcome.as_str()));
    }
    if let Some(user) = &filter.user {
        is("user", literal(user));
    }
    if let Some(hash) = &filter.hash {
        is("request_hash", literal(hash));
    }
    if let Some(trace_id) = &filter.trace_id {
        is("trace_id", bytes(trace_id));
    }
    if let Some(status) = filter.status_code {
        is("status_code", status.to_string());
    }
    for (key, value) in &filter.tags {
        all.push_str(&match value.is_empty() {
            true => format!(" AND NOT {}", tag_of(*key, "c.tags").1),
            false => format!(" AND has(c.tags, {})", literal(&tag_text(key.as_str(), value))),
        });
    }
    for (column, names) in [("service", &filter.except_services), ("model", &filter.except_models)] {
        if !names.is_empty() {
            let list: Vec<String> = names.iter().map(|name| literal(name)).collect();
            all.push_str(&format!(" AND c.{column} NOT IN ({})", list.join(", ")));
        }
    }
    all
}

/// The time of the step of a call that begins at one of `edges`, of which the first is before all calls.
pub(super) fn step_of(edges: &[Timestamp]) -> String {
    let edges: Vec<String> = edges.iter().map(|edge| edge.0.to_string()).collect();
    format!("roundDown(k_at, CAST([{}], 'Array(Int64)'))", edges.join(", "))
}
