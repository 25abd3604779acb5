//! Makes content fit its bounds without breaking characters or JSON.

use serde_json::{Value, json};

/// Texts shorter than this are not cut: the note of what was cut would be as long.
const SHORTEST: usize = 32;

/// The first `count` characters of `text`.
pub(super) fn characters(text: &str, count: usize) -> &str {
    match text.char_indices().nth(count) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// Bytes that hold `count` characters of any kind.
pub(super) const fn bytes_of(count: usize) -> usize {
    count.saturating_mul(char::MAX.len_utf8())
}

/// The longest beginning of `text` that has at most `bytes` bytes and ends between characters.
pub(super) fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// `items` as a JSON array of at most `max_bytes`. All texts are cut to one length, halved until all fits, so
/// that the short ones stay whole; when that is not enough, the oldest items go and are counted.
pub(super) fn to_json(items: Vec<Value>, max_bytes: usize) -> String {
    let whole = Value::Array(items);
    let mut text = whole.to_string();
    let mut length = max_bytes;
    while text.len() > max_bytes && length >= SHORTEST {
        text = shortened(&whole, length).to_string();
        length /= 2;
    }
    if text.len() <= max_bytes { text } else { newest(&shortened(&whole, SHORTEST), max_bytes) }
}

/// A copy whose texts have at most `length` bytes, each with a note of what is missing.
fn shortened(value: &Value, length: usize) -> Value {
    match value {
        Value::String(text) if text.len() > length => noted(beginning(text, length), text.len()).into(),
        Value::Array(items) => items.iter().map(|item| shortened(item, length)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), shortened(member, length))).collect()
        }
        short => short.clone(),
    }
}

/// The beginning of a text of `length` bytes, saying how many follow.
pub(super) fn noted(beginning: &str, length: usize) -> String {
    format!("{beginning}...[{} bytes cut]", length - beginning.len())
}

/// The newest items that fit, behind a note of how many do not.
fn newest(items: &Value, max_bytes: usize) -> String {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    let messages = items.first().is_some_and(|item| item.get("role").is_some());
    let note = |omitted: usize| {
        let part = json!({"type": "text", "content": format!("[{omitted} omitted]")});
        let note = if messages { json!({"role": "system", "parts": [part]}) } else { part };
        note.to_string()
    };
    let Some(mut room) = max_bytes.checked_sub("[]".len() + note(items.len()).len()) else {
        return "[]".to_owned();
    };
    let mut kept: Vec<String> = Vec::new();
    for item in items.iter().rev().map(Value::to_string) {
        let Some(left) = room.checked_sub(",".len() + item.len()) else { break };
        room = left;
        kept.push(item);
    }
    kept.push(note(items.len() - kept.len()));
    kept.reverse();
    format!("[{}]", kept.join(","))
}
