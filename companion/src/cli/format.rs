//! `--format` of every command: one vocabulary, of which each command has its part.

use std::borrow::Cow;

use crate::text::terminal::is_invisible;

/// `text` without what a terminal obeys and no reader sees: DEL, the controls of one byte more (C1), changes of direction and
/// characters without width. JSON escapes none of them. Here they are in a form that JSON and TOML read.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let is_hidden = |character: char| matches!(character, '\u{7f}'..='\u{9f}') || is_invisible(character);
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_hidden(character) {
            true => push_escape(&mut escaped, character),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// As [`escaped`], and without any other control character, ends of lines included: for a part of a line.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() || is_invisible(character) {
            true => push_escape(&mut line, character),
            false => line.push(character),
        }
    }
    line
}

fn push_escape(text: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        text.push_str(&format!("\\u{unit:04x}"));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_hides_or_is_obeyed_as_json_reads_it() {
        let hostile = "a\u{9b}31m\u{7f}\u{202e}\u{2066}\u{200b}\u{2028}\u{e0041}é";
        let escaped = escaped(hostile);
        assert_eq!(escaped, r"a\u009b31m\u007f\u202e\u2066\u200b\u2028\udb40\udc41é");
        let read: String = serde_json::from_str(&format!("\"{escaped}\"")).unwrap();
        assert_eq!(read, hostile);
        assert_eq!(on_one_line("a\u{1b}[2J\r\nb\u{202e}"), r"a\u001b[2J\u000d\u000ab\u202e");
    }
}
