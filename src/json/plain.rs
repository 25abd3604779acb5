//! Where strings end, and whether they may hold what they hold. Prompts are long and mostly plain, so that both are looked for
//! in many bytes at a time.

/// Bytes that are compared at once, which becomes vector code.
const STRIDE: usize = 32;

/// Words of eight bytes that are looked at first: names are short.
const SHORT: usize = 2;

const EACH: u64 = u64::MAX / 0xff;

/// How many bytes a string has before its closing quote, and whether there may be escapes or control characters among them; `None`
/// where it has no end.
pub(super) fn end(bytes: &[u8]) -> Option<(usize, bool)> {
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().take(SHORT).enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            let at = 8 * index + marks.trailing_zeros() as usize / 8;
            if bytes.get(at) == Some(&b'"') {
                return Some((at, false));
            }
            break;
        }
    }
    let closes = |quote: &usize| {
        let escapes = bytes[..*quote].iter().rev().take_while(|byte| **byte == b'\\').count();
        escapes.is_multiple_of(2)
    };
    memchr::memchr_iter(b'"', bytes).find(closes).map(|quote| (quote, true))
}

/// Whether there is no control character, which a string must escape.
pub(super) fn is_printable(bytes: &[u8]) -> bool {
    let (strides, rest) = bytes.as_chunks::<STRIDE>();
    let lowest = strides.as_flattened().iter().fold(u8::MAX, |lowest, byte| lowest.min(*byte));
    let (words, tail) = rest.as_chunks::<8>();
    !is_control(lowest)
        && words.iter().all(|word| !holds_control(u64::from_le_bytes(*word)))
        && !tail.iter().copied().any(is_control)
}

const fn is_control(byte: u8) -> bool {
    byte < 0x20
}

/// Whether one of eight bytes is a control character.
const fn holds_control(word: u64) -> bool {
    below_blank(word) & (EACH * 0x80) != 0
}

/// The highest bit of each of eight bytes below the blank: such a byte borrows from it when the blank is taken away. As a borrow
/// marks bytes after a true one alone, the lowest mark is right.
const fn below_blank(word: u64) -> u64 {
    word.wrapping_sub(EACH * 0x20) & !word
}

/// The highest bit of each of eight bytes that is a quote, a backslash or a control character, likewise.
const fn marks(word: u64) -> u64 {
    let quotes = word ^ (EACH * b'"' as u64);
    let backslashes = word ^ (EACH * b'\\' as u64);
    let marks = below_blank(word)
        | (quotes.wrapping_sub(EACH) & !quotes)
        | (backslashes.wrapping_sub(EACH) & !backslashes);
    marks & (EACH * 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_at_the_first_quote_that_is_not_escaped() {
        for length in 0..80 {
            let text = "aé\u{1}~\u{7f} ".repeat(20);
            let before = &text.as_bytes()[..length];
            let bytes = |after: &str| [before, after.as_bytes()].concat();
            let end = |after: &str| end(&bytes(after)).map(|(end, _)| end);
            assert_eq!(end("\"b\"\\"), Some(length), "{length}");
            assert_eq!(end(r#"\\"b"#), Some(length + 2), "{length}");
            assert_eq!(end(r#"\"\\\"\\"b"#), Some(length + 8), "{length}");
            assert_eq!(end(""), None, "{length}");
            assert_eq!(end(r#"\""#), None, "{length}");
        }
        assert_eq!(end(b"name\":1, and more of it"), Some((4, false)));
        assert_eq!(end(b"na\x01e\":1, and more of it"), Some((4, true)));
    }

    #[test]
    fn finds_a_control_character_wherever_it_is() {
        for length in 0..100 {
            let printable = vec![0x20; length];
            assert!(is_printable(&printable) && is_printable(&vec![0xff; length]), "{length}");
            for place in 0..length {
                for control in [0, 0x0a, 0x1f] {
                    let mut bytes = printable.clone();
                    bytes[place] = control;
                    assert!(!is_printable(&bytes), "{control} at {place} of {length}");
                }
            }
        }
    }
}
