//! Writing one file, a row group at a time.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use sha2::{Digest, Sha256};

use super::column::{COLUMNS, Cell, Column, Kind};
use super::error::ArchiveError;
use super::sums::Sums;
use crate::record::ids::hex;
use crate::store::export::StoredCall;
use crate::store::private_file;

/// Rows, and bytes of text, of a row group at most: what writer and reader hold.
const GROUP_ROWS: usize = 16_384;
const GROUP_BYTES: usize = 16 * 1024 * 1024;
/// Zstandard's own default: its higher levels take several times as long for a few per cent.
const LEVEL: i32 = 3;

/// A file that is complete and on the disk.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) rows: u64,
    pub(super) sums: Sums,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// Writes rows to a new file.
pub(super) struct TableWriter {
    path: PathBuf,
    inner: SerializedFileWriter<Counted>,
    group: Vec<Values>,
    grouped: usize,
    grouped_bytes: usize,
    rows: u64,
    sums: Sums,
}

impl TableWriter {
    /// Begins a file at `path`, in place of what a process that died may have left there.
    pub(super) fn create(path: &Path) -> Result<Self, ArchiveError> {
        let file = private_file::options().create(true).write(true).truncate(true).open(path);
        let file = file.map_err(|error| ArchiveError::writing(path, error))?;
        let sink = Counted { file: BufWriter::new(file), digest: Sha256::new(), bytes: 0 };
        let inner = schema().and_then(|schema| SerializedFileWriter::new(sink, schema, properties()?));
        Ok(Self {
            path: path.to_path_buf(),
            inner: inner.map_err(|error| ArchiveError::writing_table(path, error))?,
            group: COLUMNS.iter().map(Values::of).collect(),
            grouped: 0,
            grouped_bytes: 0,
            rows: 0,
            sums: Sums::default(),
        })
    }

    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn push(&mut self, row: &StoredCall) -> Result<(), ArchiveError> {
        for (column, values) in COLUMNS.iter().zip(&mut self.group) {
            self.grouped_bytes += values.push((column.get)(row));
        }
        self.rows += 1;
        self.sums.add(row);
        self.grouped += 1;
        match self.grouped >= GROUP_ROWS || self.grouped_bytes >= GROUP_BYTES {
            true => self.end_group().map_err(|error| ArchiveError::writing_table(&self.path, error)),
            false => Ok(()),
        }
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        if self.grouped == 0 {
            return Ok(());
        }
        let mut group = self.inner.next_row_group()?;
        let mut columns = self.group.iter_mut();
        while let (Some(mut column), Some(values)) = (group.next_column()?, columns.next()) {
            values.write(column.untyped())?;
            column.close()?;
            values.clear();
        }
        group.close()?;
        (self.grouped, self.grouped_bytes) = (0, 0);
        Ok(())
    }

    /// Completes the file and waits until it is on the disk.
    pub(super) fn finish(mut self) -> Result<Written, ArchiveError> {
        let path = self.path.clone();
        let failed = |error| ArchiveError::writing_table(&path, error);
        self.end_group().map_err(failed)?;
        let mut sink = self.inner.into_inner().map_err(failed)?;
        let synced = sink.file.flush().and_then(|()| sink.file.get_ref().sync_all());
        synced.map_err(|error| ArchiveError::writing(&path, error))?;
        Ok(Written {
            rows: self.rows,
            sums: self.sums,
            bytes: sink.bytes,
            sha256: hex(&sink.digest.finalize()),
        })
    }
}

/// The file, and the checksum of what was written to it.
struct Counted {
    file: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.digest.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The values of one column of a row group; a level of 1 for each that is there.
enum Data {
    Texts(Vec<ByteArray>),
    Longs(Vec<i64>),
    Shorts(Vec<i32>),
    Flags(Vec<bool>),
}

struct Values {
    data: Data,
    /// `None` where every row has a value.
    levels: Option<Vec<i16>>,
}

impl Values {
    fn of(column: &Column) -> Self {
        let data = match column.kind {
            Kind::Text => Data::Texts(Vec::new()),
            Kind::Time | Kind::Signed | Kind::Unsigned => Data::Longs(Vec::new()),
            Kind::Short => Data::Shorts(Vec::new()),
            Kind::Flag => Data::Flags(Vec::new()),
        };
        Self { data, levels: (!column.required).then(Vec::new) }
    }

    /// Adds a value; its bytes of text.
    fn push(&mut self, cell: Cell<'_>) -> usize {
        if let Some(levels) = &mut self.levels {
            levels.push(i16::from(cell != Cell::Absent));
        }
        match (&mut self.data, cell) {
            (Data::Texts(texts), Cell::Text(text)) => {
                texts.push(ByteArray::from(text.as_ref()));
                return text.len();
            }
            (Data::Longs(longs), Cell::Number(number)) => longs.push(number),
            // These columns hold 32 bits without a sign.
            #[expect(clippy::cast_possible_truncation, reason = "the values have at most 32 bits")]
            (Data::Shorts(shorts), Cell::Number(number)) => shorts.push(number as i32),
            (Data::Flags(flags), Cell::Flag(flag)) => flags.push(flag),
            _ => {}
        }
        0
    }

    fn write(&self, column: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = self.levels.as_deref();
        let written = match (&self.data, column) {
            (Data::Texts(texts), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                writer.write_batch(texts, levels, None)
            }
            (Data::Longs(longs), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(longs, levels, None)
            }
            (Data::Shorts(shorts), ColumnWriter::Int32ColumnWriter(writer)) => {
                writer.write_batch(shorts, levels, None)
            }
            (Data::Flags(flags), ColumnWriter::BoolColumnWriter(writer)) => {
                writer.write_batch(flags, levels, None)
            }
            _ => Err(ParquetError::General("a column of another type".to_owned())),
        };
        written.map(drop)
    }

    fn clear(&mut self) {
        match &mut self.data {
            Data::Texts(texts) => texts.clear(),
            Data::Longs(longs) => longs.clear(),
            Data::Shorts(shorts) => shorts.clear(),
            Data::Flags(flags) => flags.clear(),
        }
        if let Some(levels) = &mut self.levels {
            levels.clear();
        }
    }
}

/// The schema of every file.
pub(super) fn schema() -> Result<Arc<Type>, ParquetError> {
    let fields = COLUMNS.iter().map(|column| {
        let (physical, logical) = match column.kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
            Kind::Signed => (Physical::INT64, None),
            Kind::Unsigned => (Physical::INT64, Some(LogicalType::integer(64, false))),
            Kind::Short => (Physical::INT32, Some(LogicalType::integer(32, false))),
            Kind::Flag => (Physical::BOOLEAN, None),
        };
        let repetition = if column.required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let built = Type::primitive_type_builder(column.name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .build()?;
        Ok(Arc::new(built))
    });
    let fields = fields.collect::<Result<Vec<_>, ParquetError>>()?;
    Ok(Arc::new(Type::group_type_builder("call").with_fields(fields).build()?))
}

fn properties() -> Result<Arc<WriterProperties>, ParquetError> {
    let by_end = SortingColumn { column_idx: 0, descending: false, nulls_first: false };
    Ok(Arc::new(
        WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_sorting_columns(Some(vec![by_end]))
            .set_created_by(concat!("spanledger ", env!("CARGO_PKG_VERSION")).to_owned())
            .build(),
    ))
}
