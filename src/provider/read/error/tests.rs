use super::*;

fn facts(body: &str) -> Option<(Option<String>, Option<String>)> {
    read(body.as_bytes()).map(|facts| (facts.code, facts.message))
}

#[track_caller]
fn is(body: &str, code: Option<&str>, message: Option<&str>) {
    assert_eq!(facts(body), Some((code.map(str::to_owned), message.map(str::to_owned))), "{body}");
}

#[test]
fn prefers_the_code_then_the_type_then_the_status_name() {
    let all = r#"{"error":{"code":"rate_limit_exceeded","type":"requests","status":"X","message":"m"}}"#;
    is(all, Some("rate_limit_exceeded"), Some("m"));
    is(
        r#"{"error":{"code":null,"type":"insufficient_quota","message":"m"}}"#,
        Some("insufficient_quota"),
        Some("m"),
    );
    is(r#"{"error":{"status":"RESOURCE_EXHAUSTED","message":"m"}}"#, Some("RESOURCE_EXHAUSTED"), Some("m"));
}

#[test]
fn names_an_error_better_than_by_a_code_that_repeats_the_http_status() {
    is(
        r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#,
        Some("RESOURCE_EXHAUSTED"),
        Some("m"),
    );
    is(
        r#"{"error":{"code":401,"message":"m","type":"authentication_error"}}"#,
        Some("authentication_error"),
        Some("m"),
    );
    is(r#"{"error":{"code":"404","message":"m"}}"#, Some("404"), Some("m"));
    is(r#"{"error":{"code":"429","type":"None","param":"None","message":"m"}}"#, Some("429"), Some("m"));
    is(
        r#"{"object":"error","code":400,"type":"BadRequestError","message":"m"}"#,
        Some("BadRequestError"),
        Some("m"),
    );
    is(r#"{"error":{"code":400,"type":"Bad Request","message":"m"}}"#, Some("400"), Some("m"));
    is(r#"{"object":"error","code":"3051","message":"m","type":"t"}"#, Some("3051"), Some("m"));
    is(r#"{"error":{"code":"99","type":"t"}}"#, Some("99"), None);
}

#[test]
fn reads_every_place_an_error_stands_in() {
    is(r#"{"error":"model not found"}"#, None, Some("model not found"));
    is(
        r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
        Some("overloaded_error"),
        Some("m"),
    );
    is(r#"{"code":"invalid-argument","error":"m"}"#, Some("invalid-argument"), Some("m"));
    is(r#"{"object":"error","code":"3051","message":"m","type":"t"}"#, Some("3051"), Some("m"));
    is(
        r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden"}]},"type":"invalid_request_error","code":null}"#,
        Some("invalid_request_error"),
        None,
    );
    is(r#"{"detail":"Invalid API Key"}"#, None, Some("Invalid API Key"));
    is(
        r#"{"detail":[{"type":"missing","loc":["body"],"msg":"Field required"}]}"#,
        Some("missing"),
        Some("Field required"),
    );
    is(
        r#"{"success":false,"errors":[{"code":7003,"message":"m"}],"messages":[],"result":null}"#,
        Some("7003"),
        Some("m"),
    );
    is(r#"[{"error":{"code":400,"message":"m"}}]"#, Some("400"), Some("m"));
    is(
        r#"{"__type":"com.amazon.coral#ThrottlingException:http://x/","Message":"m"}"#,
        Some("ThrottlingException"),
        Some("m"),
    );
}

#[test]
fn takes_no_prose_for_a_code() {
    is(r#"{"error":{"code":"you sent sk-secret","type":"auth","message":"m"}}"#, Some("auth"), Some("m"));
    let long = "x".repeat(65);
    is(&format!(r#"{{"error":{{"code":"{long}","message":"m"}}}}"#), None, Some("m"));
}

#[test]
fn sees_no_error_where_there_is_none() {
    for body in [
        "{}",
        r#"{"error":null}"#,
        r#"{"error":{}}"#,
        r#"{"error":false}"#,
        r#"{"error":""}"#,
        "[]",
        "[\"x\"]",
        "null",
        "x",
        "\"x\"",
        r#"{"type":"ping"}"#,
    ] {
        assert_eq!(facts(body), None, "{body}");
    }
}
