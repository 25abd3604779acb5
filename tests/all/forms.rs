//! Requests that are forms: the model and parameters are read, files are not held, and bytes pass unchanged.

use reqwest_middleware::RequestBuilder;

use crate::support::loopback::{Loopback, answer};
use crate::support::observed::Observed;

const TRANSCRIPT: &str = r#"{"text":"Rivers.","usage":{"type":"duration","seconds":9}}"#;
const IMAGES: &str = r#"{"created":1,"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":23,"output_tokens":9,"total_tokens":32}}"#;

/// The form of a transcription, as clients write it.
fn multipart(more: &str) -> String {
    format!(
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n\
         ID3 sound\r\n--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
         --XX\r\nContent-Disposition: form-data; name=\"temperature\"\r\n\r\n0.5\r\n{more}--XX--\r\n"
    )
}

async fn call(
    path: &str,
    response: &str,
    with: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> (Observed, String) {
    let server = Loopback::start(answer("200 OK", "application/json", response)).await;
    let observed = Observed::default();
    let request = with(observed.client().post(server.url(path)));
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), response);
    let sent = server.requests.lock().unwrap()[0].clone();
    (observed, sent)
}

fn assert_transcription(observed: &Observed, about: &str) {
    let span = observed.span();
    assert_eq!(span.0.name, "transcription whisper-1", "{about}");
    assert_eq!(span.get("gen_ai.request.model").unwrap(), "whisper-1", "{about}");
    assert_eq!(span.get("gen_ai.request.temperature").unwrap(), "0.5", "{about}");
    assert_eq!(span.get("spanledger.unparsed"), None, "{about}");
    assert_eq!(span.get("spanledger.request.hash"), None, "a form has no hash");
    assert_eq!(span.outcome(), "completed", "{about}");
}

#[tokio::test]
async fn reads_a_form_that_is_there_as_a_whole() {
    let path = "/v1/audio/transcriptions";
    let body = multipart("");
    let (observed, sent) = call(path, TRANSCRIPT, |request| {
        request.header("content-type", "multipart/form-data; boundary=XX").body(body.clone())
    })
    .await;
    assert_transcription(&observed, "multipart");
    assert!(sent.ends_with(&body));

    let body = "model=whisper-1&temperature=0.5&url=https%3A%2F%2Fx%2Fa.mp3";
    let (observed, sent) = call(path, TRANSCRIPT, |request| {
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    })
    .await;
    assert_transcription(&observed, "urlencoded");
    assert!(sent.ends_with(body));
}

#[tokio::test]
async fn reads_a_form_that_passes_as_a_stream_and_changes_nothing() {
    let body = multipart("");
    for size in [1, 7, 10_000] {
        let pieces: Vec<Vec<u8>> = body.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let stream = futures_util::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
        let (observed, sent) = call("/v1/audio/translations", TRANSCRIPT, |request| {
            request
                .header("content-type", "multipart/form-data; boundary=XX")
                .header("content-length", body.len())
                .body(reqwest::Body::wrap_stream(stream))
        })
        .await;
        assert_transcription(&observed, "stream");
        assert!(sent.ends_with(&body), "{sent}");
        assert!(sent.to_ascii_lowercase().contains(&format!("content-length: {}", body.len())));
        assert!(!sent.to_ascii_lowercase().contains("transfer-encoding"));
    }
}

#[tokio::test]
async fn reads_image_edits_and_videos() {
    let part = |name: &str, value: &str| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body =
        format!("{}{}{}--XX--\r\n", part("model", "gpt-image-1"), part("prompt", "a river"), part("n", "1"));
    for (path, operation, response) in [
        ("/v1/images/edits", "image_generation", IMAGES),
        (
            "/v1/videos",
            "video_generation",
            r#"{"id":"v1","object":"video","status":"queued","model":"gpt-image-1"}"#,
        ),
    ] {
        let (observed, _) = call(path, response, |request| {
            request.header("content-type", "multipart/form-data; boundary=XX").body(body.clone())
        })
        .await;
        let span = observed.span();
        assert_eq!(span.get("gen_ai.operation.name").unwrap(), operation);
        assert_eq!(span.get("gen_ai.request.model").unwrap(), "gpt-image-1");
    }
}

/// What is a stream and no form is left alone.
#[tokio::test]
async fn leaves_other_streams_alone() {
    let stream = futures_util::stream::iter([Ok::<_, std::io::Error>("ID3 sound")]);
    let (observed, sent) = call("/v1/audio/transcriptions", TRANSCRIPT, |request| {
        request.header("content-type", "audio/mpeg").body(reqwest::Body::wrap_stream(stream))
    })
    .await;
    assert!(sent.contains("transfer-encoding: chunked"));
    assert_eq!(observed.span().get("spanledger.unparsed").unwrap(), "request");
}

/// JSON under the content type of a form, as `curl -d` sends it, is JSON.
#[tokio::test]
async fn believes_the_body_before_its_content_type() {
    let (observed, _) = call("/v1/chat/completions", r#"{"id":"c","choices":[]}"#, |request| {
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(r#"{"model":"gpt-4o","messages":[]}"#)
    })
    .await;
    let span = observed.span();
    assert_eq!(span.get("gen_ai.request.model").unwrap(), "gpt-4o");
    assert!(span.get("spanledger.request.hash").is_some());
}
