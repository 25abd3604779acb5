use super::{Evaluation, Labels, Sample, Unit, count};
use crate::record::{Timestamp, Window};
use crate::rule::config::Settings;
use crate::store::{Filter, Querier, StoreError, Totals};

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
    /// The totals of the rule's window.
    pub(super) fn totals(&self, querier: &dyn Querier, now: Timestamp) -> Result<Totals, StoreError> {
        querier.totals(self.window(now), &self.filter)
    }

    pub(super) fn window(&self, now: Timestamp) -> Window {
        Window::last(self.settings.window.0, now)
    }

    /// The labels of an alert: those of the scope and one of its own.
    pub(super) fn labels_with(&self, name: &str, value: &str) -> Labels {
        let mut labels = self.labels.clone();
        labels.insert(name.to_owned(), value.to_owned());
        labels
    }

    /// The reason when the window holds no call at all.
    pub(super) fn no_calls(&self) -> String {
        format!("no call within {}", self.settings.window.words())
    }

    /// One sample for the whole scope.
    pub(super) fn sample(&self, value: f64, exceeded: bool, description: String) -> Sample {
        Sample { labels: self.labels.clone(), value, exceeded, description }
    }

    /// `part / whole` against the threshold, unless `whole` is below the rule's minimum volume.
    pub(super) fn share(&self, part: u64, whole: u64, calls: &str, what: &str) -> Evaluation {
        let settings = &self.settings;
        let within = settings.window.words();
        let calls = if whole == 1 { calls.replacen("calls", "call", 1) } else { calls.to_owned() };
        if whole < settings.min_calls || whole == 0 {
            return Evaluation::unknown(format!(
                "{whole} {calls} within {within}; at least {} are needed",
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
