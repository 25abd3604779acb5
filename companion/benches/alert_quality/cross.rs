//! Limits that are chosen on some traces and judged on another.

use std::collections::BTreeMap;
use std::io::{self, Write};

use spanledger_companion::bench::{Preset, RuleName, RulesConfig};

use super::score::Score;
use super::write::PerDay;
use super::{Run, SCALES, SHIPPED};

/// A rule may send so many messages per day on each clean trace that it is chosen by.
const ALLOWED: f64 = 1.0 / 7.0;

/// The rows of the cross-validation: each trace with the limits that the others choose.
pub(crate) fn markdown(runs: &[Run], out: &mut impl Write) -> io::Result<()> {
    let learned = || runs.iter().filter(|run| run.preset == Preset::Learned);
    if learned().all(|run| run.scale == SHIPPED) {
        return Ok(());
    }
    writeln!(
        out,
        "
## Cross-validation

Limits that fit the traffic that they were chosen by say little. For each trace, the limits of each rule are chosen here by the
other traces alone: of 0.8, 1, 1.25 and 1.6 times the shipped ones, the smallest with which the rule sends at most one message per
week on each of the other clean traces, else the largest. Then they are judged on this trace. *Shipped* are the limits that are
shipped, on the same trace; *other limits* are the rules for which the choice differs.

| judged on | pages | together | caught | shipped: pages | together | caught | other limits |
|---|---:|---:|---:|---:|---:|---:|---|"
    )?;
    let mut traces: Vec<&str> = learned().map(|run| run.trace).collect();
    traces.dedup();
    for trace in traces {
        let of = |trace: &str, scale: u32| learned().find(|run| run.trace == trace && run.scale == scale);
        let Some(shipped) = of(trace, SHIPPED) else { continue };
        let mut chosen: BTreeMap<RuleName, u32> = BTreeMap::new();
        for rule in RuleName::ALL {
            let quiet = |scale: &u32| {
                let mut others =
                    learned().filter(|run| run.trace != trace && !run.labelled && run.scale == *scale);
                others.all(|run| run.score.per_day(rule) <= ALLOWED * 1.001)
            };
            let scale = SCALES.into_iter().find(quiet).unwrap_or(SCALES[SCALES.len() - 1]);
            chosen.insert(rule, scale);
        }
        let rules = chosen.iter().filter_map(|(rule, scale)| {
            let run = of(trace, *scale)?;
            let found = run.score.rules.iter().find(|(name, _)| name == rule)?;
            Some(found.clone())
        });
        let score = Score { days: shipped.score.days, rules: rules.collect() };
        let config = RulesConfig::of(Preset::Learned);
        let [ours, theirs] =
            [&score, &shipped.score].map(|score| (PerDay::of(score, &config), score.caught()));
        let other: Vec<String> = chosen
            .iter()
            .filter(|(rule, scale)| **scale != SHIPPED && differs(**rule, &score, &shipped.score))
            .map(|(rule, scale)| format!("{rule} {}", f64::from(*scale) / 100.0))
            .collect();
        let caught = |(caught, all): (usize, usize)| match all {
            0 => "-".to_owned(),
            _ => format!("{caught} of {all}"),
        };
        writeln!(
            out,
            "| {trace} | {:.2} | {:.2} | {} | {:.2} | {:.2} | {} | {} |",
            ours.0.pages,
            ours.0.together(),
            caught(ours.1),
            theirs.0.pages,
            theirs.0.together(),
            caught(theirs.1),
            other.join(", ")
        )?;
    }
    weeks(runs, out)
}

/// Whether a rule did something else.
fn differs(rule: RuleName, one: &Score, other: &Score) -> bool {
    one.messages(rule) != other.messages(rule)
}

/// The first week of each trace, in which the past is short, and the second.
fn weeks(runs: &[Run], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "
Shipped limits by week: in the first, services are young and their past is short.

| trace | messages of the first week | of the second |
|---|---:|---:|"
    )?;
    for run in
        runs.iter().filter(|run| run.preset == Preset::Learned && run.scale == SHIPPED && !run.labelled)
    {
        let config = RulesConfig::of(Preset::Learned);
        let [first, second] = [0.0, 7.0].map(|from| {
            let from = from * 86_400.0;
            PerDay::of(&run.score.between(from, from + 7.0 * 86_400.0), &config).together() * run.score.days
        });
        writeln!(out, "| {} | {first:.0} | {second:.0} |", run.trace)?;
    }
    Ok(())
}
