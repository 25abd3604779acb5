//! What applications on this machine have left in their journals: brought into the ledger, and compared with it.

pub(crate) mod comparison;
pub(crate) mod watcher;

use std::io;
use std::path::Path;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use prost::Message;
use spanledger::journal::{Recovered, Taken};

use crate::text::terminal::harmless;

/// Gives what dead processes left in a directory to `deliver`, as export requests: the same as their exporters would have
/// sent.
///
/// # Errors
/// When the directory cannot be read, or what was delivered cannot be marked.
pub(crate) fn recover(
    directory: &Path,
    mut deliver: impl FnMut(Bytes) -> Taken,
) -> io::Result<Vec<Recovered>> {
    spanledger::journal::recover(directory, &mut |resource, spans| {
        let resource = ResourceAttributesWithSchema::from(resource);
        let resource_spans = group_spans_by_resource_and_scope(spans, &resource);
        deliver(ExportTraceServiceRequest { resource_spans }.encode_to_vec().into())
    })
}

/// What a directory with the journal of no process is, where it is not a journal that is empty.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn mistaken(directory: &Path) -> io::Result<Option<String>> {
    let shown = harmless(&directory.display().to_string());
    // DIR/INSTANCE/lock and segments: see the library's journal.
    if directory.join("lock").is_file() {
        return Ok(Some(format!("{shown} is of one process; give the directory above it")));
    }
    let mut others = Vec::new();
    for entry in directory.read_dir()? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // Of the file system itself, or hidden on purpose.
        if name != "lost+found" && !name.starts_with('.') {
            others.push(name);
        }
    }
    let other = others.iter().min().map(|name| harmless(name));
    Ok(other.map(|name| {
        format!("{shown} is no journal: it has {name:?} and no process; give the directory that the application writes to")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_something_else_is_no_journal_and_an_empty_one_may_be() {
        let directory = tempfile::tempdir().unwrap();
        let of = || mistaken(directory.path()).unwrap();
        assert_eq!(of(), None);
        std::fs::create_dir(directory.path().join("lost+found")).unwrap();
        std::fs::write(directory.path().join(".keep"), "").unwrap();
        assert_eq!(of(), None);
        std::fs::write(directory.path().join("spanledger.db"), "").unwrap();
        assert!(of().unwrap().contains("is no journal: it has \"spanledger.db\" and no process"));
        std::fs::write(directory.path().join("lock"), "").unwrap();
        assert!(of().unwrap().ends_with("is of one process; give the directory above it"));
        assert!(mistaken(&directory.path().join("missing")).is_err());
    }
}
