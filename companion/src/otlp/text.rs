//! Strings of a request, which are decoded as far as they are wanted.

use std::borrow::Cow;

/// What is written for bytes and escapes that are no character.
const REPLACEMENT: &str = "\u{FFFD}";

/// A string where it is in the request. What is not UTF-8 reads as U+FFFD: senders cut texts within a character, and
/// no call is lost for that.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Text<'a> {
    Plain(&'a str),
    /// Not UTF-8 throughout.
    Broken(&'a [u8]),
    /// What is between the quotes of a JSON string with escapes.
    Escaped(&'a [u8]),
}

impl<'a> Text<'a> {
    pub(crate) const EMPTY: Self = Self::Plain("");

    pub(super) fn of(bytes: &'a [u8]) -> Self {
        std::str::from_utf8(bytes).map_or(Self::Broken(bytes), Self::Plain)
    }

    pub(crate) const fn is_empty(self) -> bool {
        match self {
            Self::Plain(text) => text.is_empty(),
            Self::Broken(bytes) | Self::Escaped(bytes) => bytes.is_empty(),
        }
    }

    /// The first `most` bytes, or fewer: it ends at a character's boundary. No more than that is decoded.
    pub(crate) fn head(self, most: usize) -> Cow<'a, str> {
        let mut out = Head { text: String::new(), most };
        match self {
            Self::Plain(text) => return Cow::Borrowed(head(text, most)),
            Self::Broken(bytes) => _ = out.lossy(bytes),
            Self::Escaped(bytes) => _ = out.unescaped(bytes),
        }
        Cow::Owned(out.text)
    }
}

/// The first `most` bytes of `text`, or fewer: it ends at a character's boundary.
pub(crate) fn head(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A text that is being decoded. The methods return whether all of their argument had room.
struct Head {
    text: String,
    most: usize,
}

impl Head {
    fn push(&mut self, text: &str) -> bool {
        let part = head(text, self.most - self.text.len());
        self.text.push_str(part);
        part.len() == text.len()
    }

    fn lossy(&mut self, bytes: &[u8]) -> bool {
        bytes
            .utf8_chunks()
            .all(|chunk| self.push(chunk.valid()) && (chunk.invalid().is_empty() || self.push(REPLACEMENT)))
    }

    fn unescaped(&mut self, mut bytes: &[u8]) -> bool {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\\') {
            let (before, escape) = bytes.split_at(at);
            let (character, rest) = unescape(&escape[1..]);
            let mut buffer = [0; 4];
            if !self.lossy(before) || !self.push(character.encode_utf8(&mut buffer)) {
                return false;
            }
            bytes = rest;
        }
        self.lossy(bytes)
    }
}

/// The character of an escape without its backslash, and what comes after it. A half of a surrogate pair is none:
/// JavaScript writes it where a text was cut within a pair.
fn unescape(escape: &[u8]) -> (char, &[u8]) {
    let Some((letter, rest)) = escape.split_first() else { return (char::REPLACEMENT_CHARACTER, escape) };
    let character = match letter {
        b'"' | b'\\' | b'/' => char::from(*letter),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unescape_unicode(rest),
        _ => char::REPLACEMENT_CHARACTER,
    };
    (character, rest)
}

fn unescape_unicode(digits: &[u8]) -> (char, &[u8]) {
    let unit = |bytes: &[u8]| {
        let digits = std::str::from_utf8(bytes.get(..4)?).ok().filter(|text| !text.starts_with('+'))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(digits) else { return (char::REPLACEMENT_CHARACTER, digits) };
    let rest = &digits[4..];
    let second = rest.strip_prefix(b"\\u").and_then(unit);
    let pair = [first, second.unwrap_or_default()];
    match char::decode_utf16(pair).next() {
        Some(Ok(character)) if character.len_utf16() == 2 => (character, &rest[6..]),
        Some(Ok(character)) => (character, rest),
        _ => (char::REPLACEMENT_CHARACTER, rest),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        Text::Escaped(text.as_bytes()).head(usize::MAX).into_owned()
    }

    #[test]
    fn reads_escapes_and_replaces_those_that_are_no_character() {
        assert_eq!(escaped(r#"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00 a"#), "\"\\/\u{8}\u{c}\n\r\tä😀 a");
        assert_eq!(escaped(r"a\ud83d"), "a\u{FFFD}");
        assert_eq!(escaped(r"\ud83dx\ude00y"), "\u{FFFD}x\u{FFFD}y");
        assert_eq!(escaped(r"\ud83d\u0041"), "\u{FFFD}A");
        assert_eq!(escaped(r"\x\u12G4\u+123\u"), "\u{FFFD}\u{FFFD}12G4\u{FFFD}+123\u{FFFD}");
        assert_eq!(Text::Escaped(b"a\\").head(9), "a\u{FFFD}");
        assert_eq!(Text::Escaped(b"\xff\\n\xc3").head(9), "\u{FFFD}\n\u{FFFD}");
    }

    #[test]
    fn replaces_bytes_that_are_no_character() {
        let text = Text::of(b"a\xffb\xe2\x82");
        assert_eq!(text.head(usize::MAX), "a\u{FFFD}b\u{FFFD}");
        assert_eq!(text.head(3), "a");
        assert_eq!(text.head(4), "a\u{FFFD}");
        assert_eq!(text.head(0), "");
    }

    proptest! {
        #[test]
        fn reads_what_serde_json_writes(text in any::<String>(), most in 0_usize..40) {
            let json = serde_json::to_string(&text).unwrap();
            let text_read = Text::Escaped(&json.as_bytes()[1..json.len() - 1]);
            prop_assert_eq!(text_read.head(usize::MAX), text.as_str());
            prop_assert_eq!(text_read.head(most), head(&text, most));
        }

        #[test]
        fn replaces_as_the_standard_library_does(bytes in any::<Vec<u8>>(), most in 0_usize..40) {
            let whole = String::from_utf8_lossy(&bytes);
            prop_assert_eq!(&Text::of(&bytes).head(usize::MAX), &whole);
            prop_assert_eq!(Text::of(&bytes).head(most), head(&whole, most));
        }
    }
}
