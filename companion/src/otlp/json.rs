//! Requests in JSON: `lowerCamelCase` names, hexadecimal ids, 64-bit integers as strings or numbers, enumerations as
//! numbers or names. Unknown members are ignored, as OTLP demands, and `null` is an absent value, as in every protobuf
//! JSON. A member that occurs again overrides the one before, but for lists of resources, scopes, items and attributes, of which
//! each is read. Names are taken in `snake_case` as well, as the Collector does.

mod counter;
mod cursor;

use super::{
    Encoding, EventView, List, LogView, Malformed, Part, PointView, Signal, SpanView, Text, Value, id,
};
use crate::record::ids::parse_hex;
use cursor::{Cursor, Parts, Scalar};

/// OTLP in JSON.
pub(crate) struct Json;

/// Bytes of the longest number, enumeration name or id that is read.
const SCALAR_BYTES: usize = 64;

impl Encoding for Json {
    /// The `resource` and the lists of its scopes; `None` when it is no object.
    type Resource<'a> = Option<Parts<'a>>;
    /// The `scope` and the lists of its items.
    type Scope<'a> = Option<Parts<'a>>;
    type Item<'a> = &'a [u8];

    fn resources<'a, S: Signal>(
        request: &'a [u8],
        mut each: impl FnMut(Self::Resource<'a>),
    ) -> Result<(), Malformed> {
        // Some editors begin a file with the mark of UTF-8; RFC 8259 lets readers ignore it.
        let mut request = Cursor::of(request.strip_prefix(b"\xef\xbb\xbf").unwrap_or(request));
        request.members("the request", |name, value| {
            if name != S::RESOURCES.as_bytes() {
                return value.skip().map(drop);
            }
            value.elements(S::RESOURCES, |resource| {
                each(resource.parts("resource", S::SCOPES)?);
                Ok(())
            })
        })?;
        request.end()
    }

    fn resource_attributes<'a>(
        resource: Self::Resource<'a>,
        mut each: impl FnMut(Text<'a>, Value<'a>),
    ) -> Result<(), Malformed> {
        let parts = resource.ok_or(Malformed::Member("resource"))?;
        Cursor::of(parts.head).members("resource", |name, value| match name {
            b"attributes" => pairs(value, &mut each),
            _ => value.skip().map(drop),
        })
    }

    fn scopes<'a, S: Signal>(
        resource: Self::Resource<'a>,
        mut each: impl FnMut(Self::Scope<'a>),
    ) -> Result<(), Malformed> {
        let parts = resource.ok_or(Malformed::Member(S::RESOURCES))?;
        parts.elements(S::SCOPES, |scope| {
            each(scope.parts("scope", S::ITEMS)?);
            Ok(())
        })
    }

    fn name_and_version<'a>(scope: Self::Scope<'a>) -> Result<(Text<'a>, Text<'a>), Malformed> {
        let scope = scope.ok_or(Malformed::Member("scope"))?.head;
        let (mut name, mut version) = (Text::EMPTY, Text::EMPTY);
        Cursor::of(scope).members("scope", |member, value| {
            match member {
                b"name" => name = value.text("name")?,
                b"version" => version = value.text("version")?,
                _ => drop(value.skip()?),
            }
            Ok(())
        })?;
        Ok((name, version))
    }

    fn items<'a, S: Signal>(scope: Self::Scope<'a>, mut each: impl FnMut(&'a [u8])) -> Result<(), Malformed> {
        let parts = scope.ok_or(Malformed::Member(S::SCOPES))?;
        parts.elements(S::ITEMS, |item| {
            each(item.skip()?);
            Ok(())
        })
    }

    fn span<'a>(
        text: &'a [u8],
        mut each: impl FnMut(Text<'a>, Value<'a>),
    ) -> Result<SpanView<'a>, Malformed> {
        let mut span = SpanView::of(Part::Json(b"null"));
        Cursor::of(text).members("span", |name, value| {
            match name {
                b"traceId" => span.trace_id = hexadecimal(value)?,
                b"spanId" => span.span_id = hexadecimal(value)?,
                b"parentSpanId" => span.parent_span_id = hexadecimal(value)?,
                b"name" => span.name = value.text("name")?,
                b"kind" => span.kind = enumeration(value, "kind", "SPAN_KIND_", &KINDS)?,
                b"startTimeUnixNano" => span.start = nanoseconds(value, "startTimeUnixNano")?,
                b"endTimeUnixNano" => span.end = nanoseconds(value, "endTimeUnixNano")?,
                b"attributes" => pairs(value, &mut each)?,
                b"events" => span.events = Part::Json(value.skip()?),
                b"status" => value.members("status", |name, value| {
                    match name {
                        b"message" => span.status_message = value.text("message")?,
                        b"code" => span.status_code = enumeration(value, "code", "STATUS_CODE_", &CODES)?,
                        _ => drop(value.skip()?),
                    }
                    Ok(())
                })?,
                _ => drop(value.skip()?),
            }
            Ok(())
        })?;
        Ok(span)
    }

    fn log<'a>(text: &'a [u8], mut each: impl FnMut(Text<'a>, Value<'a>)) -> Result<LogView<'a>, Malformed> {
        let (mut log, mut observed) = (LogView::EMPTY, 0);
        Cursor::of(text).members("log record", |name, member| {
            match name {
                b"timeUnixNano" => log.time = nanoseconds(member, "timeUnixNano")?,
                b"observedTimeUnixNano" => observed = nanoseconds(member, "observedTimeUnixNano")?,
                b"traceId" => log.trace_id = hexadecimal(member)?,
                b"spanId" => log.span_id = hexadecimal(member)?,
                b"eventName" => log.event_name = member.text("eventName")?,
                b"body" => {
                    if let Some(Value::Text(body)) = value(member)? {
                        log.body = body;
                    }
                }
                b"attributes" => pairs(member, &mut each)?,
                _ => drop(member.skip()?),
            }
            Ok(())
        })?;
        log.time = if log.time == 0 { observed } else { log.time };
        Ok(log)
    }

    fn points<'a>(text: &'a [u8], name: &str, each: impl FnMut(PointView<'a>)) -> Result<(), Malformed> {
        counter::points(text, name, each)
    }
}

/// The names of `SpanKind` and `StatusCode` without what they begin with, by number.
const KINDS: [&str; 6] = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const CODES: [&str; 3] = ["UNSET", "OK", "ERROR"];

/// Calls `each` with the events in a list of them.
pub(super) fn events<'a>(
    list: &'a [u8],
    mut each: impl FnMut(EventView<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    Cursor::of(list).elements("events", |event| {
        let mut view = EventView { time: 0, name: Text::EMPTY, attributes: Part::Json(b"null") };
        event.members("event", |name, value| {
            match name {
                b"timeUnixNano" => view.time = nanoseconds(value, "timeUnixNano")?,
                b"name" => view.name = value.text("name")?,
                b"attributes" => view.attributes = Part::Json(value.skip()?),
                _ => drop(value.skip()?),
            }
            Ok(())
        })?;
        each(view)
    })
}

/// Calls `each` with the attributes in a list of them.
pub(super) fn attributes<'a>(
    list: &'a [u8],
    mut each: impl FnMut(Text<'a>, Value<'a>),
) -> Result<(), Malformed> {
    pairs(&mut Cursor::of(list), &mut each)
}

/// The values in a list of them.
pub(super) fn items(list: &[u8]) -> impl Iterator<Item = Value<'_>> {
    let mut cursor = Cursor::of(list);
    let (mut open, mut first) = (cursor.opens(b'[', "values").unwrap_or(false), true);
    std::iter::from_fn(move || {
        open = open && cursor.more(&mut first, b']').unwrap_or(false);
        let value = open.then(|| value(&mut cursor))?;
        open = value.is_ok();
        Some(value.ok().flatten())
    })
    .flatten()
}

/// Calls `each` with the attributes in the list here, but for those without a value.
fn pairs<'a>(list: &mut Cursor<'a>, each: &mut impl FnMut(Text<'a>, Value<'a>)) -> Result<(), Malformed> {
    list.elements("attributes", |pair| {
        let (mut key, mut given) = (Text::EMPTY, None);
        pair.members("attribute", |name, member| {
            match name {
                b"key" => key = member.text("key")?,
                b"value" => given = value(member)?,
                _ => drop(member.skip()?),
            }
            Ok(())
        })?;
        if let Some(given) = given {
            each(key, given);
        }
        Ok(())
    })
}

/// The `AnyValue` here; `None` when it holds nothing. What a list or a map holds is not read.
fn value<'a>(here: &mut Cursor<'a>) -> Result<Option<Value<'a>>, Malformed> {
    let mut value = None;
    here.members("value", |name, member| {
        let read = match name {
            b"stringValue" => match member.scalar("stringValue")? {
                Scalar::Text(text) => Some(Value::Text(text)),
                Scalar::Null => None,
                _ => return Err(Malformed::Member("stringValue")),
            },
            b"boolValue" => match member.scalar("boolValue")? {
                Scalar::Bool(flag) => Some(Value::Bool(flag)),
                Scalar::Null => None,
                _ => return Err(Malformed::Member("boolValue")),
            },
            b"intValue" => {
                integer(member, "intValue")?.and_then(|number| number.try_into().ok()).map(Value::Int)
            }
            b"doubleValue" => double(member, "doubleValue")?.map(Value::Double),
            b"arrayValue" => {
                let mut list = None;
                member.members("arrayValue", |name, values| {
                    let part = values.skip()?;
                    if name == b"values" {
                        list = Some(part);
                    }
                    Ok(())
                })?;
                Some(Value::List(List(Part::Json(list.unwrap_or(b"null")))))
            }
            b"kvlistValue" | b"bytesValue" => (member.skip()? != b"null").then_some(Value::Other),
            _ => member.skip().map(|_| None)?,
        };
        value = read.or(value);
        Ok(())
    })?;
    Ok(value)
}

/// The id of `N` bytes here; `None` for anything else, which is as good as no id.
fn hexadecimal<const N: usize>(here: &mut Cursor<'_>) -> Result<Option<[u8; N]>, Malformed> {
    if let Ok(Scalar::Text(text)) = Cursor::of(here.skip()?).scalar("id") {
        return Ok(parse_hex(&text.head(SCALAR_BYTES)).and_then(|bytes| id(&bytes)));
    }
    Ok(None)
}

/// An unsigned number, such as nanoseconds since 1970; 0 when absent or out of range.
fn nanoseconds(here: &mut Cursor<'_>, what: &'static str) -> Result<u64, Malformed> {
    Ok(integer(here, what)?.and_then(|number| number.try_into().ok()).unwrap_or(0))
}

/// An integer, as a number or as a string.
#[expect(clippy::cast_possible_truncation, reason = "a whole number, and `as` saturates")]
fn integer(here: &mut Cursor<'_>, what: &'static str) -> Result<Option<i128>, Malformed> {
    let read = |digits: &str| {
        let whole = |number: &f64| number.fract() == 0.0;
        digits.parse().ok().or_else(|| digits.parse().ok().filter(whole).map(|number: f64| number as i128))
    };
    match here.scalar(what)? {
        Scalar::Null => Ok(None),
        Scalar::Number(digits) => read(digits).map(Some).ok_or(Malformed::Member(what)),
        Scalar::Text(digits) => read(&digits.head(SCALAR_BYTES)).map(Some).ok_or(Malformed::Member(what)),
        Scalar::Bool(_) => Err(Malformed::Member(what)),
    }
}

/// A double, as a number or as a string: `NaN`, `Infinity` and `-Infinity` among them.
fn double(here: &mut Cursor<'_>, what: &'static str) -> Result<Option<f64>, Malformed> {
    match here.scalar(what)? {
        Scalar::Null => Ok(None),
        Scalar::Number(digits) => digits.parse().map(Some).map_err(|_| Malformed::Member(what)),
        Scalar::Text(digits) => {
            digits.head(SCALAR_BYTES).parse().map(Some).map_err(|_| Malformed::Member(what))
        }
        Scalar::Bool(_) => Err(Malformed::Member(what)),
    }
}

/// A number of an enumeration, or one of its names, which begin with `prefix`; 0 for others.
fn enumeration(
    here: &mut Cursor<'_>,
    what: &'static str,
    prefix: &str,
    names: &[&str],
) -> Result<u64, Malformed> {
    match here.scalar(what)? {
        Scalar::Null => Ok(0),
        Scalar::Number(digits) => Ok(digits.parse().unwrap_or(0)),
        Scalar::Text(name) => {
            let name = name.head(SCALAR_BYTES);
            let known =
                name.strip_prefix(prefix).and_then(|name| names.iter().position(|known| *known == name));
            Ok(known.map_or(0, |number| number as u64))
        }
        Scalar::Bool(_) => Err(Malformed::Member(what)),
    }
}
