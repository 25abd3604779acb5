//! The request hash.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanledger::fuzzing::hash(bytes));
