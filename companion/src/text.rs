//! How things read: numbers, money, durations, times, tables and terminals.

pub(crate) mod log_throttle;
pub(crate) mod number;
pub mod seconds;
pub(crate) mod table;
pub mod terminal;
pub(crate) mod text_enum;
pub mod time;
pub mod unit;
