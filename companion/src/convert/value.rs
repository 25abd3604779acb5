//! Lenient readers of attribute values, each with a bound. A value of the wrong type is an absent value.

use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;

/// Bytes kept of a name: a model, a provider, an id. Longer ones are cut.
pub(super) const NAME_BYTES: usize = 256;
/// Bytes kept of a text: an error message, a preview.
pub(super) const TEXT_BYTES: usize = 1024;
/// Finish reasons kept of one call: one for each choice.
const MOST_REASONS: usize = 16;
/// No call has more tokens; a larger number is a fault of the sender and would spoil every sum.
const MOST_TOKENS: u64 = 1_000_000_000;
/// No call costs more, in USD; for the same reason.
const MOST_USD: f64 = 10_000.0;

/// A string of at most `bytes` bytes. Integers are ids that some senders type so; an empty string is absent.
pub(super) fn text(value: Value, bytes: usize) -> Option<String> {
    match value {
        Value::StringValue(text) if !text.is_empty() => Some(cut(text, bytes)),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Cuts at a character's boundary, and gives back the memory of what was cut.
pub(crate) fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let mut end = bytes;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.shrink_to_fit();
    }
    text
}

/// The text of a string value, without taking it.
pub(super) fn borrowed(value: Option<&AnyValue>) -> Option<&str> {
    match value?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// A count, also where it came as a whole double or as digits.
pub(super) fn count(value: &Value) -> Option<u64> {
    match value {
        Value::IntValue(number) => u64::try_from(*number).ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates and the sign is checked"
        )]
        Value::DoubleValue(number) if *number >= 0.0 && number.fract() == 0.0 => Some(*number as u64),
        Value::StringValue(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// A number of tokens; absent beyond any model's window.
pub(super) fn tokens(value: &Value) -> Option<u64> {
    count(value).filter(|tokens| *tokens <= MOST_TOKENS)
}

/// A number, also where it came as an integer or as digits; never NaN or infinite.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::DoubleValue(number) => *number,
        #[expect(clippy::cast_precision_loss, reason = "costs and seconds are far below 2^53")]
        Value::IntValue(number) => *number as f64,
        Value::StringValue(digits) => digits.parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// An amount of USD a call can cost.
pub(super) fn usd(value: &Value) -> Option<f64> {
    number(value).filter(|usd| (0.0..=MOST_USD).contains(usd))
}

/// A flag, also where it came as text.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::BoolValue(flag) => Some(*flag),
        Value::StringValue(text) => text.to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

/// An HTTP status.
pub(super) fn status(value: &Value) -> Option<u16> {
    count(value).and_then(|code| u16::try_from(code).ok()).filter(|code| (100..=599).contains(code))
}

/// A list of names; a single name is a list of one.
pub(super) fn names(value: Value) -> Option<Vec<String>> {
    let names: Vec<String> = match value {
        Value::ArrayValue(array) => array
            .values
            .into_iter()
            .take(MOST_REASONS)
            .filter_map(|item| text(item.value?, NAME_BYTES))
            .collect(),
        single => text(single, NAME_BYTES).into_iter().collect(),
    };
    (!names.is_empty()).then_some(names)
}
