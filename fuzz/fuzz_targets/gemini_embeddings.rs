//! Requests and responses of one wire format.

#![no_main]

const URL: &str = "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:batchEmbedContents";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanledger::fuzzing::response(URL, bytes));
