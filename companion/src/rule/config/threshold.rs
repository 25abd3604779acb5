use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

/// With what a value is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// The past of the same calls.
    Learned,
    /// This number, in the rule's unit.
    Fixed(f64),
}

/// How the configuration spells [`Threshold::Learned`].
const LEARNED: &str = "learned";

impl Serialize for Threshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Learned => serializer.serialize_str(LEARNED),
            Self::Fixed(threshold) => serializer.serialize_f64(*threshold),
        }
    }
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Threshold;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number or \"{LEARNED}\"")
            }

            fn visit_f64<E: Error>(self, threshold: f64) -> Result<Threshold, E> {
                Ok(Threshold::Fixed(threshold))
            }

            #[expect(clippy::cast_precision_loss, reason = "thresholds are far below 2^53")]
            fn visit_i64<E: Error>(self, threshold: i64) -> Result<Threshold, E> {
                Ok(Threshold::Fixed(threshold as f64))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Threshold, E> {
                // A variable of the environment is text.
                match (text, text.parse()) {
                    (LEARNED, _) => Ok(Threshold::Learned),
                    (_, Ok(threshold)) => Ok(Threshold::Fixed(threshold)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}
