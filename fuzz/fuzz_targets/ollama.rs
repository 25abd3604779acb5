//! Requests and responses of one wire format.

#![no_main]

const URL: &str = "http://localhost:11434/api/chat";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanledger::fuzzing::response(URL, bytes));
