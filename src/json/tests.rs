use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Json, place};

/// What serde_json reads, from the same text, or `None` where it refuses.
fn same(text: &[u8]) -> bool {
    match (Json::read(text), serde_json::from_slice::<Value>(text)) {
        (Some(ours), Ok(theirs)) => equal(&ours, &theirs),
        (ours, theirs) => ours.is_none() && theirs.is_err(),
    }
}

/// Also in the kind of each number and in the sign of zero. The order of members decides nothing: where another crate
/// turns on `preserve_order`, serde_json keeps the place of a repeated member's first value.
fn equal(ours: &Json<'_>, theirs: &Value) -> bool {
    let ours = ours.to_value();
    ours == *theirs && sorted(&ours) == sorted(theirs)
}

/// The text of `value` with its members in order.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: std::collections::BTreeMap<_, _> = members.iter().collect();
            let members: Vec<_> =
                members.into_iter().map(|(name, value)| format!("{name:?}:{}", sorted(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

#[test]
fn reads_and_refuses_what_serde_json_does() {
    let documents = [
        "null",
        "true",
        "false",
        "nul",
        "truefalse",
        "tru e",
        "",
        " ",
        "\u{feff}{}",
        "\u{b}1",
        "0",
        "-0",
        "01",
        "-",
        "-01",
        "1.",
        ".5",
        "1.5",
        "1e5",
        "1E+5",
        "1e-5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "1_000",
        "1e308",
        "1e309",
        "-1e309",
        "1e-400",
        "18446744073709551615",
        "-9223372036854775808",
        "1e400e",
        "123456789012345678901234567890",
        "0.1",
        "333333333.33333329",
        "NaN",
        "Infinity",
        r#""""#,
        r#""a"#,
        r#""a\"b""#,
        r#""\\""#,
        r#""\"#,
        r#""\/\b\f\n\r\t""#,
        r#""\a""#,
        r#""\u0041""#,
        r#""\u00e9""#,
        r#""\u+041""#,
        r#""\u004""#,
        r#""\ud83e\udd80""#,
        r#""\ud83e""#,
        r#""\udd80""#,
        r#""\ud83ex""#,
        r#""\ud83e\u0041""#,
        r#""\ud83e\ud83e""#,
        "\"\u{7f}é🦀\"",
        "\"\n\"",
        "\"\u{1f}\"",
        "\"\u{0}\"",
        r#""0123456789abcdef0123456789abcdef\n0123456789abcdef0123456789abcdef\u0000""#,
        "[]",
        "[ ]",
        "[1]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,[2,{}]]",
        "[",
        "]",
        "[1",
        "[1,",
        "{}",
        "{ }",
        r#"{"a":1}"#,
        r#"{"a":1,}"#,
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{a:1}"#,
        r#"{"a" : 1 , "b" : [ ] }"#,
        r#"{"a":1"#,
        r#"{"a":1,"#,
        r#"{1:1}"#,
        r#"{"b":1,"a":1,"b":2,"a":3,"b":4}"#,
        r#"{"\u0061":1,"a":2}"#,
        r#"{"$serde_json::private::Number":"1"}"#,
        "{}{}",
        "[1]x",
        "1 2",
        "/**/1",
        "[1]\t\r\n ",
    ];
    for document in documents {
        assert!(same(document.as_bytes()), "{document}");
    }
    assert!(same(b"\"\xff\""));
    assert!(same(b"\"\xed\xa0\x80\""));
    for digits in [300, 308, 309, 310] {
        assert!(same("9".repeat(digits).as_bytes()), "{digits} digits");
    }
    for depth in [126, 127, 128, 10_000] {
        assert!(same(("[".repeat(depth) + &"]".repeat(depth)).as_bytes()), "{depth} levels");
    }
}

#[test]
fn borrows_what_has_no_escape() {
    let read = Json::read(br#"{"plain": "a", "escaped\u0021": "a\n"}"#).unwrap();
    let borrowed =
        |name| matches!(read.get(name).and_then(Json::as_str), Some(std::borrow::Cow::Borrowed(_)));
    assert!(borrowed("plain"));
    assert!(!borrowed("escaped!"));
    assert_eq!(read.get("escaped!").and_then(Json::as_str).as_deref(), Some("a\n"));
}

#[test]
fn finds_each_of_few_and_of_many_members() {
    for count in [1, super::FEW, super::FEW + 1, 100] {
        let members: Vec<String> =
            (0..count).rev().map(|number| format!("\"m{number}\": {number}")).collect();
        let text = format!("{{{}}}", members.join(","));
        let read = Json::read(text.as_bytes()).unwrap();
        for number in 0..count {
            let found = read.get(&format!("m{number}")).and_then(Json::as_i64);
            assert_eq!(found, i64::try_from(number).ok(), "of {count}");
        }
        assert_eq!(read.get("m"), None);
    }
}

#[test]
fn reads_numbers_as_what_they_are_asked_for() {
    let read = Json::read(br#"{"n": 12, "f": 0.5, "e": 1e2, "large": 9223372036854775808}"#).unwrap();
    let read = |name| (read.get(name).and_then(Json::as_i64), read.get(name).and_then(Json::as_f64));
    assert_eq!(read("n"), (Some(12), Some(12.0)));
    assert_eq!(read("f"), (None, Some(0.5)));
    assert_eq!(read("e"), (None, Some(100.0)));
    assert_eq!(read("large"), (None, Some(9_223_372_036_854_775_808.0)));
}

/// Text that looks like JSON, whole or broken.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop_oneof![
        "[\\[\\]{},: \\n\"]{1,3}",
        "\"[a-z\\\\\"/\\x00-\\x20]{0,40}\"",
        "\"(\\\\u[0-9a-fA-F]{4}){1,2}\"",
        "-?[0-9]{1,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{1,3})?",
        Just("null".to_owned()),
        Just("true".to_owned()),
    ];
    proptest::collection::vec(scrap, 0..12).prop_map(|scraps| scraps.concat())
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|double| json!(double)),
        any::<String>().prop_map(Value::from),
        "[ -~\\n\"\\\\]{0,100}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reads_every_document_as_serde_json_does(value in document()) {
        let text = value.to_string();
        prop_assert!(equal(&Json::read(text.as_bytes()).unwrap(), &value));
        let text = serde_json::to_string_pretty(&value).unwrap();
        prop_assert!(same(text.as_bytes()));
    }

    #[test]
    fn reads_and_refuses_scraps_as_serde_json_does(text in scraps()) {
        prop_assert!(same(text.as_bytes()), "{text}");
    }

    #[test]
    fn reads_and_refuses_damaged_documents_as_serde_json_does(value in document(), place in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = value.to_string().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        prop_assert!(same(&bytes), "{}", String::from_utf8_lossy(&bytes));
        bytes.truncate(place);
        prop_assert!(same(&bytes), "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn finds_the_place_of_a_member() {
    let object = r#" { "a": {"b": 1}, "\u0062" : [ "b" ] ,"c":2, "b":null } "#;
    let at = |name: &str| place(object.as_bytes(), name).map(|place| &object[place]);
    assert_eq!(at("a"), Some(r#"{"b": 1}"#));
    assert_eq!(at("b"), Some("null"), "the last counts");
    assert_eq!(at("c"), Some("2"));
    assert_eq!(at("d"), None);
    assert_eq!(place(b"{}", "a"), None);
    assert_eq!(place(b"[1]", "a"), None);
}
