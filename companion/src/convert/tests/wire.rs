use opentelemetry_proto::tonic::common::v1::KeyValueList;
use proptest::prelude::*;

use super::*;
use crate::convert::Malformed;

fn refusal(request: &[u8]) -> Malformed {
    converter().convert(request, NOW).unwrap_err()
}

/// An export request whose only span has these bytes.
fn around(span: &[u8]) -> Vec<u8> {
    let wrap = |key: u8, bytes: &[u8]| {
        let mut message = vec![key];
        prost::encoding::encode_varint(bytes.len() as u64, &mut message);
        message.extend_from_slice(bytes);
        message
    };
    wrap(0x0a, &wrap(0x12, &wrap(0x12, span)))
}

#[test]
fn refuses_bytes_that_are_no_request_and_says_why() {
    assert_eq!(refusal(b"{}"), Malformed::Encoding);
    assert_eq!(refusal(&[0x0a]), Malformed::CutOff);
    assert_eq!(refusal(&[0x0a, 5, 0]), Malformed::CutOff);
    assert_eq!(
        refusal(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        Malformed::CutOff
    );
    assert_eq!(refusal(&[0x08, 1]), Malformed::Type(1));
    assert_eq!(refusal(&[0x02, 0]), Malformed::Encoding);
    assert_eq!(refusal(&[0xff; 11]), Malformed::Encoding);
    assert_eq!(refusal(&around(&[0x0b, 0x0c])), Malformed::Encoding);
    assert_eq!(refusal(&around(&[0x39, 1, 2, 3])), Malformed::CutOff);
    assert_eq!(refusal(&around(&[0x3d, 1, 2, 3, 4])), Malformed::Type(7));
    assert_eq!(refusal(&around(&[0x4a, 3, 0x0a, 1, 0xff])), Malformed::Utf8);
}

#[test]
fn refuses_values_nested_too_deep_and_what_is_broken_inside_them() {
    let nested = |deep: usize, innermost: Value| {
        let value = (0..deep).fold(innermost, |value, level| {
            let value = AnyValue { value: Some(value) };
            if level % 2 == 0 {
                return Value::ArrayValue(ArrayValue { values: vec![value] });
            }
            let pair = KeyValue { key: "k".to_owned(), value: Some(value), ..KeyValue::default() };
            Value::KvlistValue(KeyValueList { values: vec![pair] })
        });
        span(1, None, vec![pair("deep", value)]).encode_to_vec()
    };
    assert_eq!(refusal(&around(&nested(65, text("x")))), Malformed::Nested);
    assert!(converter().convert(&around(&nested(64, text("x"))), NOW).is_ok());
    let mut broken = nested(10, text("x"));
    let at = broken.iter().rposition(|byte| *byte == b'x').unwrap();
    broken[at] = 0xff;
    assert_eq!(refusal(&around(&broken)), Malformed::Utf8);
}

#[test]
fn reads_a_resource_that_stands_after_its_spans() {
    let request = batch("app", vec![span(1, None, own())]);
    let mut decoded = ExportTraceServiceRequest::decode(&request[..]).unwrap().resource_spans.remove(0);
    let resource = ResourceSpans { resource: decoded.resource.take(), ..ResourceSpans::default() };
    let turned = [decoded.encode_to_vec(), resource.encode_to_vec()].concat();
    let mut request = vec![0x0a];
    prost::encoding::encode_varint(turned.len() as u64, &mut request);
    request.extend(turned);
    let records = converter().convert(&request, NOW).unwrap().records;
    assert_eq!(records[0].service, "checkout");
}

#[test]
fn passes_over_fields_of_later_versions() {
    let mut bytes = span(1, None, own()).encode_to_vec();
    // Field 100 in each of the four wire types.
    bytes.extend([
        0xa0, 0x06, 7, 0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xa2, 0x06, 1, 9, 0xa5, 0x06, 1, 2, 3, 4,
    ]);
    assert_eq!(converter().convert(&around(&bytes), NOW).unwrap().records.len(), 1);
}

proptest! {
    #[test]
    fn sees_the_spans_that_the_generated_reader_sees(
        spans in 1_u8..5,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut request = batch("app", (1..=spans).map(|id| span(id, Some(9), own())).collect());
        for (at, byte) in changes {
            let at = at.index(request.len());
            request[at] = byte;
        }
        if !whole {
            request.truncate(end.index(request.len()));
        }
        let converted = converter().convert(&request, NOW);
        if let (Ok(converted), Ok(decoded)) = (converted, ExportTraceServiceRequest::decode(&request[..])) {
            let scopes = decoded.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
            let seen = converted.records.len() as u64 + converted.ignored + converted.refused;
            prop_assert_eq!(seen, spans as u64);
        }
    }
}
