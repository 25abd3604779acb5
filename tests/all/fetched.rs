//! Responses that come later than their call: the request is a call that is pending, and the response is recorded once,
//! however often it is fetched.

use serde_json::{Map, Value, json};
use spanledger::semconv::attribute;

use crate::support::replay::{self, Exchange, Replay};

fn exchange(method: &str, url: &str, request: Option<Value>, status: u16, response: &Value) -> Exchange {
    serde_json::from_value(json!({
        "id": format!("{method} {url}"),
        "request": {
            "method": method,
            "url": url,
            "headers": {"content-type": "application/json"},
            "body": request.map(|body| body.to_string()),
        },
        "response": {
            "status": status,
            "headers": {"content-type": "application/json"},
            "body": response.to_string(),
        },
    }))
    .unwrap()
}

/// The attributes of the span, if there is one.
async fn call(replay: &Replay, exchange: &Exchange) -> Option<Map<String, Value>> {
    let replayed = replay.run(exchange).await.unwrap();
    assert!(replayed.body_identical);
    assert!(replayed.spans.len() < 2, "{}", exchange.id);
    replayed.spans.first().map(replay::attributes)
}

/// A response object with `status`.
fn response(id: &str, status: &str, usage: bool) -> Value {
    let usage = usage.then(|| json!({"input_tokens": 23, "output_tokens": 9, "total_tokens": 32}));
    json!({"id": id, "object": "response", "background": true, "status": status, "model": "gpt-5.5-2026-04-23",
        "output": [], "usage": usage, "error": null})
}

const RESPONSES: &str = "https://api.openai.com/v1/responses";

#[tokio::test]
async fn records_a_background_response_once_however_often_it_is_fetched() {
    let replay = Replay::start(1).await.unwrap();
    let asked = json!({"model": "gpt-5.5", "input": "Rivers?", "background": true});
    let queued = exchange("POST", RESPONSES, Some(asked), 200, &response("resp_f1", "queued", false));
    let said = call(&replay, &queued).await.unwrap();
    assert_eq!(said[attribute::OUTCOME], "pending");
    assert_eq!(said.get(attribute::RESPONSE_FETCHED), None);

    let get = |status: &str, usage| {
        exchange("GET", &format!("{RESPONSES}/resp_f1"), None, 200, &response("resp_f1", status, usage))
    };
    assert_eq!(call(&replay, &get("in_progress", false)).await, None);
    let said = call(&replay, &get("completed", true)).await.unwrap();
    assert_eq!(said[attribute::OUTCOME], "completed");
    assert_eq!(said[attribute::RESPONSE_FETCHED], true);
    assert_eq!(said[attribute::OPERATION_NAME], "chat");
    assert_eq!(said[attribute::REQUEST_MODEL], "gpt-5.5");
    assert_eq!(said[attribute::RESPONSE_ID], "resp_f1");
    assert_eq!(said[attribute::USAGE_INPUT_TOKENS], 23);
    assert_eq!(said[attribute::USAGE_OUTPUT_TOKENS], 9);
    // 5 and 30 dollars per million tokens.
    let usd = said[attribute::USAGE_COST].as_f64().unwrap();
    assert!((usd - (23.0 * 5.0 + 9.0 * 30.0) / 1e6).abs() < 1e-12, "{usd}");
    assert_eq!(said[attribute::COST_STATUS], "exact");
    assert_eq!(said.get(attribute::UNPARSED), None);
    for _ in 0..2 {
        assert_eq!(call(&replay, &get("completed", true)).await, None);
    }
    let names: Vec<_> = replay.points().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names.iter().filter(|name| *name == "spanledger.client.calls").count(), 2, "{names:?}");
}

#[tokio::test]
async fn records_a_response_that_another_process_asked_for_once() {
    let replay = Replay::start(1).await.unwrap();
    let get =
        exchange("GET", &format!("{RESPONSES}/resp_f2"), None, 200, &response("resp_f2", "completed", true));
    let said = call(&replay, &get).await.unwrap();
    assert_eq!(said.get(attribute::REQUEST_MODEL), None);
    assert_eq!(said[attribute::RESPONSE_FETCHED], true);
    assert_eq!(call(&replay, &get).await, None);
}

#[tokio::test]
async fn a_response_that_came_with_its_request_is_not_recorded_again() {
    let replay = Replay::start(1).await.unwrap();
    let asked = json!({"model": "gpt-5.5", "input": "Rivers?"});
    for background in [json!(false), Value::Null] {
        let id = format!("resp_f3{background}");
        let mut whole = response(&id, "completed", true);
        whole["background"] = background;
        let post = exchange("POST", RESPONSES, Some(asked.clone()), 200, &whole);
        assert!(call(&replay, &post).await.is_some());
        let get = exchange("GET", &format!("{RESPONSES}/{id}"), None, 200, &whole);
        assert_eq!(call(&replay, &get).await, None);
    }
    // One that another process had with its request has it in the body.
    let mut kept = response("resp_f6", "completed", true);
    kept["background"] = false.into();
    let get = exchange("GET", &format!("{RESPONSES}/resp_f6"), None, 200, &kept);
    assert_eq!(call(&replay, &get).await, None);
}

#[tokio::test]
async fn a_call_that_fails_later_is_recorded_where_it_was_asked_for() {
    let replay = Replay::start(1).await.unwrap();
    let failed = |id: &str| {
        let mut response = response(id, "failed", false);
        response["error"] = json!({"code": "server_error", "message": "no"});
        exchange("GET", &format!("{RESPONSES}/{id}"), None, 200, &response)
    };
    assert_eq!(call(&replay, &failed("resp_f4")).await, None);
    let asked = json!({"model": "gpt-5.5", "input": "Rivers?", "background": true});
    let queued = exchange("POST", RESPONSES, Some(asked), 200, &response("resp_f5", "queued", false));
    assert!(call(&replay, &queued).await.is_some());
    // That asking fails says nothing of the call.
    let refused = json!({"error": {"code": "rate_limit_exceeded", "message": "slow down"}});
    let get = exchange("GET", &format!("{RESPONSES}/resp_f5"), None, 429, &refused);
    assert_eq!(call(&replay, &get).await, None);
    let said = call(&replay, &failed("resp_f5")).await.unwrap();
    assert_eq!(said[attribute::OUTCOME], "failed");
    assert_eq!(said[attribute::ERROR_TYPE], "server_error");
    assert_eq!(call(&replay, &failed("resp_f5")).await, None);
}

/// Request, its response, where to fetch, and what is fetched first and last.
#[tokio::test]
async fn records_the_later_responses_of_every_provider_once() {
    let replay = Replay::start(1).await.unwrap();
    let chat = json!({"id": "c", "model": "tarn-9", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "Ald."}}],
        "usage": {"prompt_tokens": 23, "completion_tokens": 9, "total_tokens": 32}});
    let messages = json!([{"role": "user", "content": "Rivers?"}]);
    let mut finished_chat = chat.clone();
    finished_chat["task_status"] = "SUCCESS".into();
    for (post, asked, accepted, get, waiting, done) in [
        (
            "https://api.x.ai/v1/chat/completions",
            json!({"model": "tarn-9", "messages": messages, "deferred": true}),
            json!({"request_id": "f-x"}),
            "https://api.x.ai/v1/chat/deferred-completion/f-x",
            json!({"status": "pending"}),
            chat.clone(),
        ),
        (
            "https://api.perplexity.ai/async/chat/completions",
            json!({"request": {"model": "tarn-9", "messages": messages}}),
            json!({"id": "f-p", "model": "tarn-9", "status": "CREATED", "response": null}),
            "https://api.perplexity.ai/async/chat/completions/f-p",
            json!({"id": "f-p", "model": "tarn-9", "status": "IN_PROGRESS", "response": null}),
            json!({"id": "f-p", "model": "tarn-9", "status": "COMPLETED", "response": chat}),
        ),
        (
            "https://api.z.ai/api/paas/v4/async/chat/completions",
            json!({"model": "tarn-9", "messages": messages}),
            json!({"id": "f-z", "model": "tarn-9", "task_status": "PROCESSING"}),
            "https://api.z.ai/api/paas/v4/async-result/f-z",
            json!({"id": "f-z", "model": "tarn-9", "task_status": "PROCESSING"}),
            finished_chat,
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/interactions",
            json!({"model": "tarn-9", "input": "Rivers?", "background": true}),
            json!({"id": "f-i", "model": "tarn-9", "status": "in_progress"}),
            "https://generativelanguage.googleapis.com/v1beta/interactions/f-i",
            json!({"id": "f-i", "model": "tarn-9", "status": "in_progress"}),
            json!({"id": "f-i", "model": "tarn-9", "status": "completed",
                "usage": {"total_input_tokens": 23, "total_output_tokens": 9, "total_tokens": 32}}),
        ),
        (
            "https://api.replicate.com/v1/models/o/tarn-9/predictions",
            json!({"input": {"prompt": "Rivers?"}}),
            json!({"id": "f-r", "model": "o/tarn-9", "status": "starting"}),
            "https://api.replicate.com/v1/predictions/f-r",
            json!({"id": "f-r", "model": "o/tarn-9", "status": "processing", "logs": "1 %"}),
            json!({"id": "f-r", "model": "o/tarn-9", "status": "succeeded", "output": ["Ald."],
                "metrics": {"input_token_count": 23, "output_token_count": 9}}),
        ),
        (
            "https://api.coze.com/v3/chat",
            json!({"bot_id": "tarn-9", "stream": false}),
            json!({"code": 0, "data": {"id": "f-c", "status": "in_progress"}}),
            "https://api.coze.com/v3/chat/retrieve?conversation_id=c&chat_id=f-c",
            json!({"code": 0, "data": {"id": "f-c", "status": "in_progress"}}),
            json!({"code": 0, "data": {"id": "f-c", "status": "completed",
                "usage": {"input_count": 23, "output_count": 9, "token_count": 32}}}),
        ),
        (
            "https://x.services.ai.azure.com/api/projects/p/threads/t/runs",
            json!({"assistant_id": "tarn-9"}),
            json!({"id": "f-a", "model": "tarn-9", "status": "queued", "usage": null}),
            "https://x.services.ai.azure.com/api/projects/p/threads/t/runs/f-a",
            json!({"id": "f-a", "model": "tarn-9", "status": "in_progress", "usage": null}),
            json!({"id": "f-a", "model": "tarn-9", "status": "completed",
                "usage": {"prompt_tokens": 23, "completion_tokens": 9, "total_tokens": 32}}),
        ),
    ] {
        let said = call(&replay, &exchange("POST", post, Some(asked), 200, &accepted)).await.unwrap();
        assert_eq!(said[attribute::OUTCOME], "pending", "{post}");
        assert_eq!(call(&replay, &exchange("GET", get, None, 200, &waiting)).await, None, "{get}");
        let done = exchange("GET", get, None, 200, &done);
        let fetched = call(&replay, &done).await.unwrap_or_else(|| panic!("{get} leaves no span"));
        assert_eq!(fetched[attribute::OUTCOME], "completed", "{get}");
        assert_eq!(fetched[attribute::RESPONSE_FETCHED], true, "{get}");
        assert_eq!(fetched[attribute::OPERATION_NAME], said[attribute::OPERATION_NAME], "{get}");
        assert_eq!(fetched[attribute::REQUEST_MODEL], said[attribute::REQUEST_MODEL], "{get}");
        assert_eq!(fetched[attribute::USAGE_INPUT_TOKENS], 23, "{get}");
        assert_eq!(fetched[attribute::USAGE_OUTPUT_TOKENS], 9, "{get}");
        assert_eq!(call(&replay, &done).await, None, "{get}");
    }
}

/// What is billed by units is recorded as what is billed by tokens is.
#[tokio::test]
async fn records_a_video_when_it_is_made() {
    let replay = Replay::start(1).await.unwrap();
    let video = |status: &str| json!({"id": "f-v", "model": "sora-2", "status": status, "seconds": "4"});
    let asked = json!({"model": "sora-2", "prompt": "a river", "seconds": "4"});
    let url = "https://api.openai.com/v1/videos";
    let said = call(&replay, &exchange("POST", url, Some(asked), 200, &video("queued"))).await.unwrap();
    assert_eq!((&said[attribute::OUTCOME], said.get(attribute::COST_FACTORS)), (&json!("pending"), None));
    let get = |status: &str| exchange("GET", &format!("{url}/f-v"), None, 200, &video(status));
    assert_eq!(call(&replay, &get("in_progress")).await, None);
    let said = call(&replay, &get("completed")).await.unwrap();
    assert_eq!(said[attribute::COST_FACTORS], json!(["output_video_seconds=4"]));
    assert_eq!(call(&replay, &get("completed")).await, None);
}

/// A task whose response has counts that only the fetched one has.
#[tokio::test]
async fn records_the_tokens_of_a_video_when_it_is_made() {
    let replay = Replay::start(1).await.unwrap();
    let url = "https://ark.cn-beijing.volces.com/api/v3/contents/generations/tasks";
    let asked = json!({"model": "wren-seedance", "content": [{"type": "text", "text": "a river"}]});
    let said =
        call(&replay, &exchange("POST", url, Some(asked), 200, &json!({"id": "cgt-1"}))).await.unwrap();
    assert_eq!(
        (&said[attribute::OUTCOME], &said[attribute::RESPONSE_ID]),
        (&json!("pending"), &json!("cgt-1"))
    );
    let task = |status: &str, usage: Value| {
        let task = json!({"id": "cgt-1", "model": "wren-seedance", "status": status, "usage": usage});
        exchange("GET", &format!("{url}/cgt-1"), None, 200, &task)
    };
    assert_eq!(call(&replay, &task("running", json!(null))).await, None);
    let usage = json!({"completion_tokens": 900, "total_tokens": 900});
    let said = call(&replay, &task("succeeded", usage.clone())).await.unwrap();
    assert_eq!(said[attribute::OUTCOME], "completed");
    assert_eq!(said[attribute::USAGE_OUTPUT_TOKENS], 900);
    assert_eq!(said[attribute::OPERATION_NAME], "video_generation");
    assert_eq!(call(&replay, &task("succeeded", usage)).await, None);
}

/// A known provider's endpoint that no wire format takes is counted by the shape of its path, is logged once, and is no call.
#[tokio::test]
async fn counts_requests_that_no_format_takes() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt().with_writer(std::sync::Mutex::new(log.reopen().unwrap()));
    let _subscribed = tracing::subscriber::set_default(subscriber.with_ansi(false).finish());
    let replay = Replay::start(1).await.unwrap();
    let asked = json!({"model": "m", "messages": []});
    for url in [
        "https://api.openai.com/v1/dreams/drm_68a1b2/redo",
        "https://api.openai.com/v1/dreams/drm_97c3d4/redo",
        "https://api.openai.com/v1/files",
        "https://dreams.example.com/v1/dreams",
    ] {
        assert_eq!(call(&replay, &exchange("POST", url, Some(asked.clone()), 200, &json!({}))).await, None);
    }
    let counted = replay.points();
    let [(name, labels, count)] = counted.as_slice() else { panic!("{counted:?}") };
    assert_eq!((name.as_str(), *count), ("spanledger.client.unrecognised", 2.0));
    assert_eq!(labels["gen_ai.provider.name"], "openai");
    assert_eq!(labels["spanledger.path.shape"], "/v1/dreams/*/redo");
    let logged = std::fs::read_to_string(log.path()).unwrap();
    let named: Vec<&str> = logged.lines().filter(|line| line.contains("/v1/dreams/*/redo")).collect();
    assert_eq!(named.len(), 1, "{logged}");
    for shape in 0..200_u32 {
        let letters = shape.to_string().bytes().map(|digit| char::from(digit + 49)).collect::<String>();
        let url = format!("https://api.openai.com/v1/dreams/{letters}");
        call(&replay, &exchange("POST", &url, Some(asked.clone()), 200, &json!({}))).await;
    }
    let series = replay.points();
    assert!(series.len() <= 65, "{} series", series.len());
    assert!(series.iter().any(|(_, labels, _)| labels["spanledger.path.shape"] == "_OTHER"));
}
