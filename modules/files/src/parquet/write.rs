//! Write: columns as one Parquet file, in memory.
//!
//! Holds: empty text is written as null, as the ancestor does; a list is Parquet's list of three levels, so that others read it.

use super::super::columns::{Column, Source, Values, bad};
use crate::limits::{BATCH_ROWS, GROUP_ROWS};
use ::parquet::basic::{
    BrotliLevel, Compression, ConvertedType, GzipLevel, LogicalType, Repetition, Type as Physical, ZstdLevel,
};
use ::parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type,
};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::{Type, TypePtr};
use std::ops::Range;
use std::sync::Arc;
use windlass::array::Item;
use windlass::prelude::*;

/// How a file is compressed, by the ancestor's word for it.
pub(crate) fn packing(word: &str) -> Result<Compression, Fault> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "" | "none" => Compression::UNCOMPRESSED,
        "snappy" => Compression::SNAPPY,
        "gzip" => Compression::GZIP(GzipLevel::default()),
        "brotli" => Compression::BROTLI(BrotliLevel::default()),
        "zstd" => Compression::ZSTD(ZstdLevel::default()),
        "lz4" => Compression::LZ4_RAW,
        other => {
            return Err(bad(format!(
                "no compression {other:?}; there are none, snappy, gzip, brotli, zstd and lz4"
            )));
        }
    })
}

fn failed(error: ParquetError) -> Fault {
    bad(format!("problem writing to file {error}"))
}

fn primitive(name: &str, values: &Values, repetition: Repetition) -> Result<TypePtr, Fault> {
    let integer = |bit_width, is_signed| Some(LogicalType::integer(bit_width, is_signed));
    let (physical, logical) = match values {
        Values::Strings(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Values::Array(array) => match array.dtype() {
            Dtype::Bool => (Physical::BOOLEAN, None),
            Dtype::Int8 => (Physical::INT32, integer(8, true)),
            Dtype::Int16 => (Physical::INT32, integer(16, true)),
            Dtype::Int32 => (Physical::INT32, None),
            Dtype::Int64 => (Physical::INT64, None),
            Dtype::UInt8 => (Physical::INT32, integer(8, false)),
            Dtype::UInt16 => (Physical::INT32, integer(16, false)),
            Dtype::UInt32 => (Physical::INT32, integer(32, false)),
            Dtype::UInt64 => (Physical::INT64, integer(64, false)),
            Dtype::Float32 => (Physical::FLOAT, None),
            Dtype::Float64 => (Physical::DOUBLE, None),
            other @ (Dtype::BigInt | Dtype::Str) => {
                return Err(bad(format!("{other} is no type of a Parquet file")));
            }
        },
    };
    let one = Type::primitive_type_builder(name, physical).with_repetition(repetition).with_logical_type(logical);
    Ok(Arc::new(one.build().map_err(failed)?))
}

fn field(name: &str, source: &Source) -> Result<TypePtr, Fault> {
    match &source.0 {
        Column::Flat(values @ Values::Strings(_)) => primitive(name, values, Repetition::OPTIONAL),
        Column::Flat(values) => primitive(name, values, Repetition::REQUIRED),
        Column::Lists { values, .. } => {
            let item = primitive("item", values, Repetition::OPTIONAL)?;
            let list =
                Type::group_type_builder("list").with_repetition(Repetition::REPEATED).with_fields(vec![item]);
            let list = Arc::new(list.build().map_err(failed)?);
            let whole = Type::group_type_builder(name)
                .with_repetition(Repetition::OPTIONAL)
                .with_converted_type(ConvertedType::LIST)
                .with_logical_type(Some(LogicalType::List))
                .with_fields(vec![list]);
            Ok(Arc::new(whole.build().map_err(failed)?))
        }
    }
}

/// The file's bytes.
///
/// # Errors
/// `BadArguments` when columns have different numbers of rows, or values that no file holds.
pub(crate) async fn file(
    cx: &Context<'_>,
    columns: &[(String, Source)],
    packing: Compression,
) -> Result<Vec<u8>, Fault> {
    let rows = columns.first().map_or(0, |(_, source)| source.rows());
    if let Some((name, other)) = columns.iter().find(|(_, source)| source.rows() != rows) {
        return Err(bad(format!("{name} has {} rows, and {} has {rows}", other.rows(), columns[0].0)));
    }
    let fields = columns.iter().map(|(name, source)| field(name, source)).collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(failed)?;
    let properties = WriterProperties::builder().set_compression(packing).build();
    let mut writer =
        SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).map_err(failed)?;
    let mut begin = 0;
    loop {
        let range = begin..rows.min(begin + GROUP_ROWS);
        let mut group = writer.next_row_group().map_err(failed)?;
        for (_, source) in columns {
            let column = group.next_column().map_err(failed)?;
            let mut column = column.ok_or_else(|| Fault::new(Code::Internal, "fewer columns than fields"))?;
            match &source.0 {
                Column::Flat(values) => flat(cx, &mut column, values, range.clone()).await?,
                Column::Lists { segments, values } => {
                    lists(cx, &mut column, segments, values, range.clone()).await?
                }
            }
            column.close().map_err(failed)?;
        }
        group.close().map_err(failed)?;
        begin = range.end;
        if begin >= rows {
            break;
        }
    }
    writer.into_inner().map_err(failed)
}

/// Batches of a range.
fn batches(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(BATCH_ROWS).map(move |start| start..end.min(start + BATCH_ROWS))
}

async fn flat(
    cx: &Context<'_>,
    column: &mut SerializedColumnWriter<'_>,
    values: &Values,
    range: Range<usize>,
) -> Result<(), Fault> {
    for batch in batches(range) {
        match values {
            Values::Strings(strings) => {
                let (mut texts, mut levels) = (Vec::new(), Vec::new());
                for text in batch.filter_map(|at| strings.get(at)) {
                    levels.push(i16::from(!text.is_empty()));
                    if !text.is_empty() {
                        texts.push(ByteArray::from(text));
                    }
                }
                column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None).map_err(failed)?;
            }
            Values::Array(array) => numbers(column, array, batch, None, None)?,
        }
        cx.yield_if_due().await?;
    }
    Ok(())
}

async fn lists(
    cx: &Context<'_>,
    column: &mut SerializedColumnWriter<'_>,
    segments: &Array,
    values: &Values,
    range: Range<usize>,
) -> Result<(), Fault> {
    let begins = segments.view::<i64>().ok_or_else(|| bad("segments are int64"))?;
    let begin = |row: usize| -> Result<usize, Fault> {
        match begins.get(&[row]) {
            None => Ok(values.len()),
            Some(at) => {
                let inside = usize::try_from(at).ok().filter(|at| *at <= values.len());
                inside.ok_or_else(|| bad(format!("segment {row} begins at {at} of {} values", values.len())))
            }
        }
    };
    for batch in batches(range) {
        let from = begin(batch.start)?;
        let (mut at, mut definitions, mut repetitions) = (from, Vec::new(), Vec::new());
        for row in batch {
            let end = begin(row + 1)?;
            if end < at {
                return Err(bad(format!("segment {} begins before the one in front of it", row + 1)));
            }
            match end - at {
                // A list that is there and has nothing.
                0 => {
                    definitions.push(1);
                    repetitions.push(0);
                }
                count => {
                    definitions.extend(std::iter::repeat_n(3, count));
                    repetitions.push(0);
                    repetitions.extend(std::iter::repeat_n(1, count - 1));
                }
            }
            at = end;
        }
        match values {
            Values::Strings(strings) => {
                let texts: Vec<ByteArray> =
                    (from..at).filter_map(|at| strings.get(at)).map(ByteArray::from).collect();
                let writer = column.typed::<ByteArrayType>();
                writer.write_batch(&texts, Some(&definitions), Some(&repetitions)).map_err(failed)?;
            }
            Values::Array(array) => numbers(column, array, from..at, Some(&definitions), Some(&repetitions))?,
        }
        cx.yield_if_due().await?;
    }
    Ok(())
}

fn numbers(
    column: &mut SerializedColumnWriter<'_>,
    array: &Array,
    range: Range<usize>,
    definitions: Option<&[i16]>,
    repetitions: Option<&[i16]>,
) -> Result<(), Fault> {
    fn put<T: Item, D: DataType>(
        (column, array, range): (&mut SerializedColumnWriter<'_>, &Array, Range<usize>),
        levels: (Option<&[i16]>, Option<&[i16]>),
        of: impl Fn(T) -> D::T,
    ) -> Result<(), Fault> {
        let view = array.view::<T>().ok_or_else(|| bad("an array of another dtype than it says"))?;
        let values: Vec<D::T> = range.filter_map(|at| view.get(&[at])).map(of).collect();
        column.typed::<D>().write_batch(&values, levels.0, levels.1).map(drop).map_err(failed)
    }
    let (from, levels) = ((column, array, range), (definitions, repetitions));
    match array.dtype() {
        Dtype::Bool => put::<bool, BoolType>(from, levels, |value| value),
        Dtype::Int8 => put::<i8, Int32Type>(from, levels, i32::from),
        Dtype::Int16 => put::<i16, Int32Type>(from, levels, i32::from),
        Dtype::Int32 => put::<i32, Int32Type>(from, levels, |value| value),
        Dtype::Int64 => put::<i64, Int64Type>(from, levels, |value| value),
        Dtype::UInt8 => put::<u8, Int32Type>(from, levels, i32::from),
        Dtype::UInt16 => put::<u16, Int32Type>(from, levels, i32::from),
        Dtype::UInt32 => put::<u32, Int32Type>(from, levels, |value| value as i32),
        Dtype::UInt64 => put::<u64, Int64Type>(from, levels, |value| value as i64),
        Dtype::Float32 => put::<f32, FloatType>(from, levels, |value| value),
        Dtype::Float64 => put::<f64, DoubleType>(from, levels, |value| value),
        Dtype::BigInt | Dtype::Str => Err(bad("an array of no numbers")),
    }
}
