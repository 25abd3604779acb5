//! Limits that a rule would have to have to be as quiet as is wanted, judged by one's own past.

use super::ratio;
use crate::evaluate::backtest::Backtest;
use crate::record::{Timestamp, Window};
use crate::rule::config::{Key, RulesConfig, Settings};
use crate::rule::{Rule, RuleName};
use crate::text::unit::Unit;

/// What is proposed for one rule.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Proposal {
    pub(super) rule: RuleName,
    /// By what its limits are multiplied.
    times: f64,
    /// The settings to write, by name.
    pub(super) settings: Vec<(&'static str, f64)>,
}

/// A rule that never came nearer to its limit than this may have a lower one.
const FAR: f64 = 0.5;
/// How far above the largest value of the past a lower limit still is.
const HEADROOM: f64 = 1.5;

/// Limits with which no rule sends more than `per_week` messages, and those of rules that came nowhere near their own are
/// lower.
pub(super) fn proposals(
    rules: &RulesConfig,
    found: &Backtest,
    window: Window,
    per_week: f64,
) -> Vec<Proposal> {
    let weeks = ratio(window.to.0 - window.from.0, 7 * 86_400 * Timestamp::SECOND);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "messages of some weeks")]
    let allowed = (weeks * per_week).ceil().max(1.0) as usize;
    let propose = |name: RuleName| {
        let (rule, settings) = (name.rule(), rules.rule(name).settings);
        let mut peaks: Vec<f64> = found.messages(name).into_iter().map(|message| message.beyond).collect();
        peaks.sort_by(|a, b| b.total_cmp(a));
        let times = match (peaks.get(allowed), found.nearest.get(&name)) {
            // The first message that is one too many stays below.
            (Some(beyond), _) => round_up(*beyond * 1.001),
            (None, Some(nearest)) if peaks.is_empty() && *nearest < FAR => round_up(nearest * HEADROOM),
            _ => return None,
        };
        let settings = scaled(rule, &settings, times);
        let changes = settings.iter().any(|(_, value)| *value > 0.0) && times != 1.0 && times > 0.0;
        changes.then_some(Proposal { rule: name, times, settings })
    };
    RuleName::ALL.into_iter().filter_map(propose).collect()
}

/// The limits of a rule, so many times as large.
fn scaled(rule: &Rule, settings: &Settings, times: f64) -> Vec<(&'static str, f64)> {
    let bounded = |value: f64| if rule.unit == Unit::Share { value.min(1.0) } else { value };
    let keys = match settings.learn && rule.reads(Key::Learned) {
        true => vec![("factor", settings.factor), ("floor", settings.floor)],
        false if rule.reads(Key::Threshold) => vec![("threshold", settings.threshold)],
        false => Vec::new(),
    };
    let scaled = |(key, value): (&'static str, f64)| (key, round_up(bounded(value * times)));
    keys.into_iter().filter(|(_, value)| *value > 0.0).map(scaled).collect()
}

/// Three digits are enough to say a limit.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return value;
    }
    let unit = 10_f64.powi(2 - value.log10().floor() as i32);
    (value * unit).ceil() / unit
}

/// The tables of the configuration with all proposals.
pub(super) fn toml(proposals: &[Proposal]) -> String {
    let mut out = String::new();
    for Proposal { rule, settings, .. } in proposals {
        out.push_str(&format!("[rules.{rule}]\n"));
        settings.iter().for_each(|(key, value)| out.push_str(&format!("{key} = {value:?}\n")));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_kept_and_the_last_is_rounded_up() {
        for (value, rounded) in
            [(1.0, 1.0), (2.5004, 2.51), (1_234.0, 1_240.0), (0.015_01, 0.0151), (0.0, 0.0)]
        {
            assert!((round_up(value) - rounded).abs() < 1e-9, "{value} {}", round_up(value));
        }
    }
}
