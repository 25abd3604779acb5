//! `spanledger verify`: compares the ledger with its checksums, or with what journals hold.

mod file;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use spanledger::journal::{Inspected, inspect};

use super::format::Format;
use super::{Failure, write_all};
use crate::journal::comparison::{Compared, Numbers, State, Unproved, compare, count as numbers};
use crate::journal::mistaken;
use crate::store::sqlite::Ledger;
use crate::text::number::{count, counted};
use crate::text::terminal::harmless;

/// Ranges of one kind that the text names; the JSON has all.
const RANGES: usize = 20;

/// What to compare.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Without a journal, all of the ledger's file, next to a running `serve` or alone: the checksum of every page, then the structure of \
its tables and indexes. A damaged or missing page is named with the table and the time of its rows.

With a journal, for each process: calls opened and closed, delivered to a receiver, in the ledger, waiting in the journal, interrupted, lost \
to the journal's cap, and missing (in neither). Nothing is changed. Of a process whose journal was delivered and removed, the \
ledger knows the last number.

Exit status: 0 the file is sound, or every call is in the ledger or in the journal, 1 pages are damaged, or calls are missing or lost, \
or a journal cannot be read in full so that some may be, 2 an error.

Examples:
  spanledger verify --ledger spanledger.db
  spanledger verify --journal /var/lib/shop/journal --ledger spanledger.db
  spanledger verify --journal /var/lib/shop/journal --format json | jq .processes")]
pub struct Args {
    /// The journal's directory. Without it the ledger's file is verified.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Compares, and writes the result to `out`.
///
/// # Errors
/// `Failure` when the journal or the ledger cannot be read.
pub fn run(
    args: &Args,
    ledger: &Path,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let Some(journal) = &args.journal else {
        return file::run(ledger, args.format, out, notes);
    };
    let querier = Ledger::open_reader(ledger)?;
    // First the journals: what leaves them meanwhile is in the ledger then.
    let journals = inspect(journal)
        .map_err(|error| Failure(format!("the journal in {} cannot be read: {error}", journal.display())))?;
    if journals.is_empty()
        && let Some(mistake) = mistaken(journal)?
    {
        return Err(Failure(mistake));
    }
    let compared = compare(journals, querier.processes()?);
    let text = match args.format {
        Format::Text => text(&compared),
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&Document::of(&compared))?),
    };
    write_all(out, &text)?;
    let incomplete = compared.iter().any(Compared::is_incomplete);
    Ok(if incomplete { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn was_read(journal: &Inspected) -> bool {
    journal.other_version.is_none() && journal.error.is_none()
}

fn text(compared: &[Compared]) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    for process in compared {
        let service = if process.service.is_empty() { "(no service)" } else { &process.service };
        line(format!("{} {}: {}", harmless(service), harmless(&process.instance), words(process.state)));
        if let Some(journal) = process.journal.as_ref().filter(|journal| was_read(journal)) {
            line(format!(
                "  journal    {} opened, {} closed, {} delivered, {} in flight",
                count(journal.opened),
                count(journal.closed),
                count(journal.delivered),
                count(journal.in_flight.len() as u64)
            ));
            if journal.checksum_errors > 0 || journal.torn_bytes > 0 {
                let errors = counted(journal.checksum_errors, "checksum error");
                line(format!("  damage     {errors}, {}", counted(journal.torn_bytes, "torn byte")));
            }
        }
        if process.skipped > 0 {
            line(format!("  skipped    {} could not be written down", counted(process.skipped, "call")));
        }
        line(format!(
            "  ledger     {} of {}, {} interrupted",
            count(process.in_ledger),
            count(process.last),
            count(process.interrupted)
        ));
        if let Some(reason) = process.unproved {
            line(format!("  not proved {}", reason_in_words(reason)));
        }
        for (name, ranges) in
            [("waiting", &process.waiting), ("lost", &process.lost), ("missing", &process.missing)]
        {
            if !ranges.is_empty() {
                line(format!("  {name:<10} {}: {}", counted(numbers(ranges), "call"), listed(ranges)));
            }
        }
        if process.lost_unnamed > 0 {
            let calls = counted(process.lost_unnamed, "call");
            line(format!(
                "  lost       {calls} of the missing ones: the journal dropped more ranges than it names"
            ));
        }
    }
    let sum = |of: fn(&Compared) -> u64| compared.iter().map(of).sum::<u64>();
    let (missing, lost) = (sum(Compared::missing_calls), sum(Compared::lost_calls));
    let unproved = compared.iter().filter(|process| process.unproved.is_some()).count() as u64;
    match (missing, lost) {
        (0, 0) if unproved > 0 => line(format!(
            "not proved: no call is known to be missing, but {} not written down or read in full",
            match unproved {
                1 => "1 journal was".to_owned(),
                many => format!("{} journals were", count(many)),
            }
        )),
        (0, 0) => line("complete: every call is in the ledger or in the journal".to_owned()),
        _ => line(format!(
            "incomplete: {} missing, {} lost to a journal's cap",
            counted(missing, "call"),
            counted(lost, "call")
        )),
    }
    out
}

const fn reason_in_words(reason: Unproved) -> &'static str {
    match reason {
        Unproved::OtherVersion => "its journal was not read: use the version of spanledger that wrote it",
        Unproved::Unreadable => "its journal cannot be read: run the command with the rights of its owner",
        Unproved::NoSegments => {
            "its journal has no segment: it ended before its first call, or they were deleted"
        }
        Unproved::Damaged => "records are damaged: calls that were in flight may be missing",
        Unproved::Skipped => {
            "it died after calls that could not be written down: their disk was full or away"
        }
    }
}

const fn words(state: State) -> &'static str {
    match state {
        State::Running => "running, or being recovered",
        State::Ended => "ended in order",
        State::Died => "died, and was recovered",
        State::ToRecover => "has ended, to be recovered: run `spanledger recover`",
        State::OtherVersion => "its journal is of another version of the format",
        State::Unknown => "no journal",
    }
}

fn listed(ranges: &[Numbers]) -> String {
    let mut list: Vec<String> = ranges.iter().take(RANGES).map(range).collect();
    if ranges.len() > RANGES {
        list.push(format!("and {} more", ranges.len() - RANGES));
    }
    list.join(", ")
}

fn range(range: &Numbers) -> String {
    match range.start() == range.end() {
        true => range.start().to_string(),
        false => format!("{}-{}", range.start(), range.end()),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    complete: bool,
    missing_calls: u64,
    lost_calls: u64,
    waiting_calls: u64,
    processes: Vec<Process<'a>>,
}

#[derive(Serialize)]
struct Process<'a> {
    instance: &'a str,
    service: &'a str,
    state: &'static str,
    unproved: Option<&'static str>,
    opened: Option<u64>,
    closed: Option<u64>,
    delivered: Option<u64>,
    in_flight: Option<u64>,
    skipped: Option<u64>,
    torn_bytes: Option<u64>,
    checksum_errors: Option<u64>,
    last_sequence: u64,
    in_ledger: u64,
    interrupted: u64,
    waiting_calls: u64,
    waiting: Vec<[u64; 2]>,
    lost_calls: u64,
    lost: Vec<[u64; 2]>,
    missing_calls: u64,
    missing: Vec<[u64; 2]>,
}

impl<'a> Document<'a> {
    fn of(compared: &'a [Compared]) -> Self {
        let processes: Vec<Process<'_>> = compared.iter().map(Process::of).collect();
        Self {
            complete: !compared.iter().any(Compared::is_incomplete),
            missing_calls: processes.iter().map(|process| process.missing_calls).sum(),
            lost_calls: processes.iter().map(|process| process.lost_calls).sum(),
            waiting_calls: processes.iter().map(|process| process.waiting_calls).sum(),
            processes,
        }
    }
}

impl<'a> Process<'a> {
    fn of(compared: &'a Compared) -> Self {
        let journal = compared.journal.as_ref().filter(|journal| was_read(journal));
        let pairs = |ranges: &[Numbers]| ranges.iter().map(|range| [*range.start(), *range.end()]).collect();
        Self {
            instance: &compared.instance,
            service: &compared.service,
            state: compared.state.as_str(),
            unproved: compared.unproved.map(Unproved::as_str),
            opened: journal.map(|journal| journal.opened),
            closed: journal.map(|journal| journal.closed),
            delivered: journal.map(|journal| journal.delivered),
            in_flight: journal.map(|journal| journal.in_flight.len() as u64),
            skipped: journal
                .map_or((compared.skipped > 0).then_some(compared.skipped), |journal| Some(journal.skipped)),
            torn_bytes: journal.map(|journal| journal.torn_bytes),
            checksum_errors: journal.map(|journal| journal.checksum_errors),
            last_sequence: compared.last,
            in_ledger: compared.in_ledger,
            interrupted: compared.interrupted,
            waiting_calls: numbers(&compared.waiting),
            waiting: pairs(&compared.waiting),
            lost_calls: compared.lost_calls(),
            lost: pairs(&compared.lost),
            missing_calls: compared.missing_calls(),
            missing: pairs(&compared.missing),
        }
    }
}
