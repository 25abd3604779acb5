use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ROOMY: usize = usize::MAX / 2;

fn repair(text: &[u8]) -> Result<Repaired<'_>, Fault> {
    super::repair(text, ROOMY)
}

fn mended(text: &[u8]) -> Value {
    let repaired =
        repair(text).unwrap_or_else(|fault| panic!("{}: {fault:?}", String::from_utf8_lossy(text)));
    assert!(repaired.rest.is_empty());
    serde_json::from_slice(&repaired.text).unwrap()
}

#[test]
fn of_a_member_given_twice_the_last_that_is_not_null_counts() {
    for (text, value) in [
        (r#"{"a":null,"a":1}"#, json!({"a": 1})),
        (r#"{"a":1,"a":null}"#, json!({"a": 1})),
        (r#"{"a":1,"a":2}"#, json!({"a": 2})),
        (r#"{"a":1,"b":2,"a":3,"b":4,"c":5}"#, json!({"a": 3, "b": 4, "c": 5})),
        (r#"{"a":null,"a":null}"#, json!({"a": null})),
        (r#"{"a":{"b":1,"b":2},"a":{"b":null,"b":3}}"#, json!({"a": {"b": 3}})),
        (r#"[{"a":1,"a":[2]},{"a":1}]"#, json!([{"a": [2]}, {"a": 1}])),
        (r#"{"us\u0061ge":1,"usage":2}"#, json!({"usage": 2})),
    ] {
        assert_eq!(mended(text.as_bytes()), value, "{text}");
    }
}

#[test]
fn names_members_with_two_different_values() {
    let repeated = |text: &str| repair(text.as_bytes()).unwrap().repeated;
    assert_eq!(repeated(r#"{"a":{"usage":1,"usage":2}}"#), ["usage"]);
    assert!(repeated(r#"{"a":null,"a":1,"b":1,"b":1,"c":"x"}"#).is_empty());
}

#[test]
fn takes_what_lenient_clients_take() {
    for (text, value) in [
        (b"\xEF\xBB\xBF {\"a\":1}".as_slice(), json!({"a": 1})),
        (b"{\"a\":\"x\xFFy\"}", json!({"a": "x\u{FFFD}y"})),
        (b"{\"a\":\"\xE4\xB8\"}", json!({"a": "\u{FFFD}"})),
        (r#"{"a":"x\ud83dy"}"#.as_bytes(), json!({"a": "x\u{FFFD}y"})),
        (r#"{"a":"\ude00\ud83d"}"#.as_bytes(), json!({"a": "\u{FFFD}\u{FFFD}"})),
        (r#"{"a":"\ud83d\ude00"}"#.as_bytes(), json!({"a": "\u{1F600}"})),
        (br#"{"a":1,}"#, json!({"a": 1})),
        (br#"{,"a":[1,,2,],}"#, json!({"a": [1, 2]})),
        (br#"{"a":NaN,"b":-Infinity}"#, json!({"a": "NaN", "b": "-Infinity"})),
        (br#"{"a":1e400,"b":01,"c":+1,"d":.5}"#, json!({"a": "1e400", "b": "01", "c": "+1", "d": ".5"})),
        (b"{\"a\":\"x\ny\t\"}", json!({"a": "x\ny\t"})),
        (b"{\"a\":1}\n\0\0", json!({"a": 1})),
        (br#"{"a":"\u0022\u005c\u000a"}"#, json!({"a": "\"\\\n"})),
    ] {
        assert_eq!(mended(text), value, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn what_nests_too_deep_reads_as_null() {
    let deep = format!(r#"{{"a":{}1{},"usage":7}}"#, r#"{"b":"#.repeat(100_000), "}".repeat(100_000));
    assert_eq!(mended(deep.as_bytes())["usage"], 7);
}

#[test]
fn tells_what_was_cut_from_what_is_no_json() {
    for text in [
        r#"{"a":"#,
        r#"{"a":1"#,
        r#"{"a":"x"#,
        r#"{"a":"x\"#,
        r#"{"a":"\u00"#,
        "[1,",
        r#"{"a""#,
        r#"{"a":tru"#,
    ] {
        assert_eq!(repair(text.as_bytes()).unwrap_err(), Fault::Cut, "{text}");
    }
    for text in
        [r#"{"a" 1}"#, r#"{"a":1 "b":2}"#, "{a:1}", r#"{"a":'x'}"#, r#"{"a":"\x"}"#, "[1 2]", r#"{"a":}"#]
    {
        assert_eq!(repair(text.as_bytes()).unwrap_err(), Fault::Malformed, "{text}");
    }
    let repaired = repair(br#"{"a":1} {"b":2}"#).unwrap();
    assert_eq!(repaired.rest, br#"{"b":2}"#);
}

#[test]
fn does_not_mend_what_has_too_many_members() {
    let many = format!("{{{}}}", r#""a":1,"#.repeat(MAX_NODES + 1));
    assert_eq!(repair(many.as_bytes()).unwrap_err(), Fault::TooLong);
}

#[test]
fn does_not_mend_what_has_no_room() {
    let long = [b"{\"a\":\"".as_slice(), &vec![b'x'; MAX_BYTES], b"\xFF\"}"].concat();
    assert_eq!(repair(&long).unwrap_err(), Fault::TooLong);
    assert_eq!(super::repair(br#"{"a":NaN}"#, 8).unwrap_err(), Fault::Memory);
}

/// What is taken at the beginning is enough for whatever becomes longer.
#[test]
fn makes_room_for_all_that_grows() {
    let nested = format!("{}{}0{}", "[".repeat(120), "[],".repeat(2000), "]".repeat(120)).into_bytes();
    for piece in
        [b"\xFF".as_slice(), b"\xE2\x82", b"\0", b"\t", b"\\ud800", b"\xE6\xB1\x89\xFF", b"a\xC3(", b"\x80"]
    {
        let text = [b"[\"".as_slice(), &piece.repeat(5000), b"\"]"].concat();
        assert!(repair(&text).is_ok(), "{piece:?}");
    }
    let members: String = (0..2000).map(|name| format!("\"{name}\":NaN,")).collect();
    for text in
        [nested, [b"[".as_slice(), &b"NaN,".repeat(5000), b"]"].concat(), format!("{{{members}}}").into()]
    {
        let repaired = repair(&text).unwrap();
        assert!(repaired.text.len() <= room(&text));
    }
}

proptest! {
    #[test]
    fn keeps_what_is_json(text in r#"[\[\]{}",:0-9a-z\\ u]{0,40}"#) {
        let value = serde_json::from_str::<Value>(&text).ok();
        if let Some(value) = value.filter(|value| value.is_object() || value.is_array()) {
            prop_assert_eq!(mended(text.as_bytes()), value);
        }
    }

    #[test]
    fn what_it_gives_is_json(bytes in prop::collection::vec(
        prop::sample::select(br#"{}[]",:0-9aun\ t"#.iter().copied().chain([0xFF, 0xC3, 0x00, 0x0A]).collect::<Vec<_>>()),
        0..60,
    )) {
        let repaired = repair(&bytes);
        prop_assert_ne!(repaired.as_ref().err(), Some(&Fault::TooLong));
        if let Ok(repaired) = repaired {
            let value = serde_json::from_slice::<Value>(&repaired.text);
            prop_assert!(value.is_ok(), "{:?}", String::from_utf8_lossy(&repaired.text));
        }
    }
}
