//! Requests and responses of one wire format.

#![no_main]

const URL: &str = "https://api.openai.com/v1/completions";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanledger::fuzzing::response(URL, bytes));
