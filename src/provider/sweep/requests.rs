//! Every value of a request replaced, one at a time: one of the wrong shape costs no more than its own absence would.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{pointers, replaced, replacements};
use crate::call::RequestFacts;
use crate::hash::{HashKey, request_hash};
use crate::provider::testing::{asking, input, recognised, request};

/// Facts by name.
fn facts(facts: RequestFacts) -> Vec<(&'static str, String)> {
    macro_rules! named {
        ($($name:ident),*) => {{
            let RequestFacts { $($name),* } = facts;
            vec![$((stringify!($name), format!("{:?}", $name))),*]
        }};
    }
    named!(
        model,
        stream,
        max_tokens,
        temperature,
        top_p,
        top_k,
        frequency_penalty,
        presence_penalty,
        stop_sequences,
        seed,
        choice_count,
        output_type,
        reasoning_level,
        previous_response_id,
        conversation_id,
        service_tier,
        encoding_formats,
        dimensions,
        guardrail_id,
        route,
        region,
        payment,
        sound,
        provider_tools,
        long_cache,
        free_code,
        redeems_credit,
        characters,
        prompt_name,
        prompt_version,
        asked
    )
}

/// The facts in which two requests differ.
fn difference(url: &str, one: &Value, other: &Value) -> BTreeSet<&'static str> {
    let pairs = facts(request(url, one)).into_iter().zip(facts(request(url, other)));
    pairs.filter(|(one, other)| one != other).map(|((name, _), _)| name).collect()
}

#[track_caller]
pub(in crate::provider) fn sweep_request(url: &str, body: &Value) {
    let mut all = Vec::new();
    pointers(body, "", &mut all);
    for pointer in all.iter().filter(|pointer| !pointer.is_empty()) {
        let own = difference(url, body, &replaced(body, pointer, None));
        for by in replacements() {
            let changed = replaced(body, pointer, by.as_ref());
            let lost = difference(url, body, &changed);
            assert!(lost.is_subset(&own), "{url}: {pointer} by {by:?} changes {lost:?}");
            input(url, &changed);
            asking(url, &changed.to_string());
            let format = recognised(url).unwrap().format;
            let hash = |body: &Value| {
                let body = body.to_string();
                let body = crate::json::Json::read(body.as_bytes()).unwrap();
                request_hash(&HashKey::default(), &body, format.fields_not_hashed(), None)
            };
            let names = pointer.split('/').nth(1).unwrap();
            let decides = !format.fields_not_hashed().contains(&names);
            assert_eq!(
                hash(&changed) != hash(body),
                decides && changed != *body,
                "{url}: {pointer} by {by:?}"
            );
        }
    }
}

/// Messages in the shape that OpenAI introduced.
pub(in crate::provider) fn messages() -> Value {
    json!([{"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": "{}"}}]}])
}
