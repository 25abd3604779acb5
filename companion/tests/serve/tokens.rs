//! Senders with tokens of their own write for their services alone.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use tonic::Request;

use super::limits::start_with;
use super::process::{call, pair, request, text};

const CONFIG: &str = r#"
[receiver]
token = "for-all"
[[receiver.senders]]
name = "shop"
token = "of-shop"
services = ["shop", "cart"]
[[receiver.senders]]
name = "chat"
token = "of-chat"
services = ["chat"]
"#;

#[tokio::test]
async fn each_token_writes_for_its_services_alone() {
    let server = start_with(CONFIG);
    let of = |number, service: &str| {
        let mut request = request(vec![call(number)]);
        let resource = request.resource_spans[0].resource.as_mut().unwrap();
        resource.attributes = vec![pair("service.name", text(service))];
        request
    };
    let post = async |token: &'static str, number, service: &'static str| {
        let post = reqwest::Client::new().post(server.traces_url()).bearer_auth(token);
        let body = of(number, service).encode_to_vec();
        let response = post.header(CONTENT_TYPE, "application/x-protobuf").body(body).send().await.unwrap();
        let status = response.status();
        let body = response.bytes().await.unwrap();
        (status, ExportTraceServiceResponse::decode(body).ok().and_then(|body| body.partial_success))
    };
    assert_eq!(post("of-shop", 1, "shop").await, (StatusCode::OK, None));
    assert_eq!(post("of-chat", 2, "chat").await, (StatusCode::OK, None));
    assert_eq!(post("for-all", 3, "chat").await, (StatusCode::OK, None));
    let (status, partial) = post("of-chat", 4, "shop").await;
    let partial = partial.unwrap();
    assert_eq!((status, partial.rejected_spans), (StatusCode::OK, 1));
    assert!(partial.error_message.contains("sender \"chat\" may not write"), "{partial:?}");
    assert_eq!(post("of-none", 5, "shop").await.0, StatusCode::UNAUTHORIZED);

    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    for (number, service, rejected) in [(6, "cart", 0), (7, "chat", 1)] {
        let mut request = Request::new(of(number, service));
        request.metadata_mut().insert("authorization", "Bearer of-shop".parse().unwrap());
        let response = client.export(request).await.unwrap().into_inner();
        assert_eq!(
            response.partial_success.map_or(0, |partial| partial.rejected_spans),
            rejected,
            "{service}"
        );
    }
    let mut services: Vec<_> =
        server.calls().iter().map(|call| call["service"].as_str().unwrap().to_owned()).collect();
    services.sort();
    assert_eq!(services, ["cart", "chat", "chat", "shop"]);
}
