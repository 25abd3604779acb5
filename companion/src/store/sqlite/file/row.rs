//! A call as a row of `calls`, and back.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Row};

use crate::record::ids::{hex, parse_lower_case};
use crate::record::{CallRecord, NanoUsd, Tags, Timestamp};
use crate::store::identity::Shared;
use crate::store::sqlite::file::dictionary::Dictionary;
use crate::store::sqlite::file::enum_codes::{self, damaged};
use crate::store::sqlite::file::names::Names;
use crate::store::sqlite::file::schema::{
    WITH_ACCOUNTS, WITH_ERROR_KINDS, WITH_PRICED_BY, WITH_REPORTED_COSTS, WITH_TAGS,
};

// The bits of `flags`.
pub(super) const STREAM: i64 = 1;
pub(crate) const ANSWERED_BY_MODEL: i64 = 1 << 1;
pub(super) const ORIGIN: u32 = 2;
pub(super) const USAGE_SOURCE: u32 = 4;
const TWO_BITS: i64 = 3;
/// Another account of a call that is counted, or a witness that waits.
pub(crate) const NOT_COUNTED: i64 = 1 << 6;

/// A response that was fetched by its id.
pub(super) const FETCHED: i64 = 1 << 7;

/// `request_model` of a call whose answer named the same model.
pub(crate) const SAME_MODEL: i64 = 0;

/// `error_type` of a call that has a kind of failure and no type.
const NO_TYPE: i64 = 0;

/// Columns that every ledger has, in the order of [`read_call`].
pub(super) const COLUMNS: &str = "id, series, start, duration, first_chunk, status_code, flags, input_tokens, \
    output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost, user, hash, trace_id, span_id, \
    parent_span_id, operation, request_model, instance, sequence, price_source, finish_reasons, client_address, \
    conversation_id, response_id, response_preview, error_message";

/// Columns that follow in a ledger [`WITH_PRICED_BY`].
pub(super) const PRICED_BY: &str = "service_tier, server_address, modality_tokens";

/// The column that follows in a ledger [`WITH_ERROR_KINDS`]; NULL where the type is the kind.
pub(super) const ERROR_TYPE: &str = "error_type";

/// Columns that follow in a ledger [`WITH_ACCOUNTS`].
pub(super) const ACCOUNT: &str = "scope, shared, own_service";

/// Columns that follow in a ledger [`WITH_REPORTED_COSTS`].
pub(super) const COSTS: &str = "price_factors, computed_cost";

/// The column that follows in a ledger [`WITH_TAGS`]; NULL where the call has the tags of its series.
pub(super) const TAGS: &str = "tags";

/// Columns in the order of [`read_call`]. A ledger that an older version wrote, and no newer one has opened since to
/// write, tells nothing of the last ones.
pub(crate) fn columns(connection: &Connection) -> rusqlite::Result<String> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let priced_by = if version < WITH_PRICED_BY { "NULL, NULL, NULL" } else { PRICED_BY };
    let error_type = if version < WITH_ERROR_KINDS { "NULL" } else { ERROR_TYPE };
    let account = if version < WITH_ACCOUNTS { "NULL, NULL, NULL" } else { ACCOUNT };
    let costs = if version < WITH_REPORTED_COSTS { "NULL, NULL" } else { COSTS };
    let tags = if version < WITH_TAGS { "NULL" } else { TAGS };
    Ok(format!("{COLUMNS}, {priced_by}, {error_type}, {account}, {costs}, {tags}"))
}

/// The columns of the newest schema, in the order of [`read_call`]: what the writer's file has.
pub(crate) fn newest_columns() -> String {
    format!("{COLUMNS}, {PRICED_BY}, {ERROR_TYPE}, {ACCOUNT}, {COSTS}, {TAGS}")
}

/// The numbers of a call's texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) series: i64,
    pub(crate) user: Option<i64>,
    pub(super) operation: i64,
    pub(super) request_model: Option<i64>,
    pub(super) instance: Option<i64>,
    pub(super) price_source: Option<i64>,
    pub(super) service_tier: Option<i64>,
    pub(super) server_address: Option<i64>,
    pub(super) finish_reasons: Option<i64>,
    pub(super) error_type: Option<i64>,
    pub(super) scope: Option<i64>,
    pub(super) price_factors: Option<i64>,
    pub(super) own_tags: Option<i64>,
}

impl Numbers {
    pub(crate) fn of(
        call: &CallRecord,
        day: i64,
        dictionary: &mut Dictionary,
        connection: &Connection,
    ) -> rusqlite::Result<Self> {
        let counted = dictionary.series(connection, call, day)?;
        let request_model = match (&call.request_model, &call.response_model) {
            (Some(asked), Some(answered)) if asked == answered && counted.model => Some(SAME_MODEL),
            (None, _) => None,
            (Some(asked), _) => Some(dictionary.text(connection, asked, day)?),
        };
        let finish_reasons = match call.finish_reasons.as_slice() {
            [] => None,
            [reason] if !reason.starts_with('[') => Some(dictionary.text(connection, reason, day)?),
            several => {
                let json = serde_json::Value::from(several).to_string();
                Some(dictionary.text(connection, &json, day)?)
            }
        };
        let price_factors = match call.price_factors.as_slice() {
            [] => None,
            factors => {
                let json = serde_json::Value::from(factors).to_string();
                Some(dictionary.text(connection, &json, day)?)
            }
        };
        let error_type = match (&call.error_type, &call.error_kind) {
            (own, kind) if own == kind && counted.error => None,
            (None, _) => Some(NO_TYPE),
            (Some(own), _) => Some(dictionary.text(connection, own, day)?),
        };
        Ok(Self {
            series: counted.series,
            user: dictionary.maybe_text(connection, call.user.as_deref(), day)?,
            operation: dictionary.text(connection, &call.operation, day)?,
            request_model,
            instance: dictionary.maybe_text(connection, call.instance.as_deref(), day)?,
            price_source: dictionary.maybe_text(connection, call.price_source.as_deref(), day)?,
            service_tier: dictionary.maybe_text(connection, call.service_tier.as_deref(), day)?,
            server_address: dictionary.maybe_text(connection, call.server_address.as_deref(), day)?,
            finish_reasons,
            error_type,
            scope: match call.scope.as_str() {
                "" => None,
                scope => Some(dictionary.text(connection, scope, day)?),
            },
            price_factors,
            own_tags: counted.own_tags,
        })
    }
}

/// Reads the columns of [`columns`].
pub(crate) fn read_call(
    row: &Row<'_>,
    names: &Names,
    connection: &Connection,
) -> rusqlite::Result<CallRecord> {
    let unsigned =
        |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned));
    let text = |column: usize| match row.get::<_, Option<i64>>(column)? {
        Some(number) => Ok::<_, rusqlite::Error>(Some(names.text(connection, number)?.to_string())),
        None => Ok(None),
    };
    let series = names.series(connection, row.get(1)?)?;
    let flags: i64 = row.get(6)?;
    let model = series.model.to_string();
    let response_model = (flags & ANSWERED_BY_MODEL != 0).then(|| model.clone());
    let request_model = match row.get::<_, Option<i64>>(19)? {
        Some(SAME_MODEL) => Some(model),
        Some(number) => Some(names.text(connection, number)?.to_string()),
        None => None,
    };
    let finish_reasons = match text(23)? {
        None => Vec::new(),
        Some(json) if json.starts_with('[') => {
            serde_json::from_str(&json).map_err(|error| damaged(error.to_string()))?
        }
        Some(reason) => vec![reason],
    };
    Ok(CallRecord {
        trace_id: row.get(15)?,
        span_id: row.get(16)?,
        parent_span_id: row.get(17)?,
        origin: enum_codes::origin(flags >> ORIGIN & TWO_BITS)?,
        start: Timestamp(row.get(2)?),
        duration_ns: row.get(3)?,
        first_chunk_ns: row.get(4)?,
        service: series.service.to_string(),
        provider: series.provider.to_string(),
        operation: text(18)?.unwrap_or_default(),
        request_model,
        response_model,
        response_id: row.get(26)?,
        stream: flags & STREAM != 0,
        outcome: series.outcome,
        status_code: row.get(5)?,
        error_type: match row.get::<_, Option<i64>>(32)? {
            None => series.error_type.as_deref().map(str::to_owned),
            Some(NO_TYPE) => None,
            Some(number) => Some(names.text(connection, number)?.to_string()),
        },
        error_kind: series.error_type.as_deref().map(str::to_owned),
        finish_reasons,
        input_tokens: unsigned(7)?,
        output_tokens: unsigned(8)?,
        cache_read_tokens: unsigned(9)?,
        cache_write_tokens: unsigned(10)?,
        reasoning_tokens: unsigned(11)?,
        usage_source: enum_codes::usage_source(flags >> USAGE_SOURCE & TWO_BITS)?,
        cost: row.get::<_, Option<i64>>(12)?.map(NanoUsd),
        cost_status: series.cost_status,
        price_source: text(22)?,
        tags: match text(38)? {
            Some(json) => Tags::of_text(&json).ok_or_else(|| damaged("tags of a call".to_owned()))?,
            None => series.tags.clone(),
        },
        user: text(13)?,
        client_address: row.get(24)?,
        conversation_id: row.get(25)?,
        // Counted by hour and service.
        key_fingerprint: None,
        request_hash: Hash::read(row.get_ref(14)?)?,
        instance: text(20)?,
        sequence: unsigned(21)?,
        fetched: flags & FETCHED != 0,
        response_preview: row.get(27)?,
        error_message: row.get(28)?,
        service_tier: text(29)?,
        server_address: text(30)?,
        modality_tokens: match row.get_ref(31)?.as_str_or_null()? {
            Some(json) => Some(serde_json::from_str(json).map_err(|error| damaged(error.to_string()))?),
            None => None,
        },
        scope: text(33)?.unwrap_or_default(),
        price_factors: match text(36)? {
            Some(json) => serde_json::from_str(&json).map_err(|error| damaged(error.to_string()))?,
            None => Vec::new(),
        },
        computed_cost: row.get::<_, Option<i64>>(37)?.map(NanoUsd),
    })
}

/// A row with what its account is to others.
#[derive(Debug)]
pub(crate) struct AccountRow {
    /// The call as it is counted.
    pub(crate) call: CallRecord,
    pub(crate) counted: bool,
    pub(crate) shared: Shared,
    pub(crate) series: i64,
    pub(crate) user: Option<i64>,
}

/// Reads the columns of [`newest_columns`].
pub(crate) fn read_account(
    row: &Row<'_>,
    names: &Names,
    connection: &Connection,
) -> rusqlite::Result<AccountRow> {
    let own_service = match row.get::<_, Option<i64>>(35)? {
        Some(number) => Some(names.text(connection, number)?.to_string()),
        None => None,
    };
    Ok(AccountRow {
        call: read_call(row, names, connection)?,
        counted: row.get::<_, i64>(6)? & NOT_COUNTED == 0,
        shared: Shared { facts: row.get::<_, Option<u32>>(34)?.unwrap_or(0), own_service },
        series: row.get(1)?,
        user: row.get(13)?,
    })
}

/// A request hash: 16 bytes where it is 32 lower-case hex digits, as ours are; else the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Hash {
    Bytes([u8; 16]),
    Text(String),
}

impl Hash {
    pub(crate) fn of(text: &str) -> Self {
        parse_lower_case(text).map_or_else(|| Self::Text(text.to_owned()), Self::Bytes)
    }

    /// The hash as a column holds it.
    pub(crate) fn key(value: ValueRef<'_>) -> rusqlite::Result<Option<Self>> {
        match value {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => match bytes.try_into() {
                Ok(bytes) => Ok(Some(Self::Bytes(bytes))),
                Err(_) => Err(damaged(format!("hash of {} bytes", bytes.len()))),
            },
            ValueRef::Text(text) => Ok(Some(Self::Text(String::from_utf8_lossy(text).into_owned()))),
            _ => Err(damaged("hash is a number".to_owned())),
        }
    }

    fn read(value: ValueRef<'_>) -> rusqlite::Result<Option<String>> {
        Ok(Self::key(value)?.map(Self::into_text))
    }

    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Bytes(bytes) => hex(&bytes),
        }
    }
}

impl rusqlite::ToSql for Hash {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Text(text) => ToSqlOutput::Owned(Value::Text(text.clone())),
        })
    }
}
