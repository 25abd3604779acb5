//! The `[rules]` table as text: reading it with the place of each mistake, and writing what is in force.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Key, Preset, RuleConfig, RulesConfig, Table, Threshold};
use crate::rule::{ALL, Rule, RuleName};
use crate::text::seconds::Seconds;

/// Reads one rule's table, so that an error names the place of that table.
struct RuleSeed(&'static Rule);

impl<'de> DeserializeSeed<'de> for RuleSeed {
    type Value = Table;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Table, D::Error> {
        let table = Table::deserialize(deserializer)?;
        table.check(self.0).map_err(D::Error::custom)?;
        Ok(table)
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
    Preset,
    WorkingHours,
    Rule(&'static Rule),
}

impl<'de> Deserialize<'de> for RulesKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        if key == "interval" {
            return Ok(Self::Interval);
        }
        if key == "preset" {
            return Ok(Self::Preset);
        }
        if key == "working_hours" {
            return Ok(Self::WorkingHours);
        }
        ALL.iter().find(|rule| rule.name.as_str() == key).map(Self::Rule).ok_or_else(|| {
            let names = RuleName::ALL.map(RuleName::as_str).join(", ");
            D::Error::custom(format!(
                "unknown key `{key}` in [rules]: expected interval, preset, working_hours or one of {names}"
            ))
        })
    }
}

impl<'de> Deserialize<'de> for RulesConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rules;
        impl<'de> Visitor<'de> for Rules {
            type Value = RulesConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`interval`, `preset`, `working_hours` and one table per rule")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RulesConfig, A::Error> {
                let (mut interval, mut preset, mut tables) = (None, Preset::Learned, Vec::new());
                let mut working_hours = Arc::default();
                while let Some(key) = map.next_key::<RulesKey>()? {
                    match key {
                        RulesKey::Interval => interval = Some(map.next_value_seed(IntervalSeed)?),
                        RulesKey::Preset => preset = map.next_value()?,
                        RulesKey::WorkingHours => working_hours = Arc::new(map.next_value()?),
                        RulesKey::Rule(rule) => tables.push((rule, map.next_value_seed(RuleSeed(rule))?)),
                    }
                }
                // The preset decides what the tables change, and may come after them.
                let mut config = RulesConfig::of(preset);
                config.interval = interval.unwrap_or(config.interval);
                for (rule, table) in tables {
                    config.rules.insert(rule.name, RuleConfig::new(rule, preset, table, &working_hours));
                }
                config.working_hours = working_hours;
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
        map.serialize_entry("working_hours", &*self.working_hours)?;
        map.serialize_entry("preset", &self.preset)?;
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
        if reads(Key::Learned) && settings.learn {
            map.serialize_entry("threshold", &Threshold::Learned)?;
        } else if reads(Key::Threshold) {
            map.serialize_entry("threshold", &Threshold::Fixed(settings.threshold))?;
        }
        if reads(Key::Learned) {
            map.serialize_entry("factor", &settings.factor)?;
            map.serialize_entry("floor", &settings.floor)?;
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
        if reads(Key::Expected) {
            map.serialize_entry("expected", &settings.expected)?;
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
