//! How fields are read: leniently, so that an unexpected shape is skipped and never an error.

pub(super) mod document;
pub(crate) mod error;
pub(crate) mod field;
pub(crate) mod headers;
pub(crate) mod lenient;
pub(super) mod part;
mod repair;
pub(super) mod reported;
pub(crate) mod state;
pub(super) mod status;
pub(super) mod usage;
