//! Spans of a table that is like the exporter's, read into a ledger; what the real exporter writes is read in `tests/e2e`.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use spanledger::PriceTable;

use super::*;
use crate::convert::Converter;
use crate::record::{Timestamp, Window};
use crate::store::clickhouse::tests::{engine, execute, options};
use crate::store::clickhouse::{ClickHouseAppender, ClickHouseQuerier, SpanRow};
use crate::store::own_clock::OwnClock;
use crate::store::writer::{Writer, WriterOptions};
use crate::store::{Filter, Page, Querier as _};

/// The columns of the exporter's table that are read, with `of` for attributes.
fn table(database: &str, of: &str) -> String {
    format!(
        "CREATE TABLE {database}.otel_traces (Timestamp DateTime64(9), TraceId String, SpanId String, \
         ParentSpanId String, TraceState String, SpanName LowCardinality(String), SpanKind LowCardinality(String), \
         ServiceName LowCardinality(String), ResourceAttributes {of}, ScopeName String, ScopeVersion String, \
         SpanAttributes {of}, Duration UInt64, StatusCode LowCardinality(String), StatusMessage String, \
         Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes {of})) \
         ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))"
    )
}

const MAP: &str = "Map(LowCardinality(String), String)";

/// One span as a row of JSON. In a table with maps every value is text.
fn row(number: u8, attributes: &serde_json::Value) -> String {
    let row = serde_json::json!({
        "Timestamp": format!("2026-11-02 10:00:{:02}.000000001", number % 60),
        "TraceId": format!("{number:032x}"), "SpanId": format!("{number:016x}"), "ParentSpanId": "",
        "SpanName": "chat gpt-4o", "SpanKind": "Client", "ServiceName": "shop",
        "ResourceAttributes": {"service.name": "shop"}, "ScopeName": "some.instrumentation", "ScopeVersion": "1",
        "SpanAttributes": attributes, "Duration": 1_500_000_000_u64, "StatusCode": "Unset", "StatusMessage": "",
        "Events.Timestamp": ["2026-11-02 10:00:01.000000000"], "Events.Name": ["done"], "Events.Attributes": [{}],
    });
    row.to_string()
}

fn as_text() -> serde_json::Value {
    serde_json::json!({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.finish_reasons": "[\"stop\"]", "gen_ai.usage.input_tokens": "1000",
        "gen_ai.usage.output_tokens": "100", "user.id": "42",
    })
}

fn as_json() -> serde_json::Value {
    serde_json::json!({
        "gen_ai": {
            "operation": {"name": "chat"}, "provider": {"name": "openai"}, "request": {"model": "gpt-4o"},
            "response": {"finish_reasons": ["stop"]}, "usage": {"input_tokens": 1000, "output_tokens": 100},
        },
        "user": {"id": "42"},
    })
}

async fn calls_of(of: &str, attributes: serde_json::Value) -> (Vec<crate::record::CallRecord>, TraceReader) {
    let options = options();
    let appender = ClickHouseAppender::open(&options).unwrap();
    let database = &options.database;
    execute(&options, &table(database, of));
    let insert = |rows: &[String]| {
        execute(
            &options,
            &format!("INSERT INTO {database}.otel_traces FORMAT JSONEachRow\n{}", rows.join("\n")),
        );
    };
    insert(&[row(1, &attributes), row(2, &attributes)]);
    let writer = Writer::start(appender, WriterOptions::new(crate::clock::now)).unwrap();
    let converter = Arc::new(Converter::new(Arc::new(PriceTable::bundled())));
    let intake = Intake::new(converter, writer, Arc::default(), OwnClock::after(None));
    let spans = SpanTable::open(&options, database, "otel_traces").unwrap();
    spans.check().unwrap();
    let reader = TraceReader::new(spans, intake);
    reader.pass().await.unwrap();
    // A batch that an exporter retries, with one that is new; and then parts that are merged.
    insert(&[row(2, &attributes), row(3, &attributes)]);
    reader.pass().await.unwrap();
    execute(&options, &format!("OPTIMIZE TABLE {database}.otel_traces FINAL"));
    assert!(reader.table.new_parts().unwrap().is_empty(), "a merge brings nothing new");
    reader.pass().await.unwrap();
    let querier = ClickHouseQuerier::open(&options).unwrap();
    let all = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };
    let page = querier.calls(all, &Filter::default(), Page { limit: 10, after: None }).unwrap();
    (page.calls, reader)
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_maps_and_of_json_are_the_same_calls_each_once_and_priced() {
    if engine::address().is_none() {
        return;
    }
    let (of_maps, _one) = calls_of(MAP, as_text()).await;
    let (of_json, _other) = calls_of("JSON", as_json()).await;
    assert_eq!(of_maps.len(), 3);
    assert_eq!(of_maps, of_json);
    let call = &of_maps[0];
    assert_eq!((call.input_tokens, call.user.as_deref()), (Some(1000), Some("42")));
    assert_eq!((call.service.as_str(), call.provider.as_str()), ("shop", "openai"));
    assert_eq!(call.finish_reasons, ["stop"]);
    assert!(call.cost.is_some_and(|cost| cost.0 > 0), "{call:?}");
}

/// The spans of a table, read by `room` for `room`, and how large each reading was.
fn read(spans: &SpanTable) -> Vec<(u64, Vec<SpanRow>)> {
    let mut all = Vec::new();
    for part in spans.new_parts().unwrap() {
        let mut offset = 0;
        while offset < part.rows() {
            let room = spans.room(&part, offset).unwrap();
            let rows = spans.spans(&part, offset, room).unwrap();
            assert_eq!(rows.len() as u64, room);
            offset += room;
            all.push((room, rows));
        }
        spans.note(&part).unwrap();
    }
    all
}

#[test]
fn large_spans_are_read_few_at_a_time_and_each_once() {
    if engine::address().is_none() {
        return;
    }
    let large = "repeat('123456789', if(number < 5, 1000000, 1))";
    for (of, attributes) in [
        (MAP, format!("map('a', {large})")),
        ("JSON", format!("CAST(concat('{{\"a\":\"', {large}, '\"}}'), 'JSON')")),
    ] {
        let options = options();
        let _keep = engine::Database::of(&options);
        let database = &options.database;
        drop(ClickHouseAppender::open(&options).unwrap());
        execute(&options, &table(database, of));
        execute(
            &options,
            &format!(
                "INSERT INTO {database}.otel_traces (Timestamp, TraceId, SpanId, SpanAttributes) \
                 SELECT toDateTime64('2026-11-02 10:00:00', 9), hex(number), hex(number), {attributes} \
                 FROM numbers(6005)"
            ),
        );
        let spans = SpanTable::open(&options, database, "otel_traces").unwrap();
        let read = read(&spans);
        assert!(read.len() >= 6 && read.iter().all(|(room, _)| *room <= 5_000), "{of}");
        let size = |rows: &[SpanRow]| rows.iter().map(|row| row.attributes.len()).sum::<usize>();
        assert!(read.iter().all(|(room, rows)| *room == 1 || size(rows) <= 16 << 20), "{of}");
        let ids: std::collections::BTreeSet<_> =
            read.iter().flat_map(|(_, rows)| rows.iter().map(|row| row.span_id.clone())).collect();
        assert_eq!(ids.len(), 6_005, "{of}");
        assert!(spans.new_parts().unwrap().is_empty());
    }
}

#[test]
fn parts_of_partitions_that_are_gone_are_forgotten() {
    if engine::address().is_none() {
        return;
    }
    let options = options();
    let _keep = engine::Database::of(&options);
    let database = &options.database;
    drop(ClickHouseAppender::open(&options).unwrap());
    execute(&options, &table(database, MAP));
    let insert = |day: u8| {
        execute(
            &options,
            &format!(
                "INSERT INTO {database}.otel_traces (Timestamp, TraceId, SpanId) \
                 SELECT toDateTime64('2026-11-{day:02} 10:00:00', 9), '01', '02'"
            ),
        );
    };
    let spans = SpanTable::open(&options, database, "otel_traces").unwrap();
    insert(2);
    insert(3);
    assert_eq!(read(&spans).len(), 2);
    let known = |rows: u8| {
        let sql = format!("SELECT throwIf(count() != {rows}) FROM {database}.read_parts FINAL");
        execute(&options, &sql);
    };
    known(2);
    execute(&options, &format!("ALTER TABLE {database}.otel_traces DROP PARTITION '2026-11-02'"));
    assert!(spans.new_parts().unwrap().is_empty());
    known(1);
    insert(2);
    assert_eq!(read(&spans).len(), 1);
    known(2);
}

#[test]
fn a_row_is_the_request_that_the_collector_had() {
    let span = SpanRow {
        trace_id: "0102030405060708090a0b0c0d0e0f10".to_owned(),
        span_id: "0102030405060708".to_owned(),
        parent_span_id: String::new(),
        name: "chat".to_owned(),
        kind: "SPAN_KIND_SERVER".to_owned(),
        scope: "scope".to_owned(),
        scope_version: "2".to_owned(),
        start: 5,
        duration: 7,
        status: "Error".to_owned(),
        status_message: "broken".to_owned(),
        resource: "{\"service.name\":\"shop\"}".to_owned(),
        attributes: "{\"a\":{\"b\":1,\"c\":[true,\"x\"]},\"d\":1.5,\"e\":null}".to_owned(),
        event_times: vec![6],
        event_names: vec!["event".to_owned()],
        event_attributes: vec!["{\"k\":\"v\"}".to_owned()],
    };
    let other = SpanRow { resource: "{}".to_owned(), ..span.clone() };
    let bytes = request::export(&[span.clone(), span, other]);
    let request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
    assert_eq!(request.resource_spans.len(), 2);
    let spans = &request.resource_spans[0].scope_spans[0].spans;
    assert_eq!(spans.len(), 2);
    let one = &spans[0];
    assert_eq!((one.kind, one.start_time_unix_nano, one.end_time_unix_nano), (2, 5, 12));
    assert_eq!(one.trace_id, (1..=16).collect::<Vec<u8>>());
    assert!(one.parent_span_id.is_empty());
    assert_eq!(one.status.as_ref().map(|status| status.code), Some(2));
    let keys: Vec<&str> = one.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["a.b", "a.c", "d"]);
    assert_eq!(one.events[0].attributes.len(), 1);
}
