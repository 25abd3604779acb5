//! The security report of a window: one set of figures, shown as text, JSON or a page.

mod data;
mod figures;
pub(crate) mod html;
mod json;
mod plot;
pub mod rule_states;
mod text;

#[cfg(test)]
pub(crate) mod tests;

pub use data::{Report, RuleState, RuleStatus, build};
pub use html::to_html;
pub use json::to_json;
pub use text::to_text;
