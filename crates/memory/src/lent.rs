//! Lent: the client's two safe handles on shared memory: a loan it writes, and a view of a result it reads.
//!
//! Lives here: `Lent` (a room of a heap segment, written before it is sent), `View` (bytes of a node-written segment under
//! a lease). From: `client`, which learns of rooms from its `Lender` and of results from completions.
//! Holds: a `Lent` is the only handle to its room in this process; the node copies from it and, for shared buffers, writes
//! it only while the call has it. A `View` is of a segment that only the node can write, and the node never writes
//! room with a live lease: that is the node's promise, on which a client depends as it does on its replies.
//! Not here: giving back. Whoever made the handle does that (`client`).

use crate::lender::Room;
use crate::segment::{Access, RangeError, Segment, Span};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A loan: room of a heap segment that this process fills and then sends.
#[derive(Debug)]
pub struct Lent {
    segment: Arc<Segment>,
    span: Span,
    room: Room,
}

impl Lent {
    /// Takes a room for `len` bytes of it.
    ///
    /// # Errors
    /// Gives the room back when it does not lie in the segment, is shorter than `len`, or the segment cannot be written.
    pub fn new(segment: Arc<Segment>, room: Room, len: u64) -> Result<Lent, Room> {
        if len > room.len() || segment.access() != Access::ReadWrite {
            return Err(room);
        }
        match segment.span(room.offset(), len) {
            Ok(span) => Ok(Lent { segment, span, room }),
            Err(_) => Err(room),
        }
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Ends the handle, for giving the room back.
    pub fn into_room(self) -> Room {
        self.room
    }
}

impl Deref for Lent {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: the room came from the one `Lender` of this segment, which lends a run once; the node writes it only
        //   while a call has this handle, when nobody can borrow from it.
        unsafe { self.segment.slice(self.span) }
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed mutably: no other slice of the room lives in this process. The node
        //   reads rooms by copying, which a writer cannot harm.
        unsafe { self.segment.slice_mut(self.span) }
    }
}

/// Bytes of a result, read in place.
#[derive(Clone, Debug)]
pub struct View {
    segment: Arc<Segment>,
    span: Span,
}

impl View {
    /// Takes a range of a segment that is mapped for reading only.
    ///
    /// # Errors
    /// `RangeError` when the range is outside the segment; a segment that can be written counts as having no bytes.
    pub fn new(segment: Arc<Segment>, offset: u64, len: u64) -> Result<View, RangeError> {
        if segment.access() != Access::Read {
            return Err(RangeError { offset, len, bytes: 0 });
        }
        let span = segment.span(offset, len)?;
        Ok(View { segment, span })
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        self.span
    }
}

impl Deref for View {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: this process cannot write the segment (read-only mapping, sealed by the kernel), and the node writes no
        //   room that is leased. Breaks if: `client` released the lease while a view lives; it does so in the view
        //   owner's drop alone.
        unsafe { self.segment.slice(self.span) }
    }
}
