//! Batches in OTLP/protobuf, and what the ledger makes of them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanledger_companion::fuzzing::otlp_protobuf(bytes));
