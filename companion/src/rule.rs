//! Anomaly rules: questions to the ledger with a threshold. One rule a file; none of them reads a clock.

mod auth_failures;
pub mod config;
mod cost_overrun;
mod duplicate_ratio;
mod excessive_token_usage;
mod high_failure_rate;
mod high_request_rate;
mod ledger_silent;
mod rate_limited;
mod repeated_requests;
mod sequence_gap;
#[cfg(test)]
pub(crate) mod tests;
mod unpriced_usage;
mod usage_missing;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::{Timestamp, Window};
use crate::store::{Filter, Querier, StoreError, Totals};
use crate::text::seconds::Seconds;
use crate::text::unit::{Unit, dollars};

use self::config::{Key, Settings};

/// Names and values that tell one alert of a rule from another.
pub type Labels = BTreeMap<String, String>;

/// At most this many samples of one rule exceed their threshold at a time: the worst ones.
pub(crate) const TOP: usize = 10;

/// The label of what is not listed by itself.
pub(crate) const OTHER: &str = "_OTHER";

/// One anomaly rule.
pub trait Rule: fmt::Debug + Send + Sync {
    /// Its name, which is also the alert's.
    fn name(&self) -> RuleName;

    /// What to do when it fires.
    fn advice(&self) -> &'static str;

    /// What its values count.
    fn unit(&self) -> Unit;

    /// The settings it has unless configured.
    fn defaults(&self) -> Settings;

    /// The settings it reads besides those all rules have.
    fn keys(&self) -> &'static [Key];

    /// Whether its threshold itself exceeds, as in "5 or more".
    fn inclusive(&self) -> bool {
        false
    }

    /// What its values are compared with.
    fn threshold(&self, settings: &Settings) -> f64 {
        settings.threshold
    }

    /// How long before now a call can still matter to it.
    fn reach(&self, settings: &Settings) -> Seconds {
        settings.window
    }

    /// One line that says what fires, with the threshold in it.
    fn summary(&self, settings: &Settings) -> String;

    /// Asks the ledger about the calls of `scope` that ended before `now`.
    ///
    /// # Errors
    /// [`StoreError`] when the ledger cannot answer; then nothing is known.
    fn evaluate(
        &self,
        scope: &Scope,
        querier: &dyn Querier,
        now: Timestamp,
    ) -> Result<Evaluation, StoreError>;
}

/// Every rule, in the order of the documentation.
pub const ALL: [&'static dyn Rule; 12] = [
    &high_request_rate::HighRequestRate,
    &high_failure_rate::HighFailureRate,
    &cost_overrun::CostOverrun,
    &excessive_token_usage::ExcessiveTokenUsage,
    &repeated_requests::RepeatedRequests,
    &duplicate_ratio::DuplicateRatio,
    &unpriced_usage::UnpricedUsage,
    &usage_missing::UsageMissing,
    &auth_failures::AuthFailures,
    &rate_limited::RateLimited,
    &sequence_gap::SequenceGap,
    &ledger_silent::LedgerSilent,
];

/// The names of the rules, as configuration, metrics and alerts spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RuleName {
    /// Too many requests a minute.
    HighRequestRate,
    /// Too large a share of calls fails.
    HighFailureRate,
    /// Too many dollars.
    CostOverrun,
    /// One call with too many tokens.
    ExcessiveTokenUsage,
    /// The same request again and again.
    RepeatedRequests,
    /// Too large a share of calls repeats another.
    DuplicateRatio,
    /// Calls of a model without a price.
    UnpricedUsage,
    /// Successful calls without usage.
    UsageMissing,
    /// Answers 401 and 403.
    AuthFailures,
    /// Answers 429.
    RateLimited,
    /// Calls that never reached the ledger.
    SequenceGap,
    /// No calls where there were some.
    LedgerSilent,
}

impl RuleName {
    /// The rule of this name.
    #[must_use]
    pub fn rule(self) -> &'static dyn Rule {
        // `ALL` is in the order of this enum, which a test holds on to.
        ALL[self as usize]
    }

    /// The name as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HighRequestRate => "HighRequestRate",
            Self::HighFailureRate => "HighFailureRate",
            Self::CostOverrun => "CostOverrun",
            Self::ExcessiveTokenUsage => "ExcessiveTokenUsage",
            Self::RepeatedRequests => "RepeatedRequests",
            Self::DuplicateRatio => "DuplicateRatio",
            Self::UnpricedUsage => "UnpricedUsage",
            Self::UsageMissing => "UsageMissing",
            Self::AuthFailures => "AuthFailures",
            Self::RateLimited => "RateLimited",
            Self::SequenceGap => "SequenceGap",
            Self::LedgerSilent => "LedgerSilent",
        }
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How urgent an alert is, least first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something to improve.
    #[default]
    Info,
    /// To be looked at today.
    Warning,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// As labels spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The calls that one evaluation of a rule is about, with the settings for them: all calls, or those of the
/// service or the model that has settings of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// Which calls.
    pub filter: Filter,
    /// Empty for all calls, else `service` or `model`.
    pub labels: Labels,
    /// The effective settings.
    pub settings: Settings,
}

impl Scope {
    /// The sums of the rule's window.
    fn totals(&self, querier: &dyn Querier, now: Timestamp) -> Result<Totals, StoreError> {
        querier.totals(self.window(now), &self.filter)
    }

    fn window(&self, now: Timestamp) -> Window {
        Window::last(self.settings.window.0, now)
    }

    /// The labels of an alert: those of the scope and one of its own.
    fn labels_with(&self, name: &str, value: &str) -> Labels {
        let mut labels = self.labels.clone();
        labels.insert(name.to_owned(), value.to_owned());
        labels
    }

    /// What to say when the window holds no call at all.
    fn no_calls(&self) -> String {
        format!("no call within {}", self.settings.window.words())
    }

    /// One sample for the whole scope.
    fn sample(&self, value: f64, exceeded: bool, description: String) -> Sample {
        Sample { labels: self.labels.clone(), value, exceeded, description }
    }

    /// `part / whole` against the threshold, unless `whole` is below the volume from which the rule judges.
    fn share(&self, part: u64, whole: u64, calls: &str, what: &str) -> Evaluation {
        let settings = &self.settings;
        let within = settings.window.words();
        let calls = if whole == 1 { calls.replacen("calls", "call", 1) } else { calls.to_owned() };
        if whole < settings.min_calls || whole == 0 {
            return Evaluation::unknown(format!(
                "{whole} {calls} within {within}, judged from {}",
                settings.min_calls
            ));
        }
        let share = count(part) / count(whole);
        let description = format!(
            "{} of {whole} {calls} of the last {within} {what}, threshold {}",
            Unit::Share.format(share),
            Unit::Share.format(settings.threshold)
        );
        Evaluation::known(vec![self.sample(share, share > settings.threshold, description)])
    }
}

/// What one evaluation found.
///
/// No samples means that nothing is known. Samples beside `no_data` mean that the value is known although it is
/// one over nothing: no requests are no high rate, but no proof of health either.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The values.
    pub samples: Vec<Sample>,
    /// Why there is nothing to judge.
    pub no_data: Option<String>,
}

impl Evaluation {
    fn known(samples: Vec<Sample>) -> Self {
        Self { samples, no_data: None }
    }

    fn unknown(reason: String) -> Self {
        Self { samples: Vec::new(), no_data: Some(reason) }
    }

    fn empty(sample: Sample, reason: String) -> Self {
        Self { samples: vec![sample], no_data: Some(reason) }
    }
}

/// One value of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Of the alert, if it becomes one; the rule's name is not among them.
    pub labels: Labels,
    /// In the rule's unit.
    pub value: f64,
    /// Whether the value is beyond the threshold.
    pub exceeded: bool,
    /// One sentence with the numbers.
    pub description: String,
}

/// A count as a value. Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of calls and tokens stay far below 2^53")]
pub(crate) const fn count(number: u64) -> f64 {
    number as f64
}
