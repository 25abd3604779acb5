//! A checksum on every page of a SQLite database.
//!
//! SQLite finds a page whose structure is broken, and takes a flipped bit in a value for the value. Here the last eight bytes
//! of each page hold a checksum over the rest. It is written with the page and compared at each read; a page that does not
//! match is never used, and the query fails with `SQLITE_IOERR_DATA`.
//!
//! The format is that of `cksumvfs`, SQLite's own extension (<https://sqlite.org/cksumvfs.html>), so that its shell can
//! verify and change such a file. Other programs can read it; what they write has no valid checksum. A database without
//! room for checksums works as ever.
#![expect(unsafe_code, reason = "SQLite's interface to files is made of C functions and pointers")]

mod file;
mod page;
mod vfs;

pub use file::take_fault;
pub use page::{Header, header, is_intact};
pub use vfs::{beginning, make_room, open, seal};
