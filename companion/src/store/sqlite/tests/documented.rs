//! `docs/ledger.md` describes the file that this version writes.

use std::collections::BTreeSet;

use super::*;
use crate::store::sqlite::file::schema::VERSION;

const DOCUMENT: &str = include_str!("../../../../../docs/ledger.md");

/// The first cells of the rows of the table below `heading`.
fn first_cells(heading: &str) -> impl Iterator<Item = &'static str> {
    let section = DOCUMENT.split_once(heading).unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|line| line.split(" |").next())
        .skip(1)
}

#[test]
fn the_document_names_every_table_of_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(Ledger::open_writer(&path, &Options::default()).unwrap());

    let documented: BTreeSet<String> = first_cells("\n## Tables\n")
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.trim_matches('`').to_owned())
        .collect();
    let file = file(&path);
    let mut statement = file
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let tables: BTreeSet<String> =
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(documented, tables);
}

#[test]
fn the_document_names_every_schema_version() {
    let documented: Vec<i64> =
        first_cells("\n## Schema versions\n").map(|version| version.parse().unwrap()).collect();
    assert_eq!(documented, (1..=VERSION).collect::<Vec<_>>());
}
