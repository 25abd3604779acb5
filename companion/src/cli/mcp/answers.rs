//! What each tool gives: the views of the other commands, bounded.

use serde_json::{Value, json};

use super::super::calls::with_environment;
use super::super::format::escaped;
use super::server::{By, Calls, Missing, OneCall, Period, Rank, Rules, Server, Spend, TopCalls};
use crate::clock;
use crate::evaluate::evaluator::Evaluator;
use crate::evaluate::state_file::StateFile;
use crate::explain::{CallRow, Found, find};
use crate::record::{CallRecord, Timestamp, Window, parse_tag};
use crate::report::rule_states::report_states;
use crate::report::{RuleState, RuleStatus};
use crate::store::{Dimension, Filter, Page, StoreError, Totals};
use crate::text::time::{rfc3339, window};

/// Rows of a list.
const ROWS: usize = 50;
/// Dimensions of one response.
const DIMENSIONS: usize = 6;
/// Periods of a series.
const PERIODS: usize = 400;
/// Calls that are looked at for the most expensive, the largest or the slowest; newest first.
const LOOKED_AT: usize = 20_000;
const PAGE: usize = 5_000;
/// Bytes of a response.
const MOST_BYTES: usize = 32 * 1024;
/// Bytes of one text of a sender.
const MOST_TEXT: usize = 500;

fn refuse(error: &dyn std::fmt::Display) -> String {
    error.to_string()
}

fn failed(error: StoreError) -> String {
    refuse(&error)
}

impl Calls {
    fn window(&self, now: Timestamp) -> Result<Window, String> {
        window(self.last.as_deref(), self.from.as_deref(), self.to.as_deref(), now)
            .map_err(|error| refuse(&error))
    }

    fn filter(&self) -> Result<Filter, String> {
        let tags = self.tags.iter().map(|tag| parse_tag(tag)).collect::<Result<Vec<_>, _>>()?;
        Ok(Filter {
            model: self.model.clone(),
            provider: self.provider.clone(),
            service: self.service.clone(),
            user: self.user.clone(),
            tags: with_environment(&tags, self.environment.as_ref()),
            ..Filter::default()
        })
    }
}

/// JSON within the bound. Long texts are cut, then lists lose their last rows, and the response names that.
fn bounded(mut value: Value) -> Result<String, String> {
    cut_texts(&mut value);
    let mut left_out = false;
    loop {
        let text = serde_json::to_string_pretty(&value).map_err(|error| refuse(&error))?;
        if text.len() <= MOST_BYTES {
            return Ok(escaped(&text).into_owned());
        }
        if !shorten(&mut value) {
            return Err(format!("the response would be larger than {} KiB; ask for less", MOST_BYTES / 1024));
        }
        if !left_out && let Some(object) = value.as_object_mut() {
            object.insert("note".to_owned(), "rows were left out to keep the response short".into());
            left_out = true;
        }
    }
}

fn cut_texts(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > MOST_TEXT => {
            let end = (0..=MOST_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
            text.push('…');
        }
        Value::Array(list) => list.iter_mut().for_each(cut_texts),
        Value::Object(object) => object.values_mut().for_each(cut_texts),
        _ => {}
    }
}

/// Halves the longest list; `false` when no list has two rows.
fn shorten(value: &mut Value) -> bool {
    fn longest(value: &Value) -> usize {
        match value {
            Value::Array(list) => list.len().max(list.iter().map(longest).max().unwrap_or(0)),
            Value::Object(object) => object.values().map(longest).max().unwrap_or(0),
            _ => 0,
        }
    }
    fn halve(value: &mut Value, length: usize) -> bool {
        match value {
            Value::Array(list) if list.len() == length => {
                list.truncate(length / 2);
                true
            }
            Value::Array(list) => list.iter_mut().any(|item| halve(item, length)),
            Value::Object(object) => object.values_mut().any(|item| halve(item, length)),
            _ => false,
        }
    }
    let length = longest(value);
    length > 1 && halve(value, length)
}

fn figures(totals: &Totals) -> Value {
    json!({
        "calls": totals.calls,
        "failed": totals.failed,
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "cache_read_tokens": totals.cache_read_tokens,
        "cache_write_tokens": totals.cache_write_tokens,
        "reasoning_tokens": totals.reasoning_tokens,
        "cost_usd": totals.cost.as_usd(),
        "unpriced_calls": totals.unpriced,
    })
}

fn shown(window: Window) -> Value {
    json!({ "from": rfc3339(window.from), "to": rfc3339(window.to) })
}

pub(super) fn spend(server: &Server, asked: &Spend) -> Result<String, String> {
    let now = clock::now();
    asked.unknown.refuse()?;
    let (window, filter) = (asked.calls.window(now)?, asked.calls.filter()?);
    let querier = &server.querier;
    let totals = querier.totals(window, &filter).map_err(failed)?;
    let statuses = querier.breakdown(window, &filter, Dimension::CostStatus, ROWS).map_err(failed)?;
    let estimated = statuses.iter().find(|group| group.name == "estimated").map(|group| group.totals);
    let estimated = estimated.unwrap_or_default();
    let missing = querier.sequence_gaps(window, now, &filter, 0).map_err(failed)?.numbers;
    let mut by = serde_json::Map::new();
    if asked.by.len() > DIMENSIONS {
        return Err(format!("at most {DIMENSIONS} dimensions at once"));
    }
    for By { name, dimension } in &asked.by {
        let groups = querier.breakdown(window, &filter, *dimension, ROWS).map_err(failed)?;
        let rows = groups.iter().map(|group| {
            let mut row = figures(&group.totals);
            row["name"] = group.name.clone().into();
            row
        });
        by.insert(name.clone(), rows.collect());
    }
    let mut periods = Value::Null;
    if let Some(period) = asked.period {
        let seconds = match period {
            Period::Hour => 3600,
            Period::Day => 86_400,
        };
        periods = series(server, window, &filter, seconds)?;
    }
    bounded(json!({
        "window": shown(window),
        "total": figures(&totals),
        "rests_on": {
            "estimated_calls": estimated.calls,
            "estimated_cost_usd": estimated.cost.as_usd(),
            "unpriced_calls": totals.unpriced,
            "missing_calls": missing,
        },
        "by": by,
        "periods": periods,
    }))
}

/// Totals of each whole period of UTC, cut by the window.
fn series(server: &Server, window: Window, filter: &Filter, seconds: i64) -> Result<Value, String> {
    let length = seconds * Timestamp::SECOND;
    let mut rows = Vec::new();
    let mut from = window.from;
    while from < window.to {
        if rows.len() == PERIODS {
            return Err(format!(
                "the time has more than {PERIODS} periods; ask for a shorter one or for days"
            ));
        }
        let next = Timestamp((from.0.div_euclid(length) + 1) * length).min(window.to);
        let totals = server.querier.totals(Window { from, to: next }, filter).map_err(failed)?;
        let mut row = figures(&totals);
        row["from"] = rfc3339(from).into();
        rows.push(row);
        from = next;
    }
    Ok(rows.into())
}

pub(super) fn top_calls(server: &Server, asked: &TopCalls) -> Result<String, String> {
    asked.unknown.refuse()?;
    let (window, mut filter) = (asked.calls.window(clock::now())?, asked.calls.filter()?);
    let limit = asked.limit.map_or(10, |limit| usize::try_from(limit).unwrap_or(ROWS)).clamp(1, ROWS);
    let newest = matches!(asked.by, Rank::Time | Rank::Failures);
    let mut best: Vec<CallRecord> = Vec::new();
    let (mut looked_at, mut after) = (0, None);
    if matches!(asked.by, Rank::Failures) {
        filter.outcome = Some(spanledger::Outcome::Failed);
    }
    let key = |call: &CallRecord| match asked.by {
        Rank::Cost => call.cost.map_or(-1, |cost| cost.0),
        Rank::Tokens => call.total_tokens().map_or(-1, |tokens| i64::try_from(tokens).unwrap_or(i64::MAX)),
        Rank::Duration => call.duration_ns,
        Rank::Time | Rank::Failures => call.start.0.saturating_add(call.duration_ns),
    };
    loop {
        let size = if newest { limit } else { PAGE };
        let page = server.querier.calls(window, &filter, Page { limit: size, after }).map_err(failed)?;
        looked_at += page.calls.len();
        best.extend(page.calls);
        best.sort_by_key(|call| std::cmp::Reverse(key(call)));
        best.truncate(limit);
        after = page.next;
        if newest || after.is_none() || looked_at >= LOOKED_AT {
            break;
        }
    }
    let rows: Vec<CallRow> = best.iter().map(|call| CallRow::of(call, true)).collect();
    let all = after.is_none() || newest;
    let note = (!all).then(|| format!("only the newest {looked_at} calls of the time were looked at"));
    bounded(json!({ "window": shown(window), "calls": rows, "note": note }))
}

pub(super) fn explain_call(server: &Server, asked: &OneCall) -> Result<String, String> {
    match find(server.querier.as_ref(), &server.prices, &asked.id, clock::now()).map_err(failed)? {
        Found::Nothing => {
            Err("no call has an id that begins so; give a trace id, a span id or a response id".to_owned())
        }
        Found::Several(calls, more) => bounded(json!({
            "note": "several calls have an id that begins so; ask for one of them by its span id",
            "candidates": calls,
            "more": more,
        })),
        Found::One(call) => {
            let call = if asked.include_content { *call } else { call.without_content() };
            bounded(serde_json::to_value(&call).map_err(|error| refuse(&error))?)
        }
    }
}

pub(super) fn rules(server: &Server, asked: &Rules) -> Result<String, String> {
    let mut evaluator = Evaluator::new(&server.rules);
    let alerts = StateFile::peek(&server.ledger).alerts;
    evaluator.restore(alerts);
    let statuses = evaluator.evaluate_all(server.querier.as_ref(), clock::now());
    let active = |rule: &RuleState| matches!(rule.state, RuleStatus::Firing | RuleStatus::Pending);
    let mut states = report_states(&statuses);
    states.retain(|rule| !asked.firing || active(rule));
    states.sort_by_key(|rule| (rule.state != RuleStatus::Firing, !active(rule)));
    let row = |rule: &RuleState| {
        json!({
            "name": rule.name,
            "state": rule.state.as_str(),
            "severity": rule.severity,
            "labels": rule.labels,
            "value": rule.value.map(|value| rule.unit.format(value)),
            "threshold": rule.unit.format(rule.threshold),
            "since": rule.since.map(rfc3339),
            "detail": rule.detail,
            "advice": rule.advice,
        })
    };
    let firing = states.iter().filter(|rule| rule.state == RuleStatus::Firing).count();
    bounded(json!({ "firing": firing, "rules": states.iter().take(ROWS).map(row).collect::<Vec<_>>() }))
}

pub(super) fn missing(server: &Server, asked: &Missing) -> Result<String, String> {
    let now = clock::now();
    let window = window(asked.last.as_deref(), None, None, now).map_err(|error| refuse(&error))?;
    let filter = Filter { service: asked.service.clone(), ..Filter::default() };
    let gaps = server.querier.sequence_gaps(window, now, &filter, ROWS).map_err(failed)?;
    let skipped = server.querier.skipped(window).map_err(failed)?;
    let skipped: Vec<Value> = skipped
        .iter()
        .take(ROWS)
        .map(|(scope, reason, spans)| json!({ "scope": scope, "reason": reason.as_str(), "spans": spans }))
        .collect();
    let row = |gap: &crate::store::SequenceGap| json!({ "service": gap.service, "process": gap.instance, "first": gap.first, "last": gap.last });
    bounded(json!({
        "window": shown(window),
        "missing_calls": gaps.numbers,
        "gaps": gaps.newest.iter().map(row).collect::<Vec<_>>(),
        "skipped_spans": skipped,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_never_larger_than_its_bound() {
        let rows: Vec<Value> =
            (0..10_000).map(|number| json!({ "name": format!("model {number}") })).collect();
        let text = bounded(json!({ "total": 7, "rows": rows, "few": [1, 2] })).unwrap();
        assert!(text.len() <= MOST_BYTES, "{}", text.len());
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&value["total"], &value["few"]), (&7.into(), &json!([1, 2])));
        assert!(value["rows"].as_array().unwrap().len() > 100 && value["note"].is_string());
        let long = bounded(json!({ "name": "ü".repeat(10_000) })).unwrap();
        assert!(long.len() < 600 && long.contains('…'));
        let wide: serde_json::Map<String, Value> =
            (0..500).map(|at| (at.to_string(), "x".repeat(400).into())).collect();
        assert!(bounded(wide.into()).unwrap_err().contains("larger than 32 KiB"));
        assert_eq!(bounded(json!({ "rows": [] })).unwrap(), "{\n  \"rows\": []\n}");
    }
}
