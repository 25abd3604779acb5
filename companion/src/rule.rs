//! Anomaly rules: questions to the ledger with a threshold. One file per rule; none of them reads a clock.

mod answers;
pub(crate) mod budget;
mod by;
pub(crate) mod config;
mod evaluation;
mod first_seen;
mod learned;
pub(crate) mod past;
mod scope;
mod severity;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use crate::record::Timestamp;
use crate::store::StoreError;
use crate::text::seconds::Seconds;
use crate::text::text_enum::text_enum;

pub(crate) use self::answers::Answers;
pub(crate) use self::by::By;
pub(crate) use self::evaluation::{Evaluation, Sample, Sentences, Verdict};
pub(crate) use self::past::Pasts;
pub(crate) use self::scope::{Inputs, Scope};
pub use self::severity::Severity;
use crate::text::unit::Unit;

use self::config::{Key, Settings};

/// Names and values that tell one alert of a rule from another.
pub(crate) type Labels = BTreeMap<String, String>;

/// At most this many samples of one rule exceed their threshold at a time: the worst ones.
pub(crate) const TOP: usize = 10;

/// The label of what is not listed by itself.
pub(crate) const OTHER: &str = "_OTHER";

/// One anomaly rule: what a file of this folder defines.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, which is also the alert's.
    pub name: RuleName,
    /// What to do when it fires.
    pub advice: &'static str,
    /// What its values count.
    pub unit: Unit,
    /// Which values exceed the threshold.
    pub compare: Compare,
    /// What it means for an alert that the evaluation has no sample with its labels.
    pub absent: Absent,
    /// What calls are judged apart by unless configured; all together without.
    pub by: Option<By>,
    /// The settings it has unless configured.
    pub defaults: Settings,
    /// The settings of the first release; without them it is newer.
    pub fixed: Option<Settings>,
    /// How long before its window it reads calls, and not only what is remembered of them.
    pub before: Seconds,
    /// Its windows end at whole multiples of this, so that it is evaluated no more often and reads rollups alone; at any time
    /// where it is 0.
    pub grain: Seconds,
    /// The settings it reads in addition to those that all rules have.
    pub keys: &'static [Key],
    /// See [`Rule::summary`].
    summary: fn(&Settings) -> String,
    /// See [`Rule::evaluate`].
    evaluate: fn(&Scope, &Inputs<'_>) -> Result<Evaluation, StoreError>,
}

/// Which values exceed a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Those above it.
    Above,
    /// Those above it and the threshold itself, as in "5 or more".
    AtLeast,
}

impl Compare {
    /// Whether a value is beyond a threshold.
    #[must_use]
    pub fn exceeds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Above => value > threshold,
            Self::AtLeast => value >= threshold,
        }
    }

    /// The sign between value and threshold.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// What it means for an alert that an evaluation brought nothing with its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// Without calls there is nothing to exceed: the alert comes to rest.
    Calm,
    /// Without calls nothing is known: the alert goes on, for at most [`crate::alert::HELD`].
    Unknown,
    /// The alert comes to rest and gives this reason.
    Over(&'static str),
}

impl Rule {
    /// Whether the rule reads this setting.
    #[must_use]
    pub fn reads(&self, key: Key) -> bool {
        self.keys.contains(&key)
    }

    /// What its values are compared with: without a threshold the window, where they are seconds, and else the floor.
    #[must_use]
    pub fn threshold(&self, settings: &Settings) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "windows are at most 30 days")]
        match self.unit {
            _ if self.reads(Key::Threshold) => settings.threshold,
            Unit::Seconds => settings.window.0 as f64,
            _ => settings.floor,
        }
    }

    /// One line that names what fires, with the threshold in it.
    #[must_use]
    pub fn summary(&self, settings: &Settings) -> String {
        (self.summary)(settings)
    }

    /// Asks the ledger about the calls of `scope`.
    ///
    /// # Errors
    /// [`StoreError`] when the ledger cannot answer; then nothing is known.
    pub fn evaluate(&self, scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
        (self.evaluate)(scope, inputs)
    }

    /// The end of its windows when it is evaluated at `now`.
    #[must_use]
    pub(crate) const fn end(&self, now: Timestamp) -> Timestamp {
        let grain = self.grain.0.saturating_mul(Timestamp::SECOND);
        if grain == 0 { now } else { Timestamp(now.0.div_euclid(grain) * grain) }
    }

    /// How long before now a call can still matter.
    #[must_use]
    pub fn reach(&self, settings: &Settings) -> Seconds {
        // The lookback of the rules with a threshold is about sequence numbers, which every store keeps.
        let lookback = if self.reads(Key::Threshold) { Seconds(0) } else { settings.lookback };
        Seconds(settings.window.0 + lookback.0.max(self.before.0) + self.grain.0)
    }
}

/// Makes the modules, the names and the list of the rules. A rule's file defines one constant `RULE`.
macro_rules! rules {
    ($($module:ident: $name:ident,)+) => {
        $(mod $module;)+

        text_enum! {
            /// The names of the rules, as configuration, metrics and alerts spell them.
            pub enum RuleName {
                $(
                    #[doc = concat!("The rule of `rule/", stringify!($module), ".rs`.")]
                    $name = stringify!($name),
                )+
            }
        }

        /// Every rule, in the order of [`RuleName`], which is that of the documentation.
        pub(crate) const ALL: &[Rule] = &[$($module::RULE,)+];
    };
}

rules! {
    high_request_rate: HighRequestRate,
    high_failure_rate: HighFailureRate,
    cost_overrun: CostOverrun,
    excessive_token_usage: ExcessiveTokenUsage,
    repeated_requests: RepeatedRequests,
    duplicate_ratio: DuplicateRatio,
    unpriced_usage: UnpricedUsage,
    usage_missing: UsageMissing,
    auth_failures: AuthFailures,
    rate_limited: RateLimited,
    sequence_gap: SequenceGap,
    ledger_silent: LedgerSilent,
    latency_regression: LatencyRegression,
    time_to_first_chunk_regression: TimeToFirstChunkRegression,
    token_drift: TokenDrift,
    short_answers: ShortAnswers,
    cache_collapse: CacheCollapse,
    service_silent: ServiceSilent,
    off_hours: OffHours,
    user_spike: UserSpike,
    first_seen_model: FirstSeenModel,
    first_seen_user: FirstSeenUser,
    model_mismatch: ModelMismatch,
    agent_loop: AgentLoop,
    calls_not_understood: CallsNotUnderstood,
    ledger_losing: LedgerLosing,
    key_shared: KeyShared,
    budget_spent: BudgetSpent,
    budget_burn: BudgetBurn,
    budget_forecast: BudgetForecast,
}

impl RuleName {
    /// The rule of this name.
    #[must_use]
    pub fn rule(self) -> &'static Rule {
        // One macro makes both lists in the same order.
        &ALL[self as usize]
    }

    /// Whether it is about budgets, and has one scope for each of them.
    pub(crate) const fn of_budgets(self) -> bool {
        matches!(self, Self::BudgetSpent | Self::BudgetBurn | Self::BudgetForecast)
    }

    /// Whether what it finds is worth nothing while no calls arrive. The others are about the ledger itself.
    pub(crate) const fn depends_on_calls(self) -> bool {
        !matches!(self, Self::LedgerSilent | Self::LedgerLosing | Self::CallsNotUnderstood)
    }

    /// Whether an alert that goes on firing is sent again. What a budget has spent stays spent: once is enough.
    pub(crate) const fn repeats(self) -> bool {
        !matches!(self, Self::BudgetSpent | Self::BudgetForecast)
    }
}

/// A count as a value. Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of calls and tokens stay far below 2^53")]
pub(crate) const fn count(number: u64) -> f64 {
    number as f64
}
