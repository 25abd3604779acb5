//! The `[rules]` table as text: reading it with the place of each mistake, and writing what is in force.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Key, RuleConfig, RulesConfig, Table};
use crate::rule::{ALL, Rule, RuleName};
use crate::text::seconds::Seconds;

/// Reads one rule's table, so that an error names the place of that table.
struct RuleSeed(&'static Rule);

impl<'de> DeserializeSeed<'de> for RuleSeed {
    type Value = RuleConfig;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RuleConfig, D::Error> {
        RuleConfig::new(self.0, Table::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Reads `interval`.
struct IntervalSeed;

impl<'de> DeserializeSeed<'de> for IntervalSeed {
    type Value = Seconds;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seconds, D::Error> {
        let interval = Seconds::deserialize(deserializer)?;
        if interval < Seconds(1) || interval > Seconds::HOUR {
            return Err(D::Error::custom("interval: must be from 1s to 1h"));
        }
        Ok(interval)
    }
}

/// A key of `[rules]`. Refuses the others itself, so that an error names the place of the key.
enum RulesKey {
    Interval,
    Rule(&'static Rule),
}

impl<'de> Deserialize<'de> for RulesKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        if key == "interval" {
            return Ok(Self::Interval);
        }
        ALL.iter().find(|rule| rule.name.as_str() == key).map(Self::Rule).ok_or_else(|| {
            let names = RuleName::ALL.map(RuleName::as_str).join(", ");
            D::Error::custom(format!("unknown key `{key}` in [rules]: expected interval or one of {names}"))
        })
    }
}

impl<'de> Deserialize<'de> for RulesConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rules;
        impl<'de> Visitor<'de> for Rules {
            type Value = RulesConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`interval` and one table per rule")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RulesConfig, A::Error> {
                let mut config = RulesConfig::default();
                while let Some(key) = map.next_key::<RulesKey>()? {
                    match key {
                        RulesKey::Interval => config.interval = map.next_value_seed(IntervalSeed)?,
                        RulesKey::Rule(rule) => {
                            config.rules.insert(rule.name, map.next_value_seed(RuleSeed(rule))?);
                        }
                    }
                }
                Ok(config)
            }
        }
        deserializer.deserialize_map(Rules)
    }
}

impl Serialize for RulesConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("interval", &self.interval)?;
        for rule in ALL {
            map.serialize_entry(rule.name.as_str(), &Effective { rule, config: self.rule(rule.name) })?;
        }
        map.end()
    }
}

/// A rule's settings without those it does not read.
struct Effective<'a> {
    rule: &'static Rule,
    config: &'a RuleConfig,
}

impl Serialize for Effective<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let settings = &self.config.settings;
        let reads = |key| self.rule.reads(key);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("enabled", &settings.enabled)?;
        map.serialize_entry("severity", &settings.severity)?;
        if reads(Key::Threshold) {
            map.serialize_entry("threshold", &settings.threshold)?;
        }
        map.serialize_entry("window", &settings.window)?;
        if reads(Key::MinCalls) {
            map.serialize_entry("min_calls", &settings.min_calls)?;
        }
        if reads(Key::MinEvents) {
            map.serialize_entry("min_events", &settings.min_events)?;
        }
        if reads(Key::Lookback) {
            map.serialize_entry("lookback", &settings.lookback)?;
        }
        map.serialize_entry("for", &settings.hold)?;
        map.serialize_entry("keep_firing_for", &settings.keep_firing_for)?;
        if reads(Key::By) {
            map.serialize_entry("by", self.config.by.as_slice())?;
        }
        if !self.config.services.is_empty() {
            map.serialize_entry("services", &self.config.services)?;
        }
        if !self.config.models.is_empty() {
            map.serialize_entry("models", &self.config.models)?;
        }
        map.end()
    }
}
