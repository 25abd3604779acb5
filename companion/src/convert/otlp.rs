//! An OTLP export request, read in place: of its strings only those a record keeps are copied. Field numbers are
//! those of opentelemetry-proto 1.9 (`trace_service.proto`, `trace.proto`, `common.proto`, `resource.proto`); a
//! field that occurs again overrules the one before, a repeated one is another item, as protobuf has it.

use super::wire::{Fields, Malformed};

/// A value of an attribute. Maps and bytes state no fact this ledger keeps.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    List(List<'a>),
    Other,
}

/// How deep values may nest. Nobody nests them so deep in earnest, and each level takes stack.
const DEEPEST: u8 = 64;

impl<'a> Value<'a> {
    /// Reads an `AnyValue` that stands `depth` values deep, and checks what it holds; `None` when that is nothing.
    fn read(message: &'a [u8], depth: u8) -> Result<Option<Self>, Malformed> {
        if depth > DEEPEST {
            return Err(Malformed::Nested);
        }
        let mut value = None;
        for field in Fields::of(message) {
            let field = field?;
            value = Some(match field.number {
                1 => Self::Text(field.text()?),
                2 => Self::Bool(field.varint()? != 0),
                3 => Self::Int(field.varint()?.cast_signed()),
                4 => Self::Double(f64::from_bits(field.fixed64()?)),
                5 => {
                    let list = field.bytes()?;
                    messages(list, ITEMS, |item| Self::read(item, depth + 1).map(drop))?;
                    Self::List(List(list))
                }
                6 => {
                    messages(field.bytes()?, ITEMS, |pair| key_value(pair, depth + 1).map(drop))?;
                    Self::Other
                }
                7 => Self::Other,
                _ => continue,
            });
        }
        Ok(value)
    }
}

/// An `ArrayValue` that was checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct List<'a>(&'a [u8]);

impl<'a> List<'a> {
    /// Its items.
    pub(super) fn items(self) -> impl Iterator<Item = Value<'a>> {
        Fields::of(self.0)
            .flatten()
            .filter(|field| field.number == ITEMS)
            .filter_map(|field| Value::read(field.bytes().ok()?, 1).ok().flatten())
    }
}

/// Calls `each` with the messages in the repeated field `number` of `message`.
pub(super) fn messages<'a>(
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

// Repeated fields, for `messages`.
pub(super) const RESOURCE_SPANS: u64 = 1;
pub(super) const SCOPE_SPANS: u64 = 2;
pub(super) const SPANS: u64 = 2;
const ITEMS: u64 = 1;
const RESOURCE: u64 = 1;
const RESOURCE_ATTRIBUTES: u64 = 1;
const SCOPE: u64 = 1;
const EVENTS: u64 = 11;
const EVENT_ATTRIBUTES: u64 = 3;

/// Calls `each` with the attributes of the resource of some `ResourceSpans`.
pub(super) fn resource_attributes<'a>(
    resource_spans: &'a [u8],
    mut each: impl FnMut(&'a str, Value<'a>),
) -> Result<(), Malformed> {
    messages(resource_spans, RESOURCE, |resource| {
        messages(resource, RESOURCE_ATTRIBUTES, |pair| attribute(pair, &mut each))
    })
}

/// The name and the version of the scope of some `ScopeSpans`; empty when it has none.
pub(super) fn scope(scope_spans: &[u8]) -> Result<(&str, &str), Malformed> {
    let (mut name, mut version) = ("", "");
    messages(scope_spans, SCOPE, |scope| {
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

/// A span without its attributes, which are read on the way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span<'a> {
    pub(super) trace_id: &'a [u8],
    pub(super) span_id: &'a [u8],
    pub(super) parent_span_id: &'a [u8],
    pub(super) name: &'a str,
    /// A number of `SpanKind`.
    pub(super) kind: u64,
    /// Nanoseconds since 1970; 0 when absent.
    pub(super) start: u64,
    /// As `start`.
    pub(super) end: u64,
    pub(super) status_code: u64,
    pub(super) status_message: &'a str,
    message: &'a [u8],
}

impl<'a> Span<'a> {
    /// Reads a span and calls `each` with its attributes.
    pub(super) fn read(
        message: &'a [u8],
        mut each: impl FnMut(&'a str, Value<'a>),
    ) -> Result<Self, Malformed> {
        let mut span = Self { message, ..Self::default() };
        for field in Fields::of(message) {
            let field = field?;
            match field.number {
                1 => span.trace_id = field.bytes()?,
                2 => span.span_id = field.bytes()?,
                4 => span.parent_span_id = field.bytes()?,
                5 => span.name = field.text()?,
                6 => span.kind = field.varint()?,
                7 => span.start = field.fixed64()?,
                8 => span.end = field.fixed64()?,
                9 => attribute(field.bytes()?, &mut each)?,
                15 => span.read_status(field.bytes()?)?,
                _ => {}
            }
        }
        Ok(span)
    }

    fn read_status(&mut self, message: &'a [u8]) -> Result<(), Malformed> {
        for field in Fields::of(message) {
            let field = field?;
            match field.number {
                2 => self.status_message = field.text()?,
                3 => self.status_code = field.varint()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Calls `each` with the events.
    pub(super) fn events(
        &self,
        mut each: impl FnMut(Event<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        messages(self.message, EVENTS, |message| {
            let mut event = Event { time: 0, name: "", message };
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
}

/// An event of a span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event<'a> {
    /// Nanoseconds since 1970; 0 when absent.
    pub(super) time: u64,
    pub(super) name: &'a str,
    message: &'a [u8],
}

impl<'a> Event<'a> {
    /// Calls `each` with its attributes.
    pub(super) fn attributes(&self, mut each: impl FnMut(&'a str, Value<'a>)) -> Result<(), Malformed> {
        messages(self.message, EVENT_ATTRIBUTES, |pair| attribute(pair, &mut each))
    }
}

/// Calls `each` with a `KeyValue`, unless it has no value.
fn attribute<'a>(message: &'a [u8], each: &mut impl FnMut(&'a str, Value<'a>)) -> Result<(), Malformed> {
    if let (key, Some(value)) = key_value(message, 0)? {
        each(key, value);
    }
    Ok(())
}

/// Reads a `KeyValue` whose value stands `depth` values deep.
fn key_value(message: &[u8], depth: u8) -> Result<(&str, Option<Value<'_>>), Malformed> {
    let (mut key, mut value) = ("", None);
    for field in Fields::of(message) {
        let field = field?;
        match field.number {
            1 => key = field.text()?,
            2 => value = Value::read(field.bytes()?, depth)?,
            _ => {}
        }
    }
    Ok((key, value))
}
