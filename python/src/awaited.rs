//! Awaited: what passes beside a call with streams, for an event loop.
//!
//! Lives here: `Awaited` (what a method sends, polled), `Source` (what a coroutine gives it, item by item), `begin`.
//! From: `method`. To: `AsyncItems` of the client, and the coroutines around both (`python/windlass/streams.py`).
//! Holds: nothing here waits; whoever is told to wait is woken by a function of Python's. Between what a coroutine gives and what the node
//! has taken are `GIVEN_ITEMS` items or `GIVEN_BYTES` at most. An exception of whoever gives items ends the call and is raised where that
//! is awaited.
//! Not here: streams for a thread (`items`).

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use windlass_client::contract::head::Direction;
use windlass_client::contract::{Code, Fault, MethodSchema};
use windlass_client::{AsyncItems, EncodedStream, EncodedValues, Stream, Streaming};

use crate::call::{Owners, waker};
use crate::encode::At;
use crate::fault::raised;
use crate::items::{Given, Raised, own};
use crate::limits::{GIVEN_BYTES, GIVEN_ITEMS, READ_BYTES, READ_ITEMS};
use crate::method::Method;
use crate::plan::Plan;

/// What a coroutine has given, and the node has not taken.
#[derive(Default)]
struct Queue {
    items: VecDeque<Vec<u8>>,
    bytes: usize,
    /// No item comes any more; why not, if that ends the call.
    ended: Option<Option<Fault>>,
    /// Whoever takes waits for an item.
    taker: Option<Waker>,
    /// Whoever gives waits for room.
    giver: Option<Waker>,
}

type Shared = Arc<Mutex<Queue>>;

// Never held while something of Python's runs.
fn locked(queue: &Shared) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(waits: Option<Waker>) {
    if let Some(waits) = waits {
        waits.wake();
    }
}

/// Items that a coroutine gives a method to read.
#[pyclass(frozen, weakref, module = "windlass._core")]
pub struct Source {
    queue: Shared,
    raised: Raised,
    plan: Plan,
    method: String,
    name: String,
}

impl Source {
    fn of(py: Python<'_>, method: &MethodSchema, name: String) -> PyResult<Option<Self>> {
        let Some(item) = method.stream(Direction::In) else { return Ok(None) };
        let (queue, raised, plan) = (Shared::default(), Raised::default(), Plan::of(py, item)?);
        Ok(Some(Self { queue, raised, plan, method: method.name.clone(), name }))
    }

    fn ends(&self, why: Option<Fault>) {
        let taker = {
            let mut queue = locked(&self.queue);
            queue.ended.get_or_insert(why);
            queue.taker.take()
        };
        wake(taker);
    }
}

#[pymethods]
impl Source {
    /// Gives an item, whether there is room or not; answers whether there is room for one more. If not, `wake` is called when there is.
    fn put(&self, item: &Bound<'_, PyAny>, wake: Py<PyAny>) -> PyResult<bool> {
        let mut bytes = Vec::new();
        self.plan.encode(item, &mut bytes, &At::Argument { method: &self.method, name: &self.name })?;
        let taker = {
            let mut queue = locked(&self.queue);
            queue.bytes += bytes.len();
            queue.items.push_back(bytes);
            queue.taker.take()
        };
        self::wake(taker);
        Ok(self.has_room(wake))
    }

    /// Whether there is room for an item.
    fn has_room(&self, wake: Py<PyAny>) -> bool {
        let mut queue = locked(&self.queue);
        let has_room = queue.items.len() < GIVEN_ITEMS && queue.bytes < GIVEN_BYTES;
        if !has_room {
            queue.giver = Some(waker(wake));
        }
        has_room
    }

    /// Nothing comes any more.
    fn end(&self) {
        self.ends(None);
    }

    /// Nothing comes any more, because of an exception, which ends the call.
    fn fail(&self, error: Bound<'_, PyAny>) {
        let fault = Fault::new(Code::Cancelled, format!("the items of {} ended with: {error}", self.name));
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(PyErr::from_value(error));
        self.ends(Some(fault));
    }
}

/// The other end of a `Source`.
struct Taken(Shared);

impl Stream for Taken {
    type Item = Result<Vec<u8>, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (item, giver) = {
            let mut queue = locked(&self.0);
            let Some(item) = queue.items.pop_front() else {
                if let Some(why) = queue.ended.clone() {
                    return Poll::Ready(why.map(Err));
                }
                queue.taker = Some(context.waker().clone());
                return Poll::Pending;
            };
            queue.bytes -= item.len();
            (item, queue.giver.take())
        };
        wake(giver);
        Poll::Ready(Some(Ok(item)))
    }
}

/// Items of anything to iterate, taken in the event loop's own thread.
struct Iterated(EncodedValues);

impl Stream for Iterated {
    type Item = Result<Vec<u8>, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

/// A call with streams in an event loop. Dropped or closed before its end, it ends.
#[pyclass(frozen, weakref, module = "windlass._core")]
pub struct Awaited {
    method: Py<Method>,
    state: Mutex<State>,
    plan: Option<Plan>,
    given: Option<Raised>,
    /// What a coroutine is to give, and where.
    source: Mutex<Option<(Py<Source>, Py<PyAny>)>>,
}

/// Where the call is.
enum State {
    /// It is asked where it goes.
    Begins(Box<Begins>),
    Runs(Box<Runs>),
    /// It is looked at by whoever has it, further down; whether it is to be closed then.
    Polled {
        close: bool,
    },
    Over,
}

/// A call that is not sent yet.
struct Begins {
    opens: Pin<Box<dyn Future<Output = Result<Streaming, Fault>> + Send>>,
    /// What was given for each parameter, in order.
    found: Vec<Option<Py<PyAny>>>,
    timeout: Option<Duration>,
    values: Option<EncodedStream>,
}

/// A call that was sent.
struct Runs {
    items: AsyncItems<Vec<u8>>,
    lent: Owners,
    /// What it ended with behind items that were given out first.
    failed: Option<Fault>,
}

/// Begins a call with streams. Nothing is sent before it is first awaited.
///
/// # Errors
/// As `Method::__call__`, for what is wrong with values and streams.
pub fn begin<'py>(
    method: &Bound<'py, Method>,
    found: Vec<Option<Bound<'py, PyAny>>>,
    timeout: Option<Duration>,
) -> PyResult<Awaited> {
    let (py, this) = (method.py(), method.get());
    let schema = this.schema();
    let (mut source, mut given, mut values) = (None, None, None::<EncodedStream>);
    if let Some((name, items)) = this.given_items(&found)? {
        match items.hasattr("__aiter__")? {
            true => {
                if let Some(fills) = Source::of(py, schema, name)? {
                    given = Some(Arc::clone(&fills.raised));
                    values = Some(Box::pin(Taken(Arc::clone(&fills.queue))));
                    source = Some((Py::new(py, fills)?, items.unbind()));
                }
            }
            false => {
                let (raised, iterated) = Given::new(py, schema, name, &items)?.values();
                given = Some(raised);
                values = Some(Box::pin(Iterated(iterated)));
            }
        }
    }
    let plan = schema.stream(Direction::Out).map(|item| Plan::of(py, item)).transpose()?;
    let called = this.check_values(&found)?;
    let pool = this.pool().clone();
    let begins = Begins {
        opens: Box::pin(async move { pool.streaming_async(called).await }),
        found: found.into_iter().map(|one| one.map(Bound::unbind)).collect(),
        timeout,
        values,
    };
    let state = Mutex::new(State::Begins(Box::new(begins)));
    Ok(Awaited { method: method.clone().unbind(), state, plan, given, source: Mutex::new(source) })
}

impl Awaited {
    // Never held while something of Python's runs.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrong(&self, py: Python<'_>, fault: &Fault) -> PyErr {
        own(self.given.as_ref()).unwrap_or_else(|| raised(py, fault))
    }

    /// Takes the call out, to look at it.
    fn take(&self) -> PyResult<State> {
        let taken = std::mem::replace(&mut *self.state(), State::Polled { close: false });
        if let State::Polled { close } = taken {
            *self.state() = State::Polled { close };
            return Err(PyRuntimeError::new_err("this stream is read already, further up"));
        }
        Ok(taken)
    }

    /// Puts it back, unless it was closed meanwhile.
    fn put_back(&self, state: State) {
        let mut here = self.state();
        let over = {
            let ends = matches!(*here, State::Polled { close: true });
            std::mem::replace(&mut *here, if ends { State::Over } else { state })
        };
        drop(here);
        drop(over);
    }

    /// Looks at a call that runs; one that does not yet is sent when it is known where it goes. `None`: `wake` says when to look again.
    fn look<'py, T>(
        &self,
        py: Python<'py>,
        wake: Py<PyAny>,
        over: impl FnOnce() -> PyResult<Option<T>>,
        what: impl FnOnce(&mut Runs, &mut Context<'_>) -> PyResult<Option<T>>,
    ) -> PyResult<Option<T>> {
        let waker = waker(wake);
        let mut context = Context::from_waker(&waker);
        let mut runs = match self.take()? {
            State::Runs(runs) => runs,
            State::Begins(mut begins) => match begins.opens.as_mut().poll(&mut context) {
                Poll::Pending => {
                    self.put_back(State::Begins(begins));
                    return Ok(None);
                }
                Poll::Ready(opened) => {
                    let sent = opened.map_err(|fault| raised(py, &fault)).and_then(|opened| {
                        let Begins { found, timeout, values, .. } = *begins;
                        self.method.get().send_streams(py, found, timeout, opened, values)
                    });
                    match sent {
                        Ok((items, lent)) => Box::new(Runs { items, lent, failed: None }),
                        Err(error) => {
                            self.put_back(State::Over);
                            return Err(error);
                        }
                    }
                }
            },
            State::Polled { .. } | State::Over => {
                self.put_back(State::Over);
                return over();
            }
        };
        let came = what(&mut runs, &mut context);
        self.put_back(State::Runs(runs));
        came
    }
}

#[pymethods]
impl Awaited {
    /// What a coroutine is to give, and the `Source` that takes it; told once.
    fn source(&self) -> Option<(Py<Source>, Py<PyAny>)> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The next items, some at once; none at the end. `None`: `wake` is called, from any thread, when there may be some.
    fn advance<'py>(&self, py: Python<'py>, wake: Py<PyAny>) -> PyResult<Option<Bound<'py, PyList>>> {
        let none = || Ok(Some(PyList::empty(py)));
        self.look(py, wake, none, |runs, context| {
            if let Some(fault) = runs.failed.take() {
                return Err(self.wrong(py, &fault));
            }
            let (mut some, mut bytes) = (Vec::new(), 0);
            while some.len() < READ_ITEMS && bytes < READ_BYTES {
                match runs.items.poll_encoded(context) {
                    Poll::Ready(Some(Ok(item))) => {
                        bytes += item.len();
                        some.push(item);
                    }
                    Poll::Ready(Some(Err(fault))) if some.is_empty() => return Err(self.wrong(py, &fault)),
                    Poll::Ready(Some(Err(fault))) => {
                        runs.failed = Some(fault);
                        break;
                    }
                    Poll::Ready(None) if some.is_empty() => return none(),
                    Poll::Pending if some.is_empty() => return Ok(None),
                    Poll::Ready(None) | Poll::Pending => break,
                }
            }
            let decoded = some.iter().filter_map(|item| Some(self.plan.as_ref()?.decode(py, item)));
            PyList::new(py, decoded.collect::<PyResult<Vec<_>>>()?).map(Some)
        })
    }

    /// What the method answered, in a tuple, once, after what is left was read. `None`: `wake` is called when to ask again.
    fn answer<'py>(&self, py: Python<'py>, wake: Py<PyAny>) -> PyResult<Option<(Bound<'py, PyAny>,)>> {
        let given_out = || Err(PyRuntimeError::new_err("this stream was closed, or asked for its answer before"));
        let answered = self.look(py, wake, given_out, |runs, context| match runs.items.poll_answer(context) {
            Poll::Pending => Ok(None),
            Poll::Ready(reply) => {
                let reply = reply.map_err(|fault| self.wrong(py, &fault))?;
                let value = match &self.plan {
                    Some(_) => self.method.get().decode(py, &reply)?,
                    None => self.method.get().read(py, reply, &runs.lent)?,
                };
                Ok(Some((value,)))
            }
        });
        if !matches!(answered, Ok(None)) {
            self.close(py);
        }
        answered
    }

    /// Ends the call; nothing more comes.
    fn close(&self, py: Python<'_>) {
        let taken = {
            let mut state = self.state();
            match &mut *state {
                State::Polled { close } => {
                    *close = true;
                    State::Over
                }
                other => std::mem::replace(other, State::Over),
            }
        };
        py.detach(|| drop(taken));
    }
}
