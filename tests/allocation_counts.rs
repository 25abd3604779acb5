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

/// The allocations that the second call of a case adds to those of the same call without the middleware.
fn added(what: &str) -> usize {
    let counted = |way: &str| {
        let case = case(&format!("{way}/{what}")).unwrap();
        case.run();
        let region = Region::new(ALLOCATOR);
        case.run();
        let change = region.change();
        change.allocations + change.reallocations
    };
    counted("observed") - counted("bare")
}

/// One test, so that no other runs while it counts.
#[test]
fn a_chunk_allocates_nothing_and_a_call_no_more_than_it_did() {
    let whole = added("whole-4");
    assert!(whole <= 65, "{whole} allocations for a call of 4 KiB");
    // What begins and ends a stream, and the first chunks that the others repeat: one more chunk takes none.
    for format in STREAMS {
        let stream = added(&format!("stream-{format}"));
        assert!(stream <= 120, "{stream} allocations for a stream of {CHUNKS} chunks, {format}");
    }
}
