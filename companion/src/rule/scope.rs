use std::sync::Arc;

use super::budget::Budget;
use super::learned::Limit;
use super::{Answers, By, Evaluation, Labels, OTHER, Pasts, Sample, Sentences, Unit, Verdict, count};
use crate::record::{ENVIRONMENT, Timestamp, Window, service_and_environment};
use crate::rule::config::Settings;
use crate::store::{Filter, GroupRepetition, Querier, RepetitionQuestion, StoreError, Totals};
use crate::text::hours::Hours;

/// Calls are judged apart for so many services, users or models; those of further ones are judged together.
pub(super) const GROUPS: usize = 100;

/// What a rule is evaluated over.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The ledger, as far back as the rule reaches.
    pub querier: &'a dyn Querier,
    /// The whole ledger, to learn from.
    pub ledger: &'a dyn Querier,
    /// What was learned so far.
    pub pasts: &'a Pasts,
    /// What other rules have asked at this time.
    pub(crate) answers: &'a Answers,
    /// Which samples need a sentence.
    pub(crate) sentences: Sentences,
    /// The time of the evaluation.
    pub now: Timestamp,
}

impl Inputs<'_> {
    pub(super) fn totals(&self, window: Window, filter: &Filter) -> Result<Totals, StoreError> {
        self.answers.totals(self.querier, window, filter)
    }
}

impl std::fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs").field("now", &self.now).finish_non_exhaustive()
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
    /// What these calls are judged apart by; all together without.
    pub by: Option<By>,
    /// The effective settings.
    pub settings: Settings,
    /// The budget, for a rule about budgets.
    pub(crate) budget: Option<Arc<Budget>>,
    /// When people work, for a rule that asks.
    pub(crate) working_hours: Arc<Hours>,
}

/// Calls that are judged together.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// The service in its environment, the user or the model; empty for all calls together, and none for those that are not judged apart.
    pub(super) name: Option<Arc<str>>,
    pub(super) labels: Arc<Labels>,
    pub(super) totals: Totals,
}

impl Scope {
    pub(super) fn window(&self, now: Timestamp) -> Window {
        Window::last(self.settings.window.0, now)
    }

    /// The totals of each group that has calls in `window`, the most calls first.
    pub(super) fn groups(&self, inputs: &Inputs<'_>, window: Window) -> Result<Vec<Group>, StoreError> {
        let Some(by) = self.by else {
            let totals = inputs.totals(window, &self.filter)?;
            let all = Group { name: Some("".into()), labels: self.labels.clone().into(), totals };
            return Ok(Some(all).filter(|all| all.totals.calls > 0).into_iter().collect());
        };
        let ask = || {
            let found = inputs.querier.breakdown_of_all(window, &self.filter, by.dimension(), GROUPS)?;
            let mut rest = found.all;
            let named = found.groups.into_iter().map(|group| {
                rest.subtract(&group.totals);
                let labels = self.labels_of(by, &group.name);
                Group { name: Some(group.name.into()), labels, totals: group.totals }
            });
            let mut groups: Vec<Group> = named.collect();
            if rest.calls > 0 {
                groups.push(Group { name: None, labels: self.labels_of(by, OTHER), totals: rest });
            }
            Ok(groups.into())
        };
        Ok(inputs.answers.groups(window, &self.filter, by, &self.labels, ask)?.to_vec())
    }

    /// Repetition within each group, with the labels of each: the hashes seen more than `more_than` times, at most `hashes` of each group.
    pub(super) fn repetition(
        &self,
        inputs: &Inputs<'_>,
        more_than: u64,
        hashes: usize,
    ) -> Result<Repetition, StoreError> {
        let by = self.by.map(By::dimension);
        let question = RepetitionQuestion { by, groups: 10 * GROUPS, more_than, hashes };
        let window = self.window(inputs.now);
        let found = inputs.answers.repetition(inputs.querier, window, &self.filter, question)?;
        let labels = found.iter().map(|group| match self.by {
            Some(by) => self.labels_of(by, &group.name),
            None => self.labels.clone().into(),
        });
        Ok((labels.collect(), found))
    }

    /// The calls of the group of this name; all calls of the scope where they are not judged apart.
    pub(super) fn filter_of(&self, name: Option<&str>) -> Filter {
        let mut filter = self.filter.clone();
        let (Some(by), Some(name)) = (self.by, name) else { return filter };
        let field = match by {
            By::Service => {
                let (service, environment) = service_and_environment(name);
                filter.service = Some(service.to_owned());
                filter.tags.push((ENVIRONMENT, environment.to_owned()));
                return filter;
            }
            By::User => &mut filter.user,
            By::Model => &mut filter.model,
            By::Tag(key) => {
                filter.tags.push((key, name.to_owned()));
                return filter;
            }
        };
        *field = Some(name.to_owned());
        filter
    }

    /// The labels of an alert about one group: a service has its environment next to it, where it has one.
    pub(super) fn labels_of(&self, by: By, name: &str) -> Arc<Labels> {
        let mut labels = self.labels.clone();
        let (name, environment) = match by {
            By::Service => service_and_environment(name),
            _ => (name, ""),
        };
        labels.insert(by.label().into_owned(), name.to_owned());
        if !environment.is_empty() {
            labels.insert(ENVIRONMENT.label(), environment.to_owned());
        }
        labels.into()
    }

    /// The labels of an alert: those of the scope and one of its own.
    pub(super) fn labels_with(&self, name: &str, value: &str) -> Arc<Labels> {
        let mut labels = self.labels.clone();
        labels.insert(name.to_owned(), value.to_owned());
        labels.into()
    }

    /// The reason when the window holds no call at all.
    pub(super) fn no_calls(&self) -> String {
        format!("no call within {}", self.settings.window.words())
    }

    /// One sample for the whole scope, compared with the threshold of the settings.
    pub(super) fn sample(&self, value: f64, exceeded: bool, description: String) -> Sample {
        let (labels, verdict) = (self.labels.clone().into(), Verdict::of(exceeded));
        Sample { labels, value, threshold: self.settings.threshold, learned: false, verdict, description }
    }

    /// The samples of what is wrong with the ledger. Nothing is wrong without any, but for a ledger that has no call.
    pub(super) fn known_or_whole(
        &self,
        inputs: &Inputs<'_>,
        samples: Vec<Sample>,
        whole: &str,
    ) -> Result<Evaluation, StoreError> {
        if !samples.is_empty() {
            return Ok(Evaluation::known(samples));
        }
        let sample = self.sample(0.0, false, whole.to_owned());
        Ok(match inputs.querier.last_call(inputs.now, &self.filter)? {
            Some(_) => Evaluation::known(vec![sample]),
            None => Evaluation::empty(sample, "the ledger has no call".to_owned()),
        })
    }

    /// The evaluation of a rule whose value of no calls is 0, which is calm and no proof of health.
    pub(super) fn judged(&self, samples: Vec<Sample>) -> Evaluation {
        self.judged_by(self.settings.threshold, samples)
    }

    /// The same of a rule that compares with `threshold`.
    pub(super) fn judged_by(&self, threshold: f64, samples: Vec<Sample>) -> Evaluation {
        if samples.is_empty() {
            let sample = Sample { threshold, ..self.sample(0.0, false, self.no_calls()) };
            return Evaluation::empty(sample, self.no_calls());
        }
        Evaluation::known(samples)
    }

    /// The share `part / whole` of each group against its limit, which `confirm` may still refuse, and say by what. A group of which
    /// `whole` or `part` is too small is not judged.
    pub(super) fn shares(
        &self,
        inputs: &Inputs<'_>,
        parts: Vec<(Part, Limit)>,
        calls: &str,
        what: &str,
        mut confirm: impl FnMut(&Part, &Limit) -> Result<(bool, String), StoreError>,
    ) -> Result<Evaluation, StoreError> {
        let settings = &self.settings;
        let calls_of = |whole| if whole == 1 { calls.replacen("calls", "call", 1) } else { calls.to_owned() };
        let most = parts.iter().map(|(group, _)| group.whole).max().unwrap_or(0);
        let mut samples = Vec::new();
        for (group, limit) in parts.into_iter().filter(|(group, _)| group.whole > 0) {
            let share = count(group.part) / count(group.whole);
            let enough = group.whole >= settings.min_calls;
            let mut exceeded = share > limit.value;
            let few = !enough || exceeded && group.part < settings.min_events;
            let mut further = String::new();
            if exceeded && !few {
                (exceeded, further) = confirm(&group, &limit)?;
            }
            let verdict = if few { Verdict::of_few(exceeded) } else { Verdict::of(exceeded) };
            let description = inputs.sentences.of(verdict, || {
                format!(
                    "{} of {} {} of the last {} {what}, {}{further}",
                    Unit::Share.format(share),
                    group.whole,
                    calls_of(group.whole),
                    settings.window.words(),
                    limit.words(Unit::Share)
                )
            });
            samples.push(Sample {
                labels: group.labels,
                value: share,
                threshold: limit.value,
                learned: limit.usual.is_some(),
                verdict,
                description,
            });
        }
        let no_data = (most < settings.min_calls.max(1)).then(|| {
            format!(
                "{most} {} within {}; at least {} are needed",
                calls_of(most),
                settings.window.words(),
                settings.min_calls.max(1)
            )
        });
        Ok(Evaluation { samples, no_data })
    }
}

/// Repetition within each group, and the labels of each.
pub(super) type Repetition = (Vec<Arc<Labels>>, Arc<[GroupRepetition]>);

/// A part of the calls of one group.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// As in [`Group`].
    pub(super) name: Option<Arc<str>>,
    pub(super) labels: Arc<Labels>,
    pub(super) part: u64,
    pub(super) whole: u64,
}
