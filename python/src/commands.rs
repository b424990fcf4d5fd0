//! Commands over arrays, by their full names, for Python.
//!
//! Lives here: `Commands`: what a node's pools serve by name, called with texts by key.
//! From: `python/windlass/arrays`. To: `windlass_client::dynamic::commands`.
//! Holds: a symbol that a command made is told by name, dtype and shape, and belongs to whoever asked.
//! Not here: operators, indexing, display; when symbols are given back (`python/windlass/arrays`).

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use windlass_client::contract::commands::{Answered, CommandMap};
use windlass_client::dynamic::commands::Commands as Known;
use windlass_client::{Outgoing, Pending, Reply};

use crate::call::{Asked, Call, Ready, value};
use crate::client::Client;
use crate::decode::scalar_of;
use crate::fault::{or_raise, raised};

/// Ranks that are listed; arrays may have any.
const RANKS_LISTED: u8 = 3;

/// The commands of a node, as its pools were when it was asked.
#[pyclass(frozen, module = "windlass._core")]
pub struct Commands {
    known: Known,
    client: windlass_client::Client,
    /// Calls that give names back and are under way, oldest first.
    forgotten: Mutex<VecDeque<Pending>>,
}

/// Of those at once; the next waits for the oldest.
const FORGOTTEN_MAX: usize = 16;

#[pymethods]
impl Commands {
    /// Asks the node for its pools and their commands.
    #[staticmethod]
    fn open(py: Python<'_>, client: &Client) -> PyResult<Commands> {
        let client = client.inner(py)?;
        let known = py.detach(|| Known::open(&client, CommandMap::new(RANKS_LISTED)));
        Ok(Commands { known: or_raise(py, known)?, client, forgotten: Mutex::default() })
    }

    /// The base names of all commands.
    fn names(&self) -> Vec<String> {
        self.known.map().offers().map(|offer| offer.command.name.clone()).collect()
    }

    /// Gives symbols back in one call, and does not wait for the node: what is called next follows at once. A symbol that is gone
    /// already is what was wanted.
    fn forget(&self, py: Python<'_>, names: Vec<String>) -> PyResult<()> {
        let found = or_raise(py, self.known.find("deleteSymbols"))?;
        let list = serde_json::Value::from(names).to_string();
        let pending = or_raise(py, self.known.outgoing(&found, &[("names", &list)]))?.send();
        let oldest = {
            let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
            while forgotten.front().is_some_and(Pending::is_answered) {
                forgotten.pop_front();
            }
            forgotten.push_back(pending);
            if forgotten.len() > FORGOTTEN_MAX { forgotten.pop_front() } else { None }
        };
        if let Some(oldest) = oldest {
            let _gone = py.detach(|| oldest.wait());
        }
        Ok(())
    }

    /// Calls a command by its full name and waits. A new array is `("array", name, dtype, shape)`, new strings are `("strings", name,
    /// count, bytes)`; numbers and text are themselves.
    fn call<'py>(&self, py: Python<'py>, name: &str, given: Vec<(String, String)>) -> PyResult<Bound<'py, PyAny>> {
        let pending = self.outgoing(py, name, &given)?.send();
        let reply = value(py, pending)?;
        self.read(py, name, &reply)
    }

    /// Sends a command if one call more may be out now, and does not wait: the answer is asked of the `Call`. If not, answers None
    /// at once.
    fn try_send(this: &Bound<'_, Self>, name: String, given: Vec<(String, String)>) -> PyResult<Option<Call>> {
        let py = this.py();
        let Some(room) = or_raise(py, this.get().client.call_slot(Duration::ZERO))? else { return Ok(None) };
        let pending = this.get().outgoing(py, &name, &given)?.slot(room).send();
        let ready = Ready { pending, lent: Vec::new(), limit: None };
        Ok(Some(Call::new(Asked::Command(this.clone().unbind(), name), ready)))
    }
}

impl Commands {
    fn outgoing(&self, py: Python<'_>, name: &str, given: &[(String, String)]) -> PyResult<Outgoing> {
        let found = or_raise(py, self.known.find(name))?;
        let given: Vec<(&str, &str)> = given.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        or_raise(py, self.known.outgoing(&found, &given))
    }

    /// What a command of this name answered.
    pub(crate) fn read<'py>(&self, py: Python<'py>, name: &str, reply: &Reply) -> PyResult<Bound<'py, PyAny>> {
        let found = or_raise(py, self.known.find(name))?;
        let answered = Known::read(&found, reply).map_err(|fault| raised(py, &fault))?;
        told(py, &answered)
    }
}

fn told<'py>(py: Python<'py>, answered: &Answered) -> PyResult<Bound<'py, PyAny>> {
    Ok(match answered {
        Answered::Nothing => py.None().into_bound(py),
        Answered::Array(facts) => {
            let shape = PyTuple::new(py, &facts.shape)?;
            ("array", facts.name.as_str(), facts.dtype.as_str(), shape).into_pyobject(py)?.into_any()
        }
        Answered::Strings(facts) => {
            ("strings", facts.name.as_str(), facts.size, facts.bytes).into_pyobject(py)?.into_any()
        }
        Answered::Symbol(facts) => {
            ("symbol", facts.name.as_str(), facts.class.as_str()).into_pyobject(py)?.into_any()
        }
        Answered::Scalar(scalar) => scalar_of(py, scalar.clone())?,
        Answered::Text(text) => text.into_pyobject(py)?.into_any(),
        Answered::List(all) => {
            let all = all.iter().map(|one| told(py, one)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, all)?.into_any()
        }
    })
}
