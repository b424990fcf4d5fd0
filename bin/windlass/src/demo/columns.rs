//! Columns: a parquet file, decoded to plain bytes.
//!
//! Holds: numbers are little-endian, in row order; text is offsets (u64, one more than rows) and then its UTF-8 bytes.
//! Not here: nulls and nested columns; a file that has them is refused by name.

use super::Interrupt;
use crate::trouble::Trouble;
use indicatif::ProgressBar;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::File;
use std::path::Path;

/// A column as plain bytes.
#[derive(Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Reads all columns of a file, or their first `rows` rows.
///
/// # Errors
/// `Io` for a file that cannot be read; `BadConfig` for one of another shape.
pub fn decode(
    path: &Path,
    rows: Option<usize>,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<Vec<Column>, Trouble> {
    let failed = |error: ParquetError| Trouble::io(path.display(), &std::io::Error::other(error));
    let file = File::open(path).map_err(|error| Trouble::io(path.display(), &error))?;
    let reader = SerializedFileReader::new(file).map_err(failed)?;
    let facts = reader.metadata();
    let all = usize::try_from(facts.file_metadata().num_rows()).unwrap_or(0);
    let rows = rows.unwrap_or(all).min(all);
    if rows == 0 {
        return Err(Trouble::usage(format!("{} has no rows to show", path.display())));
    }
    let schema = facts.file_metadata().schema_descr();
    bar.set_length((rows * schema.num_columns() * 8) as u64);
    let mut columns = Vec::new();
    for at in 0..schema.num_columns() {
        let described = schema.column(at);
        let mut column = Plain { name: described.name().to_owned(), ..Plain::default() };
        let mut left = rows;
        for group in 0..facts.num_row_groups() {
            interrupt.check()?;
            if left == 0 {
                break;
            }
            let group_reader = reader.get_row_group(group).map_err(failed)?;
            let wanted = left.min(usize::try_from(facts.row_group(group).num_rows()).unwrap_or(0));
            let part = group_reader.get_column_reader(at).map_err(failed)?;
            column.read(part, wanted, described.max_def_level() > 0, path)?;
            left -= wanted;
            bar.inc((wanted * 8) as u64);
        }
        columns.push(column.finish());
    }
    Ok(columns)
}

/// A column while it is read.
#[derive(Default)]
struct Plain {
    name: String,
    bytes: Vec<u8>,
    /// Where each text ends; empty for numbers.
    ends: Vec<u64>,
}

impl Plain {
    fn read(&mut self, reader: ColumnReader, rows: usize, optional: bool, path: &Path) -> Result<(), Trouble> {
        let name = self.name.clone();
        let wrong = move |what: String| Trouble::usage(format!("{}: column {name}: {what}", path.display()));
        let bytes = &mut self.bytes;
        match reader {
            ColumnReader::Int32ColumnReader(part) => {
                numbers(part, rows, optional, |value: &i32| bytes.extend_from_slice(&value.to_le_bytes()))
            }
            ColumnReader::Int64ColumnReader(part) => {
                numbers(part, rows, optional, |value: &i64| bytes.extend_from_slice(&value.to_le_bytes()))
            }
            ColumnReader::FloatColumnReader(part) => {
                numbers(part, rows, optional, |value: &f32| bytes.extend_from_slice(&value.to_le_bytes()))
            }
            ColumnReader::DoubleColumnReader(part) => {
                numbers(part, rows, optional, |value: &f64| bytes.extend_from_slice(&value.to_le_bytes()))
            }
            ColumnReader::ByteArrayColumnReader(part) => {
                let ends = &mut self.ends;
                numbers(part, rows, optional, |value: &ByteArray| {
                    bytes.extend_from_slice(value.data());
                    ends.push(bytes.len() as u64);
                })
            }
            _ => Err("this demo shows integers, floats and text only".to_owned()),
        }
        .map_err(wrong)
    }

    fn finish(self) -> Column {
        if self.ends.is_empty() {
            return Column { name: self.name, bytes: self.bytes };
        }
        let offsets = std::iter::once(0).chain(self.ends).flat_map(u64::to_le_bytes);
        let mut bytes: Vec<u8> = offsets.collect();
        bytes.extend_from_slice(&self.bytes);
        Column { name: self.name, bytes }
    }
}

/// Reads `rows` values of a row group and hands each to `take`.
fn numbers<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    optional: bool,
    mut take: impl FnMut(&T::T),
) -> Result<(), String> {
    let mut values = Vec::with_capacity(rows);
    let mut levels = Vec::new();
    let mut read = 0;
    while read < rows {
        let (records, ..) = reader
            .read_records(rows - read, optional.then_some(&mut levels), None, &mut values)
            .map_err(|error| error.to_string())?;
        if records == 0 {
            return Err(format!("it ends after {read} of {rows} rows"));
        }
        read += records;
    }
    if values.len() != rows {
        return Err("it has nulls, which this demo does not show".to_owned());
    }
    values.iter().for_each(&mut take);
    Ok(())
}
