use proptest::prelude::*;

use super::*;

fn whole(text: &[u8]) -> Result<&[u8], Malformed> {
    let mut cursor = Cursor::of(text);
    let value = cursor.skip()?;
    cursor.end().map(|()| value)
}

#[test]
fn skips_values_and_says_where_a_text_is_no_json() {
    for text in [
        "null",
        "true",
        "-1.5e+7",
        "0",
        "\"\"",
        "\"a\\\"b\\\\\"",
        "[]",
        "{}",
        "[1,[2,{}],{\"a\":[]}]",
        "{\"a\":{\"b\":\"]}\"},\"c\":[null]}",
        "NaN",
        "[-Infinity]",
    ] {
        assert_eq!(whole(format!(" \n{text}\t").as_bytes()), Ok(text.as_bytes()), "{text}");
    }
    for (text, at) in [
        ("", 0),
        ("[", 1),
        ("[1", 2),
        ("[1,", 3),
        ("[1,]", 3),
        ("[,1]", 1),
        ("{", 1),
        ("{a:1}", 1),
        ("{\"a\"}", 4),
        ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{\"a\":1]", 6),
        ("[1}", 2),
        ("\"abc", 4),
        ("\"abc\\", 5),
        ("1 2", 2),
        ("nul", 0),
        ("+1", 0),
        ("-", 0),
        ("1e", 0),
        ("1.5.2", 0),
        (".5", 0),
        ("inf", 0),
        ("-NaN", 0),
        ("[1 2]", 3),
        ("{\"a\" 1}", 5),
    ] {
        assert_eq!(whole(text.as_bytes()), Err(Malformed::Syntax(at)), "{text}");
    }
}

#[test]
fn skips_a_million_levels() {
    let text = ["[{\"a\":".repeat(1_000_000), "1".to_owned(), "}]".repeat(1_000_000)].concat();
    assert_eq!(whole(text.as_bytes()).map(<[u8]>::len), Ok(text.len()));
}

proptest! {
    #[test]
    fn takes_what_serde_json_takes(text in "[\\[\\]{}\":,0-9a-z .\\\\-]{0,24}") {
        if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() {
            prop_assert_eq!(whole(text.as_bytes()), Ok(text.trim().as_bytes()));
        }
    }

    #[test]
    fn takes_no_more_than_serde_json_but_leading_zeros(text in "[\\[\\]{}\":,0-9ae+ .-]{0,24}") {
        if whole(text.as_bytes()).is_ok() {
            // It takes leading zeros too.
            let refused = serde_json::from_str::<serde::de::IgnoredAny>(&text).err();
            prop_assert!(refused.is_none_or(|error| error.to_string().contains("number")), "{}", text);
        }
    }
}
