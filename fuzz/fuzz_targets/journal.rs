//! Segments of a journal that anything may have written.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanledger::fuzzing::journal(bytes));
