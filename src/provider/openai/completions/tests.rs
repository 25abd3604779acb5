use serde_json::json;

use crate::call::Operation;
use crate::provider::Framing;
use crate::provider::testing::{input, output, reasons, recognised, request, stream};

const URL: &str = "https://api.openai.com/v1/completions";

#[test]
fn knows_its_paths_and_the_models_they_name() {
    let found = recognised(URL).unwrap();
    assert_eq!((found.operation, found.api_type), (Operation::TextCompletion, None));
    let engine = "https://api.openai.com/v1/engines/davinci/completions";
    assert_eq!(request(engine, &json!({})).model.as_deref(), Some("davinci"));
    let azure = "https://x.openai.azure.com/openai/deployments/d/completions?api-version=1";
    assert_eq!(request(azure, &json!({"prompt": "x"})).model.as_deref(), Some("d"));
}

#[test]
fn shows_each_prompt_as_a_message_of_the_user() {
    let message = |text: &str| json!({"role": "user", "parts": [{"type": "text", "content": text}]});
    assert_eq!(input(URL, &json!({"prompt": "a"})).messages, [message("a")]);
    assert_eq!(input(URL, &json!({"prompt": ["a", "b"]})).messages, [message("a"), message("b")]);
    assert!(input(URL, &json!({"prompt": [1, 2, 3]})).messages.is_empty());
}

#[test]
fn reads_the_text_of_a_stream_once_where_it_stands_twice() {
    let body = concat!(
        "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"Hi\",\"delta\":{\"content\":\"Hi\"}}]}\n\n",
        "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"!\",\"finish_reason\":\"length\"}]}\n\n",
        "data: [DONE]\n\n"
    );
    let facts = stream(URL, Framing::Sse, body.as_bytes());
    assert_eq!((facts.output_bytes, facts.ended, reasons(&facts)), (3, true, vec!["length"]));
    assert_eq!(output(URL, Framing::Sse, body)[0]["parts"], json!([{"type": "text", "content": "Hi!"}]));
}
