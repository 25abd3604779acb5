//! Tags: whose a call is, in words of the application's own.

use std::fmt;
use std::str::FromStr;

use super::ENVIRONMENT;

/// Tags of one call, next to its environment.
const MOST: usize = 8;
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a value.
pub(crate) const TAG_VALUE_BYTES: usize = 128;

/// The key of a tag: 1 to 32 ASCII letters, digits, `.`, `_` or `-`. Kept in place, so that what names one can be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagKey {
    bytes: [u8; KEY_BYTES],
    length: u8,
}

impl TagKey {
    /// The key with this text, if it can be one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let known = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let mut bytes = [0; KEY_BYTES];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        let length = u8::try_from(text.len()).ok()?;
        (length > 0 && text.as_bytes().iter().all(known)).then_some(Self { bytes, length })
    }

    /// A key that is known to be one.
    pub(crate) const fn of_static(text: &'static str) -> Self {
        let mut bytes = [0; KEY_BYTES];
        let mut at = 0;
        while at < text.len() {
            bytes[at] = text.as_bytes()[at];
            at += 1;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the array has 32 places")]
        Self { bytes, length: text.len() as u8 }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII was taken.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    /// The name of a label of alerts: `tag_` and the key, with `_` for what such names cannot have. That of the environment
    /// is `environment`, as in Prometheus.
    #[must_use]
    pub fn label(&self) -> String {
        if *self == ENVIRONMENT {
            return self.to_string();
        }
        let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
        format!("tag_{}", self.as_str().chars().map(plain).collect::<String>())
    }
}

impl fmt::Display for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TagKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let message = "a key of a tag has 1 to 32 letters, digits, \".\", \"_\" or \"-\"";
        Self::new(text).ok_or_else(|| format!("{text:?}: {message}"))
    }
}

/// A tag as people write it: `team=search`.
///
/// # Errors
/// A text for people.
pub(crate) fn parse_tag(text: &str) -> Result<(TagKey, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?}: expected KEY=VALUE"))?;
    if value.is_empty() {
        return Err(format!("{text:?}: the value is empty"));
    }
    Ok((key.parse()?, value.to_owned()))
}

/// The tags of a call, by key, within their bounds.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tags(Vec<(TagKey, String)>);

impl Tags {
    /// Sets a tag unless its key has a value. False when something was left out or shortened.
    pub fn add(&mut self, key: &str, value: &str) -> bool {
        let Some(key) = TagKey::new(key) else { return false };
        if value.is_empty() {
            return true;
        }
        let end = (0..=TAG_VALUE_BYTES.min(value.len())).rev().find(|at| value.is_char_boundary(*at));
        let kept = &value[..end.unwrap_or(0)];
        match self.0.binary_search_by_key(&key, |(known, _)| *known) {
            Ok(_) => true,
            Err(_) if key != ENVIRONMENT && self.without_environment().count() == MOST => false,
            Err(at) => {
                self.0.insert(at, (key, kept.to_owned()));
                kept.len() == value.len()
            }
        }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: TagKey) -> Option<&str> {
        let at = self.0.binary_search_by_key(&key, |(known, _)| *known).ok()?;
        self.0.get(at).map(|(_, value)| value.as_str())
    }

    /// Whether the value of a key is this one; an empty one is that of calls without the tag.
    #[must_use]
    pub fn has(&self, key: TagKey, value: &str) -> bool {
        self.get(key).unwrap_or_default() == value
    }

    /// All but the environment, which every call of a process has.
    pub(crate) fn without_environment(&self) -> impl Iterator<Item = (TagKey, &str)> {
        self.iter().filter(|(key, _)| *key != ENVIRONMENT)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values, by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TagKey, &str)> {
        self.0.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// The same keys with values that `change` makes; a key without one goes.
    pub(crate) fn map(&self, mut change: impl FnMut(TagKey, &str) -> Option<String>) -> Self {
        Self(self.iter().filter_map(|(key, value)| Some((key, change(key, value)?))).collect())
    }

    /// The one text of these tags, `None` without any: a JSON object.
    pub(crate) fn to_text(&self) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let members = self.iter().map(|(key, value)| (key.as_str().to_owned(), value.into()));
        Some(serde_json::Value::Object(members.collect()).to_string())
    }

    /// Reads [`Self::to_text`].
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let members: std::collections::BTreeMap<String, String> = serde_json::from_str(text).ok()?;
        let tags: Option<Vec<_>> =
            members.into_iter().map(|(key, value)| Some((TagKey::new(&key)?, value))).collect();
        let mut tags = tags?;
        tags.sort();
        Some(Self(tags))
    }
}

impl fmt::Display for Tags {
    /// `env=prod team=search`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.iter().enumerate() {
            write!(f, "{}{key}={value}", if index > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

impl serde::Serialize for Tags {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key.as_str(), value)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_what_fits_and_reports_the_rest() {
        let mut tags = Tags::default();
        assert!(tags.add("team", "search"));
        assert!(tags.add("team", "ads"), "the first value of a key stays");
        assert!(!tags.add("no key", "x"));
        assert!(!tags.add("long", &"é".repeat(65)));
        for number in 0..6 {
            assert!(tags.add(&format!("k{number}"), "v"));
        }
        assert!(!tags.add("one-more", "v"));
        assert_eq!(tags.get(TagKey::new("team").unwrap()), Some("search"));
        assert_eq!(tags.get(TagKey::new("long").unwrap()).map(str::len), Some(128));
        assert!(tags.add("environment", "prod"), "it has a place of its own");
        assert_eq!(ENVIRONMENT.label(), "environment");
        assert_eq!(TagKey::new("deployment.environment").unwrap().label(), "tag_deployment_environment");
    }

    proptest! {
        #[test]
        fn text_brings_the_same_tags_back(
            pairs in prop::collection::vec(("[a-zA-Z0-9._-]{1,32}", "\\PC{0,140}"), 0..12),
        ) {
            let mut tags = Tags::default();
            for (key, value) in &pairs {
                tags.add(key, value);
            }
            let back = tags.to_text().map_or_else(|| Some(Tags::default()), |text| Tags::of_text(&text));
            prop_assert_eq!(back, Some(tags));
        }
    }
}
