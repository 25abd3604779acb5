//! Bringing checked files into a ledger.

use std::collections::BTreeMap;

use super::check::CheckedHour;
use super::error::ArchiveError;
use super::merge::Merge;
use super::table_reader::TableReader;
use crate::store::export::{Gap, Process, Restored, Restorer, Versions};

/// Accounts appended in one transaction.
const BATCH: usize = 5_000;

/// Brings the files in, oldest first. `progress` is given the rows done.
///
/// # Errors
/// [`ArchiveError`]; what was taken in before stays, and is known when the same files are brought in again.
pub(crate) fn restore(
    hours: &[CheckedHour],
    ledger: &mut impl Restorer,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, ArchiveError> {
    // In a ledger of its own everything stays as it was; in another one the same calls may have come from elsewhere.
    let settle = !ledger.is_empty()?;
    let (processes, gaps) = processes(hours);
    ledger.restore_processes(&processes, &gaps)?;
    let (mut all, mut done) = (Restored::default(), 0);
    let mut batch: Vec<Versions> = Vec::with_capacity(BATCH);
    for hour in hours {
        let readers: Result<Vec<_>, _> =
            hour.files.iter().map(|file| TableReader::open(&file.path)).collect();
        let mut merge = Merge::of(readers?)?;
        loop {
            let next = merge.next()?;
            let ends = next.is_none();
            batch.extend(next);
            if batch.len() >= BATCH || ends && !batch.is_empty() {
                all.add(ledger.restore(&batch, settle)?);
                done += batch.iter().map(|row| 1 + row.older.len() as u64).sum::<u64>();
                batch.clear();
                progress(done);
            }
            if ends {
                break;
            }
        }
        for file in &hour.files {
            let facts = &file.manifest.facts;
            ledger.restore_counts(hour.hour, &facts.skipped, &facts.keys)?;
        }
    }
    ledger.restored()?;
    Ok(all)
}

/// Each process as the newest file has it, and all gaps.
fn processes(hours: &[CheckedHour]) -> (Vec<Process>, Vec<Gap>) {
    let mut processes: BTreeMap<(String, String), Process> = BTreeMap::new();
    let mut gaps: BTreeMap<(String, String, i64), Gap> = BTreeMap::new();
    for facts in hours.iter().flat_map(|hour| &hour.files).map(|file| &file.manifest.facts) {
        for process in &facts.processes {
            processes.insert((process.instance.clone(), process.service.clone()), process.clone());
        }
        for gap in &facts.gaps {
            gaps.insert((gap.instance.clone(), gap.service.clone(), gap.first), gap.clone());
        }
    }
    (processes.into_values().collect(), gaps.into_values().collect())
}
