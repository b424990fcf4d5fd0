//! Build: objects from elements that were read.
//!
//! Holds: offsets are looked at before they are believed; text is UTF-8, or that is an error which names it.

use super::big;
use super::layout::Sort;
use super::library::{Room, Want};
use super::plan::Plan;
use crate::columns::bad;
use crate::limits::BATCH_ROWS;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use windlass::prelude::*;
use windlass::symbols::BigintSymbol;

/// An object in memory.
#[derive(Debug)]
pub(super) enum Object {
    Array(Sort, Array),
    Big(Sort, BigintSymbol),
    Text(Strings),
    Lists(Array, Box<Object>),
    Parts(Sort, Vec<(String, Object)>),
}

/// What was read; each is taken by one object.
pub(super) struct Rooms(Vec<Option<Want>>);

impl Rooms {
    pub(super) fn of(wants: Vec<Want>) -> Self {
        Self(wants.into_iter().map(Some).collect())
    }
    fn take(&mut self, at: usize) -> Result<Want, Fault> {
        let taken = self.0.get_mut(at).and_then(Option::take);
        taken.ok_or_else(|| Fault::new(Code::Internal, "elements of an HDF5 file that two objects have"))
    }
}

type Building<'a> = Pin<Box<dyn Future<Output = Result<Object, Fault>> + 'a>>;

/// Puts an object together.
///
/// # Errors
/// `BadArguments` for offsets and text that are none; `NoMemory`.
pub(super) fn build<'a>(cx: &'a Context<'a>, plan: Plan, rooms: &'a mut Rooms) -> Building<'a> {
    Box::pin(async move {
        Ok(match plan {
            Plan::Array { sort, want } => Object::Array(sort, array(rooms.take(want)?)?),
            Plan::Big { sort, limbs, max_bits, signed } => {
                let (mut all, mut shape) = (Vec::with_capacity(limbs.len()), Vec::new());
                for want in limbs {
                    let Room::Unsigned(limb) = rooms.take(want)?.room else { return Err(bad("limbs are uint64")) };
                    shape = limb.shape().to_vec();
                    all.push(limb);
                }
                Object::Big(sort, big::of_limbs(cx, &shape, &all, max_bits, signed).await?)
            }
            Plan::Text { name, values, begins } => {
                let begins = begins.map(|begins| rooms.take(begins)).transpose()?;
                Object::Text(text(cx, &name, rooms.take(values)?, begins).await?)
            }
            Plan::Lists { name, begins, values } => {
                let begins = rooms.take(begins)?;
                let counts = counts(&values, rooms)
                    .ok_or_else(|| bad(format!("{name}: lists of strings without offsets")))?;
                let values = build(cx, *values, rooms).await?;
                Object::Lists(segments(cx, &name, begins, &counts).await?, Box::new(values))
            }
            Plan::Parts { sort, members } => {
                let mut parts = Vec::with_capacity(members.len());
                for (name, plan) in members {
                    let part = build(cx, plan, rooms).await?;
                    parts.push((name, part));
                }
                Object::Parts(sort, parts)
            }
        })
    })
}

fn array(want: Want) -> Result<Array, Fault> {
    Ok(match want.room {
        Room::Int(room) => room.done(),
        Room::Unsigned(room) => room.done(),
        Room::Float(room) => room.done(),
        Room::Byte(room) => room.done(),
        Room::Bool(room) => {
            let shape = room.shape().to_vec();
            let memory = room.done().memory().clone();
            Array::new(Dtype::Bool, &shape, memory).map_err(|error| bad(format!("{}: {error}", want.name)))?
        }
    })
}

/// Values of lists in each file.
fn counts(plan: &Plan, rooms: &Rooms) -> Option<Vec<usize>> {
    let want = match plan {
        Plan::Array { want, .. } => Some(*want),
        Plan::Big { limbs, .. } => Some(limbs.start),
        Plan::Text { begins, .. } => *begins,
        Plan::Lists { .. } | Plan::Parts { .. } => None,
    };
    let want = rooms.0.get(want?)?.as_ref()?;
    Some(want.pieces.iter().map(|(range, _)| range.len()).collect())
}

/// Where lists begin, counted from the first file.
async fn segments(cx: &Context<'_>, name: &str, want: Want, counts: &[usize]) -> Result<Array, Fault> {
    let Room::Int(mut begins) = want.room else { return Err(bad(format!("{name}: offsets are int64"))) };
    let mut base = 0i64;
    for ((range, _), &count) in want.pieces.iter().zip(counts) {
        let mut least = 0;
        for rows in batches(range.clone()) {
            for begin in &mut begins[rows] {
                if *begin < least || *begin > count as i64 {
                    return Err(bad(format!("{name}: a list begins at {begin} of {count} values, after {least}")));
                }
                least = *begin;
                *begin += base;
            }
            cx.yield_if_due().await?;
        }
        base += count as i64;
    }
    Ok(begins.done())
}

fn batches(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(BATCH_ROWS).map(move |start| start..end.min(start + BATCH_ROWS))
}

/// Strings of their bytes, each with a zero behind it.
async fn text(cx: &Context<'_>, name: &str, values: Want, begins: Option<Want>) -> Result<Strings, Fault> {
    let Room::Byte(bytes) = &values.room else { return Err(bad(format!("{name}: strings are bytes"))) };
    let ends = match begins {
        Some(begins) => ends(cx, name, begins, &values).await?,
        None => zeros(cx, name, bytes).await?,
    };
    let rows = ends.len();
    let mut offsets = cx.symbols().fresh::<i64>(&[rows + 1])?;
    let left = bytes.len().checked_sub(rows).ok_or_else(|| bad(format!("{name}: more strings than bytes")))?;
    let mut out = cx.symbols().fresh::<u8>(&[left])?;
    let (mut from, mut to) = (0usize, 0usize);
    for rows in batches(0..rows) {
        for row in rows {
            // `ends` are behind each string's zero, and rise.
            let end = ends[row] as usize;
            let without_zero = &bytes[from..end - 1];
            out[to..to + without_zero.len()].copy_from_slice(without_zero);
            (from, to) = (end, to + without_zero.len());
            offsets[row + 1] = to as i64;
        }
        cx.yield_if_due().await?;
    }
    if to != left {
        return Err(bad(format!("{name}: {} bytes behind the last string", left - to)));
    }
    let strings = Strings::new(offsets.done(), out.done());
    strings.ok_or_else(|| bad(format!("{name}: the strings are not UTF-8")))
}

/// Where each string ends, by where the next one begins.
async fn ends(cx: &Context<'_>, name: &str, begins: Want, values: &Want) -> Result<Fresh<i64>, Fault> {
    let (Room::Int(mut at), Room::Byte(bytes)) = (begins.room, &values.room) else {
        return Err(bad(format!("{name}: offsets are int64")));
    };
    for ((rows, _), (here, _)) in begins.pieces.iter().zip(&values.pieces) {
        if rows.is_empty() && !here.is_empty() || !rows.is_empty() && at[rows.start] != 0 {
            return Err(bad(format!("{name}: the first string does not begin at the first byte")));
        }
        let mut least = here.start;
        for batch in batches(rows.clone()) {
            for row in batch {
                let end = match row + 1 < rows.end {
                    true => usize::try_from(at[row + 1]).ok().and_then(|next| next.checked_add(here.start)),
                    false => Some(here.end),
                };
                let inside = end.filter(|&end| end > least && end <= here.end && bytes[end - 1] == 0);
                let end = inside.ok_or_else(|| bad(format!("{name}: string {row} has no end")))?;
                at[row] = end as i64;
                least = end;
            }
            cx.yield_if_due().await?;
        }
    }
    Ok(at)
}

/// Where each string ends, by its zero.
async fn zeros(cx: &Context<'_>, name: &str, bytes: &[u8]) -> Result<Fresh<i64>, Fault> {
    let mut count = 0;
    for piece in bytes.chunks(1 << 16) {
        count += piece.iter().filter(|byte| **byte == 0).count();
        cx.yield_if_due().await?;
    }
    if bytes.last().is_some_and(|byte| *byte != 0) {
        return Err(bad(format!("{name}: the last string has no end")));
    }
    let mut ends = cx.symbols().fresh::<i64>(&[count])?;
    let mut row = 0;
    for (piece, begin) in bytes.chunks(1 << 16).zip((0..).step_by(1 << 16)) {
        for (at, _) in piece.iter().enumerate().filter(|(_, byte)| **byte == 0) {
            ends[row] = (begin + at + 1) as i64;
            row += 1;
        }
        cx.yield_if_due().await?;
    }
    Ok(ends)
}
