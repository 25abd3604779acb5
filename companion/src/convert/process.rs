//! Reads the span with which a journal reports on its process.

use spanledger::semconv::{PROCESS_SPAN, attribute};

use super::value::NAME_BYTES;
use crate::otlp::Value;
use crate::record::{ProcessEnd, ProcessReport, Timestamp};

/// Ranges that are read of one report.
const RANGES: usize = 1000;

/// What such a span says beyond the facts that calls have as well.
#[derive(Debug, Default)]
pub(super) struct ProcessDraft {
    last_sequence: Option<u64>,
    end: Option<ProcessEnd>,
    lost: Vec<(u64, u64)>,
    lost_calls: u64,
    skipped: u64,
    lost_from: Option<u64>,
    lost_to: Option<u64>,
}

impl ProcessDraft {
    /// Whether an attribute is about a process.
    pub(super) fn is_about(key: &str) -> bool {
        key.starts_with(PROCESS_SPAN)
    }

    pub(super) fn note(&mut self, key: &str, value: Value<'_>) {
        match (key, value) {
            (attribute::PROCESS_LAST_SEQUENCE, Value::Int(number)) => {
                self.last_sequence = u64::try_from(number).ok();
            }
            (attribute::PROCESS_END, Value::Text(name)) => {
                self.end = ProcessEnd::named(&name.head(NAME_BYTES));
            }
            (attribute::PROCESS_LOST, Value::List(ranges)) => {
                let texts = ranges.items().take(RANGES).filter_map(|item| match item {
                    Value::Text(text) => range(&text.head(NAME_BYTES)),
                    _ => None,
                });
                self.lost = texts.collect();
                self.lost.sort_unstable();
            }
            (attribute::PROCESS_LOST_CALLS, Value::Int(calls)) => {
                self.lost_calls = u64::try_from(calls).unwrap_or(0);
            }
            (attribute::PROCESS_SKIPPED, Value::Int(calls)) => {
                self.skipped = u64::try_from(calls).unwrap_or(0);
            }
            (attribute::PROCESS_LOST_FROM, Value::Int(time)) => self.lost_from = u64::try_from(time).ok(),
            (attribute::PROCESS_LOST_TO, Value::Int(time)) => self.lost_to = u64::try_from(time).ok(),
            _ => {}
        }
    }

    /// The report, made at `at`. `None` where it does not say of which process it is, or how far that is.
    pub(super) fn finish(
        self,
        instance: Option<String>,
        service: &str,
        at: Timestamp,
    ) -> Option<ProcessReport> {
        let time = |time: u64| Timestamp(i64::try_from(time).unwrap_or(i64::MAX));
        Some(ProcessReport {
            instance: instance.filter(|instance| !instance.is_empty())?,
            service: service.to_owned(),
            at,
            last_sequence: self.last_sequence?,
            end: self.end,
            lost: self.lost,
            lost_calls: self.lost_calls,
            skipped: self.skipped,
            lost_between: self.lost_from.zip(self.lost_to).map(|(from, to)| (time(from), time(to))),
        })
    }
}

/// `7` or `9-12`. Numbers begin at 1.
fn range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (1 <= first && first <= last).then_some((first, last))
}
