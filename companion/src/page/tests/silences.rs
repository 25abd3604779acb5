//! Silences by the page and by `POST`, and who may not make them.

use super::*;
use crate::silence::{Via, file};

struct Ask {
    ledger: tempfile::TempDir,
    may_change: bool,
}

impl Ask {
    fn new(may_change: bool) -> Self {
        Self { ledger: tempfile::tempdir().unwrap(), may_change }
    }

    fn path(&self) -> std::path::PathBuf {
        self.ledger.path().join("ledger.db")
    }

    async fn send(&self, request: http::request::Builder, body: &str) -> (StatusCode, HeaderMap, String) {
        let silences = Silences { ledger: self.path().into(), may_change: self.may_change };
        let state = PageState { silences, ..state(MemoryStore::default()) };
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = router(state).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn post(&self, uri: &str, body: &str) -> (StatusCode, serde_json::Value) {
        let request = Request::post(uri).header("content-type", "application/json; charset=utf-8");
        let (status, _, text) = self.send(request, body).await;
        (status, serde_json::from_str(&text).expect(&text))
    }

    async fn form(&self, uri: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let request = Request::post(uri)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("host", "127.0.0.1:4319")
            .header("origin", "http://127.0.0.1:4319");
        let (status, _, text) = self.send(request, &serde_urlencoded::to_string(fields).unwrap()).await;
        (status, text)
    }
}

const ASKED: &str = r#"{"matchers": ["service=checkout", "severity!=critical"], "for": "2h", "comment": "a batch", "by": "ann"}"#;

#[tokio::test]
async fn a_program_makes_lists_and_ends_a_silence_and_the_file_keeps_who_did() {
    let ask = Ask::new(true);
    let (status, made) = ask.post("/silences", ASKED).await;
    assert_eq!((status, &made["id"], &made["state"]), (StatusCode::CREATED, &1.into(), &"active".into()));
    assert_eq!(
        (&made["from"], &made["until"]),
        (&"2026-11-23T12:00:00Z".into(), &"2026-11-23T14:00:00Z".into())
    );
    let (_, _, listed) = ask.send(Request::get("/silences.json"), "").await;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0], made);
    let (status, ended) = ask.post("/silences/1/expire", r#"{"by": "bob"}"#).await;
    assert_eq!((status, &ended["expired_by"]), (StatusCode::OK, &"bob".into()));
    let (status, refused) = ask.post("/silences/1/expire", r#"{"by": "bob"}"#).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(refused["error"].as_str().unwrap().contains("no silence 1"), "{refused}");
    let kept = &file::read(&ask.path()).unwrap()[0];
    assert_eq!((kept.via, kept.by.as_str()), (Via::Post, "ann"));
    assert_eq!(kept.expired, Some((NOW, "bob".to_owned())));
}

#[tokio::test]
async fn the_form_of_the_page_does_the_same() {
    let ask = Ask::new(true);
    let (_, _, page) = ask.send(Request::get("/silences?matchers=service%3D%22a%22"), "").await;
    assert!(page.contains("<form class=\"card\" method=\"post\" action=\"/silences\""), "{page}");
    assert!(page.contains(">service=&quot;a&quot;</textarea>"), "{page}");
    let fields = [
        ("matchers", "service=\"a\"\r\n\r\nmodel=~\"<b>.*\"\r\n"),
        ("for", "30m"),
        ("comment", HOSTILE),
        ("by", "ann"),
    ];
    assert_eq!(ask.form("/silences", &fields).await.0, StatusCode::SEE_OTHER);
    let (_, _, page) = ask.send(Request::get("/silences"), "").await;
    assert!(page.contains("model=~&quot;&lt;b&gt;.*&quot;") && page.contains("by ann (page)"), "{page}");
    assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    assert_eq!(ask.form("/silences/1/expire", &[("by", "bob")]).await.0, StatusCode::SEE_OTHER);
    let (_, _, page) = ask.send(Request::get("/silences"), "").await;
    assert!(page.contains("by bob") && !page.contains("/silences/1/expire"), "{page}");
}

#[tokio::test]
async fn without_a_token_or_from_another_site_nothing_changes() {
    let ask = Ask::new(false);
    let (status, refused) = ask.post("/silences", ASKED).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(refused["error"].as_str().unwrap().contains("admin.token_file"), "{refused}");
    let (_, _, page) = ask.send(Request::get("/silences"), "").await;
    assert!(page.contains("admin.token_file") && !page.contains("<form"), "{page}");

    let ask = Ask::new(true);
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
            let request = Request::post("/silences")
                .header("host", "ledger.example")
                .header("content-type", kind)
                .header(name, value);
            assert_eq!(ask.send(request, ASKED).await.0, StatusCode::FORBIDDEN, "{name}: {value}, {kind}");
        }
    }
    assert_eq!(file::read(&ask.path()), Ok(vec![]));
}

#[tokio::test]
async fn what_cannot_be_a_silence_is_refused_with_the_reason() {
    let ask = Ask::new(true);
    for (body, reason) in [
        (
            r#"{"matchers": ["service=~.*"], "for": "1h", "comment": "x", "by": "a"}"#,
            "matchers: match every alert",
        ),
        (r#"{"matchers": ["service"], "for": "1h", "comment": "x", "by": "a"}"#, "is no matcher"),
        (
            r#"{"matchers": ["service=a"], "for": "91d", "comment": "x", "by": "a"}"#,
            "for: must be from 1s to 90d",
        ),
        (r#"{"matchers": ["service=a"], "for": "soon", "comment": "x", "by": "a"}"#, "\"soon\""),
        (r#"{"matchers": ["service=a"], "for": "1h", "comment": "", "by": "a"}"#, "comment: must have"),
        (r#"{"matchers": ["service=a"], "for": "1h", "comment": "x"}"#, "missing field `by`"),
        (
            r#"{"matchers": ["service=a"], "for": "1h", "comment": "x", "by": "a", "y": 1}"#,
            "unknown field `y`",
        ),
        ("{", "EOF"),
    ] {
        let (status, refused) = ask.post("/silences", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(refused["error"].as_str().unwrap().contains(reason), "{body}: {refused}");
    }
    let large = format!("{{\"comment\": \"{}\"}}", "x".repeat(20_000));
    assert_eq!(ask.post("/silences", &large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(file::read(&ask.path()), Ok(vec![]));
}
