//! Tags: whose calls these are, in words of the application's own (`team`, `feature`).

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::semconv::attribute;

/// Tags of one call.
const MOST: usize = 8;
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a value.
const VALUE_BYTES: usize = 128;

/// Where processes have their resource attributes, by the specification.
const RESOURCE: &str = "OTEL_RESOURCE_ATTRIBUTES";
/// Names those that become tags where the builder names none.
const FROM_RESOURCE: &str = "SPANLEDGER_TAGS_FROM_RESOURCE";

/// Tags within their bounds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tags {
    /// Names of attributes, with their values.
    pairs: Vec<(Arc<str>, Arc<str>)>,
    /// How many were left out or shortened.
    cut: u32,
}

impl Tags {
    /// Sets a tag; the newest value of a key wins. What does not fit is left out, or a value shortened, and counted.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        if !is_key(key) {
            self.cut += 1;
            return;
        }
        let mut value = value.into();
        if value.len() > VALUE_BYTES {
            let end = (0..=VALUE_BYTES).rev().find(|at| value.is_char_boundary(*at));
            value.truncate(end.unwrap_or(0));
            self.cut += 1;
        }
        let name = [attribute::TAG_PREFIX, key].concat();
        let is_full = self.pairs.len() == MOST;
        match self.pairs.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, known)) => *known = value.into(),
            None if is_full => self.cut += 1,
            None => self.pairs.push((name.into(), value.into())),
        }
    }

    /// Adds those of `defaults` whose key is not set.
    pub(crate) fn complete(&mut self, defaults: &Self) {
        self.cut += defaults.cut;
        for default in &defaults.pairs {
            if self.pairs.iter().any(|(known, _)| *known == default.0) {
                continue;
            }
            if self.pairs.len() < MOST {
                self.pairs.push(default.clone());
            } else {
                self.cut += 1;
            }
        }
    }

    /// Adds the resource attributes of the environment that `keys` name, or, without `keys`, those that
    /// `SPANLEDGER_TAGS_FROM_RESOURCE` names.
    #[expect(
        clippy::disallowed_methods,
        reason = "standard variables are read once, where the middleware is built"
    )]
    pub(crate) fn read_environment(&mut self, keys: Option<Vec<String>>) {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let keys = keys
            .unwrap_or_else(|| variable(FROM_RESOURCE).split(',').map(|key| key.trim().to_owned()).collect());
        if keys.iter().any(|key| !key.is_empty()) {
            self.read_resource(&keys, &variable(RESOURCE));
        }
    }

    /// Takes `keys` out of `resource`, which has the form of `OTEL_RESOURCE_ATTRIBUTES`.
    fn read_resource(&mut self, keys: &[String], resource: &str) {
        let mut found = Self::default();
        for (key, value) in resource.split(',').filter_map(|pair| pair.split_once('=')) {
            let (key, value) = (decoded(key), decoded(value));
            if keys.iter().any(|wanted| *wanted == key) {
                found.set(&key, value);
            }
        }
        self.complete(&found);
    }

    /// Names of attributes, with their values.
    pub(crate) fn pairs(&self) -> &[(Arc<str>, Arc<str>)] {
        &self.pairs
    }

    /// How many were left out or shortened; `None` when none were.
    pub(crate) fn cut(&self) -> Option<i64> {
        (self.cut > 0).then_some(self.cut.into())
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text.trim()).decode_utf8_lossy()
}

fn is_key(key: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=KEY_BYTES).contains(&key.len()) && key.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(tags: &Tags) -> Vec<String> {
        tags.pairs().iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn the_newest_value_of_a_key_wins_and_defaults_fill_what_is_open() {
        let (mut tags, mut defaults) = (Tags::default(), Tags::default());
        tags.set("team", "search");
        tags.set("team", "ads");
        defaults.set("team", "platform");
        defaults.set("env", "prod");
        tags.complete(&defaults);
        assert_eq!(shown(&tags), ["spanledger.tag.team=ads", "spanledger.tag.env=prod"]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut tags = Tags::default();
        for key in ["", "two words", "näme", &"k".repeat(33)] {
            tags.set(key, "x");
        }
        for number in 0..9 {
            tags.set(&format!("k{number}"), "é".repeat(if number == 0 { 65 } else { 64 }));
        }
        let shown = shown(&tags);
        assert_eq!(shown.len(), 8);
        assert_eq!(shown[0], format!("spanledger.tag.k0={}", "é".repeat(64)));
        assert_eq!(tags.cut(), Some(6));
    }

    #[test]
    fn resource_attributes_are_read_as_the_specification_writes_them() {
        let mut tags = Tags::default();
        tags.set("env", "test");
        let keys = ["team", "env", "deployment.environment.name"].map(str::to_owned);
        let text =
            "service.name=shop, team = search%20and%2Cfind ,env=prod,deployment.environment.name=prod,broken";
        tags.read_resource(&keys, text);
        let expected = [
            "spanledger.tag.env=test",
            "spanledger.tag.team=search and,find",
            "spanledger.tag.deployment.environment.name=prod",
        ];
        assert_eq!(shown(&tags), expected);
    }
}
