use axum::body::Body;
use http::Request;
use tower::ServiceExt;

use super::*;

async fn asked(inbox: &Inbox, request: Request<Body>) -> (StatusCode, String) {
    let response = inbox.clone().router(&["inbox".to_owned()]).oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), LARGEST).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn post_of(body: impl Into<Body>) -> Request<Body> {
    Request::post("/alerts").header(header::HOST, "inbox:5001").body(body.into()).unwrap()
}

fn page() -> Request<Body> {
    Request::get("/").header(header::HOST, "127.0.0.1:5001").body(Body::empty()).unwrap()
}

const NOTICE: &str = r#"{"version":"4","status":"firing","receiver":"inbox","alerts":[{"status":"firing",
  "labels":{"alertname":"HighFailureRate","severity":"critical","service":"<b>checkout"},
  "annotations":{"summary":"half of the calls fail","runbook_url":"http://ledger.example/runbook#highfailurerate",
  "dashboard_url":"javascript:alert(1)"},"startsAt":"2026-01-01T00:00:00Z","generatorURL":""}]}"#;

#[tokio::test]
async fn what_was_received_is_shown_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.json");
    let inbox = Inbox::open(Some(file.clone())).unwrap();
    assert!(asked(&inbox, page()).await.1.contains("No notification was received"));
    assert_eq!(asked(&inbox, post_of(NOTICE)).await.0, StatusCode::OK);
    for inbox in [inbox, Inbox::open(Some(file)).unwrap()] {
        let (status, text) = asked(&inbox, page()).await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.contains("HighFailureRate") && text.contains("half of the calls fail"), "{text}");
        assert!(text.contains(r#"href="http://ledger.example/runbook#highfailurerate""#), "{text}");
        // What a sender wrote is text, and opens nothing but pages.
        assert!(!text.contains("<b>checkout") && !text.contains("href=\"javascript"), "{text}");
    }
}

#[tokio::test]
async fn keeps_the_newest_within_its_bounds() {
    let inbox = Inbox::open(None).unwrap();
    let alert = Alert {
        status: "firing".to_owned(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        source: String::new(),
    };
    for number in 0..=KEPT {
        let alerts = vec![alert.clone(); ALERTS + 1];
        let notice = Notice { status: number.to_string(), alerts, ..Notice::default() };
        inbox.take(notice, Timestamp(0)).unwrap();
    }
    let newest = inbox.newest();
    assert_eq!((newest.len(), newest[0].status.as_str(), newest[0].alerts.len()), (KEPT, "200", ALERTS));
    assert_eq!(newest[KEPT - 1].status, "1");
    let large = format!(r#"{{"status":"firing","alerts":[],"text":"{}"}}"#, "x".repeat(LARGEST));
    assert_eq!(asked(&inbox, post_of(large)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(asked(&inbox, post_of("{}")).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_host_that_others_can_point_here_is_refused() {
    let inbox = Inbox::open(None).unwrap();
    let request = Request::get("/").header(header::HOST, "rebound.example").body(Body::empty()).unwrap();
    assert_eq!(asked(&inbox, request).await.0, StatusCode::MISDIRECTED_REQUEST);
}

#[test]
fn a_file_that_is_no_inbox_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.json");
    std::fs::write(&file, "notes of somebody").unwrap();
    assert!(Inbox::open(Some(file.clone())).is_err());
    assert_eq!(std::fs::read_to_string(file).unwrap(), "notes of somebody");
}
