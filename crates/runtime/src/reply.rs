//! Reply: where an answer goes, once.
//!
//! Lives here: `ReplySlot`, `Answer`, `Wait` (an answer inside the node), `Serving` (what is to answer), `Refused`.
//! From: `host` with what a method answered, or any step that refuses. To: the session's completion ring, or a waiting
//! task.
//! Holds: a `ReplySlot` is consumed once; one that is dropped answers `Lost`.

use crate::core::Core;
use crate::host::call::LiveKey;
use crate::mail::{AwayKey, Guest};
use crate::place::fan::{Fan, FanKey};
use crate::session::Session;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use windlass_contract::head::BufferEntry;
use windlass_contract::{CallId, Code, Fault};

/// What a call is answered with.
#[derive(Debug)]
pub(crate) enum Answer<'a> {
    /// The reply's value in postcard, and where its buffers stand.
    Value { bytes: &'a [u8], buffers: &'a [BufferEntry] },
    /// Why there is none.
    Fault(&'a Fault),
}

/// What is to answer a call, so that it can be asked to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Serving {
    /// A call of this worker.
    Here(LiveKey),
    /// A call that another worker runs.
    Away(AwayKey),
    /// Calls of several containers.
    Fan(FanKey),
}

impl Serving {
    /// Asks it to end.
    pub(crate) fn end(self, core: &Rc<Core>, code: Code) {
        match self {
            Self::Here(live) => crate::host::cancel(core, live, code),
            Self::Away(away) => crate::mail::give_up(core, away, code),
            Self::Fan(fan) => crate::place::fan::end(core, fan, code),
        }
    }
}

/// An answer awaited inside the node: by a nested call, or by `admin`.
#[derive(Debug, Default)]
pub(crate) struct Wait {
    answer: RefCell<Option<Result<Vec<u8>, Fault>>>,
    waker: RefCell<Option<Waker>>,
    answered: Cell<bool>,
    /// The task that is to answer, once there is one.
    live: Cell<Option<Serving>>,
    /// Nobody wants the answer any more.
    given_up: Cell<Option<Code>>,
}

impl Wait {
    pub(crate) fn answer(&self, answer: Result<Vec<u8>, Fault>) {
        self.answered.set(true);
        *self.answer.borrow_mut() = Some(answer);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
    pub(crate) fn take(&self, waker: &Waker) -> Option<Result<Vec<u8>, Fault>> {
        let answer = self.answer.borrow_mut().take();
        if answer.is_none() {
            *self.waker.borrow_mut() = Some(waker.clone());
        }
        answer
    }
    /// Nobody waits any more; answers what is to be asked to end, if there is something.
    pub(crate) fn give_up(&self, code: Code) -> Option<Serving> {
        if self.answered.get() {
            return None;
        }
        self.given_up.set(Some(code));
        self.live.get()
    }
}

/// The answer as a future.
pub(crate) async fn waited(wait: Rc<Wait>) -> Result<Vec<u8>, Fault> {
    std::future::poll_fn(|cx| match wait.take(cx.waker()) {
        Some(answer) => std::task::Poll::Ready(answer),
        None => std::task::Poll::Pending,
    })
    .await
}

enum To {
    Session(Rc<Session>, CallId),
    Wait(Rc<Wait>),
    /// Another worker's.
    Guest(Rc<Guest>),
    /// One of several calls that are answered as one.
    Part(Rc<Fan>, usize),
    /// What folds their answers.
    Folded(Rc<Fan>),
    /// A detached call's; counted until it ends.
    Counted(Rc<Cell<u32>>),
    Nobody,
}

/// The one right to answer a call.
pub(crate) struct ReplySlot {
    to: To,
}

impl ReplySlot {
    pub(crate) fn session(session: Rc<Session>, call: CallId) -> Self {
        Self { to: To::Session(session, call) }
    }
    pub(crate) fn wait(wait: Rc<Wait>) -> Self {
        Self { to: To::Wait(wait) }
    }
    /// Of a call that another worker sent.
    pub(crate) fn guest(guest: Rc<Guest>) -> Self {
        Self { to: To::Guest(guest) }
    }
    /// Of one of several calls that are answered as one.
    pub(crate) fn part(fan: Rc<Fan>, part: usize) -> Self {
        Self { to: To::Part(fan, part) }
    }
    /// Of the call that folds their answers.
    pub(crate) fn folded(fan: Rc<Fan>) -> Self {
        Self { to: To::Folded(fan) }
    }
    /// Of a call that nobody waits for: one of so many until it ends.
    pub(crate) fn counted(count: Rc<Cell<u32>>) -> Self {
        count.set(count.get() + 1);
        Self { to: To::Counted(count) }
    }
    pub(crate) fn nobody() -> Self {
        Self { to: To::Nobody }
    }
    /// Answers a call that nobody waits for: it is accepted.
    ///
    /// # Errors
    /// `QueueFull` when its session has as many detached calls under way as it may have.
    pub(crate) fn detach(self) -> Result<Self, Refused> {
        match &self.to {
            To::Session(session, _) => session.clone().detach(self),
            To::Guest(guest) => {
                guest.accept();
                Ok(self)
            }
            To::Wait(_) | To::Part(..) | To::Folded(_) | To::Counted(_) | To::Nobody => Ok(self),
        }
    }
    /// Counts a detached call of a session before it is known whether it is accepted; nothing for others, who wait for its end.
    ///
    /// # Errors
    /// As `detach`.
    pub(crate) fn count_detached(&self) -> Result<Option<Self>, Fault> {
        match &self.to {
            To::Session(session, _) => session.count_detached().map(Some),
            _ => Ok(None),
        }
    }
    /// The call that another worker sent, if it is one.
    pub(crate) fn as_guest(&self) -> Option<&Rc<Guest>> {
        match &self.to {
            To::Guest(guest) => Some(guest),
            _ => None,
        }
    }
    /// The session that asked, if one did.
    pub(crate) fn asker(&self) -> Option<(&Rc<Session>, CallId)> {
        match &self.to {
            To::Session(session, call) => Some((session, *call)),
            _ => None,
        }
    }
    /// Says what is to answer, so that it can be asked to end.
    pub(crate) fn set_live(&self, live: Serving) {
        match &self.to {
            To::Session(session, call) => session.set_live(*call, live),
            To::Wait(wait) => wait.live.set(Some(live)),
            To::Guest(guest) => guest.set_live(live),
            To::Part(fan, part) => fan.set_live(*part, live),
            To::Folded(_) | To::Counted(_) | To::Nobody => {}
        }
    }
    /// Why the call need not begin, if whoever asked has given it up.
    pub(crate) fn given_up(&self) -> Option<Code> {
        match &self.to {
            To::Session(session, call) => session.given_up(*call).then_some(Code::Cancelled),
            To::Wait(wait) => wait.given_up.get(),
            To::Guest(guest) => guest.given_up(),
            To::Part(fan, _) => fan.given_up(),
            To::Folded(_) | To::Counted(_) | To::Nobody => None,
        }
    }
    /// Answers.
    pub(crate) fn answer(mut self, answer: &Answer<'_>) {
        Self::give(std::mem::replace(&mut self.to, To::Nobody), answer);
    }
    fn give(to: To, answer: &Answer<'_>) {
        match to {
            To::Session(session, call) => session.complete(call, answer),
            To::Wait(wait) => wait.answer(match answer {
                Answer::Value { bytes, .. } => Ok(bytes.to_vec()),
                Answer::Fault(fault) => Err((*fault).clone()),
            }),
            To::Guest(guest) => guest.answer(answer),
            To::Part(fan, part) => fan.answered(part, answer),
            To::Folded(fan) => fan.folded(answer),
            To::Counted(count) => count.set(count.get() - 1),
            To::Nobody => {}
        }
    }
}

impl Drop for ReplySlot {
    fn drop(&mut self) {
        let to = std::mem::replace(&mut self.to, To::Nobody);
        if !matches!(to, To::Nobody) {
            let lost = Fault::new(Code::Lost, "the call was dropped without an answer");
            Self::give(to, &Answer::Fault(&lost));
        }
    }
}

/// A call refused on its way: its slot and the reason.
pub(crate) struct Refused {
    reply: ReplySlot,
    fault: Fault,
}

impl Refused {
    pub(crate) fn new(reply: ReplySlot, fault: Fault) -> Self {
        Self { reply, fault }
    }
    /// Tells the caller.
    pub(crate) fn answer(self) {
        tracing::debug!(fault = ?self.fault, "call refused");
        self.reply.answer(&Answer::Fault(&self.fault));
    }
}
