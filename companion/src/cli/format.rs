//! `--format` of every command: one vocabulary, of which each command has its part.

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
