//! Write: columns as one Arrow IPC file, in memory.
//!
//! Holds: columns keep their dtype and have no nulls; text and lists have offsets of 32 bits unless they are too many for them.

use crate::columns::{Column, Source, Values, bad};
use crate::limits::ARROW_ROWS;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, BooleanArray, GenericListArray, GenericStringArray, OffsetSizeTrait, PrimitiveArray, RecordBatch,
    RecordBatchOptions,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use std::ops::Range;
use std::sync::Arc;
use windlass::array::Item;
use windlass::prelude::*;

/// How a file is compressed, by its word.
///
/// # Errors
/// `BadArguments` for a word that Arrow IPC has no compression of.
pub(crate) fn packing(word: &str) -> Result<Option<CompressionType>, Fault> {
    match word.to_ascii_lowercase().as_str() {
        "" | "none" => Ok(None),
        "lz4" => Ok(Some(CompressionType::LZ4_FRAME)),
        "zstd" => Ok(Some(CompressionType::ZSTD)),
        other => Err(bad(format!("no compression {other:?}; there are none, lz4 and zstd"))),
    }
}

fn failed(error: ArrowError) -> Fault {
    bad(format!("problem writing to file {error}"))
}

fn type_of(values: &Values) -> Result<DataType, Fault> {
    let array = match values {
        Values::Strings(strings) if i32::try_from(strings.byte_slice().len()).is_ok() => {
            return Ok(DataType::Utf8);
        }
        Values::Strings(_) => return Ok(DataType::LargeUtf8),
        Values::Array(array) => array,
    };
    Ok(match array.dtype() {
        Dtype::Bool => DataType::Boolean,
        Dtype::Int8 => DataType::Int8,
        Dtype::Int16 => DataType::Int16,
        Dtype::Int32 => DataType::Int32,
        Dtype::Int64 => DataType::Int64,
        Dtype::UInt8 => DataType::UInt8,
        Dtype::UInt16 => DataType::UInt16,
        Dtype::UInt32 => DataType::UInt32,
        Dtype::UInt64 => DataType::UInt64,
        Dtype::Float32 => DataType::Float32,
        Dtype::Float64 => DataType::Float64,
        other @ (Dtype::BigInt | Dtype::Str) => {
            return Err(bad(format!("{other} is no type of an Arrow IPC file")));
        }
    })
}

fn field(name: &str, source: &Source) -> Result<Field, Fault> {
    let of = match &source.0 {
        Column::Flat(values) => type_of(values)?,
        Column::Lists { values, .. } => {
            let item: FieldRef = Arc::new(Field::new("item", type_of(values)?, false));
            if i32::try_from(values.len()).is_ok() { DataType::List(item) } else { DataType::LargeList(item) }
        }
    };
    Ok(Field::new(name, of, false))
}

/// The file's bytes.
///
/// # Errors
/// `BadArguments` when columns have different numbers of rows, or values that no file holds.
pub(crate) async fn file(
    cx: &Context<'_>,
    columns: &[(String, Source)],
    packing: Option<CompressionType>,
) -> Result<Vec<u8>, Fault> {
    let rows = columns.first().map_or(0, |(_, source)| source.rows());
    if let Some((name, other)) = columns.iter().find(|(_, source)| source.rows() != rows) {
        return Err(bad(format!("{name} has {} rows, and {} has {rows}", other.rows(), columns[0].0)));
    }
    let fields: Vec<Field> = columns.iter().map(|(name, source)| field(name, source)).collect::<Result<_, _>>()?;
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let options = IpcWriteOptions::default().try_with_compression(packing).map_err(failed)?;
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &schema, options).map_err(failed)?;
    let mut begin = 0;
    loop {
        let range = begin..rows.min(begin + ARROW_ROWS);
        let mut arrays = Vec::with_capacity(columns.len());
        for ((_, source), field) in columns.iter().zip(schema.fields()) {
            arrays.push(match &source.0 {
                Column::Flat(values) => flat(values, field.data_type(), range.clone())?,
                Column::Lists { segments, values } => lists(segments, values, field.data_type(), range.clone())?,
            });
            cx.yield_if_due().await?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(range.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options).map_err(failed)?;
        writer.write(&batch).map_err(failed)?;
        cx.yield_if_due().await?;
        begin = range.end;
        if begin >= rows {
            break;
        }
    }
    writer.finish().map_err(failed)?;
    writer.into_inner().map_err(failed)
}

fn flat(values: &Values, of: &DataType, range: Range<usize>) -> Result<ArrayRef, Fault> {
    match values {
        Values::Strings(strings) if *of == DataType::LargeUtf8 => text::<i64>(strings, range),
        Values::Strings(strings) => text::<i32>(strings, range),
        Values::Array(array) => numbers(array, range),
    }
}

fn text<O: OffsetSizeTrait>(strings: &Strings, range: Range<usize>) -> Result<ArrayRef, Fault> {
    let texts = range.filter_map(|at| strings.get(at));
    Ok(Arc::new(GenericStringArray::<O>::from_iter_values(texts)))
}

fn lists(segments: &Array, values: &Values, of: &DataType, range: Range<usize>) -> Result<ArrayRef, Fault> {
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
    let from = begin(range.start)?;
    let (mut at, mut offsets) = (from, vec![0i64]);
    for row in range {
        let end = begin(row + 1)?;
        if end < at {
            return Err(bad(format!("segment {} begins before the one in front of it", row + 1)));
        }
        offsets.push((end - from) as i64);
        at = end;
    }
    match of {
        DataType::List(item) => listed::<i32>(item, values, from..at, &offsets),
        DataType::LargeList(item) => listed::<i64>(item, values, from..at, &offsets),
        other => Err(Fault::new(Code::Internal, format!("{other} is no list"))),
    }
}

fn listed<O: OffsetSizeTrait>(
    item: &FieldRef,
    values: &Values,
    range: Range<usize>,
    offsets: &[i64],
) -> Result<ArrayRef, Fault> {
    let offsets: Option<Vec<O>> = offsets.iter().map(|at| O::from_usize(*at as usize)).collect();
    let offsets = offsets.ok_or_else(|| Fault::new(Code::Internal, "lists of more values than their type has"))?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let values = flat(values, item.data_type(), range)?;
    let lists = GenericListArray::<O>::try_new(Arc::clone(item), offsets, values, None).map_err(failed)?;
    Ok(Arc::new(lists))
}

fn numbers(array: &Array, range: Range<usize>) -> Result<ArrayRef, Fault> {
    fn put<T: ArrowPrimitiveType>(array: &Array, range: Range<usize>) -> Result<ArrayRef, Fault>
    where
        T::Native: Item,
    {
        let values = items::<T::Native>(array, range)?;
        Ok(Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(Buffer::from_vec(values)), None)))
    }
    match array.dtype() {
        Dtype::Bool => Ok(Arc::new(BooleanArray::from(items::<bool>(array, range)?))),
        Dtype::Int8 => put::<Int8Type>(array, range),
        Dtype::Int16 => put::<Int16Type>(array, range),
        Dtype::Int32 => put::<Int32Type>(array, range),
        Dtype::Int64 => put::<Int64Type>(array, range),
        Dtype::UInt8 => put::<UInt8Type>(array, range),
        Dtype::UInt16 => put::<UInt16Type>(array, range),
        Dtype::UInt32 => put::<UInt32Type>(array, range),
        Dtype::UInt64 => put::<UInt64Type>(array, range),
        Dtype::Float32 => put::<Float32Type>(array, range),
        Dtype::Float64 => put::<Float64Type>(array, range),
        Dtype::BigInt | Dtype::Str => Err(bad("an array of no numbers")),
    }
}

fn items<T: Item>(array: &Array, range: Range<usize>) -> Result<Vec<T>, Fault> {
    let view = array.view::<T>().ok_or_else(|| bad("an array of another dtype than it says"))?;
    Ok(range.filter_map(|at| view.get(&[at])).collect())
}
