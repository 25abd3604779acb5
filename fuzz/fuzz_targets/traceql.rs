//! Queries as of Tempo.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanledger_companion::fuzzing::traceql(bytes));
