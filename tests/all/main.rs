//! The library against providers on loopback and in memory. What a process has only once is tested in the binaries
//! next to this folder.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start threads and tasks, and read clocks and the environment"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod support;

mod announced;
mod attempts;
mod billing;
mod bound;
mod cardinality;
mod chunking;
mod context;
mod corpus;
mod cost_partition;
mod decoders;
mod encodings;
mod endpoints;
mod estimates;
mod exactness;
mod exits;
mod fetched;
mod forms;
mod golden;
mod layers;
mod lenient;
mod privacy;
mod protocols;
mod recipe;
mod recognition;
mod sampling;
mod seeds;
mod tasks;
mod transparency;
mod unparsed;
mod usage_merging;
mod wire_errors;
mod wire_openai;
mod wire_streams;
