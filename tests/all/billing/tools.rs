//! Tools that the provider runs and bills.

use serde_json::{Value, json};
use spanledger::semconv::attribute;

use super::{ANTHROPIC, Case, GEMINI, OPENAI, chat, gemini, message, per_million, response, with};

pub(super) fn tools() -> Vec<Case> {
    let searches = json!({"input_tokens": 6000, "output_tokens": 70, "server_tool_use": {"web_search_requests": 4, "web_fetch_requests": 2}});
    let usage = json!({"input_tokens": 500, "output_tokens": 40, "total_tokens": 540});
    let output = json!([{"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "wren"}},
        {"type": "web_search_call", "status": "completed", "action": {"type": "open_page", "url": "https://birds.example"}},
        {"type": "file_search_call", "status": "completed"},
        {"type": "message", "content": [{"type": "output_text", "text": "A wren."}]}]);
    let code = json!([{"type": "code_interpreter_call", "code": "1+1"}, {"type": "message", "content": [{"type": "output_text", "text": "2"}]}]);
    let mut grounded = gemini(
        "gemini-3.5-flash",
        &json!({"promptTokenCount": 20, "candidatesTokenCount": 9, "totalTokenCount": 29}),
    );
    grounded["candidates"][0]["groundingMetadata"] = json!({"webSearchQueries": ["wren", "wren song", ""]});
    let grounded_in = |chunk: Value| {
        let mut grounded = gemini(
            "gemini-2.5-flash",
            &json!({"promptTokenCount": 20, "candidatesTokenCount": 9, "totalTokenCount": 29}),
        );
        grounded["candidates"][0]["groundingMetadata"] = json!({"groundingChunks": [chunk]});
        grounded
    };
    let item = |kind: &str| json!([{"type": kind, "id": "i_1", "status": "completed"}]);
    let searched = |model: &str, tool: &str| {
        let searched = response(model, &item("web_search_call"), &usage);
        with(searched, "tools", json!([{"type": tool}]))
    };
    let mut images = response("gpt-5.5", &json!([]), &usage);
    images["tool_usage"] =
        json!({"image_gen": {"input_tokens": 12, "output_tokens": 900, "total_tokens": 912}});
    vec![
        Case::new(
            "Anthropic's web searches",
            ANTHROPIC,
            "claude-opus-5",
            &message("claude-opus-5", &searches),
        )
        .costs(per_million([(6000.0, 5.0), (70.0, 25.0)]) + 0.04)
        .factors(&["web_search=4"]),
        Case::new(
            "OpenAI's searches, by the items that search",
            OPENAI,
            "gpt-5.5",
            &response("gpt-5.5", &output, &usage),
        )
        .costs(per_million([(500.0, 5.0), (40.0, 30.0)]) + 0.01 + 0.0025)
        .factors(&["file_search=1", "web_search=1"]),
        Case::new("containers are billed by time", OPENAI, "gpt-5.5", &response("gpt-5.5", &code, &usage))
            .is("estimated"),
        Case::new("images of a model that is not named", OPENAI, "gpt-5.5", &images).is("estimated"),
        Case::new(
            "an image of which the response reports no tokens",
            OPENAI,
            "gpt-5.5",
            &response("gpt-5.5", &item("image_generation_call"), &usage),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, ["output.image_generation_call"]),
        Case::new(
            "a tool that is not known",
            OPENAI,
            "gpt-5.5",
            &response("gpt-5.5", &item("browser_use_call"), &usage),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, ["output.browser_use_call"]),
        Case::new(
            "a tool that is not known, streamed",
            OPENAI,
            "gpt-5.5",
            &Value::Null,
        )
        .streams(&[
            json!({"type": "response.output_item.done", "output_index": 0, "item": item("browser_use_call")[0]}),
            json!({"type": "response.completed", "response": response("gpt-5.5", &json!([]), &usage)}),
        ])
        .is("estimated"),
        Case::new(
            "servers of others cost tokens alone",
            OPENAI,
            "gpt-5.5",
            &response("gpt-5.5", &item("mcp_call"), &usage),
        )
        .costs(per_million([(500.0, 5.0), (40.0, 30.0)])),
        Case::new(
            "the preview's searches, which cost more with GPT-4.1",
            OPENAI,
            "gpt-4.1",
            &searched("gpt-4.1-2025-04-14", "web_search_preview"),
        )
        .is("estimated"),
        Case::new(
            "searches of small models, which are billed a fixed block of tokens",
            OPENAI,
            "gpt-4.1-mini",
            &searched("gpt-4.1-mini-2025-04-14", "web_search"),
        )
        .is("estimated"),
        Case::new("searches with GPT-4.1", OPENAI, "gpt-4.1", &searched("gpt-4.1-2025-04-14", "web_search"))
            .costs(per_million([(500.0, 2.0), (40.0, 8.0)]) + 0.01),
        Case::new("Google's maps", GEMINI, "", &grounded_in(json!({"maps": {"uri": "https://maps.example"}})))
            .is("estimated")
            .has(attribute::USAGE_UNPARSED, ["groundingChunks.maps"]),
        Case::new(
            "a store of Vertex AI Search",
            GEMINI,
            "",
            &grounded_in(json!({"retrievedContext": {"uri": "gs://wrens/1"}})),
        )
        .is("estimated"),
        Case::new(
            "a store of files, which costs tokens alone",
            GEMINI,
            "",
            &grounded_in(json!({"retrievedContext": {"fileSearchStore": "fileSearchStores/wrens"}})),
        )
        .costs(per_million([(20.0, 0.3), (9.0, 2.5)])),
        Case::new(
            "sound of a model of which the table has the price of text",
            "https://api.openai.com/v1/chat/completions",
            "gpt-4o-audio-preview",
            &chat(
                "gpt-4o-audio-preview",
                &json!({"prompt_tokens": 100, "completion_tokens": 90, "total_tokens": 190,
                    "prompt_tokens_details": {"audio_tokens": 60}, "completion_tokens_details": {"audio_tokens": 80}}),
            ),
        )
        .is("estimated"),
        // Google gives some searches away.
        Case::new(
            "Google's searches",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.5-flash:generateContent",
            "",
            &grounded,
        )
        .costs(per_million([(20.0, 1.5), (9.0, 9.0)]) + 0.028)
        .is("estimated")
        .factors(&["web_search=2"]),
        Case::new(
            "a model that searches with every request",
            "https://api.openai.com/v1/chat/completions",
            "gpt-4o-search-preview",
            &chat(
                "gpt-4o-search-preview-2025-03-11",
                &json!({"prompt_tokens": 8, "completion_tokens": 90, "total_tokens": 98}),
            ),
        )
        .costs(per_million([(8.0, 2.5), (90.0, 10.0)]) + 0.025),
    ]
}
