//! Away: a call that another worker runs, as its home sees it.
//!
//! Lives here: `carry`, `Away` (what stays at home: the right to answer, rooms and charges), `Aways` (all of them), and what
//! letters about them do: `accepted`, `answered`, `give_up`.
//! From: `path`, for a container that is not here. To: a letter there; then the call's `ReplySlot`.
//! Holds: an away call is answered once, by the letter that takes it out of the table; what its session lent it returns then
//! and not before, also when the client is long dead.

use super::{Answered, Carried, Letter};
use crate::core::Core;
use crate::limits::AWAY_MAX;
use crate::reply::{Answer, Refused, ReplySlot, Serving};
use crate::shared::WorkerId;
use crate::stats::add;
use crate::transport::Arrived;
use crate::transport::buffers::{Backing, Kept};
use slotmap::{Key, KeyData, SlotMap};
use std::rc::Rc;
use windlass_contract::array::Memory;
use windlass_contract::head::BufferEntry;
use windlass_contract::slot::{FLAG_DETACHED, NO_DEADLINE};
use windlass_contract::{Code, Fault};

slotmap::new_key_type! {
    /// A call that another worker runs.
    pub(crate) struct AwayKey;
}

/// What stays at home of a call that another worker runs.
pub(crate) struct Away {
    to: WorkerId,
    reply: ReplySlot,
    /// Rooms and charges of its buffers, in order.
    kept: Vec<Kept>,
    /// Of a detached call: one of its session's that have not ended.
    counted: Option<ReplySlot>,
    /// Its number among the calls that this worker took.
    arrived: u64,
    /// Its root, and how deep below it.
    root: (u64, u16),
    given_up: Option<Code>,
    /// What it is expected to cost there, nanoseconds.
    expected_ns: u64,
    /// A provider waits by it for work.
    stands_by: bool,
}

/// The calls of one worker that others run.
pub(crate) struct Aways {
    all: SlotMap<AwayKey, Away>,
    /// How many are at each worker, and what they are expected to cost.
    out: Vec<(usize, u64)>,
}

impl Aways {
    pub(super) fn new(workers: usize) -> Self {
        Self { all: SlotMap::with_key(), out: vec![(0, 0); workers] }
    }
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
    /// Whether somebody waits for what any of them does.
    pub(crate) fn any_work(&self) -> bool {
        self.all.values().any(|away| !away.stands_by)
    }
    /// How many are at this worker, and what they are expected to cost, nanoseconds.
    pub(crate) fn at(&self, worker: WorkerId) -> (usize, u64) {
        self.out[worker.index()]
    }
    /// Calls below this root.
    pub(crate) fn nested_of(&self, root: u64) -> usize {
        self.all.values().filter(|away| away.root.1 > 0 && away.root.0 == root).count()
    }
    /// Whether a call is away that this worker took by its `mark`th and that is not of this root.
    pub(crate) fn any_before(&self, mark: u64, but_root: u64) -> bool {
        self.all.values().any(|away| !away.stands_by && away.arrived <= mark && away.root.0 != but_root)
    }
    fn insert(&mut self, away: Away) -> AwayKey {
        let out = &mut self.out[away.to.index()];
        *out = (out.0 + 1, out.1.saturating_add(away.expected_ns));
        self.all.insert(away)
    }
    fn remove(&mut self, bits: u64) -> Option<Away> {
        let away = self.all.remove(KeyData::from_ffi(bits).into())?;
        let out = &mut self.out[away.to.index()];
        *out = (out.0 - 1, out.1.saturating_sub(away.expected_ns));
        Some(away)
    }
}

/// Sends a call to the worker that has its container.
pub(crate) fn carry(core: &Rc<Core>, call: Arrived, to: WorkerId, container: u32) {
    let expected_ns = core.places.borrow().expected(&call);
    let Arrived { slot, reply, arguments, skip, backing, root, owner, number } = call;
    if core.mail.aways.borrow().at(to).0 >= AWAY_MAX {
        core.warm.borrow_mut().keep(arguments);
        let text = format!("worker {to} has {AWAY_MAX} calls of this one already");
        return Refused::new(reply, Fault::new(Code::QueueFull, text)).answer();
    }
    let counted = match (slot.flags & FLAG_DETACHED != 0).then(|| reply.count_detached()) {
        Some(Err(fault)) => return Refused::new(reply, fault).answer(),
        Some(Ok(counted)) => counted,
        None => None,
    };
    let (number, arrived) = if number == 0 { core.number() } else { (number, core.arrived()) };
    let deadline = match slot.time_left_ns {
        NO_DEADLINE => NO_DEADLINE,
        left => core.now().saturating_add(left),
    };
    let carried: Result<Vec<_>, Fault> = backing.into_iter().map(Backing::carry).collect();
    let (kept, buffers) = match carried {
        Ok(carried) => carried.into_iter().unzip(),
        Err(fault) => return Refused::new(reply, fault).answer(),
    };
    let of_root = root.unwrap_or((number, 0));
    let stands_by = crate::host::relay::stands_by(slot.method);
    if let Some((session, _)) = reply.asker() {
        session.went(to);
    }
    let mut aways = core.mail.aways.borrow_mut();
    let key = aways.insert(Away {
        to,
        reply,
        kept,
        counted,
        arrived,
        root: of_root,
        given_up: None,
        expected_ns,
        stands_by,
    });
    // Now that it can be found, so that whoever asked can have it ended.
    if let Some(away) = aways.all.get(key) {
        away.reply.set_live(Serving::Away(key));
    }
    drop(aways);
    add(&core.counters.carried, 1);
    let (from, away) = (core.worker, key.data().as_ffi());
    let carried = Carried { from, away, container, number, slot, deadline, arguments, skip, buffers, root, owner };
    core.mail.write(to, Letter::Call(Box::new(carried)));
}

/// Whoever asked for the call wants it to end; it is told there, once.
pub(crate) fn give_up(core: &Core, key: AwayKey, code: Code) {
    let mut aways = core.mail.aways.borrow_mut();
    let Some(away) = aways.all.get_mut(key) else { return };
    if away.given_up.replace(code).is_none() {
        let letter = Letter::GiveUp { from: core.worker, away: key.data().as_ffi(), code };
        core.mail.write(away.to, letter);
    }
}

/// A call is with another worker than it was sent to; if it is to end, that one is told.
pub(crate) fn went(core: &Core, away: u64, to: WorkerId) {
    let mut aways = core.mail.aways.borrow_mut();
    let aways = &mut *aways;
    let Some(one) = aways.all.get_mut(KeyData::from_ffi(away).into()) else { return };
    let from = std::mem::replace(&mut one.to, to);
    let (before, after) = (&mut aways.out[from.index()], one.expected_ns);
    *before = (before.0 - 1, before.1.saturating_sub(after));
    let now = &mut aways.out[to.index()];
    *now = (now.0 + 1, now.1.saturating_add(after));
    if let Some(code) = one.given_up {
        core.mail.write(to, Letter::GiveUp { from: core.worker, away, code });
    }
}

/// A detached call is accepted there: its caller hears that, and it is counted until it ends.
pub(crate) fn accepted(core: &Core, away: u64) {
    let mut aways = core.mail.aways.borrow_mut();
    let Some(away) = aways.all.get_mut(KeyData::from_ffi(away).into()) else { return };
    let Some(counted) = away.counted.take() else {
        // It came from another worker itself, to be sent on from here.
        away.reply.as_guest().into_iter().for_each(|guest| guest.accept());
        return;
    };
    let reply = std::mem::replace(&mut away.reply, counted);
    drop(aways);
    reply.answer(&Answer::Value { bytes: &[], buffers: &[] });
}

/// A call is answered there: its caller hears, and what its session lent returns or becomes a lease.
pub(crate) fn answered(core: &Core, away: u64, answered: Answered) {
    let gone = core.mail.aways.borrow_mut().remove(away);
    let Some(Away { reply, kept, .. }) = gone else { return };
    let Answered { mut answer, warm: buffers, shown } = answered;
    if let Ok((_, entries)) = &mut answer
        && let Err(fault) = settle(&reply, kept, entries, shown)
    {
        answer = Err(fault);
    }
    match &answer {
        Ok((bytes, buffers)) => reply.answer(&Answer::Value { bytes, buffers }),
        Err(fault) => reply.answer(&Answer::Fault(fault)),
    }
    let mut warm = core.warm.borrow_mut();
    buffers.into_iter().for_each(|buffer| warm.keep(buffer));
    if let Ok((bytes, _)) = answer {
        warm.keep(bytes);
    }
    drop(warm);
    core.wake_flushers();
}

/// Rooms that hold results become leases; so does what is shown.
///
/// # Errors
/// As `Session::show`; then nothing is leased.
fn settle(
    reply: &ReplySlot,
    kept: Vec<Kept>,
    entries: &mut [BufferEntry],
    shown: Vec<(usize, Memory)>,
) -> Result<(), Fault> {
    if let Some(guest) = reply.as_guest() {
        shown.into_iter().for_each(|(at, memory)| guest.show(at, memory));
        return Ok(());
    }
    let Some((session, _)) = reply.asker() else { return Ok(()) };
    for room in kept.into_iter().filter_map(Kept::into_room) {
        // Room that an answer does not name, because it shows something in its place, returns.
        if entries.iter().any(|entry| (entry.segment, entry.offset) == (room.segment_id(), room.offset())) {
            session.lease(room);
        }
    }
    for (at, memory) in shown {
        match (session.show(memory), entries.get_mut(at)) {
            (Ok(segment), Some(entry)) => entry.segment = segment,
            (Err(fault), _) => {
                session.take_back(entries);
                return Err(fault);
            }
            (Ok(segment), None) => drop(session.take_shown(segment)),
        }
    }
    Ok(())
}
