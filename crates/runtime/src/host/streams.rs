//! Streams: what passes between a call and its caller while the call runs.
//!
//! Lives here: `Streams` (those of one worker), `serve` (the calls that ride beside a call with streams), what such a call asks for
//! (`open`, `put`, `close`, `poll`), `over`.
//! From: `host::run` for `take` and `give`, `operation` for the method itself. To: both; their bytes meet here.
//! Holds: a stream is known by its session and the number that this chose, so nobody reaches another's; at most a window and a batch of
//! each direction are kept, whoever is ahead waits; when the call ends, whatever waits for its streams is answered.
//! Not here: what the bytes are (`contract::streams`).

use super::call::{Call, Outcome};
use super::operation::Finished;
use super::{ended_early, finish, keep_alive};
use crate::core::Core;
use crate::limits::{STREAM_WINDOW_BYTES, STREAMS_MAX};
use crate::place::{Container, Method};
use crate::transport::Arrived;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::task::Waker;
use windlass_contract::abi::OpKind;
use windlass_contract::limits::STREAM_BATCH_BYTES_MAX;
use windlass_contract::streams::{self, Batch, GIVE, TAKE};
use windlass_contract::{Code, Fault, Outcome as Ran, PoolId};

/// A session, and the number that it chose.
type Known = (u64, u64);

/// The streams of the calls of one worker.
#[derive(Default)]
pub(crate) struct Streams(RefCell<BTreeMap<Known, Stream>>);

/// What passes beside one call.
#[derive(Default)]
struct Stream {
    /// Its call has begun.
    open: bool,
    /// The container that it is beside.
    at: Option<(PoolId, u32)>,
    /// From the call to its caller.
    sent: Pipe,
    /// Calls of the caller that wait for bytes, oldest first.
    takers: VecDeque<Rc<Call>>,
    /// From the caller to the call.
    given: Pipe,
    /// Calls of the caller that bring bytes for which there is no room yet, oldest first.
    givers: VecDeque<Rc<Call>>,
    /// The call takes no more.
    closed: bool,
}

/// Bytes one way.
#[derive(Default)]
struct Pipe {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Batches that have passed between node and caller.
    turn: u64,
    /// Nothing is put behind what is here.
    ended: bool,
    /// The caller was told so.
    told: bool,
    /// The call, if it waits for something to change here.
    waits: Option<Waker>,
}

impl Pipe {
    fn push(&mut self, piece: Vec<u8>) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.pieces.push_back(piece);
        }
    }

    fn has_room(&self) -> bool {
        self.bytes < STREAM_WINDOW_BYTES
    }

    /// The next bytes, as many as go at once; none when nothing is here.
    fn pop(&mut self) -> Vec<u8> {
        let mut all = self.pieces.pop_front().unwrap_or_default();
        if all.len() > STREAM_BATCH_BYTES_MAX {
            self.pieces.push_front(all.split_off(STREAM_BATCH_BYTES_MAX));
        }
        while self.pieces.front().is_some_and(|next| all.len() + next.len() <= STREAM_BATCH_BYTES_MAX) {
            all.extend_from_slice(&self.pieces.pop_front().unwrap_or_default());
        }
        self.bytes -= all.len();
        all
    }

    /// Whether this batch goes on where `expected` is next.
    fn expects(&self, batch: &Batch<'_>, expected: u64) -> Result<(), Fault> {
        if self.ended {
            return Err(Fault::new(Code::BadArguments, "a batch comes behind the last of its stream"));
        }
        in_turn(batch.turn, expected)
    }

    fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    fn wake(&mut self) {
        if let Some(waits) = self.waits.take() {
            waits.wake();
        }
    }
}

/// The postcard of an answer, or why there is none.
type Answer = Result<Vec<u8>, Fault>;

/// A call that rides beside another, with its answer.
type Answered = (Rc<Call>, Answer);

fn value_of<T: Serialize>(value: &T) -> Answer {
    postcard::to_allocvec(value).map_err(|error| Fault::new(Code::Internal, error.to_string()))
}

impl Stream {
    /// Whether nothing holds it here but itself.
    fn is_idle(&self) -> bool {
        !self.open && self.takers.is_empty() && self.givers.is_empty()
    }

    /// Hands what was sent to whoever waits for it.
    fn hand_out(&mut self, answered: &mut Vec<Answered>) {
        while !self.takers.is_empty() && (self.sent.ended || !self.sent.is_empty()) {
            let bytes = self.sent.pop();
            let last = self.sent.ended && self.sent.is_empty();
            let batch = Batch { turn: self.sent.turn, last, bytes: &bytes };
            self.sent.told |= last;
            if let Some(taker) = self.takers.pop_front() {
                self.sent.turn += 1;
                answered.push((taker, batch.encoded()));
            }
        }
        if self.sent.told || (self.sent.has_room() && !self.sent.ended) {
            self.sent.wake();
        }
    }

    /// Takes what there is room for.
    fn take_in(&mut self, answered: &mut Vec<Answered>) {
        while self.open && (self.closed || self.given.has_room()) {
            let Some(giver) = self.givers.pop_front() else { return };
            let outcome = self.accept(&giver);
            answered.push((giver, outcome));
        }
    }

    fn accept(&mut self, giver: &Call) -> Answer {
        if self.closed {
            return value_of(&false);
        }
        let (_, batch) = given(giver.arguments()).ok_or_else(|| bad(giver))?;
        // Those before it may have been given up while it waited, or one of them was the last.
        self.given.expects(&batch, self.given.turn)?;
        self.given.turn += 1;
        self.given.push(batch.bytes.to_vec());
        self.given.ended |= batch.last;
        self.given.wake();
        value_of(&!batch.last)
    }
}

/// The methods by which a caller passes bytes, in order of their numbers.
pub(crate) fn methods() -> [Rc<Method>; 3] {
    [streams::open(), streams::take(), streams::give()].map(Method::of_streams)
}

/// Whether calls of a method pass bytes beside another.
pub(crate) fn is_beside(method: &Method) -> bool {
    method.by_stream && streams::is_of_streams(method.id)
}

/// The number of the streams that a call has, or is about: its arguments begin with it.
pub(crate) fn number(arguments: &[u8]) -> Option<u64> {
    postcard::take_from_bytes(arguments).ok().map(|(number, _)| number)
}

/// Whether a call with the streams that another is about is in a container, begun or not.
pub(crate) fn has_call(core: &Core, container: &Rc<Container>, beside: &Arrived) -> bool {
    let Some(number) = number(beside.arguments()) else { return false };
    let is_it = |call: &Rc<Call>| {
        call.owner == beside.owner
            && call.method.by_stream
            && !is_beside(&call.method)
            && Rc::ptr_eq(&call.container, container)
            && self::number(call.arguments()) == Some(number)
    };
    let is_open = core.call_streams.0.borrow().get(&(beside.owner, number)).is_some_and(|stream| stream.open);
    is_open || core.live.borrow().any(is_it) || core.lanes.any_waiting(is_it)
}

/// Takes a call that rides beside one with streams, and has begun.
pub(crate) fn serve(core: &Rc<Core>, call: Rc<Call>) {
    let refused = match call.method.id {
        TAKE => take(core, &call),
        GIVE => give(core, &call),
        _ => return end(&call, value_of(&call.container.place)),
    };
    if let Err(fault) = refused {
        end(&call, Err(fault));
    }
}

fn bad(of: &Call) -> Fault {
    Fault::new(Code::BadArguments, format!("the arguments of {} do not decode", of.method.name))
}

/// Arguments, and nothing behind them.
fn read<'a, T: Deserialize<'a>>(arguments: &'a [u8]) -> Option<T> {
    postcard::take_from_bytes(arguments).ok().filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// The stream of a `take`, and which batch it is for.
fn taken(arguments: &[u8]) -> Option<(u64, u64)> {
    read(arguments)
}

/// The stream of a `give`, and the batch.
fn given(arguments: &[u8]) -> Option<(u64, Batch<'_>)> {
    let (stream, batch) = read::<(u64, &[u8])>(arguments)?;
    Some((stream, read(batch)?))
}

/// Only the caller of a call passes bytes beside it, to the container that runs it.
fn fits(stream: &mut Stream, call: &Call) -> Result<(), Fault> {
    let here = (call.container.pool, call.container.place);
    match call.depth == 0 && *stream.at.get_or_insert(here) == here {
        true => Ok(()),
        false => Err(Fault::new(Code::Denied, "the stream is beside a call of somebody else, or elsewhere")),
    }
}

/// Batches pass in their order, or the stream would be another one.
fn in_turn(turn: u64, expected: u64) -> Result<(), Fault> {
    if turn == expected {
        return Ok(());
    }
    Err(Fault::new(Code::BadArguments, format!("batch {turn} of a stream comes where {expected} is next")))
}

/// A caller asks for bytes: it has some now, or waits for them.
fn take(core: &Rc<Core>, call: &Rc<Call>) -> Result<(), Fault> {
    let (number, turn) = taken(call.arguments()).ok_or_else(|| bad(call))?;
    let mut answered = Vec::new();
    {
        let mut streams = core.call_streams.0.borrow_mut();
        let stream = streams.entry((call.owner, number)).or_default();
        let expected = stream.sent.turn + stream.takers.len() as u64;
        if let Err(fault) = fits(stream, call).and_then(|()| in_turn(turn, expected)) {
            drop(streams);
            core.call_streams.leave((call.owner, number));
            return Err(fault);
        }
        stream.takers.push_back(call.clone());
        stream.hand_out(&mut answered);
    }
    waits(core, call, &answered);
    answer(answered);
    Ok(())
}

/// A caller brings bytes: they are taken now, or wait until there is room for them.
fn give(core: &Rc<Core>, call: &Rc<Call>) -> Result<(), Fault> {
    let (number, batch) = given(call.arguments()).ok_or_else(|| bad(call))?;
    if batch.bytes.len() > STREAM_BATCH_BYTES_MAX {
        let text = format!("{} bytes of a stream at once ({STREAM_BATCH_BYTES_MAX} at most)", batch.bytes.len());
        return Err(Fault::new(Code::TooLarge, text));
    }
    let mut answered = Vec::new();
    {
        let mut streams = core.call_streams.0.borrow_mut();
        let stream = streams.entry((call.owner, number)).or_default();
        let expected = stream.given.turn + stream.givers.len() as u64;
        let in_order = if stream.closed { Ok(()) } else { stream.given.expects(&batch, expected) };
        if let Err(fault) = fits(stream, call).and(in_order) {
            drop(streams);
            core.call_streams.leave((call.owner, number));
            return Err(fault);
        }
        stream.givers.push_back(call.clone());
        stream.take_in(&mut answered);
    }
    waits(core, call, &answered);
    answer(answered);
    Ok(())
}

/// A call that was not answered is kept among the living, so that it can be given up.
fn waits(core: &Rc<Core>, call: &Rc<Call>, answered: &[Answered]) {
    if !answered.iter().any(|(one, _)| Rc::ptr_eq(one, call)) {
        // Its time passes elsewhere, and holds no worker here.
        call.held_ns.set(1);
        keep_alive(core, call);
    }
}

fn answer(answered: Vec<Answered>) {
    for (call, outcome) in answered {
        end(&call, outcome);
    }
}

fn end(call: &Rc<Call>, answer: Answer) {
    call.outcome.set(match answer {
        Ok(bytes) => {
            *call.value.borrow_mut() = bytes;
            Outcome::Value
        }
        Err(fault) => Outcome::Fault(fault),
    });
    finish(call);
}

impl Streams {
    /// Forgets a stream that nothing is known of any more.
    fn leave(&self, known: Known) {
        let mut streams = self.0.borrow_mut();
        if streams.get(&known).is_some_and(Stream::is_idle) {
            streams.remove(&known);
        }
    }

    /// The stream of this number, if it is this call's.
    fn with<T>(&self, call: &Call, number: u64, what: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        if call.streams.get() != Some(number) {
            return None;
        }
        self.0.borrow_mut().get_mut(&(call.owner, number)).map(what)
    }
}

fn none() -> Fault {
    Fault::new(Code::NotRegistered, "this call has no such stream open").with_outcome(Ran::Ended)
}

/// A call with streams has begun.
///
/// # Errors
/// `BadArguments` when another call of its session has this number, or it has streams open already; `QueueFull` when the session has
/// as many as it may have.
fn open(call: &Rc<Call>, number: u64) -> Result<(), Fault> {
    let taken = |text: &str| Fault::new(Code::BadArguments, text);
    if call.streams.get().is_some() {
        return Err(taken("this call has its streams open already"));
    }
    let mut answered = Vec::new();
    {
        let mut streams = call.core.call_streams.0.borrow_mut();
        let of_session = streams.range((call.owner, 0)..=(call.owner, u64::MAX));
        if of_session.filter(|(_, stream)| stream.open).count() >= STREAMS_MAX {
            let text = format!("the session has {STREAMS_MAX} calls with streams under way already");
            return Err(Fault::new(Code::QueueFull, text));
        }
        let stream = streams.entry((call.owner, number)).or_default();
        if stream.open {
            return Err(taken("another call of this session has a stream of this number"));
        }
        if let Err(fault) = fits(stream, call) {
            drop(streams);
            call.core.call_streams.leave((call.owner, number));
            return Err(fault);
        }
        stream.open = true;
        stream.take_in(&mut answered);
    }
    call.streams.set(Some(number));
    answer(answered);
    Ok(())
}

/// Does at once what a method asks for about its streams; what is waited for then is for `poll`.
///
/// # Errors
/// `NotRegistered` for a stream that is not this call's; as `open`; `TooLarge`.
pub(super) fn begin(call: &Rc<Call>, kind: OpKind, number: u64, bytes: &[u8]) -> Result<(), Fault> {
    if kind == OpKind::StreamOpen {
        return open(call, number);
    }
    if bytes.len() > STREAM_BATCH_BYTES_MAX {
        let text = format!("{} bytes of a stream at once ({STREAM_BATCH_BYTES_MAX} at most)", bytes.len());
        return Err(Fault::new(Code::TooLarge, text));
    }
    let mut answered = Vec::new();
    let streams = &call.core.call_streams;
    let done = streams.with(call, number, |stream| match kind {
        OpKind::StreamPut if stream.sent.ended => Err(none()),
        OpKind::StreamPut if !stream.sent.has_room() => {
            Err(Fault::new(Code::QueueFull, "what was put into the stream before has found no room yet"))
        }
        OpKind::StreamPut => {
            stream.sent.push(bytes.to_vec());
            stream.hand_out(&mut answered);
            Ok(())
        }
        OpKind::StreamEnd => {
            stream.sent.ended = true;
            stream.hand_out(&mut answered);
            Ok(())
        }
        OpKind::StreamClose => {
            stream.closed = true;
            stream.given = Pipe { turn: stream.given.turn, ..Pipe::default() };
            stream.take_in(&mut answered);
            Ok(())
        }
        _ => Ok(()),
    });
    answer(answered);
    done.unwrap_or_else(|| Err(none()))
}

/// Looks whether what a method waits for is there.
pub(super) fn poll(call: &Rc<Call>, kind: OpKind, number: u64, waker: &Waker) -> Option<Finished> {
    let mut answered = Vec::new();
    let nothing = || Some(Finished::of(Ok((0, Vec::new()))));
    let done = call.core.call_streams.with(call, number, |stream| match kind {
        OpKind::StreamPut if stream.sent.has_room() => nothing(),
        OpKind::StreamEnd if stream.sent.told => nothing(),
        OpKind::StreamPut | OpKind::StreamEnd => {
            stream.sent.waits = Some(waker.clone());
            None
        }
        OpKind::StreamTake if stream.given.is_empty() && !stream.given.ended => {
            stream.given.waits = Some(waker.clone());
            None
        }
        OpKind::StreamTake => {
            let bytes = stream.given.pop();
            let last = stream.given.ended && stream.given.is_empty();
            stream.take_in(&mut answered);
            Some(Finished::of(Ok((u64::from(last), bytes))))
        }
        _ => nothing(),
    });
    answer(answered);
    done.unwrap_or_else(|| Some(Finished::of(Err(none()))))
}

/// A call ends, and its streams with it: whoever waits for them hears that nothing comes.
pub(super) fn over(call: &Rc<Call>) {
    let Some(number) = call.streams.take() else { return };
    let ended = call.core.call_streams.0.borrow_mut().remove(&(call.owner, number));
    let Some(mut stream) = ended else { return };
    let mut answered = Vec::new();
    // What its caller has not taken by now it does not get: the call answers why.
    stream.sent.pieces.clear();
    stream.sent.ended = true;
    stream.closed = true;
    stream.hand_out(&mut answered);
    stream.take_in(&mut answered);
    answer(answered);
}

/// A call that waits beside another is to end.
pub(super) fn cancel(core: &Rc<Core>, call: &Rc<Call>, code: Code) {
    let number = match call.method.id {
        TAKE => taken(call.arguments()).map(|(number, _)| number),
        _ => given(call.arguments()).map(|(number, _)| number),
    };
    if let Some(number) = number {
        let known = (call.owner, number);
        if let Some(stream) = core.call_streams.0.borrow_mut().get_mut(&known) {
            stream.takers.retain(|other| !Rc::ptr_eq(other, call));
            stream.givers.retain(|other| !Rc::ptr_eq(other, call));
        }
        core.call_streams.leave(known);
    }
    end(call, Err(ended_early(code).with_outcome(Ran::NotStarted)));
}
