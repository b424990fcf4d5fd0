//! One call's state, from its queue to its end.
//!
//! Holds: the module's raw view of a call points into this state, which stays where it is while any future of it lives; the
//! first answer counts.

use super::library::Body;
use super::operation::Operations;
use crate::core::Core;
use crate::mail::Guest;
use crate::place::claim::Using;
use crate::place::{Container, Method, Placed};
use crate::reply::ReplySlot;
use crate::stages::Way;
use crate::symbols::Show;
use crate::transport::Arrived;
use crate::transport::buffers::{Backing, Memory};
use slotmap::SlotMap;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use windlass_contract::abi::RawBuffer;
use windlass_contract::head::{BufferEntry, BufferKind, Direction};
use windlass_contract::slot::NO_DEADLINE;
use windlass_contract::{Code, Fault};
use windlass_driver::Nanos;
use windlass_lane::{LaneId, TaskHandle, TimerId};
use windlass_memory::SegmentId;

slotmap::new_key_type! {
    /// A living call.
    pub(crate) struct LiveKey;
}

/// A call that did not end where it began: it waits for a key, or it is a task.
pub(crate) struct Live {
    pub(crate) call: Rc<Call>,
    /// Its task, once that was polled for the first time.
    pub(crate) task: Option<TaskHandle>,
}

/// The living calls of a worker.
#[derive(Default)]
pub(crate) struct LiveCalls(SlotMap<LiveKey, Live>);

impl LiveCalls {
    pub(crate) fn insert(&mut self, live: Live) -> LiveKey {
        self.0.insert(live)
    }
    pub(crate) fn get(&self, key: LiveKey) -> Option<&Live> {
        self.0.get(key)
    }
    pub(crate) fn get_mut(&mut self, key: LiveKey) -> Option<&mut Live> {
        self.0.get_mut(key)
    }
    pub(crate) fn remove(&mut self, key: LiveKey) -> Option<Live> {
        self.0.remove(key)
    }
    pub(crate) fn keys(&self) -> Vec<LiveKey> {
        self.0.keys().collect()
    }
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether one that lives is of some kind.
    pub(crate) fn any(&self, is_it: impl Fn(&Rc<Call>) -> bool) -> bool {
        self.0.values().any(|live| is_it(&live.call))
    }
    /// Living calls with this root, the root itself not counted.
    pub(crate) fn nested_of(&self, root: u64) -> usize {
        self.0.values().filter(|live| live.call.depth > 0 && live.call.root == root).count()
    }
    /// Whether a call lives that this worker took by its `mark`th and that is not of this root; spawned tasks are not calls.
    pub(crate) fn any_before(&self, mark: u64, but_root: u64) -> bool {
        let counts = |call: &Call| call.is_work() && call.arrived <= mark && call.root != but_root;
        self.0.values().any(|live| counts(&live.call))
    }
    /// Whether a call lives that is work.
    pub(crate) fn any_call(&self) -> bool {
        self.0.values().any(|live| live.call.is_work())
    }
}

/// What a method answered.
#[derive(Default)]
pub(crate) enum Outcome {
    /// Nothing yet.
    #[default]
    None,
    /// The bytes in `Call::value`.
    Value,
    /// Why not.
    Fault(Fault),
}

/// One call.
pub(crate) struct Call {
    pub(crate) number: u64,
    /// Its place among the calls that this worker took.
    pub(crate) arrived: u64,
    pub(crate) root: u64,
    /// The session that it serves.
    pub(crate) owner: u64,
    pub(crate) depth: u16,
    pub(crate) deadline: Nanos,
    /// The hash of the method's schema that its caller knows.
    pub(crate) schema: u64,
    pub(crate) core: Rc<Core>,
    pub(crate) container: Rc<Container>,
    pub(crate) method: Rc<Method>,
    arguments: Vec<u8>,
    skip: usize,
    pub(super) backing: RefCell<Vec<Backing>>,
    pub(crate) buffers: Vec<RawBuffer>,
    pub(crate) reply: RefCell<Option<ReplySlot>>,
    pub(crate) outcome: Cell<Outcome>,
    pub(crate) value: RefCell<Vec<u8>>,
    pub(crate) operations: RefCell<Operations>,
    /// The number of its streams, while they are open.
    pub(crate) streams: Cell<Option<u64>>,
    /// Operations that have memory of this call; it is not finished before they have let go of it.
    pub(crate) held: Cell<u32>,
    /// It has ended, and is finished when nothing is held any more.
    pub(crate) ended: Cell<bool>,
    /// Of a spawned task that has not begun.
    pub(crate) body: Cell<Option<Body>>,
    /// Whether it is a spawned task.
    pub(crate) spawned: bool,
    /// Where it runs.
    pub(crate) lane: LaneId,
    /// What it is expected to cost, nanoseconds.
    pub(crate) expected_ns: u64,
    /// It waits among the heavy calls of its session.
    pub(crate) behind: Cell<bool>,
    /// For how long it held its worker, if it has ended and is not finished.
    pub(crate) held_ns: Cell<Nanos>,
    /// How often its grace was prolonged.
    pub(crate) graces: Cell<u32>,
    pub(crate) cancelled: Cell<Option<Code>>,
    pub(crate) began: Cell<Nanos>,
    /// When it passed from room to room, if the node takes stamps and a client waits for it.
    pub(crate) stamps: Option<Box<Way>>,
    pub(crate) key: Cell<Option<u64>>,
    pub(crate) live: Cell<Option<LiveKey>>,
    pub(crate) deadline_timer: Cell<Option<TimerId>>,
    /// The record that the module sees; it points into this very struct.
    pub(crate) raw: super::library::RawCell,
    /// Its container is in use until this goes.
    _using: Option<Using>,
}

impl Call {
    /// A placed call that is to run on a lane; with a body, a spawned task in its shape.
    #[inline(always)]
    pub(crate) fn new(
        core: &Rc<Core>,
        placed: Placed,
        using: Option<Using>,
        lane: LaneId,
        cost_ns: u64,
        body: Option<Body>,
    ) -> Rc<Self> {
        let Placed {
            call: Arrived { slot, reply, arguments, skip, mut backing, root, owner, number },
            container,
            method,
        } = placed;
        let (number, arrived) = if number == 0 { core.number() } else { (number, core.arrived()) };
        let stamps = core.stages.way(&reply);
        let buffers = super::library::raw_buffers(&mut backing);
        let deadline = match slot.time_left_ns {
            NO_DEADLINE => NO_DEADLINE,
            left => core.now().saturating_add(left),
        };
        let (root, depth) = root.unwrap_or((number, 0));
        core.take_due(cost_ns);
        Rc::new(Self {
            number,
            arrived,
            root,
            owner,
            depth,
            deadline,
            schema: slot.schema,
            core: core.clone(),
            container,
            method,
            arguments,
            skip,
            backing: RefCell::new(backing),
            buffers,
            reply: RefCell::new(Some(reply)),
            outcome: Cell::default(),
            value: RefCell::default(),
            operations: RefCell::default(),
            streams: Cell::default(),
            held: Cell::default(),
            ended: Cell::default(),
            spawned: body.is_some(),
            lane,
            expected_ns: cost_ns,
            behind: Cell::default(),
            held_ns: Cell::default(),
            body: Cell::new(body),
            graces: Cell::default(),
            cancelled: Cell::default(),
            began: Cell::default(),
            stamps,
            key: Cell::default(),
            live: Cell::default(),
            deadline_timer: Cell::default(),
            raw: super::library::RawCell::default(),
            _using: using,
        })
    }

    /// Whether somebody waits for what it does: it is no spawned task, nor the call by which a provider waits for work.
    pub(crate) fn is_work(&self) -> bool {
        !self.spawned && !super::relay::stands_by(self.method.id)
    }

    /// The arguments, without their head.
    pub(crate) fn arguments(&self) -> &[u8] {
        self.arguments.get(self.skip..).unwrap_or_default()
    }

    /// Bytes of arguments and buffers.
    pub(crate) fn bytes(&self) -> u64 {
        let buffers: u64 = self.buffers.iter().map(|buffer| buffer.len() as u64).sum();
        self.arguments.len() as u64 + buffers
    }

    /// Has a buffer answered with memory of a symbol, if its caller can read that in place.
    ///
    /// # Errors
    /// `BadBuffer` for a buffer that is no `out` of bytes.
    pub(crate) fn show(&self, shown: Show) -> Result<bool, Fault> {
        let Show { place, whole, memory } = shown;
        let mut backing = self.backing.borrow_mut();
        let at = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
        let one = at.and_then(|at| backing.get_mut(at));
        let one = one.filter(|one| one.direction == Direction::Out && one.kind == BufferKind::Bytes);
        let none = || Fault::new(Code::BadBuffer, format!("buffer {place} is no `out` of bytes of this call"));
        let one = one.ok_or_else(none)?;
        let reply = self.reply.borrow();
        let asker = reply.as_ref().is_some_and(|reply| match reply.asker() {
            Some((session, _)) => session.ring().is_some(),
            // Its home knows; a stream is refused there.
            None => reply.as_guest().is_some(),
        });
        if !asker || !memory.file().is_some_and(|file| whole || file.owner() == self.owner) {
            return Ok(false);
        }
        let below = match std::mem::replace(&mut one.memory, Memory::Private(Vec::new(), None)) {
            Memory::Shown(_, below) => below,
            below => Box::new(below),
        };
        one.memory = Memory::Shown(memory, below);
        Ok(true)
    }

    /// Ends the call's hold on its buffers with a value: results become leases. Answers where they stand.
    ///
    /// # Errors
    /// As `Session::show`; then nothing is leased.
    pub(crate) fn settle_buffers(&self, reply: &ReplySlot) -> Result<Vec<BufferEntry>, Fault> {
        if self.buffers.is_empty() {
            return Ok(Vec::new());
        }
        let (asker, guest) = (reply.asker().map(|(session, _)| session.clone()), reply.as_guest());
        let mut entries = Vec::new();
        for (backing, raw) in self.backing.borrow_mut().drain(..).zip(&self.buffers) {
            let (direction, kind) = (backing.direction, backing.kind);
            let mut entry = |segment: SegmentId, offset: u64, length: u64| {
                entries.push(BufferEntry { segment, direction, kind, offset, length });
            };
            match backing.memory {
                Memory::Private(bytes, _) => self.keep_warm(bytes, guest),
                Memory::Lent(_, span, segment) => entry(segment, span.offset(), raw.used()),
                Memory::Room(room, _) => {
                    entry(room.segment_id(), room.offset(), raw.used());
                    if let Some(session) = &asker {
                        session.lease(room);
                    }
                }
                Memory::Shared(_, span, segment) if direction != Direction::In => {
                    debug_assert_eq!(kind, BufferKind::Shared);
                    entry(segment, span.offset(), raw.used());
                }
                Memory::Shown(memory, _) => {
                    let length = memory.len() as u64;
                    let shown = match (&asker, guest) {
                        (Some(session), _) => session.show(memory),
                        (None, Some(guest)) => {
                            guest.show(entries.len(), memory);
                            Ok(SegmentId::NONE)
                        }
                        (None, None) => Ok(SegmentId::NONE),
                    };
                    match shown {
                        Ok(segment) => entries.push(BufferEntry { segment, direction, kind, offset: 0, length }),
                        Err(fault) => {
                            asker.iter().for_each(|session| session.take_back(&entries));
                            return Err(fault);
                        }
                    }
                }
                Memory::Shared(..) | Memory::Frozen(..) | Memory::Common(_) => {}
            }
        }
        Ok(entries)
    }

    /// Whether its method may be writing into memory of its caller.
    pub(crate) fn writes_in_place(&self) -> bool {
        let in_place = |one: &Backing| matches!(one.memory, Memory::Shared(..)) && one.direction != Direction::In;
        self.backing.borrow().iter().any(in_place)
    }

    /// Ends the call's hold on its buffers without a value.
    pub(crate) fn drop_buffers(&self, reply: &ReplySlot) {
        for backing in self.backing.borrow_mut().drain(..) {
            if let Memory::Private(bytes, _) = backing.memory {
                self.keep_warm(bytes, reply.as_guest());
            }
        }
    }

    /// Keeps private memory for the next call, where it was made.
    fn keep_warm(&self, bytes: Vec<u8>, guest: Option<&Rc<Guest>>) {
        match guest {
            Some(guest) => guest.take_home(bytes),
            None => self.core.warm.borrow_mut().keep(bytes),
        }
    }

    /// Wakes whatever of the call waits.
    pub(crate) fn wake_all(&self) {
        for waker in self.operations.borrow_mut().wakers() {
            waker.wake();
        }
    }
}

impl windlass_lane::Job for Call {
    fn name(&self) -> windlass_lane::Name {
        self.method.full.clone().into()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.core.give_due(self.expected_ns);
        let mut warm = self.core.warm.borrow_mut();
        warm.keep(std::mem::take(&mut self.arguments));
        warm.keep(self.value.take());
    }
}
