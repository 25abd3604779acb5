//! A response of one API within an envelope of another: what the envelope says is read by a table, and what it holds
//! by the reader of its own format.

use std::fmt;

use http::HeaderMap;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::format::{Event, Framing, Reading, WireFormat};
use super::mapped::Mapped;
use super::read::document::{Unreadable, refuse};
use super::read::usage::Key;
use crate::call::RequestFacts;
use crate::content::InputContent;
use crate::json::Json;

/// An envelope and what is in it.
#[derive(Debug)]
pub(super) struct Wrapped {
    /// The members of the envelope.
    pub(super) outer: Mapped,
    /// The member that holds the request, where one does.
    pub(super) request: Option<&'static str>,
    /// The members that may hold the response; where there is none, the document itself is it.
    pub(super) response: &'static [&'static str],
    pub(super) inner: &'static dyn WireFormat,
}

impl WireFormat for Wrapped {
    fn stream_framing(&self) -> Framing {
        self.inner.stream_framing()
    }

    fn is_openai(&self) -> bool {
        self.inner.is_openai()
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        let inner = self.request.and_then(|name| body.get(name));
        self.inner.read_request(inner.unwrap_or(body), facts);
        self.outer.read_request(body, facts);
    }

    fn read_request_headers(&self, headers: &HeaderMap, facts: &mut RequestFacts) {
        self.outer.read_request_headers(headers, facts);
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        self.inner.fields_not_hashed()
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        let inner = self.request.and_then(|name| body.get(name));
        self.inner.read_input(inner.unwrap_or(body))
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        match self.within(body, reading) {
            Ok(Inner::Document(document)) => {
                self.outer.read_envelope(body, reading);
                self.inner.read_body(document, reading);
            }
            Ok(Inner::Absent) => self.outer.read_body(body, reading),
            Ok(Inner::Unwrapped) => {
                self.outer.read_envelope(body, reading);
                self.inner.read_body(body, reading);
            }
            Err(Unreadable) => {}
        }
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        match self.within(event.data, reading) {
            Ok(Inner::Document(data)) => {
                self.outer.read_envelope(event.data, reading);
                self.inner.read_event(Event { data, ..event }, reading);
            }
            Ok(Inner::Absent) => self.outer.read_event(event, reading),
            Ok(Inner::Unwrapped) => self.inner.read_event(event, reading),
            Err(Unreadable) => {}
        }
    }

    fn read_headers(&self, headers: &HeaderMap, reading: &mut Reading) {
        self.outer.read_headers(headers, reading);
    }
}

/// What an envelope holds.
enum Inner<'a> {
    Document(&'a [u8]),
    /// The member is null: there is an envelope, and nothing in it yet.
    Absent,
    /// There is no envelope.
    Unwrapped,
}

impl Wrapped {
    fn within<'a>(&self, document: &'a [u8], reading: &mut Reading) -> Result<Inner<'a>, Unreadable> {
        // An array has no members, and is what the inner format reads.
        if document.trim_ascii_start().first() != Some(&b'{') {
            return Ok(Inner::Unwrapped);
        }
        let mut json = serde_json::Deserializer::from_slice(document);
        match Envelope(self.response).deserialize(&mut json) {
            Ok(Some(inner)) if inner.get() == "null" => Ok(Inner::Absent),
            Ok(Some(inner)) => Ok(Inner::Document(inner.get().as_bytes())),
            Ok(None) => Ok(Inner::Unwrapped),
            Err(_) => refuse(document, reading).map(|()| Inner::Unwrapped),
        }
    }
}

/// Finds the first of these members that is there.
struct Envelope(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Envelope {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Envelope {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut seen = 0_u32;
        while let Some(key) = map.next_key_seed(Key)? {
            if let Some(place) = self.0.iter().position(|name| *name == key) {
                let value = map.next_value::<&RawValue>()?;
                if seen & 1 << place != 0 {
                    return Err(A::Error::custom("a member that is given twice"));
                }
                seen |= 1 << place;
                if found.is_none_or(|found: &RawValue| found.get() == "null") {
                    found = Some(value);
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}
