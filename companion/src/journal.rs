//! What applications on this machine have left in their journals: brought into the ledger, and compared with it.

pub(crate) mod comparison;
pub(crate) mod watcher;

use std::path::Path;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use prost::Message;
use spanledger::journal::{Recovered, Taken};

/// Gives what dead processes left in a directory to `deliver`, as export requests: the same as their exporters would have
/// sent.
///
/// # Errors
/// When the directory cannot be read, or what was delivered cannot be marked.
pub(crate) fn recover(
    directory: &Path,
    mut deliver: impl FnMut(Bytes) -> Taken,
) -> std::io::Result<Vec<Recovered>> {
    spanledger::journal::recover(directory, &mut |resource, spans| {
        let resource = ResourceAttributesWithSchema::from(resource);
        let resource_spans = group_spans_by_resource_and_scope(spans, &resource);
        deliver(ExportTraceServiceRequest { resource_spans }.encode_to_vec().into())
    })
}
