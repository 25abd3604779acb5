use crate::archive::column::{COLUMNS, Kind};

/// `docs/parquet.md` has a line for each column, in their order, with its type.
#[test]
fn the_page_describes_every_column() {
    let page = include_str!("../../../../docs/parquet.md");
    let described: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let name = cells.next()?.trim().trim_end_matches('`');
            Some((name, cells.next()?.trim()))
        })
        .collect();
    let wanted: Vec<(&str, &str)> = COLUMNS
        .iter()
        .map(|column| {
            let kind = match (column.kind, column.required) {
                (Kind::Text, true) => "string",
                (Kind::Text, false) => "string, optional",
                (Kind::Time, _) => "timestamp",
                (Kind::Signed, true) => "int64",
                (Kind::Signed, false) => "int64, optional",
                (Kind::Unsigned, true) => "uint64",
                (Kind::Unsigned, false) => "uint64, optional",
                (Kind::Short, true) => "uint32",
                (Kind::Short, false) => "uint32, optional",
                (Kind::Flag, _) => "boolean",
            };
            (column.name, kind)
        })
        .collect();
    assert_eq!(described, wanted);
}
