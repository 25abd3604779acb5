//! `--format` of every command: one vocabulary, of which each command has its part.

use std::borrow::Cow;

/// JSON escapes no characters from U+007F to U+009F, some of which a terminal obeys. Here they are, in a form that JSON and
/// TOML read.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let is_control = |character: char| matches!(character, '\u{7f}'..='\u{9f}');
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_control(character) {
            true => escaped.push_str(&format!("\\u{:04x}", u32::from(character))),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Of commands with one form for people and one for programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For a terminal.
    #[default]
    #[value(alias = "table")]
    Text,
    /// For programs; fields are added, never renamed.
    Json,
}

/// Of `report`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For programs; fields are added, never renamed.
    Json,
    /// One self-contained file with charts, to mail or print.
    Html,
}

/// Of `calls`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum CallsFormat {
    /// For a terminal.
    #[default]
    #[value(alias = "table")]
    Text,
    /// For programs: `{"calls": [...], "next": ...}`.
    Json,
    /// For spreadsheets.
    Csv,
}
