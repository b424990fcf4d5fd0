//! Items: what passes beside a call with streams.
//!
//! Lives here: `Items` (what a method sends, as an iterator), `Given` (what it reads, from anything to iterate).
//! From: `method`. To: the client's streams, item by item.
//! Holds: an exception of whoever gives items ends the call and is raised where its answer is waited for; a signal (Ctrl-C)
//!   that raises leaves the stream as it is, to be read on or dropped.
//! Not here: streams for an event loop (`awaited`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use windlass_client::contract::head::Direction;
use windlass_client::contract::{Code, Fault, MethodSchema};
use windlass_client::{EncodedValues, Items as Encoded, Reply};

use crate::encode::At;
use crate::fault::raised;
use crate::plan::Plan;
use crate::type_name;

/// What whoever gives items raised.
pub type Raised = Arc<Mutex<Option<PyErr>>>;

/// An exception of whoever gave items, if one ended the call.
pub fn own(given: Option<&Raised>) -> Option<PyErr> {
    given?.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Items for a stream that a method reads.
pub struct Given {
    items: Py<PyIterator>,
    plan: Plan,
    method: String,
    name: String,
}

impl Given {
    /// # Errors
    /// `TypeError` for what cannot be iterated.
    pub fn new(py: Python<'_>, method: &MethodSchema, name: String, items: &Bound<'_, PyAny>) -> PyResult<Self> {
        let iterator = items.try_iter().map_err(|error| {
            let text =
                format!("{}(): {name}: anything to iterate wanted, {} found", method.name, type_name(items));
            let wrong = PyTypeError::new_err(text);
            wrong.set_cause(py, Some(error));
            wrong
        })?;
        let item = method.stream(Direction::In);
        let item = item.ok_or_else(|| PyTypeError::new_err(format!("{}() reads no stream", method.name)))?;
        let plan = Plan::of(py, item)?;
        Ok(Self { items: iterator.unbind(), plan, method: method.name.clone(), name })
    }

    /// Its items in postcard, and where an exception of theirs is found.
    pub fn values(self) -> (Raised, EncodedValues) {
        let failed = Raised::default();
        let told = Arc::clone(&failed);
        let Self { items, plan, method, name } = self;
        let next = move || {
            Python::attach(|py| {
                let item = items.bind(py).clone().next()?;
                let encoded = item.and_then(|item| {
                    let mut bytes = Vec::new();
                    plan.encode(&item, &mut bytes, &At::Argument { method: &method, name: &name })?;
                    Ok(bytes)
                });
                Some(encoded.map_err(|error| {
                    let fault = Fault::new(Code::Cancelled, format!("the items of {name} ended with: {error}"));
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    fault
                }))
            })
        };
        (failed, Box::new(std::iter::from_fn(next)))
    }
}

/// What a method sends while it runs: an iterator. Dropped or closed before its end, it ends the call.
#[pyclass(frozen, weakref, module = "windlass")]
pub struct Items {
    inner: Mutex<State>,
    plan: Option<Plan>,
    reply: Plan,
    given: Option<Raised>,
}

/// Where the stream is.
enum State {
    Here(Box<Encoded<Vec<u8>>>),
    /// A thread waits for its next item; whether it is to be closed then.
    Read {
        close: bool,
    },
    Over,
}

impl Items {
    pub fn new(inner: Encoded<Vec<u8>>, plan: Option<Plan>, reply: Plan, given: Option<Raised>) -> Self {
        Self { inner: Mutex::new(State::Here(Box::new(inner))), plan, reply, given }
    }

    /// What a fault is for whoever gave the items: their own exception, if one ended the call.
    fn wrong(&self, py: Python<'_>, fault: &Fault) -> PyErr {
        own(self.given.as_ref()).unwrap_or_else(|| raised(py, fault))
    }

    // Never held while the interpreter's lock is let go.
    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the stream back after a wait, unless it was closed meanwhile.
    fn put_back(&self, inner: Box<Encoded<Vec<u8>>>) {
        let mut state = self.state();
        *state = if matches!(*state, State::Read { close: true }) { State::Over } else { State::Here(inner) };
    }

    /// The next item in postcard, with the interpreter's lock let go while it waits.
    fn advance(&self, py: Python<'_>) -> PyResult<Option<Vec<u8>>> {
        let taken = std::mem::replace(&mut *self.state(), State::Read { close: false });
        let mut inner = match taken {
            State::Here(inner) => inner,
            State::Over => {
                *self.state() = State::Over;
                return Ok(None);
            }
            State::Read { close } => {
                *self.state() = State::Read { close };
                return Err(PyRuntimeError::new_err("another thread reads this stream"));
            }
        };
        loop {
            let (came, back) = py.detach(move || {
                let mut looks = 0;
                // Signals are looked at every so often, by the thread that has the interpreter's lock.
                let came = inner.next_encoded_while(&mut || {
                    looks += 1;
                    looks < 3
                });
                (came, inner)
            });
            inner = back;
            let ends = matches!(*self.state(), State::Read { close: true });
            match came {
                None => {
                    if let Err(raised) = py.check_signals() {
                        self.put_back(inner);
                        return Err(raised);
                    }
                    if ends {
                        self.put_back(inner);
                        return Ok(None);
                    }
                }
                Some(item) => {
                    self.put_back(inner);
                    return item.transpose().map_err(|fault| self.wrong(py, &fault));
                }
            }
        }
    }

    /// Reads what is left, and gives the reply.
    ///
    /// # Errors
    /// What it ended with.
    pub fn finish(&self, py: Python<'_>) -> PyResult<Reply> {
        while self.advance(py)?.is_some() {}
        let taken = std::mem::replace(&mut *self.state(), State::Over);
        let State::Here(items) = taken else {
            return Err(PyRuntimeError::new_err("this stream was closed, or asked for its answer before"));
        };
        py.detach(|| items.end_encoded()).map_err(|fault| self.wrong(py, &fault))
    }
}

#[pymethods]
impl Items {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(bytes) = self.advance(py)? else { return Ok(None) };
        self.plan.as_ref().map(|plan| plan.decode(py, &bytes)).transpose()
    }

    /// Reads what is left, and gives what the method answered.
    fn end<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let reply = self.finish(py)?;
        self.reply.decode(py, reply.value_bytes())
    }

    /// Ends the call; nothing more comes.
    fn close(&self, py: Python<'_>) {
        let taken = {
            let mut state = self.state();
            match &mut *state {
                State::Read { close } => {
                    *close = true;
                    State::Over
                }
                other => std::mem::replace(other, State::Over),
            }
        };
        py.detach(|| drop(taken));
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[classmethod]
    fn __class_getitem__(class: &Bound<'_, pyo3::types::PyType>, _item: &Bound<'_, PyAny>) -> Py<PyAny> {
        class.clone().into_any().unbind()
    }

    #[pyo3(signature = (*_how))]
    fn __exit__(&self, py: Python<'_>, _how: &Bound<'_, pyo3::types::PyTuple>) {
        self.close(py);
    }
}
