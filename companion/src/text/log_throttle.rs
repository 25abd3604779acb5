//! Limits the rate of a log line that a persistent fault would repeat on every request.

use std::sync::{Mutex, PoisonError};

use crate::record::Timestamp;
use crate::text::seconds::Seconds;

/// Lets the first of many like lines through, then one per pause.
#[derive(Debug)]
pub(crate) struct LogThrottle {
    pause: Seconds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Timestamp>,
    suppressed: u64,
}

impl LogThrottle {
    /// At most one line each `pause`.
    pub(crate) fn new(pause: Seconds) -> Self {
        Self { pause, state: Mutex::default() }
    }

    /// Whether to write a line at `now`, and how many were held back since the last one.
    pub(crate) fn allow(&self, now: Timestamp) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not silence anything for longer than the pause.
        let silent = state.last.is_some_and(|last| (last..last.plus_seconds(self.pause.0)).contains(&now));
        if silent {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_first_line_and_then_one_a_pause_with_the_number_held_back() {
        let (throttle, start) = (LogThrottle::new(Seconds(60)), Timestamp(1_795_435_200 * Timestamp::SECOND));
        let allow = |seconds| throttle.allow(start.plus_seconds(seconds));
        assert_eq!(allow(0), Some(0));
        assert_eq!([allow(0), allow(1), allow(59)], [None; 3]);
        assert_eq!(allow(60), Some(3));
        assert_eq!(allow(119), None);
        assert_eq!(allow(500), Some(1));
    }

    #[test]
    fn is_not_silenced_by_a_clock_that_was_set_back() {
        let (throttle, start) = (LogThrottle::new(Seconds(60)), Timestamp(1_795_435_200 * Timestamp::SECOND));
        assert_eq!(throttle.allow(start), Some(0));
        assert_eq!(throttle.allow(start.plus_seconds(-3_600)), Some(0));
        assert_eq!(throttle.allow(start.plus_seconds(-3_550)), None);
    }
}
