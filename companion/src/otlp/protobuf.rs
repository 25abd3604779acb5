//! Requests in protobuf. Field numbers are those of opentelemetry-proto 1.9 (`trace_service.proto`, `trace.proto`,
//! `logs.proto`, `metrics.proto`, `common.proto`, `resource.proto`); a field that occurs again overrides the one before, a repeated one is another
//! item, as in protobuf.

mod fields;

use super::{
    CUMULATIVE, Encoding, EventView, List, LogView, Malformed, Part, PointView, Signal, SpanView, Text,
    Value, id,
};
use fields::Fields;

/// OTLP in protobuf.
pub(crate) struct Protobuf;

// Repeated fields and messages, for `messages`.
const RESOURCES: u64 = 1;
const RESOURCE: u64 = 1;
const RESOURCE_ATTRIBUTES: u64 = 1;
const SCOPES: u64 = 2;
const SCOPE: u64 = 1;
const ALL_OF_SCOPE: u64 = 2;
const EVENTS: u64 = 11;
const EVENT_ATTRIBUTES: u64 = 3;
const POINTS: u64 = 1;
const POINT_ATTRIBUTES: u64 = 7;
const ITEMS: u64 = 1;

impl Encoding for Protobuf {
    type Resource<'a> = &'a [u8];
    type Scope<'a> = &'a [u8];
    type Item<'a> = &'a [u8];

    fn resources<'a, S: Signal>(request: &'a [u8], mut each: impl FnMut(&'a [u8])) -> Result<(), Malformed> {
        messages(request, RESOURCES, |resource| {
            each(resource);
            Ok(())
        })
    }

    fn resource_attributes<'a>(
        resource: &'a [u8],
        mut each: impl FnMut(Text<'a>, Value<'a>),
    ) -> Result<(), Malformed> {
        readable_messages(resource, RESOURCE, |resource| {
            messages(resource, RESOURCE_ATTRIBUTES, |pair| attribute(pair, &mut each))
        })
    }

    fn scopes<'a, S: Signal>(resource: &'a [u8], mut each: impl FnMut(&'a [u8])) -> Result<(), Malformed> {
        messages(resource, SCOPES, |scope| {
            each(scope);
            Ok(())
        })
    }

    fn name_and_version<'a>(scope: Self::Scope<'a>) -> Result<(Text<'a>, Text<'a>), Malformed> {
        let (mut name, mut version) = (Text::EMPTY, Text::EMPTY);
        readable_messages(scope, SCOPE, |scope| {
            for field in Fields::of(scope) {
                let field = field?;
                match field.number {
                    1 => name = field.text()?,
                    2 => version = field.text()?,
                    _ => {}
                }
            }
            Ok(())
        })?;
        Ok((name, version))
    }

    fn items<'a, S: Signal>(scope: &'a [u8], mut each: impl FnMut(&'a [u8])) -> Result<(), Malformed> {
        messages(scope, ALL_OF_SCOPE, |item| {
            each(item);
            Ok(())
        })
    }

    fn span<'a>(
        message: &'a [u8],
        mut each: impl FnMut(Text<'a>, Value<'a>),
    ) -> Result<SpanView<'a>, Malformed> {
        let mut span = SpanView::of(Part::Protobuf(message));
        for field in Fields::of(message) {
            let field = field?;
            match field.number {
                1 => span.trace_id = id(field.bytes()?),
                2 => span.span_id = id(field.bytes()?),
                4 => span.parent_span_id = id(field.bytes()?),
                5 => span.name = field.text()?,
                6 => span.kind = field.varint()?,
                7 => span.start = field.fixed64()?,
                8 => span.end = field.fixed64()?,
                9 => attribute(field.bytes()?, &mut each)?,
                15 => status(field.bytes()?, &mut span)?,
                _ => {}
            }
        }
        Ok(span)
    }

    fn log<'a>(
        message: &'a [u8],
        mut each: impl FnMut(Text<'a>, Value<'a>),
    ) -> Result<LogView<'a>, Malformed> {
        let (mut log, mut observed) = (LogView::EMPTY, 0);
        for field in Fields::of(message) {
            let field = field?;
            match field.number {
                1 => log.time = field.fixed64()?,
                5 => {
                    if let Some(Value::Text(body)) = value(field.bytes()?)? {
                        log.body = body;
                    }
                }
                6 => attribute(field.bytes()?, &mut each)?,
                9 => log.trace_id = id(field.bytes()?),
                10 => log.span_id = id(field.bytes()?),
                11 => observed = field.fixed64()?,
                12 => log.event_name = field.text()?,
                _ => {}
            }
        }
        log.time = if log.time == 0 { observed } else { log.time };
        Ok(log)
    }

    fn points<'a>(
        metric: &'a [u8],
        name: &str,
        mut each: impl FnMut(PointView<'a>),
    ) -> Result<(), Malformed> {
        let (mut named, mut sum) = (Text::EMPTY, None);
        for field in Fields::of(metric) {
            let field = field?;
            match field.number {
                1 => named = field.text()?,
                7 => sum = Some(field.bytes()?),
                _ => {}
            }
        }
        let Some(sum) = sum.filter(|_| named.head(name.len() + 1) == name) else { return Ok(()) };
        let mut cumulative = false;
        for field in Fields::of(sum) {
            let field = field?;
            if field.number == 2 {
                cumulative = field.varint()? == CUMULATIVE;
            }
        }
        messages(sum, POINTS, |message| {
            let mut point =
                PointView { start: 0, time: 0, value: 0, cumulative, attributes: Part::Protobuf(message) };
            for field in Fields::of(message) {
                let field = field?;
                match field.number {
                    2 => point.start = field.fixed64()?,
                    3 => point.time = field.fixed64()?,
                    4 => point.value = whole(f64::from_bits(field.fixed64()?)),
                    6 => point.value = u64::try_from(field.fixed64()?.cast_signed()).unwrap_or(0),
                    _ => {}
                }
            }
            each(point);
            Ok(())
        })
    }
}

/// A count that came as a double.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN is 0")]
pub(super) const fn whole(value: f64) -> u64 {
    value as u64
}

fn status<'a>(message: &'a [u8], span: &mut SpanView<'a>) -> Result<(), Malformed> {
    for field in Fields::of(message) {
        let field = field?;
        match field.number {
            2 => span.status_message = field.text()?,
            3 => span.status_code = field.varint()?,
            _ => {}
        }
    }
    Ok(())
}

/// Calls `each` with the events of a span.
pub(super) fn events<'a>(
    span: &'a [u8],
    mut each: impl FnMut(EventView<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    messages(span, EVENTS, |message| {
        let mut event = EventView { time: 0, name: Text::EMPTY, attributes: Part::Protobuf(message) };
        for field in Fields::of(message) {
            let field = field?;
            match field.number {
                1 => event.time = field.fixed64()?,
                2 => event.name = field.text()?,
                _ => {}
            }
        }
        each(event)
    })
}

/// Calls `each` with the attributes of an event.
pub(super) fn event_attributes<'a>(
    event: &'a [u8],
    mut each: impl FnMut(Text<'a>, Value<'a>),
) -> Result<(), Malformed> {
    messages(event, EVENT_ATTRIBUTES, |pair| attribute(pair, &mut each))
}

/// Calls `each` with the attributes of a data point.
pub(super) fn point_attributes<'a>(
    point: &'a [u8],
    mut each: impl FnMut(Text<'a>, Value<'a>),
) -> Result<(), Malformed> {
    messages(point, POINT_ATTRIBUTES, |pair| attribute(pair, &mut each))
}

/// The values of an `ArrayValue`.
pub(super) fn items(list: &[u8]) -> impl Iterator<Item = Value<'_>> {
    let items = Fields::of(list).map_while(Result::ok).filter(|field| field.number == ITEMS);
    items.map_while(|item| value(item.bytes().ok()?).ok()).flatten()
}

/// Calls `each` with the messages in the repeated field `number` of `message`.
fn messages<'a>(
    message: &'a [u8],
    number: u64,
    mut each: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    for field in Fields::of(message) {
        let field = field?;
        if field.number == number {
            each(field.bytes()?)?;
        }
    }
    Ok(())
}

/// As [`messages`], up to where `message` breaks off: what is good of it is read, and who reads the list in it reports the
/// rest.
fn readable_messages<'a>(
    message: &'a [u8],
    number: u64,
    mut each: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut fields = Fields::of(message).map_while(Result::ok).filter(|field| field.number == number);
    fields.try_for_each(|field| each(field.bytes()?))
}

/// Calls `each` with a `KeyValue`, unless it has no value.
fn attribute<'a>(message: &'a [u8], each: &mut impl FnMut(Text<'a>, Value<'a>)) -> Result<(), Malformed> {
    let (mut key, mut given) = (Text::EMPTY, None);
    for field in Fields::of(message) {
        let field = field?;
        match field.number {
            1 => key = field.text()?,
            2 => given = value(field.bytes()?)?,
            _ => {}
        }
    }
    if let Some(given) = given {
        each(key, given);
    }
    Ok(())
}

/// An `AnyValue`; `None` when it holds nothing. What a list or a map holds is not read.
fn value(message: &[u8]) -> Result<Option<Value<'_>>, Malformed> {
    let mut value = None;
    for field in Fields::of(message) {
        let field = field?;
        value = Some(match field.number {
            1 => Value::Text(field.text()?),
            2 => Value::Bool(field.varint()? != 0),
            3 => Value::Int(field.varint()?.cast_signed()),
            4 => Value::Double(f64::from_bits(field.fixed64()?)),
            5 => Value::List(List(Part::Protobuf(field.bytes()?))),
            6 | 7 => field.bytes().map(|_| Value::Other)?,
            _ => continue,
        });
    }
    Ok(value)
}
