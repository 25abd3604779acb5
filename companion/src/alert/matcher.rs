//! Matchers of labels, as Alertmanager writes them.

use std::fmt;
use std::str::FromStr;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that a compiled pattern may take.
const PATTERN_BYTES: usize = 64 * 1024;
/// Bytes of the label and the value of a matcher together: not of its text, which is longer where it is written back.
const LONGEST: usize = 1_024;

/// `service="checkout"`, `service!=checkout`, `service=~"a|b"` or `service!~"a.*"`; a pattern matches the whole value.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    label: String,
    sign: &'static str,
    value: String,
    pattern: Option<Regex>,
}

impl Matcher {
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        let found = match &self.pattern {
            Some(pattern) => pattern.is_match(value),
            None => self.value == value,
        };
        found != self.sign.starts_with('!')
    }
}

impl Eq for Matcher {}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.label, self.sign, &self.value) == (&other.label, other.sign, &other.value)
    }
}

impl FromStr for Matcher {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no matcher; expected something like service=\"checkout\" or model=~\"gpt-.*\""
            )
        };
        let end = text.find(['=', '!']).ok_or_else(wrong)?;
        let (label, rest) = text.split_at(end);
        let label = label.trim();
        let first = label.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if !first || !label.chars().all(|character| character.is_ascii_alphanumeric() || character == '_') {
            return Err(wrong());
        }
        let sign =
            ["=~", "!~", "!=", "="].into_iter().find(|sign| rest.starts_with(sign)).ok_or_else(wrong)?;
        let value = rest[sign.len()..].trim();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        if label.len() + value.len() > LONGEST {
            return Err(format!("a matcher has at most {LONGEST} bytes in its label and its value"));
        }
        let pattern = match sign.ends_with('~') {
            true => {
                let pattern = RegexBuilder::new(&format!("^(?:{value})$")).size_limit(PATTERN_BYTES).build();
                Some(pattern.map_err(|_| format!("{value:?} is no pattern, or one that is too large"))?)
            }
            false => None,
        };
        Ok(Self { label: label.to_owned(), sign, value: value.to_owned(), pattern })
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}\"{}\"", self.label, self.sign, self.value)
    }
}

impl Serialize for Matcher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
