//! Targets of notifications: the `[notify]` table, and the list of the kinds of targets.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Notifier;
use super::alertmanager::Alertmanager;
use super::digest::DigestTime;
use super::email::Email;
use super::schedule::Grouping;
use super::slack::Slack;
use super::times::{Holidays, MuteTime, Times};
use super::webhook::Webhook;
use crate::alert::Matcher;
use crate::rule::Severity;
use crate::text::hours::Hours;
use crate::text::seconds::Seconds;

/// A notifier, ready to run.
#[derive(Debug, Clone)]
pub struct Target {
    /// Sends.
    pub notifier: Arc<dyn Notifier>,
    /// When.
    pub grouping: Grouping,
}

/// A kind of notifier: its configuration, and how it is built from that.
pub trait Kind: Notifier + Sized + 'static {
    /// `[[notify.KEY]]`; also the name of a target that is not given another.
    const KEY: &'static str;
    /// One such table. It refuses keys that it does not know, which `serde` cannot do for fields that are flattened in:
    /// `name` and what else kinds have in common is written out in each.
    type Config: Serialize + DeserializeOwned;

    /// Builds a target and reads the files of its secrets. Nothing is connected to.
    ///
    /// # Errors
    /// The key, a colon and what is wrong with it; never a secret.
    fn build(config: &Self::Config, notify: &Common<'_>) -> Result<Target, String>;
}

/// What the targets share.
#[derive(Debug)]
pub struct Common<'a> {
    pub(super) config: &'a NotifyConfig,
    holidays: Option<Arc<Holidays>>,
}

/// Which alerts a target gets, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route<'a> {
    pub(super) send_resolved: bool,
    pub(super) min_severity: Severity,
    pub(super) matchers: &'a [Matcher],
    pub(super) active: &'a [Hours],
    pub(super) mute: &'a [MuteTime],
}

/// Matchers, hours and mute times of one target.
const MOST: usize = 100;

/// The name of a target that is not given one.
pub(super) fn default_name<K: Kind>() -> String {
    K::KEY.to_owned()
}

/// Whether the end of an alert is sent, unless configured otherwise.
pub(super) const fn default_send_resolved() -> bool {
    true
}

/// Makes the `[notify]` table and the list of kinds out of one list: the key of each kind, and its notifier.
macro_rules! kinds {
    ($($key:ident: $notifier:ty,)+) => {
        /// The `[notify]` table.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct NotifyConfig {
            /// Alerts with the same values of these labels share a message. Defaults to `["alertname", "service", "environment"]`.
            pub group_by: Vec<String>,
            /// How long a new group waits for more alerts. Defaults to `10s`.
            pub group_wait: Seconds,
            /// How long a group waits before it sends what has changed. Defaults to `1m`.
            pub group_interval: Seconds,
            /// How long before an unchanged group is sent again. Defaults to `4h`.
            pub repeat_interval: Seconds,
            /// When alerts of severity `info` are sent, all in one message per day; `off` sends them like others. Defaults to
            /// `09:00 UTC`.
            pub digest: DigestTime,
            /// A file with one holiday per line, such as `2026-12-24` or, of every year, `12-25`, for `mute = ["holidays ZONE"]` of
            /// a target. Defaults to none.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub holidays_file: Option<PathBuf>,
            /// Where people find the report page, by http or https; put into messages. Defaults to nothing.
            pub external_url: String,
            /// The page with the sections of the runbook. Defaults to `/runbook` of `external_url`.
            pub runbook_url: String,
            /// The dashboard; the alert's service and environment are appended as variables. Defaults to nothing.
            pub dashboard_url: String,
            $(
                /// Targets of this kind. Defaults to none.
                #[serde(skip_serializing_if = "Vec::is_empty")]
                pub $key: Vec<<$notifier as Kind>::Config>,
            )+
        }

        impl Default for NotifyConfig {
            fn default() -> Self {
                Self {
                    group_by: ["alertname", "service", "environment"].map(str::to_owned).to_vec(),
                    group_wait: Seconds(10),
                    group_interval: Seconds::MINUTE,
                    repeat_interval: Seconds(4 * 3600),
                    digest: DigestTime::default(),
                    holidays_file: None,
                    external_url: String::new(),
                    runbook_url: String::new(),
                    dashboard_url: String::new(),
                    $($key: Vec::new(),)+
                }
            }
        }

        impl NotifyConfig {
            fn build_all(&self) -> Result<Vec<Target>, String> {
                let read = |path: &PathBuf| Holidays::read(path).map(Arc::new);
                let holidays = self.holidays_file.as_ref().map(read).transpose();
                let holidays = holidays.map_err(|error| format!("notify.holidays_file: {error}"))?;
                let common = Common { config: self, holidays };
                let mut targets = Vec::new();
                $(
                    for (index, config) in self.$key.iter().enumerate() {
                        let target = <$notifier as Kind>::build(config, &common);
                        targets.push(target.map_err(|error| format!("notify.{}[{index}].{error}", <$notifier>::KEY))?);
                    }
                )+
                Ok(targets)
            }
        }

        /// The key of each kind.
        #[cfg(test)]
        pub(crate) const KEYS: &[&str] = &[$(<$notifier as Kind>::KEY,)+];
    };
}

kinds! {
    webhook: Webhook,
    slack: Slack,
    alertmanager: Alertmanager,
    email: Email,
}

impl NotifyConfig {
    /// Builds every target and reads the files of its secrets. Nothing is connected to.
    ///
    /// # Errors
    /// The key and what is wrong with it; never a secret.
    pub fn targets(&self) -> Result<Vec<Target>, String> {
        for (key, length, least) in [
            ("group_wait", self.group_wait, 0),
            ("group_interval", self.group_interval, 1),
            ("repeat_interval", self.repeat_interval, 1),
        ] {
            if length < Seconds(least) || length > Seconds(30 * 86_400) {
                return Err(format!("notify.{key}: must be from {} to 30d", Seconds(least)));
            }
        }
        for (key, url) in [
            ("external_url", &self.external_url),
            ("runbook_url", &self.runbook_url),
            ("dashboard_url", &self.dashboard_url),
        ] {
            if !url.is_empty() && !is_web_address(url) {
                let must = "must be an address that begins with http:// or https:// and holds no space";
                return Err(format!("notify.{key}: {must}"));
            }
        }
        let targets = self.build_all()?;
        let mut names = BTreeSet::new();
        if let Some(twice) =
            targets.iter().map(|target| target.notifier.name()).find(|name| !names.insert(*name))
        {
            return Err(format!("notify: two targets have the name {twice:?}: give each its own"));
        }
        Ok(targets)
    }
}

impl Common<'_> {
    /// A target that follows the common timing.
    pub(super) fn target(
        &self,
        notifier: impl Notifier + 'static,
        route: Route<'_>,
    ) -> Result<Target, String> {
        let config = self.config;
        let Route { send_resolved, min_severity, matchers, active, mute } = route;
        let lists = [("matchers", matchers.len()), ("active", active.len()), ("mute", mute.len())];
        if let Some((key, _)) = lists.into_iter().find(|(_, length)| *length > MOST) {
            return Err(format!("{key}: at most {MOST} entries"));
        }
        if self.holidays.is_none() && mute.iter().any(|time| matches!(time, MuteTime::Holidays(..))) {
            return Err("mute: needs notify.holidays_file, which has the holidays".to_owned());
        }
        let grouping = Grouping {
            group_by: config.group_by.clone(),
            group_wait: config.group_wait,
            group_interval: config.group_interval,
            repeat_interval: config.repeat_interval,
            send_resolved,
            min_severity,
            matchers: matchers.to_vec(),
            times: Times::new(active, mute, &self.holidays.clone().unwrap_or_default()),
            digest: config.digest.clone(),
        };
        Ok(Target { notifier: Arc::new(notifier), grouping })
    }
}

/// Whether every reader takes `text` as a URI: Alertmanager refuses all alerts of a message for one that is none, and
/// is stricter than browsers about spaces and percent signs.
fn is_web_address(text: &str) -> bool {
    let hex = |rest: &str| rest.bytes().take_while(u8::is_ascii_hexdigit).count() >= 2;
    let lower = text.to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://"))
        && reqwest::Url::parse(text).is_ok()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && text.split('%').skip(1).all(hex)
}
