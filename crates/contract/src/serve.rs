//! What macro output calls to serve a call: decode the arguments, run, encode the answer.
//!
//! Lives here: `Values` (a cursor over encoded values), `Arguments` (the same, with buffers), `run`, `run_async`, `create`
//! and `create_async` (one method from its arguments to its answer), `answer`, `inherited` (methods 1 to 9), `event`.
//! From: an `Incoming` call. To: its reply.
//! Holds: arguments decode wholly or not at all; bytes left over are refused.

use crate::abi::Started;
pub use crate::aggregate;
use crate::buffers::Parameter;
use crate::context::Incoming;
use crate::limits::{REPLY_BYTES_MAX, STATE_BYTES_MAX};
use crate::module::{Cost, Event, Hooks, LaneCall, Module, Sample};
use crate::streams::Streams;
use crate::{Code, Fault, MethodId, Outcome};
use serde::{Deserialize, Serialize};

/// Encoded values, taken one after another in the order of the parameters.
pub struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    /// Begins.
    pub fn of(arguments: &'a [u8]) -> Self {
        Self { rest: arguments }
    }

    /// The next value.
    ///
    /// # Errors
    /// `BadArguments` names the parameter.
    pub fn value<T: Deserialize<'a>>(&mut self, name: &str) -> Result<T, Fault> {
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|_| {
            Fault::new(
                Code::BadArguments,
                format!("argument `{name}` does not decode from the {} bytes left", self.rest.len()),
            )
        })?;
        self.rest = rest;
        Ok(value)
    }

    /// The next value, or its default when an older or terser caller did not send it.
    ///
    /// # Errors
    /// `BadArguments` names the parameter.
    pub fn value_or<T: Deserialize<'a>>(&mut self, name: &str, default: impl FnOnce() -> T) -> Result<T, Fault> {
        if self.rest.is_empty() { Ok(default()) } else { self.value(name) }
    }
}

/// The arguments of a call, taken one after another in the order of the parameters.
pub struct Arguments<'a> {
    call: Incoming<'a>,
    values: Values<'a>,
    buffer: usize,
}

impl<'a> Arguments<'a> {
    /// Begins.
    pub fn of(call: Incoming<'a>) -> Self {
        Self { call, values: Values::of(call.arguments()), buffer: 0 }
    }

    /// The next value.
    ///
    /// # Errors
    /// `BadArguments` names the parameter.
    pub fn value<T: Deserialize<'a>>(&mut self, name: &str) -> Result<T, Fault> {
        self.values.value(name)
    }

    /// The next value, or its default when an older or terser caller did not send it.
    ///
    /// # Errors
    /// `BadArguments` names the parameter.
    pub fn value_or<T: Deserialize<'a>>(&mut self, name: &str, default: impl FnOnce() -> T) -> Result<T, Fault> {
        self.values.value_or(name, default)
    }

    /// The next buffer.
    ///
    /// # Errors
    /// `BadBuffer` names the parameter.
    pub fn buffer<P: Parameter<'a>>(&mut self, name: &str) -> Result<P, Fault> {
        let raw = self.call.buffers().get(self.buffer);
        self.buffer += 1;
        raw.and_then(P::take).ok_or_else(|| {
            Fault::new(
                Code::BadBuffer,
                format!("buffer `{name}` must be {:?} of {:?}", P::DIRECTION, P::KIND).to_lowercase(),
            )
        })
    }

    /// The streams of the call: what every method that has any takes first.
    ///
    /// # Errors
    /// `BadArguments`, and as `Streams::open`.
    pub async fn streams(&mut self) -> Result<Streams<'a>, Fault> {
        let number = self.values.value("stream")?;
        Streams::open(self.call, number).await
    }

    /// Ends; nothing may be left.
    ///
    /// # Errors
    /// `BadArguments` says how many bytes are too many.
    pub fn end(self) -> Result<(), Fault> {
        let left = self.values.rest.len();
        if left > 0 {
            return Err(Fault::new(Code::BadArguments, format!("{left} bytes follow the last argument")));
        }
        let (took, came) = (self.buffer, self.call.buffers().len());
        if took != came {
            return Err(Fault::new(Code::BadBuffer, format!("{came} buffers came, the method takes {took}")));
        }
        Ok(())
    }
}

/// Runs a plain method: takes its arguments, calls it, answers.
pub fn run<'a, T: Serialize>(call: Incoming<'a>, method: impl FnOnce(Arguments<'a>) -> Result<T, Fault>) {
    answer(call, method(Arguments::of(call)));
}

/// Begins an `async` method, which takes its arguments when it is first polled and answers when it ends.
pub fn run_async<'a, T, F>(call: Incoming<'a>, method: impl FnOnce(Arguments<'a>) -> F) -> Started<'a>
where
    T: Serialize,
    F: Future<Output = Result<T, Fault>> + 'a,
{
    let method = method(Arguments::of(call));
    Started::future(call, async move { answer(call, method.await) })
}

/// Runs a plain `create`: the instance goes to the host, or a Fault to the caller.
pub fn create<'a, M: Module>(
    call: Incoming<'a>,
    create: impl FnOnce(Arguments<'a>) -> Result<M, Fault>,
) -> Started<'a> {
    created(call, create(Arguments::of(call)));
    Started::ended()
}

/// Begins an `async` `create`.
pub fn create_async<'a, M: Module, F>(call: Incoming<'a>, create: impl FnOnce(Arguments<'a>) -> F) -> Started<'a>
where
    F: Future<Output = Result<M, Fault>> + 'a,
{
    let create = create(Arguments::of(call));
    Started::future(call, async move { created(call, create.await) })
}

fn created<M: Module>(call: Incoming<'_>, result: Result<M, Fault>) {
    match result {
        Ok(instance) => call.created(instance),
        Err(fault) => call.fault(&fault),
    }
}

/// What a method that ran says, as a Fault that does not claim the call never started (which a nested call's Fault may).
///
/// # Errors
/// The method's own.
pub fn ended<T, E: Into<Fault>>(result: Result<T, E>) -> Result<T, Fault> {
    result.map_err(|error| {
        let fault = error.into();
        if fault.outcome == Outcome::NotStarted { fault.with_outcome(Outcome::Ended) } else { fault }
    })
}

/// Answers a call with the outcome of its method.
pub fn answer<T: Serialize>(call: Incoming<'_>, result: Result<T, Fault>) {
    answer_up_to(call, REPLY_BYTES_MAX as usize, result);
}

/// As `answer`, for replies that go no further than the node.
fn answer_up_to<T: Serialize>(call: Incoming<'_>, most: usize, result: Result<T, Fault>) {
    let value = match result {
        Ok(value) => value,
        Err(fault) => return call.fault(&fault),
    };
    let mut small = [0; 256];
    if let Ok(bytes) = postcard::to_slice(&value, &mut small) {
        return call.reply_bytes(bytes);
    }
    match postcard::to_allocvec(&value) {
        Ok(bytes) if bytes.len() <= most => call.reply_bytes(&bytes),
        Ok(bytes) => call.fault(
            &Fault::new(
                Code::TooLarge,
                format!(
                    "the reply has {} bytes ({most} at most); answer bulk data through an `Out` buffer",
                    bytes.len()
                ),
            )
            .with_outcome(Outcome::Ended),
        ),
        Err(error) => call.fault(
            &Fault::new(Code::Internal, format!("the reply does not encode: {error}"))
                .with_outcome(Outcome::Ended),
        ),
    }
}

/// Encodes a value as a default of a parameter; for descriptors.
pub fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap_or_default()
}

/// The hash of a key, for `Module::key`.
pub fn key_hash<T: Serialize>(method: u32, key: &T) -> Option<u64> {
    let _keys_are_shared_by_all_methods_of_a_container = method;
    postcard::to_allocvec(key).ok().map(|bytes| xxhash_rust::xxh3::xxh3_64(&bytes))
}

/// The hash by which a call without a key is told from others: that of its encoded arguments.
pub fn arguments_hash(arguments: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(arguments)
}

/// The one value of a method or event, and nothing besides.
fn only<'a, T: Deserialize<'a>>(call: Incoming<'a>, name: &str) -> Result<T, Fault> {
    let mut arguments = Arguments::of(call);
    let value = arguments.value(name)?;
    arguments.end().map(|()| value)
}

/// Serves methods 1 to 9 by the hooks, and says of any other number that it does not exist.
pub fn inherited<M: Hooks>(this: &M, call: Incoming<'_>, module: &str, names: &[&str]) {
    let cx = call.context();
    let nothing = || Arguments::of(call).end();
    match MethodId(call.method()) {
        MethodId::DESTROY => answer(call, nothing().and_then(|()| this.destroy(&cx))),
        MethodId::NODE_FAILURE => answer(call, only(call, "node").and_then(|node| this.node_failure(&cx, node))),
        MethodId::RECOVER => answer(call, only(call, "state").and_then(|state| this.recover(&cx, state))),
        MethodId::MIGRATE => answer(call, only(call, "to").and_then(|to| this.migrate(&cx, to))),
        MethodId::UPGRADE => {
            let upgrade = |(from, state)| this.upgrade(&cx, from, state);
            answer(call, only(call, "from, state").and_then(upgrade));
        }
        MethodId::RESTART => answer(call, nothing().and_then(|()| this.restart(&cx))),
        MethodId::EXPORT => answer_up_to(call, STATE_BYTES_MAX, nothing().and_then(|()| this.export(&cx))),
        MethodId::IMPORT => {
            let import = |(from, state)| this.import(&cx, from, state);
            answer(call, only(call, "from, state").and_then(import));
        }
        MethodId::MONITOR => {
            answer(call, only(call, "question").and_then(|question| this.monitor(&cx, question)));
        }
        other => call.fault(&unknown_method(module, other.0, names)),
    }
}

/// As `inherited`, for a module whose methods have the container to themselves.
pub fn inherited_alone<M: Hooks>(this: &mut M, call: Incoming<'_>, module: &str, names: &[&str]) {
    if MethodId(call.method()) != MethodId::IMPORT {
        return inherited(this, call, module, names);
    }
    let cx = call.context();
    let import = |(from, state)| this.import_alone(&cx, from, state);
    answer(call, only(call, "from, state").and_then(import));
}

/// `UnknownMethod`, naming what exists.
pub fn unknown_method(module: &str, method: u32, names: &[&str]) -> Fault {
    Fault::new(Code::UnknownMethod, format!("module {module} has no method {method}; it has {}", names.join(", ")))
}

/// Serves a monitor event by the hooks.
pub(crate) fn event<M: Hooks>(this: &M, event: u32, call: Incoming<'_>) {
    match event {
        e if e == Event::Estimate as u32 => {
            let estimate = |(method, bytes, learnt): (u32, u64, Cost)| this.estimate(method, bytes, learnt);
            answer(call, only(call, "event").map(estimate));
        }
        e if e == Event::Sample as u32 => {
            answer(call, only::<Sample>(call, "event").map(|sample| this.sample(sample)));
        }
        e if e == Event::Train as u32 => {
            answer(call, only::<Vec<Sample>>(call, "event").map(|samples| this.train(&samples)));
        }
        e if e == Event::Schedule as u32 => {
            let schedule = |(method, hash, containers): (u32, u64, u32)| this.schedule(method, hash, containers);
            answer(call, only(call, "event").map(schedule));
        }
        e if e == Event::ReplicaStart as u32 => {
            let start = |(method, replicas): (u32, u32)| this.replica_start(method, replicas);
            answer(call, only(call, "event").and_then(start));
        }
        e if e == Event::ReplicaAggregate as u32 => {
            let fold = |(method, replies): (u32, Vec<Vec<u8>>)| this.replica_aggregate(method, &replies);
            answer(call, only(call, "event").and_then(fold));
        }
        e if e == Event::FlushWork as u32 => {
            answer(call, Arguments::of(call).end().map(|()| this.flush_work()));
        }
        e if e == Event::Lane as u32 => {
            answer(call, only::<LaneCall>(call, "event").map(|asked| this.lane_of(asked)));
        }
        other => call.fault(&Fault::new(Code::Unsupported, format!("monitor event {other} does not exist"))),
    }
}
