//! Operations: what a task of a module waits for.
//!
//! Lives here: `Operations` (those of one call), their start and poll.
//! From: the C edge. To: timers, nested calls (`path`), the node itself (`admin`).
//! Holds: the host owns an operation's bytes until it ends; a cancelled call's operations resolve at once.

use super::call::Call;
use super::ended_early;
use crate::core::{Alarm, Core};
use crate::limits::OPERATIONS_MAX;
use crate::reply::{ReplySlot, Wait};
use crate::transport::Arrived;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use windlass_contract::abi::OpKind;
use windlass_contract::slot::{self, Slot};
use windlass_contract::{Code, Fault, PoolId};
use windlass_driver::Nanos;
use windlass_lane::TimerId;

/// A number and bytes, by kind.
pub(crate) type Done = Result<(u64, Vec<u8>), Fault>;

enum Kind {
    Done(Done),
    Timer { at: Nanos, set: Option<TimerId> },
    Nested(Rc<Wait>),
    Control(Pin<Box<dyn Future<Output = Result<Vec<u8>, Fault>>>>),
    Yield { polled: bool },
}

struct Operation {
    kind: Kind,
    waker: Option<Waker>,
}

/// The operations of one call; a token is an index and never 0.
#[derive(Default)]
pub(crate) struct Operations(Vec<Option<Operation>>);

impl Operations {
    fn insert(&mut self, kind: Kind) -> u64 {
        let operation = Some(Operation { kind, waker: None });
        match self.0.iter().position(Option::is_none) {
            Some(at) => {
                self.0[at] = operation;
                at as u64 + 1
            }
            None => {
                self.0.push(operation);
                self.0.len() as u64
            }
        }
    }
    fn place(&mut self, token: u64) -> Option<&mut Option<Operation>> {
        self.0.get_mut(usize::try_from(token.checked_sub(1)?).ok()?)
    }
    /// The wakers of all that waits.
    pub(crate) fn wakers(&mut self) -> Vec<Waker> {
        self.0.iter_mut().flatten().filter_map(|operation| operation.waker.take()).collect()
    }
    fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }
}

/// Starts an operation of a call.
pub(crate) fn start(call: &Rc<Call>, kind: u32, a: u64, bytes: &[u8]) -> u64 {
    let core = &call.core;
    let failed = |fault| Kind::Done(Err(fault));
    let kind = if call.operations.borrow().count() >= OPERATIONS_MAX {
        failed(Fault::new(Code::QueueFull, format!("the call has {OPERATIONS_MAX} operations under way already")))
    } else if kind == OpKind::Timer as u32 {
        Kind::Timer { at: a, set: None }
    } else if kind == OpKind::Yield as u32 {
        Kind::Yield { polled: false }
    } else if kind == OpKind::Resolve as u32 {
        Kind::Done(resolve(core, bytes).map(|id| (id.bits(), Vec::new())))
    } else if kind == OpKind::Call as u32 {
        nested(call, bytes)
    } else if kind == OpKind::Control as u32 {
        if call.container.pool == PoolId::ADMIN {
            Kind::Control(Box::pin(crate::admin::control(core.clone(), call.root, call.number, bytes.to_vec())))
        } else {
            failed(Fault::new(Code::Denied, "only pool 0, admin, may ask the node itself"))
        }
    } else {
        failed(Fault::new(Code::Unsupported, format!("this node has no operation {kind}")))
    };
    core.lanes.count_operation();
    call.operations.borrow_mut().insert(kind)
}

fn resolve(core: &Rc<Core>, name: &[u8]) -> Result<PoolId, Fault> {
    let name = std::str::from_utf8(name).map_err(|_| Fault::new(Code::BadArguments, "a pool's name is UTF-8"))?;
    let places = core.places.borrow();
    places.by_text(name).map(|pool| pool.id).ok_or_else(|| places.unknown(name))
}

fn nested(call: &Rc<Call>, bytes: &[u8]) -> Kind {
    let decoded = bytes.split_first_chunk::<{ slot::BYTES }>().and_then(|(head, arguments)| {
        let mut entry = [0u64; 8];
        for (word, chunk) in entry.iter_mut().zip(head.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().ok()?);
        }
        Some((Slot::decode(&entry).ok()?, arguments))
    });
    let Some((mut slot, arguments)) = decoded else {
        return Kind::Done(Err(Fault::new(Code::BadArguments, "a nested call is a slot and its arguments")));
    };
    if call.deadline != slot::NO_DEADLINE {
        slot.time_left_ns = slot.time_left_ns.min(call.deadline.saturating_sub(call.core.now()));
    }
    let wait = Rc::new(Wait::default());
    let arrived = Arrived {
        slot,
        reply: ReplySlot::wait(wait.clone()),
        arguments: arguments.to_vec(),
        skip: 0,
        backing: Vec::new(),
        root: Some((call.root, call.depth + 1)),
    };
    crate::path::nested(&call.core, arrived);
    Kind::Nested(wait)
}

/// Looks whether an operation is done; keeps the waker if not.
pub(crate) fn poll(call: &Rc<Call>, token: u64, waker: &Waker) -> Option<Done> {
    let mut operations = call.operations.borrow_mut();
    let Some(place) = operations.place(token) else {
        return Some(Err(Fault::new(Code::Internal, format!("operation {token} does not exist"))));
    };
    let Some(mut operation) = place.take() else {
        return Some(Err(Fault::new(Code::Internal, format!("operation {token} has ended"))));
    };
    // Polled outside the borrow: a control operation may come back here for its own call.
    drop(operations);
    let done = match (call.cancelled.get(), &mut operation.kind) {
        (Some(code), kind) => {
            give_up(call, kind, code);
            Some(Err(ended_early(code)))
        }
        (None, kind) => advance(call, kind, waker),
    };
    if done.is_none() {
        operation.waker = Some(waker.clone());
        if let Some(place) = call.operations.borrow_mut().place(token) {
            *place = Some(operation);
        }
    }
    done
}

fn advance(call: &Rc<Call>, kind: &mut Kind, waker: &Waker) -> Option<Done> {
    match kind {
        Kind::Done(done) => Some(std::mem::replace(done, Ok((0, Vec::new())))),
        Kind::Timer { at, set } => {
            if call.core.now() >= *at {
                return Some(Ok((0, Vec::new())));
            }
            let mut timers = call.core.timers.borrow_mut();
            if let Some(set) = set.take() {
                timers.cancel(set);
            }
            *set = timers.set(*at, Alarm::Wake(waker.clone()));
            match set {
                Some(_) => None,
                None => Some(Err(Fault::new(Code::QueueFull, "the node has as many timers as it may have"))),
            }
        }
        Kind::Nested(wait) => wait.take(waker).map(|answer| answer.map(|bytes| (0, bytes))),
        Kind::Control(future) => match future.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Ready(answer) => Some(answer.map(|bytes| (0, bytes))),
            Poll::Pending => None,
        },
        Kind::Yield { polled: true } => Some(Ok((0, Vec::new()))),
        Kind::Yield { polled } => {
            *polled = true;
            waker.wake_by_ref();
            None
        }
    }
}

/// Lets go of what an operation set in motion; a nested call that nobody waits for any more is asked to end too.
fn give_up(call: &Rc<Call>, kind: &mut Kind, code: Code) {
    match kind {
        Kind::Timer { set, .. } => {
            if let Some(set) = set.take() {
                call.core.timers.borrow_mut().cancel(set);
            }
        }
        Kind::Nested(wait) => {
            if let Some(live) = wait.give_up(code) {
                super::cancel(&call.core, live, code);
            }
        }
        Kind::Done(_) | Kind::Control(_) | Kind::Yield { .. } => {}
    }
}

/// Gives an operation up.
pub(crate) fn drop_one(call: &Rc<Call>, token: u64) {
    let taken = call.operations.borrow_mut().place(token).and_then(Option::take);
    if let Some(mut operation) = taken {
        give_up(call, &mut operation.kind, call.cancelled.get().unwrap_or(Code::Cancelled));
    }
}
