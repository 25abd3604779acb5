//! Settings of the rules: defaults, the `[rules]` table, and the settings of single services and models.

mod expected;
mod format;
mod overrides;
mod preset;
mod threshold;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::budget::Budget;
use super::{ALL, By, Labels, Rule, RuleName, Scope, Severity, Unit};
use crate::store::Filter;
use crate::text::hours::Hours;
use crate::text::seconds::Seconds;

pub(crate) use self::expected::Expected;
pub(crate) use self::overrides::Overrides;
pub use self::preset::Preset;
pub(crate) use self::threshold::Threshold;

/// At most this many services and as many models have settings of their own for one rule.
const OVERRIDES: usize = 100;

/// The effective settings of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Whether the rule is evaluated.
    pub enabled: bool,
    /// How urgent its alerts are.
    pub severity: Severity,
    /// The value beyond which it fires, in the rule's unit. Where it learns, that is for calls too new to have a past.
    pub threshold: f64,
    /// Whether calls are compared with their own past instead.
    pub learn: bool,
    /// How many times the usual is too much. Where it does not learn, nothing reads it.
    pub factor: f64,
    /// No limit that is learned is below this (above it where less is worse).
    pub floor: f64,
    /// How far back it counts.
    pub window: Seconds,
    /// From how many calls on it judges.
    pub min_calls: u64,
    /// A share of fewer events than this does not fire: one failure is none.
    pub min_events: u64,
    /// `LedgerSilent`: how long before the window calls are expected. `SequenceGap`: how long a gap fires.
    pub lookback: Seconds,
    /// `ServiceSilent`: when calls are expected.
    pub(crate) expected: Expected,
    /// How long the threshold is exceeded before the alert fires.
    pub hold: Seconds,
    /// How long the alert goes on firing after the threshold was last exceeded.
    pub keep_firing_for: Seconds,
}

impl Settings {
    /// What most rules have in common. No rule waits before it fires: their windows smooth enough.
    pub(super) const WARNING: Self = Self {
        enabled: true,
        severity: Severity::Warning,
        threshold: 0.0,
        learn: false,
        factor: 0.0,
        floor: 0.0,
        window: Seconds(300),
        min_calls: 0,
        min_events: 0,
        lookback: Seconds(0),
        expected: Expected::Learned,
        hold: Seconds(0),
        keep_firing_for: Seconds(300),
    };

    /// The same, to be looked at now.
    pub(super) const CRITICAL: Self = Self { severity: Severity::Critical, ..Self::WARNING };

    /// The same, to be improved at leisure.
    pub(super) const INFO: Self = Self { severity: Severity::Info, ..Self::WARNING };
}

/// Settings that only some rules read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// `threshold`
    Threshold,
    /// `threshold = "learned"`, `factor` and `floor`
    Learned,
    /// `min_calls`
    MinCalls,
    /// `min_events`
    MinEvents,
    /// `lookback`
    Lookback,
    /// `expected`
    Expected,
    /// `[rules.NAME.models."MODEL"]`
    Models,
    /// `by`
    By,
}

impl Key {
    /// Those of a rule that compares an amount with what is usual,
    pub(super) const AMOUNT: &[Self] = &[Self::Threshold, Self::Learned, Self::Models, Self::By];
    /// a mean, from so many calls on,
    pub(super) const MEAN: &[Self] =
        &[Self::Threshold, Self::Learned, Self::MinCalls, Self::Models, Self::By];
    /// or a share, from so many events on.
    pub(super) const SHARE: &[Self] =
        &[Self::Threshold, Self::Learned, Self::MinCalls, Self::MinEvents, Self::Models, Self::By];
}

/// One `[rules.NAME]` table.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    enabled: Option<bool>,
    severity: Option<Severity>,
    threshold: Option<Threshold>,
    factor: Option<f64>,
    floor: Option<f64>,
    window: Option<Seconds>,
    min_calls: Option<u64>,
    min_events: Option<u64>,
    lookback: Option<Seconds>,
    expected: Option<Expected>,
    #[serde(rename = "for")]
    hold: Option<Seconds>,
    keep_firing_for: Option<Seconds>,
    by: Option<Vec<By>>,
    services: BTreeMap<String, Overrides>,
    models: BTreeMap<String, Overrides>,
}

impl Table {
    /// The settings of the rule itself.
    fn own(&self) -> Overrides {
        let Self { enabled, severity, threshold, factor, floor, window, .. } = *self;
        let Self { min_calls, min_events, lookback, expected, hold, keep_firing_for, .. } = *self;
        Overrides {
            enabled,
            severity,
            threshold,
            factor,
            floor,
            window,
            min_calls,
            min_events,
            lookback,
            expected,
            hold,
            keep_firing_for,
        }
    }

    fn check(&self, rule: &Rule) -> Result<(), String> {
        self.own().check(rule)?;
        if rule.name.of_budgets() && !self.services.is_empty() {
            return Err(format!("{} is judged by budget: give a [[budget]] its service", rule.name));
        }
        if !self.models.is_empty() && !rule.reads(Key::Models) {
            return Err(format!("{} cannot be separated by model", rule.name));
        }
        match self.by.as_deref() {
            Some(_) if !rule.reads(Key::By) => return Err(format!("{} has no setting `by`", rule.name)),
            None | Some([] | [_]) => {}
            Some(_) => {
                return Err("by: at most one of service, user, model, environment and a tag".to_owned());
            }
        }
        if self.services.len() > OVERRIDES || self.models.len() > OVERRIDES {
            return Err(format!("{}: at most {OVERRIDES} services and {OVERRIDES} models", rule.name));
        }
        for (name, overrides) in self.services.iter().chain(&self.models) {
            overrides.check(rule).map_err(|message| format!("{name:?}: {message}"))?;
        }
        Ok(())
    }
}

/// The settings of one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleConfig {
    /// For all calls, but those of services and models named below.
    pub settings: Settings,
    /// What calls are judged apart by; all together without.
    pub by: Option<By>,
    /// For the calls of single services.
    pub services: BTreeMap<String, Overrides>,
    /// For the calls of single models.
    pub models: BTreeMap<String, Overrides>,
    /// For a rule about budgets.
    budgets: Vec<Arc<Budget>>,
    working_hours: Arc<Hours>,
}

impl RuleConfig {
    /// The defaults of a rule.
    fn of(rule: &Rule, preset: Preset) -> Self {
        let (services, models) = (BTreeMap::new(), BTreeMap::new());
        let settings = preset.settings(rule);
        Self { settings, by: rule.by, services, models, budgets: Vec::new(), working_hours: Arc::default() }
    }

    /// The defaults of a rule with what its table changes.
    fn new(rule: &Rule, preset: Preset, table: Table, working_hours: &Arc<Hours>) -> Self {
        let own = table.own();
        let Table { by, services, models, .. } = table;
        let by = by.map_or(rule.by, |by| by.first().copied());
        let settings = own.over(rule, &preset.settings(rule));
        let working_hours = Arc::clone(working_hours);
        Self { settings, by, services, models, budgets: Vec::new(), working_hours }
    }

    /// What is evaluated: each service and model with settings of its own by itself, and all other calls
    /// together. A call of such a service to such a model counts in both of their scopes.
    #[must_use]
    pub fn scopes(&self, rule: &Rule) -> Vec<Scope> {
        let all = Filter {
            except_services: self.services.keys().cloned().collect(),
            except_models: self.models.keys().cloned().collect(),
            ..Filter::default()
        };
        let working_hours = || Arc::clone(&self.working_hours);
        if rule.name.of_budgets() {
            let scopes = self.budgets.iter().filter(|_| self.settings.enabled).map(|budget| Scope {
                filter: budget.filter().clone(),
                labels: budget.labels().clone(),
                by: None,
                settings: self.settings,
                budget: Some(Arc::clone(budget)),
                working_hours: working_hours(),
            });
            return scopes.collect();
        }
        let mut scopes = vec![Scope {
            filter: all,
            labels: Labels::new(),
            by: self.by,
            settings: self.settings,
            budget: None,
            working_hours: working_hours(),
        }];
        // What a scope has one value of, its calls are not judged apart by. A service has environments.
        let apart = |named: By| self.by.filter(|by| *by != named || named == By::Service);
        for (name, overrides) in &self.services {
            scopes.push(Scope {
                filter: Filter { service: Some(name.clone()), ..Filter::default() },
                labels: Labels::from([("service".to_owned(), name.clone())]),
                by: apart(By::Service),
                settings: overrides.over(rule, &self.settings),
                budget: None,
                working_hours: working_hours(),
            });
        }
        for (name, overrides) in &self.models {
            scopes.push(Scope {
                filter: Filter { model: Some(name.clone()), ..Filter::default() },
                labels: Labels::from([("model".to_owned(), name.clone())]),
                by: apart(By::Model),
                settings: overrides.over(rule, &self.settings),
                budget: None,
                working_hours: working_hours(),
            });
        }
        scopes.retain(|scope| scope.settings.enabled);
        scopes
    }
}

/// The `[rules]` table.
#[derive(Debug, Clone, PartialEq)]
pub struct RulesConfig {
    /// How often all rules are evaluated. Defaults to `15s`.
    pub interval: Seconds,
    /// Which defaults the rules have. Defaults to `learned`.
    preset: Preset,
    /// When people work. Defaults to `Mon-Fri 08:00-18:00 UTC`.
    working_hours: Arc<Hours>,
    rules: BTreeMap<RuleName, RuleConfig>,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self::of(Preset::Learned)
    }
}

impl RulesConfig {
    /// The rules of a preset.
    #[must_use]
    pub fn of(preset: Preset) -> Self {
        let rules = ALL.iter().map(|rule| (rule.name, RuleConfig::of(rule, preset)));
        Self { interval: Seconds(15), preset, working_hours: Arc::default(), rules: rules.collect() }
    }

    /// The settings of a rule.
    #[must_use]
    pub fn rule(&self, name: RuleName) -> &RuleConfig {
        // Every name has an entry from `default` on.
        &self.rules[&name]
    }

    /// Sets the budgets that the rules about budgets judge.
    pub(crate) fn set_budgets(&mut self, budgets: &[Arc<Budget>]) {
        for (_, rule) in self.rules.iter_mut().filter(|(name, _)| name.of_budgets()) {
            rule.budgets = budgets.to_vec();
        }
    }

    /// The same with another value of some limits of a rule.
    #[must_use]
    pub(crate) fn with_limits(mut self, name: RuleName, limits: &[(&'static str, f64)]) -> Self {
        if let Some(rule) = self.rules.get_mut(&name) {
            for (key, value) in limits {
                match *key {
                    "factor" => rule.settings.factor = *value,
                    "floor" => rule.settings.floor = *value,
                    _ => rule.settings.threshold = *value,
                }
            }
        }
        self
    }

    /// The same with all limits so many times as large: to see what others would have done.
    #[must_use]
    pub fn scaled(mut self, times: f64) -> Self {
        for (name, rule) in &mut self.rules {
            let bounded = |value: f64| {
                if name.rule().unit == Unit::Share { (value * times).min(1.0) } else { value * times }
            };
            let settings = &mut rule.settings;
            if settings.learn {
                (settings.factor, settings.floor) = (settings.factor * times, bounded(settings.floor));
            } else {
                settings.threshold = bounded(settings.threshold);
            }
        }
        self
    }

    /// How long before now a call can still matter to any enabled rule.
    #[must_use]
    pub fn reach(&self) -> Seconds {
        let reach = |(name, rule): (&RuleName, &RuleConfig)| {
            rule.scopes(name.rule()).iter().map(|scope| name.rule().reach(&scope.settings)).max()
        };
        self.rules.iter().filter_map(reach).max().unwrap_or_default()
    }

    /// The same rules, none of which waits before it fires: for a look at a single time.
    #[must_use]
    pub fn without_waiting(mut self) -> Self {
        for rule in self.rules.values_mut() {
            rule.settings.hold = Seconds(0);
            for overrides in rule.services.values_mut().chain(rule.models.values_mut()) {
                overrides.hold = Some(Seconds(0));
            }
        }
        self
    }
}
