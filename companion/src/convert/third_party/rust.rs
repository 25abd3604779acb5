//! The Rust libraries rig and genai, which record through `tracing`: a flag may be text and a list JSON.

use super::{Cached, Dialect};

pub(super) const RIG: Dialect =
    Dialect { name: "rig", scopes: &[("rig", Cached::Unknown)], ..Dialect::EMPTY };

pub(super) const GENAI: Dialect =
    Dialect { name: "genai", scopes: &[("genai", Cached::Unknown)], ..Dialect::EMPTY };
