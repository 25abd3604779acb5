//! The commands of the documentation and of `--help`: those that read are run over a ledger, of the others each flag exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::import::{audit_log, import};
use super::process::{run, spanledger};

/// Commands that read a ledger and end by themselves.
const READ: [&str; 9] =
    ["report", "calls", "hourly", "daily", "weekly", "monthly", "backtest", "rules", "prices"];

/// Commands with commands of their own.
const NESTED: [&str; 2] = ["silence", "rules"];

/// Every page of the documentation.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages: Vec<PathBuf> =
        ["README.md", "SECURITY.md", "alerts/runbook.md"].iter().map(|page| root.join(page)).collect();
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    pages
}

/// The examples of `--help` of every command, as blocks of a page.
fn help() -> String {
    fn below(command: &[&str], pages: &mut String) {
        let output = run(spanledger().args(command).arg("--help").env("COLUMNS", "400"));
        let text = String::from_utf8(output.stdout).unwrap();
        let examples = text
            .lines()
            .filter_map(|line| line.strip_prefix("  "))
            .filter(|line| line.starts_with("spanledger "));
        for example in examples {
            // What an example is for follows it after a gap.
            let written = example.split("  ").next().unwrap_or_default();
            pages.push_str(&format!("```sh\n{written}\n```\n"));
        }
        let listed =
            text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        for line in listed {
            let name = line.split_whitespace().next().unwrap_or_default();
            if name != "help" && line.starts_with("  ") && !line.starts_with("   ") {
                below(&[command, &[name]].concat(), pages);
            }
        }
    }
    let mut pages = String::new();
    below(&[], &mut pages);
    pages
}

/// The commands of one page, as words: lines of shell blocks, and what is in backticks.
fn commands(text: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let mut shell = false;
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            shell = !shell && (language.is_empty() || language == "sh");
            continue;
        }
        let spans: Vec<&str> = match shell {
            true => vec![line.split(" # ").next().unwrap_or_default()],
            false => line.split('`').skip(1).step_by(2).collect(),
        };
        for span in spans {
            if let Some(arguments) = span.trim().strip_prefix("spanledger ") {
                found.insert(arguments.split_whitespace().map(|word| word.replace('\'', "")).collect());
            }
        }
    }
    found
}

#[test]
fn every_command_of_the_documentation_is_one() {
    let folder =
        audit_log(&["'2026-01-02T03:04:05Z', 'r1', 'gpt-4o-mini', 1000, 100, 1500, 200, 0.25, 'ann', NULL"]);
    let (_, _) = import(&folder);
    let ledger = folder.path().join("ledger.db");
    let (mut ran, mut known) = (0, 0);
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read_to_string(&path).unwrap());
    let help = help();
    assert!(help.lines().count() > 150, "{help}");
    for (page, text) in pages().into_iter().map(read).chain([("--help".to_owned(), help)]) {
        for mut words in commands(&text) {
            let place = format!("{page}: spanledger {}", words.join(" "));
            // What a shell does with the output is not the program's.
            words.truncate(
                words
                    .iter()
                    .position(|word| ["|", ">", "&&"].contains(&word.as_str()))
                    .unwrap_or(words.len()),
            );
            let Some(command) = words.first().filter(|word| !word.starts_with('-')) else { continue };
            let nested =
                NESTED.contains(&command.as_str()) && words.get(1).is_some_and(|word| !word.starts_with('-'));
            let help = run(spanledger().args(&words[..=usize::from(nested)]).arg("--help"));
            assert!(help.status.success(), "{place}: no such command");
            let help = String::from_utf8(help.stdout).unwrap();
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let name = flag.split('=').next().unwrap_or_default();
                assert!(help.contains(name), "{place}: no flag {name}");
            }
            known += 1;
            let file = words.iter().any(|word| word == "--config" || word.contains('|'));
            if !READ.contains(&command.as_str())
                || file
                || words.iter().any(|word| word == "--follow" || word == "--tune")
            {
                continue;
            }
            // A ledger that the page names is the one of the test.
            let mut words = words;
            if let Some(at) = words.iter().position(|word| word == "--ledger") {
                words.drain(at..(at + 2).min(words.len()));
            }
            let output =
                run(spanledger().args(&words).arg("--ledger").arg(&ledger).current_dir(folder.path()));
            assert!(output.status.success(), "{place}: {output:?}");
            ran += 1;
        }
    }
    assert!(ran > 15 && known > 40, "{ran} of {known}");
}
