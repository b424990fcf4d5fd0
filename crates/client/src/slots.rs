//! Call slots that are reserved before a call is put together.
//!
//! Lives here: `CallSlot`, and `Client::call_slot`, which waits for one no longer than it is told.
//! From: callers that must not wait inside `Outgoing::send` when all slots are out: an interpreter, an event loop.
//! Holds: a slot that is not used is free again when it is dropped.
//! Not here: calls that take their slot when they are sent (`outgoing`).

use std::sync::Arc;
use std::time::Duration;

use windlass_contract::{CallId, Fault};

use crate::client::Client;
use crate::clock::Until;
use crate::session::Session;
use crate::table::Ticket;

/// Room for one call (`Outgoing::slot`).
pub struct CallSlot {
    session: Arc<Session>,
    taken: Option<(CallId, Arc<Ticket>)>,
}

impl Client {
    /// Reserves the room of a call, and waits for it for at most `time`; `None` when all are out for that long.
    ///
    /// Cost: that of taking a slot; with no time it looks, and does not sleep.
    ///
    /// # Errors
    /// `Forked`; what ended the session.
    pub fn call_slot(&self, time: Duration) -> Result<Option<CallSlot>, Fault> {
        let session = &self.session();
        session.usable()?;
        if !session.table.has_free_slot() {
            session.reap_what_is_there();
        }
        let (ticket, mut call) = session.table.take();
        if call.is_none() && !time.is_zero() {
            call = match (&session.hand, ticket.seat()) {
                (Some(hand), _) => {
                    session.pump_until(hand, || session.table.has_free_slot());
                    session.table.take_slot()
                }
                (None, Some(seat)) => {
                    let until = Until::after(time);
                    session.table.begin_waiting(seat);
                    session.reaper.wait_until(
                        seat,
                        || session.table.has_free_slot() || session.over.get().is_some(),
                        || Some(until.left()),
                        |taker, left| session.reap(taker, left, None),
                    );
                    session.table.end_waiting(seat)
                }
                // More threads wait than there are seats.
                (None, None) => None,
            };
        }
        let Some(call) = call else {
            session.table.keep(ticket);
            session.usable()?;
            return Ok(None);
        };
        Ok(Some(CallSlot { session: Arc::clone(session), taken: Some((call, ticket)) }))
    }
}

impl CallSlot {
    /// Gives the slot to a call, if it is of the same session.
    pub(crate) fn into_parts(mut self, session: &Arc<Session>) -> Option<(CallId, Arc<Ticket>)> {
        if Arc::ptr_eq(&self.session, session) { self.taken.take() } else { None }
    }
}

impl Drop for CallSlot {
    fn drop(&mut self) {
        // In a forked child the table's lock may be held by a thread that does not exist there.
        if let Some((call, ticket)) = self.taken.take()
            && !self.session.forked()
        {
            self.session.free_slot_and_keep(call.slot(), ticket);
        }
    }
}

impl std::fmt::Debug for CallSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallSlot")
    }
}
