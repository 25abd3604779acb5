//! What informs and need not wake anyone: one message per day at most, at a set time in a time zone. What only accompanies
//! a page is no news: it waits for the next digest that has some, a week at most. Pure, as the schedule is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Notification;
use crate::alert::{Alert, NotificationLog, NotifiedGroup};
use crate::record::Timestamp;
use crate::rule::{Labels, RuleName, Severity};
use crate::text::hours::{minutes, time_zone};
use crate::text::seconds::Seconds;

/// The group of the daily message.
pub(crate) const DIGEST: &str = "digest";
/// Where the log has the alerts that were in a digest and still fire.
const REPORTED: &str = "digest, reported";
/// The key of held alerts that are no news.
const KNOWN: &str = "digest, no news";
/// Alerts of one digest; further ones wait for the next, if they still fire.
const MOST: usize = 1_000;
/// What has no news waits so long.
const LONGEST: Seconds = Seconds(7 * 86_400);
/// A page so long before or after an informing alert is about the same.
const NEAR: Seconds = Seconds::HOUR;
/// The word for no digest.
const OFF: &str = "off";

/// When the digest is sent: `09:00 Europe/Berlin`; without, informing alerts are sent like others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestTime(Option<Daily>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Daily {
    text: String,
    minutes: i64,
    zone: TimeZone,
}

impl Default for DigestTime {
    /// `09:00 UTC`
    fn default() -> Self {
        Self(Some(Daily { text: "09:00 UTC".to_owned(), minutes: 9 * 60, zone: TimeZone::UTC }))
    }
}

impl DigestTime {
    /// Without a digest.
    pub(crate) const fn off() -> Self {
        Self(None)
    }

    /// The first time of a digest after `at`; `None` without one.
    fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let Daily { minutes, zone, .. } = self.0.as_ref()?;
        let date = jiff::Timestamp::from_nanosecond(at.0.into()).ok()?.to_zoned(zone.clone()).date();
        // A day with a change of the clock may have the time once, twice or not at all.
        for date in [date, date.tomorrow().ok()?, date.tomorrow().ok()?.tomorrow().ok()?] {
            let (hour, minute) = (i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?);
            let time = date.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?.timestamp();
            let time = Timestamp(i64::try_from(time.as_nanosecond()).ok()?);
            if time > at {
                return Some(time);
            }
        }
        None
    }
}

impl FromStr for DigestTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == OFF {
            return Ok(Self::off());
        }
        let wrong = || {
            format!("{text:?} is no time of a digest; expected something like 09:00 Europe/Berlin, or {OFF}")
        };
        let (time, zone) = text.split_once(' ').ok_or_else(wrong)?;
        let minutes = minutes(time).filter(|minutes| *minutes < 24 * 60).ok_or_else(wrong)?;
        Ok(Self(Some(Daily { text: text.to_owned(), minutes, zone: time_zone(zone.trim())? })))
    }
}

impl fmt::Display for DigestTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_ref().map_or(OFF, |daily| &daily.text))
    }
}

impl Serialize for DigestTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DigestTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

type Identity = (RuleName, Labels);

/// The informing alerts of one target since the last digest.
#[derive(Debug)]
pub(super) struct Digest {
    time: DigestTime,
    held: BTreeMap<Identity, Alert>,
    /// In an earlier digest, and still firing.
    reported: BTreeMap<Identity, Alert>,
    /// Those of `held` that are no news, since they accompany a page.
    known: BTreeSet<Identity>,
    /// What paged within the last hour, and when it was last seen firing.
    pages: BTreeMap<Identity, Timestamp>,
    /// When the digest before was due, or the first alert was held.
    since: Option<Timestamp>,
    /// When the next is due.
    next: Option<Timestamp>,
}

impl Digest {
    /// Continues with what `log` has of it, and takes that out of it.
    pub(super) fn new(time: DigestTime, log: &mut NotificationLog) -> Self {
        let mut take = |key| {
            let group = log.0.remove(key);
            let at = group.as_ref().map(|group: &NotifiedGroup| group.at);
            let alerts = group.into_iter().flat_map(|group| group.firing);
            (at, alerts.map(|alert| (identity(&alert), alert)).collect())
        };
        let (since, held) = take(DIGEST);
        let (_, reported) = take(REPORTED);
        let (_, known): (_, BTreeMap<Identity, Alert>) = take(KNOWN);
        let known = known.into_keys().collect();
        let next = since.and_then(|since| time.after(since));
        Self { time, held, reported, known, pages: BTreeMap::new(), since, next }
    }

    /// Whether an alert belongs in the digest.
    pub(super) fn takes(&self, alert: &Alert) -> bool {
        self.time.0.is_some() && alert.severity == Severity::Info
    }

    /// Notes the informing alerts that fire, and how those that are held go on.
    pub(super) fn note<'a>(&mut self, alerts: impl Iterator<Item = &'a Alert>, now: Timestamp) {
        // Digests without news are left out, and a clock that was set back must not hold up the next.
        let left_out = !self.has_news(now) && self.next.is_some_and(|next| next <= now);
        if left_out || self.since.is_none_or(|since| since > now) {
            self.since = Some(now);
            self.next = self.time.after(now);
        }
        let (mut firing, mut resolved) = (BTreeMap::new(), BTreeMap::new());
        for alert in alerts {
            if !self.takes(alert) {
                if alert.firing() && self.pages.len() < MOST {
                    self.pages.insert(identity(alert), now);
                }
                continue;
            }
            let list = if alert.firing() { &mut firing } else { &mut resolved };
            list.insert(identity(alert), alert);
        }
        for (identity, alert) in &mut self.held {
            if let Some(newest) = firing.get(identity).or_else(|| resolved.get(identity)) {
                alert.clone_from(newest);
            }
        }
        self.reported.retain(|identity, _| firing.contains_key(identity));
        for (identity, alert) in firing {
            let known = self.held.contains_key(&identity) || self.reported.contains_key(&identity);
            if !known && self.held.len() < MOST {
                self.held.insert(identity, alert.clone());
            }
        }
        self.note_pages(now);
    }

    /// Notes which of the held alerts accompany a page: those that no label tells from one that fires, or did within the hour.
    fn note_pages(&mut self, now: Timestamp) {
        self.pages.retain(|_, seen| *seen <= now && now < seen.plus_seconds(NEAR.0));
        for (identity, alert) in &self.held {
            let recent = alert.resolved_at.is_none_or(|at| now < at.plus_seconds(NEAR.0));
            if recent && self.pages.keys().any(|(_, labels)| accompanies(&alert.labels, labels)) {
                self.known.insert(identity.clone());
            }
        }
        self.known.retain(|identity| self.held.contains_key(identity));
    }

    /// Whether anything that is held is news, or has waited for long enough.
    fn has_news(&self, now: Timestamp) -> bool {
        self.held.iter().any(|(identity, alert)| {
            let since = alert.firing_since.unwrap_or(alert.active_since);
            !self.known.contains(identity) || since.plus_seconds(LONGEST.0) <= now
        })
    }

    /// The message, if it is due.
    pub(super) fn due(&self, now: Timestamp) -> Option<Notification> {
        let due = self.next.is_some_and(|next| next <= now) && self.has_news(now);
        due.then(|| {
            let (firing, over): (Vec<Alert>, Vec<Alert>) =
                self.held.values().cloned().partition(Alert::firing);
            let resolved = over.into_iter().map(|alert| ended(alert, now)).collect();
            let group_labels = Labels::new();
            Notification { group_key: DIGEST.to_owned(), group_labels, firing, resolved, at: now }
        })
    }

    /// The target has taken the message.
    pub(super) fn sent(&mut self, notification: &Notification, now: Timestamp) {
        for alert in notification.alerts() {
            if let Some(held) = self.held.remove(&identity(alert)).filter(Alert::firing) {
                self.reported.insert(identity(&held), held);
            }
        }
        self.since = Some(now);
        self.next = self.time.after(now);
    }

    /// The target has not taken it: tried again after `wait`.
    pub(super) fn failed(&mut self, wait: Seconds, now: Timestamp) {
        self.next = Some(now.plus_seconds(wait.0));
    }

    /// When the next message is due; `None` while there is nothing to send.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.next.filter(|_| !self.held.is_empty())
    }

    /// What must survive a restart.
    pub(super) fn log(&self) -> impl Iterator<Item = (String, NotifiedGroup)> {
        let at = self.since.unwrap_or(Timestamp(0));
        let all = |alerts: &BTreeMap<Identity, Alert>| alerts.values().cloned().collect::<Vec<_>>();
        let known = self.held.iter().filter(|(identity, _)| self.known.contains(*identity));
        let known = known.map(|(_, alert)| alert.clone()).collect();
        [(DIGEST, all(&self.held)), (REPORTED, all(&self.reported)), (KNOWN, known)]
            .into_iter()
            .filter(|(_, firing)| !firing.is_empty())
            .map(move |(key, firing)| (key.to_owned(), NotifiedGroup { labels: Labels::new(), firing, at }))
    }
}

fn identity(alert: &Alert) -> Identity {
    (alert.rule, alert.labels.clone())
}

/// Whether what informs may be about the same as what pages at that time: the page is about something, and no label of
/// both differs.
#[must_use]
pub fn accompanies(informs: &Labels, pages: &Labels) -> bool {
    !pages.is_empty() && pages.iter().all(|(name, value)| informs.get(name).is_none_or(|its| its == value))
}

/// An alert that is over, whose end may not be known.
fn ended(alert: Alert, now: Timestamp) -> Alert {
    Alert { resolved_at: alert.resolved_at.or(Some(now)), ..alert }
}
