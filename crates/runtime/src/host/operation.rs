//! Operations: what a task of a module waits for.
//!
//! Lives here: `Operations` (those of one call), their start and poll, `Finished`.
//! From: the C edge. To: timers, nested calls (`path`), files and sockets (`io`), spawned tasks (`home`), the node itself
//! (`admin`).
//! Holds: the host owns an operation's memory until it ends; a cancelled call's operations resolve at once, but for those
//! that are shielded.

use super::call::Call;
use super::{ended_early, io, streams};
use crate::core::{Alarm, Core};
use crate::limits::OPERATIONS_MAX;
use crate::reply::{ReplySlot, Wait};
use crate::transport::Arrived;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use windlass_contract::abi::{OP_SHIELDED, OpKind, RawOp, RawOwned};
use windlass_contract::slot::{self, Slot};
use windlass_contract::spawn::LaneFacts;
use windlass_contract::{Code, Fault, PoolId};
use windlass_driver::Nanos;
use windlass_lane::io::Ticket;
use windlass_lane::{Class, TimerId};

/// What an operation came to.
pub(crate) struct Finished {
    /// A number and bytes, by kind.
    pub(crate) result: Result<(u64, Vec<u8>), Fault>,
    /// The buffer that was handed over.
    pub(crate) buffer: RawOwned,
    /// Whether the operation has let go of its buffer, whoever's it is.
    pub(crate) given_back: bool,
}

impl Finished {
    pub(super) fn of(result: Result<(u64, Vec<u8>), Fault>) -> Self {
        Self { result, buffer: RawOwned::empty(), given_back: true }
    }
    /// It did not begin; its buffer comes back.
    pub(crate) fn refused(fault: Fault, buffer: RawOwned) -> Self {
        Self { result: Err(fault), buffer, given_back: true }
    }
    /// It ended early; what it has of buffers it still has.
    fn early(fault: Fault) -> Self {
        Self { result: Err(fault), buffer: RawOwned::empty(), given_back: false }
    }
}

enum Kind {
    Done(Option<Finished>),
    Timer { at: Nanos, set: Option<TimerId> },
    Nested(Rc<Wait>),
    Control(Pin<Box<dyn Future<Output = Result<Vec<u8>, Fault>>>>),
    Yield { polled: bool },
    Io { ticket: Option<Ticket>, asked: RawOp },
    Join { wait: Rc<Wait>, task: u64 },
    Stream { asked: OpKind, number: u64 },
}

struct Operation {
    kind: Kind,
    shielded: bool,
    waker: Option<Waker>,
}

/// The operations of one call; a token is an index and never 0.
#[derive(Default)]
pub(crate) struct Operations(Vec<Option<Operation>>);

impl Operations {
    fn insert(&mut self, kind: Kind, shielded: bool) -> u64 {
        let operation = Some(Operation { kind, shielded, waker: None });
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
    /// Whether one is under way that goes on although its call is to end.
    pub(crate) fn is_shielded(&self) -> bool {
        self.0.iter().flatten().any(|operation| operation.shielded)
    }
    fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }
}

/// Starts an operation of a call.
pub(crate) fn start(call: &Rc<Call>, mut asked: RawOp) -> u64 {
    let core = &call.core;
    let shielded = asked.flags & OP_SHIELDED != 0;
    let of = |kind: OpKind| asked.kind == kind as u32;
    let done = |result| Kind::Done(Some(Finished::of(result)));
    let kind = if call.operations.borrow().count() >= OPERATIONS_MAX {
        let text = format!("the call has {OPERATIONS_MAX} operations under way already");
        Kind::Done(Some(Finished::refused(Fault::new(Code::QueueFull, text), asked.buffer)))
    } else if call.cancelled.get().is_some() && !shielded && io::is_io(asked.kind) {
        // It would be given up at its first poll: it does not begin, and its buffer comes back.
        let fault = ended_early(call.cancelled.get().unwrap_or(Code::Cancelled));
        Kind::Done(Some(Finished::refused(fault, asked.buffer)))
    } else if of(OpKind::Timer) {
        Kind::Timer { at: asked.a, set: None }
    } else if of(OpKind::Yield) {
        Kind::Yield { polled: false }
    } else if of(OpKind::Resolve) {
        done(resolve(core, asked.bytes.as_slice()).map(|id| (id.bits(), Vec::new())))
    } else if of(OpKind::Call) {
        nested(call, asked.bytes.as_slice())
    } else if of(OpKind::Join) {
        match call.container.home.wait_of(asked.a) {
            Some(wait) => Kind::Join { wait, task: asked.a },
            None => {
                let text = format!("this container has no task {} to be joined", asked.a);
                done(Err(Fault::new(Code::NotRegistered, text)))
            }
        }
    } else if of(OpKind::Lanes) {
        done(lanes(core))
    } else if let Some(kind) = STREAMS.into_iter().find(|kind| of(*kind)) {
        match streams::begin(call, kind, asked.a, asked.bytes.as_slice()) {
            Ok(()) => Kind::Stream { asked: kind, number: asked.a },
            Err(fault) => done(Err(fault)),
        }
    } else if of(OpKind::Control) {
        if call.container.pool == PoolId::ADMIN {
            let bytes = asked.bytes.as_slice().to_vec();
            Kind::Control(Box::pin(crate::admin::control(core.clone(), call.root, call.arrived, bytes)))
        } else {
            done(Err(Fault::new(Code::Denied, "only pool 0, admin, may ask the node itself")))
        }
    } else if io::is_io(asked.kind) {
        match io::begin(call, &mut asked) {
            Ok(ticket) => Kind::Io { ticket: Some(ticket), asked },
            Err(finished) => Kind::Done(Some(finished)),
        }
    } else {
        done(Err(Fault::new(Code::Unsupported, format!("this node has no operation {}", asked.kind))))
    };
    core.lanes.count_operation();
    call.operations.borrow_mut().insert(kind, shielded)
}

/// What a call asks for about its streams.
const STREAMS: [OpKind; 5] =
    [OpKind::StreamTake, OpKind::StreamPut, OpKind::StreamOpen, OpKind::StreamEnd, OpKind::StreamClose];

fn lanes(core: &Rc<Core>) -> Result<(u64, Vec<u8>), Fault> {
    let facts: Vec<LaneFacts> = core
        .lanes
        .lanes()
        .into_iter()
        .map(|lane| LaneFacts {
            name: lane.name,
            background: lane.class == Class::Background,
            weight: lane.weight,
            share: lane.share,
            tasks: lane.tasks as u64,
            queued: lane.queued as u64,
            ran_ns: lane.ran_ns,
        })
        .collect();
    let bytes = postcard::to_allocvec(&facts).map_err(|error| Fault::new(Code::Internal, error.to_string()))?;
    Ok((facts.len() as u64, bytes))
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
        let fault = Fault::new(Code::BadArguments, "a nested call is a slot and its arguments");
        return Kind::Done(Some(Finished::of(Err(fault))));
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
        owner: call.owner,
        number: 0,
    };
    crate::path::nested(&call.core, arrived);
    Kind::Nested(wait)
}

/// Looks whether an operation is done; keeps the waker if not.
pub(crate) fn poll(call: &Rc<Call>, token: u64, waker: &Waker) -> Option<Finished> {
    let mut operations = call.operations.borrow_mut();
    let Some(place) = operations.place(token) else {
        let fault = Fault::new(Code::Internal, format!("operation {token} does not exist"));
        return Some(Finished::of(Err(fault)));
    };
    let Some(mut operation) = place.take() else {
        let fault = Fault::new(Code::Internal, format!("operation {token} has ended"));
        return Some(Finished::of(Err(fault)));
    };
    // Polled outside the borrow: a control operation may come back here for its own call.
    drop(operations);
    let done = match (call.cancelled.get().filter(|_| !operation.shielded), &mut operation.kind) {
        // It did not begin, so there is nothing to give up, and its buffer comes back.
        (Some(_), kind @ Kind::Done(_)) => advance(call, kind, waker),
        (Some(code), kind) => {
            give_up(call, kind, code);
            Some(Finished::early(ended_early(code)))
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

fn advance(call: &Rc<Call>, kind: &mut Kind, waker: &Waker) -> Option<Finished> {
    let nothing = || Some(Finished::of(Ok((0, Vec::new()))));
    match kind {
        Kind::Done(finished) => finished.take().or_else(nothing),
        Kind::Timer { at, set } => {
            if call.core.now() >= *at {
                return nothing();
            }
            let mut timers = call.core.timers.borrow_mut();
            if let Some(set) = set.take() {
                timers.cancel(set);
            }
            *set = timers.set(*at, Alarm::Wake(waker.clone()));
            match set {
                Some(_) => None,
                None => {
                    let fault = Fault::new(Code::QueueFull, "the node has as many timers as it may have");
                    Some(Finished::of(Err(fault)))
                }
            }
        }
        Kind::Nested(wait) => wait.take(waker).map(|answer| Finished::of(answer.map(|bytes| (0, bytes)))),
        Kind::Join { wait, task } => {
            let answer = wait.take(waker)?;
            call.container.home.forget(*task);
            Some(Finished::of(answer.map(|bytes| (0, bytes))))
        }
        Kind::Control(future) => match future.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Ready(answer) => Some(Finished::of(answer.map(|bytes| (0, bytes)))),
            Poll::Pending => None,
        },
        Kind::Yield { polled: true } => nothing(),
        Kind::Yield { polled } => {
            *polled = true;
            waker.wake_by_ref();
            None
        }
        Kind::Stream { asked, number } => streams::poll(call, *asked, *number, waker),
        Kind::Io { ticket, asked } => {
            let Poll::Ready(done) = call.core.io.poll(ticket.as_ref()?, waker) else { return None };
            *ticket = None;
            Some(io::finished(call, asked, done))
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
            if let Some(serving) = wait.give_up(code) {
                serving.end(&call.core, code);
            }
        }
        Kind::Io { ticket, .. } => {
            if let Some(ticket) = ticket.take() {
                call.core.io.give_up(ticket);
            }
        }
        Kind::Done(_) | Kind::Control(_) | Kind::Yield { .. } | Kind::Join { .. } | Kind::Stream { .. } => {}
    }
}

/// Gives up whatever a call that ends has under way.
pub(crate) fn give_up_all(call: &Rc<Call>) {
    let all = std::mem::take(&mut *call.operations.borrow_mut());
    for mut operation in all.0.into_iter().flatten() {
        give_up(call, &mut operation.kind, call.cancelled.get().unwrap_or(Code::Cancelled));
    }
}

/// Gives an operation up.
pub(crate) fn drop_one(call: &Rc<Call>, token: u64) {
    let taken = call.operations.borrow_mut().place(token).and_then(Option::take);
    if let Some(mut operation) = taken {
        give_up(call, &mut operation.kind, call.cancelled.get().unwrap_or(Code::Cancelled));
    }
}
