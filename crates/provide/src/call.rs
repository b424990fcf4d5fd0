//! One call: from the node's words to a call of the host, and its answer back.
//!
//! Lives here: `run`, `run_async`; `Running` (calls that may be given up by their callers).
//! Holds: every call is answered, with a Fault if nothing else; one that was given up is told so and answered all the same, which
//! the node drops.

use crate::host::Host;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;
use windlass_client::{Outgoing, Pending, Provider, Reply};
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::provide::{Filled, Given, INLINE_BYTES_MAX, Invocation, Piece};
use windlass_contract::{Fault, MethodRef};

/// How often a thread that waits for a call looks whether its caller has given it up.
const LOOK: Duration = Duration::from_millis(20);

/// The calls of this process that run, and of each whether its caller has given it up.
#[derive(Debug, Default)]
pub struct Running(Mutex<HashMap<u64, Watched>>);

#[derive(Debug, Default)]
struct Watched {
    given_up: bool,
    waker: Option<Waker>,
}

impl Running {
    fn locked(&self) -> MutexGuard<'_, HashMap<u64, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A caller has given this call up. One that has ended meanwhile is not there.
    pub fn cancel(&self, number: u64) {
        let mut all = self.locked();
        let waker = all.get_mut(&number).and_then(|watched| {
            watched.given_up = true;
            watched.waker.take()
        });
        drop(all);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn begin(&self, number: u64) -> Begun<'_> {
        self.locked().insert(number, Watched::default());
        Begun { running: self, number }
    }
}

/// A call that runs, until this goes.
struct Begun<'a> {
    running: &'a Running,
    number: u64,
}

impl Begun<'_> {
    fn is_given_up(&self, waker: Option<&Waker>) -> bool {
        let mut all = self.running.locked();
        all.get_mut(&self.number).is_some_and(|watched| {
            watched.waker = waker.cloned();
            watched.given_up
        })
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.running.locked().remove(&self.number);
    }
}

/// Runs a call to its end on this thread.
pub fn run(provider: &Provider, host: &Host, running: &Running, call: &Invocation) -> Given {
    let begun = running.begin(call.number);
    let answer = outgoing(provider, host, call).and_then(|outgoing| {
        let mut pending = outgoing.send();
        let mut told = false;
        while !pending.wait_within(LOOK) {
            if !told && begun.is_given_up(None) {
                told = true;
                pending.cancel();
            }
        }
        pending.wait()
    });
    given(provider, call, answer)
}

/// Runs a call to its end without blocking the thread that awaits it.
pub async fn run_async(provider: &Provider, host: &Host, running: &Running, call: &Invocation) -> Given {
    let begun = running.begin(call.number);
    let answer = match outgoing(provider, host, call) {
        Ok(outgoing) => ended(outgoing.send(), &begun).await,
        Err(fault) => Err(fault),
    };
    given(provider, call, answer)
}

async fn ended(pending: Pending, begun: &Begun<'_>) -> Result<Reply, Fault> {
    let mut pending = pin!(pending);
    poll_fn(|cx| {
        if let Poll::Ready(answer) = pending.as_mut().poll(cx) {
            return Poll::Ready(answer);
        }
        if begun.is_given_up(Some(cx.waker())) {
            pending.cancel();
        }
        Poll::Pending
    })
    .await
}

/// The call, for the host.
fn outgoing(provider: &Provider, host: &Host, call: &Invocation) -> Result<Outgoing, Fault> {
    let method = MethodRef { id: call.method, schema: call.schema, name: "a served method", idempotent: false };
    let mut outgoing = host.pool().call(method).encoded(&call.arguments);
    if let Some(left) = call.time_left_ns {
        outgoing = outgoing.deadline(Duration::from_nanos(left));
    }
    for (at, piece) in call.buffers.iter().enumerate() {
        let room = piece.length as usize;
        outgoing = match (piece.direction, piece.kind) {
            (Direction::Out, BufferKind::Bytes) => outgoing.output(room),
            (Direction::Out, BufferKind::Shared) => outgoing.output_shared(host.pool().client().lend(room)?),
            (direction, kind) => with_bytes(provider, host, call, (at, piece), outgoing, direction, kind)?,
        };
    }
    Ok(outgoing)
}

/// The call with a buffer that brings bytes.
fn with_bytes(
    provider: &Provider,
    host: &Host,
    call: &Invocation,
    (at, piece): (usize, &Piece),
    outgoing: Outgoing,
    direction: Direction,
    kind: BufferKind,
) -> Result<Outgoing, Fault> {
    let fetched = if piece.inline.is_none() { Some(provider.fetch(call, at)?) } else { None };
    let bytes = fetched.as_deref().or(piece.inline.as_deref()).unwrap_or_default();
    if kind == BufferKind::Bytes {
        return Ok(if direction == Direction::In { outgoing.input(bytes) } else { outgoing.inout(bytes) });
    }
    let mut loan = host.pool().client().lend(bytes.len())?;
    loan.copy_from_slice(bytes);
    Ok(if direction == Direction::In { outgoing.input_shared(loan) } else { outgoing.inout_shared(loan) })
}

/// The answer, for the node.
fn given(provider: &Provider, call: &Invocation, answer: Result<Reply, Fault>) -> Given {
    let number = call.number;
    match answer.and_then(|reply| filled(provider, call, reply)) {
        Ok((reply, filled)) => Given { number, outcome: Ok(reply), filled },
        Err(fault) => Given { number, outcome: Err(fault), filled: Vec::new() },
    }
}

fn filled(provider: &Provider, call: &Invocation, mut reply: Reply) -> Result<(Vec<u8>, Vec<Filled>), Fault> {
    let (mut filled, mut given) = (Vec::new(), 0);
    for (at, piece) in call.buffers.iter().enumerate() {
        if piece.direction == Direction::In {
            filled.push(Filled::default());
            continue;
        }
        filled.push(match piece.kind {
            BufferKind::Bytes => one(provider, call, at, &reply.take_view(given)?)?,
            BufferKind::Shared => {
                let (loan, used) = reply.take_loan(given)?;
                one(provider, call, at, &loan[..used])?
            }
        });
        given += 1;
    }
    Ok((reply.value_bytes().to_vec(), filled))
}

fn one(provider: &Provider, call: &Invocation, at: usize, bytes: &[u8]) -> Result<Filled, Fault> {
    let used = bytes.len() as u64;
    if used <= INLINE_BYTES_MAX {
        return Ok(Filled { used, inline: Some(bytes.to_vec()) });
    }
    provider.give(call, at, bytes)?;
    Ok(Filled { used, inline: None })
}
