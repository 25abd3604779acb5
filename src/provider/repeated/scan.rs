//! Finds the ends of JSON values in an event. What is found is JSON to the letter; anything in doubt is left to the full reader.

/// Levels of a value. What nests deeper is read in full.
const DEPTH: usize = 16;

/// Bytes of a number: a double holds it.
const MAX_NUMBER: usize = 32;

/// Digits of a count, so that it stays below 2^53.
const MAX_COUNT: usize = 15;

/// Past white space.
pub(super) fn blank(data: &[u8], mut at: usize) -> usize {
    while matches!(data.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The closing quote of the string whose first byte is at `at`, and whether escapes are before it.
pub(super) fn string(data: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    loop {
        match *data.get(at)? {
            b'"' => return Some((at, escaped)),
            b'\\' => {
                escaped = true;
                at += escape(data, at)?;
            }
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// The length of the escape at `at`. Half of a surrogate pair is none.
fn escape(data: &[u8], at: usize) -> Option<usize> {
    match *data.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => match unit(data, at)? {
            0xD800..0xDC00 => matches!(unit(data, at + 6)?, 0xDC00..0xE000).then_some(12),
            0xDC00..0xE000 => None,
            _ => Some(6),
        },
        _ => None,
    }
}

/// The code unit that `\uXXXX` at `at` is.
fn unit(data: &[u8], at: usize) -> Option<u32> {
    let digits = data.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

/// The end of a count: a whole number that is neither zero nor too large.
pub(super) fn count(data: &[u8], at: usize) -> Option<usize> {
    let digits = data.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (data.get(at) != Some(&b'0') && (1..=MAX_COUNT).contains(&digits)).then_some(at + digits)
}

/// The end of a number without an exponent.
fn number(data: &[u8], start: usize) -> Option<usize> {
    let digits = |at: usize| {
        let count = data.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (count > 0).then_some(at + count)
    };
    let mut at = start + usize::from(data.get(start) == Some(&b'-'));
    at = if data.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    if data.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    (at - start <= MAX_NUMBER && !matches!(data.get(at), Some(b'e' | b'E'))).then_some(at)
}

/// The end of the value at `at`, of any type.
pub(super) fn value(data: &[u8], at: usize) -> Option<usize> {
    within(data, at, DEPTH)
}

fn within(data: &[u8], at: usize, depth: usize) -> Option<usize> {
    match *data.get(at)? {
        b'"' => string(data, at + 1).map(|(end, _)| end + 1),
        b'{' => list(data, at, depth.checked_sub(1)?, b'}'),
        b'[' => list(data, at, depth.checked_sub(1)?, b']'),
        b'n' => word(data, at, b"null"),
        b't' => word(data, at, b"true"),
        b'f' => word(data, at, b"false"),
        _ => number(data, at),
    }
}

fn word(data: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    data.get(at..)?.starts_with(word).then_some(at + word.len())
}

/// The end of an object or an array.
fn list(data: &[u8], open: usize, depth: usize, close: u8) -> Option<usize> {
    let mut at = blank(data, open + 1);
    if data.get(at) == Some(&close) {
        return Some(at + 1);
    }
    loop {
        if close == b'}' {
            at = name(data, at)?.1;
        }
        at = blank(data, within(data, at, depth)?);
        match *data.get(at)? {
            b',' => at = blank(data, at + 1),
            byte if byte == close => return Some(at + 1),
            _ => return None,
        }
    }
}

/// The name of the member at `at`, as it is spelled, and where its value begins.
pub(super) fn name(data: &[u8], at: usize) -> Option<(&[u8], usize)> {
    if data.get(at) != Some(&b'"') {
        return None;
    }
    let (end, _) = string(data, at + 1)?;
    let colon = blank(data, end + 1);
    (data.get(colon) == Some(&b':')).then(|| (&data[at + 1..end], blank(data, colon + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_where_the_value_ends() {
        for text in [
            r#""""#,
            r#""a\"\\b\u00e9é\ud83d\ude00""#,
            "0",
            "-12.50",
            "null",
            "[]",
            "{ }",
            r#"[1, {"a" : [true,false]} ,"]"]"#,
            r#"{"a":{},"b":[ ],"c":-0.1}"#,
        ] {
            let data = format!("{text},1");
            assert_eq!(value(data.as_bytes(), 0), Some(text.len()), "{text}");
            assert!(serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn leaves_what_is_in_doubt() {
        let deep = "[".repeat(DEPTH + 1) + &"]".repeat(DEPTH + 1);
        let long = "1".repeat(MAX_NUMBER + 1);
        for text in [
            "",
            "\"",
            "\"a",
            "\"\n\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\ud83d""#,
            r#""\ude00\ud83d""#,
            "1e5",
            "-",
            "1.",
            "nul",
            "[1",
            "[1,]",
            "{1:2}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1 2]",
            &deep,
            &long,
        ] {
            assert_eq!(value(text.as_bytes(), 0), None, "{text}");
        }
    }

    #[test]
    fn counts_are_more_than_nothing_and_exact() {
        assert_eq!(count(b"120,", 0), Some(3));
        for text in ["0", "01", "-1", "x", "", "1234567890123456"] {
            assert_eq!(count(text.as_bytes(), 0), None, "{text}");
        }
    }
}
