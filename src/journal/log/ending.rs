//! The end of a journal: BYE after the last call, and nothing more when everything is delivered.

use super::super::body::State;
use super::super::codec::Number;
use super::super::record::Kind;
use super::{Log, Phase, Shared, Trouble, this_time};

impl Log {
    /// Writes BYE once the process is about to end and no call is open.
    pub(in crate::journal) fn say_bye(&self, shared: &mut Shared, time: u64) {
        if shared.phase == Phase::Finishing && !shared.index.any_open() {
            let last = Number::of(shared.index.state.last_sequence);
            self.note(shared, Kind::Bye, time, last.bytes());
        }
    }

    /// The process is about to end: BYE is written once no call is open. Gives the account if it is written now.
    pub(in crate::journal) fn finish(&self) -> Option<State> {
        let (place, state) = {
            let mut shared = self.lock();
            if shared.phase == Phase::Running {
                shared.phase = Phase::Finishing;
                self.say_bye(&mut shared, this_time());
            }
            let ended = shared.phase == Phase::Finishing && !shared.index.any_open();
            (shared.end, ended.then(|| shared.index.state.clone()))
        };
        self.settle(self.hand_over(place));
        state
    }

    /// Writes no more, if the process has ended in order and every call is delivered. Whether that is so.
    pub(in crate::journal) fn conclude(&self) -> bool {
        let done = {
            let mut shared = self.lock();
            let done =
                shared.phase == Phase::Finishing && !shared.index.any_open() && shared.index.waiting() == 0;
            if done {
                shared.phase = Phase::Closed;
            }
            done
        };
        if done {
            self.end();
        }
        done
    }

    /// The directory is gone, and with it whatever is written from here on.
    pub(in crate::journal) fn vanish(&self) {
        let mut shared = self.lock();
        shared.sealed = true;
        shared.spare = None;
        shared.trouble = Some(Trouble::Vanished);
    }

    /// Nothing is written from here on, and the journal's threads end.
    pub(in crate::journal) fn end(&self) {
        self.lock().phase = Phase::Closed;
        self.work.notify_all();
        self.chores.notify_all();
        self.unsynced.notify_all();
    }

    pub(in crate::journal) fn is_closed(&self) -> bool {
        self.lock().phase == Phase::Closed
    }

    pub(in crate::journal) fn is_running(&self) -> bool {
        self.lock().phase == Phase::Running
    }
}
