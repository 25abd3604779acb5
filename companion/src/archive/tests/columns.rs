use super::*;
use crate::archive::column::COLUMNS;
use crate::archive::table_reader::TableReader;
use crate::archive::table_writer::TableWriter;
use crate::store::conformance::records::{every_field, hostile, no_field};
use crate::store::identity::Shared;

fn stored(calls: Vec<CallRecord>) -> Vec<StoredCall> {
    let stored = calls.into_iter().enumerate().map(|(number, call)| StoredCall {
        call,
        counted: number % 2 == 0,
        shared: Shared {
            facts: if number % 3 == 0 { u32::MAX } else { 0 },
            own_service: (number % 4 == 1).then(|| "gateway".to_owned()),
        },
    });
    stored.collect()
}

#[test]
fn gives_back_every_value_of_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.parquet");
    let rows = stored([vec![every_field(), no_field()], hostile()].concat());
    let mut writer = TableWriter::create(&path).unwrap();
    rows.iter().for_each(|row| writer.push(row).unwrap());
    let written = writer.finish().unwrap();
    assert_eq!((written.rows, written.bytes), (rows.len() as u64, path.metadata().unwrap().len()));
    let back: Vec<StoredCall> = TableReader::open(&path).unwrap().map(Result::unwrap).collect();
    assert_eq!(back, rows);
}

#[test]
fn names_each_column_once_and_takes_part_of_every_field() {
    let mut names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), COLUMNS.len());
    // A row that only the columns know: what they leave out would stay as it is in a default row.
    let row = stored(vec![every_field()]).remove(0);
    let mut back = StoredCall::default();
    COLUMNS.iter().for_each(|column| (column.set)(&mut back, (column.get)(&row)).unwrap());
    assert_eq!(back, row);
}

#[test]
fn ends_row_groups_by_rows_and_by_bytes() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.parquet");
    let groups = |rows: u64, preview: usize| {
        let mut writer = TableWriter::create(&path).unwrap();
        let preview = Some("x".repeat(preview));
        for number in 0..rows {
            let call = CallRecord { response_preview: preview.clone(), ..call(number) };
            writer.push(&StoredCall { call, counted: true, ..StoredCall::default() }).unwrap();
        }
        writer.finish().unwrap();
        let file = std::fs::File::open(&path).unwrap();
        assert_eq!(TableReader::open(&path).unwrap().count() as u64, rows);
        SerializedFileReader::new(file).unwrap().num_row_groups()
    };
    assert_eq!(groups(0, 0), 0);
    assert_eq!(groups(20_000, 1), 2);
    assert_eq!(groups(70, 1024 * 1024), 5);
}
