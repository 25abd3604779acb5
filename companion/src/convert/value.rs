//! Lenient readers of attribute values, each with a bound. A value of the wrong type is an absent value.

use std::borrow::Cow;

use crate::otlp::{Text, Value, head};

/// Bytes kept of a name: a model, a provider, an id. Longer ones are cut.
pub(super) const NAME_BYTES: usize = 256;
/// Bytes kept of a text: an error message, a preview.
pub(super) const TEXT_BYTES: usize = 1024;
/// Bytes of a document, or of a quoted text, that is parsed. Larger ones hold contents, which state no fact.
pub(super) const DOCUMENT_BYTES: usize = 1 << 20;
/// Bytes of the longest number or flag that came as text.
const NUMBER_BYTES: usize = 64;
/// Finish reasons kept of one call: one for each choice.
const MOST_REASONS: usize = 16;
/// Factors of a price kept of one call: as many as the library writes.
const MOST_FACTORS: usize = 64;
/// No call has more tokens; a larger number is a fault of the sender and would spoil every sum.
const MOST_TOKENS: u64 = 1_000_000_000;
/// No call costs more, in USD; for the same reason.
const MOST_USD: f64 = 10_000.0;

/// A string of at most `bytes` bytes. Integers are ids that some senders type so; an empty string is absent.
pub(super) fn text(value: Value<'_>, bytes: usize) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text.head(bytes)),
        Value::Int(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// As [`head`], and gives back the memory of what was cut.
pub(crate) fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(head(&text, bytes).len());
        text.shrink_to_fit();
    }
    text
}

/// A count, also where it came as a whole double or as digits.
pub(super) fn count(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(number).ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates and the sign is checked"
        )]
        Value::Double(number) if number >= 0.0 && number.fract() == 0.0 => Some(number as u64),
        Value::Text(digits) => {
            let digits = digits.head(NUMBER_BYTES);
            let digits = digits.trim();
            digits.strip_suffix(".0").unwrap_or(digits).parse().ok()
        }
        _ => None,
    }
}

/// A number of tokens; absent beyond any model's window.
pub(super) fn tokens(value: Value<'_>) -> Option<u64> {
    count(value).filter(|tokens| *tokens <= MOST_TOKENS)
}

/// A number, also where it came as an integer or as digits; never NaN or infinite.
pub(super) fn number(value: Value<'_>) -> Option<f64> {
    let number = match value {
        Value::Double(number) => number,
        #[expect(clippy::cast_precision_loss, reason = "costs and seconds are far below 2^53")]
        Value::Int(number) => number as f64,
        Value::Text(digits) => digits.head(NUMBER_BYTES).trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// An amount of USD that a call can cost.
pub(super) fn usd(value: Value<'_>) -> Option<f64> {
    number(value).filter(|usd| (0.0..=MOST_USD).contains(usd))
}

/// A flag, also where it came as text, or as 0 or 1.
pub(super) fn flag(value: Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(flag),
        Value::Int(number @ 0..=1) => Some(number == 1),
        Value::Text(text) => match text.head(NUMBER_BYTES).trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// An HTTP status, also where its reason follows: `429 Too Many Requests`.
pub(super) fn status(value: Value<'_>) -> Option<u16> {
    let first = |text: Text<'_>| text.head(NUMBER_BYTES).split_whitespace().next()?.parse().ok();
    let code = match value {
        Value::Text(text) => first(text),
        other => count(other),
    };
    code.and_then(|code| u16::try_from(code).ok()).filter(|code| (100..=599).contains(code))
}

/// A member of a document that is no list and no object.
pub(super) fn of_json(member: &serde_json::Value) -> Option<Value<'_>> {
    Some(match member {
        serde_json::Value::String(text) => Value::Text(Text::Plain(text)),
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Double(number.as_f64()?),
        },
        _ => return None,
    })
}

/// The string that `text` is as JSON. Objects that a sender could not write as JSON are written as `<…>`.
pub(super) fn unquoted(text: &str) -> Option<String> {
    serde_json::from_str(text).ok().filter(|text: &String| !text.starts_with('<') && text != "NOT_GIVEN")
}

/// A list of names; a single name is a list of one, and the text of a list of strings, in JSON or Python, is that list.
pub(super) fn names(value: Value<'_>) -> Option<Vec<String>> {
    list(value, MOST_REASONS)
}

/// What decides a price, each as `key=value`.
pub(super) fn factors(value: Value<'_>) -> Option<Vec<String>> {
    list(value, MOST_FACTORS)
}

fn list(value: Value<'_>, most: usize) -> Option<Vec<String>> {
    let names: Vec<String> = match value {
        Value::Text(text) if text.head(1) == "[" => {
            let text = text.head(DOCUMENT_BYTES);
            let items: Vec<serde_json::Value> = serde_json::from_str(&text)
                .or_else(|_| serde_json::from_str(&text.replace('\'', "\"")))
                .ok()?;
            let name = |item| if let serde_json::Value::String(name) = item { Some(name) } else { None };
            items
                .into_iter()
                .filter_map(name)
                .filter(|name| !name.is_empty())
                .take(most)
                .map(|name| cut(name, NAME_BYTES))
                .collect()
        }
        Value::List(list) => {
            list.items().take(most).filter_map(|item| text(item, NAME_BYTES)).map(Cow::into_owned).collect()
        }
        single => text(single, NAME_BYTES).map(Cow::into_owned).into_iter().collect(),
    };
    (!names.is_empty()).then_some(names)
}
