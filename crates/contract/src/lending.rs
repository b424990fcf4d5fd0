//! Lending: the memory that an operation reads from or fills, and how it comes back.
//!
//! Lives here: `Source` (what an operation may read), `Target` (what it may fill), `Lost` (a Fault, and the buffer if it came
//! back), and the one function that starts an operation with a buffer.
//! From: a method's vectors, pages and buffers. To: the host, which has them until the operation has ended.
//! Holds: who waits cannot touch a buffer of true bytes meanwhile, because the operation has it by value; shared memory may
//! be lent by reference, because it is copied and never borrowed. A buffer that an operation was dropped with is gone.

use crate::abi::{OpKind, Pages, PagesReceipt, RawBuffer, RawOp, RawOwned, VecReceipt};
use crate::buffers::{Bytes, In, InOut, Kind, Out, SharedBytes};
use crate::context::{Context, fault_of};
use crate::limits::OPERATION_BYTES_MAX;
use crate::{Code, Fault};
use std::fmt;
use std::ops::{Bound, RangeBounds};
use windlass_memory::hooks::{Plant, planted};

/// Memory that an operation may read from: `Vec<u8>`, [`Pages`], and every buffer of a call.
pub trait Source: sealed::Lend {}
/// Memory that an operation may fill: `Vec<u8>` up to its length, [`Pages`], and the `Out` and `InOut` buffers of a call.
pub trait Target: Source {}

mod sealed {
    use super::{Context, Lent, RawOwned};

    pub trait Lend: Sized {
        /// What stays here while the operation has the memory.
        type Kept;
        /// Bytes there are.
        fn bytes(&self) -> usize;
        /// Gives the memory to an operation of this call.
        fn lend(self, cx: &Context<'_>) -> Result<(Lent, Self::Kept), Self>;
        /// Takes it back.
        fn back(kept: Self::Kept, owned: RawOwned) -> Option<Self>;
    }
}

/// Memory on its way to an operation.
pub enum Lent {
    /// It goes along.
    Owned(RawOwned),
    /// It is the call's own buffer of this place.
    Place(u32),
}

impl sealed::Lend for Vec<u8> {
    type Kept = VecReceipt;
    fn bytes(&self) -> usize {
        self.len()
    }
    fn lend(self, _: &Context<'_>) -> Result<(Lent, VecReceipt), Self> {
        let (owned, receipt) = VecReceipt::lend(self);
        Ok((Lent::Owned(owned), receipt))
    }
    fn back(kept: VecReceipt, owned: RawOwned) -> Option<Self> {
        kept.back(owned)
    }
}
impl Source for Vec<u8> {}
impl Target for Vec<u8> {}

impl sealed::Lend for Pages {
    type Kept = PagesReceipt;
    fn bytes(&self) -> usize {
        self.len()
    }
    fn lend(self, _: &Context<'_>) -> Result<(Lent, PagesReceipt), Self> {
        let (owned, receipt) = PagesReceipt::lend(self);
        Ok((Lent::Owned(owned), receipt))
    }
    fn back(kept: PagesReceipt, owned: RawOwned) -> Option<Self> {
        kept.back(owned)
    }
}
impl Source for Pages {}
impl Target for Pages {}

/// A buffer of the call: it is named, and the host knows where its memory is.
macro_rules! of_the_call {
    ($buffer:ty $(, $kind:ident)?) => {
        impl$(<$kind: Kind>)? sealed::Lend for $buffer {
            type Kept = Self;
            fn bytes(&self) -> usize {
                self.raw().len()
            }
            fn lend(self, cx: &Context<'_>) -> Result<(Lent, Self), Self> {
                match place_of(cx, self.raw()) {
                    Some(place) => Ok((Lent::Place(place), self)),
                    None => Err(self),
                }
            }
            fn back(kept: Self, _: RawOwned) -> Option<Self> {
                Some(kept)
            }
        }
        impl$(<$kind: Kind>)? Source for $buffer {}
    };
}

fn place_of(cx: &Context<'_>, raw: &RawBuffer) -> Option<u32> {
    cx.call.place_of(raw)
}

of_the_call!(In<'_, K>, K);
of_the_call!(&In<'_, K>, K);
of_the_call!(Out<'_, Bytes>);
of_the_call!(Out<'_, SharedBytes>);
of_the_call!(&Out<'_, SharedBytes>);
of_the_call!(InOut<'_, Bytes>);
of_the_call!(InOut<'_, SharedBytes>);
of_the_call!(&InOut<'_, SharedBytes>);
impl Target for Out<'_, Bytes> {}
impl Target for Out<'_, SharedBytes> {}
impl Target for &Out<'_, SharedBytes> {}
impl Target for InOut<'_, Bytes> {}
impl Target for InOut<'_, SharedBytes> {}
impl Target for &InOut<'_, SharedBytes> {}

/// Why an operation did not do what it was asked to, and its buffer if that came back. `?` makes a [`Fault`] of it.
pub struct Lost<B> {
    /// Why.
    pub fault: Fault,
    /// The buffer; `None` while the node still has it, which it has when the call was asked to end.
    pub buffer: Option<B>,
}

impl<B> From<Lost<B>> for Fault {
    fn from(lost: Lost<B>) -> Self {
        lost.fault
    }
}

impl<B> fmt::Debug for Lost<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, the buffer {}", self.fault, if self.buffer.is_some() { "came back" } else { "is gone" })
    }
}

/// What an operation with a buffer comes to: a number, and the buffer.
pub type Moved<B> = Result<(usize, B), Lost<B>>;

/// The range as two numbers, if it lies in `len` bytes.
pub(crate) fn bounds(range: &impl RangeBounds<usize>, len: usize) -> Option<(usize, usize)> {
    let from = match range.start_bound() {
        Bound::Included(at) => *at,
        Bound::Excluded(at) => at.checked_add(1)?,
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(at) => at.checked_add(1)?,
        Bound::Excluded(at) => *at,
        Bound::Unbounded => len,
    };
    (from <= to && to <= len && to - from <= OPERATION_BYTES_MAX).then_some((from, to))
}

/// What an operation works on: its kind, its handle, and a number.
#[derive(Clone, Copy)]
pub(crate) struct On {
    pub(crate) kind: OpKind,
    pub(crate) handle: u64,
    pub(crate) at: u64,
}

/// Starts an operation with `buffer`'s bytes `from..to` and waits for both to come back.
pub(crate) async fn transfer<B: sealed::Lend>(
    cx: &Context<'_>,
    on: On,
    buffer: B,
    range: (usize, usize),
) -> Moved<B> {
    let (lent, kept) = match buffer.lend(cx) {
        Ok(lent) => lent,
        Err(buffer) => {
            let fault = Fault::new(Code::BadBuffer, "the buffer is of another call than the context");
            return Err(Lost { fault, buffer: Some(buffer) });
        }
    };
    let mut asked = RawOp::new(on.kind, on.handle, on.at, Vec::new());
    (asked.from, asked.to) = (range.0 as u64, range.1 as u64);
    match lent {
        Lent::Owned(owned) => asked.buffer = owned,
        Lent::Place(place) => asked.place = place,
    }
    let mut done = cx.begin_raw(asked).await;
    let owned = std::mem::replace(&mut done.buffer, RawOwned::empty());
    let buffer = if done.given_back == 1 { B::back(kept, owned) } else { None };
    match (fault_of(&done), buffer) {
        (Ok(()), Some(buffer)) => Ok((done.value as usize, buffer)),
        (Ok(()), None) => {
            let fault = Fault::new(Code::Internal, "an operation ended well and kept its buffer");
            Err(Lost { fault, buffer: None })
        }
        (Err(fault), buffer) => Err(Lost { fault, buffer }),
    }
}

/// Repeats an operation until `range` has passed wholly; `Ended` when the other side or the file ends before.
pub(crate) async fn all<B: sealed::Lend>(
    cx: &Context<'_>,
    on: On,
    mut buffer: B,
    range: impl RangeBounds<usize>,
) -> Result<B, Lost<B>> {
    let (mut from, to) = match checked(&buffer, &range) {
        Ok(range) => range,
        Err(fault) => return Err(Lost { fault, buffer: Some(buffer) }),
    };
    let (first, at) = (from, on.at);
    while from < to {
        let on = On { at: at + (from - first) as u64, ..on };
        let (moved, back) = transfer(cx, on, buffer, (from, to)).await?;
        buffer = back;
        if moved == 0 {
            let text = format!("the end came after {} of {} bytes", from - first, to - first);
            return Err(Lost { fault: Fault::new(Code::Ended, text), buffer: Some(buffer) });
        }
        from += if planted(Plant::TakenAsWhole) { to - from } else { moved.min(to - from) };
    }
    Ok(buffer)
}

/// Does an operation once.
pub(crate) async fn once<B: sealed::Lend>(
    cx: &Context<'_>,
    on: On,
    buffer: B,
    range: impl RangeBounds<usize>,
) -> Moved<B> {
    match checked(&buffer, &range) {
        Ok(range) => transfer(cx, on, buffer, range).await,
        Err(fault) => Err(Lost { fault, buffer: Some(buffer) }),
    }
}

fn checked<B: sealed::Lend>(buffer: &B, range: &impl RangeBounds<usize>) -> Result<(usize, usize), Fault> {
    bounds(range, buffer.bytes()).ok_or_else(bad_range)
}

fn bad_range() -> Fault {
    let text = format!("the range does not lie in the buffer, or has more than {OPERATION_BYTES_MAX} bytes");
    Fault::new(Code::BadArguments, text)
}
