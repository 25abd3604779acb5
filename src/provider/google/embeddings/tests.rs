use serde_json::json;

use crate::call::Operation;
use crate::provider::testing::{error, input, recognised, request, whole};

const URL: &str =
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding:batchEmbedContents";
const PREDICT: &str = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/\
                       google/models/text-embedding-005:predict";

#[test]
fn recognises_embeddings_but_no_other_prediction() {
    for url in [URL, &URL.replace("batchEmbedContents", "embedContent"), PREDICT] {
        assert_eq!(recognised(url).unwrap().operation, Operation::Embeddings, "{url}");
    }
    let image = recognised(&PREDICT.replace("text-embedding-005", "imagen-4")).unwrap();
    assert_eq!(image.operation, Operation::ImageGeneration);
}

#[test]
fn reads_the_dimensions_wherever_the_request_has_them() {
    let content = json!({"parts": [{"text": "Hi"}]});
    for body in [
        json!({"content": content, "outputDimensionality": 8}),
        json!({"content": content, "embedContentConfig": {"outputDimensionality": 8}}),
        json!({"requests": [{"content": content, "output_dimensionality": 8}]}),
        json!({"instances": [{"content": "Hi"}], "parameters": {"outputDimensionality": 8}}),
    ] {
        assert_eq!(request(URL, &body).dimensions, Some(8), "{body}");
        let message = json!({"role": "user", "parts": [{"type": "text", "content": "Hi"}]});
        assert_eq!(input(URL, &body).messages, [message], "{body}");
    }
}

#[test]
fn reads_the_counts_of_both_apis() {
    let facts = whole(URL, r#"{"embeddings":[{"values":[0.1]}],"usageMetadata":{"promptTokenCount":7}}"#);
    assert_eq!((facts.usage.input_tokens, facts.usage.output_tokens), (Some(7), None));
    let facts = whole(
        PREDICT,
        r#"{"predictions":[{"embeddings":{"values":[0.1],"statistics":{"token_count":3,"truncated":false}}},
            {"embeddings":{"values":[0.2],"statistics":{"token_count":4.0}}}]}"#,
    );
    assert_eq!(facts.usage.input_tokens, Some(7));
    assert!(whole(URL, r#"{"embedding":{"values":[0.1]}}"#).usage.is_empty());
    assert!(error(&whole(URL, r#"{"error":{"code":404,"message":"m","status":"NOT_FOUND"}}"#)).is_some());
}
