//! The examples of RFC 8785, the published vectors, and the properties the definition promises.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::digest::Update;

use super::canonical::Writer;
use super::{HashKey, absorb, request_hash};
use crate::json::Json;
use crate::provider::read::field;

#[derive(Default)]
struct Written(Vec<u8>);

impl Update for Written {
    fn update(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }
}

fn canonical(value: &Value) -> String {
    let mut writer = Writer::new(Written::default());
    writer.value(&json(&value.to_string()));
    String::from_utf8(writer.finish().0).unwrap()
}

fn plain(body: &Value) -> String {
    request_hash(&HashKey(None), &json(&body.to_string()), &["stream", "user"], None)
}

fn json(text: &str) -> Json<'_> {
    Json::read(text.as_bytes()).unwrap()
}

#[test]
fn writes_numbers_as_the_appendix_of_rfc_8785_does() {
    let known: [(u64, &str); 24] = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];
    for (bits, text) in known {
        assert_eq!(canonical(&json!(f64::from_bits(bits))), text, "{bits:016x}");
    }
}

#[test]
fn recomputes_every_published_vector() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/request-hash.md")).unwrap();
    let mut checked = 0;
    for block in page.split("```json\n").skip(1) {
        // In the spelling of the page, escapes and all.
        let vector = json(block.split("```").next().unwrap());
        let text = |member: &str| vector.get(member).and_then(Json::as_str);
        let name = text("name").unwrap();
        let key = HashKey(text("key").map(|key| key.as_bytes().to_vec()));
        let fields_not_hashed = field::strings(&vector, "fields_not_hashed");
        let fields_not_hashed: Vec<&str> = fields_not_hashed.iter().map(String::as_str).collect();
        let body = vector.get("body").unwrap();
        let model = text("model");

        let written = absorb(Written::default(), body, &fields_not_hashed, model.as_deref()).0;
        assert_eq!(String::from_utf8(written).unwrap(), text("canonical").unwrap(), "{name}");
        assert_eq!(
            request_hash(&key, body, &fields_not_hashed, model.as_deref()),
            text("hash").unwrap(),
            "{name}"
        );
        checked += 1;
    }
    assert!(checked >= 12, "found {checked} vectors");
}

#[test]
fn a_body_that_is_no_object_is_hashed_as_it_is() {
    assert_eq!(
        request_hash(&HashKey(None), &json("[]"), &["stream"], Some("m")),
        "4f53cda18c2baa0c0354bb5f9a3ecbe5"
    );
}

#[test]
fn does_not_show_the_key_when_printed() {
    assert_eq!(format!("{:?}", HashKey(Some(b"hunter2".to_vec()))), "HashKey(set)");
}

/// Any text, with the characters that need care more often than chance would bring them.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        8 => proptest::char::range('a', 'z'),
        1 => proptest::char::range('\0', '\u{7f}'),
        1 => Just('"'),
        1 => Just('\\'),
        1 => any::<char>(),
    ];
    vec(character, 0..70).prop_map(String::from_iter)
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(|double: f64| json!(double)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(text(), inner, 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Value> {
    btree_map("[a-z]{1,8}", json_value(), 1..8).prop_map(|members| {
        members.into_iter().filter(|(name, _)| name != "stream" && name != "user").collect::<Value>()
    })
}

/// The same value with members in reverse order and white space everywhere it may stand.
fn respelled(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push_str("[\n");
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { " ,\t" } else { " " });
                respelled(item, out);
            }
            out.push_str("\r\n]");
        }
        Value::Object(members) => {
            out.push_str("{ ");
            for (index, (name, item)) in members.iter().rev().enumerate() {
                out.push_str(if index > 0 { "\n, " } else { "\n" });
                out.push_str(&serde_json::to_string(name).unwrap());
                out.push_str(" :  ");
                respelled(item, out);
            }
            out.push_str(" }");
        }
        leaf => out.push_str(&leaf.to_string()),
    }
}

/// The number of values in `value`, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum(),
        _ => 0,
    }
}

/// Replaces the `place`-th value below `value` by one that is nowhere else.
fn replace(value: &mut Value, place: &mut usize) {
    if *place == 0 {
        *value = json!({"replaced": "\u{1F980}"});
    }
    *place = place.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, place)),
        Value::Object(members) => members.values_mut().for_each(|item| replace(item, place)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn writes_strings_with_the_fewest_escapes(text in text()) {
        prop_assert_eq!(canonical(&json!(text)), serde_json::to_string(&text).unwrap());
    }

    #[test]
    fn what_is_written_reads_back_and_is_written_the_same(value in json_value()) {
        let once = canonical(&value);
        let read: Value = serde_json::from_str(&once).unwrap();
        prop_assert_eq!(canonical(&read), once);
    }

    #[test]
    fn member_order_and_white_space_do_not_matter(body in body()) {
        let mut spelled = String::new();
        respelled(&body, &mut spelled);
        let read: Value = serde_json::from_str(&spelled).unwrap();
        prop_assert_eq!(plain(&read), plain(&body));
    }

    #[test]
    fn fields_that_are_not_hashed_do_not_matter(body in body(), stream in json_value(), user in json_value()) {
        let mut other = body.clone();
        other["stream"] = stream;
        other["user"] = user;
        prop_assert_eq!(plain(&other), plain(&body));
    }

    #[test]
    fn any_deciding_change_does(body in body(), place in any::<prop::sample::Index>()) {
        prop_assume!(size(&body) > 1);
        let mut other = body.clone();
        replace(&mut other, &mut (1 + place.index(size(&body) - 1)));
        prop_assert_ne!(plain(&other), plain(&body));

        let mut other = body.clone();
        other["one_more"] = Value::Null;
        prop_assert_ne!(plain(&other), plain(&body));
    }

    #[test]
    fn another_key_or_model_gives_another_hash(body in body(), key in vec(any::<u8>(), 0..200)) {
        prop_assume!(body.get("model").is_none());
        let body = body.to_string();
        let body = json(&body);
        let hash = |key: Option<&[u8]>, model| request_hash(&HashKey(key.map(<[u8]>::to_vec)), &body, &[], model);
        let mut longer = key.clone();
        longer.push(1);
        prop_assert_ne!(hash(Some(&key), None), hash(None, None));
        prop_assert_ne!(hash(Some(&key), None), hash(Some(&longer), None));
        prop_assert_ne!(hash(None, Some("a")), hash(None, Some("b")));
    }
}
