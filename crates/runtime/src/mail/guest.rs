//! Guest: a call that this worker runs for another one.
//!
//! Lives here: `arrive`, `Guest` (the right to answer it, by a letter), `Guests` (those that have not been answered).
//! From: a letter. To: `place` as an `Arrived` like any other; its answer goes home.
//! Holds: a guest is answered once, also when its call is dropped; one that was given up before it began does not begin.

use super::{Answered, Carried, Letter};
use crate::core::Core;
use crate::reply::{Answer, ReplySlot, Serving};
use crate::shared::WorkerId;
use crate::transport::Arrived;
use crate::transport::buffers::Backing;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use windlass_contract::Code;
use windlass_contract::array::Memory;
use windlass_contract::slot::NO_DEADLINE;

/// Guests that have not been answered, by home and number there.
pub(crate) type Guests = BTreeMap<(WorkerId, u64), Rc<Guest>>;

/// A call of another worker.
pub(crate) struct Guest {
    core: Rc<Core>,
    home: WorkerId,
    away: u64,
    /// What serves it, once something does.
    serving: Cell<Option<Serving>>,
    given_up: Cell<Option<Code>>,
    /// Private memory of its buffers, on its way home.
    warm: RefCell<Vec<Vec<u8>>>,
    /// What entries of its answer show.
    shown: RefCell<Vec<(usize, Memory)>>,
}

impl Guest {
    pub(crate) fn set_live(&self, serving: Serving) {
        self.serving.set(Some(serving));
    }
    pub(crate) fn given_up(&self) -> Option<Code> {
        self.given_up.get()
    }
    /// Takes memory that was made at home.
    pub(crate) fn take_home(&self, buffer: Vec<u8>) {
        self.warm.borrow_mut().push(buffer);
    }
    /// An entry of its answer shows this memory, which its home gives to the client.
    pub(crate) fn show(&self, entry: usize, memory: Memory) {
        self.shown.borrow_mut().push((entry, memory));
    }
    /// It is detached and begins: its caller waits for no more than that.
    pub(crate) fn accept(&self) {
        self.core.mail.write(self.home, Letter::Accepted(self.away));
    }
    /// Answers.
    pub(crate) fn answer(&self, answer: &Answer<'_>) {
        if self.core.mail.guests.borrow_mut().remove(&(self.home, self.away)).is_none() {
            return;
        }
        let answer = match answer {
            Answer::Value { bytes, buffers } => {
                let mut value = self.core.warm.borrow_mut().take(bytes.len());
                value.extend_from_slice(bytes);
                Ok((value, buffers.to_vec()))
            }
            Answer::Fault(fault) => Err((*fault).clone()),
        };
        let (warm, shown) = (self.warm.take(), self.shown.take());
        self.core.mail.write(self.home, Letter::Answer(self.away, Answered { answer, warm, shown }));
    }
}

/// A call has come from another worker.
pub(crate) fn arrive(core: &Rc<Core>, carried: Carried) -> (Arrived, u32) {
    let Carried { from, away, container, number, mut slot, deadline, arguments, skip, buffers, root, owner } =
        carried;
    if deadline != NO_DEADLINE {
        slot.time_left_ns = deadline.saturating_sub(core.now());
    }
    let guest = Rc::new(Guest {
        core: core.clone(),
        home: from,
        away,
        serving: Cell::default(),
        given_up: Cell::default(),
        warm: RefCell::default(),
        shown: RefCell::default(),
    });
    core.mail.guests.borrow_mut().insert((from, away), guest.clone());
    let (reply, backing) = (ReplySlot::guest(guest), buffers.into_iter().map(Backing::carried).collect());
    (Arrived { slot, reply, arguments, skip, backing, root, owner, number }, container)
}

/// Whoever asked for a guest wants it to end. One that has been answered is left as it is.
pub(crate) fn given_up(core: &Rc<Core>, from: WorkerId, away: u64, code: Code) {
    let guest = core.mail.guests.borrow().get(&(from, away)).cloned();
    let Some(guest) = guest else { return };
    match guest.serving.get() {
        Some(serving) => serving.end(core, code),
        None => guest.given_up.set(Some(code)),
    }
}
