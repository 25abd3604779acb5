//! Evaluates all rules at a given time and moves their alerts. `serve`, `check` and `backtest` share it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::alert::{Alert, Alerts, Observation, State};
use crate::clock;
use crate::record::Timestamp;
use crate::rule::config::RulesConfig;
use crate::rule::{
    ALL, Answers, Evaluation, Inputs, Labels, Pasts, Rule, RuleName, Scope, Sentences, Severity,
};
use crate::store::{Querier, StoreError};
use crate::text::seconds::Seconds;

/// The state of a rule after an evaluation: one for all calls, and one for each service and model with settings of
/// its own.
#[derive(Debug, Clone)]
pub(crate) struct RuleStatus {
    /// The rule.
    pub name: RuleName,
    /// Empty for all calls, else `service` or `model`.
    pub labels: Labels,
    /// The most advanced state of its alerts.
    pub state: State,
    /// How urgent.
    pub severity: Severity,
    /// The worst value; `None` when nothing is known.
    pub value: Option<f64>,
    /// What it is compared with.
    pub threshold: f64,
    /// How long the threshold is exceeded before it fires.
    pub hold: Seconds,
    /// How long it goes on firing after that.
    pub keep_firing_for: Seconds,
    /// What to do when it fires.
    pub advice: &'static str,
    /// One sentence with the numbers of the worst value.
    pub description: Option<String>,
    /// Since when it is in this state; `None` while inactive.
    pub since: Option<Timestamp>,
    /// Why there is nothing to judge. Such a rule is not healthy.
    pub no_data: Option<String>,
    /// Why it could not be evaluated.
    pub error: Option<String>,
    /// How long the evaluation took.
    pub took: Duration,
    /// Its alerts that are not inactive.
    pub alerts: Vec<Alert>,
    /// Samples since the start that became no alert because there were too many; see [`crate::alert::LIMIT`].
    pub dropped: u64,
}

/// One rule over one scope.
#[derive(Debug, Clone)]
pub(crate) struct Monitor {
    /// The rule.
    pub rule: &'static Rule,
    /// Its calls and settings.
    pub scope: Scope,
    /// What the rules have learned.
    pasts: Arc<Pasts>,
    /// What a rule with a grain found last, and for which end of its windows.
    last: Arc<Mutex<Last>>,
}

/// An evaluation and the end of its windows; nothing before the first.
type Last = Option<(Timestamp, Arc<Evaluation>)>;

/// What one monitor's evaluation brought.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    result: Result<Arc<Evaluation>, String>,
    /// Whether the past that the rule compares with is still being read: nothing is known until then.
    reading: bool,
    took: Duration,
}

impl Monitor {
    /// Asks the ledger what other rules have not asked at the same time.
    pub(crate) fn measure(&self, querier: &dyn Querier, answers: &Answers, now: Timestamp) -> Measured {
        self.measure_part(querier, querier, answers, Sentences::All, now)
    }

    /// Asks a part of a ledger that reaches as far back as the rules do, and learns from the whole.
    fn measure_part(
        &self,
        querier: &dyn Querier,
        ledger: &dyn Querier,
        answers: &Answers,
        sentences: Sentences,
        now: Timestamp,
    ) -> Measured {
        let began = clock::instant();
        let end = self.rule.end(now);
        let inputs = Inputs { querier, ledger, pasts: &self.pasts, answers, sentences, now: end };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match &*last {
            // A grain that began with this end has not ended.
            Some((known, evaluation)) if *known == end && end != now => Ok(Arc::clone(evaluation)),
            _ => self.rule.evaluate(&self.scope, &inputs).map(Arc::new),
        };
        *last = found.as_ref().ok().filter(|_| self.rule.grain.0 > 0).map(|found| (end, Arc::clone(found)));
        let reading = matches!(found, Err(StoreError::Reading));
        let result = match found {
            Err(error @ StoreError::Reading) => Ok(Arc::new(Evaluation::unknown(error.to_string()))),
            found => found.map_err(|error| error.to_string()),
        };
        Measured { result, reading, took: began.elapsed() }
    }
}

impl Measured {
    /// How long it took.
    #[must_use]
    pub(crate) const fn took(&self) -> Duration {
        self.took
    }

    /// How near the largest value that was judged came to its limit.
    fn nearest(&self) -> f64 {
        let samples = self.result.iter().flat_map(|evaluation| &evaluation.samples);
        let judged = samples.filter(|sample| sample.verdict.judged() && sample.threshold > 0.0);
        judged.map(|sample| sample.value / sample.threshold).fold(0.0, f64::max)
    }

    /// An evaluation that brought nothing, and why.
    #[must_use]
    pub(crate) fn failed(error: String, took: Duration) -> Self {
        Self { result: Err(error), reading: false, took }
    }
}

/// What a monitor measured in a part of a ledger.
#[derive(Debug, Clone, Default)]
struct LastValue {
    /// How near its values came to their limits.
    nearest: f64,
    evaluation: Option<Arc<Evaluation>>,
}

impl LastValue {
    /// Most evaluations of a rule with a grain bring what was there.
    fn update(&mut self, measured: &Measured) {
        let evaluation = measured.result.as_ref().ok();
        if let (Some(known), Some(new)) = (&self.evaluation, evaluation)
            && Arc::ptr_eq(known, new)
        {
            return;
        }
        *self = Self { nearest: measured.nearest(), evaluation: evaluation.cloned() };
    }
}

/// All enabled rules with their alerts.
#[derive(Debug)]
pub(crate) struct Evaluator {
    pasts: Arc<Pasts>,
    monitors: Arc<[Monitor]>,
    alerts: Vec<Alerts>,
    /// Alerts of rules and scopes that are configured no more.
    orphans: BTreeMap<RuleName, Alerts>,
    changed: bool,
    /// What each monitor measured in the last part.
    last: Vec<LastValue>,
}

impl Evaluator {
    /// Every enabled rule of `config`, without any alert. The first evaluation reads all of the past.
    #[must_use]
    pub(crate) fn new(config: &RulesConfig) -> Self {
        Self::of(config, |_| true)
    }

    /// The same for some of the rules.
    pub(crate) fn of(config: &RulesConfig, wanted: impl Fn(RuleName) -> bool) -> Self {
        Self::with(config, wanted, Pasts::default())
    }

    /// The same for rules that are evaluated again and again: no evaluation takes long. See [`Pasts::in_pieces`].
    #[must_use]
    pub(crate) fn in_pieces(config: &RulesConfig) -> Self {
        Self::with(config, |_| true, Pasts::in_pieces())
    }

    fn with(config: &RulesConfig, wanted: impl Fn(RuleName) -> bool, pasts: Pasts) -> Self {
        let pasts = Arc::new(pasts);
        let monitors: Arc<[Monitor]> = ALL
            .iter()
            .filter(|rule| wanted(rule.name))
            .flat_map(|rule| {
                let monitor =
                    |scope| Monitor { rule, scope, pasts: Arc::clone(&pasts), last: Arc::default() };
                config.rule(rule.name).scopes(rule).into_iter().map(monitor).collect::<Vec<_>>()
            })
            .collect();
        let alerts = monitors.iter().map(|_| Alerts::default()).collect();
        let last = monitors.iter().map(|_| LastValue::default()).collect();
        Self { pasts, monitors, alerts, orphans: BTreeMap::new(), changed: false, last }
    }

    /// Takes over the alerts of an earlier run. Those whose rule or scope is gone are resolved at the next
    /// evaluation and say why.
    pub(crate) fn restore(&mut self, alerts: Vec<Alert>) {
        for alert in alerts {
            // The scope with the most labels in common: that of all calls has none.
            let found = self
                .monitors
                .iter()
                .enumerate()
                .filter(|(_, monitor)| monitor.rule.name == alert.rule && monitor.owns(&alert))
                .max_by_key(|(_, monitor)| monitor.scope.labels.len());
            match found {
                Some((index, _)) => self.alerts[index].restore(alert),
                None => self.orphans.entry(alert.rule).or_default().restore(alert),
            }
        }
    }

    /// What the rules remember.
    pub(crate) fn pasts(&self) -> Arc<Pasts> {
        Arc::clone(&self.pasts)
    }

    /// What is evaluated, in the order in which [`Self::apply`] takes the results.
    #[must_use]
    pub(crate) fn monitors(&self) -> Arc<[Monitor]> {
        Arc::clone(&self.monitors)
    }

    /// Evaluates every rule at `now`, one after the other. A rule that fails reports its error and stops no other.
    pub(crate) fn evaluate_all(&mut self, querier: &dyn Querier, now: Timestamp) -> Vec<RuleStatus> {
        let measured = self.measure_all(querier, querier, Sentences::All, now);
        self.apply(measured, now)
    }

    /// Moves the alerts by a part of a ledger that reaches as far back as the rules do. No one is shown what exceeds nothing.
    pub(crate) fn evaluate_part(&mut self, querier: &dyn Querier, ledger: &dyn Querier, now: Timestamp) {
        let measured = self.measure_all(querier, ledger, Sentences::Exceeded, now);
        self.observe(&measured, now);
        self.last.iter_mut().zip(&measured).for_each(|(last, measured)| last.update(measured));
    }

    /// How near the values of each rule came to their limits in the last part: 1 at the limit.
    pub(crate) fn nearest(&self) -> impl Iterator<Item = (RuleName, f64)> {
        self.monitors.iter().zip(&self.last).map(|(monitor, last)| (monitor.rule.name, last.nearest))
    }

    /// The value that each rule and scope shows after the last part, with its threshold.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (RuleName, &Labels, f64, f64)> {
        let monitors = self.monitors.iter().zip(&self.last);
        monitors.filter_map(|(monitor, last)| {
            let worst = last.evaluation.as_ref()?.worst()?;
            Some((monitor.rule.name, &monitor.scope.labels, worst.value, worst.threshold))
        })
    }

    fn measure_all(
        &self,
        querier: &dyn Querier,
        ledger: &dyn Querier,
        sentences: Sentences,
        now: Timestamp,
    ) -> Vec<Measured> {
        let answers = Answers::default();
        let measure = |monitor: &Monitor| monitor.measure_part(querier, ledger, &answers, sentences, now);
        self.monitors.iter().map(measure).collect()
    }

    /// How the rules stand by their restored alerts alone, where there is no ledger to ask.
    pub(crate) fn without_ledger(&mut self, now: Timestamp) -> Vec<RuleStatus> {
        let reason = || Measured::failed("there is no ledger".to_owned(), Duration::ZERO);
        let measured = self.monitors.iter().map(|_| reason()).collect();
        self.apply(measured, now)
    }

    /// Moves the alerts by one result a monitor, in the order of [`Self::monitors`].
    pub(crate) fn apply(&mut self, measured: Vec<Measured>, now: Timestamp) -> Vec<RuleStatus> {
        self.observe(&measured, now);
        let monitors = self.monitors.iter().zip(&self.alerts);
        monitors
            .zip(measured)
            .map(|((monitor, alerts), measured)| status(monitor, alerts, measured))
            .collect()
    }

    fn observe(&mut self, measured: &[Measured], now: Timestamp) {
        self.changed = false;
        for alerts in self.orphans.values_mut() {
            self.changed |= alerts.end("the rule is not evaluated any more", now);
        }
        let monitors = self.monitors();
        for ((monitor, alerts), measured) in monitors.iter().zip(&mut self.alerts).zip(measured) {
            let observation = match &measured.result {
                Ok(evaluation) if !measured.reading => {
                    Observation::Seen(&evaluation.samples, evaluation.no_data.as_deref())
                }
                _ => Observation::Unknown,
            };
            self.changed |= alerts.observe(monitor.rule, &monitor.scope.settings, observation, now);
        }
    }

    /// Whether the last evaluation changed the state of any alert.
    #[must_use]
    pub(crate) const fn changed(&self) -> bool {
        self.changed
    }

    /// All alerts that are not inactive.
    #[must_use]
    pub(crate) fn alerts(&self) -> Vec<Alert> {
        self.each_alert().cloned().collect()
    }

    /// The same, where they are.
    pub(crate) fn each_alert(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().chain(self.orphans.values()).flat_map(Alerts::iter)
    }
}

impl Monitor {
    fn owns(&self, alert: &Alert) -> bool {
        self.scope.labels.iter().all(|(name, value)| alert.labels.get(name) == Some(value))
            && self.scope.by.is_none_or(|by| alert.labels.contains_key(&*by.label()))
    }
}

fn status(monitor: &Monitor, alerts: &Alerts, measured: Measured) -> RuleStatus {
    let settings = &monitor.scope.settings;
    let (evaluation, error) = match measured.result {
        Ok(evaluation) => (Some(evaluation), None),
        Err(error) => (None, Some(error)),
    };
    let worst = evaluation.as_deref().and_then(Evaluation::worst);
    let leading = alerts
        .iter()
        .filter(|alert| matches!(alert.state, State::Pending | State::Firing))
        .max_by(|a, b| a.state.cmp(&b.state).then_with(|| b.active_since.cmp(&a.active_since)));
    RuleStatus {
        name: monitor.rule.name,
        labels: monitor.scope.labels.clone(),
        state: leading.map_or(State::Inactive, |alert| alert.state),
        severity: settings.severity,
        value: worst.map(|sample| sample.value),
        threshold: worst.map_or_else(|| monitor.rule.threshold(settings), |sample| sample.threshold),
        hold: settings.hold,
        keep_firing_for: settings.keep_firing_for,
        advice: monitor.rule.advice,
        description: worst.map(|sample| sample.description.clone()),
        since: leading.map(|alert| alert.firing_since.unwrap_or(alert.active_since)),
        no_data: evaluation.as_ref().and_then(|evaluation| evaluation.no_data.clone()),
        error,
        took: measured.took,
        alerts: alerts.iter().cloned().collect(),
        dropped: alerts.dropped(),
    }
}
