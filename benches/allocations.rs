//! How many allocations observing a call makes. `cargo bench -p spanledger --features journal --bench allocations` counts those of the
//! third call of each case of `overhead`, by a counting allocator: the second of a model binds its instruments. A program of its
//! own, because counting takes time.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "support/calls.rs"]
mod calls;

use calls::{CHUNKS, JOURNAL_WAYS, Outcome, STREAMS, WAYS, case};

/// Calls before the one that counts.
const FIRST: usize = 2;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Outcome {
    for way in WAYS.iter().filter(|way| **way != "ideal").chain(&JOURNAL_WAYS[..2]) {
        let counted = |name: &str| -> Result<usize, Box<dyn std::error::Error>> {
            let case = case(name)?;
            (0..FIRST).for_each(|_| case.run());
            let region = Region::new(ALLOCATOR);
            case.run();
            let change = region.change();
            Ok(change.allocations + change.reallocations)
        };
        eprintln!("allocations, {way}: {} per call of 4 KiB", counted(&format!("{way}/whole-4"))?);
        for format in STREAMS {
            let stream = counted(&format!("{way}/stream-{format}"))?;
            eprintln!("allocations, {way}: {stream} per stream of {CHUNKS} chunks, {format}");
        }
    }
    Ok(())
}
