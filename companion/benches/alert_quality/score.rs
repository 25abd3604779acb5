//! Firings against labels.
//!
//! An anomaly is **caught** by the first firing of its rule that begins between its beginning and its end plus the grace,
//! and whose labels do not contradict it. It is **masked** where the rule fired already, and nothing new was reported. A
//! firing is **false** unless its rule is that of an anomaly it overlaps, or one that the anomaly allows. False firings of one rule
//! less than five minutes apart are one **message**.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use serde_json::Value;
use spanledger_companion::bench::{Backtest, Firing, RuleName, Timestamp, Window};

#[derive(Default)]
pub(crate) struct Labels {
    anomalies: Vec<Anomaly>,
    negatives: Vec<Negative>,
}

struct Anomaly {
    rule: String,
    kind: String,
    also: Vec<String>,
    labels: BTreeMap<String, String>,
    start: f64,
    end: f64,
}

struct Negative {
    kind: String,
    must_not: Vec<String>,
    start: f64,
    end: f64,
}

impl Labels {
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let json: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
        let number = |value: &Value| value.as_f64().unwrap_or_default();
        let list = |name: &str| json[name].as_array().cloned().unwrap_or_default();
        let anomalies = list("anomalies").into_iter().map(|each| Anomaly {
            rule: text(&each["rule"]),
            kind: text(&each["kind"]),
            also: texts(&each["also"]),
            labels: each["labels"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
            start: number(&each["start"]),
            end: number(&each["end"]),
        });
        let negatives = list("negatives").into_iter().map(|each| Negative {
            kind: text(&each["kind"]),
            must_not: texts(&each["must_not"]),
            start: number(&each["start"]),
            end: number(&each["end"]),
        });
        Ok(Self { anomalies: anomalies.collect(), negatives: negatives.collect() })
    }
}

impl Anomaly {
    /// Whether no label of a firing contradicts it.
    fn fits(&self, firing: &Firing) -> bool {
        ["service", "user", "model"].iter().all(|name| {
            let given = |value: Option<&String>| value.filter(|value| !value.is_empty()).cloned();
            let (mine, its) = (given(self.labels.get(*name)), given(firing.labels.get(*name)));
            mine.is_none() || its.is_none() || mine == its
        })
    }

    fn allows(&self, rule: &str) -> bool {
        self.rule == rule || self.also.iter().any(|also| also == rule)
    }
}

/// One firing, right or false, in seconds.
#[derive(Clone)]
pub(crate) struct Span {
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) right: bool,
}

/// What one rule did.
#[derive(Default, Clone)]
pub(crate) struct RuleScore {
    pub(crate) caught: usize,
    pub(crate) masked: usize,
    pub(crate) missed: Vec<String>,
    /// In seconds.
    pub(crate) delays: Vec<f64>,
    pub(crate) false_firings: usize,
    pub(crate) messages: usize,
    pub(crate) spans: Vec<Span>,
    /// False firings by the hard case they belong to.
    pub(crate) by: BTreeMap<String, usize>,
    /// The share of the time in which it fired.
    pub(crate) firing_share: f64,
}

pub(crate) struct Score {
    pub(crate) days: f64,
    pub(crate) rules: Vec<(RuleName, RuleScore)>,
}

/// How long after an anomaly its alert may come.
fn grace(rule: &str) -> f64 {
    match rule {
        "CostOverrun" => 3600.0,
        "SequenceGap" | "UsageMissing" => 1800.0,
        _ => 300.0,
    }
}

impl Score {
    #[expect(clippy::cast_precision_loss, reason = "seconds of two weeks")]
    pub(crate) fn of(found: &Backtest, labels: &Labels, window: Window) -> Self {
        let seconds = |at: Timestamp| (at.0 - window.from.0) as f64 / 1e9;
        let span = seconds(window.to);
        let rules = RuleName::ALL.into_iter().map(|rule| {
            let name = rule.as_str();
            let mut score = RuleScore::default();
            let firings: Vec<(f64, f64, &Firing)> = found
                .firings
                .iter()
                .filter(|firing| firing.rule == rule)
                .map(|firing| (seconds(firing.start), seconds(firing.end), firing))
                .collect();
            let (mut last, mut covered_to, mut covered) = (f64::NEG_INFINITY, 0.0_f64, 0.0);
            for (start, end, firing) in &firings {
                covered += (end - start.max(covered_to)).max(0.0);
                covered_to = covered_to.max(*end);
                let right = labels.anomalies.iter().any(|anomaly| {
                    anomaly.allows(name) && *start <= anomaly.end + grace(name) && *end >= anomaly.start
                });
                score.spans.push(Span { start: *start, end: *end, labels: firing.labels.clone(), right });
                if right {
                    continue;
                }
                let negative = labels.negatives.iter().find(|negative| {
                    negative.must_not.iter().any(|not| not == name)
                        && *start <= negative.end + 300.0
                        && *end >= negative.start
                });
                let kind = negative.map_or("other traffic", |negative| &negative.kind);
                *score.by.entry(kind.to_owned()).or_default() += 1;
                score.false_firings += 1;
                if *start > last + 300.0 {
                    score.messages += 1;
                }
                last = last.max(*end);
            }
            score.firing_share = covered / span;
            for anomaly in labels.anomalies.iter().filter(|anomaly| anomaly.rule == name) {
                let fitting = || firings.iter().filter(|(.., firing)| anomaly.fits(firing));
                let range = anomaly.start - 15.0..=anomaly.end + grace(name);
                if let Some((start, ..)) = fitting().find(|(start, ..)| range.contains(start)) {
                    score.caught += 1;
                    score.delays.push((start - anomaly.start).max(0.0));
                } else if fitting().any(|(start, end, _)| *start < *range.start() && *end > anomaly.start) {
                    score.masked += 1;
                } else {
                    score.missed.push(anomaly.kind.clone());
                }
            }
            score.delays.sort_by(f64::total_cmp);
            (rule, score)
        });
        Self { days: span / 86_400.0, rules: rules.collect() }
    }

    /// The messages of a rule over the whole time.
    pub(crate) fn messages(&self, rule: RuleName) -> usize {
        self.rules.iter().find(|(name, _)| *name == rule).map_or(0, |(_, score)| score.messages)
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of messages")]
    pub(crate) fn per_day(&self, rule: RuleName) -> f64 {
        self.messages(rule) as f64 / self.days
    }

    /// How many anomalies were caught, and how many there were.
    pub(crate) fn caught(&self) -> (usize, usize) {
        self.rules.iter().fold((0, 0), |(caught, all), (_, score)| {
            (caught + score.caught, all + score.caught + score.masked + score.missed.len())
        })
    }

    /// The same of the firings that began within a part of the time, in seconds.
    pub(crate) fn between(&self, from: f64, to: f64) -> Self {
        let part = |score: &RuleScore| {
            let spans: Vec<Span> =
                score.spans.iter().filter(|span| from <= span.start && span.start < to).cloned().collect();
            let (mut last, mut messages) = (f64::NEG_INFINITY, 0);
            for span in spans.iter().filter(|span| !span.right) {
                messages += usize::from(span.start > last + 300.0);
                last = last.max(span.end);
            }
            RuleScore { messages, spans, ..RuleScore::default() }
        };
        Self { days: self.days, rules: self.rules.iter().map(|(rule, score)| (*rule, part(score))).collect() }
    }
}
