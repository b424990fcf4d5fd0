//! Relay: calls of a pool that another process serves.
//!
//! Lives here: `Relay` (what waits, what is out, who is free), `serve` (a call of such a pool, or of its provider), `close`.
//! From: `host::run`, with a call that has passed the same rooms as any other. To: the provider, as the answer to a `next` that
//!   it keeps out; and from it, as the arguments of the next one, to the caller.
//! Holds: a call is handed out once and ends once: with what its provider answers, when its caller gives it up, or when the
//!   provider goes. What was handed out may have run, what was not has not. Queue and buffers are as bounded as in any pool.
//! Not here: who runs the methods (`windlass_client::Provider`), the shapes (`contract::provide`).

use super::call::{Call, Outcome};
use super::{ended_early, finish, keep_alive};
use crate::admin;
use crate::core::Core;
use crate::host::library::Table;
use crate::limits::RELAYED_MAX;
use crate::place::Method;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::OnceLock;
use windlass_contract::abi::{self, ModuleTable, RawBuffer};
use windlass_contract::buffers::{Bytes, In, InOut, Out, Parameter, SharedBytes};
use windlass_contract::context::Incoming;
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::limits::REPLY_BYTES_MAX;
use windlass_contract::module::{Exclusive, Hooks, Module};
use windlass_contract::provide::{
    self, FETCH, Filled, GIVE, Given, HOLD, INLINE_BYTES_MAX, Invocation, Key, NEXT, Piece, Told,
};
use windlass_contract::slot::NO_DEADLINE;
use windlass_contract::{Code, Fault, MethodId, ModuleDescriptor, Outcome as Ran};
use windlass_lane::TaskOptions;

/// The calls of one served container.
pub(crate) struct Relay {
    key: Key,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// The call that lasts as long as the service.
    hold: Option<Rc<Call>>,
    /// Calls that nobody has taken, oldest first.
    waiting: VecDeque<Rc<Call>>,
    /// `next` calls that wait for one, oldest first.
    free: VecDeque<Rc<Call>>,
    /// Calls that a provider runs, by their numbers.
    out: HashMap<u64, Rc<Call>>,
    /// Calls of those that were given up, of which the provider has not heard.
    given_up: VecDeque<u64>,
    over: bool,
}

/// Whether a call of this method is a provider that waits for work.
pub(crate) fn stands_by(method: MethodId) -> bool {
    method == HOLD || method == NEXT
}

/// The methods by which a provider speaks to the node, in order of their numbers.
pub(crate) fn methods() -> [Rc<Method>; 4] {
    [
        Method::of_relay(provide::hold(), None),
        Method::of_relay(provide::next(), None),
        Method::of_relay(provide::fetch(), Some(Direction::Out)),
        Method::of_relay(provide::give(), Some(Direction::In)),
    ]
}

impl Relay {
    /// Of a pool whose provider shows this key.
    pub(crate) fn new(key: Key) -> Rc<Self> {
        Rc::new(Self { key, state: RefCell::default() })
    }

    /// Whether a provider holds the pool.
    pub(crate) fn is_held(&self) -> bool {
        self.state.borrow().hold.is_some()
    }
}

/// Takes a call that has begun.
pub(crate) fn serve(core: &Rc<Core>, relay: &Rc<Relay>, call: Rc<Call>) {
    match call.method.id {
        HOLD | NEXT | FETCH | GIVE => {
            if let Err(fault) = of_provider(core, relay, &call) {
                end(&call, Outcome::Fault(fault));
            }
        }
        MethodId::DESTROY => value(&call, &()),
        id if id.is_inherited() && id != MethodId::MONITOR => {
            let text = format!("a pool that another process serves has no {}", call.method.name);
            end(&call, Outcome::Fault(Fault::new(Code::Unsupported, text)));
        }
        _ if call.method.by_stream => {
            let text =
                format!("{} has streams, which a pool that another process serves cannot pass", call.method.name);
            end(&call, Outcome::Fault(Fault::new(Code::Unsupported, text)));
        }
        _ => invoke(core, relay, call),
    }
}

/// What a provider says.
fn of_provider(core: &Rc<Core>, relay: &Rc<Relay>, call: &Rc<Call>) -> Result<(), Fault> {
    let bad = || Fault::new(Code::BadArguments, format!("the arguments of {} do not decode", call.method.name));
    let (key, rest): (&[u8], _) = postcard::take_from_bytes(call.arguments()).map_err(|_| bad())?;
    if Key::of(key) != Some(relay.key) {
        return Err(Fault::new(Code::Denied, "this pool is provided by somebody else"));
    }
    if call.method.id == HOLD {
        return hold(core, relay, call);
    }
    if call.method.id == NEXT {
        let given: &[u8] = postcard::from_bytes(rest).map_err(|_| bad())?;
        if !given.is_empty() {
            settle(relay, postcard::from_bytes(given).map_err(|_| bad())?);
        }
        next(core, relay, call.clone());
        return Ok(());
    }
    let (number, buffer): (u64, u32) = postcard::from_bytes(rest).map_err(|_| bad())?;
    let asked = relay.state.borrow().out.get(&number).cloned();
    let gone = || Fault::new(Code::Cancelled, format!("call {number} is not out any more"));
    let asked = asked.ok_or_else(gone)?;
    let (theirs, ours) = (asked.buffers.get(buffer as usize), call.buffers.first());
    let none = || Fault::new(Code::BadBuffer, format!("call {number} has no buffer {buffer}"));
    let (theirs, ours) = theirs.zip(ours).ok_or_else(none)?;
    if call.method.id == FETCH {
        value(call, &brought(theirs, ours)?);
    } else {
        let data: In<'_, Bytes> = In::take(ours).ok_or_else(none)?;
        fill(theirs, &data, data.len() as u64)?;
        value(call, &());
    }
    Ok(())
}

fn hold(core: &Rc<Core>, relay: &Rc<Relay>, call: &Rc<Call>) -> Result<(), Fault> {
    if relay.is_held() {
        return Err(Fault::new(Code::PoolExists, "this pool is held already"));
    }
    over(relay)?;
    keep_alive(core, call);
    relay.state.borrow_mut().hold = Some(call.clone());
    Ok(())
}

fn over(relay: &Relay) -> Result<(), Fault> {
    if relay.state.borrow().over { Err(gone().with_outcome(Ran::NotStarted)) } else { Ok(()) }
}

fn gone() -> Fault {
    Fault::new(Code::NodeGone, "the process that served this pool is gone").with_outcome(Ran::Unknown)
}

/// A caller's call: to a provider that is free, or into the queue.
fn invoke(core: &Rc<Core>, relay: &Rc<Relay>, call: Rc<Call>) {
    if let Err(fault) = over(relay) {
        return end(&call, Outcome::Fault(fault));
    }
    // Its time passes elsewhere, and holds no worker here.
    call.held_ns.set(1);
    keep_alive(core, &call);
    let mut state = relay.state.borrow_mut();
    if let Some(free) = state.free.pop_front() {
        drop(state);
        return hand_out(relay, call, &free);
    }
    if state.waiting.len() >= RELAYED_MAX {
        drop(state);
        let text = "the process that serves this pool has as many calls waiting as it may have";
        return end(&call, Outcome::Fault(Fault::new(Code::QueueFull, text)));
    }
    state.waiting.push_back(call);
}

/// A provider is free.
fn next(core: &Rc<Core>, relay: &Rc<Relay>, call: Rc<Call>) {
    call.held_ns.set(1);
    if let Err(fault) = over(relay) {
        return end(&call, Outcome::Fault(fault));
    }
    let mut state = relay.state.borrow_mut();
    if let Some(number) = state.given_up.pop_front() {
        drop(state);
        return tell(&call, &Told::Cancel(number));
    }
    if let Some(waited) = state.waiting.pop_front() {
        drop(state);
        return hand_out(relay, waited, &call);
    }
    drop(state);
    keep_alive(core, &call);
    relay.state.borrow_mut().free.push_back(call);
}

fn hand_out(relay: &Relay, call: Rc<Call>, free: &Rc<Call>) {
    let invocation = Invocation {
        number: call.number,
        method: call.method.id,
        schema: call.schema,
        arguments: call.arguments().to_vec(),
        buffers: call.buffers.iter().map(piece).collect(),
        time_left_ns: (call.deadline != NO_DEADLINE).then(|| call.deadline.saturating_sub(call.core.now())),
    };
    relay.state.borrow_mut().out.insert(call.number, call);
    tell(free, &Told::Run(invocation));
}

fn tell(free: &Rc<Call>, told: &Told) {
    match postcard::to_allocvec(told) {
        Ok(bytes) => value(free, &bytes),
        Err(error) => end(free, Outcome::Fault(Fault::new(Code::Internal, error.to_string()))),
    }
}

/// A provider has answered; a call that is not out any more was given up, and nobody waits for its answer.
fn settle(relay: &Relay, given: Given) {
    let call = relay.state.borrow_mut().out.remove(&given.number);
    let Some(call) = call else { return };
    let outcome = match given.outcome {
        Err(fault) => Outcome::Fault(fault),
        Ok(reply) => match filled(&call, &reply, &given.filled) {
            Ok(()) => {
                *call.value.borrow_mut() = reply;
                Outcome::Value
            }
            Err(fault) => Outcome::Fault(fault),
        },
    };
    end(&call, outcome);
}

fn filled(call: &Call, reply: &[u8], filled: &[Filled]) -> Result<(), Fault> {
    let bad = |text: String| Fault::new(Code::BadReply, text).with_outcome(Ran::Ended);
    if reply.len() > REPLY_BYTES_MAX as usize {
        return Err(bad(format!("its provider answered {} bytes ({REPLY_BYTES_MAX} at most)", reply.len())));
    }
    if filled.len() != call.buffers.len() {
        return Err(bad(format!("its provider filled {} buffers of {}", filled.len(), call.buffers.len())));
    }
    for (buffer, filled) in call.buffers.iter().zip(filled) {
        fill(buffer, filled.inline.as_deref().unwrap_or_default(), filled.used)
            .map_err(|fault| bad(fault.message))?;
    }
    Ok(())
}

/// Ends a call that was served: its caller, or its provider, hears.
fn end(call: &Rc<Call>, outcome: Outcome) {
    call.outcome.set(outcome);
    finish(call);
}

fn value<T: serde::Serialize>(call: &Rc<Call>, value: &T) {
    let outcome = match postcard::to_allocvec(value) {
        Ok(bytes) => {
            *call.value.borrow_mut() = bytes;
            Outcome::Value
        }
        Err(error) => Outcome::Fault(Fault::new(Code::Internal, error.to_string())),
    };
    end(call, outcome);
}

/// A call of this pool is to end, or of its provider.
pub(crate) fn cancel(core: &Rc<Core>, relay: &Rc<Relay>, call: &Rc<Call>, code: Code) {
    let is_same = |other: &Rc<Call>| Rc::ptr_eq(other, call);
    let mut state = relay.state.borrow_mut();
    if state.hold.as_ref().is_some_and(is_same) {
        state.hold = None;
        drop(state);
        end(call, Outcome::Fault(ended_early(code)));
        close(core, relay);
        return leave(core, call);
    }
    let before = (state.free.len(), state.waiting.len());
    state.free.retain(|other| !is_same(other));
    state.waiting.retain(|other| !is_same(other));
    if before != (state.free.len(), state.waiting.len()) {
        drop(state);
        return end(call, Outcome::Fault(ended_early(code).with_outcome(Ran::NotStarted)));
    }
    if state.out.remove(&call.number).is_none() {
        return;
    }
    let free = state.free.pop_front();
    if free.is_none() {
        state.given_up.push_back(call.number);
    }
    drop(state);
    if let Some(free) = free {
        tell(&free, &Told::Cancel(call.number));
    }
    end(call, Outcome::Fault(ended_early(code).with_outcome(Ran::Unknown)));
}

/// The service is over: what waits has not started, what is out may have run.
pub(crate) fn close(core: &Rc<Core>, relay: &Rc<Relay>) {
    let mut state = relay.state.borrow_mut();
    state.over = true;
    let State { hold, waiting, free, out, .. } = std::mem::take(&mut *state);
    state.over = true;
    drop(state);
    for call in waiting {
        end(&call, Outcome::Fault(gone().with_outcome(Ran::NotStarted)));
    }
    // In the order in which they were made.
    let mut out: Vec<_> = out.into_values().collect();
    out.sort_by_key(|call| call.number);
    out.iter().for_each(|call| end(call, Outcome::Fault(gone())));
    let code = if core.draining.get() { Code::Draining } else { Code::UnknownPool };
    let over = Fault::new(code, "the pool that was served is over").with_outcome(Ran::Ended);
    free.iter().chain(&hold).for_each(|call| end(call, Outcome::Fault(over.clone())));
}

/// The provider of a pool is gone, and so is the pool.
fn leave(core: &Rc<Core>, hold: &Call) {
    if core.draining.get() || core.over.get() {
        return;
    }
    let (inner, pool) = (core.clone(), hold.container.pool);
    let ending = async move { admin::end_served(&inner, pool).await };
    if let Err(error) =
        core.lanes.spawn(TaskOptions::new("ending a served pool"), ending).map(|task| task.detach())
    {
        tracing::error!(?error, pool = %hold.container.pool_name, "no task to end a pool whose provider is gone");
    }
}

fn piece(raw: &RawBuffer) -> Piece {
    let (direction, kind) = shape(raw);
    let length = raw.len() as u64;
    let brings = direction != Direction::Out && length <= INLINE_BYTES_MAX;
    let inline = brings.then(|| {
        let mut bytes = vec![0; raw.len()];
        read(raw, &mut bytes);
        bytes
    });
    Piece { direction, kind, length, inline }
}

fn shape(raw: &RawBuffer) -> (Direction, BufferKind) {
    let all = [Direction::In, Direction::Out, Direction::InOut]
        .map(|direction| [BufferKind::Bytes, BufferKind::Shared].map(|kind| (direction, kind)));
    let found = all.into_iter().flatten().find(|(direction, kind)| raw.is(*direction, *kind));
    found.unwrap_or((Direction::In, BufferKind::Bytes))
}

/// Copies what a buffer brings.
fn read(raw: &RawBuffer, into: &mut [u8]) {
    if let Some(bytes) = In::<Bytes>::take(raw) {
        into.copy_from_slice(&bytes);
    } else if let Some(bytes) = InOut::<Bytes>::take(raw) {
        into.copy_from_slice(&bytes);
    } else if let Some(shared) = In::<SharedBytes>::take(raw) {
        shared.read_at(0, into);
    } else if let Some(shared) = InOut::<SharedBytes>::take(raw) {
        shared.read_at(0, into);
    }
}

/// Copies what a call's buffer brings into the provider's room; answers how many bytes.
fn brought(theirs: &RawBuffer, ours: &RawBuffer) -> Result<u64, Fault> {
    let none = || Fault::new(Code::BadBuffer, "`fetch` takes an `out` buffer");
    let mut room: Out<'_, Bytes> = Out::take(ours).ok_or_else(none)?;
    if shape(theirs).0 == Direction::Out {
        return Err(Fault::new(Code::BadBuffer, "this buffer brings no bytes"));
    }
    let bytes = theirs.len();
    let short = || Fault::new(Code::TooLarge, format!("{bytes} bytes do not fit the room"));
    read(theirs, room.get_mut(..bytes).ok_or_else(short)?);
    room.set_len(bytes);
    Ok(bytes as u64)
}

/// Writes the first bytes of a caller's buffer, if there are any, and says how many of it are used.
fn fill(theirs: &RawBuffer, bytes: &[u8], used: u64) -> Result<(), Fault> {
    let (length, (direction, _)) = (theirs.len(), shape(theirs));
    let long = |bytes: u64| Fault::new(Code::BadBuffer, format!("{bytes} bytes for a buffer of {length}"));
    if direction == Direction::In {
        return if used == 0 && bytes.is_empty() { Ok(()) } else { Err(long(used)) };
    }
    if bytes.len() > length || used > length as u64 {
        return Err(long(used.max(bytes.len() as u64)));
    }
    let used = used as usize;
    if let Some(mut out) = Out::<Bytes>::take(theirs) {
        out[..bytes.len()].copy_from_slice(bytes);
        out.set_len(used);
    } else if let Some(mut out) = InOut::<Bytes>::take(theirs) {
        out[..bytes.len()].copy_from_slice(bytes);
        out.set_len(used);
    } else if let Some(mut out) = Out::<SharedBytes>::take(theirs) {
        out.write_at(0, bytes);
        out.set_len(used);
    } else if let Some(mut out) = InOut::<SharedBytes>::take(theirs) {
        out.write_at(0, bytes);
        out.set_len(used);
    }
    Ok(())
}

/// What stands where a served module's code would: nothing of it is ever called, because `host::run` turns here before.
struct Elsewhere;

impl Hooks for Elsewhere {
    const OWN: u32 = 0;
}

impl Module for Elsewhere {
    type Access = Exclusive;

    fn descriptor() -> ModuleDescriptor {
        ModuleDescriptor {
            name: "elsewhere".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: String::new(),
            all_sync: true,
            methods: Vec::new(),
            commands: Vec::new(),
            lanes: Vec::new(),
        }
    }
    fn descriptor_cell() -> &'static OnceLock<Vec<u8>> {
        static CELL: OnceLock<Vec<u8>> = OnceLock::new();
        &CELL
    }
    fn create(call: Incoming<'_>) -> abi::Started<'_> {
        call.fault(&elsewhere());
        abi::Started::ended()
    }
    fn start<'a>(_: &'a mut Self, call: Incoming<'a>) {
        call.fault(&elsewhere());
    }
    fn block(call: Incoming<'_>) {
        call.fault(&elsewhere());
    }
    fn key(_: u32, _: &[u8]) -> Option<u64> {
        None
    }
}

fn elsewhere() -> Fault {
    Fault::new(Code::Internal, "this pool is served by another process")
}

/// The table of `Elsewhere`.
///
/// # Errors
/// As `Table::linked`.
pub(crate) fn table() -> Result<Table, Fault> {
    static TABLE: ModuleTable = abi::table::<Elsewhere>();
    Table::linked(&TABLE)
}
