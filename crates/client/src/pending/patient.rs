//! Patient waits: a thread that waits for an answer and looks up now and then, for signals say.
//!
//! From: callers that have to do something else while they wait, such as an interpreter.
//! Holds: an answer that came stands on the ticket until `wait` takes it, so nothing is lost between two looks.

use std::time::Duration;

use super::{Pending, Stage};
use crate::clock::Until;

impl Pending {
    /// Waits for the answer on this thread for at most `time`, and says whether `wait` would not wait now. As `wait`, it
    /// spins for a while if that has paid before, then sleeps. With no time it looks, and does not sleep.
    ///
    /// Cost: that of `wait`; nothing when the answer is there.
    pub fn wait_within(&mut self, time: Duration) -> bool {
        let Stage::Out { ticket, .. } = &self.stage else { return true };
        let session = self.life.session();
        if session.forked() || ticket.is_done() {
            return true;
        }
        if time.is_zero() {
            session.reap_what_is_there();
            return ticket.is_done();
        }
        match (ticket.seat(), &session.hand) {
            (_, Some(hand)) => {
                session.pump_until(hand, || ticket.is_done());
            }
            (Some(seat), None) => {
                let until = Until::after(time);
                session.reaper.wait_until(
                    seat,
                    || ticket.is_done(),
                    || Some(until.left()),
                    |taker, left| session.reap(taker, left, None),
                );
            }
            // More pending calls than seats: as in `wait`.
            (None, None) => {
                let until = Until::after(time);
                while !ticket.is_done() && session.is_alive() && !until.left().is_zero() {
                    session.reap_what_is_there();
                    std::thread::yield_now();
                }
            }
        }
        ticket.is_done()
    }
}
