use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const BODY: &str = "--b0undary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;b.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n\
    \r\n--b0undar model=\"x\"\r\n\r\n\r\n--b0undary\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
    --b0undary\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; name=\"temperature\"\r\n\r\n0.2\r\n\
    --b0undary\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n12\r\n\
    --b0undary\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n\
    --b0undary\r\nContent-Disposition: form-data; name=stream\r\n\r\ntrue\r\n--b0undary--\r\nmodel=y";

/// Documents, not texts: the order of members depends on a feature of `serde_json` that others may choose.
fn document(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn of(content_type: &'static str) -> Option<Kind> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Kind::of(&headers)
}

#[test]
fn knows_a_form_by_its_content_type() {
    let multipart = |boundary: &str| Some(Kind::Multipart(boundary.to_owned()));
    assert_eq!(of("multipart/form-data; boundary=abc"), multipart("abc"));
    assert_eq!(of("Multipart/Form-Data; charset=utf-8; Boundary=\"a; b=c\""), multipart("a; b=c"));
    assert_eq!(of("application/x-www-form-urlencoded; charset=utf-8"), Some(Kind::UrlEncoded));
    for other in [
        "application/json",
        "multipart/form-data",
        "multipart/mixed; boundary=a",
        "multipart/form-data; boundary=",
    ] {
        assert_eq!(of(other), None, "{other}");
    }
}

#[test]
fn reads_fields_and_passes_files_however_the_body_is_cut() {
    let wanted =
        document(r#"{"empty":"","model":"whisper-1","prompt":"12","stream":true,"temperature":0.2}"#);
    for size in 1..BODY.len() {
        let mut reader = Reader::new("b0undary");
        for piece in BODY.as_bytes().chunks(size) {
            reader.push(piece);
            assert!(reader.held.len() <= MAX_BYTES);
        }
        assert_eq!(document(&reader.fields.json()), wanted, "in pieces of {size}");
    }
}

#[test]
fn holds_neither_files_nor_long_values() {
    let mut reader = Reader::new("b");
    reader.push(b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n");
    for _ in 0..100 {
        reader.push(&[b'\r'; 1 << 16]);
        assert!(reader.held.capacity() < 100);
    }
    reader.push(b"\r\n--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n");
    for _ in 0..100 {
        reader.push(&[b'x'; 1000]);
        assert!(reader.held.len() <= MAX_BYTES + 100);
    }
    reader.push(b"\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b--");
    assert_eq!(reader.fields.json(), r#"{"model":"m"}"#);
    let mut reader = Reader::new("b");
    reader.push("--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n1\r\n".repeat(200).as_bytes());
    assert_eq!(reader.fields.0.len(), MAX_FIELDS);
}

#[test]
fn reads_an_urlencoded_form() {
    let fields = Kind::UrlEncoded.fields(b"model=whisper%2D1&n=2&prompt=a+b%26c&&flag&stream=false");
    let wanted = r#"{"flag":"","model":"whisper-1","n":2,"prompt":"a b&c","stream":false}"#;
    assert_eq!(document(&fields.json()), document(wanted));
}

proptest! {
    #[test]
    fn takes_any_bytes(bytes in prop::collection::vec(
        prop::sample::select(b"\r\n-b:;=\"a \xFF".to_vec()), 0..200), size in 1_usize..20) {
        let mut whole = Reader::new("b");
        whole.push(&bytes);
        let mut cut = Reader::new("b");
        bytes.chunks(size).for_each(|piece| cut.push(piece));
        prop_assert_eq!(whole.fields, cut.fields);
    }
}
