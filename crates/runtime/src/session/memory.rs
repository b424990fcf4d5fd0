//! A session's memory: heap, frozen and result segments, rooms and leases.
//!
//! Lives here: `Memories` (the tables), `ResultRoom` (room of a result segment, with one owner at a time); `shown` (memory of
//! symbols under a lease).
//! Holds: a room belongs to a call, a reply or a lease; it returns to its segment exactly once, and segments never change
//! session, so recycled room never shows one client's bytes to another.

mod shown;

use self::shown::Shown;
use super::Session;
use crate::core::Core;
use crate::limits::{FROZEN_MAX, LEASES_MAX, RESULT_BYTES_MIN, RESULT_BYTES_STEP_MAX, SEGMENTS_MAX};
use crate::shared::Shared;
use crate::stats::add;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use windlass_contract::array::Memory;
use windlass_contract::control::{Control, ControlKind};
use windlass_contract::head::BufferEntry;
use windlass_contract::slot::Place;
use windlass_contract::{Code, Fault};
use windlass_memory::{Frozen, LendError, Lender, Role, Room, Segment, SegmentId, Span};

/// A result segment and who has which part of it.
struct ResultSegment {
    id: SegmentId,
    segment: Arc<Segment>,
    lender: RefCell<Lender>,
}

/// The tables of one session.
#[derive(Default)]
pub(super) struct Memories {
    heaps: RefCell<HashMap<SegmentId, Arc<Segment>>>,
    frozen: RefCell<HashMap<SegmentId, Arc<Frozen>>>,
    results: RefCell<Vec<Rc<ResultSegment>>>,
    leases: RefCell<HashMap<(SegmentId, u64), ResultRoom>>,
    /// Memory of symbols that the client reads.
    shown: RefCell<HashMap<SegmentId, Shown>>,
    next_heap: Cell<u32>,
    next_result: Cell<u32>,
    bytes: Cell<u64>,
    /// Bytes of private copies of buffers.
    private: Rc<Cell<u64>>,
    /// What its client gave up while calls held it, with its bytes.
    retired: RefCell<Vec<(Weak<dyn Any>, u64)>>,
    rooms: Rc<Cell<u32>>,
}

/// A lease: where it begins, and its room.
type Lease = ((SegmentId, u64), Room);

/// The tables of a session on its way to another worker: what workers do not share is taken apart.
pub(super) struct Bundle {
    heaps: HashMap<SegmentId, Arc<Segment>>,
    frozen: HashMap<SegmentId, Arc<Frozen>>,
    results: Vec<(SegmentId, Arc<Segment>, Lender)>,
    leases: Vec<Lease>,
    /// Of each call slot: the room of its last reply.
    rooms: Vec<Option<(SegmentId, Room)>>,
    shown: HashMap<SegmentId, Shown>,
    next_heap: u32,
    next_result: u32,
    bytes: u64,
}

impl Memories {
    /// Whether nothing but its tables has any of it.
    pub(super) fn is_whole(&self) -> bool {
        let none_out = Rc::strong_count(&self.private) == 1 && self.private.get() == 0;
        none_out && self.retired.borrow().is_empty()
    }

    /// Takes it apart, with the rooms of call slots. It is whole, so that nobody else has any of its segments' books.
    pub(super) fn pack(self, rooms: Vec<Option<ResultRoom>>) -> Bundle {
        let take = |mut room: ResultRoom| (room.of.id, room.offset, room.room.take());
        let rooms = rooms.into_iter().map(|room| {
            let (id, _, room) = take(room?);
            Some((id, room?))
        });
        let rooms = rooms.collect();
        let leases = self.leases.take().into_iter().filter_map(|(place, room)| Some((place, take(room).2?)));
        let leases = leases.collect();
        let results = self.results.take().into_iter().filter_map(|of| {
            // Rooms that had it are apart by now.
            let of = Rc::into_inner(of);
            debug_assert!(of.is_some(), "a session that goes has all of its rooms");
            of.map(|of| (of.id, of.segment, of.lender.into_inner()))
        });
        Bundle {
            heaps: self.heaps.take(),
            frozen: self.frozen.take(),
            results: results.collect(),
            leases,
            rooms,
            shown: self.shown.take(),
            next_heap: self.next_heap.get(),
            next_result: self.next_result.get(),
            bytes: self.bytes.get(),
        }
    }
}

impl Bundle {
    /// Puts it together again.
    pub(super) fn unpack(self) -> (Memories, Vec<Option<ResultRoom>>) {
        let results: Vec<Rc<ResultSegment>> = self
            .results
            .into_iter()
            .map(|(id, segment, lender)| Rc::new(ResultSegment { id, segment, lender: RefCell::new(lender) }))
            .collect();
        let count: Rc<Cell<u32>> = Rc::default();
        let room = |id: SegmentId, room: Room| {
            let of = results.iter().find(|of| of.id == id)?.clone();
            count.set(count.get() + 1);
            Some(ResultRoom { of, offset: room.offset(), room: Some(room), rooms: count.clone() })
        };
        let rooms = self.rooms.into_iter().map(|one| one.and_then(|(id, one)| room(id, one))).collect();
        let leases = self.leases.into_iter().filter_map(|(place, one)| Some((place, room(place.0, one)?)));
        let leases = RefCell::new(leases.collect());
        let memories = Memories {
            heaps: RefCell::new(self.heaps),
            frozen: RefCell::new(self.frozen),
            leases,
            shown: RefCell::new(self.shown),
            next_heap: Cell::new(self.next_heap),
            next_result: Cell::new(self.next_result),
            bytes: Cell::new(self.bytes),
            rooms: count.clone(),
            results: RefCell::new(results),
            ..Memories::default()
        };
        (memories, rooms)
    }
}

impl Memories {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }
    pub(super) fn leases(&self) -> u32 {
        (self.leases.borrow().len() + self.shown.borrow().len()) as u32
    }
}

/// Room of a result segment. Dropping it gives it back.
pub(crate) struct ResultRoom {
    of: Rc<ResultSegment>,
    room: Option<Room>,
    offset: u64,
    rooms: Rc<Cell<u32>>,
}

impl ResultRoom {
    pub(crate) fn segment_id(&self) -> SegmentId {
        self.of.id
    }
    pub(crate) fn segment(&self) -> &Arc<Segment> {
        &self.of.segment
    }
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }
    /// Writes bytes to its front.
    pub(crate) fn write(&self, bytes: &[u8]) {
        self.write_at(0, bytes);
    }
    /// Writes bytes from there on.
    pub(crate) fn write_at(&self, at: u64, bytes: &[u8]) {
        if let Ok(span) = self.of.segment.span(self.offset + at, bytes.len() as u64) {
            self.of.segment.copy_in(span, bytes);
        }
    }
    /// Copies from there on into the whole of `into`.
    pub(crate) fn read_at(&self, at: u64, into: &mut [u8]) {
        if let Ok(span) = self.of.segment.span(self.offset + at, into.len() as u64) {
            self.of.segment.copy_out(span, into);
        }
    }
    /// Copies a span of a client's segment to its front.
    pub(crate) fn fill_from(&self, segment: &Segment, from: Span) {
        // In pieces, through a private buffer that stays in the cache: neither side is ever borrowed.
        let mut piece = [0; 16 * 1024];
        let mut done = 0;
        while done < from.len() {
            let count = (from.len() - done).min(piece.len() as u64);
            let (Ok(source), Ok(target)) =
                (segment.span(from.offset() + done, count), self.of.segment.span(self.offset + done, count))
            else {
                return;
            };
            segment.copy_out(source, &mut piece[..count as usize]);
            self.of.segment.copy_in(target, &piece[..count as usize]);
            done += count;
        }
    }
}

/// Bytes of a private copy, paid for by its session while this lives.
pub(crate) struct CopyCharge {
    own: Rc<Cell<u64>>,
    node: Arc<Shared>,
    bytes: u64,
}

impl Drop for CopyCharge {
    fn drop(&mut self) {
        self.own.set(self.own.get().saturating_sub(self.bytes));
        self.node.private_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Drop for ResultRoom {
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            self.rooms.set(self.rooms.get() - 1);
            self.of.lender.borrow_mut().give_back(room);
        }
    }
}

impl Session {
    /// The segment that argument bytes may stand in.
    pub(crate) fn argument_segment(&self, id: SegmentId) -> Result<Arc<Segment>, Fault> {
        self.client_memory(id).ok_or_else(|| {
            Fault::new(
                Code::BadArguments,
                format!("argument bytes in segment {:#x}, which is not the client's", id.0),
            )
        })
    }

    /// A segment that the client writes: its own or a heap.
    pub(crate) fn client_memory(&self, id: SegmentId) -> Option<Arc<Segment>> {
        if id == SegmentId::CLIENT {
            return self.ring().map(|ring| ring.client().clone());
        }
        self.memories.heaps.borrow().get(&id).cloned()
    }

    /// A frozen segment.
    pub(crate) fn frozen(&self, id: SegmentId) -> Option<Arc<Frozen>> {
        self.memories.frozen.borrow().get(&id).cloned()
    }

    /// Bytes that the session may still have.
    pub(crate) fn bytes_left(&self, core: &Core) -> u64 {
        self.uncharge_retired(core);
        let own = core.limits.session_bytes_max.saturating_sub(self.memories.bytes.get());
        own.min(self.node_bytes_left(core))
    }

    fn node_bytes_left(&self, core: &Core) -> u64 {
        let taken = core.shared.bytes_taken().saturating_add(core.symbols.used());
        core.limits.node_bytes_max.saturating_sub(taken)
    }

    /// What was retired is paid for until the last call that held it has ended.
    pub(super) fn uncharge_retired(&self, core: &Core) {
        self.memories.retired.borrow_mut().retain(|(held, bytes)| {
            let is_held = held.strong_count() > 0;
            if !is_held {
                self.uncharge(core, *bytes);
            }
            is_held
        });
    }

    /// Pays for a private copy of so many bytes, until the charge drops.
    ///
    /// # Errors
    /// `NoMemory`: as many bytes of copies as of segments, per session.
    pub(crate) fn charge_copy(&self, core: &Core, bytes: u64) -> Result<CopyCharge, Fault> {
        let own = core.limits.session_bytes_max.saturating_sub(self.memories.private.get());
        let left = own.min(self.node_bytes_left(core));
        if bytes > left || !core.shared.take_bytes(&core.shared.private_bytes, bytes, core.limits.node_bytes_max) {
            let text = format!(
                "{bytes} bytes to copy a buffer, {left} left of the session's {}; wait for calls to end, or freeze it",
                core.limits.session_bytes_max
            );
            return Err(Fault::new(Code::NoMemory, text));
        }
        add(&self.memories.private, bytes);
        Ok(CopyCharge { own: self.memories.private.clone(), node: core.shared.clone(), bytes })
    }

    fn charge(&self, core: &Core, bytes: u64, what: &str) -> Result<(), Fault> {
        let left = self.bytes_left(core);
        if bytes > left || !core.shared.take_bytes(&core.shared.segment_bytes, bytes, core.limits.node_bytes_max) {
            let text = format!(
                "{bytes} bytes for {what}, {left} left of the session's {}; release views, loans or frozen segments",
                core.limits.session_bytes_max
            );
            return Err(Fault::new(Code::NoMemory, text));
        }
        add(&self.memories.bytes, bytes);
        Ok(())
    }

    fn uncharge(&self, core: &Core, bytes: u64) {
        self.memories.bytes.set(self.memories.bytes.get().saturating_sub(bytes));
        core.shared.segment_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn make(&self, core: &Core, name: &str, bytes: u64, role: Role) -> Result<(Arc<Segment>, OwnedFd), Fault> {
        let count = self.memories.heaps.borrow().len() + self.memories.results.borrow().len();
        if count >= SEGMENTS_MAX {
            return Err(Fault::new(Code::NoMemory, format!("the session has {SEGMENTS_MAX} segments already")));
        }
        self.charge(core, bytes, name)?;
        let made = usize::try_from(bytes)
            .map_err(|error| error.to_string())
            .and_then(|bytes| Segment::create(name, bytes, role).map_err(|error| error.to_string()));
        match made {
            Ok((segment, fd)) => Ok((Arc::new(segment), fd)),
            Err(text) => {
                self.uncharge(core, bytes);
                Err(Fault::new(Code::NoMemory, text))
            }
        }
    }

    /// Makes a heap segment for the client.
    pub(crate) fn grow(&self, core: &Rc<Core>, bytes: u64) -> Result<(SegmentId, u64, OwnedFd), Fault> {
        if bytes == 0 {
            return Err(Fault::new(Code::BadArguments, "a heap segment of no bytes"));
        }
        // A length that has no next page is far past every limit; `make` says so.
        let bytes = bytes.checked_next_multiple_of(4096).unwrap_or(bytes);
        let (segment, fd) = self.make(core, "windlass-heap", bytes, Role::Heap)?;
        let next = self.memories.next_heap.get() + 1;
        self.memories.next_heap.set(next);
        self.memories.heaps.borrow_mut().insert(SegmentId(next), segment);
        Ok((SegmentId(next), bytes, fd))
    }

    /// Takes a frozen segment, checked, under the client's id.
    pub(crate) fn take_frozen(&self, core: &Rc<Core>, id: SegmentId, frozen: Frozen) -> Result<(), Fault> {
        let mut table = self.memories.frozen.borrow_mut();
        if table.len() >= FROZEN_MAX {
            return Err(Fault::new(
                Code::NoMemory,
                format!("the session has {FROZEN_MAX} frozen segments already"),
            ));
        }
        if table.contains_key(&id) {
            return Err(Fault::new(Code::BadFrozen, format!("id {:#x} is in use", id.0)));
        }
        self.charge(core, frozen.len() as u64, "a frozen segment")?;
        table.insert(id, Arc::new(frozen));
        Ok(())
    }

    /// Lends room in a result segment, making one if none has enough.
    ///
    /// # Errors
    /// `LeaseLimit`, `NoMemory`.
    pub(crate) fn lend_result(&self, core: &Rc<Core>, bytes: u64) -> Result<ResultRoom, Fault> {
        self.may_lease()?;
        let wanted = bytes.max(1);
        for of in self.memories.results.borrow().iter() {
            let lent = of.lender.borrow_mut().lend(wanted);
            match lent {
                Ok(room) => return Ok(self.room(of.clone(), room)),
                // This one has no such room; the next may have, or a new one is made.
                Err(
                    LendError::Empty
                    | LendError::TooLong { .. }
                    | LendError::NoRoom { .. }
                    | LendError::TooMany { .. },
                ) => {}
            }
        }
        let of = self.new_result_segment(core, wanted)?;
        let lent = of.lender.borrow_mut().lend(wanted);
        lent.map(|room| self.room(of, room)).map_err(|error| Fault::new(Code::NoMemory, error.to_string()))
    }

    fn may_lease(&self) -> Result<(), Fault> {
        if self.memories.rooms.get() as usize + self.memories.shown.borrow().len() < LEASES_MAX as usize {
            return Ok(());
        }
        let text = format!("{LEASES_MAX} leases are held; drop views that are no longer needed");
        Err(Fault::new(Code::LeaseLimit, text))
    }

    fn room(&self, of: Rc<ResultSegment>, room: Room) -> ResultRoom {
        self.memories.rooms.set(self.memories.rooms.get() + 1);
        ResultRoom { of, offset: room.offset(), room: Some(room), rooms: self.memories.rooms.clone() }
    }

    fn new_result_segment(&self, core: &Rc<Core>, wanted: u64) -> Result<Rc<ResultSegment>, Fault> {
        let longest = self.memories.results.borrow().iter().map(|one| one.segment.bytes() as u64).max();
        let step = longest.map_or(RESULT_BYTES_MIN, |bytes| (2 * bytes).min(RESULT_BYTES_STEP_MAX));
        let bytes = Lender::bytes_for(wanted).max(step).next_multiple_of(4096);
        let (segment, fd) = self.make(core, "windlass-result", bytes, Role::Result)?;
        let id = self.next_result();
        let lender = RefCell::new(Lender::new(segment.bytes() as u64));
        let message = Control::new(ControlKind::Segment, id, bytes, 0);
        // Over a stream nobody else maps it: what stands in it is sent.
        let told =
            self.ring().map_or(Ok(()), |ring| crate::transport::wire::send(ring, &message, Some(fd.as_fd())));
        if let Err(fault) = told {
            self.uncharge(core, bytes);
            self.end(&fault);
            return Err(fault);
        }
        let of = Rc::new(ResultSegment { id, segment, lender });
        self.memories.results.borrow_mut().push(of.clone());
        Ok(of)
    }

    fn next_result(&self) -> SegmentId {
        let number = self.memories.next_result.get() + 1;
        self.memories.next_result.set(number);
        SegmentId(SegmentId::NODE.0 | number)
    }

    /// Shows memory of a symbol to the client: it is held, and so not written, until the client releases it.
    ///
    /// # Errors
    /// `LeaseLimit`; `Unsupported` for memory that stands in no file, and for a client that shares no memory with the node.
    pub(crate) fn show(&self, memory: Memory) -> Result<SegmentId, Fault> {
        self.may_lease()?;
        let no = |text: &str| Fault::new(Code::Unsupported, text);
        let ring =
            self.ring().ok_or_else(|| no("memory is shown to clients that share memory; ask for its bytes"))?;
        let shown = Shown::new(memory);
        let file =
            shown.file().ok_or_else(|| no("memory that stands in no file is not shown; ask for its bytes"))?;
        let id = self.next_result();
        let message = Control::new(ControlKind::Shown, id, file.bytes() as u64, 0);
        if let Err(fault) = crate::transport::wire::send_shown(ring, &message, file.show()) {
            // The client has heard of nothing.
            shown.released();
            if fault.is(Code::SessionEnded) {
                self.end(&fault);
            }
            return Err(fault);
        }
        self.memories.shown.borrow_mut().insert(id, shown);
        Ok(id)
    }

    /// Takes back what is shown, before its client knows of it or because it released it.
    pub(crate) fn take_shown(&self, segment: SegmentId) -> Option<Shown> {
        self.memories.shown.borrow_mut().remove(&segment)
    }

    /// Takes back what the entries of a reply lease, because their client will not hear of it.
    pub(crate) fn take_back(&self, entries: &[BufferEntry]) {
        for entry in entries.iter().filter(|entry| entry.segment.is_node_written()) {
            if self.take_lease(entry.segment, entry.offset).is_none() {
                drop(self.take_shown(entry.segment));
            }
        }
    }

    /// Turns a call's room into a lease, which lives until the client releases it.
    pub(crate) fn lease(&self, room: ResultRoom) {
        self.memories.leases.borrow_mut().insert((room.segment_id(), room.offset()), room);
    }

    /// Takes a lease back before its client knows of it.
    pub(crate) fn take_lease(&self, segment: SegmentId, offset: u64) -> Option<ResultRoom> {
        self.memories.leases.borrow_mut().remove(&(segment, offset))
    }

    /// Releases a lease, or retires a heap or frozen segment.
    ///
    /// # Errors
    /// A Fault that ends the session: the client released what it does not hold.
    pub(crate) fn release(&self, core: &Rc<Core>, place: Place) -> Result<(), Fault> {
        let Place { segment, offset, length } = place;
        if segment.is_node_written() {
            if let Some(shown) = self.take_shown(segment) {
                shown.released();
                return Ok(());
            }
            return match self.memories.leases.borrow_mut().remove(&(segment, offset)) {
                Some(_room_returns) => Ok(()),
                None => {
                    let text = format!("no lease begins at byte {offset} of segment {:#x}", segment.0);
                    Err(Fault::new(Code::SessionEnded, text))
                }
            };
        }
        let retired: Option<(Weak<dyn Any>, u64)> = if length != 0 {
            None
        } else if segment.is_frozen() {
            let frozen = self.memories.frozen.borrow_mut().remove(&segment);
            frozen.map(|frozen| (Arc::downgrade(&frozen) as _, frozen.len() as u64))
        } else {
            let heap = self.memories.heaps.borrow_mut().remove(&segment);
            heap.map(|heap| (Arc::downgrade(&heap) as _, heap.bytes() as u64))
        };
        match retired {
            Some(retired) => {
                self.memories.retired.borrow_mut().push(retired);
                self.uncharge_retired(core);
                Ok(())
            }
            None => Err(Fault::new(Code::SessionEnded, format!("segment {:#x} is not one to retire", segment.0))),
        }
    }

    /// Gives up all that calls do not hold.
    pub(crate) fn give_up_memory(&self) {
        self.memories.leases.borrow_mut().clear();
        self.memories.shown.borrow_mut().clear();
        self.memories.frozen.borrow_mut().clear();
        self.memories.heaps.borrow_mut().clear();
        for slot in self.slots.borrow_mut().iter_mut() {
            slot.reply = None;
        }
        if let Some(stream) = self.stream() {
            stream.give_up();
        }
    }
}
