//! What groups of strings and of integers without a width use: places and slices, and from the node's strings to the kernels' and back, and how a reply names what was made.
//!
//! Holds: room for new strings is reserved before it is filled; a loop over strings lets other calls run between its pieces.

use crate::work::{bad, each, fault, room};
use windlass::array::{ArrayFacts, StringsFacts};
use windlass::prelude::*;
use windlass_kernels::strings::{Rewrite, Strings as Seen, StringsRoom, sizes, write};

/// Strings that are worked on before others may run.
pub const PIECE: usize = 4096;

/// Strings as kernels see them. Cost: a look at each offset and byte.
pub fn seen(strings: &Strings) -> Result<Seen<'_>, Fault> {
    Seen::new(strings.offset_slice(), strings.byte_slice()).map_err(fault)
}

/// The pieces of a loop over so many strings.
pub fn pieces(count: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..count).step_by(PIECE).map(move |start| start..count.min(start + PIECE))
}

/// Keeps an array and says so.
pub fn kept(cx: &Context<'_>, array: &Array) -> Result<String, Fault> {
    let facts = ArrayFacts::of(cx.symbols().insert(array.clone())?, array);
    let shape: Vec<String> = facts.shape.iter().map(u64::to_string).collect();
    let (name, dtype, shape) = (&facts.name, &facts.dtype, shape.join(","));
    Ok(format!("created {name} {dtype} {} {} [{shape}] {}", facts.size, facts.ndim, facts.itemsize))
}

/// Keeps strings and says so, as the ancestor does.
pub fn kept_strings(cx: &Context<'_>, strings: Strings) -> Result<String, Fault> {
    Ok(said(&StringsFacts::of(cx.symbols().insert(strings.clone())?, &strings)))
}

/// What is said of strings. The ancestor ends each with a zero byte, and counts it.
pub fn said(facts: &StringsFacts) -> String {
    let (name, n, bytes) = (&facts.name, facts.size, facts.bytes.saturating_add(facts.size));
    format!("created {name} str {n} 1 [{n}] 1+created bytes.size {bytes}")
}

/// New strings, each of which is asked for twice: for its length, and to be written.
pub async fn made<'a>(cx: &Context<'_>, count: usize, of: impl Fn(usize) -> &'a str) -> Result<Strings, Fault> {
    let mut offsets = room::<i64>(cx, &[count.saturating_add(1)])?;
    let mut end = 0usize;
    for piece in pieces(count) {
        for at in piece {
            end = end.checked_add(of(at).len()).ok_or_else(too_long)?;
            offsets[at + 1] = i64::try_from(end).map_err(|_| too_long())?;
        }
        cx.yield_if_due().await?;
    }
    let mut bytes = room::<u8>(cx, &[end])?;
    for piece in pieces(count) {
        for at in piece {
            bytes[offsets[at] as usize..offsets[at + 1] as usize].copy_from_slice(of(at).as_bytes());
        }
        cx.yield_if_due().await?;
    }
    whole(offsets, bytes)
}

/// What a kernel makes of `count` strings, which are as many as there are unless it picks them.
pub async fn rewritten(
    cx: &Context<'_>,
    strings: &Seen<'_>,
    what: &Rewrite<'_>,
    count: usize,
) -> Result<Strings, Fault> {
    let mut offsets = room::<i64>(cx, &[count.saturating_add(1)])?;
    let mut end = 0i64;
    for piece in pieces(count) {
        let lengths = &mut offsets[piece.start + 1..piece.end + 1];
        sizes(what, strings, piece, lengths).map_err(fault)?;
        for length in lengths {
            end = end.checked_add(*length).ok_or_else(too_long)?;
            *length = end;
        }
        cx.yield_if_due().await?;
    }
    let mut bytes = room::<u8>(cx, &[usize::try_from(end).map_err(|_| too_long())?])?;
    let mut own = Vec::new();
    for piece in pieces(count) {
        own.resize(piece.len() + 1, 0);
        let place = offsets[piece.start] as usize..offsets[piece.end] as usize;
        let to = StringsRoom { offsets: &mut own, bytes: &mut bytes[place] };
        write(what, strings, piece, to).map_err(fault)?;
        cx.yield_if_due().await?;
    }
    whole(offsets, bytes)
}

fn whole(offsets: Fresh<i64>, bytes: Fresh<u8>) -> Result<Strings, Fault> {
    let made = Strings::new(offsets.done(), bytes.done());
    made.ok_or_else(|| Fault::new(Code::Internal, "strings were cut between characters"))
}

fn too_long() -> Fault {
    Fault::new(Code::TooLarge, "more bytes of text than can be counted")
}

/// One answer per string, in pieces.
pub async fn answered<T: Item>(
    cx: &Context<'_>,
    count: usize,
    ask: impl Fn(std::ops::Range<usize>, &mut [T]) -> Result<(), windlass_kernels::KernelError> + Sync,
) -> Result<Array, Fault> {
    let mut out = room::<T>(cx, &[count])?;
    each(cx, pieces(count).zip(out.chunks_mut(PIECE)), |(piece, out)| ask(piece, out), |()| ()).await?;
    Ok(out.done())
}

/// A count that a caller gave.
pub fn count(given: &Given, key: &str) -> Result<usize, Fault> {
    usize::try_from(given.scalar::<i64>(key)?).map_err(|_| bad(format!("{key} is below 0")))
}

/// A JSON object of names and what was made, in that order.
pub fn object(parts: &[(&str, String)]) -> String {
    let parts = parts.iter().map(|(name, value)| ((*name).to_owned(), serde_json::Value::from(value.as_str())));
    serde_json::Value::Object(parts.collect()).to_string()
}

/// Where the element at these indices stands; from the end where they are negative.
pub(crate) fn place(shape: &[usize], at: &[i64]) -> Result<usize, Fault> {
    if shape.len() != at.len() {
        return Err(bad(format!("{at:?} has not the rank of {shape:?}")));
    }
    let mut place = 0;
    for (&length, &at) in shape.iter().zip(at) {
        let from_start = if at < 0 { at.saturating_add(length as i64) } else { at };
        let one = usize::try_from(from_start).ok().filter(|one| *one < length);
        place = place * length + one.ok_or_else(|| bad(format!("{at} is outside of {shape:?}")))?;
    }
    Ok(place)
}

/// The shape of a slice, and where its elements stand.
pub(crate) fn sliced(
    shape: &[usize],
    starts: &[i64],
    stops: &[i64],
    strides: &[i64],
) -> Result<(Vec<usize>, Vec<usize>), Fault> {
    if [starts.len(), stops.len(), strides.len()] != [shape.len(); 3] {
        return Err(bad(format!("a slice of {} axes of {shape:?}", starts.len())));
    }
    let (mut lengths, mut places) = (Vec::new(), vec![0]);
    for (axis, &length) in shape.iter().enumerate() {
        let (start, stop, stride) = (starts[axis], stops[axis], strides[axis]);
        let outside = || bad(format!("{start}..{stop} by {stride} is outside of {length}"));
        if stride == 0 {
            return Err(outside());
        }
        let mut along = Vec::new();
        let mut at = start;
        while (stride > 0 && at < stop) || (stride < 0 && at > stop) {
            along.push(usize::try_from(at).ok().filter(|at| *at < length).ok_or_else(outside)?);
            at = at.saturating_add(stride);
        }
        lengths.push(along.len());
        places = places.iter().flat_map(|from| along.iter().map(move |at| from * length + at)).collect();
    }
    Ok((lengths, places))
}
