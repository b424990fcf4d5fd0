//! Taking a call slot: where all are out, until one comes back.
//!
//! Lives here: `take_slot` (a thread waits), `Slotless` (a task does), `Taken` (what no call has yet).
//! From: `outgoing`. To: `table`, whose slots they are.
//! Holds: a slot and a ticket that are taken and not used go back, also when whoever waited is gone.
//! Not here: slots that are reserved before there is a call (`slots`).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use windlass_contract::{CallId, Code, Fault};

use crate::background::Background;
use crate::session::Session;
use crate::table::Ticket;

/// A ticket and a call slot that no call has yet; dropped, they go back.
pub(crate) struct Taken {
    session: Arc<Session>,
    held: Option<(CallId, Arc<Ticket>)>,
}

impl Taken {
    pub(crate) fn used(mut self) -> (CallId, Arc<Ticket>) {
        match self.held.take() {
            Some(held) => held,
            None => unreachable!("it is used once, by whoever owns it"),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some((call, ticket)) = self.held.take()
            && !self.session.forked()
        {
            self.session.free_slot_and_keep(call.slot(), ticket);
        }
    }
}

/// A task waits for a call slot.
pub(crate) struct Slotless<'s> {
    session: &'s Arc<Session>,
    ticket: Option<Arc<Ticket>>,
    /// The background thread reaps for it.
    in_background: bool,
}

impl<'s> Slotless<'s> {
    pub(crate) fn new(session: &'s Arc<Session>) -> Self {
        Self { session, ticket: None, in_background: false }
    }
}

impl Future for Slotless<'_> {
    type Output = Result<Taken, Fault>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let session = this.session;
        if let Err(fault) = session.usable() {
            return Poll::Ready(Err(fault));
        }
        let taken =
            |call, ticket| Poll::Ready(Ok(Taken { session: Arc::clone(session), held: Some((call, ticket)) }));
        let (ticket, mut call) = match this.ticket.take() {
            Some(ticket) => (ticket, None),
            None => session.table.take(),
        };
        if call.is_none() {
            session.reap_what_is_there();
            call = session.table.take_slot();
        }
        if call.is_none() {
            session.table.begin_task_waiting(context.waker());
            // One that was freed before this task stood on the list woke nobody for it.
            call = session.table.take_slot();
        }
        if let Some(call) = call {
            return taken(call, ticket);
        }
        this.ticket = Some(ticket);
        if !std::mem::replace(&mut this.in_background, true)
            && let Err(fault) = Background::one_more(session)
        {
            return Poll::Ready(Err(fault));
        }
        Poll::Pending
    }
}

impl Drop for Slotless<'_> {
    fn drop(&mut self) {
        if self.session.forked() {
            return;
        }
        if self.in_background {
            self.session.background.one_less();
        }
        if let Some(ticket) = self.ticket.take() {
            self.session.table.keep(ticket);
        }
    }
}

/// Takes a ticket and a call slot, waiting for one and reaping for others meanwhile.
pub(crate) fn take_slot(session: &Arc<Session>) -> Result<(CallId, Arc<Ticket>), Fault> {
    let (ticket, mut call) = session.table.take();
    loop {
        if let Some(call) = call {
            return Ok((call, ticket));
        }
        if let Err(fault) = session.usable() {
            session.table.keep(ticket);
            return Err(fault);
        }
        if let Some(hand) = &session.hand {
            if !session.pump_until(hand, || session.table.has_free_slot()) {
                session.table.keep(ticket);
                return Err(Fault::new(Code::NoCredit, "all call slots are out, and nothing moves any more"));
            }
            call = session.table.take_slot();
            continue;
        }
        let Some(seat) = ticket.seat() else {
            let text = "all call slots are out, and too many threads wait for one already";
            return Err(Fault::new(Code::NoCredit, text));
        };
        session.table.begin_waiting(seat);
        session.reaper.wait_until(
            seat,
            || session.table.has_free_slot() || session.over.get().is_some(),
            || None,
            |taker, time| session.reap(taker, time, None),
        );
        call = session.table.end_waiting(seat);
    }
}
