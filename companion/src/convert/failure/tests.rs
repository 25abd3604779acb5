use super::*;

fn read(error_type: &str, text: &str) -> Failure {
    let error_type = (!error_type.is_empty()).then_some(error_type);
    Failure::read(None, error_type, (!text.is_empty()).then_some(text).into_iter())
}

fn failure(status: impl Into<Option<u16>>, kind: Kind) -> Failure {
    Failure { status: status.into(), kind: Some(kind) }
}

#[test]
fn finds_the_status_in_every_form_in_which_texts_name_it() {
    for text in [
        "Error code: 429 - slow down",
        "RateLimitError: Error code: 429 - {'error': {}}",
        "OpenAIRateLimitError('Error code: 429 - slow down')",
        "ModelHTTPError: status_code: 429, model_name: m, body: {}",
        "status code 429",
        "Request failed with status code 429",
        "statusCode=429",
        "got status: 429 . {\"error\":{}}",
        "HTTP 429",
        "HTTP/1.1 429 Too Many Requests",
        "HTTP status client error (429 Too Many Requests) for url (https://h.example/)",
        "the service said no (429)",
        "429 slow down",
        "429 {\"type\":\"error\"}",
        "ClientError: 429 RESOURCE_EXHAUSTED. {'error': {}}",
        "_ResourceExhaustedError: \nsee the guide\n\n429 RESOURCE_EXHAUSTED. {}",
        "the call failed with 429 RESOURCE_EXHAUSTED",
        "{'error': {'code': 429, 'message': 'm'}}",
        "{\"error\": {\"code\": \"429\"}}",
        "Error 429, Message: slow down, Status: , Details: []",
        "API Error: 429 {\"type\":\"error\"}",
        "POST \"https://h.example/v1/messages\": 429 Too Many Requests",
        "Error fetching from https://h.example: [429 Too Many Requests] slow down",
        "litellm.RateLimitError: RateLimitError: OpenAIException - slow down",
    ] {
        assert_eq!(read("", text), failure(429, Kind::RateLimited), "{text}");
    }
}

#[test]
fn takes_no_other_number_for_a_status() {
    for text in [
        "the prompt has 4290 tokens",
        "model gpt-500 does not answer",
        "request req_429 failed",
        "limit of 500 tokens",
        "error at line 404 of main.py",
        "quota: 450 Requests per minute",
        "[500 Tokens] are too many",
        "an error 4290 of ours",
        "",
    ] {
        assert_eq!(read("", text).status, None, "{text}");
    }
}

#[test]
fn knows_the_failures_of_every_sdk_whatever_precedes_their_names() {
    let kinds = [
        ("RateLimitError", failure(429, Kind::RateLimited)),
        ("TooManyRequestsException", failure(429, Kind::RateLimited)),
        ("ThrottlingException", failure(429, Kind::RateLimited)),
        ("ResourceExhausted", failure(429, Kind::RateLimited)),
        ("AuthenticationError", failure(401, Kind::Unauthenticated)),
        ("UnauthorizedException", failure(401, Kind::Unauthenticated)),
        ("PermissionDeniedError", failure(403, Kind::PermissionDenied)),
        ("AccessDeniedException", failure(403, Kind::PermissionDenied)),
        ("NotFoundError", failure(404, Kind::NotFound)),
        ("BadRequestError", failure(400, Kind::InvalidRequest)),
        ("UnprocessableEntityError", failure(400, Kind::InvalidRequest)),
        ("ContextWindowExceededError", failure(400, Kind::ContextLengthExceeded)),
        ("ServiceUnavailableError", failure(503, Kind::Overloaded)),
        ("InternalServerError", failure(500, Kind::ServerError)),
        ("APITimeoutError", failure(None, Kind::Timeout)),
        ("APIConnectionTimeoutError", failure(None, Kind::Timeout)),
        ("DeadlineExceeded", failure(None, Kind::Timeout)),
        ("APIConnectionError", failure(None, Kind::Connection)),
        ("RemoteProtocolError", failure(None, Kind::Connection)),
        ("CancelledError", failure(None, Kind::Cancelled)),
        ("GeneratorExit", failure(None, Kind::Cancelled)),
        ("AI_LoadAPIKeyError", failure(401, Kind::Unauthenticated)),
        ("ContentPolicyViolationError", failure(None, Kind::ContentFiltered)),
    ];
    let before =
        ["", "openai.", "a.b_c.d.", "OpenAI", "Model", "_", "OpenAI::", "@scope/pkg.", "litellm.exceptions."];
    for (name, expected) in kinds {
        for prefix in before {
            let name = format!("{prefix}{name}");
            assert_eq!(read(&name, ""), expected, "{name}");
        }
    }
    for code in ["rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED", "429"] {
        assert_eq!(read(code, ""), failure(429, Kind::RateLimited), "{code}");
    }
}

#[test]
fn leaves_names_that_say_nothing() {
    for name in [
        "ValueError",
        "AI_APICallError",
        "APIError",
        "ClientError",
        "internal",
        "_OTHER",
        "UsageLimitExceeded",
        "",
    ] {
        assert_eq!(read(name, ""), Failure::default(), "{name}");
    }
}

#[test]
fn believes_the_status_before_the_name_and_the_name_before_the_text() {
    assert_eq!(read("openai.APIStatusError", "Error code: 403 - no"), failure(403, Kind::PermissionDenied));
    assert_eq!(read("RateLimitError", "Error code: 500 - it broke"), failure(500, Kind::ServerError));
    assert_eq!(read("AuthenticationError", "connection error"), failure(401, Kind::Unauthenticated));
    assert_eq!(read("AI_APICallError", "Rate limit reached for m"), failure(429, Kind::RateLimited));
    let attribute = Failure::read(Some(529), Some("overloaded_error"), std::iter::empty());
    assert_eq!(attribute, failure(529, Kind::Overloaded));
    // The headers of a stream that broke later said 200.
    let broken = Failure::read(Some(200), Some("RemoteProtocolError"), std::iter::empty());
    assert_eq!(broken, failure(200, Kind::Connection));
}

#[test]
fn says_more_than_a_status_where_name_or_text_do() {
    assert_eq!(
        read("RateLimitError", "Error code: 429 - {'code': 'insufficient_quota'}").kind,
        Some(Kind::QuotaExceeded)
    );
    assert_eq!(
        read("BadRequestError", "Error code: 400 - context_length_exceeded").kind,
        Some(Kind::ContextLengthExceeded)
    );
    assert_eq!(read("", "Error code: 400 - {'code': 'content_filter'}").kind, Some(Kind::ContentFiltered));
    assert_eq!(read("overloaded_error", "Error code: 500").kind, Some(Kind::Overloaded));
}

#[test]
fn finds_the_class_with_which_a_text_begins() {
    for (text, class) in [
        ("RateLimitError: Error code: 429", Some("RateLimitError")),
        ("OpenAIConnectionError('Connection error.')", Some("OpenAIConnectionError")),
        ("a.b.ModelTimeoutError: x", Some("a.b.ModelTimeoutError")),
        ("Error code: 429", None),
        ("it broke: RateLimitError", None),
        ("no colon", None),
    ] {
        assert_eq!(class_in(text), class, "{text}");
    }
}

#[test]
fn knows_the_words_of_transports() {
    for (text, kind) in [
        ("TypeError: fetch failed", Kind::Connection),
        ("socket hang up", Kind::Connection),
        ("read ECONNRESET", Kind::Connection),
        ("error sending request for url (https://api.example.com/)", Kind::Connection),
        ("Premature close", Kind::Connection),
        ("Post \"https://api.example.com/\": context canceled", Kind::Cancelled),
    ] {
        assert_eq!(read("", text).kind, Some(kind), "{text}");
    }
}

#[test]
fn knows_the_codes_of_each_provider() {
    let read =
        |provider, code| Failure::read(Some(200), Some(code), std::iter::empty()).coded(provider, code);
    for (provider, code, status, kind) in [
        ("minimax", "1002", 429, Kind::RateLimited),
        ("MiniMax", "1039", 429, Kind::RateLimited),
        ("minimax", "1004", 401, Kind::Unauthenticated),
        ("minimax", "2049", 401, Kind::Unauthenticated),
        ("minimax", "1008", 200, Kind::QuotaExceeded),
        ("z_ai", "1002", 401, Kind::Unauthenticated),
        ("z_ai", "1302", 429, Kind::RateLimited),
        ("baidu", "18", 429, Kind::RateLimited),
        ("baidu", "110", 401, Kind::Unauthenticated),
        ("iflytek", "11202", 429, Kind::RateLimited),
        ("z_ai", "1310", 200, Kind::QuotaExceeded),
        ("zhipu", "1312", 200, Kind::Overloaded),
        ("z_ai", "1222", 200, Kind::NotFound),
        ("baidu", "100", 200, Kind::InvalidRequest),
        ("qianfan", "336501", 429, Kind::RateLimited),
        ("baidu", "336005", 200, Kind::NotFound),
        ("iflytek", "11200", 403, Kind::PermissionDenied),
        ("iflytek", "11201", 200, Kind::QuotaExceeded),
        ("spark", "10008", 200, Kind::Overloaded),
        ("cloudflare", "10000", 401, Kind::Unauthenticated),
        ("cloudflare", "5007", 200, Kind::NotFound),
        ("cloudflare", "3007", 200, Kind::Timeout),
        ("cloudflare", "3036", 200, Kind::QuotaExceeded),
        ("tencent_cloud", "AuthFailure.SecretIdNotFound", 401, Kind::Unauthenticated),
        ("tencent_cloud", "RequestLimitExceeded", 429, Kind::RateLimited),
        ("alibaba_cloud", "Throttling.RateQuota", 429, Kind::RateLimited),
        ("alibaba_cloud", "InvalidApiKey", 401, Kind::Unauthenticated),
        ("alibaba_cloud", "Arrearage", 200, Kind::QuotaExceeded),
        ("alibaba_cloud", "DataInspectionFailed", 200, Kind::ContentFiltered),
        ("openrouter", "429", 429, Kind::RateLimited),
        ("openrouter", "401", 401, Kind::Unauthenticated),
    ] {
        assert_eq!(read(provider, code), failure(status, kind), "{provider} {code}");
    }
    // A number says nothing at another provider.
    assert_eq!(read("openai", "1002"), failure_without_kind(200));
    assert_eq!(read("minimax", "9999"), failure_without_kind(200));
    // What no page explains keeps its text and gets no kind.
    for provider in ["z_ai", "baidu", "iflytek", "cloudflare"] {
        assert_eq!(read(provider, "7777"), failure_without_kind(200), "{provider}");
    }
    // A status of HTTP that says it already stays as it is.
    let refused = Failure::read(Some(403), Some("1004"), std::iter::empty()).coded("minimax", "1004");
    assert_eq!(refused, failure(403, Kind::Unauthenticated));
}

fn failure_without_kind(status: u16) -> Failure {
    Failure { status: Some(status), kind: None }
}
