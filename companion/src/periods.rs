//! Usage and cost by hour, day, week and month of a time zone: one view for the command and the page.

pub(crate) mod calendar;
pub(crate) mod usage;

pub(crate) use calendar::Period;
