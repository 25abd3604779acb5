//! Queries as of Prometheus.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanledger_companion::fuzzing::promql(bytes));
