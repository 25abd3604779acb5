//! The columns of a file of calls, in their order. `docs/parquet.md` describes each; a test compares the two.

use std::borrow::Cow;

use spanledger::{CostStatus, Outcome, UsageSource};

use crate::record::ids::{hex, parse_hex};
use crate::record::{NanoUsd, Origin, Tags, Timestamp};
use crate::store::export::StoredCall;

/// How the values of a column are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// UTF-8 text.
    Text,
    /// Nanoseconds since 1970, UTC.
    Time,
    /// 64 bits with a sign.
    Signed,
    /// 64 bits without a sign.
    Unsigned,
    /// 32 bits without a sign.
    Short,
    /// True or false.
    Flag,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    Absent,
    Text(Cow<'a, str>),
    /// Of [`Kind::Time`], [`Kind::Signed`], [`Kind::Unsigned`] by its bits, and [`Kind::Short`].
    Number(i64),
    Flag(bool),
}

/// One column: its name, and how a row gives and takes its value.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether every row has a value.
    pub(super) required: bool,
    pub(super) get: for<'r> fn(&'r StoredCall) -> Cell<'r>,
    /// Gives the row the value; `None` when it is none that a call can have.
    pub(super) set: fn(&mut StoredCall, Cell<'_>) -> Option<()>,
}

impl Cell<'_> {
    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }

    fn into_maybe_text(self) -> Option<Option<String>> {
        match self {
            Self::Absent => Some(None),
            other => other.into_text().map(Some),
        }
    }

    fn into_number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    fn into_maybe_number(self) -> Option<Option<i64>> {
        match self {
            Self::Absent => Some(None),
            other => other.into_number().map(Some),
        }
    }
}

fn text(value: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(value))
}

fn maybe_text(value: Option<&str>) -> Cell<'_> {
    value.map_or(Cell::Absent, text)
}

fn maybe_number(value: Option<i64>) -> Cell<'static> {
    value.map_or(Cell::Absent, Cell::Number)
}

fn id<const BYTES: usize>(cell: Cell<'_>) -> Option<[u8; BYTES]> {
    parse_hex(&cell.into_text()?)?.try_into().ok()
}

/// A list as JSON; absent when it is empty.
fn list(values: &[String]) -> Cell<'static> {
    match values {
        [] => Cell::Absent,
        values => Cell::Text(Cow::Owned(serde_json::Value::from(values).to_string())),
    }
}

fn listed(cell: Cell<'_>) -> Option<Vec<String>> {
    match cell.into_maybe_text()? {
        None => Some(Vec::new()),
        Some(json) => serde_json::from_str(&json).ok(),
    }
}

const ORIGINS: [(Origin, &str); 4] = [
    (Origin::Spanledger, "spanledger"),
    (Origin::ThirdParty, "third_party"),
    (Origin::Import, "import"),
    (Origin::Witness, "witness"),
];

macro_rules! column {
    ($name:literal, $kind:ident, required, $get:expr, $set:expr) => {
        Column { name: $name, kind: Kind::$kind, required: true, get: $get, set: $set }
    };
    ($name:literal, $kind:ident, optional, $get:expr, $set:expr) => {
        Column { name: $name, kind: Kind::$kind, required: false, get: $get, set: $set }
    };
    // A text that every call has.
    ($name:literal, text $field:ident) => {
        column!($name, Text, required, |row| text(&row.call.$field), |row, cell| {
            row.call.$field = cell.into_text()?;
            Some(())
        })
    };
    // A text that a call may have.
    ($name:literal, maybe_text $field:ident) => {
        column!($name, Text, optional, |row| maybe_text(row.call.$field.as_deref()), |row, cell| {
            row.call.$field = cell.into_maybe_text()?;
            Some(())
        })
    };
    // A count that a call may have.
    ($name:literal, maybe_count $field:ident) => {
        column!(
            $name,
            Unsigned,
            optional,
            |row| maybe_number(row.call.$field.map(u64::cast_signed)),
            |row, cell| {
                row.call.$field = cell.into_maybe_number()?.map(i64::cast_unsigned);
                Some(())
            }
        )
    };
    // Money that a call may have.
    ($name:literal, maybe_money $field:ident) => {
        column!(
            $name,
            Signed,
            optional,
            |row| maybe_number(row.call.$field.map(|amount| amount.0)),
            |row, cell| {
                row.call.$field = cell.into_maybe_number()?.map(NanoUsd);
                Some(())
            }
        )
    };
    // A word of an enumeration.
    ($name:literal, word $field:ident $type:ident) => {
        column!($name, Text, required, |row| text(row.call.$field.as_str()), |row, cell| {
            row.call.$field = $type::parse(&cell.into_text()?)?;
            Some(())
        })
    };
    ($name:literal, flag $($path:ident).+) => {
        column!($name, Flag, required, |row| Cell::Flag(row.$($path).+), |row, cell| {
            let Cell::Flag(flag) = cell else { return None };
            row.$($path).+ = flag;
            Some(())
        })
    };
}

/// Every column.
pub(super) const COLUMNS: &[Column] = &[
    // Follows from the two after it; rows are in its order.
    column!("end_time", Time, required, |row| Cell::Number(row.end().0), |_, cell| {
        cell.into_number().map(drop)
    }),
    column!("start_time", Time, required, |row| Cell::Number(row.call.start.0), |row, cell| {
        row.call.start = Timestamp(cell.into_number()?);
        Some(())
    }),
    column!("duration_ns", Signed, required, |row| Cell::Number(row.call.duration_ns), |row, cell| {
        row.call.duration_ns = cell.into_number()?;
        Some(())
    }),
    column!(
        "time_to_first_chunk_ns",
        Signed,
        optional,
        |row| maybe_number(row.call.first_chunk_ns),
        |row, cell| {
            row.call.first_chunk_ns = cell.into_maybe_number()?;
            Some(())
        }
    ),
    column!(
        "trace_id",
        Text,
        required,
        |row| Cell::Text(Cow::Owned(hex(&row.call.trace_id))),
        |row, cell| {
            row.call.trace_id = id(cell)?;
            Some(())
        }
    ),
    column!("span_id", Text, required, |row| Cell::Text(Cow::Owned(hex(&row.call.span_id))), |row, cell| {
        row.call.span_id = id(cell)?;
        Some(())
    }),
    column!(
        "parent_span_id",
        Text,
        optional,
        |row| row.call.parent_span_id.map_or(Cell::Absent, |id| Cell::Text(Cow::Owned(hex(&id)))),
        |row, cell| {
            row.call.parent_span_id = match cell {
                Cell::Absent => None,
                cell => Some(id(cell)?),
            };
            Some(())
        }
    ),
    column!("counted", flag counted),
    column!(
        "origin",
        Text,
        required,
        |row| text(
            ORIGINS.iter().find(|(origin, _)| *origin == row.call.origin).map_or("", |(_, name)| name)
        ),
        |row, cell| {
            let name = cell.into_text()?;
            row.call.origin = ORIGINS.iter().find(|(_, known)| *known == name)?.0;
            Some(())
        }
    ),
    column!("service", text service),
    column!("provider", text provider),
    column!("operation", text operation),
    column!("request_model", maybe_text request_model),
    column!("response_model", maybe_text response_model),
    column!("response_id", maybe_text response_id),
    column!("stream", flag call.stream),
    column!("outcome", word outcome Outcome),
    column!(
        "status_code",
        Short,
        optional,
        |row| maybe_number(row.call.status_code.map(i64::from)),
        |row, cell| {
            let code = cell.into_maybe_number()?;
            row.call.status_code = code.map(u16::try_from).transpose().ok()?;
            Some(())
        }
    ),
    column!("error_type", maybe_text error_type),
    column!("error_kind", maybe_text error_kind),
    column!("error_message", maybe_text error_message),
    column!("finish_reasons", Text, optional, |row| list(&row.call.finish_reasons), |row, cell| {
        row.call.finish_reasons = listed(cell)?;
        Some(())
    }),
    column!("input_tokens", maybe_count input_tokens),
    column!("output_tokens", maybe_count output_tokens),
    column!("cache_read_tokens", maybe_count cache_read_tokens),
    column!("cache_write_tokens", maybe_count cache_write_tokens),
    column!("reasoning_tokens", maybe_count reasoning_tokens),
    column!("usage_source", word usage_source UsageSource),
    column!("cost_nano_usd", maybe_money cost),
    column!("cost_status", word cost_status CostStatus),
    column!("price_source", maybe_text price_source),
    column!("service_tier", maybe_text service_tier),
    column!("server_address", maybe_text server_address),
    column!(
        "modality_tokens",
        Text,
        optional,
        |row| match row.call.modality_tokens.as_deref().map(serde_json::to_string) {
            Some(Ok(json)) => Cell::Text(Cow::Owned(json)),
            _ => Cell::Absent,
        },
        |row, cell| {
            let json = cell.into_maybe_text()?;
            row.call.modality_tokens = json.map(|json| serde_json::from_str(&json)).transpose().ok()?;
            Some(())
        }
    ),
    column!("price_factors", Text, optional, |row| list(&row.call.price_factors), |row, cell| {
        row.call.price_factors = listed(cell)?;
        Some(())
    }),
    column!("computed_cost_nano_usd", maybe_money computed_cost),
    column!(
        "tags",
        Text,
        optional,
        |row| row.call.tags.to_text().map_or(Cell::Absent, |json| Cell::Text(Cow::Owned(json))),
        |row, cell| {
            row.call.tags = match cell.into_maybe_text()? {
                None => Tags::default(),
                Some(json) => Tags::of_text(&json)?,
            };
            Some(())
        }
    ),
    column!("user", maybe_text user),
    column!("client_address", maybe_text client_address),
    column!("conversation_id", maybe_text conversation_id),
    column!("request_hash", maybe_text request_hash),
    column!("instance", maybe_text instance),
    column!("sequence", maybe_count sequence),
    column!("fetched", flag call.fetched),
    column!("response_preview", maybe_text response_preview),
    column!("scope", text scope),
    column!("shared_facts", Short, required, |row| Cell::Number(i64::from(row.shared.facts)), |row, cell| {
        row.shared.facts = u32::try_from(cell.into_number()?).ok()?;
        Some(())
    }),
    column!(
        "own_service",
        Text,
        optional,
        |row| maybe_text(row.shared.own_service.as_deref()),
        |row, cell| {
            row.shared.own_service = cell.into_maybe_text()?;
            Some(())
        }
    ),
];
