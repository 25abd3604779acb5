//! How many allocations observing a call makes, which does not depend on the machine. A binary of its own: the allocator counts
//! for the whole process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]
#![expect(dead_code, reason = "the cases of the benchmark are shared, and not all of them are counted here")]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "../benches/support/calls.rs"]
mod calls;

use calls::{CHUNKS, STREAMS, case};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Calls before one that counts: the second of a model binds its instruments.
const FIRST: usize = 2;

/// The allocations that a call of a case adds to those of the same call without the middleware, once its instruments are bound.
fn added(what: &str) -> usize {
    counted("observed", what, 1) - counted("bare", what, 1)
}

/// The fewest allocations of a call, the first ones aside. Threads in the background may add theirs to some.
fn counted(way: &str, what: &str, calls: usize) -> usize {
    let case = case(&format!("{way}/{what}")).unwrap();
    (0..FIRST).for_each(|_| case.run());
    let count = |_| {
        let region = Region::new(ALLOCATOR);
        case.run();
        let change = region.change();
        change.allocations + change.reallocations
    };
    (0..calls).map(count).min().unwrap()
}

/// The allocations that a journal adds to a call whose span is delivered.
fn added_by_a_journal(what: &str) -> usize {
    counted("journaled", what, 50).saturating_sub(counted("delivered", what, 50))
}

/// One test, so that no other runs while it counts.
#[test]
fn a_chunk_allocates_nothing_and_a_call_no_more_than_it_did() {
    let whole = added("whole-4");
    assert!(whole <= 55, "{whole} allocations for a call of 4 KiB");
    // What begins and ends a stream, and the first chunks that the others repeat: one more chunk takes none.
    for format in STREAMS {
        let stream = added(&format!("stream-{format}"));
        assert!(stream <= 100, "{stream} allocations for a stream of {CHUNKS} chunks, {format}");
    }
    // Its two records, and nothing per chunk.
    for what in ["whole-4", "stream-openai-500", "stream-openai-1000"] {
        let journal = added_by_a_journal(what);
        assert!(journal <= 2, "a journal adds {journal} allocations to {what}");
    }
}
