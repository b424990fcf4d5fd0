//! A call that is out: waited for by a thread, or by an event loop.
//!
//! Lives here: `answer` (waits, looks at signals), `Call` (`wait`, `poll` for asyncio, `cancel`), `Asked` (what it asked).
//! From: `method`, `commands`. To: `Method::read`, `Commands::read`.
//! Holds: the interpreter's lock is let go while a thread waits; a signal that raises cancels the call; a call that is dropped
//!   is cancelled.
//! Not here: the coroutine around `poll` (`python/windlass/pools.py`).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use windlass_client::contract::{Code, Fault, Outcome};
use windlass_client::{CallSlot, Client, Pending, Reply};

use crate::buffers::Loan;
use crate::commands::Commands;
use crate::fault::{or_raise, raised};
use crate::limits::{DEADLINE_GRACE, SIGNAL_SLICE};
use crate::method::Method;

/// Where the loans of a call go back to: one place for each `in` buffer that was sent from a loan, empty where the call made it.
pub type Owners = Vec<Option<Py<Loan>>>;

/// What a call that is out has with it.
pub struct Ready {
    pub pending: Pending,
    pub lent: Owners,
    /// Its deadline.
    pub limit: Option<Duration>,
}

/// Waits for the answer with the interpreter's lock let go, and looks at signals now and then.
///
/// # Errors
/// What a signal's handler raised (`KeyboardInterrupt`): the call is cancelled. `DeadlineExceeded` when the node does not keep
/// the deadline itself.
pub fn answer(py: Python<'_>, pending: Pending, limit: Option<Duration>) -> PyResult<Result<Reply, Fault>> {
    let limit = limit.map(patience);
    let mut waited = Duration::ZERO;
    let mut pending = Some(pending);
    while let Some(mut waits) = pending.take() {
        let looked =
            py.detach(move || if waits.wait_within(SIGNAL_SLICE) { Ok(waits.wait()) } else { Err(waits) });
        let waits = match looked {
            Ok(answer) => return Ok(answer),
            Err(waits) => waits,
        };
        if let Err(raised) = py.check_signals() {
            waits.cancel();
            return Err(raised);
        }
        waited = waited.saturating_add(SIGNAL_SLICE);
        if limit.is_some_and(|limit| waited >= limit) {
            waits.cancel();
            return Ok(Err(unkept()));
        }
        pending = Some(waits);
    }
    Err(given_out())
}

/// How long an answer is awaited, for a call of this deadline.
fn patience(limit: Duration) -> Duration {
    limit.saturating_add(DEADLINE_GRACE)
}

fn unkept() -> Fault {
    let text = "the call's time ran out, and the node did not end it: its worker may be stuck in a method";
    Fault::new(Code::DeadlineExceeded, text).with_outcome(Outcome::Unknown)
}

fn given_out() -> PyErr {
    PyRuntimeError::new_err("this call's answer was given out, or another thread waits for it")
}

/// A call that was sent. Dropped, it is cancelled.
#[pyclass(frozen, weakref, module = "windlass")]
pub struct Call {
    asked: Asked,
    state: Mutex<State>,
}

/// What a call asked, which reads its answer.
pub enum Asked {
    Method(Py<Method>),
    /// A command by its full name.
    Command(Py<Commands>, String),
}

impl Asked {
    fn read<'py>(&self, py: Python<'py>, reply: Reply, lent: &Owners) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Asked::Method(method) => method.get().read(py, reply, lent),
            Asked::Command(commands, name) => commands.get().read(py, name, &reply),
        }
    }
    fn name(&self) -> &str {
        match self {
            Asked::Method(method) => &method.get().schema().name,
            Asked::Command(_, name) => name,
        }
    }
}

enum State {
    Out(Ready),
    Answered(Result<Reply, Fault>, Owners),
    Over,
}

impl Call {
    pub fn new(asked: Asked, ready: Ready) -> Call {
        Call { asked, state: Mutex::new(State::Out(ready)) }
    }

    // Never held while the interpreter's lock is let go.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Call {
    /// Waits for the answer and gives it out; a signal (Ctrl-C) cancels the call.
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let state = std::mem::replace(&mut *self.state(), State::Over);
        let (answer, lent) = match state {
            State::Out(Ready { pending, lent, limit }) => (answer(py, pending, limit)?, lent),
            State::Answered(answer, lent) => (answer, lent),
            State::Over => return Err(given_out()),
        };
        self.asked.read(py, or_raise(py, answer)?, &lent)
    }

    /// Whether `wait` would not wait; if it would, `wake` is called once when it would not any more, from any thread.
    fn poll(&self, wake: Py<PyAny>) -> bool {
        let mut state = self.state();
        let State::Out(ready) = &mut *state else { return true };
        let waker = waker(wake);
        let Poll::Ready(answer) = Pin::new(&mut ready.pending).poll(&mut Context::from_waker(&waker)) else {
            return false;
        };
        let lent = std::mem::take(&mut ready.lent);
        *state = State::Answered(answer, lent);
        true
    }

    /// Seconds that its answer is worth waiting for, if it has a deadline: past that the node is taken for stuck.
    #[getter]
    fn patience(&self) -> Option<f64> {
        match &*self.state() {
            State::Out(ready) => ready.limit.map(|limit| patience(limit).as_secs_f64()),
            State::Answered(..) | State::Over => None,
        }
    }

    /// Gives it up, because the node did not keep its deadline: raises `DeadlineExceeded`, and nobody knows whether it ran.
    fn give_up(&self, py: Python<'_>) -> PyErr {
        let given_up = std::mem::replace(&mut *self.state(), State::Over);
        drop(given_up);
        raised(py, &unkept())
    }

    /// Asks the node to end it early; its answer still comes.
    fn cancel(&self) {
        if let State::Out(ready) = &*self.state() {
            ready.pending.cancel();
        }
    }

    /// Whether its answer is here.
    #[getter]
    fn done(&self) -> bool {
        match &mut *self.state() {
            State::Out(ready) => ready.pending.wait_within(Duration::ZERO),
            State::Answered(..) | State::Over => true,
        }
    }

    fn __repr__(&self) -> String {
        let name = self.asked.name();
        let how = match &*self.state() {
            State::Out(_) => "out",
            State::Answered(..) => "answered",
            State::Over => "given out",
        };
        format!("<windlass.Call of {name}: {how}>")
    }
}

/// What calls a function of Python's, from any thread, which wakes an event loop.
pub fn waker(wake: Py<PyAny>) -> Waker {
    Waker::from(Arc::new(Call1(wake)))
}

/// Wakes an event loop by a function of Python's.
struct Call1(Py<PyAny>);

impl Wake for Call1 {
    fn wake(self: Arc<Self>) {
        // An interpreter that is ending waits for nobody.
        Python::try_attach(|py| {
            if let Err(error) = self.0.call0(py) {
                error.write_unraisable(py, Some(self.0.bind(py)));
            }
        });
    }
}

/// Waits for the room of a call with the interpreter's lock let go, and looks at signals now and then.
///
/// # Errors
/// What a signal's handler raised; what ended the session.
pub fn slot(py: Python<'_>, client: &Client) -> PyResult<CallSlot> {
    // Mostly there is one, and nobody waits.
    let mut time = Duration::ZERO;
    loop {
        let slot = if time.is_zero() { client.call_slot(time) } else { py.detach(|| client.call_slot(time)) };
        if let Some(slot) = or_raise(py, slot)? {
            return Ok(slot);
        }
        time = SIGNAL_SLICE;
        py.check_signals()?;
    }
}

/// As `answer`, with a Fault raised.
pub fn value(py: Python<'_>, pending: Pending) -> PyResult<Reply> {
    answer(py, pending, None)?.map_err(|fault| raised(py, &fault))
}
