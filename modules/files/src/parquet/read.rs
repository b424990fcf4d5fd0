//! Read: columns out of Parquet files.
//!
//! Holds: integers are read as int64, those without a sign as uint64, floats and decimals as float64, text as strings, lists of any of
//! these as segments and values. A null is NaN among floats, an empty text among strings, and 0 elsewhere.

use super::of_file;
use crate::columns::{Column, Values, bad};
use crate::disk::Whole;
use crate::limits::BATCH_ROWS;
use ::parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use ::parquet::column::reader::ColumnReaderImpl;
use ::parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type,
    Int64Type, Int96, Int96Type,
};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::schema::types::{ColumnDescriptor, Type};
use bytes::Bytes;
use windlass::prelude::*;

type Reader = SerializedFileReader<Bytes>;

fn open(file: &Whole) -> Result<Reader, Fault> {
    SerializedFileReader::new(file.bytes.clone()).map_err(|error| of_file(&file.path, &error))
}

/// What a column becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Become {
    Int,
    Unsigned,
    Float,
    /// Unscaled value, divided by ten to this power.
    Decimal(u32),
    Bool,
    Text,
}

/// One column of a file.
#[derive(Clone, Copy, Debug)]
struct Leaf {
    at: usize,
    become_: Become,
    /// Definition level from which a value is there.
    full: i16,
    /// Definition level from which a list has an element; `None` for a column without lists.
    element: Option<i16>,
}

fn becomes(column: &ColumnDescriptor) -> Option<Become> {
    let unsigned = matches!(column.logical_type_ref(), Some(LogicalType::Integer(of)) if !of.is_signed)
        || matches!(
            column.converted_type(),
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64
        );
    let scale = match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Decimal(of)), _) => Some(of.scale),
        (None, ConvertedType::DECIMAL) => Some(column.type_scale()),
        _ => None,
    };
    if let Some(scale) = scale {
        return Some(Become::Decimal(u32::try_from(scale).ok()?));
    }
    Some(match column.physical_type() {
        Physical::BOOLEAN => Become::Bool,
        Physical::INT32 | Physical::INT64 if unsigned => Become::Unsigned,
        Physical::INT32 | Physical::INT64 | Physical::INT96 => Become::Int,
        Physical::FLOAT | Physical::DOUBLE => Become::Float,
        Physical::BYTE_ARRAY => Become::Text,
        Physical::FIXED_LEN_BYTE_ARRAY => return None,
    })
}

/// The column below a field of the file's root, if it is one that is read: a value, or a list of values.
fn leaf(reader: &Reader, field: &Type) -> Option<Leaf> {
    let schema = reader.metadata().file_metadata().schema_descr();
    let mut below = (0..schema.num_columns()).filter(|at| schema.get_column_root(*at).name() == field.name());
    let (at, None) = (below.next()?, below.next()) else { return None };
    let column = schema.column(at);
    let become_ = becomes(&column)?;
    let (full, lists) = (column.max_def_level(), column.max_rep_level());
    if lists == 0 {
        // A value inside a group has a path; those are not read.
        return field.is_primitive().then_some(Leaf { at, become_, full, element: None });
    }
    if lists > 1 {
        return None;
    }
    // The levels down to the group that repeats.
    let (mut node, mut level) = (field, 0);
    loop {
        let repetition = node.get_basic_info().repetition();
        level += i16::from(repetition != Repetition::REQUIRED);
        if repetition == Repetition::REPEATED {
            return Some(Leaf { at, become_, full, element: Some(level) });
        }
        match node.get_fields() {
            [one] => node = one,
            _ => return None,
        }
    }
}

fn fields(reader: &Reader) -> &[std::sync::Arc<Type>] {
    reader.metadata().file_metadata().schema().get_fields()
}

/// Names of the columns that can be read; without lists unless `nested`.
pub(crate) fn names(file: &Whole, nested: bool) -> Result<Vec<String>, Fault> {
    let reader = open(file)?;
    let read = fields(&reader)
        .iter()
        .filter(|field| leaf(&reader, field).is_some_and(|leaf| nested || leaf.element.is_none()));
    Ok(read.map(|field| field.name().to_owned()).collect())
}

fn find(file: &Whole, reader: &Reader, name: &str) -> Result<Leaf, Fault> {
    let field = fields(reader).iter().find(|field| field.name() == name);
    let field = field.ok_or_else(|| {
        let have: Vec<&str> = fields(reader).iter().map(|field| field.name()).collect();
        bad(format!("Dataset: {name} does not exist in file {}; it has {}", file.path, have.join(", ")))
    })?;
    leaf(reader, field).ok_or_else(|| {
        let text = format!("{name} of {} is of a type that is not read: {}", file.path, kind_of(field));
        Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended)
    })
}

fn kind_of(field: &Type) -> String {
    if field.is_group() { "a group".into() } else { field.get_physical_type().to_string() }
}

fn rows_of(file: &Whole, reader: &Reader) -> Result<usize, Fault> {
    let rows = reader.metadata().file_metadata().num_rows();
    usize::try_from(rows).map_err(|_| bad(format!("{} says that it has {rows} rows", file.path)))
}

/// A column of several files, one after another.
pub(crate) async fn column(cx: &Context<'_>, files: &[Whole], name: &str) -> Result<Column, Fault> {
    let mut readers = Vec::with_capacity(files.len());
    let mut rows = 0usize;
    for file in files {
        let reader = open(file)?;
        let leaf = find(file, &reader, name)?;
        rows = rows.saturating_add(rows_of(file, &reader)?);
        readers.push((file, reader, leaf));
    }
    let Some((first, _, leaf)) = readers.first() else { return Err(bad("no files")) };
    if let Some((other, ..)) = readers.iter().find(|(_, _, other)| {
        std::mem::discriminant(&other.become_) != std::mem::discriminant(&leaf.become_)
            || other.element.is_some() != leaf.element.is_some()
    }) {
        return Err(bad(format!("{name} is of one type in {} and of another in {}", first.path, other.path)));
    }
    let (become_, lists) = (leaf.become_, leaf.element.is_some());
    // Of lists it is not known how many values they have; what is said of rows is the least.
    let mut sink = Sink::new(cx, become_, lists, rows)?;
    for (file, reader, leaf) in &readers {
        for group in 0..reader.num_row_groups() {
            let told = |error| of_file(&file.path, &error);
            let group = reader.get_row_group(group).map_err(told)?;
            let reader = group.get_column_reader(leaf.at).map_err(told)?;
            use ::parquet::column::reader::ColumnReader as Any;
            match reader {
                Any::BoolColumnReader(reader) => sink.drain::<BoolType>(cx, file, *leaf, reader).await?,
                Any::Int32ColumnReader(reader) => sink.drain::<Int32Type>(cx, file, *leaf, reader).await?,
                Any::Int64ColumnReader(reader) => sink.drain::<Int64Type>(cx, file, *leaf, reader).await?,
                Any::Int96ColumnReader(reader) => sink.drain::<Int96Type>(cx, file, *leaf, reader).await?,
                Any::FloatColumnReader(reader) => sink.drain::<FloatType>(cx, file, *leaf, reader).await?,
                Any::DoubleColumnReader(reader) => sink.drain::<DoubleType>(cx, file, *leaf, reader).await?,
                Any::ByteArrayColumnReader(reader) => sink.drain::<ByteArrayType>(cx, file, *leaf, reader).await?,
                Any::FixedLenByteArrayColumnReader(reader) => {
                    sink.drain::<FixedLenByteArrayType>(cx, file, *leaf, reader).await?;
                }
            }
        }
    }
    if sink.rows != rows {
        return Err(bad(format!("{name}: the files say that they have {rows} rows, and have {}", sink.rows)));
    }
    sink.column(cx)
}

/// Which rows of a column are null, as 1 and 0.
pub(crate) async fn nulls(cx: &Context<'_>, files: &[Whole], name: &str) -> Result<Column, Fault> {
    let mut all: Vec<i64> = Vec::new();
    for file in files {
        let reader = open(file)?;
        let leaf = find(file, &reader, name)?;
        if leaf.become_ != Become::Text || leaf.element.is_some() {
            let text = format!("null indices are told of columns of strings; {name} is none");
            return Err(Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended));
        }
        for group in 0..reader.num_row_groups() {
            let told = |error| of_file(&file.path, &error);
            let group = reader.get_row_group(group).map_err(told)?;
            let any = group.get_column_reader(leaf.at).map_err(told)?;
            let ::parquet::column::reader::ColumnReader::ByteArrayColumnReader(mut reader) = any else { continue };
            loop {
                let (mut levels, mut values) = (Vec::new(), Vec::new());
                let (rows, ..) =
                    reader.read_records(BATCH_ROWS, Some(&mut levels), None, &mut values).map_err(told)?;
                if rows == 0 {
                    break;
                }
                match leaf.full {
                    0 => all.extend(std::iter::repeat_n(0, rows)),
                    full => all.extend(levels.iter().map(|&level| i64::from(level < full))),
                }
                cx.yield_if_due().await?;
            }
        }
    }
    Ok(Column::Flat(Values::Array(cx.symbols().array_of(&all)?)))
}

/// Which file each row comes from.
pub(crate) async fn tags(cx: &Context<'_>, files: &[Whole]) -> Result<Column, Fault> {
    let mut all: Vec<i64> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let rows = rows_of(file, &open(file)?)?;
        drop(cx.symbols().reserve(8 * rows as u64)?);
        all.extend(std::iter::repeat_n(at as i64, rows));
        cx.yield_if_due().await?;
    }
    Ok(Column::Flat(Values::Array(cx.symbols().array_of(&all)?)))
}

/// Where values of a column go.
enum Into_ {
    Int(Vec<i64>),
    Unsigned(Vec<u64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
    Text { offsets: Vec<i64>, bytes: Vec<u8> },
}

struct Sink {
    to: Into_,
    become_: Become,
    /// Where each list begins.
    segments: Option<Vec<i64>>,
    rows: usize,
}

/// A value as the library gives it.
enum Raw<'a> {
    Bool(bool),
    Int32(i32),
    Int64(i64),
    Float(f64),
    Bytes(&'a [u8]),
    Nanoseconds(i64),
}

/// A type of the library whose values we take.
trait Taken: DataType {
    fn raw(value: &Self::T) -> Raw<'_>;
}

macro_rules! taken {
    ($($of:ty, $value:ident => $raw:expr;)*) => {
        $(impl Taken for $of {
            fn raw($value: &<Self as DataType>::T) -> Raw<'_> {
                $raw
            }
        })*
    };
}

taken! {
    BoolType, value => Raw::Bool(*value);
    Int32Type, value => Raw::Int32(*value);
    Int64Type, value => Raw::Int64(*value);
    Int96Type, value => Raw::Nanoseconds(Int96::to_nanos(value));
    FloatType, value => Raw::Float(f64::from(*value));
    DoubleType, value => Raw::Float(*value);
    ByteArrayType, value => Raw::Bytes(ByteArray::data(value));
    FixedLenByteArrayType, value => Raw::Bytes(ByteArray::data(value));
}

impl Sink {
    /// Asks for the room of so many rows, before they are decoded.
    fn new(cx: &Context<'_>, become_: Become, lists: bool, rows: usize) -> Result<Self, Fault> {
        let bytes = (rows as u64).saturating_mul(if become_ == Become::Bool && !lists { 1 } else { 8 });
        drop(cx.symbols().reserve(bytes)?);
        let to = match become_ {
            Become::Int => Into_::Int(Vec::new()),
            Become::Unsigned => Into_::Unsigned(Vec::new()),
            Become::Float | Become::Decimal(_) => Into_::Float(Vec::new()),
            Become::Bool => Into_::Bool(Vec::new()),
            Become::Text => Into_::Text { offsets: vec![0], bytes: Vec::new() },
        };
        Ok(Self { to, become_, segments: lists.then(Vec::new), rows: 0 })
    }

    fn len(&self) -> usize {
        match &self.to {
            Into_::Int(values) => values.len(),
            Into_::Unsigned(values) => values.len(),
            Into_::Float(values) => values.len(),
            Into_::Bool(values) => values.len(),
            Into_::Text { offsets, .. } => offsets.len() - 1,
        }
    }

    /// Bytes that it has.
    fn bytes(&self) -> u64 {
        let each = match &self.to {
            Into_::Bool(_) => 1,
            _ => 8,
        };
        let text = if let Into_::Text { bytes, .. } = &self.to { bytes.len() } else { 0 };
        (self.len() * each + text) as u64
    }

    /// Takes all values of one column of one group of rows.
    async fn drain<D: Taken>(
        &mut self,
        cx: &Context<'_>,
        file: &Whole,
        leaf: Leaf,
        mut reader: ColumnReaderImpl<D>,
    ) -> Result<(), Fault> {
        let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            definitions.clear();
            repetitions.clear();
            values.clear();
            let read =
                reader.read_records(BATCH_ROWS, Some(&mut definitions), Some(&mut repetitions), &mut values);
            let (rows, ..) = read.map_err(|error| of_file(&file.path, &error))?;
            if rows == 0 {
                return Ok(());
            }
            self.rows += rows;
            if definitions.is_empty() {
                values.iter().try_for_each(|value| self.value(file, D::raw(value)))?;
            } else {
                let mut left = values.iter();
                for (at, &definition) in definitions.iter().enumerate() {
                    if let Some(element) = leaf.element {
                        if repetitions.get(at) == Some(&0) {
                            let begin = self.len() as i64;
                            self.segments.get_or_insert_default().push(begin);
                        }
                        if definition < element {
                            continue;
                        }
                    }
                    match (definition >= leaf.full).then(|| left.next()).flatten() {
                        Some(value) => self.value(file, D::raw(value))?,
                        None => self.missing(),
                    }
                }
            }
            // Lists and text have as many bytes as they have: they are asked for as they come.
            if leaf.element.is_some() || matches!(self.to, Into_::Text { .. }) {
                drop(cx.symbols().reserve(self.bytes())?);
            }
            cx.yield_if_due().await?;
        }
    }

    fn missing(&mut self) {
        match &mut self.to {
            Into_::Int(values) => values.push(0),
            Into_::Unsigned(values) => values.push(0),
            Into_::Float(values) => values.push(f64::NAN),
            Into_::Bool(values) => values.push(false),
            Into_::Text { offsets, bytes } => offsets.push(bytes.len() as i64),
        }
    }

    fn value(&mut self, file: &Whole, raw: Raw<'_>) -> Result<(), Fault> {
        match (&mut self.to, raw, self.become_) {
            (Into_::Float(values), raw, Become::Decimal(scale)) => {
                let unscaled = match raw {
                    Raw::Int32(value) => f64::from(value),
                    Raw::Int64(value) => value as f64,
                    Raw::Bytes(bytes) => of_big_endian(bytes),
                    _ => return Err(bad(format!("{} has a decimal of no integer", file.path))),
                };
                values.push(unscaled / 10f64.powi(scale as i32));
            }
            (Into_::Bool(values), Raw::Bool(value), _) => values.push(value),
            (Into_::Int(values), Raw::Int32(value), _) => values.push(i64::from(value)),
            (Into_::Int(values), Raw::Int64(value) | Raw::Nanoseconds(value), _) => values.push(value),
            (Into_::Unsigned(values), Raw::Int32(value), _) => values.push(u64::from(value as u32)),
            (Into_::Unsigned(values), Raw::Int64(value), _) => values.push(value as u64),
            (Into_::Float(values), Raw::Float(value), _) => values.push(value),
            (Into_::Text { offsets, bytes }, Raw::Bytes(text), _) => {
                if std::str::from_utf8(text).is_err() {
                    return Err(bad(format!("{} has text that is not UTF-8", file.path)));
                }
                bytes.extend_from_slice(text);
                offsets.push(bytes.len() as i64);
            }
            _ => return Err(bad(format!("{} has values of another type than its schema says", file.path))),
        }
        Ok(())
    }

    fn column(self, cx: &Context<'_>) -> Result<Column, Fault> {
        let symbols = cx.symbols();
        let values = match self.to {
            Into_::Int(values) => Values::Array(symbols.array_of(&values)?),
            Into_::Unsigned(values) => Values::Array(symbols.array_of(&values)?),
            Into_::Float(values) => Values::Array(symbols.array_of(&values)?),
            Into_::Bool(values) => Values::Array(symbols.array_of(&values)?),
            Into_::Text { offsets, bytes } => {
                let strings = Strings::new(symbols.array_of(&offsets)?, symbols.array_of(&bytes)?);
                Values::Strings(
                    strings.ok_or_else(|| Fault::new(Code::Internal, "strings cut between characters"))?,
                )
            }
        };
        Ok(match self.segments {
            Some(segments) => Column::Lists { segments: symbols.array_of(&segments)?, values },
            None => Column::Flat(values),
        })
    }
}

/// Two's complement, the highest byte first, as a float.
fn of_big_endian(bytes: &[u8]) -> f64 {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let size = bytes.iter().fold(0f64, |all, &byte| all * 256.0 + f64::from(if negative { !byte } else { byte }));
    if negative { -(size + 1.0) } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_from_twos_complement() {
        assert_eq!(of_big_endian(&[0, 0x7B]), 123.0);
        assert_eq!(of_big_endian(&[0xFF, 0x85]), -123.0);
        assert_eq!(of_big_endian(&[]), 0.0);
    }
}
