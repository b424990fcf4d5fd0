//! What macro output calls to serve a call: decode the arguments, run, encode the answer.
//!
//! Lives here: `Arguments` (a cursor over values and buffers), `answer`, `inherited` (methods 1 to 9), `event`.
//! From: an `Incoming` call. To: its reply.
//! Holds: arguments decode wholly or not at all; bytes left over are refused.

use crate::buffers::Parameter;
use crate::context::Incoming;
use crate::limits::REPLY_BYTES_MAX;
use crate::module::{Cost, Event, Hooks, Sample};
use crate::{Code, Fault, MethodId};
use serde::{Deserialize, Serialize};

/// The arguments of a call, taken one after another in the order of the parameters.
pub struct Arguments<'a> {
    call: Incoming<'a>,
    rest: &'a [u8],
    buffer: usize,
}

impl<'a> Arguments<'a> {
    /// Begins.
    pub fn of(call: Incoming<'a>) -> Self {
        Self { call, rest: call.arguments(), buffer: 0 }
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

    /// Ends; nothing may be left.
    ///
    /// # Errors
    /// `BadArguments` says how many bytes are too many.
    pub fn end(self) -> Result<(), Fault> {
        if !self.rest.is_empty() {
            return Err(Fault::new(
                Code::BadArguments,
                format!("{} bytes follow the last argument", self.rest.len()),
            ));
        }
        let (took, came) = (self.buffer, self.call.buffers().len());
        if took != came {
            return Err(Fault::new(Code::BadBuffer, format!("{came} buffers came, the method takes {took}")));
        }
        Ok(())
    }
}

/// Answers a call with the outcome of its method.
pub fn answer<T: Serialize>(call: Incoming<'_>, result: Result<T, Fault>) {
    let value = match result {
        Ok(value) => value,
        Err(fault) => return call.fault(&fault),
    };
    let mut small = [0; 256];
    if let Ok(bytes) = postcard::to_slice(&value, &mut small) {
        return call.reply_bytes(bytes);
    }
    match postcard::to_allocvec(&value) {
        Ok(bytes) if bytes.len() <= REPLY_BYTES_MAX as usize => call.reply_bytes(&bytes),
        Ok(bytes) => call.fault(
            &Fault::new(
                Code::TooLarge,
                format!(
                    "the reply has {} bytes ({REPLY_BYTES_MAX} at most); answer bulk data through an `Out` buffer",
                    bytes.len()
                ),
            )
            .with_outcome(crate::Outcome::Ended),
        ),
        Err(error) => call.fault(
            &Fault::new(Code::Internal, format!("the reply does not encode: {error}"))
                .with_outcome(crate::Outcome::Ended),
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
        MethodId::MONITOR => {
            answer(call, only(call, "question").and_then(|question| this.monitor(&cx, question)));
        }
        other => call.fault(&unknown_method(module, other.0, names)),
    }
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
        other => call.fault(&Fault::new(Code::Unsupported, format!("monitor event {other} does not exist"))),
    }
}
