//! Importing an export or an archive.

use std::io::Write;
use std::path::Path;

use super::{Failure, write_all};
use crate::archive::check::check;
use crate::archive::restore::restore;
use crate::store::export::Restorer;
use crate::text::number::{count, counted};
use crate::text::terminal::plural;

/// Files that are wrong and named one by one.
const MOST_REPORTED: usize = 20;
/// Checked files between two lines of progress.
const EVERY: u64 = 100;

/// Checks every file of `dir`, then takes all of them in.
///
/// # Errors
/// `Failure` when a file is not what its manifest states, before anything is taken in; or when the ledger cannot be written.
pub(super) fn run<L: Restorer>(
    dir: &Path,
    open_ledger: impl FnOnce() -> Result<L, Failure>,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), Failure> {
    let mut noted = Ok(());
    let checked = check(dir, &mut |done, all| {
        if (done % EVERY == 0 || done == all) && noted.is_ok() {
            noted = write_all(notes, &format!("checked {done} of {}\n", counted(all, "file")));
        }
    });
    noted?;
    let hours = match checked {
        Ok(hours) => hours,
        Err(wrong) => {
            let mut lines: Vec<String> = wrong.iter().take(MOST_REPORTED).map(ToString::to_string).collect();
            if wrong.len() > MOST_REPORTED {
                lines.push(format!("and {} more", counted((wrong.len() - MOST_REPORTED) as u64, "file")));
            }
            return Err(Failure(format!("nothing was imported: {}", lines.join("\n  "))));
        }
    };
    let rows: u64 = hours.iter().map(|hour| hour.rows).sum();
    let mut ledger = open_ledger()?;
    let mut noted = Ok(());
    let restored = restore(&hours, &mut ledger, &mut |done| {
        if noted.is_ok() {
            let percent = done.saturating_mul(100) / rows.max(1);
            noted = write_all(notes, &format!("{done} of {} ({percent} %)\n", counted(rows, "row")));
        }
    })?;
    noted?;
    let mut text = format!("imported {}", counted(restored.calls, "call"));
    if restored.other_accounts > 0 {
        let accounts = counted(restored.other_accounts, "further account");
        text.push_str(&format!(" and {accounts} of them"));
    }
    let is = |n: u64| if n == 1 { "was" } else { "were" };
    text.push_str(&format!(", {} {} already in the ledger", count(restored.known), is(restored.known)));
    if restored.changed > 0 {
        text.push_str(&format!(", {} {} brought up to date", count(restored.changed), is(restored.changed)));
    }
    text.push('\n');
    if restored.too_old > 0 {
        let n = restored.too_old;
        let are = if n == 1 { "is" } else { "are" };
        text.push_str(&format!(
            "{} {} {are} from before what the retention of this ledger has deleted and not imported; import into a new \
             ledger: --ledger FILE\n",
            count(n),
            plural(n, "row"),
        ));
    }
    if restored.without_place > 0 {
        text.push_str(&format!(
            "{} not imported: millions end at that time\n",
            counted(restored.without_place, "row")
        ));
    }
    write_all(out, &text)
}
