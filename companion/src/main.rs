//! The `spanledger` binary.

fn main() {}
