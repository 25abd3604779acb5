//! Calls as CSV (RFC 4180) that a spreadsheet shows and never computes.

use super::json::Call;
use crate::record::CallRecord;

/// Reads one cell of a row.
type Cell = fn(&Call<'_>) -> String;

/// Titles and cells side by side, so that they cannot drift apart.
const COLUMNS: [(&str, Cell); 42] = [
    ("start", |call| call.start.clone()),
    ("trace_id", |call| call.trace_id.clone()),
    ("span_id", |call| call.span_id.clone()),
    ("parent_span_id", |call| call.parent_span_id.clone().unwrap_or_default()),
    ("origin", |call| call.origin.to_owned()),
    ("service", |call| untrusted(call.service)),
    ("provider", |call| untrusted(call.provider)),
    ("operation", |call| untrusted(call.operation)),
    ("request_model", |call| maybe(call.request_model)),
    ("response_model", |call| maybe(call.response_model)),
    ("response_id", |call| maybe(call.response_id)),
    ("stream", |call| call.stream.to_string()),
    ("outcome", |call| call.outcome.to_owned()),
    ("status_code", |call| known(call.status_code)),
    ("error_type", |call| maybe(call.error_type)),
    ("error_kind", |call| maybe(call.error_kind)),
    ("error_message", |call| maybe(call.error_message)),
    ("finish_reasons", |call| untrusted(&call.finish_reasons.join(" "))),
    ("duration_seconds", |call| call.duration_seconds.to_string()),
    ("time_to_first_chunk_seconds", |call| known(call.time_to_first_chunk_seconds)),
    ("input_tokens", |call| known(call.input_tokens)),
    ("output_tokens", |call| known(call.output_tokens)),
    ("cache_read_tokens", |call| known(call.cache_read_tokens)),
    ("cache_write_tokens", |call| known(call.cache_write_tokens)),
    ("reasoning_tokens", |call| known(call.reasoning_tokens)),
    ("usage_source", |call| call.usage_source.to_owned()),
    ("cost_usd", |call| known(call.cost_usd)),
    ("cost_status", |call| call.cost_status.to_owned()),
    ("price_source", |call| maybe(call.price_source)),
    ("service_tier", |call| maybe(call.service_tier)),
    ("server_address", |call| maybe(call.server_address)),
    ("modality_tokens", |call| {
        call.modality_tokens.and_then(|tokens| serde_json::to_string(tokens).ok()).unwrap_or_default()
    }),
    ("price_factors", |call| untrusted(&call.price_factors.join(" "))),
    ("computed_cost_usd", |call| known(call.computed_cost_usd)),
    ("user", |call| maybe(call.user)),
    ("client_address", |call| maybe(call.client_address)),
    ("conversation_id", |call| maybe(call.conversation_id)),
    ("request_hash", |call| maybe(call.request_hash)),
    ("instance", |call| maybe(call.instance)),
    ("sequence", |call| known(call.sequence)),
    ("response_preview", |call| maybe(call.response_preview)),
    ("tags", |call| untrusted(&call.tags.to_text().unwrap_or_default())),
];

pub(super) fn render(calls: &[CallRecord]) -> String {
    calls.iter().fold(heading(), |out, call| out + &row(call))
}

/// The titles.
pub(super) fn heading() -> String {
    let mut out = String::new();
    line(&mut out, COLUMNS.iter().map(|(title, _)| (*title).to_owned()));
    out
}

/// One call.
pub(super) fn row(call: &CallRecord) -> String {
    let (mut out, call) = (String::new(), Call::of(call));
    line(&mut out, COLUMNS.iter().map(|(_, cell)| cell(&call)));
    out
}

fn known<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn maybe(text: Option<&str>) -> String {
    untrusted(text.unwrap_or_default())
}

/// Text from outside. Spreadsheets compute what begins with one of these characters, also behind spaces; an
/// apostrophe keeps it text (OWASP, "CSV Injection"). NUL ends a cell in some readers, and a terminal obeys the other
/// control characters; ends of lines and tabs are text.
pub(in crate::cli) fn untrusted(text: &str) -> String {
    let mut text = text.replace('\0', "\u{fffd}");
    if text.contains(|character: char| character.is_control() && !matches!(character, '\n' | '\t')) {
        text = without_controls(&text);
    }
    let first = text.trim_start_matches([' ', '\u{a0}', '\u{feff}']).chars().next();
    if matches!(first, Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠')) {
        format!("'{text}")
    } else {
        text
    }
}

/// `text` with control characters written as `\u{1b}`.
fn without_controls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => out.push(character),
            '\n' | '\t' => out.push(character),
            character if character.is_control() => out.extend(character.escape_unicode()),
            character => out.push(character),
        }
    }
    out
}

/// Appends one line.
pub(in crate::cli) fn line(out: &mut String, cells: impl Iterator<Item = String>) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\r', '\n']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&cell);
        }
    }
    out.push_str("\r\n");
}
