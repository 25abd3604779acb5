use std::borrow::Cow;
use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::record::{ENVIRONMENT, TagKey, service_and_environment};
use crate::store::Dimension;

/// What the names of tags begin with.
const TAG: &str = "tag:";

/// What calls are judged apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// `service.name`, each of its environments by itself.
    Service,
    /// `user.id`.
    User,
    /// The model that answered, else the one asked for.
    Model,
    /// A tag; calls without it are judged together.
    Tag(TagKey),
}

impl By {
    pub(super) const fn dimension(self) -> Dimension {
        match self {
            Self::Service => Dimension::Deployment,
            Self::User => Dimension::User,
            Self::Model => Dimension::Model,
            Self::Tag(key) => Dimension::Tag(key),
        }
    }

    /// The label of alerts: `service`, `user`, `model`, `environment` or `tag_team`.
    pub(crate) fn label(self) -> Cow<'static, str> {
        match self {
            Self::Service => "service".into(),
            Self::User => "user".into(),
            Self::Model => "model".into(),
            Self::Tag(key) => key.label().into(),
        }
    }

    /// The name of a group as people read it: `shop in prod`.
    pub(crate) fn words(self, name: &str) -> Cow<'_, str> {
        match (self, service_and_environment(name)) {
            (Self::Service, (service, environment)) if !environment.is_empty() => {
                format!("{service} in {environment}").into()
            }
            _ => name.into(),
        }
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "service" => Some(Self::Service),
            "user" => Some(Self::User),
            "model" => Some(Self::Model),
            "environment" => Some(Self::Tag(ENVIRONMENT)),
            _ => text.strip_prefix(TAG).and_then(TagKey::new).map(Self::Tag),
        }
    }
}

impl fmt::Display for By {
    /// As the configuration spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(key) if *key != ENVIRONMENT => write!(f, "{TAG}{key}"),
            other => f.write_str(&other.label()),
        }
    }
}

impl Serialize for By {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let message = || {
            format!(
                "unknown variant `{text}`, expected one of `service`, `user`, `model`, `environment`, `tag:KEY`"
            )
        };
        Self::read(&text).ok_or_else(|| D::Error::custom(message()))
    }
}
