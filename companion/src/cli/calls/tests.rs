use super::*;
use crate::record::CallRecord;
use crate::report::tests::fixture::{self, DAY, HOSTILE, NOW, call, calls};
use clap::Parser as _;

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

/// What the command writes to its output and to its notes.
fn list(ledger: &[CallRecord], flags: &[&str]) -> (String, String) {
    let args = Cli::try_parse_from([&["calls"], flags].concat()).unwrap().args;
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    run(&args, &fixture::ledger(ledger), NOW, Terminal::PLAIN, &mut out, &mut notes).unwrap();
    (String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap())
}

fn json(ledger: &[CallRecord], flags: &[&str]) -> serde_json::Value {
    serde_json::from_str(&list(ledger, &[flags, &["--format", "json"]].concat()).0).unwrap()
}

#[test]
fn each_filter_leaves_only_what_matches() {
    let ledger = calls();
    for (flags, field, value) in [
        (["--model", "gemini-2.5-flash"], "response_model", "gemini-2.5-flash".into()),
        (["--provider", "anthropic"], "provider", "anthropic".into()),
        (["--service", "checkout"], "service", "checkout".into()),
        (["--user", "alice@example.com"], "user", "alice@example.com".into()),
        (["--status", "401"], "status_code", 401.into()),
        (["--error", "invalid_api_key"], "error_kind", "invalid_api_key".into()),
        (["--outcome", "timed_out"], "outcome", "timed_out".into()),
        (["--hash", "0000000000000000009a9a9a9a9a9a9a"], "request_hash", serde_json::Value::Null),
        (
            ["--trace-id", "000000000000000700000000FEEDBEEF"],
            "trace_id",
            "000000000000000700000000feedbeef".into(),
        ),
    ] {
        let found = json(&ledger, &flags);
        let rows = found["calls"].as_array().unwrap();
        assert_eq!(rows.is_empty(), field == "request_hash", "{flags:?}");
        assert!(rows.iter().all(|row| row[field] == value), "{flags:?}");
    }
}

#[test]
fn pages_hold_every_call_once_and_newest_first() {
    let ledger = calls();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let next = after.map_or(Vec::new(), |after: i64| vec!["--after".to_owned(), after.to_string()]);
        let flags: Vec<&str> = next.iter().map(String::as_str).chain(["--limit", "700"]).collect();
        let page = json(&ledger, &flags);
        seen.extend(
            page["calls"].as_array().unwrap().iter().map(|call| call["span_id"].as_str().unwrap().to_owned()),
        );
        after = page["next"].as_i64();
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), ledger.len());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), ledger.len());
}

#[test]
fn the_table_tells_on_the_side_how_to_go_on() {
    let ledger: Vec<_> = (1..=3).map(|n| call(n, DAY.from.plus_seconds(n as i64))).collect();
    let (out, notes) = list(&ledger, &["--limit", "2"]);
    assert_eq!(out.lines().count(), 3);
    assert!(out.lines().nth(1).unwrap().starts_with("11-22 12:00:03"));
    let after = notes.strip_prefix("more calls follow: --after ").unwrap().trim_end();
    let (rest, notes) = list(&ledger, &["--limit", "2", "--after", after]);
    assert!(rest.lines().nth(1).unwrap().starts_with("11-22 12:00:01") && notes.is_empty());
    assert_eq!(list(&ledger, &["--limit", "3"]).1, "");
    assert_eq!(list(&[], &[]).0, "no calls match\n");
}

#[test]
fn hostile_text_neither_steers_the_terminal_nor_widens_the_table() {
    use unicode_width::UnicodeWidthStr as _;
    let mut one = call(1, DAY.from);
    one.response_model = Some(HOSTILE.to_owned());
    one.user = Some("\u{1b}]0;title\u{7}".repeat(20));
    let (out, _) = list(&[one], &[]);
    assert!(!out.contains(['\u{1b}', '\u{7}', '\u{202e}']));
    assert!(out.lines().all(|line| line.width() <= 80), "{out}");
}

#[test]
fn csv_cells_are_never_formulas_and_keep_their_borders() {
    let mut one = call(1, DAY.from);
    one.user = Some("=HYPERLINK(\"http://evil\",\"x\")".to_owned());
    one.service = " +1".to_owned();
    one.provider = "a,b\nc".to_owned();
    one.error_message = Some("-2+3".to_owned());
    one.response_preview = Some("@SUM(A1)".to_owned());
    let (out, _) = list(&[one], &["--format", "csv"]);
    let (titles, row) = out.split_once("\r\n").unwrap();
    assert_eq!(titles.split(',').count(), 42);
    for cell in [
        "\"'=HYPERLINK(\"\"http://evil\"\",\"\"x\"\")\"",
        ",' +1,",
        ",\"a,b\nc\",",
        ",'-2+3,",
        ",'@SUM(A1),\r\n",
    ] {
        assert!(row.contains(cell), "{cell} is not in {row}");
    }
    assert!(titles.ends_with("sequence,response_preview,tags"));
}

#[test]
fn csv_of_no_calls_is_its_titles() {
    assert_eq!(list(&[], &["--format", "csv"]).0.lines().count(), 1);
}

#[test]
fn bad_flags_are_refused_with_the_values_allowed() {
    for (flags, hint) in [
        (["--outcome", "fine"], "[possible values: completed, truncated"),
        (["--trace-id", "12"], "32 hex digits"),
        (["--limit", "0"], "a whole number from 1 to 10000"),
        (["--status", "70000"], "such as 429"),
        (["--last", "soon"], "\"soon\" is not a valid duration"),
    ] {
        let error = Cli::try_parse_from([&["calls"][..], &flags].concat()).err().unwrap().to_string();
        assert!(error.contains(hint), "{error}");
    }
}

#[test]
fn no_format_passes_control_characters_to_a_terminal() {
    let hostile = "a\u{1b}[2Jb\u{9b}31mc\u{7f}d\re\r\nf\tg\u{85}h";
    let ledger = [CallRecord {
        user: Some(hostile.into()),
        response_preview: Some(hostile.into()),
        ..call(1, NOW.plus_seconds(-60))
    }];
    for format in ["text", "json", "csv"] {
        let (out, _) = list(&ledger, &["--format", format]);
        let text = out.replace("\r\n", "\n");
        let found =
            text.chars().find(|character| character.is_control() && !matches!(character, '\n' | '\t'));
        assert_eq!(found, None, "{format}: {text:?}");
    }
    assert_eq!(json(&ledger, &[])["calls"][0]["user"], hostile);
}

#[test]
fn tags_select_calls_and_are_in_every_format() {
    let mut tagged = call(1, NOW.plus_seconds(-60));
    assert!(tagged.tags.add("team", "=search") && tagged.tags.add("env", "prod"));
    let ledger = [tagged, call(2, NOW.plus_seconds(-30))];
    let found = json(&ledger, &["--tag", "team==search", "--tag", "env=prod"]);
    assert_eq!(found["calls"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["calls"][0]["tags"], serde_json::json!({"env": "prod", "team": "=search"}));
    assert_eq!(json(&ledger, &["--tag", "team=ads"])["calls"], serde_json::json!([]));
    let csv = list(&ledger, &["--format", "csv"]).0;
    assert!(
        csv.lines().next().unwrap().ends_with(",tags") && csv.contains(r#"""team"":""=search"""#),
        "{csv}"
    );
}
