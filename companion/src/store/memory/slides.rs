//! Breakdowns of windows that move on with the time: from one evaluation to the next few calls come and few leave.

use std::sync::{Mutex, PoisonError};

use crate::record::Window;
use crate::store::memory::totals::Running;
use crate::store::memory::{ByNumber, Columns, Matcher};
use crate::store::{Dimension, Filter};

/// Windows that are followed; a further one takes the place of the oldest.
const FOLLOWED: usize = 64;

/// The windows that were asked for, each with its newest totals.
#[derive(Debug, Default)]
pub(super) struct Slides(Mutex<Vec<Slide>>);

/// Which windows are one that moves.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) length: i64,
    pub(super) filter: Filter,
    pub(super) by: Dimension,
}

/// The totals of the calls of one window by the number of their name, each with a call that has it.
pub(super) type Sums = ByNumber<(usize, Running)>;

#[derive(Debug)]
struct Slide {
    key: Key,
    /// The calls in it, as `removed + index`.
    calls: std::ops::Range<usize>,
    sums: Sums,
}

impl Slides {
    /// The totals of the calls of `window` by `numbers`: those of the window before, with the calls that came and without those
    /// that left.
    pub(super) fn sums<T>(
        &self,
        columns: &Columns,
        numbers: &[u32],
        window: Window,
        filter: &Filter,
        by: Dimension,
        read: impl FnOnce(&Sums) -> T,
    ) -> T {
        let key = Key { length: window.to.0.saturating_sub(window.from.0), filter: filter.clone(), by };
        let range = columns.range(window);
        let calls = columns.removed + range.start..columns.removed + range.end;
        let mut slides = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slides.iter().position(|slide| slide.key == key).map(|at| slides.remove(at));
        let moved = |slide: &Slide| {
            columns.removed <= slide.calls.start
                && (slide.calls.start..=slide.calls.end).contains(&calls.start)
                && slide.calls.end <= calls.end
        };
        let mut slide = known.filter(moved).unwrap_or_else(|| {
            let calls = calls.start..calls.start;
            Slide { key, calls, sums: Sums::default() }
        });
        let matcher = Matcher::new(columns, filter);
        let matching = |calls: std::ops::Range<usize>| {
            let indexes = calls.map(|call| (call, call - columns.removed));
            indexes.filter(|(_, index)| matcher.matches(columns, *index))
        };
        for (call, index) in matching(slide.calls.end..calls.end) {
            let (newest, sum) = slide.sums.entry(numbers[index]).or_default();
            (*newest, *sum) = (call, sum.with(&columns.records[index]));
        }
        for (_, index) in matching(slide.calls.start..calls.start) {
            if let Some((_, sum)) = slide.sums.get_mut(&numbers[index]) {
                *sum = sum.without(&columns.records[index]);
                if sum.is_empty() {
                    slide.sums.remove(&numbers[index]);
                }
            }
        }
        slide.calls = calls;
        let found = read(&slide.sums);
        if slides.len() >= FOLLOWED {
            slides.remove(0);
        }
        slides.push(slide);
        found
    }
}
