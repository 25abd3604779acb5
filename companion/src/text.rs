//! How things read: numbers, money, durations, times, tables and terminals.

pub(crate) mod hours;
pub(crate) mod log_throttle;
pub(crate) mod number;
pub(crate) mod pattern;
pub(crate) mod seconds;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod text_enum;
pub(crate) mod time;
pub(crate) mod unit;
pub(crate) mod wrap;
