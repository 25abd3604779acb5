//! `docs/configuration.md` is the example file as a page. `UPDATE_GOLDEN=1` rewrites it.

use std::fmt::Write as _;
use std::path::Path;

use crate::config::EXAMPLE;

/// What a line of the example file is.
enum Line<'a> {
    Blank,
    Comment(&'a str),
    /// A header of a table, with its brackets.
    Section(&'a str),
    Key {
        name: &'a str,
        value: &'a str,
        /// Set off by `#`: it has no default, the value is an example.
        optional: bool,
    },
}

fn read(line: &str) -> Line<'_> {
    if line.is_empty() {
        return Line::Blank;
    }
    if line == "#" || line.starts_with("# ") {
        return Line::Comment(line.trim_start_matches('#').strip_prefix(' ').unwrap_or_default());
    }
    let (set, optional) = line.strip_prefix('#').map_or((line, false), |set| (set, true));
    match set.split_once(" = ") {
        Some((name, value)) => Line::Key { name, value, optional },
        None => Line::Section(set),
    }
}

/// Comment lines as paragraphs. Indented ones are a list of terms, or code when they begin with the program's name.
fn prose(comment: &[&str]) -> String {
    let mut out = String::new();
    let mut indented = false;
    for line in comment {
        // Without a blank line the text after a list would be part of its last item.
        if std::mem::replace(&mut indented, line.starts_with("  ")) && !line.starts_with("  ") {
            out.push('\n');
        }
        match line.strip_prefix("  ") {
            Some(item) if item.starts_with("spanledger ") => _ = writeln!(out, "    {item}"),
            // The meaning goes on.
            Some(item) if item.starts_with("  ") => {
                out.truncate(out.trim_end().len());
                _ = writeln!(out, " {}", item.trim());
            }
            Some(item) => {
                let (term, meaning) = item.split_once("  ").unwrap_or((item, ""));
                _ = writeln!(out, "- `{}`: {}", term.trim(), meaning.trim());
            }
            None => _ = writeln!(out, "{line}"),
        }
    }
    out
}

fn page() -> String {
    let mut page = String::from(
        "<!-- Made from companion/spanledger.example.toml by a test; UPDATE_GOLDEN=1 cargo test rewrites it. -->\n\n",
    );
    let mut comment: Vec<&str> = Vec::new();
    let mut in_table = false;
    for line in EXAMPLE.lines() {
        match read(line) {
            Line::Comment(text) => comment.push(text),
            Line::Blank if page.ends_with("-->\n\n") => {
                // The head of the file. Its first line is the title.
                let (title, rest) = comment.split_first().expect("a head");
                let title = title.strip_prefix("Spanledger companion: ").expect(title);
                _ = writeln!(
                    page,
                    "# Configuration of the companion\n\nThe file of `spanledger config --example`: {title}\n{}",
                    prose(rest)
                );
                comment.clear();
            }
            Line::Blank => {
                // Words before the next header belong to this section.
                if !comment.is_empty() {
                    _ = write!(page, "\n{}", prose(&comment));
                    comment.clear();
                }
                in_table = false;
            }
            Line::Section(header) => {
                let level = "#".repeat(1 + header.split('.').count().min(2));
                _ = write!(page, "\n{level} `{header}`\n");
                if !comment.is_empty() {
                    _ = write!(page, "\n{}", prose(&comment));
                    comment.clear();
                }
                in_table = false;
            }
            Line::Key { name, value, optional } => {
                if !in_table {
                    page.push_str("\n| key | default | meaning |\n|---|---|---|\n");
                    in_table = true;
                }
                let such_as = if optional { "such as " } else { "" };
                let row = format!("| `{name}` | {such_as}`{value}` | {} |", comment.join("<br>"));
                _ = writeln!(page, "{}", row.replace("  |", " |"));
                comment.clear();
            }
        }
    }
    page
}

#[test]
fn the_page_on_the_configuration_is_made_of_the_example() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = page.lines().zip(kept.lines()).position(|(now, kept)| now != kept);
    assert!(
        page == kept,
        "docs/configuration.md differs from line {:?}: UPDATE_GOLDEN=1 rewrites it",
        differs
    );
}
