//! When a notifier sends which alerts: grouping, waiting, repeating, resolving, backing off. Pure: takes the time, sends
//! nothing.
//!
//! It compares the alerts with what was sent, and keeps no queue: however long a target is unavailable, the next message
//! holds the alerts of that time, and what waits is bounded by the alerts there are.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::{Digest, DigestTime};
use super::times::Times;
use super::{Notification, labels};
use crate::alert::{Alert, Matcher, NotificationLog, NotifiedGroup, State};
use crate::record::Timestamp;
use crate::rule::{Labels, RuleName, Severity};
use crate::text::seconds::Seconds;

/// A failed message waits 1 s, then twice as long each time, up to this or to the interval at which it would be
/// repeated anyway: what a target forgets by itself must not be kept from it for longer.
const LONGEST_BACKOFF: i64 = 300;
/// How often a target that is muted is looked at, in seconds.
const MUTED: i64 = 60;

/// How alerts are grouped into messages, and when those are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// Alerts with the same values of these labels share a message.
    pub group_by: Vec<String>,
    /// How long a new group waits for more alerts.
    pub group_wait: Seconds,
    /// How long a group waits before it sends what has changed.
    pub group_interval: Seconds,
    /// How long before an unchanged group is sent again.
    pub repeat_interval: Seconds,
    /// Whether the end of an alert is sent.
    pub send_resolved: bool,
    /// Alerts below this are not sent.
    pub min_severity: Severity,
    /// Only alerts that all of these match are sent.
    pub(crate) matchers: Vec<Matcher>,
    /// When anything is sent.
    pub times: Times,
    /// When alerts that inform are sent, all in one message.
    pub digest: DigestTime,
}

impl Grouping {
    /// Whether an alert is for this target, and nothing holds it back.
    fn wants(&self, alert: &Alert) -> bool {
        alert.severity >= self.min_severity && alert.silenced.is_none() && alert.matches(&self.matchers)
    }
}

/// The schedule of one notifier.
#[derive(Debug)]
pub(crate) struct Schedule {
    grouping: Grouping,
    groups: BTreeMap<String, Group>,
    digest: Digest,
    /// While the target is muted, when to look again.
    muted: Option<Timestamp>,
    dropped: u64,
}

#[derive(Debug)]
struct Group {
    labels: Labels,
    notified: Vec<Alert>,
    notified_at: Option<Timestamp>,
    /// When the group is looked at next.
    next: Timestamp,
    failures: u32,
}

impl Schedule {
    /// Continues with what was sent before a restart.
    #[must_use]
    pub(crate) fn new(grouping: Grouping, mut log: NotificationLog) -> Self {
        let digest = Digest::new(grouping.digest.clone(), &mut log);
        let groups = log.0.into_iter().map(|(key, group)| {
            let next = group.at.plus_seconds(grouping.group_interval.0);
            let group = Group {
                labels: group.labels,
                notified: group.firing,
                notified_at: Some(group.at),
                next,
                failures: 0,
            };
            (key, group)
        });
        Self { groups: groups.collect(), grouping, digest, muted: None, dropped: 0 }
    }

    /// The messages that are due at `now`, the longest overdue first, where `alerts` are all that are not inactive.
    /// Each that is sent must be followed by [`Self::sent`] or [`Self::failed`] before the next call; the others come
    /// again with the next call, as things are then.
    pub(crate) fn due(&mut self, alerts: &[Alert], now: Timestamp) -> Vec<Notification> {
        self.digest.note(alerts.iter().filter(|alert| self.grouping.wants(alert)), now);
        self.muted = self.grouping.times.are_muted(now).then(|| now.plus_seconds(MUTED));
        if self.muted.is_some() {
            self.note_ends(alerts);
            return Vec::new();
        }
        let mut firing: BTreeMap<String, Vec<&Alert>> = BTreeMap::new();
        for alert in self.heard(alerts) {
            let labels = self.group_labels(alert);
            let key = key(&labels);
            self.groups.entry(key.clone()).or_insert_with(|| Group {
                labels,
                notified: Vec::new(),
                notified_at: None,
                next: now.plus_seconds(self.grouping.group_wait.0),
                failures: 0,
            });
            firing.entry(key).or_default().push(alert);
        }
        self.regroup(&firing);
        self.not_after(now);
        let mut due = Vec::new();
        let Self { grouping, groups, dropped, digest: _, muted: _ } = self;
        groups.retain(|key, group| {
            let firing = firing.remove(key).unwrap_or_default();
            if now < group.next {
                return true;
            }
            let resolved: Vec<Alert> = group
                .notified
                .iter()
                .filter(|notified| !firing.iter().any(|alert| same(alert, notified)))
                .map(|notified| over(notified, alerts, now))
                .collect();
            let news =
                firing.iter().any(|alert| !group.notified.iter().any(|notified| same(alert, notified)));
            let repeat =
                group.notified_at.is_none_or(|at| at.plus_seconds(grouping.repeat_interval.0) <= now);
            let again = repeat
                && firing.iter().any(|alert| {
                    alert.silenced.is_none() && (alert.rule.repeats() || group.notified_at.is_none())
                });
            if news || (grouping.send_resolved && !resolved.is_empty()) || again {
                let notification = Notification {
                    group_key: key.clone(),
                    group_labels: group.labels.clone(),
                    firing: firing.into_iter().cloned().collect(),
                    resolved: if grouping.send_resolved { resolved } else { Vec::new() },
                    at: now,
                };
                due.push((group.next, notification));
                return true;
            }
            if firing.is_empty() {
                // Fired and resolved before the target could be notified.
                *dropped += u64::from(group.failures > 0 && group.notified.is_empty());
                return false;
            }
            group.notified.retain(|notified| firing.iter().any(|alert| same(alert, notified)));
            group.next = now.plus_seconds(grouping.group_interval.0);
            true
        });
        due.sort_by_key(|(since, _)| *since);
        // What informs comes after what pages.
        due.into_iter().map(|(_, notification)| notification).chain(self.digest.due(now)).collect()
    }

    /// What ends while nothing is sent is sent later, with the time at which it was over.
    fn note_ends(&mut self, alerts: &[Alert]) {
        let notified = self.groups.values_mut().flat_map(|group| &mut group.notified);
        for notified in notified {
            if let Some(newest) =
                alerts.iter().find(|alert| same(alert, notified) && alert.state == State::Resolved)
            {
                notified.clone_from(newest);
            }
        }
    }

    /// The alerts that fire and are for this target. What it was notified of it is notified of until the end,
    /// also when it is less urgent by now.
    fn heard<'a>(&self, alerts: &'a [Alert]) -> Vec<&'a Alert> {
        let notified: BTreeSet<_> =
            self.groups.values().flat_map(|group| &group.notified).map(identity).collect();
        let firing = alerts.iter().filter(|alert| alert.firing());
        let now = |alert: &Alert| self.grouping.wants(alert) && !self.digest.takes(alert);
        firing.filter(|alert| now(alert) || notified.contains(&identity(alert))).collect()
    }

    /// Hands what was sent to the group in which it fires now, since groups change with the configuration and with
    /// the labels that make them: there it is sent again, and its end as well. In the group it left it is not resolved.
    fn regroup(&mut self, firing: &BTreeMap<String, Vec<&Alert>>) {
        let groups: BTreeMap<_, &String> = firing
            .iter()
            .flat_map(|(key, alerts)| alerts.iter().map(move |alert| (identity(alert), key)))
            .collect();
        let mut moved = Vec::new();
        for (key, group) in &mut self.groups {
            let stays =
                |notified: &Alert| groups.get(&identity(notified)).is_none_or(|now_in| *now_in == key);
            let (stay, leave): (Vec<_>, Vec<_>) = group.notified.drain(..).partition(stays);
            group.notified = stay;
            moved.extend(leave);
        }
        for notified in moved {
            let group = groups.get(&identity(&notified)).and_then(|key| self.groups.get_mut(*key));
            if let Some(group) =
                group.filter(|group| !group.notified.iter().any(|other| same(other, &notified)))
            {
                group.notified.push(notified);
                // Never sent under this name.
                group.notified_at = None;
            }
        }
    }

    /// A clock that was set back, also between two runs, must not silence a group until it is where it was.
    fn not_after(&mut self, now: Timestamp) {
        let Grouping { group_wait, group_interval, .. } = self.grouping;
        let longest = now.plus_seconds(LONGEST_BACKOFF.max(group_wait.0).max(group_interval.0));
        for group in self.groups.values_mut() {
            group.next = group.next.min(longest);
            group.notified_at = group.notified_at.map(|at| at.min(now));
        }
    }

    /// The target has taken `notification`.
    pub(crate) fn sent(&mut self, notification: &Notification, now: Timestamp) {
        if notification.is_digest() {
            self.digest.sent(notification, now);
            return;
        }
        if notification.firing.is_empty() {
            self.groups.remove(&notification.group_key);
        } else if let Some(group) = self.groups.get_mut(&notification.group_key) {
            group.notified.clone_from(&notification.firing);
            group.notified_at = Some(now);
            group.failures = 0;
            group.next = now.plus_seconds(self.grouping.group_interval.0);
        }
    }

    /// The target has not taken `notification`; with `retry` it is tried again after a growing wait, else with the
    /// next interval. `jitter` is from 0 to 1 and spreads the waits between half and the whole of their length.
    pub(crate) fn failed(&mut self, notification: &Notification, retry: bool, jitter: f64, now: Timestamp) {
        if notification.is_digest() {
            self.digest.failed(Seconds(LONGEST_BACKOFF), now);
            return;
        }
        let Some(group) = self.groups.get_mut(&notification.group_key) else { return };
        group.failures = group.failures.saturating_add(1);
        let interval = self.grouping.group_interval.0.max(1);
        let wait = if retry {
            let longest = LONGEST_BACKOFF.min(self.grouping.repeat_interval.0.max(1));
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
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let next = self.groups.values().map(|group| group.next).chain(self.digest.next()).min()?;
        Some(self.muted.map_or(next, |again| next.max(again)))
    }

    /// Groups whose alerts came and went while the target could not be notified.
    #[must_use]
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What was sent, to be saved.
    #[must_use]
    pub(crate) fn log(&self) -> NotificationLog {
        let groups =
            self.groups.iter().filter(|(_, group)| !group.notified.is_empty()).map(|(key, group)| {
                // What was sent under the name of another group is due at once.
                let at = group.notified_at.unwrap_or(Timestamp(0));
                (
                    key.clone(),
                    NotifiedGroup { labels: group.labels.clone(), firing: group.notified.clone(), at },
                )
            });
        NotificationLog(groups.chain(self.digest.log()).collect())
    }

    fn group_labels(&self, alert: &Alert) -> Labels {
        let all = labels(alert);
        let picked =
            self.grouping.group_by.iter().filter_map(|name| Some((name.clone(), all.get(name)?.clone())));
        picked.collect()
    }
}

fn identity(alert: &Alert) -> (RuleName, &Labels) {
    (alert.rule, &alert.labels)
}

fn same(a: &Alert, b: &Alert) -> bool {
    identity(a) == identity(b)
}

/// The resolved form of an alert that was sent as firing.
fn over(notified: &Alert, alerts: &[Alert], now: Timestamp) -> Alert {
    let resolved = alerts.iter().find(|alert| same(alert, notified) && alert.state == State::Resolved);
    // Its end may have been noted while nothing was sent.
    let noted = || (notified.state == State::Resolved).then_some(notified);
    resolved.or_else(noted).cloned().unwrap_or_else(|| Alert {
        state: State::Resolved,
        resolved_at: Some(now),
        // It was resolved longer ago than resolved alerts are kept, or the memory of the alerts was lost.
        ..notified.clone()
    })
}

fn key(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(","))
}
