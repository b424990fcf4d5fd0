//! Sink: what is collected of a column, as the node keeps it.
//!
//! Holds: integers and floats keep their width; half floats become float32, decimals float64, times and dates int64 in the unit that they
//! have; dictionaries are looked up. A null is NaN among floats, an empty text among strings, an empty list among lists, 0 elsewhere, as
//! Parquet's are.

use super::{guarded, of_file};
use crate::columns::{Column, Values};
use crate::limits::BATCH_ROWS;
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float16Type};
use arrow_array::{Array as _, ArrayRef};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;
use std::ops::Range;
use windlass::prelude::*;

type Half = <Float16Type as ArrowPrimitiveType>::Native;

/// What a column becomes: values of a dtype, or lists of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Become {
    pub(super) dtype: Dtype,
    pub(super) lists: bool,
}

/// What a column of this type becomes; `None` when it is not read.
pub(super) fn becomes(of: &DataType) -> Option<Become> {
    match of {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Some(Become { dtype: value(item.data_type())?, lists: true })
        }
        flat => Some(Become { dtype: value(flat)?, lists: false }),
    }
}

fn value(of: &DataType) -> Option<Dtype> {
    Some(match of {
        DataType::Boolean => Dtype::Bool,
        DataType::Int8 => Dtype::Int8,
        DataType::Int16 => Dtype::Int16,
        DataType::Int32 => Dtype::Int32,
        DataType::UInt8 => Dtype::UInt8,
        DataType::UInt16 => Dtype::UInt16,
        DataType::UInt32 => Dtype::UInt32,
        DataType::UInt64 => Dtype::UInt64,
        DataType::Float16 | DataType::Float32 => Dtype::Float32,
        DataType::Float64 | DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) => {
            Dtype::Float64
        }
        DataType::Int64
        | DataType::Timestamp(..)
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Duration(_) => Dtype::Int64,
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView => Dtype::Str,
        DataType::Dictionary(_, values) if !matches!(**values, DataType::Dictionary(..)) => value(values)?,
        _ => return None,
    })
}

/// Where values go.
enum Into_ {
    Bool(Vec<bool>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    UInt8(Vec<u8>),
    UInt16(Vec<u16>),
    UInt32(Vec<u32>),
    UInt64(Vec<u64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Text { offsets: Vec<i64>, bytes: Vec<u8> },
}

/// The same expression for whatever numbers a sink has, and another for text.
macro_rules! each {
    ($of:expr, $values:ident => $numbers:expr, ($offsets:ident, $bytes:ident) => $text:expr) => {
        match $of {
            Into_::Bool($values) => $numbers,
            Into_::Int8($values) => $numbers,
            Into_::Int16($values) => $numbers,
            Into_::Int32($values) => $numbers,
            Into_::Int64($values) => $numbers,
            Into_::UInt8($values) => $numbers,
            Into_::UInt16($values) => $numbers,
            Into_::UInt32($values) => $numbers,
            Into_::UInt64($values) => $numbers,
            Into_::Float32($values) => $numbers,
            Into_::Float64($values) => $numbers,
            Into_::Text { offsets: $offsets, bytes: $bytes } => $text,
        }
    };
}

pub(super) struct Sink {
    to: Into_,
    /// Where each list begins.
    segments: Option<Vec<i64>>,
}

impl Sink {
    /// Asks for the room of so many rows, before they are decoded.
    pub(super) fn new(cx: &Context<'_>, become_: Become, rows: usize) -> Result<Self, Fault> {
        let each = if become_.lists { 8 } else { become_.dtype.itemsize().unwrap_or(8) };
        drop(cx.symbols().reserve((rows as u64).saturating_mul(each as u64))?);
        let to = match become_.dtype {
            Dtype::Bool => Into_::Bool(Vec::new()),
            Dtype::Int8 => Into_::Int8(Vec::new()),
            Dtype::Int16 => Into_::Int16(Vec::new()),
            Dtype::Int32 => Into_::Int32(Vec::new()),
            Dtype::Int64 => Into_::Int64(Vec::new()),
            Dtype::UInt8 => Into_::UInt8(Vec::new()),
            Dtype::UInt16 => Into_::UInt16(Vec::new()),
            Dtype::UInt32 => Into_::UInt32(Vec::new()),
            Dtype::UInt64 => Into_::UInt64(Vec::new()),
            Dtype::Float32 => Into_::Float32(Vec::new()),
            Dtype::Float64 => Into_::Float64(Vec::new()),
            Dtype::Str => Into_::Text { offsets: vec![0], bytes: Vec::new() },
            Dtype::BigInt => return Err(Fault::new(Code::Internal, "no column becomes bigint")),
        };
        Ok(Self { to, segments: become_.lists.then(Vec::new) })
    }

    /// Bytes that it has.
    fn bytes(&self) -> u64 {
        let values = each!(&self.to, values => size_of_val(&values[..]), (offsets, bytes) => size_of_val(&offsets[..]) + bytes.len());
        (values + self.segments.as_ref().map_or(0, |begins| size_of_val(&begins[..]))) as u64
    }

    /// Takes all rows of an array, a batch at a time.
    pub(super) async fn take(&mut self, cx: &Context<'_>, path: &str, array: &ArrayRef) -> Result<(), Fault> {
        for range in batches(0..array.len()) {
            let piece = array.slice(range.start, range.len());
            if self.segments.is_some() {
                self.lists(cx, path, &piece).await?;
            } else {
                self.values(path, &piece)?;
            }
            // Lists and text have as many bytes as they have: they are asked for as they come.
            if self.segments.is_some() || matches!(self.to, Into_::Text { .. }) {
                drop(cx.symbols().reserve(self.bytes())?);
            }
            cx.yield_if_due().await?;
        }
        Ok(())
    }

    /// How many values it has.
    fn len(&self) -> usize {
        each!(&self.to, values => values.len(), (offsets, _bytes) => offsets.len() - 1)
    }

    async fn lists(&mut self, cx: &Context<'_>, path: &str, piece: &ArrayRef) -> Result<(), Fault> {
        // Lists that all are there stand over one run of values.
        let run = match piece.data_type() {
            DataType::List(_) if piece.null_count() == 0 => {
                let lists = piece.as_list::<i32>();
                Some((lists.values(), lists.offsets().iter().map(|at| *at as usize).collect::<Vec<_>>()))
            }
            DataType::LargeList(_) if piece.null_count() == 0 => {
                let lists = piece.as_list::<i64>();
                Some((lists.values(), lists.offsets().iter().map(|at| *at as usize).collect::<Vec<_>>()))
            }
            _ => None,
        };
        let Some((values, offsets)) = run else { return self.lists_one_by_one(cx, path, piece).await };
        let (have, from) = (self.len(), offsets[0]);
        let segments = self.segments.get_or_insert_default();
        segments.extend(offsets[..piece.len()].iter().map(|at| (have + at - from) as i64));
        for range in batches(from..offsets[piece.len()]) {
            self.values(path, &values.slice(range.start, range.len()))?;
            cx.yield_if_due().await?;
        }
        Ok(())
    }

    async fn lists_one_by_one(&mut self, cx: &Context<'_>, path: &str, piece: &ArrayRef) -> Result<(), Fault> {
        for row in 0..piece.len() {
            let begin = self.len() as i64;
            self.segments.get_or_insert_default().push(begin);
            // A null list may stand over values; they are not its.
            if piece.is_null(row) {
                continue;
            }
            let list = match piece.data_type() {
                DataType::List(_) => piece.as_list::<i32>().value(row),
                DataType::LargeList(_) => piece.as_list::<i64>().value(row),
                DataType::FixedSizeList(..) => piece.as_fixed_size_list().value(row),
                other => return Err(Fault::new(Code::Internal, format!("{other} is no list"))),
            };
            for range in batches(0..list.len()) {
                self.values(path, &list.slice(range.start, range.len()))?;
                cx.yield_if_due().await?;
            }
        }
        Ok(())
    }

    fn values(&mut self, path: &str, piece: &ArrayRef) -> Result<(), Fault> {
        if let Some(dictionary) = piece.as_any_dictionary_opt() {
            let found = guarded(path, || arrow_select::take::take(dictionary.values(), dictionary.keys(), None))?;
            return self.values(path, &found);
        }
        let scaled = |scale: &i8| 10f64.powi(i32::from(*scale));
        match (&mut self.to, piece.data_type()) {
            (Into_::Bool(to), DataType::Boolean) => {
                let bits = piece.as_boolean();
                to.extend((0..bits.len()).map(|at| bits.is_valid(at) && bits.value(at)));
            }
            (Into_::Int8(to), _) => numbers(piece, to, 0, |value| value),
            (Into_::Int16(to), _) => numbers(piece, to, 0, |value| value),
            (Into_::Int32(to), _) => numbers(piece, to, 0, |value| value),
            (Into_::Int64(to), DataType::Date32 | DataType::Time32(_)) => {
                numbers::<i32, _>(piece, to, 0, i64::from)
            }
            (Into_::Int64(to), _) => numbers(piece, to, 0, |value| value),
            (Into_::UInt8(to), _) => numbers(piece, to, 0, |value| value),
            (Into_::UInt16(to), _) => numbers(piece, to, 0, |value| value),
            (Into_::UInt32(to), _) => numbers(piece, to, 0, |value| value),
            (Into_::UInt64(to), _) => numbers(piece, to, 0, |value| value),
            (Into_::Float32(to), DataType::Float16) => {
                numbers::<Half, _>(piece, to, f32::NAN, |value| value.to_f32());
            }
            (Into_::Float32(to), _) => numbers(piece, to, f32::NAN, |value| value),
            (Into_::Float64(to), DataType::Decimal32(_, scale)) => {
                numbers::<i32, _>(piece, to, f64::NAN, |value| f64::from(value) / scaled(scale));
            }
            (Into_::Float64(to), DataType::Decimal64(_, scale)) => {
                numbers::<i64, _>(piece, to, f64::NAN, |value| value as f64 / scaled(scale));
            }
            (Into_::Float64(to), DataType::Decimal128(_, scale)) => {
                numbers::<i128, _>(piece, to, f64::NAN, |value| value as f64 / scaled(scale));
            }
            (Into_::Float64(to), _) => numbers(piece, to, f64::NAN, |value| value),
            (Into_::Text { offsets, bytes }, of) => {
                let mut put = |at: usize, text: &[u8]| {
                    if piece.is_valid(at) {
                        std::str::from_utf8(text).map_err(|_| of_file(path, "it has text that is not UTF-8"))?;
                        bytes.extend_from_slice(text);
                    }
                    offsets.push(bytes.len() as i64);
                    Ok::<(), Fault>(())
                };
                let mut rows = 0..piece.len();
                match of {
                    DataType::Utf8 => {
                        rows.try_for_each(|at| put(at, piece.as_string::<i32>().value(at).as_bytes()))
                    }
                    DataType::LargeUtf8 => {
                        rows.try_for_each(|at| put(at, piece.as_string::<i64>().value(at).as_bytes()))
                    }
                    DataType::Utf8View => {
                        rows.try_for_each(|at| put(at, piece.as_string_view().value(at).as_bytes()))
                    }
                    DataType::Binary => rows.try_for_each(|at| put(at, piece.as_binary::<i32>().value(at))),
                    DataType::LargeBinary => rows.try_for_each(|at| put(at, piece.as_binary::<i64>().value(at))),
                    DataType::BinaryView => rows.try_for_each(|at| put(at, piece.as_binary_view().value(at))),
                    other => Err(Fault::new(Code::Internal, format!("{other} is no text"))),
                }?;
            }
            (Into_::Bool(_), other) => return Err(Fault::new(Code::Internal, format!("{other} is no bool"))),
        }
        Ok(())
    }

    pub(super) fn column(self, cx: &Context<'_>) -> Result<Column, Fault> {
        let symbols = cx.symbols();
        let values = each!(self.to, values => Values::Array(symbols.array_of(&values)?), (offsets, bytes) => {
            let strings = Strings::new(symbols.array_of(&offsets)?, symbols.array_of(&bytes)?);
            Values::Strings(strings.ok_or_else(|| Fault::new(Code::Internal, "strings cut between characters"))?)
        });
        Ok(match self.segments {
            Some(segments) => Column::Lists { segments: symbols.array_of(&segments)?, values },
            None => Column::Flat(values),
        })
    }
}

/// Batches of a range.
fn batches(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(BATCH_ROWS).map(move |start| start..end.min(start + BATCH_ROWS))
}

/// Numbers of one type, as those of another.
fn numbers<T: ArrowNativeType, U: Copy>(piece: &ArrayRef, to: &mut Vec<U>, missing: U, of: impl Fn(T) -> U) {
    let data = piece.to_data();
    let values = data.buffer::<T>(0)[..piece.len()].iter();
    match piece.nulls() {
        None => to.extend(values.map(|value| of(*value))),
        Some(nulls) => to.extend(values.zip(nulls).map(|(value, valid)| if valid { of(*value) } else { missing })),
    }
}
