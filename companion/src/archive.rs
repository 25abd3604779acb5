//! Parquet files of calls: one per hour, for other programs, for years, and for another ledger.
//!
//! `column` lists what a row holds; `table_writer` and `table_reader` write and read one file; `manifest` describes it;
//! `folder` knows the names. `hour` writes what of an hour no file has yet, `check` compares files with their manifests, and
//! `restore` brings them into a ledger. `keeper` archives what retention is about to delete.

pub(crate) mod check;
mod column;
mod error;
pub(crate) mod folder;
pub(crate) mod hour;
pub(crate) mod keeper;
mod manifest;
mod merge;
pub(crate) mod restore;
mod steps;
mod sums;
mod table_reader;
mod table_writer;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use error::ArchiveError;
