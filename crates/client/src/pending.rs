//! A pending call: sent, and not yet answered.
//!
//! Lives here: `Pending`, to be waited for by a thread or awaited as a future.
//! Holds: it answers once; dropped unanswered it asks the node to end the call, whose loans stay lent until it has.
//! Not here: taking completions (`reap`), the thread that does so for futures (`background`), waits that look up between
//!   slices of time (`pending/patient`).

mod patient;

use std::cell::OnceCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use windlass_contract::{CallId, Code, Fault};
use windlass_memory::hooks::{Plant, planted};

use crate::again::Life;
use crate::background::Background;
use crate::reap::Own;
use crate::reply::Reply;
use crate::session::forked;
use crate::stages::Stamps;
use crate::table::{Answer, Ticket, Waiter};

/// A call whose answer is to come. `wait` for it, or `.await` it.
#[must_use = "a pending call that is dropped is cancelled"]
pub struct Pending {
    life: Arc<Life>,
    stage: Stage,
}

enum Stage {
    /// It was never sent.
    Failed(Fault),
    /// It is out, or its answer stands on the ticket.
    Out {
        call: CallId,
        ticket: Arc<Ticket>,
        cancelled: AtomicBool,
        /// A future waits for it, or did.
        polled: bool,
        stamps: Stamps,
    },
    /// The answer was given out.
    Over,
}

impl Pending {
    pub(crate) fn failed(life: Arc<Life>, fault: Fault) -> Pending {
        Pending { life, stage: Stage::Failed(fault) }
    }

    pub(crate) fn out(life: Arc<Life>, call: CallId, ticket: Arc<Ticket>, stamps: Stamps) -> Pending {
        Pending {
            life,
            stage: Stage::Out { call, ticket, cancelled: AtomicBool::new(false), polled: false, stamps },
        }
    }

    /// Waits for the answer on this thread: spins for a while if that has paid before, then sleeps.
    ///
    /// # Errors
    /// As `Outgoing::wait`.
    pub fn wait(mut self) -> Result<Reply, Fault> {
        let (call, ticket, polled, stamps) = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Failed(fault) => return Err(fault),
            Stage::Over => return Err(over()),
            Stage::Out { call, ticket, polled, stamps, .. } => (call, ticket, polled, stamps),
        };
        let session = self.life.session();
        if session.forked() {
            return Err(forked());
        }
        if polled && let (Some(answer), _) = ticket.take_or(Waiter::Thread) {
            session.table.keep(ticket);
            session.ended(stamps, &answer);
            return answer;
        }
        let own = Own { ticket: &ticket, answer: OnceCell::new() };
        match (ticket.seat(), &session.hand) {
            (_, Some(hand)) => {
                session.pump_until(hand, || ticket.is_done());
            }
            (Some(seat), None) => {
                // A call that a future waited for is counted in the background, which its ticket knows.
                let own = (!polled).then_some(&own);
                session.reaper.wait_until(
                    seat,
                    || own.is_some_and(|own| own.answer.get().is_some()) || ticket.is_done(),
                    || None,
                    |taker, time| session.reap(taker, time, own),
                );
            }
            // More pending calls than seats: others reap, or this thread does. It ends with the session at the latest.
            (None, None) => {
                while !ticket.is_done() && session.is_alive() {
                    session.reap_what_is_there();
                    std::thread::yield_now();
                }
            }
        }
        let answer = match own.answer.into_inner() {
            Some(answer) => {
                session.free_slot_and_keep(call.slot(), ticket);
                answer
            }
            None => {
                let (answer, _) = ticket.take_or(Waiter::Thread);
                session.table.keep(ticket);
                answer.unwrap_or_else(|| Err(over()))
            }
        };
        session.ended(stamps, &answer);
        answer
    }

    /// Asks the node to end the call early. The answer still comes: `Cancelled`, or what the call had done by then.
    pub fn cancel(&self) {
        if let Stage::Out { call, ticket, cancelled, .. } = &self.stage
            && !ticket.is_done()
            && !cancelled.swap(true, Ordering::Relaxed)
        {
            self.life.session().cancel(*call);
        }
    }

    /// Whether `wait` would not wait. Does not look at the ring.
    pub fn is_answered(&self) -> bool {
        match &self.stage {
            Stage::Out { ticket, .. } => ticket.is_done(),
            Stage::Failed(_) | Stage::Over => true,
        }
    }

    /// Looks for the answer, and says who is to be woken if it is not there.
    fn look(&mut self, context: &Context<'_>) -> Option<Answer> {
        let Stage::Out { ticket, polled, .. } = &mut self.stage else {
            return Some(match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Failed(fault) => Err(fault),
                Stage::Out { .. } | Stage::Over => Err(over()),
            });
        };
        let session = self.life.session();
        if session.forked() {
            self.stage = Stage::Over;
            return Some(Err(forked()));
        }
        if !ticket.is_done() {
            session.reap_what_is_there();
        }
        *polled = true;
        let (answer, newly) = ticket.take_or(Waiter::Task(context.waker().clone()));
        if answer.is_none() {
            if newly && let Err(fault) = Background::one_more(session) {
                return Some(Err(fault));
            }
            return None;
        }
        if let (Stage::Out { ticket, stamps, .. }, Some(answer)) =
            (std::mem::replace(&mut self.stage, Stage::Over), &answer)
        {
            session.table.keep(ticket);
            session.ended(stamps, answer);
        }
        answer
    }
}

impl Future for Pending {
    type Output = Result<Reply, Fault>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.look(context).map_or(Poll::Pending, Poll::Ready)
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.stage {
            Stage::Failed(fault) => write!(f, "Pending(not sent: {fault})"),
            Stage::Out { call, .. } => write!(f, "Pending({call:?})"),
            Stage::Over => f.write_str("Pending(answered)"),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Stage::Over | Stage::Failed(_) = self.stage {
            return;
        }
        // In a forked child the ticket's lock may be held by a thread that does not exist there.
        if self.life.session().forked() {
            return;
        }
        self.cancel();
        if planted(Plant::ReusedBuffer)
            && let Stage::Out { call, .. } = &self.stage
        {
            self.life.session().table.let_go(*call);
        }
        if let Stage::Out { ticket, .. } = std::mem::replace(&mut self.stage, Stage::Over) {
            let (answered, _) = ticket.take_or(Waiter::Gone);
            if answered.is_some() {
                self.life.session().table.keep(ticket);
            }
        }
    }
}

fn over() -> Fault {
    Fault::new(Code::Internal, "this call's answer was given out before")
}
