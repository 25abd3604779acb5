use opentelemetry_proto::tonic::common::v1::KeyValue;

use super::*;
use crate::convert::{TagSource, TagSources};

fn list(values: &[&str]) -> Value {
    let values = values.iter().map(|value| AnyValue { value: Some(text(value)) }).collect();
    Value::ArrayValue(ArrayValue { values })
}

/// The tags of one call, and how many were cut, where the configuration names these attributes.
fn tags(
    resource: &[&str],
    attributes: &[&str],
    span: Vec<KeyValue>,
    of_resource: Vec<KeyValue>,
) -> (String, u64) {
    let read = |texts: &[&str]| texts.iter().map(|text| text.parse::<TagSource>().unwrap()).collect();
    let sources = TagSources { resource: read(resource), attributes: read(attributes) };
    let bytes = batch("openinference.instrumentation.openai", vec![super::span(1, None, span)]);
    let mut request = ExportTraceServiceRequest::decode(&*bytes).unwrap();
    request.resource_spans[0].resource.as_mut().unwrap().attributes.extend(of_resource);
    let request = request.encode_to_vec();
    let found = converter().tagging(sources).convert(Encoded::Protobuf(&request), NOW).unwrap();
    assert_eq!(found.records.len(), 1, "{found:?}");
    (found.records[0].tags.to_string(), found.tags_cut)
}

fn call(more: Vec<KeyValue>) -> Vec<KeyValue> {
    let mut attributes = own();
    attributes.extend(more);
    attributes
}

#[test]
fn our_own_tags_are_read_on_any_span_and_before_those_of_the_resource() {
    let span = call(vec![pair("spanledger.tag.team", text("search")), pair("spanledger.tags.cut", int(2))]);
    let resource =
        vec![pair("spanledger.tag.team", text("platform")), pair("spanledger.tag.env", text("prod"))];
    assert_eq!(tags(&[], &[], span, resource), ("env=prod team=search".to_owned(), 2));
    // A Collector may tag any span: that alone makes no call of it, nor a span of ours.
    let span = vec![
        pair(attribute::OPERATION_NAME, text("chat")),
        pair(attribute::REQUEST_MODEL, text("test-model")),
        pair("spanledger.tag.team", text("search")),
    ];
    assert_eq!(one("opentelemetry.instrumentation.openai_v2", span).origin, Origin::ThirdParty);
    let other = convert("http", vec![super::span(1, None, vec![pair("spanledger.tag.team", text("x"))])]);
    assert_eq!((other.records.len(), other.ignored), (0, 1));
}

#[test]
fn the_environment_of_the_resource_is_a_tag_by_either_name_and_next_to_eight_others() {
    let (new, old) = ("deployment.environment.name", "deployment.environment");
    let of = |resource: &[(&str, &str)], span| {
        tags(&[], &[], span, resource.iter().map(|(key, value)| pair(key, text(value))).collect())
    };
    assert_eq!(of(&[(new, "prod")], own()).0, "environment=prod");
    assert_eq!(of(&[(old, "prod")], own()).0, "environment=prod");
    assert_eq!(of(&[(old, "production"), (new, "prod")], own()).0, "environment=prod");
    assert_eq!(of(&[(new, ""), (old, "dev")], own()).0, "environment=dev");
    assert_eq!(
        of(&[(new, "prod")], call(vec![pair("spanledger.tag.environment", text("canary"))])).0,
        "environment=canary"
    );
    assert_eq!(of(&[], own()).0, "");
    let names: Vec<String> = (0..8).map(|number| format!("spanledger.tag.k{number}")).collect();
    let eight = names.iter().map(|name| pair(name, text("v"))).collect();
    let (found, cut) = of(&[(new, "prod")], call(eight));
    assert!(found.starts_with("environment=prod k0=v") && found.ends_with("k7=v"), "{found}");
    assert_eq!(cut, 0);
}

#[test]
fn attributes_that_the_configuration_names_are_tags() {
    let resource = vec![pair("team", text("search")), pair("deployment.environment.name", text("prod"))];
    let named = ["team", "deployment.environment.name=env"];
    assert_eq!(tags(&named, &[], own(), resource.clone()).0, "env=prod environment=prod team=search");
    assert_eq!(tags(&[], &[], own(), resource).0, "environment=prod", "the others by configuration only");

    let span = call(vec![
        pair("langfuse.trace.tags", list(&["team:ads", "tier=gold", "no tag"])),
        pair("metadata", text(r#"{"feature": "checkout", "version": 7, "deep": {}}"#)),
        pair("metadata.user_api_key_team_alias", text("ads-team")),
        pair("tag.tags", list(&["first", "second"])),
    ]);
    let named = [
        "langfuse.trace.tags=*",
        "metadata#feature",
        "metadata#version=release",
        "metadata#deep",
        "metadata.user_api_key_team_alias=alias",
        "tag.tags=label",
    ];
    let expected = "alias=ads-team feature=checkout label=first release=7 team=ads tier=gold";
    assert_eq!(tags(&[], &named, span, vec![]), (expected.to_owned(), 0));
}

#[test]
fn tags_are_bounded_hold_no_credentials_and_what_is_cut_is_counted() {
    let mut span: Vec<_> =
        (0..10).map(|number| pair(&format!("spanledger.tag.k{number}"), text("v"))).collect();
    span.push(pair("spanledger.tag.", text("no key")));
    span.push(pair("spanledger.tag.k0", text("a second value")));
    let (found, cut) = tags(&[], &[], call(span), vec![]);
    assert_eq!((found.split(' ').count(), cut), (8, 3));
    let secret = call(vec![pair("spanledger.tag.team", text("sk-abcdefghijklmnopqrstuvwxyz0123"))]);
    assert_eq!(tags(&[], &[], secret, vec![]).0, "team=REDACTED");
    let long = call(vec![pair("spanledger.tag.team", text(&"x".repeat(500)))]);
    assert_eq!(tags(&[], &[], long, vec![]).1, 1);
}

#[test]
fn entries_of_the_configuration_are_checked() {
    for wrong in ["", "=team", "#a=team", "a#=team", "a=two words", "a#b=*", &"n".repeat(300)] {
        assert!(wrong.parse::<TagSource>().is_err(), "{wrong:?}");
    }
    assert_eq!("a".parse::<TagSource>(), "a=a".parse());
    assert_eq!("a#b".parse::<TagSource>(), "a#b=b".parse());
}
