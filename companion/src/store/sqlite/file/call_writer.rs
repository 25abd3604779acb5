//! Writes calls as rows.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::record::CallRecord;
use crate::store::sqlite::file::call_id::Place;
use crate::store::sqlite::file::enum_codes;
use crate::store::sqlite::file::row::{
    ACCOUNT, ANSWERED_BY_MODEL, COLUMNS, COSTS, ERROR_TYPE, FETCHED, Hash, NOT_COUNTED, Numbers, ORIGIN,
    PRICED_BY, STREAM, TAGS, USAGE_SOURCE,
};

/// The number of [`COLUMNS`], [`PRICED_BY`], [`ERROR_TYPE`], [`ACCOUNT`], [`COSTS`] and [`TAGS`].
const COLUMNS_WRITTEN: usize = 39;

/// Writes calls.
pub(crate) struct CallWriter<'c> {
    insert: CachedStatement<'c>,
    replace: CachedStatement<'c>,
    identity: CachedStatement<'c>,
}

impl<'c> CallWriter<'c> {
    pub(crate) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let statement = |conflict: &str| {
            let places: Vec<String> = (1..=COLUMNS_WRITTEN).map(|number| format!("?{number}")).collect();
            let places = places.join(", ");
            connection.prepare_cached(&format!(
                "INSERT OR {conflict} INTO calls \
                 ({COLUMNS}, {PRICED_BY}, {ERROR_TYPE}, {ACCOUNT}, {COSTS}, {TAGS}) VALUES ({places})"
            ))
        };
        Ok(Self {
            insert: statement("IGNORE")?,
            replace: statement("REPLACE")?,
            identity: connection.prepare_cached("SELECT trace_id, span_id FROM calls WHERE id = ?1")?,
        })
    }

    /// Whether the row is this call's.
    pub(crate) fn holds(&mut self, id: i64, call: &CallRecord) -> rusqlite::Result<bool> {
        let found: Option<([u8; 16], [u8; 8])> =
            self.identity.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        Ok(found == Some((call.trace_id, call.span_id)))
    }

    /// Writes the call at `place`; false when a call is there already.
    pub(crate) fn insert(
        &mut self,
        place: Place,
        call: &CallRecord,
        numbers: &Numbers,
        counted: bool,
    ) -> rusqlite::Result<bool> {
        Ok(write(&mut self.insert, place.id, call, numbers, counted, (None, None))? == 1)
    }

    /// Writes the call of row `id` again. `shared` is what of it is another account's, with the number of its own
    /// service.
    pub(crate) fn replace(
        &mut self,
        id: i64,
        call: &CallRecord,
        numbers: &Numbers,
        counted: bool,
        shared: (Option<u32>, Option<i64>),
    ) -> rusqlite::Result<()> {
        write(&mut self.replace, id, call, numbers, counted, shared).map(drop)
    }
}

fn write(
    statement: &mut CachedStatement<'_>,
    id: i64,
    call: &CallRecord,
    numbers: &Numbers,
    counted: bool,
    (shared, own_service): (Option<u32>, Option<i64>),
) -> rusqlite::Result<usize> {
    let unsigned = |value: Option<u64>| value.map(u64::cast_signed);
    let flags = if call.stream { STREAM } else { 0 }
        | if call.response_model.is_some() { ANSWERED_BY_MODEL } else { 0 }
        | enum_codes::of_origin(call.origin) << ORIGIN
        | enum_codes::of_usage_source(call.usage_source) << USAGE_SOURCE
        | if call.fetched { FETCHED } else { 0 }
        | if counted { 0 } else { NOT_COUNTED };
    statement.execute(params![
        id,
        numbers.series,
        call.start.0,
        call.duration_ns,
        call.first_chunk_ns,
        call.status_code,
        flags,
        unsigned(call.input_tokens),
        unsigned(call.output_tokens),
        unsigned(call.cache_read_tokens),
        unsigned(call.cache_write_tokens),
        unsigned(call.reasoning_tokens),
        call.cost.map(|cost| cost.0),
        numbers.user,
        call.request_hash.as_deref().map(Hash::of),
        call.trace_id.as_slice(),
        call.span_id.as_slice(),
        call.parent_span_id.as_ref().map(<[u8; 8]>::as_slice),
        numbers.operation,
        numbers.request_model,
        numbers.instance,
        unsigned(call.sequence),
        numbers.price_source,
        numbers.finish_reasons,
        call.client_address,
        call.conversation_id,
        call.response_id,
        call.response_preview,
        call.error_message,
        numbers.service_tier,
        numbers.server_address,
        call.modality_tokens.as_deref().map(serde_json::to_string).transpose().map_err(unwritable)?,
        numbers.error_type,
        numbers.scope,
        shared,
        own_service,
        numbers.price_factors,
        call.computed_cost.map(|cost| cost.0),
        numbers.own_tags,
    ])
}

fn unwritable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}
