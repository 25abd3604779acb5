use proptest::prelude::*;

use super::*;

/// Why a request is refused as a whole.
fn refusal(request: &[u8]) -> Malformed {
    converter().convert(Encoded::Protobuf(request), NOW).unwrap_err()
}

/// Why the only span of a request is refused, which has these bytes.
fn span_refusal(span: &[u8]) -> Option<Malformed> {
    let converted = converter().convert(Encoded::Protobuf(&around(span)), NOW).unwrap();
    assert_eq!(converted.malformed, u64::from(converted.reason.is_some()));
    assert_eq!(converted.records.len() as u64 + converted.ignored, 1 - converted.malformed);
    converted.reason
}

/// An export request whose only span has these bytes.
fn around(span: &[u8]) -> Vec<u8> {
    request([span.to_vec()])
}

/// An export request with spans of these bytes.
fn request(spans: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let spans: Vec<u8> = spans.into_iter().flat_map(|span| field(0x12, &span)).collect();
    field(0x0a, &field(0x12, &spans))
}

/// A field of bytes.
fn field(key: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![key];
    prost::encoding::encode_varint(bytes.len() as u64, &mut message);
    message.extend_from_slice(bytes);
    message
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
}

#[test]
fn refuses_a_span_that_cannot_be_read_and_says_why() {
    assert_eq!(span_refusal(&[0x0b, 0x0c]), Some(Malformed::Encoding));
    assert_eq!(span_refusal(&[0x39, 1, 2, 3]), Some(Malformed::CutOff));
    assert_eq!(span_refusal(&[0x3d, 1, 2, 3, 4]), Some(Malformed::Type(7)));
    assert_eq!(span_refusal(&[0x4a, 3, 0x0a, 9, b'k']), Some(Malformed::CutOff));
    assert_eq!(span_refusal(&[0x4a, 2, 0x12, 9]), Some(Malformed::CutOff));
    assert_eq!(span_refusal(&[0x4a, 3, 0x0a, 1, 0xff]), None);
}

#[test]
fn reads_a_call_however_deep_its_values_nest() {
    // Lengths that are written before what they measure: from the inside out, 1,000 levels.
    let deep = (0..1_000).fold(vec![0x0a, 1, b'x'], |value, level| {
        // A list, or a map, of the value.
        let item = if level % 2 == 0 { field(0x0a, &value) } else { field(0x0a, &field(0x12, &value)) };
        field(if level % 2 == 0 { 0x2a } else { 0x32 }, &item)
    });
    let mut call = span(1, None, own()).encode_to_vec();
    call.extend(field(0x4a, &[field(0x0a, b"deep"), field(0x12, &deep)].concat()));
    assert_eq!(converter().convert(Encoded::Protobuf(&around(&call)), NOW).unwrap().records.len(), 1);
}

/// Of nineteen spans, one that is broken in any way is lost alone.
#[test]
fn a_bad_span_costs_that_span_alone() {
    let good = |id| span(id, None, own()).encode_to_vec();
    let whole = good(9);
    let cut = &whole[..whole.len() - 1];
    for bad in
        [cut, &[0x0b, 0x0c], &[0x39, 1, 2, 3], &[0x3d, 1, 2, 3, 4], &[0x2a, 9], &[0x7a, 2, 0x12, 9], &[0]]
    {
        let spans = (1..=9).map(good).chain([bad.to_vec()]).chain((11..=19).map(good));
        let converted = converter().convert(Encoded::Protobuf(&request(spans)), NOW).unwrap();
        assert_eq!((converted.records.len(), converted.malformed), (18, 1), "{bad:?}");
        assert!(converted.reason.is_some());
    }
}

#[test]
fn a_bad_resource_or_scope_costs_its_spans_alone() {
    let spans = [1, 2].map(|id| field(0x12, &span(id, None, own()).encode_to_vec())).concat();
    let good = field(0x0a, &field(0x12, &spans));
    let bad_resource = field(0x0a, &[field(0x0a, &[0x0a, 9]), field(0x12, &spans)].concat());
    let bad_scope = field(0x0a, &field(0x12, &[field(0x0a, &[0x0a, 9]), spans.clone()].concat()));
    let broken_off = field(0x0a, &field(0x12, &[spans.clone(), vec![0x12, 9]].concat()));
    for (bad, kept, refused) in [(bad_resource, 2, 2), (bad_scope, 2, 2), (broken_off, 4, 1)] {
        let request = [good.clone(), bad].concat();
        let converted = converter().convert(Encoded::Protobuf(&request), NOW).unwrap();
        assert_eq!((converted.records.len(), converted.malformed), (kept, refused));
    }
}

#[test]
fn replaces_what_is_not_utf_8_in_every_string() {
    let pair =
        |key: &str, text: &[u8]| [field(0x0a, key.as_bytes()), field(0x12, &field(0x0a, text))].concat();
    let mut call = span(1, None, own()).encode_to_vec();
    call.extend(field(0x4a, &pair(attribute::REQUEST_MODEL, b"gpt\xff-4o")));
    call.extend(field(0x4a, &pair(attribute::RESPONSE_PREVIEW, b"cut within \xe2\x82")));
    call.extend(field(0x2a, b"name \xc3"));
    call.extend(field(0x7a, &[field(0x12, b"status \xf0\x9f"), vec![0x18, 2]].concat()));
    let scope = field(0x0a, &field(0x0a, b"sc\xffope"));
    let resource = field(0x0a, &field(0x0a, &pair(attribute::SERVICE_NAME, b"check\xe2\x82")));
    let spans = field(0x12, &[scope, field(0x12, &call)].concat());
    let request = field(0x0a, &[resource, spans].concat());
    let converted = converter().convert(Encoded::Protobuf(&request), NOW).unwrap();
    assert_eq!((converted.records.len(), converted.malformed), (1, 0));
    let call = &converted.records[0];
    assert_eq!(call.service, "check\u{FFFD}");
    assert_eq!(call.request_model.as_deref(), Some("gpt\u{FFFD}-4o"));
    assert_eq!(call.response_preview.as_deref(), Some("cut within \u{FFFD}"));
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
    let records = converter().convert(Encoded::Protobuf(&request), NOW).unwrap().records;
    assert_eq!(records[0].service, "checkout");
}

#[test]
fn passes_over_fields_of_later_versions() {
    let mut bytes = span(1, None, own()).encode_to_vec();
    // Field 100 in each of the four wire types.
    bytes.extend([
        0xa0, 0x06, 7, 0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xa2, 0x06, 1, 9, 0xa5, 0x06, 1, 2, 3, 4,
    ]);
    assert_eq!(converter().convert(Encoded::Protobuf(&around(&bytes)), NOW).unwrap().records.len(), 1);
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
        let converted = converter().convert(Encoded::Protobuf(&request), NOW);
        if let (Ok(converted), Ok(decoded)) = (converted, ExportTraceServiceRequest::decode(&request[..])) {
            let scopes = decoded.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
            // Where a list breaks off for this reader, which takes no groups, the rest of it counts as one.
            let seen =
                converted.records.len() as u64 + converted.ignored + converted.refused + converted.malformed;
            prop_assert!(seen == spans as u64 || converted.malformed > 0);
        }
    }
}
