//! Trace ids, span ids and hashes as hex digits.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// The bytes of hex digits of either case; `None` when `text` is anything else.
pub(crate) fn parse_hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}

/// The bytes of 32 lower-case hex digits; `None` when `text` is anything else.
pub(crate) fn parse_lower_case(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    HEXLOWER.decode_mut(text.as_bytes(), &mut bytes).ok()?;
    Some(bytes)
}

/// Reads 32 hex digits of either case.
pub(crate) fn parse_trace_id(text: &str) -> Result<[u8; 16], String> {
    parse_hex(text)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| "a trace id has 32 hex digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let id: [u8; 16] = std::array::from_fn(|n| u8::try_from(n * 17).unwrap());
        let text = hex(&id);
        assert_eq!(text, "00112233445566778899aabbccddeeff");
        assert_eq!(parse_lower_case(&text), Some(id));
        assert_eq!(parse_trace_id(&text.to_ascii_uppercase()), Ok(id));
        assert_eq!(parse_hex(&text[..16]), Some(id[..8].to_vec()));
    }

    #[test]
    fn refuses_what_is_not_hex() {
        let text = "00112233445566778899aabbccddeeff";
        for wrong in
            ["", "0", &text[1..], "00112233445566778899aabbccddeefg", "é0112233445566778899aabbccddeef"]
        {
            assert!(parse_trace_id(wrong).is_err(), "{wrong}");
            assert_eq!(parse_lower_case(wrong), None, "{wrong}");
        }
        assert_eq!(parse_lower_case(&text.to_ascii_uppercase()), None);
        assert_eq!(parse_hex("0"), None);
    }
}
