//! Entry points for the fuzz targets in `fuzz/`; no part of the interface. Each panics when something that must
//! hold does not.

mod questions;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use spanledger::PriceTable;

pub use self::questions::{promql, silence, traceql};

use crate::config::{ConfigError, EXAMPLE, load};
use crate::convert::{Converted, Converter, MetricsSender};
use crate::otlp::oracle::Style;
use crate::otlp::{Encoded, Logs, Malformed};
use crate::record::{CallRecord, Timestamp};

/// 2026-11-23 12:00:00 UTC.
const NOW: Timestamp = Timestamp(1_795_435_200 * Timestamp::SECOND);
/// No call is longer, see `convert`.
const DAY: i64 = 86_400 * Timestamp::SECOND;
/// The longest text a record keeps.
const TEXT_BYTES: usize = 1024;

static PRICES: LazyLock<Arc<PriceTable>> = LazyLock::new(|| Arc::new(PriceTable::bundled()));

/// A batch in OTLP/JSON is read or refused, and what `serde_json` takes is taken.
pub fn otlp_json(bytes: &[u8]) {
    let converted = convert(Encoded::Json(bytes));
    other_signals(Encoded::Json(bytes));
    if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        let syntax = matches!(converted.map(|converted| converted.reason), Err(Malformed::Syntax(_)));
        assert!(!syntax, "JSON is taken for none");
    }
}

/// A batch in protobuf is read or refused, and in JSON it becomes the same.
pub fn otlp_protobuf(bytes: &[u8]) {
    let converted = convert(Encoded::Protobuf(bytes));
    other_signals(Encoded::Protobuf(bytes));
    let (Ok(converted), Ok(request)) = (converted, ExportTraceServiceRequest::decode(bytes)) else { return };
    // The generated reader checks more than is read here; where it takes the request, both saw the same spans.
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans = scopes.map(|scope| scope.spans.len() as u64).sum::<u64>();
    assert!(seen(&converted) == spans || converted.malformed > 0, "a span got lost");
    // What a span repeats, and what is no field of OTLP, is gone now.
    let converted = format!("{:?}", convert(Encoded::Protobuf(&request.encode_to_vec())));
    let style = Style::all().nth(bytes.len() % 16).unwrap_or_default();
    let json = style.write(&request);
    assert_eq!(
        converted,
        format!("{:?}", convert(Encoded::Json(json.as_bytes()))),
        "JSON and protobuf differ: {json}"
    );
}

/// The number of spans of a batch.
const fn seen(converted: &Converted) -> u64 {
    converted.records.len() as u64 + converted.ignored + converted.refused + converted.malformed
}

/// Every span is accounted for once, every record is within the bounds the ledger counts on, and nothing but the
/// batch decides what it becomes.
fn convert(request: Encoded<&[u8]>) -> Result<Converted, Malformed> {
    let convert = || Converter::new(Arc::clone(&PRICES)).convert(request, NOW);
    let whole = convert()?;
    let Converted { records, passages, ignored, skipped, clamped, .. } = &whole;
    let of_work =
        skipped.iter().flat_map(|(_, skipped)| skipped.iter()).map(|(_, _, spans)| spans).sum::<u64>();
    assert!(of_work <= *ignored, "what is skipped is a part of what is ignored");
    assert!(passages.len() as u64 <= *ignored, "a passage is a span that is no call");
    assert!(*clamped <= seen(&whole), "{clamped} of {} spans clamped", seen(&whole));
    assert_eq!(
        convert().map(|again| again.records).as_ref(),
        Ok(records),
        "the same batch became something else"
    );
    for record in records {
        check(record);
    }
    Ok(whole)
}

/// The same bytes as log records and as metrics: each call that a record is keeps the bounds as well.
fn other_signals(request: Encoded<&[u8]>) {
    let converter = Converter::new(Arc::clone(&PRICES));
    if let Ok(converted) = converter.parts::<Logs>(request, NOW, usize::MAX, |_, _, _| {}) {
        converted.records.iter().for_each(check);
    }
    // Any bytes are read or refused.
    let sender = MetricsSender { number: None, may_write: &|service| !service.is_empty() };
    let _counted = converter.unrecognised(request, sender, NOW);
}

fn check(record: &CallRecord) {
    assert!((0..=DAY).contains(&record.duration_ns), "{record:?}");
    assert!(
        record.start.0 > 0 && record.start.0 + record.duration_ns <= NOW.plus_seconds(600).0,
        "{record:?}"
    );
    assert!(
        record.first_chunk_ns.is_none_or(|first| (0..=record.duration_ns).contains(&first)),
        "{record:?}"
    );
    assert!(record.total_tokens().unwrap_or(0) <= 4_000_000_000, "{record:?}");
    assert!(record.cost.is_none_or(|cost| (0..=10_000_000_000_000).contains(&cost.0)), "{record:?}");
    assert!(record.sequence.is_none_or(|number| i64::try_from(number).is_ok_and(|n| n > 0)), "{record:?}");
    let texts = [&record.request_model, &record.user, &record.error_message, &record.response_preview];
    assert!(texts.into_iter().flatten().all(|text| text.len() <= TEXT_BYTES), "{record:?}");
}

/// A configuration is read, and can be shown; or it is refused with its file and line, on one line of text. Input is
/// the text of a file or, after a byte 0, edits of the example file: those get past the TOML to the checks of the keys.
pub fn config(bytes: &[u8]) {
    match bytes.split_first() {
        Some((0, edits)) => load_text(edited(edits).as_bytes()),
        _ => load_text(bytes),
    }
}

fn load_text(bytes: &[u8]) {
    // One per thread: tests run in parallel.
    thread_local! {
        static FILE: tempfile::NamedTempFile =
            tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("no file: {error}"));
    }
    FILE.with(|file| load_file(file.path(), bytes));
}

fn load_file(path: &Path, bytes: &[u8]) {
    if let Err(error) = std::fs::write(path, bytes) {
        panic!("{}: {error}", path.display());
    }
    let loaded = load(Some(path), [], &[]).and_then(|loaded| {
        let targets = loaded.config.notify.targets();
        targets.map_err(|message| loaded.error_of(&message))?;
        Ok(loaded)
    });
    match loaded {
        Ok(loaded) => assert!(!loaded.values().is_empty(), "a configuration without keys"),
        Err(ConfigError::File { .. }) if std::str::from_utf8(bytes).is_err() => {}
        Err(error) => {
            let ConfigError::Line { line, .. } = &error else { panic!("no line: {error}") };
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!((1..=lines).contains(line), "of {lines} lines: {error}");
            assert!(!error.to_string().contains('\n'), "more than one line: {error}");
        }
    }
}

/// The example file after edits. An edit is a line's number (two bytes), what to do with it, the length of a text
/// and the text.
fn edited(mut edits: &[u8]) -> String {
    let mut lines: Vec<String> = EXAMPLE.lines().map(str::to_owned).collect();
    while let [low, high, what, length, rest @ ..] = edits {
        let (text, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        edits = rest;
        let number = usize::from(u16::from_le_bytes([*low, *high])) % lines.len();
        let text = String::from_utf8_lossy(text).into_owned();
        let line = &mut lines[number];
        // A key that is only an example is set by every edit of its value.
        let set = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned();
        let key = set.split_once(" = ").map(|(key, _)| key);
        let value = |value: toml::Value| key.map_or_else(|| set.clone(), |key| format!("{key} = {value}"));
        *line = match what % 8 {
            0 => String::new(),
            1 => set.clone(),
            2 => value(toml::Value::String(text)),
            3 => value(toml::Value::Integer(text.bytes().fold(0, |n: i64, byte| n << 8 | i64::from(byte)))),
            4 => value(toml::Value::Float(text.parse().unwrap_or(f64::NAN))),
            5 => value(toml::Value::Boolean(text.is_empty())),
            6 => value(toml::Value::Array(text.split('\0').map(toml::Value::from).collect())),
            // A key or a table of its own, before the line.
            _ => format!("{text}\n{line}"),
        };
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    type Target = fn(&[u8]);

    #[test]
    fn the_seeds_of_every_target_pass() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
        let targets: [(&str, Target); 6] = [
            ("config", super::config),
            ("otlp_json", super::otlp_json),
            ("otlp_protobuf", super::otlp_protobuf),
            ("promql", super::promql),
            ("silence", super::silence),
            ("traceql", super::traceql),
        ];
        for (name, target) in targets {
            let seeds: Vec<_> = std::fs::read_dir(fuzz.join(name)).unwrap().collect();
            assert!(seeds.len() > 1, "{name}");
            for seed in seeds {
                target(&std::fs::read(seed.unwrap().path()).unwrap());
            }
        }
    }

    /// An edit as the target reads it.
    fn edit() -> impl Strategy<Value = Vec<u8>> {
        let texts = [
            "",
            "0s",
            "31d",
            "1.5",
            "0.0.0.0:1",
            "127.0.0.1:0",
            "info",
            "[rules.Nobody]",
            "a = 1",
            "\0",
            "-1",
        ];
        let text =
            prop_oneof![proptest::sample::select(texts.to_vec()).prop_map(str::to_owned), "\\PC{0,12}"];
        (any::<u16>(), any::<u8>(), text).prop_map(|(line, what, text)| {
            let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
            [&line.to_le_bytes(), [what, length].as_slice(), &text.as_bytes()[..usize::from(length)]].concat()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn an_edited_example_is_read_or_refused_with_its_line(edits in proptest::collection::vec(edit(), 1..4)) {
            super::config(&[&[0], edits.concat().as_slice()].concat());
        }
    }
}
