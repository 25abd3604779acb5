use super::*;
use crate::notify::template::{html, subject, text};

const HOSTILE: &str = "<script>alert(1)</script>\r\nBcc: all@example.com\"'&";

#[test]
fn a_hostile_name_is_text_in_html_and_forges_no_line() {
    let mut alert = firing(RuleName::UnpricedUsage, &[("model", HOSTILE)]);
    alert.description = format!("1 calls of {HOSTILE} within 5 min have no price");
    let mut notification = notification(vec![alert], Vec::new());
    notification.group_labels.insert("service".to_owned(), HOSTILE.to_owned());

    let html = html(&notification, "http://ledger.example/?a=1&b=\"2\"");
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
    assert!(html.contains("href=\"http://ledger.example/?a=1&amp;b=&quot;2&quot;\""), "{html}");
    assert!(!subject(&notification).contains(['\r', '\n']), "{}", subject(&notification));
    let text = text(&notification, "");
    assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
}

#[test]
fn a_message_says_what_how_much_since_when_and_what_to_do() {
    let over = Alert {
        resolved_without_data: Some("no call within 5 min".to_owned()),
        ..resolved(RuleName::HighFailureRate, &[("service", "batch")], 90)
    };
    let notification = notification(vec![firing(RuleName::HighFailureRate, &[])], vec![over]);
    assert_eq!(subject(&notification), "[FIRING 1] HighFailureRate (critical)");
    assert_eq!(
        text(&notification, "http://ledger.example/"),
        "[FIRING 1] HighFailureRate (critical)

HighFailureRate firing: More LLM calls fail than is usual
What: 62.5 % of 16 calls of the last 5 min failed, threshold 50 %
Value: 62.5 % (threshold 50 %)
Severity: critical
Since: 2026-11-02T00:00:00Z
Advice: check the key and the endpoint

HighFailureRate resolved: More LLM calls fail than is usual (service=batch)
What: 62.5 % of 16 calls of the last 5 min failed, threshold 50 %
Value: 62.5 % (threshold 50 %)
Severity: critical
Since: 2026-11-02T00:00:00Z
Resolved: 2026-11-02T00:01:30Z
Note: over without a healthy value: no call within 5 min
Advice: check the key and the endpoint

http://ledger.example/
"
    );
}

#[test]
fn a_flood_of_alerts_is_cut_and_says_so() {
    let alerts = (0..70).map(|n| firing(RuleName::RepeatedRequests, &[("request_hash", &n.to_string())]));
    let notification = notification(alerts.collect(), Vec::new());
    assert!(text(&notification, "").ends_with("20 more alerts are not shown.\n"));
    assert!(html(&notification, "").contains("20 more alerts are not shown."));
}
