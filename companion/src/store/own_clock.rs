//! What time the ledger takes it to be, from the two clocks of a process: the one that is set, and the one that only
//! runs. No clock tells which of them is right, so a difference is believed only after it has lasted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::record::{Ends, Receipt, Timestamp};
use crate::text::time::rfc3339;

/// How far ahead the clock may be of what the other one led to expect. A machine that was suspended or a ledger that was
/// not served for a night is within.
const AHEAD: Duration = Duration::from_secs(24 * 3_600);
/// How far ahead it may be of the file for what arrives, until it has agreed once since the start: a ledger was not served
/// for so long more often than a clock was ahead by as much.
const AWAY: Duration = Duration::from_secs(100 * 24 * 3_600);
/// How far behind it may be.
const BEHIND: Duration = Duration::from_secs(300);
/// No machine that runs this version has the right time when its clock shows an earlier one: 2026-11-01 UTC.
const RELEASED: Timestamp = Timestamp(1_793_491_200 * Timestamp::SECOND);
/// How long a larger difference must last before it is believed.
const LASTS: Duration = Duration::from_secs(3_600);

/// The clock by which a ledger goes. Clones are one clock.
#[derive(Debug, Clone)]
pub(crate) struct OwnClock {
    time: Arc<Mutex<OwnTime>>,
    since: Instant,
}

impl OwnClock {
    /// Begins with the last time that the file knows of.
    pub(crate) fn after(file: Option<Timestamp>) -> Self {
        Self { time: Arc::new(Mutex::new(OwnTime::after(file))), since: clock::instant() }
    }

    /// Begins as a new ledger does: the clock of the machine is followed wherever it goes until calls speak for it.
    pub(crate) fn new() -> Self {
        Self::unconfirmed(None)
    }

    /// Begins with a time in the file that no call has ended at.
    pub(crate) fn unconfirmed(file: Option<Timestamp>) -> Self {
        let time = OwnTime { believed: file.is_some(), confirmed: false, ..OwnTime::after(file) };
        Self { time: Arc::new(Mutex::new(time)), since: clock::instant() }
    }

    /// Believes this clock.
    pub(crate) fn believe(&self) {
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        (time.believed, time.confirmed) = (true, true);
    }

    /// Takes in what the ends of calls say of this clock.
    pub(crate) fn hear(&self, ends: Ends) {
        self.time.lock().unwrap_or_else(PoisonError::into_inner).hear(ends);
    }

    /// Whether the clock is more than what a machine happens to begin with: no call that ended much later has come before one
    /// that ended earlier. What is not believed is not noted in the file, and moves no call.
    pub(crate) fn is_believed(&self) -> bool {
        self.time.lock().unwrap_or_else(PoisonError::into_inner).believed
    }

    /// Whether a call has ever ended about when it says. Until then nothing is deleted for its age.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.time.lock().unwrap_or_else(PoisonError::into_inner).confirmed
    }

    /// The time for what arrives now, and whether it is believed.
    pub(crate) fn receipt_now(&self) -> Receipt {
        Receipt { believed: self.is_believed(), ..Receipt::from(self.now()) }
    }

    /// The time for what arrives now.
    pub(crate) fn now(&self) -> Timestamp {
        self.receipt(clock::now(), self.uptime())
    }

    /// The time for what arrives when the clock of the machine shows `clock` after so much `uptime`: calls that end much later
    /// are kept with it.
    pub(crate) fn receipt(&self, clock: Timestamp, uptime: Duration) -> Timestamp {
        let own = self.at(clock, uptime);
        let time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = clock.0.saturating_sub(own.0);
        if !time.agreed && 0 < ahead && ahead <= nanos(AWAY) { clock } else { own }
    }

    /// How long this clock has run.
    pub(crate) fn uptime(&self) -> Duration {
        self.since.elapsed()
    }

    /// The time when the clock of the machine shows `clock` after so much `uptime`; warns when that is not believed.
    pub(crate) fn at(&self, clock: Timestamp, uptime: Duration) -> Timestamp {
        // A value is replaced whole.
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        let apart = time.apart_since.is_some();
        let now = time.at(clock, uptime);
        if time.apart_since.is_some() && !apart {
            tracing::warn!(
                clock = %rfc3339(clock), expected = %rfc3339(now),
                "the clock has leapt; it is believed when it stays so for an hour"
            );
        }
        now
    }

    /// The time that was taken last.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner).known.map(|(time, _)| time)
    }
}

/// The ledger's own time.
#[derive(Debug, Clone, Copy)]
struct OwnTime {
    /// What time it was when the process had been up for so long.
    known: Option<(Timestamp, Duration)>,
    /// Since when, in uptime, the clock has been apart from it.
    apart_since: Option<Duration>,
    /// Whether the clock has been believed since the start.
    agreed: bool,
    /// As [`OwnClock::is_believed`] says, and whether a call has spoken against it.
    believed: bool,
    doubted: bool,
    /// Whether a call has ever ended about when it says.
    confirmed: bool,
}

impl OwnTime {
    /// Begins with the last time that the file knows of.
    const fn after(file: Option<Timestamp>) -> Self {
        let known = match file {
            Some(time) => Some((time, Duration::ZERO)),
            None => None,
        };
        Self { known, apart_since: None, agreed: false, believed: true, doubted: false, confirmed: true }
    }

    /// A clock from before this version has not been set yet. A sender that agrees with it may be on the same machine.
    fn hear(&mut self, ends: Ends) {
        if self.known.is_none_or(|(time, _)| time < RELEASED) {
            return;
        }
        self.doubted |= !self.believed && ends.beyond > 0;
        self.confirmed |= ends.agree;
        self.believed |= ends.agree || ends.before && !self.doubted;
    }

    /// The time when the clock shows `clock` after so much `uptime`.
    fn at(&mut self, clock: Timestamp, uptime: Duration) -> Timestamp {
        if !self.believed {
            self.known = Some((clock, uptime));
            return clock;
        }
        let expected = self.known.map_or(clock, |(time, at)| later(time, uptime.saturating_sub(at)));
        let apart = clock.0.saturating_sub(expected.0);
        let time = if -nanos(BEHIND) <= apart && apart <= nanos(AHEAD) {
            (self.apart_since, self.agreed) = (None, true);
            clock
        } else {
            let since = *self.apart_since.get_or_insert(uptime);
            let believed = uptime.saturating_sub(since) >= LASTS;
            if believed {
                (self.apart_since, self.agreed) = (None, true);
            }
            if believed { clock } else { expected }
        };
        self.known = Some((time, uptime));
        time
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp(time.0.saturating_add(nanos(by)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Timestamp = Timestamp(1_800_000_000 * Timestamp::SECOND);
    const DAY: i64 = 86_400;

    fn up(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn follows_the_clock_through_a_night_and_through_small_corrections() {
        let mut own = OwnTime::after(Some(BASE));
        for (seconds, uptime) in [(12 * 3_600, 1), (12 * 3_600 - 200, 2), (12 * 3_600 + 60, 300)] {
            let clock = BASE.plus_seconds(seconds);
            assert_eq!(own.at(clock, up(uptime)), clock);
            assert!(own.apart_since.is_none());
        }
    }

    #[test]
    fn believes_a_leap_only_when_it_lasts_in_either_direction() {
        for leap in [200 * DAY, -200 * DAY, -3_600] {
            let mut own = OwnTime::after(None);
            own.at(BASE, up(0));
            let leapt = |seconds| BASE.plus_seconds(leap + seconds);
            assert_eq!(own.at(leapt(10), up(10)), BASE.plus_seconds(10), "{leap}");
            assert!(own.apart_since.is_some());
            assert_eq!(own.at(BASE.plus_seconds(35), up(35)), BASE.plus_seconds(35), "it is over");
            assert!(own.apart_since.is_none());
            assert_eq!(own.at(leapt(40), up(40)), BASE.plus_seconds(40));
            assert_eq!(own.at(leapt(3_600), up(3_600)), BASE.plus_seconds(3_600), "not an hour since 40 s");
            assert_eq!(own.at(leapt(3_640), up(3_640)), leapt(3_640), "{leap}");
        }
    }

    #[test]
    fn what_arrives_after_weeks_without_a_companion_is_not_moved_to_the_time_before() {
        let (monday, near) = (BASE.plus_seconds(62 * 3_600), BASE.plus_seconds(10));
        let begins = || OwnClock::after(Some(BASE));
        let own = begins();
        assert_eq!(own.receipt(monday, up(1)), monday);
        assert_eq!(own.at(monday, up(2)), BASE.plus_seconds(2), "deletion waits for an hour");
        // A clock that is behind at first and then set.
        let own = begins();
        assert_eq!(own.receipt(BASE.plus_seconds(-2_500 * DAY), up(1)), BASE.plus_seconds(1));
        assert_eq!(own.receipt(monday, up(20)), monday);
        // One that is further ahead, or has agreed before, is wrong.
        assert_eq!(begins().receipt(BASE.plus_seconds(200 * DAY), up(1)), BASE.plus_seconds(1));
        let own = begins();
        assert_eq!(own.receipt(near, up(10)), near);
        assert_eq!(own.receipt(monday, up(20)), BASE.plus_seconds(20));
    }

    #[test]
    fn a_clock_that_no_call_speaks_for_is_followed_wherever_it_goes() {
        let agree = Ends { agree: true, before: true, beyond: 0 };
        let before = Ends { before: true, ..Ends::default() };
        let beyond = Ends { beyond: 1, ..Ends::default() };
        let own = OwnClock::new();
        for (days, uptime) in [(-400, 1), (0, 20), (300, 30), (0, 40)] {
            let clock = BASE.plus_seconds(days * DAY);
            assert_eq!(own.at(clock, up(uptime)), clock);
            assert_eq!(own.receipt(clock, up(uptime)), clock);
            // A sender on the same machine.
            own.hear(if clock < RELEASED { agree } else { beyond });
            assert!(!own.is_believed() && !own.is_confirmed());
        }
        own.hear(before);
        assert!(!own.is_believed(), "a call has spoken against it");
        own.hear(agree);
        assert!(own.is_believed() && own.is_confirmed());
        assert_eq!(own.at(BASE.plus_seconds(-400 * DAY), up(50)), BASE.plus_seconds(10));
        own.hear(beyond);
        assert!(own.is_believed());

        // Set to a day to come, it would make every clock one that is not believed.
        assert!(RELEASED < clock::now());
        let own = OwnClock::new();
        own.at(BASE, up(1));
        own.hear(before);
        assert!(own.is_believed() && !own.is_confirmed());
        assert_eq!(own.at(BASE.plus_seconds(200 * DAY), up(11)), BASE.plus_seconds(10));
    }

    #[test]
    fn a_clock_that_is_behind_the_file_at_start_is_not_believed_at_once() {
        let mut own = OwnTime::after(Some(BASE));
        assert_eq!(own.at(BASE.plus_seconds(-60 * DAY), up(5)), BASE.plus_seconds(5));
        assert_eq!(own.at(BASE.plus_seconds(20), up(20)), BASE.plus_seconds(20));
        assert_eq!(OwnTime::after(None).at(BASE, up(7)), BASE, "an empty file knows nothing else");
    }
}
