//! Attributes as records carry them: the number of the name (or 0 and the name), the kind of the value, the value.

use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

use super::codec::{Cursor, put_bytes, put_number};
use super::keys;
use crate::semconv::attribute;

/// Bytes of one value, and of all of a record: what an application adds has no other bound.
const MAX_VALUE: usize = 8 * 1024;
const MAX_ALL: usize = 56 * 1024;

/// What is content, and so is never written down.
const CONTENT: [&str; 6] = [
    attribute::SYSTEM_INSTRUCTIONS,
    attribute::INPUT_MESSAGES,
    attribute::OUTPUT_MESSAGES,
    attribute::TOOL_DEFINITIONS,
    attribute::REQUEST_PREVIEW,
    attribute::RESPONSE_PREVIEW,
];

mod kind {
    pub(super) const FALSE: u8 = 0;
    pub(super) const TRUE: u8 = 1;
    /// Positive, or zero.
    pub(super) const COUNT: u8 = 2;
    /// Negative: its distance from -1.
    pub(super) const NEGATIVE: u8 = 3;
    pub(super) const DOUBLE: u8 = 4;
    pub(super) const TEXT: u8 = 5;
    /// Text that is lower-case hex digits, two in a byte.
    pub(super) const HEX: u8 = 6;
    /// Arrays: a count, then values with their kinds.
    pub(super) const ARRAY: u8 = 7;
}

/// Appends one attribute, unless it is content or the record has no room for it.
pub(super) fn put(out: &mut Vec<u8>, attribute: &KeyValue) {
    let name = attribute.key.as_str();
    if CONTENT.contains(&name) {
        return;
    }
    let before = out.len();
    put_name(out, name);
    let written = match &attribute.value {
        Value::Bool(value) => put_bool(out, *value),
        Value::I64(value) => put_integer(out, *value),
        Value::F64(value) => put_double(out, *value),
        Value::String(text) => put_value(out, text.as_str()),
        Value::Array(array) => put_array(out, array),
        _ => None,
    };
    if written.is_none() || out.len() > MAX_ALL {
        out.truncate(before);
    }
}

/// Appends one attribute of text, without the detour over a [`KeyValue`].
pub(super) fn put_text(out: &mut Vec<u8>, name: &str, text: Option<&str>) {
    let Some(text) = text else { return };
    let before = out.len();
    put_name(out, name);
    if put_value(out, text).is_none() || out.len() > MAX_ALL {
        out.truncate(before);
    }
}

/// Appends one attribute that is a whole number.
pub(super) fn put_count(out: &mut Vec<u8>, name: &str, value: i64) {
    put_name(out, name);
    put_integer(out, value);
}

/// Appends one attribute that is true.
pub(super) fn put_true(out: &mut Vec<u8>, name: &str) {
    put_name(out, name);
    put_bool(out, true);
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    match keys::number(name) {
        Some(number) => out.push(number),
        None => {
            out.push(0);
            put_bytes(out, name.as_bytes());
        }
    }
}

fn put_bool(out: &mut Vec<u8>, value: bool) -> Option<()> {
    out.push(if value { kind::TRUE } else { kind::FALSE });
    Some(())
}

fn put_integer(out: &mut Vec<u8>, value: i64) -> Option<()> {
    out.push(if value >= 0 { kind::COUNT } else { kind::NEGATIVE });
    put_number(out, if value >= 0 { value } else { !value }.unsigned_abs());
    Some(())
}

fn put_double(out: &mut Vec<u8>, value: f64) -> Option<()> {
    out.push(kind::DOUBLE);
    out.extend_from_slice(&value.to_le_bytes());
    Some(())
}

fn put_value(out: &mut Vec<u8>, text: &str) -> Option<()> {
    let bytes = text.as_bytes();
    if bytes.len() > MAX_VALUE {
        return None;
    }
    let before = out.len();
    // Ids and hashes, in half the bytes.
    if bytes.len() >= 8 && bytes.len().is_multiple_of(2) {
        out.push(kind::HEX);
        put_number(out, bytes.len() as u64 / 2);
        let mut pairs = bytes.chunks_exact(2);
        if pairs.all(|pair| match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => {
                out.push(high << 4 | low);
                true
            }
            _ => false,
        }) {
            return Some(());
        }
        out.truncate(before);
    }
    out.push(kind::TEXT);
    put_bytes(out, bytes);
    Some(())
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn put_array(out: &mut Vec<u8>, array: &Array) -> Option<()> {
    fn each<T>(out: &mut Vec<u8>, values: &[T], put: impl Fn(&mut Vec<u8>, &T) -> Option<()>) -> Option<()> {
        out.push(kind::ARRAY);
        put_number(out, values.len() as u64);
        for value in values {
            put(out, value)?;
            if out.len() > MAX_ALL {
                return None;
            }
        }
        Some(())
    }
    match array {
        Array::Bool(values) => each(out, values, |out, value| put_bool(out, *value)),
        Array::I64(values) => each(out, values, |out, value| put_integer(out, *value)),
        Array::F64(values) => each(out, values, |out, value| put_double(out, *value)),
        Array::String(values) => each(out, values, |out, value| put_value(out, value.as_str())),
        _ => None,
    }
}

/// Reads attributes to the end. What makes no sense ends the list: the checksum has been compared before. Names that only
/// a newer version knows are left out.
pub(super) fn read(bytes: &[u8]) -> Vec<KeyValue> {
    let mut cursor = Cursor(bytes);
    let mut list = Vec::new();
    while !cursor.is_empty() {
        let Some((key, value)) = read_one(&mut cursor) else { break };
        list.extend(key.map(|key| KeyValue::new(key, value)));
    }
    list
}

fn read_one(cursor: &mut Cursor<'_>) -> Option<(Option<Key>, Value)> {
    let key = match cursor.byte()? {
        0 => Some(Key::new(cursor.text()?.to_owned())),
        number => keys::name(number).map(Key::from_static_str),
    };
    Some((key, read_value(cursor)?))
}

fn read_value(cursor: &mut Cursor<'_>) -> Option<Value> {
    let kind = cursor.byte()?;
    if kind == kind::ARRAY { read_array(cursor) } else { read_simple(cursor, kind) }
}

fn read_simple(cursor: &mut Cursor<'_>, kind: u8) -> Option<Value> {
    Some(match kind {
        kind::FALSE => Value::Bool(false),
        kind::TRUE => Value::Bool(true),
        kind::COUNT => Value::I64(i64::try_from(cursor.number()?).ok()?),
        kind::NEGATIVE => Value::I64(!i64::try_from(cursor.number()?).ok()?),
        kind::DOUBLE => Value::F64(f64::from_le_bytes(cursor.array()?)),
        kind::TEXT => Value::String(StringValue::from(cursor.text()?.to_owned())),
        kind::HEX => Value::String(StringValue::from(hex(cursor.bytes()?))),
        _ => return None,
    })
}

fn read_array(cursor: &mut Cursor<'_>) -> Option<Value> {
    let count = cursor.number()?;
    let mut values = Vec::new();
    for _ in 0..count {
        let kind = cursor.byte()?;
        values.push(read_simple(cursor, kind)?);
    }
    let array = match values.first() {
        Some(Value::Bool(_)) => {
            Array::Bool(all(values, |value| if let Value::Bool(of) = value { Some(of) } else { None })?)
        }
        Some(Value::I64(_)) => {
            Array::I64(all(values, |value| if let Value::I64(of) = value { Some(of) } else { None })?)
        }
        Some(Value::F64(_)) => {
            Array::F64(all(values, |value| if let Value::F64(of) = value { Some(of) } else { None })?)
        }
        // An empty array has lost its kind.
        _ => Array::String(all(values, |value| if let Value::String(of) = value { Some(of) } else { None })?),
    };
    Some(Value::Array(array))
}

fn all<T>(values: Vec<Value>, of: impl Fn(Value) -> Option<T>) -> Option<Vec<T>> {
    values.into_iter().map(of).collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![any::<String>(), "[0-9a-f]{0,40}"].prop_map(StringValue::from);
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::I64),
            (-1e300..1e300).prop_map(Value::F64),
            text.clone().prop_map(Value::String),
            prop::collection::vec(any::<bool>(), 1..4).prop_map(|list| Value::Array(Array::Bool(list))),
            prop::collection::vec(any::<i64>(), 1..4).prop_map(|list| Value::Array(Array::I64(list))),
            prop::collection::vec(-1e9..1e9, 1..4).prop_map(|list| Value::Array(Array::F64(list))),
            prop::collection::vec(text, 0..4).prop_map(|list| Value::Array(Array::String(list))),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            list in prop::collection::vec((prop_oneof!["[a-z.]{0,20}", Just(attribute::USER_ID.to_owned())], value()), 0..8)
        ) {
            let list: Vec<KeyValue> = list.into_iter().map(|(name, value)| KeyValue::new(name, value)).collect();
            let mut out = Vec::new();
            list.iter().for_each(|attribute| put(&mut out, attribute));
            prop_assert_eq!(read(&out), list);
        }

        #[test]
        fn reads_any_bytes(bytes: Vec<u8>) {
            let _read = read(&bytes);
        }
    }

    #[test]
    fn content_is_never_written() {
        let mut out = Vec::new();
        for name in CONTENT {
            put(&mut out, &KeyValue::new(name, "secret"));
        }
        assert!(out.is_empty());
    }

    #[test]
    fn what_is_too_large_is_left_out_and_the_rest_stays() {
        let mut out = Vec::new();
        put(&mut out, &KeyValue::new("first", 1));
        put(&mut out, &KeyValue::new("huge", "x".repeat(MAX_VALUE + 1)));
        for number in 0..100 {
            put(&mut out, &KeyValue::new(format!("many {number}"), "x".repeat(1000)));
        }
        put_text(&mut out, "late", Some("no room for this: the record is full"));
        assert!(out.len() <= MAX_ALL);
        let read = read(&out);
        assert_eq!(read[0], KeyValue::new("first", 1));
        assert!(read.len() > 50 && read.iter().all(|attribute| attribute.key.as_str() != "huge"));
    }
}
