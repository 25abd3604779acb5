//! One pass of a model within a call: a compaction before the message, an advisor's message, a model of an agent.

use crate::usage::Usage;

/// The key of a pass in the list.
pub(super) const KEY: &str = "pass";

/// The tokens of one pass, and the model that ran it when it is not the model of the response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pass {
    /// As the provider names it: `message`, `compaction`, `advisor_message`.
    pub(crate) kind: String,
    /// `None` for the model of the response.
    pub(crate) model: Option<String>,
    pub(crate) usage: Usage,
    /// A subset of the cache-write tokens.
    pub(crate) cache_write_1h: u64,
}

impl Pass {
    /// `kind,model=...,input=...,output=...`, without what is zero.
    pub(super) fn factor(&self) -> String {
        let mut text = self.kind.clone();
        if let Some(model) = &self.model {
            text += ",model=";
            text += model;
        }
        for (key, count) in [
            ("input", self.usage.input_tokens),
            ("output", self.usage.output_tokens),
            ("cache_read", self.usage.cache_read_tokens),
            ("cache_write", self.usage.cache_write_tokens),
            ("cache_write_1h", Some(self.cache_write_1h)),
        ] {
            if let Some(count) = count.filter(|count| *count > 0) {
                text += &format!(",{key}={count}");
            }
        }
        text
    }

    /// Reads what [`Pass::factor`] wrote.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let kind = parts.next().filter(|kind| super::is_word(kind))?.to_owned();
        let mut pass = Self { kind, ..Self::default() };
        (pass.usage.input_tokens, pass.usage.output_tokens) = (Some(0), Some(0));
        for part in parts {
            let (key, value) = part.split_once('=')?;
            if key == "model" {
                pass.model = Some(value).filter(|model| super::is_word(model)).map(str::to_owned);
                pass.model.as_ref()?;
                continue;
            }
            let count = value.parse().ok()?;
            match key {
                "input" => pass.usage.input_tokens = Some(count),
                "output" => pass.usage.output_tokens = Some(count),
                "cache_read" => pass.usage.cache_read_tokens = Some(count),
                "cache_write" => pass.usage.cache_write_tokens = Some(count),
                "cache_write_1h" => pass.cache_write_1h = count,
                _ => return None,
            }
        }
        Some(pass)
    }
}
