use super::*;
use crate::record::CallRecord;
use crate::report::tests::fixture::{NOW, call, ledger};
use clap::Parser as _;

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

/// What the command writes, and how it fails.
fn shown(calls: &[CallRecord], flags: &[&str]) -> (String, Option<String>) {
    let args = Cli::try_parse_from([&["call"], flags].concat()).unwrap().args;
    let mut out = Vec::new();
    let done = run(&args, &ledger(calls), &PriceTable::bundled(), NOW, Terminal::PLAIN, &mut out);
    (String::from_utf8(out).unwrap(), done.err().map(|failure| failure.to_string()))
}

fn calls() -> Vec<CallRecord> {
    let at = |seconds: i64| NOW.plus_seconds(-seconds);
    let mut calls: Vec<_> = (1..=3).map(|n| call(n, at(100 * i64::try_from(n).unwrap()))).collect();
    calls[0].response_id = Some("chatcmpl-one".to_owned());
    calls[1].response_id = Some("chatcmpl-two".to_owned());
    calls
}

#[test]
fn every_id_of_a_call_leads_to_it() {
    let calls = calls();
    for id in [
        "0000000000000001",
        "000000000000000100000000feedbeef",
        "000000000000000100000000FEEDBEEF",
        "000000000000000100000000feedbeef-0000000000000001",
        "chatcmpl-one",
        "chatcmpl-o",
    ] {
        let (out, failure) = shown(&calls, &[id]);
        assert!(
            out.starts_with("call 000000000000000100000000feedbeef-0000000000000001\n"),
            "{id}: {out}{failure:?}"
        );
        assert_eq!(failure, None);
    }
    let (out, _) = shown(&calls, &["chatcmpl-one", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["call"]["span_id"], "0000000000000001");
    assert_eq!(json["bill"]["adds_up"], true);
    assert_eq!(json["bill"]["lines"][0]["item"], "input");
    assert_eq!(json["trace"].as_array().unwrap().len(), 1);
}

#[test]
fn an_id_of_several_calls_lists_them_and_one_of_none_says_so() {
    let calls = calls();
    let (out, failure) = shown(&calls, &["chatcmpl-"]);
    assert_eq!(failure.unwrap(), "\"chatcmpl-\" means 2 calls; give the span id of one of them");
    assert!(out.contains("0000000000000001") && out.contains("0000000000000002"), "{out}");
    let (out, failure) = shown(&calls, &["0", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((json["candidates"].as_array().unwrap().len(), &json["more"]), (3, &false.into()));
    assert!(failure.unwrap().starts_with("\"0\" means 3 calls"));
    let (out, failure) = shown(&calls, &["nothing\u{1b}[2J"]);
    assert_eq!(out, "");
    assert!(
        failure
            .unwrap()
            .starts_with(r#"no call has an id that begins with "nothing\u{1b}[2J"; give a trace id"#)
    );
    let many: Vec<_> = (1..=30).map(|n| call(n, NOW.plus_seconds(-60))).collect();
    let (out, failure) = shown(&many, &["0000"]);
    assert_eq!(out.lines().count(), 21);
    assert!(failure.unwrap().starts_with("\"0000\" means more than 20 calls"));
}

#[test]
fn a_trace_of_several_calls_lists_them() {
    let mut calls = calls();
    calls[1].trace_id = calls[0].trace_id;
    let (out, failure) = shown(&calls, &["000000000000000100000000feedbeef"]);
    assert!(failure.unwrap().contains("means 2 calls"));
    assert!(out.contains("0000000000000002"));
    let (out, failure) = shown(&calls, &["0000000000000002"]);
    assert_eq!(failure, None);
    assert!(
        out.contains("> ") && out.lines().filter(|line| line.contains("gpt-4o-mini-2024")).count() >= 2,
        "{out}"
    );
}
