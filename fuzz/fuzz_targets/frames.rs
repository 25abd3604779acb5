//! AWS event streams, JSON lines and JSON arrays.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanledger::fuzzing::frames(bytes));
