//! Requests and responses of one wire format.

#![no_main]

const URL: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/meta.llama3-70b-instruct-v1%3A0/invoke-with-response-stream";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanledger::fuzzing::response(URL, bytes));
