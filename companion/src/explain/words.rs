//! A call in sentences.

use spanledger::semconv::error_type;
use spanledger::{CostStatus, Outcome, UsageSource};

use crate::record::{CallRecord, NanoUsd, Origin};
use crate::store::CallAccount;
use crate::text::number::{count, counted, in_seconds, seconds, usd};
use crate::text::time::format;

/// How the sentence begins that repeats the provider's text.
pub(super) const ERROR: &str = "The error reads: ";

/// What was asked, how it ended, what it used and what it cost.
pub(super) fn summary(account: &CallAccount) -> Vec<String> {
    let call = &account.call;
    let mut sentences = vec![asked(call), ended(call)];
    sentences.extend(call.error_message.as_ref().map(|message| format!("{ERROR}{message}")));
    sentences.extend(used(call));
    sentences.push(cost(call));
    if !account.counted {
        sentences.push(
            match call.origin {
                Origin::Witness => {
                    "This is the provider's or gateway's own span, which is not counted next to a client's."
                }
                _ => "Another account of this call is the one that is counted.",
            }
            .to_owned(),
        );
    }
    sentences
}

fn asked(call: &CallRecord) -> String {
    let mut text = format!("At {} UTC ", format(call.start, "%Y-%m-%d %H:%M:%S%.3f"));
    text.push_str(match call.service.as_str() {
        "" => "an unnamed service",
        service => service,
    });
    if let Some(user) = &call.user {
        text.push_str(&format!(", for the user {user},"));
    }
    text.push_str(" asked ");
    text.push_str(if call.provider.is_empty() { "an unnamed provider" } else { &call.provider });
    if let Some(host) = &call.server_address {
        text.push_str(&format!(" at {host}"));
    }
    match call.request_model.as_deref().or(call.response_model.as_deref()) {
        Some(model) => text.push_str(&format!(" for {model}")),
        None => text.push_str(" without naming a model"),
    }
    let stream = if call.stream { ", as a stream" } else { "" };
    if call.operation.is_empty() {
        format!("{text}{stream}.")
    } else {
        format!("{text} ({}{stream}).", call.operation)
    }
}

fn ended(call: &CallRecord) -> String {
    let took = seconds(in_seconds(call.duration_ns));
    let mut text = match call.outcome {
        Outcome::Completed => format!("It completed in {took}"),
        Outcome::Truncated => format!("The response broke off after {took}, before its end"),
        Outcome::Dropped => format!("The caller stopped reading the response after {took}"),
        Outcome::Cancelled => format!("The caller gave up after {took}, before a response began"),
        Outcome::Failed => format!("It failed after {took}"),
        Outcome::TimedOut => format!("It timed out after {took}"),
        Outcome::Pending => {
            format!("The provider accepted it in {took}; the response is to be fetched later")
        }
        Outcome::Interrupted => {
            "Its process ended while the call was in flight; a journal has the record of it".to_owned()
        }
    };
    let mut details = Vec::new();
    if let Some(status) = call.status_code {
        details.push(format!("HTTP {status}"));
    }
    match (&call.error_kind, &call.error_type) {
        (_, Some(own)) if own == error_type::BODY => {
            details.push("the connection failed in the middle of the body".to_owned());
        }
        (Some(kind), Some(own)) if kind != own => {
            details.push(format!("{kind}, which the sender calls {own}"))
        }
        (Some(kind), _) | (None, Some(kind)) => details.push(kind.clone()),
        (None, None) => {}
    }
    // The conventions' `error` of a choice that did not finish is no word of the provider.
    let unfinished = |reason: &String| reason == "error" && call.outcome != Outcome::Completed;
    let reasons: Vec<&str> =
        call.finish_reasons.iter().filter(|reason| !unfinished(reason)).map(String::as_str).collect();
    if !reasons.is_empty() {
        let word = if reasons.len() == 1 { "finish reason" } else { "finish reasons" };
        details.push(format!("{word} {}", reasons.join(", ")));
    }
    if let (Some(asked), Some(answered)) = (&call.request_model, &call.response_model)
        && asked != answered
    {
        details.push(format!("{answered} answered"));
    }
    if !details.is_empty() {
        text.push_str(&format!(": {}", details.join("; ")));
    }
    text.push('.');
    text
}

fn used(call: &CallRecord) -> Option<String> {
    let parts = |parts: &[(Option<u64>, &str)]| {
        let known = parts.iter().filter_map(|(tokens, what)| Some(format!("{} {what}", count((*tokens)?))));
        let known = known.collect::<Vec<_>>().join(", ");
        if known.is_empty() { String::new() } else { format!(" ({known})") }
    };
    let input = call.input_tokens.map(|tokens| {
        let of = [(call.cache_read_tokens, "from the cache"), (call.cache_write_tokens, "written to it")];
        counted(tokens, "input token") + &parts(&of)
    });
    let output = call
        .output_tokens
        .map(|tokens| counted(tokens, "output token") + &parts(&[(call.reasoning_tokens, "for reasoning")]));
    let tokens: Vec<String> = [input, output].into_iter().flatten().collect();
    if tokens.is_empty() {
        return Some("No usage is known.".to_owned());
    }
    let source = match call.usage_source {
        UsageSource::Provider => "as the provider reports",
        UsageSource::Partial => "as the provider reported before the stream ended early",
        UsageSource::Estimated => "estimated from bytes",
        UsageSource::None => "from an unknown source",
    };
    Some(format!("It used {}, {source}.", tokens.join(" and ")))
}

fn cost(call: &CallRecord) -> String {
    let by = call.price_source.as_ref().map_or_else(String::new, |source| format!(", by {source}"));
    match (call.cost, call.cost_status) {
        (Some(cost), CostStatus::Estimated) => format!("It cost an estimated {}{by}.", amount(cost)),
        (Some(_), CostStatus::Free) => format!("It cost nothing{by}."),
        (Some(cost), _) => format!("It cost exactly {}{by}.", amount(cost)),
        (None, CostStatus::Unpriced) => "Its cost is unknown: the model has no known price.".to_owned(),
        (None, _) => "Its cost is unknown.".to_owned(),
    }
}

fn amount(cost: NanoUsd) -> String {
    usd(cost)
}
