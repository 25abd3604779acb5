use std::path::PathBuf;

use thiserror::Error;

/// Why a price table cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PriceError {
    /// The file cannot be read.
    #[error("cannot read the price table {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or a key or value in it makes no sense.
    #[error("{file}:{line}: {key}: {reason}")]
    Invalid {
        /// The file, or `prices.toml` for a text.
        file: String,
        /// The line of the fault, from 1.
        line: usize,
        /// The key at fault, or the part of the file it is in.
        key: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
}
