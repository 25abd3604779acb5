//! Errors as providers word them: the shapes differ, the facts are the same, so all wire formats read them here.
//!
//! Read are `{"error": {"code", "type", "message", "status"}}`, `{"error": "text"}`, `{"type": "error", "error": {}}`,
//! `{"code" | "type", "message"}`, `{"detail": ...}`, `{"errors": [...]}`, arrays of these, AWS's `{"__type", "message"}`,
//! and the objects in which some report a status of their own next to HTTP's: MiniMax's `base_resp`, iFlytek's `header`,
//! Tencent's `Response`, Volcengine's `ResponseMetadata`, Baidu's `error_code`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::repair;
use crate::call::ErrorFacts;
use crate::provider::read::lenient::Text;

/// Longer codes are prose.
const MAX_CODE_BYTES: usize = 64;

/// A member that holds an error: an object, a text, or an array whose first element is one of them. Null,
/// booleans and empty ones read as no error.
#[derive(Debug, Default)]
pub(crate) struct Fault<'a>(Option<Box<Fields<'a>>>);

/// The members that name an error, wherever a provider puts them.
#[derive(Debug, Default, Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    code: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    /// Hugging Face.
    #[serde(borrow, default)]
    error_type: Text<'a>,
    #[serde(borrow, default, rename = "__type")]
    aws_type: Text<'a>,
    /// `error`, where the whole body is one.
    #[serde(borrow, default)]
    object: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default, rename = "Message")]
    aws_message: Text<'a>,
    #[serde(borrow, default)]
    msg: Text<'a>,
    /// MiniMax, within `base_resp`.
    #[serde(borrow, default)]
    status_code: Text<'a>,
    #[serde(borrow, default)]
    status_msg: Text<'a>,
    /// Baidu, Databricks.
    #[serde(borrow, default)]
    error_code: Text<'a>,
    #[serde(borrow, default)]
    error_msg: Text<'a>,
    #[serde(borrow, default)]
    error_message: Text<'a>,
    #[serde(borrow, default)]
    errcode: Text<'a>,
    #[serde(borrow, default)]
    errmsg: Text<'a>,
    /// Tencent, Volcengine.
    #[serde(borrow, default, rename = "Code")]
    cloud_code: Text<'a>,
    /// RFC 9457.
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    base_resp: Fault<'a>,
    #[serde(borrow, default)]
    header: Fault<'a>,
    #[serde(borrow, default, rename = "Response")]
    response: Fault<'a>,
    #[serde(borrow, default, rename = "ResponseMetadata")]
    response_metadata: Fault<'a>,
    #[serde(borrow, default, rename = "Error")]
    cloud_error: Fault<'a>,
    /// AWS, of an operation that the host does not have: with status 200, and nothing in it but a `__type`.
    #[serde(borrow, default, rename = "Output")]
    aws_output: Fault<'a>,
    #[serde(borrow, default)]
    error: Fault<'a>,
    /// Cloudflare.
    #[serde(borrow, default)]
    errors: Fault<'a>,
    #[serde(borrow, default)]
    detail: Fault<'a>,
}

impl Fault<'_> {
    /// The error, if there is one.
    pub(crate) fn facts(&self) -> Option<ErrorFacts> {
        let fields = self.0.as_deref()?;
        let inner = [&fields.error, &fields.errors, &fields.detail, &fields.cloud_error];
        let inner = inner.into_iter().find_map(Fault::facts).or_else(|| fields.status()).unwrap_or_default();
        let code = inner.code.or_else(|| fields.own_code());
        let own_message = || fields.own_message().map(str::to_owned);
        let message = inner.message.or_else(own_message);
        (code.is_some() || message.is_some()).then_some(ErrorFacts { code, message })
    }

    /// The error in an object that reports success in the same words: a code that is none means success.
    pub(crate) fn failure(&self) -> Option<ErrorFacts> {
        let fields = self.0.as_deref()?;
        let nested = [&fields.cloud_error, &fields.error].into_iter().find_map(Fault::facts);
        nested.or_else(|| self.facts().filter(|_| fields.codes().any(|code| !is_success(code))))
    }
}

impl Fields<'_> {
    /// The error in a status object next to the response.
    fn status(&self) -> Option<ErrorFacts> {
        let objects = [&self.base_resp, &self.header, &self.response, &self.response_metadata];
        objects.into_iter().find_map(Fault::failure).or_else(|| {
            let output = self.aws_output.0.as_deref()?;
            output.aws_type.some().and_then(|_| self.aws_output.facts())
        })
    }

    /// Codes that also report success.
    fn codes(&self) -> impl Iterator<Item = &str> {
        let all = [&self.code, &self.status_code, &self.error_code, &self.errcode, &self.cloud_code];
        all.into_iter().filter_map(Text::some)
    }

    /// The code, else the type, else the status name: the most precise first. A code that repeats the HTTP status
    /// (Google, llama.cpp, OpenRouter) comes last. `error` as a type says nothing, nor does `LiteLLM`'s `None`.
    fn own_code(&self) -> Option<String> {
        let code = self.code.some();
        let (last, first) = if code.is_some_and(is_http_status) { (code, None) } else { (None, code) };
        let aws_type = self.aws_type.some().map(aws_name);
        let named = [
            first,
            self.error_code.some(),
            self.cloud_code.some(),
            self.errcode.some(),
            self.status_code.some(),
            self.kind.some(),
            self.error_type.some(),
            aws_type,
            self.status.some(),
            last,
        ];
        named
            .into_iter()
            .flatten()
            .find(|name| !matches!(*name, "error" | "None") && is_code(name))
            .map(str::to_owned)
    }

    fn own_message(&self) -> Option<&str> {
        let all = [
            &self.message,
            &self.aws_message,
            &self.msg,
            &self.status_msg,
            &self.error_msg,
            &self.error_message,
            &self.errmsg,
            &self.title,
        ];
        all.into_iter().find_map(Text::some)
    }
}

/// Reads a body or an event that carries no response: an object, or an array of them. A type or status alone makes no error (`{"type": "ping"}`).
pub(crate) fn read(body: &[u8]) -> Option<ErrorFacts> {
    let text = repair::skip_blank(body);
    let first = text.strip_prefix(b"[").unwrap_or(text).trim_ascii_start();
    if first.first() != Some(&b'{') {
        return None;
    }
    match serde_json::from_slice::<Fault<'_>>(body) {
        Ok(fault) => fault.worded(),
        Err(_) => serde_json::from_slice::<Fault<'_>>(&repair::repair_short(body)?).ok()?.worded(),
    }
}

impl Fault<'_> {
    /// The error of a document that is nothing else.
    fn worded(&self) -> Option<ErrorFacts> {
        let fields = self.0.as_deref()?;
        let within = [&fields.error, &fields.errors, &fields.detail, &fields.cloud_error];
        let within = within.iter().any(|inner| inner.0.is_some()) || fields.status().is_some();
        // DashScope and others send a code and a message of success along.
        let refused = fields.codes().next().is_none() || fields.codes().any(|code| !is_success(code));
        let worded = refused && fields.own_message().is_some();
        let worded = within || worded || fields.object.some() == Some("error");
        if worded { self.facts() } else { None }
    }
}

/// Whether an event that is no document is marked as an error: `data: [ERROR] ...`, as many servers in front of
/// models write next to `data: [DONE]` (public code of FastAPI, Flask and Next.js servers, 2026-11).
pub(crate) fn is_marked(data: &[u8]) -> bool {
    const MARK: &[u8] = b"[ERROR]";
    data.trim_ascii().get(..MARK.len()).is_some_and(|start| start.eq_ignore_ascii_case(MARK))
}

/// The name in an AWS error type: `com.amazonaws.bedrock#ThrottlingException:http://...`.
pub(crate) fn aws_name(text: &str) -> &str {
    let name = text.rsplit_once('#').map_or(text, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name)
}

/// Whether a code says that all went well.
fn is_success(code: &str) -> bool {
    let code = code.trim();
    ["", "0", "200", "20000", "ok", "success"].iter().any(|success| success.eq_ignore_ascii_case(code))
}

/// Whether a code is the number of an HTTP error.
fn is_http_status(code: &str) -> bool {
    code.parse::<u16>().is_ok_and(|number| (400..600).contains(&number))
}

/// Whether this can be a low-cardinality identifier rather than prose.
fn is_code(text: &str) -> bool {
    text.len() <= MAX_CODE_BYTES
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte))
}

impl<'de: 'a, 'a> Deserialize<'de> for Fault<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Fault<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an error")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let fields = Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Fault(Some(Box::new(fields))))
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Fault::of_text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Fault::of_text(Cow::Owned(text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let first = seq.next_element::<Fault<'de>>()?.unwrap_or_default();
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(first)
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Fault::default())
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Fault::default())
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Fault::default())
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Fault::default())
            }
            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Fault::default())
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

impl<'a> Fault<'a> {
    fn of_text(text: Cow<'a, str>) -> Self {
        Fault(Some(Box::new(Fields { message: Text(Some(text)), ..Fields::default() })))
    }
}

#[cfg(test)]
mod tests;
