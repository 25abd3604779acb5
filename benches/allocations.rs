//! How many allocations observing a call makes. `cargo bench -p spanledger --features journal --bench allocations` counts those of the
//! second call of each case of `overhead`, by a counting allocator. A program of its own, because counting takes time.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "support/calls.rs"]
mod calls;

use calls::{CHUNKS, JOURNAL_WAYS, Outcome, WAYS, case};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Outcome {
    for way in WAYS[..3].iter().chain(&JOURNAL_WAYS[..2]) {
        let counted = |name: &str| -> Result<usize, Box<dyn std::error::Error>> {
            let case = case(name)?;
            case.run();
            let region = Region::new(ALLOCATOR);
            case.run();
            let change = region.change();
            Ok(change.allocations + change.reallocations)
        };
        let (whole, stream) = (counted(&format!("{way}/whole-4"))?, counted(&format!("{way}/stream"))?);
        eprintln!("allocations, {way}: {whole} a call of 4 KiB, {stream} a stream of {CHUNKS} chunks");
    }
    Ok(())
}
