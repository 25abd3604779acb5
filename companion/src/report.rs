//! The report of a window: one set of figures, shown as text, JSON or a page.

mod data;
mod figures;
pub(crate) mod html;
mod json;
mod plot;
pub(crate) mod rule_states;
mod text;

#[cfg(test)]
pub(crate) mod tests;

pub use data::build;
pub(crate) use data::{Report, RuleState, RuleStatus};
pub(crate) use figures::{known_cost, known_tokens};
pub use html::to_html;
pub(crate) use json::to_json;
pub(crate) use text::to_text;
