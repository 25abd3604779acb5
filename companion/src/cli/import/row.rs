//! One row of an audit log, and the call it states.

use std::time::{Duration, SystemTime};

use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};
use spanledger::semconv::{error_type, operation};
use spanledger::{CostStatus, Outcome, PriceQuery, PriceTable, Usage, UsageSource};

use crate::convert::{failure, secrets};
use crate::record::{CallRecord, NanoUsd, Origin, Tags, Timestamp};
use crate::text::time;

/// The price source of a cost that the audit log states.
const IMPORT: &str = "import";
/// The columns read, in the order of [`Columns`].
const NAMES: [&str; 14] = [
    "timestamp",
    "created_at",
    "request_id",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "latency_ms",
    "status_code",
    "cost_usd",
    "user_id",
    "request_hash",
    "response_preview",
    "ip_address",
    "error_message",
];
/// Numbers beyond are faults of the log and would spoil every sum.
const MOST_TOKENS: i64 = 1_000_000_000;
const MOST_USD: f64 = 10_000.0;
const LONGEST_MS: f64 = 86_400_000.0;
/// Bytes kept of a text.
const TEXT_BYTES: usize = 1024;

/// The position of each of [`NAMES`] among the columns that are read.
pub(super) struct Columns([Option<usize>; NAMES.len()]);

impl Columns {
    /// Of the columns `names` of a table, with the names of those that are read.
    ///
    /// # Errors
    /// When the table cannot be an audit log.
    pub(super) fn find(names: &[String]) -> Result<(Self, Vec<&str>), String> {
        let mut read = Vec::new();
        let columns = NAMES.map(|name| {
            read.push(names.iter().find(|found| found.eq_ignore_ascii_case(name))?.as_str());
            Some(read.len() - 1)
        });
        if columns[0].is_none() && columns[1].is_none() {
            return Err("the table has no column timestamp or created_at".to_owned());
        }
        if columns[3].is_none() {
            return Err("the table has no column model".to_owned());
        }
        Ok((Self(columns), read))
    }
}

/// The values of one row.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// As in the file: the ids are made of it.
    stamp: String,
    start: Timestamp,
    request_id: Option<String>,
    model: Option<String>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    latency_ms: Option<f64>,
    status_code: Option<u16>,
    cost_usd: Option<f64>,
    user: Option<String>,
    request_hash: Option<String>,
    preview: Option<String>,
    address: Option<String>,
    error: Option<String>,
}

impl Row {
    /// # Errors
    /// What is wrong with the row.
    pub(super) fn read(row: &rusqlite::Row<'_>, columns: &Columns) -> Result<Self, String> {
        let value = |index: usize| {
            columns.0[index]
                .map_or(Ok(ValueRef::Null), |column| row.get_ref(column))
                .map_err(|e| e.to_string())
        };
        let stamp = match text(value(0)?, "timestamp")? {
            Some(stamp) => stamp,
            None => text(value(1)?, "created_at")?.ok_or("no timestamp")?,
        };
        Ok(Self {
            start: parse_stamp(&stamp)?,
            stamp,
            request_id: text(value(2)?, NAMES[2])?,
            model: text(value(3)?, NAMES[3])?,
            prompt_tokens: tokens(value(4)?, NAMES[4])?,
            completion_tokens: tokens(value(5)?, NAMES[5])?,
            latency_ms: number(value(6)?, NAMES[6], LONGEST_MS)?,
            status_code: status(value(7)?)?,
            cost_usd: number(value(8)?, NAMES[8], MOST_USD)?,
            user: text(value(9)?, NAMES[9])?,
            request_hash: text(value(10)?, NAMES[10])?,
            preview: text(value(11)?, NAMES[11])?,
            address: text(value(12)?, NAMES[12])?,
            error: text(value(13)?, NAMES[13])?,
        })
    }

    /// # Errors
    /// When the row names neither a request nor a model, and so is no call.
    pub(super) fn into_record(
        self,
        service: &str,
        provider: &str,
        prices: &PriceTable,
        now: Timestamp,
    ) -> Result<CallRecord, String> {
        if self.start > now.plus_seconds(86_400) {
            return Err(format!("timestamp {:?} is in the future", self.stamp));
        }
        if self.request_id.is_none() && self.model.is_none() {
            return Err("neither request_id nor model".to_owned());
        }
        let (trace_id, span_id) = self.ids();
        let failed = self.error.is_some() || self.status_code.is_some_and(|code| code >= 400);
        let outcome = if failed { Outcome::Failed } else { Outcome::Completed };
        let usage = Usage {
            input_tokens: self.prompt_tokens,
            output_tokens: self.completion_tokens,
            ..Usage::default()
        };
        let usage_source = if usage.is_empty() { UsageSource::None } else { UsageSource::Provider };
        let (cost, cost_status, price_source) = self.cost(&usage, usage_source, provider, prices);
        let error_type = failed.then(|| match self.status_code {
            Some(code) if code >= 400 => code.to_string(),
            _ => error_type::OTHER.to_owned(),
        });
        #[expect(clippy::cast_possible_truncation, reason = "bounded by a day")]
        let duration_ns = (self.latency_ms.unwrap_or(0.0) * 1e6) as i64;
        Ok(CallRecord {
            trace_id,
            span_id,
            parent_span_id: None,
            origin: Origin::Import,
            start: self.start,
            duration_ns,
            first_chunk_ns: None,
            service: service.to_owned(),
            provider: provider.to_owned(),
            operation: operation::CHAT.to_owned(),
            request_model: self.model,
            response_model: None,
            response_id: None,
            stream: false,
            outcome,
            status_code: self.status_code,
            error_kind: error_type.as_deref().map(failure::kind_of),
            error_type,
            finish_reasons: Vec::new(),
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_tokens: None,
            cache_write_tokens: None,
            reasoning_tokens: None,
            usage_source,
            cost,
            cost_status,
            price_source,
            service_tier: None,
            server_address: None,
            modality_tokens: None,
            price_factors: Vec::new(),
            computed_cost: None,
            user: self.user,
            tags: Tags::default(),
            client_address: self.address,
            conversation_id: None,
            key_fingerprint: None,
            request_hash: self.request_hash,
            instance: None,
            sequence: None,
            fetched: false,
            response_preview: self.preview.map(without_secrets),
            error_message: self.error.map(without_secrets),
            scope: String::new(),
        })
    }

    /// Ids that the same row gives again: of its request id and timestamp, or without a request id of all that
    /// tells it from others. Each part is followed by its length, so that no two rows read the same.
    fn ids(&self) -> ([u8; 16], [u8; 8]) {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update(text.as_bytes());
            hash.update((text.len() as u64).to_be_bytes());
        };
        part("spanledger import");
        part(&self.stamp);
        match &self.request_id {
            Some(id) => part(id),
            None => part(&format!("{self:?}")),
        }
        let digest: [u8; 32] = hash.finalize().into();
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        trace.copy_from_slice(&digest[..16]);
        span.copy_from_slice(&digest[16..24]);
        (trace, span)
    }

    /// The log's own cost; a zero for a call with tokens is what such logs write for models they do not know, and
    /// is priced again.
    fn cost(
        &self,
        usage: &Usage,
        usage_source: UsageSource,
        provider: &str,
        prices: &PriceTable,
    ) -> (Option<NanoUsd>, CostStatus, Option<String>) {
        if let Some(amount) = self.cost_usd.filter(|usd| *usd > 0.0).and_then(NanoUsd::from_usd) {
            let status = if usage.is_empty() { CostStatus::Estimated } else { CostStatus::Exact };
            return (Some(amount), status, Some(IMPORT.to_owned()));
        }
        let cost = prices.price(&PriceQuery {
            provider,
            server_address: None,
            response_model: None,
            request_model: self.model.as_deref(),
            service_tier: None,
            requested_service_tier: None,
            usage,
            usage_source,
            billing: spanledger::Billing::NONE,
            at: SystemTime::UNIX_EPOCH + Duration::from_nanos(self.start.0.unsigned_abs()),
        });
        let source = cost.source.map(|source| format!("companion/{source}"));
        (cost.usd.and_then(NanoUsd::from_usd), cost.status, source)
    }
}

/// A text; numbers are written out, `NULL` and the empty text are absent.
fn without_secrets(text: String) -> String {
    secrets::removed(text, TEXT_BYTES)
}

fn text(value: ValueRef<'_>, name: &str) -> Result<Option<String>, String> {
    let text = match value {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).trim().to_owned(),
        ValueRef::Blob(_) => return Err(format!("{name} is a blob")),
    };
    Ok((!text.is_empty()).then(|| crate::convert::cut(text, TEXT_BYTES)))
}

fn number(value: ValueRef<'_>, name: &str, most: f64) -> Result<Option<f64>, String> {
    let Some(digits) = text(value, name)? else { return Ok(None) };
    match digits.parse::<f64>() {
        Ok(number) if (0.0..=most).contains(&number) => Ok(Some(number)),
        Ok(_) => Err(format!("{name} {digits} is not from 0 to {most}")),
        Err(_) => Err(format!("{name} {digits:?} is not a number")),
    }
}

fn tokens(value: ValueRef<'_>, name: &str) -> Result<Option<u64>, String> {
    let Some(digits) = text(value, name)? else { return Ok(None) };
    // Columns of type REAL give whole numbers with a fraction of zero.
    let whole = digits.strip_suffix(".0").unwrap_or(&digits).parse::<i64>();
    match whole {
        Ok(count) if (0..=MOST_TOKENS).contains(&count) => Ok(Some(count.unsigned_abs())),
        _ => Err(format!("{name} {digits:?} is not a number of tokens")),
    }
}

fn status(value: ValueRef<'_>) -> Result<Option<u16>, String> {
    let Some(digits) = text(value, "status_code")? else { return Ok(None) };
    match digits.parse::<u16>() {
        // No response came.
        Ok(0) => Ok(None),
        Ok(code) if (100..=599).contains(&code) => Ok(Some(code)),
        _ => Err(format!("status_code {digits:?} is not an HTTP status")),
    }
}

/// Reads a timestamp: RFC 3339, `YYYY-MM-DD HH:MM:SS[.fff]` (UTC, as SQLite writes it), or a number since 1970 in
/// the unit that puts it between 2001 and 2286.
fn parse_stamp(stamp: &str) -> Result<Timestamp, String> {
    if let Ok(number) = stamp.parse::<f64>() {
        // Whole nanoseconds do not fit a double.
        if let Ok(whole) = stamp.parse::<i64>() {
            for scale in [1_000_000_000, 1_000_000, 1_000, 1] {
                if (1_000_000_000_i64..10_000_000_000).contains(&(whole / (1_000_000_000 / scale))) {
                    return Ok(Timestamp(whole.saturating_mul(scale)));
                }
            }
        } else if (1e9..1e10).contains(&number) {
            #[expect(clippy::cast_possible_truncation, reason = "below 1e19 / 1e9 seconds, checked")]
            return Ok(Timestamp((number * 1e6).round() as i64 * 1000));
        }
        return Err(format!("timestamp {stamp:?} is not a time after 2001"));
    }
    time::parse_time(stamp).map_err(|error| format!("timestamp: {error}"))
}
