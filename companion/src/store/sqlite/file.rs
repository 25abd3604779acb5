//! The ledger's file: opening it, its schema, and how a call, a text and a code are stored in it.

mod absent;
pub(super) mod by_hash;
pub(super) mod call_id;
pub(super) mod call_writer;
pub(super) mod dictionary;
pub(super) mod enum_codes;
pub(super) mod error;
mod frequent;
pub(super) mod known_names;
pub(super) mod names;
pub(super) mod open;
pub(super) mod row;
pub(super) mod salt;
pub(super) mod schema;
pub(super) mod skipped;
pub(super) mod texts;
pub(super) mod watch;
pub(super) mod watermarks;
