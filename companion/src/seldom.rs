//! A bound for log lines that a fault would repeat with every request.

use std::sync::{Mutex, PoisonError};

use crate::record::Timestamp;
use crate::seconds::Seconds;

/// Lets the first of many like lines through, then one a pause.
#[derive(Debug)]
pub(crate) struct Seldom {
    pause: Seconds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    said: Option<Timestamp>,
    unsaid: u64,
}

impl Seldom {
    /// At most one line each `pause`.
    pub(crate) fn new(pause: Seconds) -> Self {
        Self { pause, state: Mutex::default() }
    }

    /// Whether to write a line at `now`, and how many were held back since the last one.
    pub(crate) fn say(&self, now: Timestamp) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not silence anything for longer than the pause.
        let silent = state.said.is_some_and(|said| (said..said.plus_seconds(self.pause.0)).contains(&now));
        if silent {
            state.unsaid += 1;
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_first_line_and_then_one_a_pause_with_the_number_held_back() {
        let (seldom, start) = (Seldom::new(Seconds(60)), Timestamp(1_795_435_200 * Timestamp::SECOND));
        let say = |seconds| seldom.say(start.plus_seconds(seconds));
        assert_eq!(say(0), Some(0));
        assert_eq!([say(0), say(1), say(59)], [None; 3]);
        assert_eq!(say(60), Some(3));
        assert_eq!(say(119), None);
        assert_eq!(say(500), Some(1));
    }

    #[test]
    fn is_not_silenced_by_a_clock_that_was_set_back() {
        let (seldom, start) = (Seldom::new(Seconds(60)), Timestamp(1_795_435_200 * Timestamp::SECOND));
        assert_eq!(seldom.say(start), Some(0));
        assert_eq!(seldom.say(start.plus_seconds(-3_600)), Some(0));
        assert_eq!(seldom.say(start.plus_seconds(-3_550)), None);
    }
}
