//! The ledger's writer as metrics.

use crate::metrics::text::{Kind, Text};
use crate::store::NAMED;
use crate::store::archival::ArchivalStatus;
use crate::store::writer::{LATENCY_BOUNDS, WriterStats};

/// Writes what the writer counted.
pub(super) fn write(out: &mut Text, stats: &WriterStats) {
    let mut counter = |name: &str, help: &str, count: u64| {
        out.family(name, Kind::Counter, help);
        out.count(name, &[], count);
    };
    counter("spanledger_ledger_appended_calls_total", "New calls made durable.", stats.appended);
    counter("spanledger_ledger_refused_calls_total", "Calls refused because too many waited.", stats.refused);
    counter("spanledger_ledger_failed_calls_total", "Calls the store did not take.", stats.failed);
    counter("spanledger_ledger_deleted_calls_total", "Calls deleted by retention.", stats.deleted);
    counter("spanledger_ledger_groups_total", "Groups of batches made durable together.", stats.groups);
    counter(
        "spanledger_ledger_maintenance_failures_total",
        "Runs of the housekeeping that failed.",
        stats.maintain_failures,
    );
    counter(
        "spanledger_ledger_forgotten_instances_total",
        "Sending processes whose numbers are followed no longer, since there are too many.",
        stats.forgotten_instances,
    );
    let name = "spanledger_ledger_retention_behind_seconds";
    out.family(
        name,
        Kind::Gauge,
        "History that is past its age and kept for now: a day of uptime deletes at most a day and a quarter.",
    );
    out.count(name, &[], stats.behind_seconds);
    let name = "spanledger_ledger_other_names_total";
    let help =
        "Calls counted as _OTHER in totals, or not by that name, by the dimension that has too many names.";
    out.family(name, Kind::Counter, help);
    for (dimension, calls) in NAMED.into_iter().zip(stats.others) {
        out.count(name, &[("dimension", dimension)], calls);
    }
    out.family("spanledger_ledger_waiting_calls", Kind::Gauge, "Calls that wait to be written.");
    out.count("spanledger_ledger_waiting_calls", &[], stats.waiting);

    let name = "spanledger_ledger_append_duration_seconds";
    out.family(name, Kind::Histogram, "From the hand-over of a batch until it is durable.");
    let (series, mut batches) = (format!("{name}_bucket"), 0);
    for (index, bucket) in stats.latency.iter().enumerate() {
        batches += bucket;
        let bound = LATENCY_BOUNDS.get(index).map_or_else(|| "+Inf".to_owned(), ToString::to_string);
        out.count(&series, &[("le", &bound)], batches);
    }
    out.sample(&format!("{name}_sum"), &[], stats.latency_sum);
    out.count(&format!("{name}_count"), &[], batches);
}

/// Writes what was archived, and whether that is possible.
pub(super) fn write_archival(out: &mut Text, status: &ArchivalStatus) {
    let mut counter = |name: &str, help: &str, count: u64| {
        out.family(name, Kind::Counter, help);
        out.count(name, &[], count);
    };
    counter("spanledger_ledger_archived_rows_total", "Accounts of calls that were archived.", status.rows);
    counter(
        "spanledger_ledger_archived_files_total",
        "Files that were written to the archive.",
        status.files,
    );
    counter("spanledger_ledger_archive_failures_total", "Attempts to archive that failed.", status.failures);
    let name = "spanledger_ledger_archive_failing";
    out.family(name, Kind::Gauge, "1 while nothing can be archived and so nothing is deleted.");
    out.count(name, &[], u64::from(status.trouble.is_some()));
}
