//! What was found in the ledger's file.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::cli::format::Format;
use crate::cli::{Failure, write_all};
use crate::clock;
use crate::record::Timestamp;
use crate::store::sqlite::{DamagedPage, Progress, Verified, verify};
use crate::text::number::{count, counted};
use crate::text::terminal::harmless;
use crate::text::time::rfc3339;

/// Between two lines about the progress, the first of which is due after as long.
const INTERVAL: Duration = Duration::from_secs(2);

pub(super) fn run(
    ledger: &Path,
    form: Format,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let mut shown = clock::instant();
    let verified = verify(ledger, &mut |progress| {
        let now = clock::instant();
        if now.duration_since(shown) >= INTERVAL {
            shown = now;
            // A terminal that has gone is no reason to stop.
            let _ = writeln!(notes, "{}", words(&progress));
        }
    })?;
    let text = match form {
        Format::Text => text(&verified),
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&Document::of(&verified))?),
    };
    write_all(out, &text)?;
    Ok(if verified.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn words(progress: &Progress) -> String {
    match progress {
        Progress::Pages(read, of) => {
            format!("{} of {} MiB read", count(read >> 20), count(*of.max(read) >> 20))
        }
        Progress::Structure(table) => format!("the structure of {} is checked", harmless(table)),
    }
}

fn text(verified: &Verified) -> String {
    let mut lines = Vec::new();
    if verified.checksums {
        let Verified { pages, damaged_pages, missing_pages, damaged, .. } = verified;
        let missing = match missing_pages {
            0 => String::new(),
            missing => {
                format!(", {} of them missing: the file is shorter than it was", count(*missing))
            }
        };
        lines.push(format!("{} read, {} damaged{missing}", counted(*pages, "page"), count(*damaged_pages)));
        lines.extend(damaged.iter().map(|page| format!("  page {}: {}", page.page, held(page))));
        let more = damaged_pages.saturating_sub(damaged.len() as u64);
        if more > 0 {
            lines.push(format!("  and {} more", count(more)));
        }
    }
    lines.extend(verified.faults.iter().map(|fault| format!("  structure: {}", harmless(fault))));
    lines.push(verdict(verified).to_owned());
    lines.join("\n") + "\n"
}

const fn verdict(verified: &Verified) -> &'static str {
    match (verified.is_sound(), verified.checksums) {
        (true, true) => "sound: every page is what was written",
        (true, false) => {
            "sound as far as its structure shows: the pages have no checksums, which `spanledger serve` adds at its start"
        }
        (false, _) => "damaged: reports that would read these pages fail; restore a backup",
    }
}

fn held(page: &DamagedPage) -> String {
    let holds = match &page.holds {
        Some(name) => harmless(name),
        None => "in no use, or below another damaged page".to_owned(),
    };
    match (page.from, page.to) {
        (None, None) => holds,
        (Some(from), None) => format!("{holds}, from {}", rfc3339(from)),
        (None, Some(to)) => format!("{holds}, up to {}", rfc3339(to)),
        (Some(from), Some(to)) => format!("{holds}, {} to {}", rfc3339(from), rfc3339(to)),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    sound: bool,
    checksums: bool,
    pages: u64,
    damaged_pages: u64,
    missing_pages: u64,
    damaged: Vec<DocumentPage<'a>>,
    structure: &'a [String],
}

#[derive(Serialize)]
struct DocumentPage<'a> {
    page: u64,
    holds: Option<&'a str>,
    from: Option<String>,
    to: Option<String>,
}

impl<'a> Document<'a> {
    fn of(verified: &'a Verified) -> Self {
        let time = |time: Option<Timestamp>| time.map(|time| rfc3339(time).to_string());
        let page = |page: &'a DamagedPage| DocumentPage {
            page: page.page,
            holds: page.holds.as_deref(),
            from: time(page.from),
            to: time(page.to),
        };
        Self {
            sound: verified.is_sound(),
            checksums: verified.checksums,
            pages: verified.pages,
            damaged_pages: verified.damaged_pages,
            missing_pages: verified.missing_pages,
            damaged: verified.damaged.iter().map(page).collect(),
            structure: &verified.faults,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Appender;
    use crate::store::conformance::records::call;
    use crate::store::sqlite::{Ledger, Options};

    fn verify_as(form: Format, path: &Path) -> (ExitCode, String) {
        let mut out = Vec::new();
        let code = run(path, form, &mut out, &mut Vec::new()).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_is_damaged_is_named_as_text_and_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut ledger = Ledger::open_writer(&path, &Options::default()).unwrap();
        ledger.append(&(0..300).map(call).collect::<Vec<_>>()).unwrap();
        drop(ledger);
        let (code, text) = verify_as(Format::Text, &path);
        assert_eq!(code, ExitCode::SUCCESS);
        assert!(text.ends_with(" pages read, 0 damaged\nsound: every page is what was written\n"), "{text}");

        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(12).position(|bytes| bytes == b"CREATE TABLE").unwrap();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let (code, text) = verify_as(Format::Text, &path);
        assert_eq!(code, ExitCode::from(1));
        assert!(text.contains(", 1 damaged\n  page ") && text.contains("sqlite_schema\n"), "{text}");
        let (code, json) = verify_as(Format::Json, &path);
        assert_eq!(code, ExitCode::from(1));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["sound"], &json["damaged_pages"]), (&false.into(), &1.into()), "{json}");
        assert_eq!(json["damaged"][0]["holds"], "sqlite_schema");
    }
}
