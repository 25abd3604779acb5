//! Reading one file, a row group at a time.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

use super::column::{COLUMNS, Cell, Column, Kind};
use super::error::ArchiveError;
use super::table_writer::schema;
use crate::store::export::StoredCall;

/// Gives the rows of a file in their order. After a failure it ends.
pub(super) struct TableReader {
    path: PathBuf,
    inner: SerializedFileReader<File>,
    next_group: usize,
    rows: IntoIter<StoredCall>,
}

impl TableReader {
    pub(super) fn open(path: &Path) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(|error| ArchiveError::reading(path, error))?;
        let damaged = |error: ParquetError| ArchiveError::reading_table(path, &error);
        let inner = SerializedFileReader::new(file).map_err(damaged)?;
        let found = inner.metadata().file_metadata().schema();
        let wanted = schema().map_err(damaged)?;
        if found.get_fields() != wanted.get_fields() {
            return Err(ArchiveError::wrong(
                path,
                "its columns are not those of this version; it was not written by `spanledger export`, or was written again by \
                 another program",
            ));
        }
        Ok(Self { path: path.to_path_buf(), inner, next_group: 0, rows: Vec::new().into_iter() })
    }

    fn read_group(&mut self) -> Result<Vec<StoredCall>, ArchiveError> {
        let group = self.inner.get_row_group(self.next_group);
        self.next_group += 1;
        let rows = group.and_then(|group| read(group.as_ref()));
        rows.map_err(|error| ArchiveError::reading_table(&self.path, &error))
    }
}

impl Iterator for TableReader {
    type Item = Result<StoredCall, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.rows.next() {
                return Some(Ok(row));
            }
            if self.next_group >= self.inner.num_row_groups() {
                return None;
            }
            match self.read_group() {
                Ok(rows) => self.rows = rows.into_iter(),
                Err(error) => {
                    self.next_group = usize::MAX;
                    return Some(Err(error));
                }
            }
        }
    }
}

fn read(group: &dyn RowGroupReader) -> Result<Vec<StoredCall>, ParquetError> {
    let count = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let mut rows: Vec<StoredCall> = Vec::new();
    for (index, column) in COLUMNS.iter().enumerate() {
        match group.get_column_reader(index)? {
            ColumnReader::ByteArrayColumnReader(reader) => {
                fill(reader, count, column, &mut rows, |bytes: &ByteArray| {
                    Ok(Cell::Text(Cow::Owned(bytes.as_utf8()?.to_owned())))
                })
            }
            ColumnReader::Int64ColumnReader(reader) => {
                fill(reader, count, column, &mut rows, |number| Ok(Cell::Number(*number)))
            }
            ColumnReader::Int32ColumnReader(reader) => fill(reader, count, column, &mut rows, |number| {
                Ok(Cell::Number(i64::from(number.cast_unsigned())))
            }),
            ColumnReader::BoolColumnReader(reader) => {
                fill(reader, count, column, &mut rows, |flag| Ok(Cell::Flag(*flag)))
            }
            _ => Err(ParquetError::General(format!("{} has another type", column.name))),
        }?;
    }
    Ok(rows)
}

/// Reads one column of a row group into the rows.
fn fill<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    count: usize,
    column: &Column,
    rows: &mut Vec<StoredCall>,
    cell: impl Fn(&T::T) -> Result<Cell<'static>, ParquetError>,
) -> Result<(), ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut found = 0;
    while found < count {
        let with_levels = (!column.required).then_some(&mut levels);
        let (records, ..) = reader.read_records(count - found, with_levels, None, &mut values)?;
        if records == 0 {
            return Err(ParquetError::EOF(format!("{} has too few values", column.name)));
        }
        found += records;
    }
    rows.resize_with(count.max(rows.len()), StoredCall::default);
    let mut values = values.iter();
    for (index, row) in rows.iter_mut().enumerate() {
        let there = column.required || levels.get(index) == Some(&1);
        let value = match there {
            true => match values.next() {
                Some(value) => cell(value)?,
                None => return Err(ParquetError::EOF(format!("{} has too few values", column.name))),
            },
            false => Cell::Absent,
        };
        let unknown = || ParquetError::General(format!("row {index} has no valid {}", column.name));
        (column.set)(row, value).ok_or_else(unknown)?;
    }
    debug_assert!(column.kind != Kind::Flag || column.required, "flags are always there");
    Ok(())
}
