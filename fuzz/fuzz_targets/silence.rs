//! Silences, as they are asked for and as they are kept.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanledger_companion::fuzzing::silence(bytes));
