//! Which attributes are tags: our own, and those of resources and of third-party spans that the configuration names.

use std::str::FromStr;

use spanledger::semconv::attribute;

use super::secrets;
use super::value::{self, DOCUMENT_BYTES, NAME_BYTES, TEXT_BYTES};
use crate::otlp::Value;
use crate::record::{ENVIRONMENT, TAG_VALUE_BYTES, TagKey, Tags};

/// Bytes of the shortest value that could be a credential.
const SHORTEST_SECRET: usize = 16;
/// Items of a list that are looked at.
const ITEMS: usize = 64;

/// An attribute that states tags, as the configuration writes it: `ATTRIBUTE`, `ATTRIBUTE=TAG`, `ATTRIBUTE#MEMBER=TAG`
/// where the value is a JSON object, or `ATTRIBUTE=*` where it is a list of tags such as `team:search`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TagSource {
    attribute: String,
    member: Option<String>,
    /// `None` takes each item of a list for a tag.
    key: Option<TagKey>,
}

impl FromStr for TagSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, key) = text.split_once('=').unwrap_or((text, ""));
        let (attribute, member) = match from.split_once('#') {
            Some((attribute, member)) => (attribute, Some(member)),
            None => (from, None),
        };
        if attribute.is_empty() || attribute.len() > NAME_BYTES || member == Some("") {
            return Err(format!("{text:?}: expected ATTRIBUTE, ATTRIBUTE=TAG or ATTRIBUTE#MEMBER=TAG"));
        }
        let key = match key {
            "*" if member.is_none() => None,
            "" => Some(member.unwrap_or(attribute).parse()?),
            key => Some(key.parse()?),
        };
        Ok(Self { attribute: attribute.to_owned(), member: member.map(str::to_owned), key })
    }
}

/// What the configuration names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TagSources {
    /// Attributes of resources.
    pub(crate) resource: Vec<TagSource>,
    /// Attributes of spans and log records.
    pub(crate) attributes: Vec<TagSource>,
}

/// Tags as they were found.
#[derive(Debug, Clone, Default)]
pub(super) struct TagDraft {
    /// By the library's own names.
    own: Tags,
    /// By names that the configuration gives.
    configured: Tags,
    cut: u64,
}

impl TagDraft {
    /// Notes an attribute whose name is no fact of the conventions. True when it is one of ours.
    pub(super) fn note_own(&mut self, key: &str, value: Value<'_>) -> bool {
        if let Some(key) = key.strip_prefix(attribute::TAG_PREFIX) {
            if let Some(text) = value::text(value, TEXT_BYTES) {
                Self::add(&mut self.own, &mut self.cut, key, &text);
            }
            return true;
        }
        if key == attribute::TAGS_CUT {
            self.cut = self.cut.saturating_add(value::count(value).unwrap_or(0).min(1_000));
            return true;
        }
        false
    }

    /// Notes an attribute that one of `sources` may name.
    pub(super) fn note(&mut self, sources: &[TagSource], name: &str, value: Value<'_>) {
        for source in sources.iter().filter(|source| source.attribute == name) {
            match (&source.key, &source.member) {
                (Some(key), Some(member)) => {
                    let Value::Text(text) = value else { continue };
                    let document = serde_json::from_str::<serde_json::Value>(&text.head(DOCUMENT_BYTES)).ok();
                    let found = document.as_ref().and_then(|document| document.get(member));
                    let found = match found {
                        Some(serde_json::Value::String(text)) => text.clone(),
                        Some(other @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
                            other.to_string()
                        }
                        _ => continue,
                    };
                    Self::add(&mut self.configured, &mut self.cut, key.as_str(), &found);
                }
                (Some(key), None) => {
                    let first = match value {
                        Value::List(list) => list.items().next(),
                        value => Some(value),
                    };
                    if let Some(text) = first.and_then(|first| value::text(first, TEXT_BYTES)) {
                        Self::add(&mut self.configured, &mut self.cut, key.as_str(), &text);
                    }
                }
                (None, _) => {
                    let Value::List(list) = value else { continue };
                    for item in list.items().take(ITEMS) {
                        let text = value::text(item, TEXT_BYTES).unwrap_or_default();
                        if let Some((key, value)) = text.split_once([':', '=']) {
                            Self::add(&mut self.configured, &mut self.cut, key.trim(), value.trim());
                        }
                    }
                }
            }
        }
    }

    /// Notes where the sender runs. What names a tag so by itself goes before.
    pub(super) fn note_environment(&mut self, name: &str) {
        Self::add(&mut self.configured, &mut self.cut, ENVIRONMENT.as_str(), name);
    }

    fn add(tags: &mut Tags, cut: &mut u64, key: &str, value: &str) {
        let is_short = value.len() < SHORTEST_SECRET;
        let value =
            if is_short { value.to_owned() } else { secrets::removed(value.to_owned(), TAG_VALUE_BYTES + 1) };
        *cut += u64::from(!tags.add(key, &value));
    }

    /// The call's tags, and how many were left out or shortened. Our own come first, then those that the span states, then
    /// those of its `resource`.
    pub(super) fn finish(mut self, resource: &Self) -> (Tags, u64) {
        for (key, value) in
            self.configured.iter().chain(resource.own.iter()).chain(resource.configured.iter())
        {
            self.cut += u64::from(!self.own.add(key.as_str(), value));
        }
        (self.own, self.cut.saturating_add(resource.cut))
    }
}
