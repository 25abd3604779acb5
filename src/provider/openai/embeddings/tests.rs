use serde_json::json;

use crate::call::Operation;
use crate::provider::testing::{error, recognised, request, whole};

const URL: &str = "https://api.openai.com/v1/embeddings";

#[test]
fn reads_the_parameters_of_a_request() {
    assert_eq!(recognised(URL).unwrap().operation, Operation::Embeddings);
    let body = json!({"model": "m", "input": "x", "dimensions": 256, "encoding_format": "base64"});
    let facts = request(URL, &body);
    assert_eq!((facts.model.as_deref(), facts.dimensions), (Some("m"), Some(256)));
    assert_eq!((facts.encoding_formats, facts.stream), (vec!["base64".to_owned()], false));
}

#[test]
fn counts_no_output_even_where_the_provider_writes_zero() {
    let facts = whole(
        URL,
        r#"{"data":[{"embedding":[0.1]}],"model":"m","usage":{"prompt_tokens":4,"completion_tokens":0,"total_tokens":4}}"#,
    );
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(4), None));
    assert_eq!((facts.model.as_deref(), facts.output), (Some("m"), false));
}

#[test]
fn takes_the_total_where_the_provider_gives_nothing_else() {
    let facts = whole(URL, r#"{"data":[],"model":"voyage-3","usage":{"total_tokens":7}}"#);
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(7), None));
}

#[test]
fn reads_an_error() {
    let facts = whole(URL, r#"{"error":{"code":"model_not_found","message":"no"}}"#);
    assert_eq!(error(&facts), Some((Some("model_not_found"), Some("no"))));
}
