//! Bytes: arrays and strings as plain memory, as it comes and goes.

use windlass::array::{ArrayFacts, StringsFacts};
use windlass::prelude::*;

/// The fault of bytes that are not what they should be.
pub(crate) fn bad(text: String) -> Fault {
    Fault::module(1, text)
}

/// An array of these bytes.
pub(crate) fn array(cx: &Context<'_>, dtype: &str, shape: &[u64], data: &[u8]) -> Result<ArrayFacts, Fault> {
    let known = Dtype::of(dtype).and_then(|dtype| dtype.itemsize().map(|size| (dtype, size)));
    let (dtype, itemsize) = known.ok_or_else(|| bad(format!("{dtype:?} is no dtype of plain memory")))?;
    let lengths: Option<Vec<usize>> = shape.iter().map(|&length| usize::try_from(length).ok()).collect();
    let lengths = lengths.ok_or_else(|| bad(format!("an array of shape {shape:?} has no size in bytes")))?;
    let needs = lengths.iter().try_fold(itemsize, |all, &length| all.checked_mul(length));
    if needs != Some(data.len()) {
        return Err(bad(format!("{} bytes do not make an array of {dtype} of shape {shape:?}", data.len())));
    }
    let mut room = cx.symbols().reserve(data.len() as u64)?;
    room.copy_from_slice(data);
    let array = Array::new(dtype, &lengths, room.freeze()).map_err(|error| bad(error.to_string()))?;
    let name = cx.symbols().insert(array.clone())?;
    Ok(ArrayFacts::of(name, &array))
}

/// Strings of these bytes, each ended by a zero.
pub(crate) fn strings(cx: &Context<'_>, data: &[u8]) -> Result<StringsFacts, Fault> {
    if data.last().is_some_and(|&byte| byte != 0) {
        return Err(bad("the last string is not ended by a zero".into()));
    }
    let count = data.iter().filter(|&&byte| byte == 0).count();
    let mut offsets = cx.symbols().fresh::<i64>(&[count + 1])?;
    let mut text = cx.symbols().fresh::<u8>(&[data.len() - count])?;
    let mut end = 0;
    for (at, one) in data.split(|&byte| byte == 0).take(count).enumerate() {
        text[end..end + one.len()].copy_from_slice(one);
        end += one.len();
        offsets[at + 1] = end as i64;
    }
    let made = Strings::new(offsets.done(), text.done()).ok_or_else(|| bad("the bytes are not UTF-8".into()))?;
    let name = cx.symbols().insert(made.clone())?;
    Ok(StringsFacts::of(name, &made))
}

/// What goes out.
pub(crate) enum Part {
    /// An array.
    Array(Array),
    /// Where each string begins, among bytes that a zero ends each.
    Offsets(Strings),
    /// Each string, and a zero.
    Values(Strings),
}

impl Part {
    /// The part of a symbol that is asked for.
    pub(crate) fn of(cx: &Context<'_>, name: &str, part: &str) -> Result<Part, Fault> {
        match part {
            "" => cx.symbols().array(name).map(Part::Array),
            "offsets" => cx.symbols().strings(name).map(Part::Offsets),
            "values" => cx.symbols().strings(name).map(Part::Values),
            other => Err(bad(format!("strings have offsets and values, and no {other:?}"))),
        }
    }

    /// Its bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Part::Array(array) => array.size() * array.dtype().itemsize().unwrap_or(0),
            Part::Offsets(strings) => strings.len() * size_of::<i64>(),
            Part::Values(strings) => strings.byte_slice().len() + strings.len(),
        }
    }

    /// Writes them; `to` has exactly that length.
    pub(crate) fn write(&self, to: &mut [u8]) {
        match self {
            Part::Array(array) => write_array(array, to),
            Part::Offsets(strings) => {
                for (at, (to, from)) in to.chunks_exact_mut(8).zip(strings.offset_slice()).enumerate() {
                    to.copy_from_slice(&(from + at as i64).to_ne_bytes());
                }
            }
            Part::Values(strings) => {
                let mut rest = to;
                for pair in strings.offset_slice().windows(2) {
                    let one = &strings.byte_slice()[pair[0] as usize..pair[1] as usize];
                    let (here, after) = rest.split_at_mut(one.len() + 1);
                    here[..one.len()].copy_from_slice(one);
                    here[one.len()] = 0;
                    rest = after;
                }
            }
        }
    }
}

/// An array in row-major order.
///
/// Cost: one copy when it stands so; otherwise a walk by its innermost axis.
pub(crate) fn write_array(array: &Array, to: &mut [u8]) {
    let itemsize = array.dtype().itemsize().unwrap_or(1);
    if array.is_whole() {
        to.copy_from_slice(&array.memory()[..to.len()]);
        return;
    }
    let inner = array.shape().last().copied().unwrap_or(1).max(1);
    let step = array.strides().last().copied().unwrap_or(1);
    for (row, to) in to.chunks_exact_mut(inner * itemsize).enumerate() {
        let mut from = array.offset() as i64;
        let mut left = row;
        for axis in (0..array.ndim().saturating_sub(1)).rev() {
            let length = array.shape()[axis].max(1);
            from += (left % length) as i64 * array.strides()[axis];
            left /= length;
        }
        for (at, to) in to.chunks_exact_mut(itemsize).enumerate() {
            let byte = (from + at as i64 * step) as usize * itemsize;
            to.copy_from_slice(&array.memory()[byte..byte + itemsize]);
        }
    }
}
