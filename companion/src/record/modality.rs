//! Tokens by modality: parts that may have prices of their own.

use serde::{Deserialize, Serialize};
use spanledger::{Modality, Usage};

/// Parts of a call's tokens by modality, as far as the sender breaks them down. As JSON, what is unknown is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModalityTokens {
    /// Parts of the input.
    #[serde(skip_serializing_if = "Parts::is_empty")]
    pub input: Parts,
    /// Parts of the input that was read from the cache.
    #[serde(skip_serializing_if = "Parts::is_empty")]
    pub cache_read: Parts,
    /// Parts of the output.
    #[serde(skip_serializing_if = "Parts::is_empty")]
    pub output: Parts,
}

/// Tokens of each modality.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parts {
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<u64>,
    /// Images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<u64>,
    /// Sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<u64>,
}

impl ModalityTokens {
    /// What `usage` breaks down; `None` where it is nothing. Boxed, since few calls have it.
    #[must_use]
    pub fn of(usage: &Usage) -> Option<Box<Self>> {
        let parts =
            |modality: Modality| Parts { text: modality.text, image: modality.image, audio: modality.audio };
        let tokens = Self {
            input: parts(usage.input_modality),
            cache_read: parts(usage.cache_read_modality),
            output: parts(usage.output_modality),
        };
        (tokens != Self::default()).then(|| Box::new(tokens))
    }
}

impl Parts {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
