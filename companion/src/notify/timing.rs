//! When which alerts are told: grouping, waiting, repeating, resolving, backing off. Pure: takes the time, sends
//! nothing.
//!
//! It compares what is so with what was told, and keeps no queue: however long a target is dead, the next message
//! says what is so then, and what waits is bounded by the alerts there are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Notification, labels};
use crate::alert::{Alert, State};
use crate::record::Timestamp;
use crate::rule::{Labels, RuleName, Severity};
use crate::seconds::Seconds;

/// A failed message waits 1 s, then twice as long each time, up to this or to the interval at which it would be
/// repeated anyway: what a target forgets by itself must not be kept from it for longer.
const LONGEST_BACK_OFF: i64 = 300;

/// How alerts become messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rhythm {
    /// Alerts with the same values of these labels share a message.
    pub group_by: Vec<String>,
    /// How long a new group waits for more alerts.
    pub group_wait: Seconds,
    /// How long a group waits before it tells what has changed.
    pub group_interval: Seconds,
    /// How long before an unchanged group is told again.
    pub repeat_interval: Seconds,
    /// Whether the end of an alert is told.
    pub send_resolved: bool,
    /// Alerts below this are not told.
    pub min_severity: Severity,
}

/// What a notifier has told, to survive a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Told(BTreeMap<String, ToldGroup>);

/// What was told of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ToldGroup {
    labels: Labels,
    /// Told as firing, and not yet as resolved.
    firing: Vec<Alert>,
    at: Timestamp,
}

/// The timing of one notifier.
#[derive(Debug)]
pub struct Timing {
    rhythm: Rhythm,
    groups: BTreeMap<String, Group>,
    dropped: u64,
}

#[derive(Debug)]
struct Group {
    labels: Labels,
    told: Vec<Alert>,
    told_at: Option<Timestamp>,
    /// When the group is looked at next.
    next: Timestamp,
    failures: u32,
}

impl Timing {
    /// Continues with what was told before a restart.
    #[must_use]
    pub fn new(rhythm: Rhythm, told: Told) -> Self {
        let groups = told.0.into_iter().map(|(key, group)| {
            let next = group.at.plus_seconds(rhythm.group_interval.0);
            let group = Group {
                labels: group.labels,
                told: group.firing,
                told_at: Some(group.at),
                next,
                failures: 0,
            };
            (key, group)
        });
        Self { groups: groups.collect(), rhythm, dropped: 0 }
    }

    /// The messages that are due at `now`, the longest overdue first, where `alerts` are all that are not inactive.
    /// Each that is sent must be followed by [`Self::sent`] or [`Self::failed`] before the next call; the others come
    /// again with the next call, as things are then.
    pub fn due(&mut self, alerts: &[Alert], now: Timestamp) -> Vec<Notification> {
        let mut firing: BTreeMap<String, Vec<&Alert>> = BTreeMap::new();
        for alert in self.heard(alerts) {
            let labels = self.group_labels(alert);
            let key = key(&labels);
            self.groups.entry(key.clone()).or_insert_with(|| Group {
                labels,
                told: Vec::new(),
                told_at: None,
                next: now.plus_seconds(self.rhythm.group_wait.0),
                failures: 0,
            });
            firing.entry(key).or_default().push(alert);
        }
        self.regroup(&firing);
        self.not_after(now);
        let mut due = Vec::new();
        let Self { rhythm, groups, dropped } = self;
        groups.retain(|key, group| {
            let firing = firing.remove(key).unwrap_or_default();
            if now < group.next {
                return true;
            }
            let resolved: Vec<Alert> = group
                .told
                .iter()
                .filter(|told| !firing.iter().any(|alert| same(alert, told)))
                .map(|told| over(told, alerts, now))
                .collect();
            let news = firing.iter().any(|alert| !group.told.iter().any(|told| same(alert, told)));
            let repeat = group.told_at.is_none_or(|at| at.plus_seconds(rhythm.repeat_interval.0) <= now);
            if news || (rhythm.send_resolved && !resolved.is_empty()) || (repeat && !firing.is_empty()) {
                let notification = Notification {
                    group_key: key.clone(),
                    group_labels: group.labels.clone(),
                    firing: firing.into_iter().cloned().collect(),
                    resolved: if rhythm.send_resolved { resolved } else { Vec::new() },
                    at: now,
                };
                due.push((group.next, notification));
                return true;
            }
            if firing.is_empty() {
                // Fired and over before the target could be told of it.
                *dropped += u64::from(group.failures > 0 && group.told.is_empty());
                return false;
            }
            group.told.retain(|told| firing.iter().any(|alert| same(alert, told)));
            group.next = now.plus_seconds(rhythm.group_interval.0);
            true
        });
        due.sort_by_key(|(since, _)| *since);
        due.into_iter().map(|(_, notification)| notification).collect()
    }

    /// The alerts that fire and are for this target. What it was told of is told to its end, also when it is less
    /// urgent by now.
    fn heard<'a>(&self, alerts: &'a [Alert]) -> Vec<&'a Alert> {
        let told: BTreeSet<_> = self.groups.values().flat_map(|group| &group.told).map(identity).collect();
        let least = self.rhythm.min_severity;
        let firing = alerts.iter().filter(|alert| alert.firing());
        firing.filter(|alert| alert.severity >= least || told.contains(&identity(alert))).collect()
    }

    /// Hands what was told to the group in which it fires now, since groups change with the configuration and with
    /// the labels that make them: there it is told anew, and its end as well. In the group it left it is not over.
    fn regroup(&mut self, firing: &BTreeMap<String, Vec<&Alert>>) {
        let groups: BTreeMap<_, &String> = firing
            .iter()
            .flat_map(|(key, alerts)| alerts.iter().map(move |alert| (identity(alert), key)))
            .collect();
        let mut moved = Vec::new();
        for (key, group) in &mut self.groups {
            let stays = |told: &Alert| groups.get(&identity(told)).is_none_or(|now_in| *now_in == key);
            let (stay, leave): (Vec<_>, Vec<_>) = group.told.drain(..).partition(stays);
            group.told = stay;
            moved.extend(leave);
        }
        for told in moved {
            let group = groups.get(&identity(&told)).and_then(|key| self.groups.get_mut(*key));
            if let Some(group) = group.filter(|group| !group.told.iter().any(|other| same(other, &told))) {
                group.told.push(told);
                // Never told under this name.
                group.told_at = None;
            }
        }
    }

    /// A clock that was set back, also between two runs, must not silence a group until it is where it was.
    fn not_after(&mut self, now: Timestamp) {
        let Rhythm { group_wait, group_interval, .. } = self.rhythm;
        let longest = now.plus_seconds(LONGEST_BACK_OFF.max(group_wait.0).max(group_interval.0));
        for group in self.groups.values_mut() {
            group.next = group.next.min(longest);
            group.told_at = group.told_at.map(|at| at.min(now));
        }
    }

    /// The target has taken `notification`.
    pub fn sent(&mut self, notification: &Notification, now: Timestamp) {
        if notification.firing.is_empty() {
            self.groups.remove(&notification.group_key);
        } else if let Some(group) = self.groups.get_mut(&notification.group_key) {
            group.told.clone_from(&notification.firing);
            group.told_at = Some(now);
            group.failures = 0;
            group.next = now.plus_seconds(self.rhythm.group_interval.0);
        }
    }

    /// The target has not taken `notification`; with `retry` it is tried again after a growing wait, else with the
    /// next interval. `jitter` is from 0 to 1 and spreads the waits between half and the whole of their length.
    pub fn failed(&mut self, notification: &Notification, retry: bool, jitter: f64, now: Timestamp) {
        let Some(group) = self.groups.get_mut(&notification.group_key) else { return };
        group.failures = group.failures.saturating_add(1);
        let interval = self.rhythm.group_interval.0.max(1);
        let wait = if retry {
            let longest = LONGEST_BACK_OFF.min(self.rhythm.repeat_interval.0.max(1));
            longest.min(1 << group.failures.saturating_sub(1).min(16))
        } else {
            interval
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "at most 30 days of nanoseconds"
        )]
        let nanos = (wait as f64 * (0.5 + jitter.clamp(0.0, 1.0) / 2.0) * Timestamp::SECOND as f64) as i64;
        group.next = Timestamp(now.0.saturating_add(nanos));
    }

    /// When to call [`Self::due`] next; `None` while there is nothing to tell.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.groups.values().map(|group| group.next).min()
    }

    /// Groups whose alerts came and went while the target could not be told.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What was told, to be saved.
    #[must_use]
    pub fn told(&self) -> Told {
        let groups = self.groups.iter().filter(|(_, group)| !group.told.is_empty()).map(|(key, group)| {
            // What was told under the name of another group is due at once.
            let at = group.told_at.unwrap_or(Timestamp(0));
            (key.clone(), ToldGroup { labels: group.labels.clone(), firing: group.told.clone(), at })
        });
        Told(groups.collect())
    }

    fn group_labels(&self, alert: &Alert) -> Labels {
        let all = labels(alert);
        let picked =
            self.rhythm.group_by.iter().filter_map(|name| Some((name.clone(), all.get(name)?.clone())));
        picked.collect()
    }
}

fn identity(alert: &Alert) -> (RuleName, &Labels) {
    (alert.rule, &alert.labels)
}

fn same(a: &Alert, b: &Alert) -> bool {
    identity(a) == identity(b)
}

/// The resolved form of an alert that was told as firing.
fn over(told: &Alert, alerts: &[Alert], now: Timestamp) -> Alert {
    let resolved = alerts.iter().find(|alert| same(alert, told) && alert.state == State::Resolved);
    resolved.cloned().unwrap_or_else(|| Alert {
        state: State::Resolved,
        resolved_at: Some(now),
        // It was resolved longer ago than resolved alerts are kept, or the memory of the alerts was lost.
        ..told.clone()
    })
}

fn key(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(","))
}
