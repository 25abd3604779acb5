use super::Settings;
use crate::rule::Rule;
use crate::text::text_enum::text_enum;

text_enum! {
    /// Which defaults the rules have.
    pub enum Preset {
        /// Limits that are learned from each service's own past.
        Learned = "learned",
        /// The rules and thresholds of the first release.
        Fixed = "fixed",
    }
}

impl Preset {
    /// The defaults of a rule. One that the first release did not have is off under its preset.
    pub(super) fn settings(self, rule: &Rule) -> Settings {
        match (self, rule.fixed) {
            (Self::Learned, _) => rule.defaults,
            (Self::Fixed, Some(fixed)) => fixed,
            (Self::Fixed, None) => Settings { enabled: false, ..rule.defaults },
        }
    }
}
