//! Lending memory to operations: what a module handed over, or a call's own buffer.
//!
//! Lives here: `owned`, `of_call`, `take_back`, `Held` (a call's promise not to end while an operation has its memory).
//! Holds: a call's memory stays where it is until no operation has it, because the call is not finished before; memory that
//! was handed over stays until the operation gives it back or drops it.

use super::super::call::Call;
use crate::transport::buffers::Memory;
use std::ptr::NonNull;
use std::rc::Rc;
use windlass_contract::abi::RawOwned;
use windlass_contract::head::Direction;
use windlass_contract::{Code, Fault};
use windlass_driver::IoBuffer;

/// Memory that a module handed over, for one operation.
pub(crate) fn owned(handed: RawOwned) -> IoBuffer {
    match handed.as_ptr() {
        // SAFETY: the bytes are the holder's alone and stay in place until they are freed, which their owner, boxed here, does
        //   when the buffer is dropped or taken apart.
        Some(at) => unsafe { IoBuffer::lent(at, handed.len(), Box::new(handed)) },
        None => IoBuffer::from_vec(Vec::new()),
    }
}

/// A call's own buffer, for one operation; the call is not finished while this lives.
///
/// # Errors
/// `BadBuffer` for a place that the call has not, and for an `in` buffer that is to be filled.
pub(crate) fn of_call(call: &Rc<Call>, place: u32, fills: bool) -> Result<IoBuffer, Fault> {
    let none = || Fault::new(Code::BadBuffer, format!("the call has no buffer {place}"));
    let mut backing = call.backing.borrow_mut();
    let at = usize::try_from(place).ok().and_then(|place| place.checked_sub(1)).ok_or_else(none)?;
    let backing = backing.get_mut(at).ok_or_else(none)?;
    if fills && backing.direction == Direction::In {
        return Err(Fault::new(Code::BadBuffer, format!("buffer {place} is an `in` and is not filled")));
    }
    let outside = || Fault::new(Code::Internal, "a buffer lies outside its segment");
    match &mut backing.memory {
        Memory::Lent(segment, span, _) | Memory::Shared(segment, span, _) => {
            Ok(IoBuffer::shared(segment.clone(), *span).kept_by(Box::new(Held::new(call))))
        }
        Memory::Room(room, len) => {
            let span = room.segment().span(room.offset(), *len).map_err(|_| outside())?;
            Ok(IoBuffer::shared(room.segment().clone(), span).kept_by(Box::new(Held::new(call))))
        }
        Memory::Frozen(frozen, range) => {
            let buffer = IoBuffer::frozen_part(frozen.clone(), range.clone()).ok_or_else(outside)?;
            Ok(buffer.kept_by(Box::new(Held::new(call))))
        }
        Memory::Common(bytes) => {
            let at = NonNull::new(bytes.as_ptr().cast_mut()).ok_or_else(outside)?;
            // SAFETY: as for private bytes below: the call keeps them in place until no operation has them, and it is an `in`.
            Ok(unsafe { IoBuffer::lent(at, bytes.len(), Box::new(Held::new(call))) })
        }
        Memory::Shown(..) => Err(Fault::new(Code::BadBuffer, format!("buffer {place} shows memory of a symbol"))),
        Memory::Private(bytes, _) => {
            let at = NonNull::new(bytes.as_mut_ptr()).ok_or_else(outside)?;
            // SAFETY: the vector belongs to the call, which keeps it in place until it is finished, and it is not finished
            //   while `Held` lives. It is an `in`, so the operation only reads it, and the method only reads it too.
            Ok(unsafe { IoBuffer::lent(at, bytes.len(), Box::new(Held::new(call))) })
        }
    }
}

/// Takes a buffer apart: what was handed over comes back, a call's own is let go of.
pub(crate) fn take_back(buffer: IoBuffer) -> RawOwned {
    let Some(owner) = buffer.into_owner() else { return RawOwned::empty() };
    match owner.downcast::<RawOwned>() {
        Ok(owned) => *owned,
        Err(owner) => {
            if let Ok(held) = owner.downcast::<Held>() {
                held.let_go();
            }
            RawOwned::empty()
        }
    }
}

/// One operation has memory of this call.
struct Held(Option<Rc<Call>>);

impl Held {
    fn new(call: &Rc<Call>) -> Self {
        call.held.set(call.held.get() + 1);
        Self(Some(call.clone()))
    }
    /// The operation has ended, and the call's task looks at its result.
    fn let_go(mut self) {
        if let Some(call) = self.0.take() {
            super::super::let_go(&call);
        }
    }
}

impl Drop for Held {
    /// The operation ended although nobody looked. What follows may run a module's code, so it waits until the worker has
    /// nothing borrowed.
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            let core = call.core.clone();
            if !core.gone.get() {
                core.late.borrow_mut().push(call);
            }
        }
    }
}
