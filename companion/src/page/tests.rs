mod browser;
mod busy;
mod contrast;
mod devtools;
mod hostile;
mod silences;

use axum::body::Body;
use base64::Engine as _;
use http::Request;
use http_body_util::BodyExt as _;
use sha2::Digest as _;
use tower::ServiceExt as _;

use super::*;
use crate::report::tests::fixture::{HOSTILE, NOW, calls, ledger, rules};
use crate::store::memory::MemoryStore;

fn state(ledger: MemoryStore) -> PageState {
    PageState {
        querier: Arc::new(ledger),
        rules: Arc::new(rules),
        history: Arc::default(),
        budgets: Arc::default(),
        silences: Silences { ledger: "/no/such/ledger.db".into(), may_change: false },
        prices: Arc::new(PriceTable::bundled()),
        note: String::new(),
        clock: Arc::new(|| NOW),
    }
}

async fn get_from(state: PageState, uri: &str) -> (StatusCode, HeaderMap, String) {
    let response = router(state).oneshot(Request::get(uri).body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(uri: &str) -> (StatusCode, HeaderMap, String) {
    get_from(state(ledger(&calls())), uri).await
}

/// The cells of the calls table, one text per row.
fn rows(page: &str) -> Vec<&str> {
    let table = page.split_once("<table class=\"calls\">").map_or("", |(_, rest)| rest);
    let body = table.split_once("<tbody>").map_or("", |(_, rest)| rest.split_once("</tbody>").unwrap().0);
    body.split("<tr>").skip(1).collect()
}

#[tokio::test]
async fn shows_the_report_with_rules_and_the_newest_calls() {
    let (status, _, page) = get("/").await;
    assert_eq!(status, StatusCode::OK);
    for text in ["HighFailureRate", "1,593", "Cost by model", "Users with the most calls", "Newest calls"] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(rows(&page).len(), NEWEST);
}

#[tokio::test]
async fn shows_the_spans_that_were_not_recorded_with_scope_and_reason() {
    let mut store = ledger(&calls());
    crate::report::tests::fixture::skip(&mut store);
    let (status, _, page) = get_from(state(store), "/?last=24h").await;
    assert_eq!(status, StatusCode::OK);
    let section = page.split_once("<h2 id=\"skipped\">Other spans</h2>").expect("a section").1;
    let row = section.split("<tr>").find(|row| row.contains("strands.telemetry.tracer")).expect("a row");
    assert!(row.contains(">41<") && row.contains("an agent; its calls have spans of their own"), "{row}");
    let unknown = section.split("<tr>").find(|row| row.contains("may be calls</span>")).expect("a row");
    assert!(unknown.contains("no known operation, and no model with tokens"), "{unknown}");
    assert!(!get("/?last=24h").await.2.contains("Other spans"));
}

#[tokio::test]
async fn every_answer_is_guarded_by_its_headers() {
    for uri in [
        "/",
        "/calls",
        "/daily",
        "/rules",
        "/silences",
        "/silences.json",
        "/call/0000000000000001",
        "/call/nothing",
        "/report.json",
        "/live.json",
        "/call.json?id=0000000000000001",
        "/?last=never",
    ] {
        let (_, headers, page) = get(uri).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cache-control"], "no-store");
        if !uri.contains(".json") {
            let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
            let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style));
            assert!(policy.contains(&hash), "the style of {uri} is not the one the policy allows");
            assert!(!page.contains("<script") && !page.contains(" style="), "{uri}");
        }
    }
}

#[tokio::test]
async fn names_from_outside_are_text_wherever_they_stand() {
    let query =
        serde_urlencoded::to_string([("model", HOSTILE), ("user", "\"><img src=x onerror=alert(1)>")]);
    for uri in ["/?last=24h".to_owned(), format!("/calls?{}", query.unwrap()), "/?last=%3Cb%3E".to_owned()] {
        let (_, _, page) = get(&uri).await;
        // A field gives back what was typed; elsewhere what cannot be seen is made visible.
        let invisible: &[&str] = if uri.starts_with("/calls") { &[] } else { &["\u{1b}", "\u{202e}"] };
        for forbidden in ["<script", "<img", "<b>", "<i>"].iter().chain(invisible) {
            assert!(!page.contains(forbidden), "{forbidden:?} in {uri}");
        }
    }
    assert!(get("/").await.2.contains("&lt;script&gt;alert('x')&lt;/script&gt;"));
}

#[tokio::test]
async fn a_failed_call_shows_its_kind_and_has_the_senders_type_in_the_title() {
    let mut call = calls()[0].clone();
    call.outcome = spanledger::Outcome::Failed;
    call.error_kind = Some("rate_limited".to_owned());
    call.error_type = Some("openai.RateLimitError".to_owned());
    call.error_message = Some("slow down".to_owned());
    let shown = |call| async { get_from(state(ledger(&[call])), "/calls?last=24h").await.2 };
    let page = shown(call.clone()).await;
    assert!(page.contains("title=\"openai.RateLimitError: slow down\"><a href=\"/calls?error=rate_limited&amp;last=24h\">rate_limited<"), "{page}");
    call.error_type = call.error_kind.clone();
    let page = shown(call).await;
    assert!(
        page.contains("title=\"slow down\"><a href=\"/calls?error=rate_limited&amp;last=24h\">rate_limited<"),
        "{page}"
    );
}

#[tokio::test]
async fn filters_lead_to_the_calls_that_match() {
    let (_, _, page) = get("/calls?status=401&outcome=failed").await;
    assert_eq!(rows(&page).len(), 3);
    assert!(rows(&page).iter().all(|row| row.contains("invalid_api_key")));
    assert!(page.contains("<option value=\"failed\" selected>"));
    let (_, _, page) =
        get(&format!("/calls?{}", serde_urlencoded::to_string([("model", HOSTILE)]).unwrap())).await;
    assert_eq!(rows(&page).len(), 21);
    let (_, _, page) = get("/calls?user=nobody").await;
    assert!(page.contains("None matches within this time"));
}

#[tokio::test]
async fn names_of_the_report_lead_to_their_calls() {
    let (_, _, page) = get("/?last=24h&refresh=60").await;
    for link in [
        "/calls?last=24h&amp;model=gpt-4o-mini-2024-07-18&amp;refresh=60",
        "/calls?last=24h&amp;provider=anthropic&amp;refresh=60",
        "/calls?last=24h&amp;refresh=60&amp;service=checkout",
        "/calls?last=24h&amp;refresh=60&amp;user=alice%40example.com",
        "/calls?error=rate_limit_exceeded&amp;last=24h&amp;refresh=60",
        "/rules?last=24h&amp;refresh=60#highfailurerate",
        "/calls?hash=",
    ] {
        assert!(page.contains(&format!("href=\"{link}")), "{link}");
    }
    assert!(page.contains("<meta http-equiv=\"refresh\" content=\"60\">"));
    assert!(!get("/").await.2.contains("http-equiv=\"refresh\""));
    let (_, _, page) = get("/calls?last=24h&error=invalid_api_key").await;
    assert!(!rows(&page).is_empty() && rows(&page).iter().all(|row| row.contains("invalid_api_key")));
    // A file leads nowhere.
    let report = report::build(&ledger(&calls()), crate::report::tests::fixture::DAY, &rules(), NOW).unwrap();
    assert!(!crate::report::to_html(&report).contains("href=\"/"));
}

#[tokio::test]
async fn a_call_has_a_page_with_its_times_and_its_bill() {
    let call = crate::explain::tests::streamed();
    let id = crate::store::CallId::of(&call);
    let (status, _, page) =
        get_from(state(ledger(std::slice::from_ref(&call))), &format!("/call/{id}")).await;
    assert_eq!(status, StatusCode::OK);
    for text in [
        "asked openai at api.openai.com for gpt-4o-mini",
        "first chunk",
        "$0.15 per million",
        "$0.000240000",
        "the total to the nano-dollar",
        "Calls of this trace",
        "chatcmpl-one",
        "href=\"/calls?user=ada\"",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    // The list leads to it.
    let (_, _, list) = get_from(state(ledger(std::slice::from_ref(&call))), "/calls").await;
    assert!(list.contains(&format!("href=\"/call/{id}\"")));
    let (status, _, page) = get("/call/0000000000000").await;
    assert!(status == StatusCode::OK && page.contains("Several calls have an id that begins so"));
    assert_eq!(get("/call/no-such-call").await.0, StatusCode::NOT_FOUND);
    // The same view for programs.
    let (_, _, text) = get_from(state(ledger(&[call])), &format!("/call.json?id={id}")).await;
    let json: crate::explain::Explained = serde_json::from_str(&text).unwrap();
    assert_eq!(json.id, id);
}

#[tokio::test]
async fn the_days_have_the_figures_of_the_report() {
    let (status, _, page) = get("/daily?last=7d").await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        page.contains("Usage and cost by day") && page.contains("2026-11-22") && page.contains("1,593"),
        "{page}"
    );
    assert!(page.contains("without a known price"));
    assert_eq!(get("/daily?last=1000000d").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_alert_leads_to_its_calls() {
    let (_, _, page) = get("/rules").await;
    let link = page
        .split("href=\"")
        .filter_map(|rest| rest.split('"').next())
        .find(|link| link.starts_with("/calls?from="));
    let link = link.unwrap_or_else(|| panic!("no link\n{page}")).replace("&amp;", "&");
    let (status, _, calls) = get(&link).await;
    assert_eq!(status, StatusCode::OK, "{link}");
    assert!(!rows(&calls).is_empty(), "{link}");
}

#[tokio::test]
async fn a_line_of_the_configuration_is_on_every_page_and_brings_no_markup() {
    for uri in ["/", "/calls", "/daily", "/rules", "/silences", "/runbook", "/call/0000000000000007"] {
        let (_, _, without) = get(uri).await;
        assert!(!without.contains("class=\"banner\""), "{uri}");
        let noted = PageState { note: format!("staging {HOSTILE}"), ..state(ledger(&calls())) };
        let (_, _, page) = get_from(noted, uri).await;
        assert!(page.contains("class=\"banner\"") && page.contains("staging"), "{uri}");
        assert!(!page.contains("<script>"), "{uri}");
    }
}

#[tokio::test]
async fn the_rules_are_shown_with_since_when_and_their_values_over_time() {
    let (status, _, page) = get("/rules").await;
    assert_eq!(status, StatusCode::OK);
    for text in [
        "id=\"highfailurerate\"",
        "62.2 %",
        "since ",
        "10 min",
        ", threshold 50 %",
        "/runbook#highfailurerate",
        "No values over time yet",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    let page_state = state(ledger(&calls()));
    let mut evaluator =
        crate::evaluate::evaluator::Evaluator::new(&crate::rule::config::RulesConfig::default());
    for minutes in 0..3 {
        let at = NOW.plus_seconds(60 * minutes - 180);
        page_state.history.record(&evaluator.evaluate_all(&*page_state.querier, at), at);
    }
    let (_, _, page) = get_from(page_state, "/rules").await;
    assert!(
        page.contains("class=\"s-bad limit\"") && page.contains("the broken line is the threshold"),
        "{page}"
    );
}

#[tokio::test]
async fn the_rules_show_what_is_usual() {
    use crate::rule::tests::{at, call};

    // 20 calls in five minutes for three days, then 400 within two minutes.
    let (days, step) = (3 * 86_400, 15);
    let past = (0..days).step_by(step).map(call);
    let calls: Vec<_> = past.chain((0..400).map(|number| call(days + number % 120))).collect();
    let mut evaluator =
        crate::evaluate::evaluator::Evaluator::new(&crate::rule::config::RulesConfig::default());
    let statuses = evaluator.evaluate_all(&ledger(&calls), at(days + 121));
    let rules = move || crate::report::rule_states::report_states(&statuses);
    let (_, _, page) = get_from(PageState { rules: Arc::new(rules), ..state(ledger(&[])) }, "/rules").await;
    let card = page.split_once("id=\"highrequestrate\"").expect("a card").1;
    let card = card.split_once("class=\"card rule\"").map_or(card, |(card, _)| card);
    assert!(card.contains("limit 150; usual for 00:00 UTC: 20 to 20, the day before at most 20"), "{card}");
}

#[tokio::test]
async fn the_present_is_served_to_a_terminal() {
    let (status, headers, text) = get("/live.json?service=checkout").await;
    assert_eq!(
        (status, &headers["content-type"]),
        (StatusCode::OK, &HeaderValue::from_static("application/json"))
    );
    let live: crate::live::Live = serde_json::from_str(&text).unwrap();
    assert!(live.calls.iter().all(|call| call.service == "checkout") && !live.calls.is_empty());
    assert_eq!(live.rules[0].name, "HighFailureRate");
}

#[tokio::test]
async fn following_the_pages_shows_every_call_once() {
    let mut uri = "/calls?last=24h&provider=openai".to_owned();
    let mut seen = Vec::new();
    loop {
        let (_, _, page) = get(&uri).await;
        let traces = rows(&page)
            .into_iter()
            .map(|row| row.rsplit_once("trace_id=").unwrap().1.split_once('"').unwrap().0.to_owned());
        seen.extend(traces);
        let Some((before, _)) = page.split_once("\" rel=\"next\"") else { break };
        uri = before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&");
    }
    assert_eq!(seen.len(), 900);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 900);
}

#[tokio::test]
async fn a_bad_query_is_answered_by_what_was_wrong() {
    for (uri, text) in [
        ("/?last=soon", "&quot;soon&quot; is not a valid duration"),
        ("/?from=2026-11-23&to=2026-11-22", "the window is empty"),
        ("/calls?status=abc", "it is a number such as 429"),
        ("/report.json?colour=red", "unknown parameter &quot;colour&quot;"),
        ("/calls?trace_id=zz", "a trace id has 32 hex digits"),
    ] {
        let (status, headers, page) = get(uri).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{uri}");
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        assert!(page.contains(text), "{uri}: {page}");
    }
}

#[tokio::test]
async fn the_time_is_chosen_by_links_and_by_a_form() {
    let (_, _, page) = get("/?from=2026-11-22T18:00&to=2026-11-23T00:00&model=x").await;
    assert!(page.contains("2026-11-22 18:00 to 2026-11-23 00:00 UTC (6 h)"));
    assert!(page.contains("value=\"2026-11-22T18:00\""));
    assert!(page.contains("href=\"/?last=7d&amp;model=x\""));
    let segments = page.split_once("aria-label=\"Time\"").unwrap().1.split_once("</nav>").unwrap().0;
    assert!(!segments.contains("aria-current="));
    assert!(page.contains("as they stand now, not at the end of the chosen time"));
    assert!(get("/").await.2.contains("href=\"/?last=24h\" aria-current=\"true\""));
}

#[tokio::test]
async fn the_json_is_the_one_of_the_command() {
    let (status, headers, text) = get("/report.json?last=24h").await;
    assert_eq!(
        (status, &headers["content-type"]),
        (StatusCode::OK, &HeaderValue::from_static("application/json"))
    );
    let window = crate::text::time::window(Some("24h"), None, None, NOW).unwrap();
    let report = report::build(&ledger(&calls()), window, &rules(), NOW).unwrap();
    assert_eq!(text, report::to_json(&report).unwrap());
}

#[tokio::test]
async fn an_empty_ledger_says_how_to_fill_it() {
    let (status, _, page) = get_from(state(ledger(&[])), "/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("No calls ended in this time") && page.contains("4317"));
}

#[tokio::test]
async fn the_rules_show_sentences_whole() {
    let sentence = "calls of a model ".repeat(20);
    let mut shown = rules();
    let firing = shown.iter_mut().find(|rule| rule.name == "HighFailureRate").unwrap();
    firing.detail = Some(format!("{sentence}end"));
    let rules = move || shown.clone();
    for uri in ["/", "/rules"] {
        let state = PageState { rules: Arc::new(rules.clone()), ..state(ledger(&calls())) };
        let (_, _, page) = get_from(state, uri).await;
        assert!(page.contains("calls of a model end"), "{uri}");
    }
}
