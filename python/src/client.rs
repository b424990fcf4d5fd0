//! A session, for Python.
//!
//! Lives here: `Client`: connect, describe, lend, freeze, close.
//! To: `method`, `module`, `buffers`.
//! Holds: after `close` nothing of it reaches the node; results that were read in place stay readable.
//! Not here: pools by name, text and display (`python/windlass/client.py`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use windlass_client::contract::admin::{self, PoolFacts};
use windlass_client::contract::{Code, Fault, ModuleDescriptor};
use windlass_client::{Pool, limits};

use crate::buffers::{FrozenLoan, Loan, Source};
use crate::call::value;
use crate::fault::{or_raise, raised};
use crate::module::Module;

/// A connection to a node.
#[pyclass(frozen, weakref, module = "windlass._core")]
pub struct Client {
    node: String,
    home: u32,
    open: Mutex<Option<windlass_client::Client>>,
}

/// Where a pool is, also after its node has come back.
#[pyclass(frozen, module = "windlass._core")]
pub struct Found {
    pub pool: Pool,
}

impl Client {
    /// The client, while it is open.
    pub fn inner(&self, py: Python<'_>) -> PyResult<windlass_client::Client> {
        // Never held while the interpreter's lock is let go.
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clone().ok_or_else(|| {
            let text = format!("this client of the node {} was closed; connect again", self.node);
            raised(py, &Fault::new(Code::NotConnected, text))
        })
    }
}

#[pymethods]
impl Client {
    /// Connects to the node of this name, or whose directory this is (a path with a `/`).
    #[staticmethod]
    #[pyo3(signature = (node, *, name = None, calls = None, timeout = None))]
    fn connect(
        py: Python<'_>,
        node: &str,
        name: Option<&str>,
        calls: Option<u32>,
        timeout: Option<f64>,
    ) -> PyResult<Client> {
        let mut options = windlass_client::Client::options().name(name.unwrap_or("python"));
        if let Some(calls) = calls {
            options = options.calls(calls);
        }
        let time = timeout.map_or(Ok(limits::TIMEOUT_DEFAULT), Duration::try_from_secs_f64);
        let time = time.map_err(|error| PyValueError::new_err(format!("timeout: {error}")))?;
        let client = or_raise(py, py.detach(|| options.timeout(time).connect(node)))?;
        let home = std::process::id();
        Ok(Client { node: node.to_owned(), home, open: Mutex::new(Some(client)) })
    }

    /// The pool of this name: its id, its name, its module's name, and where it is.
    fn find(&self, py: Python<'_>, name: &str) -> PyResult<(u64, String, String, Found)> {
        let client = self.inner(py)?;
        let pending = client.admin().call(admin::find()).argument(name).send();
        let facts: PoolFacts = or_raise(py, value(py, pending)?.value())?;
        let place = Found { pool: client.pool_at(&facts) };
        Ok((facts.id, facts.name, facts.module, place))
    }

    /// The module of this pool or, failing that, the module of this name.
    fn describe(&self, py: Python<'_>, name: &str) -> PyResult<Module> {
        let client = self.inner(py)?;
        let pending = client.admin().call(admin::describe()).argument(name).send();
        let bytes: Vec<u8> = or_raise(py, value(py, pending)?.value())?;
        let described = ModuleDescriptor::decode(&bytes)
            .map_err(|error| raised(py, &Fault::new(Code::BadReply, error.to_string())))?;
        Ok(Module { described: Arc::new(described) })
    }

    /// Lends so many bytes of shared memory, zero at first, to be filled and sent with no copy.
    fn lend(&self, py: Python<'_>, bytes: usize) -> PyResult<Loan> {
        let client = self.inner(py)?;
        let loan = py.detach(|| {
            client.lend(bytes).map(|mut loan| {
                // What the last holder left there is nobody's business.
                loan.fill(0);
                loan
            })
        });
        Ok(Loan::new(or_raise(py, loan)?))
    }

    /// Freezes a copy of an object's bytes: they are sent as often as one likes and never copied again.
    fn freeze(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<FrozenLoan> {
        let client = self.inner(py)?;
        if let Ok(bytes) = object.cast::<PyBytes>() {
            let bytes = bytes.as_bytes();
            return Ok(FrozenLoan::new(or_raise(py, py.detach(|| client.freeze(bytes)))?));
        }
        let source = Source::of(object)?;
        let mut copied = Ok(());
        let frozen = client.freeze_with(source.len(), |room| copied = source.copy_to(py, room));
        copied?;
        Ok(FrozenLoan::new(or_raise(py, frozen)?))
    }

    /// Connects again on the first terms if the session has ended, and finds the pools again.
    fn reconnect(&self, py: Python<'_>) -> PyResult<()> {
        let client = self.inner(py)?;
        or_raise(py, py.detach(|| client.reconnect()))
    }

    /// Whether the node still answers.
    #[getter]
    fn alive(&self, py: Python<'_>) -> bool {
        self.inner(py).is_ok_and(|client| client.is_alive())
    }

    /// The node's name, or its directory.
    #[getter]
    fn node(&self) -> &str {
        &self.node
    }

    /// The node's process, this session's number, and what the session may have.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let client = self.inner(py)?;
        let (welcome, facts) = (client.welcome(), PyDict::new(py));
        facts.set_item("pid", welcome.pid)?;
        facts.set_item("session", welcome.session)?;
        facts.set_item("calls", welcome.calls)?;
        facts.set_item("loan_bytes_max", welcome.loan_bytes_max)?;
        facts.set_item("session_bytes_max", welcome.session_bytes_max)?;
        facts.set_item("lent_bytes", client.lent_bytes())?;
        facts.set_item("bytes_copied", client.counters().bytes_copied)?;
        Ok(facts)
    }

    /// Ends the session: calls that are out end as `NodeGone`, later ones as `NotConnected`.
    fn close(&self, py: Python<'_>) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        // In a forked child there is no session to end; the parent's goes on.
        if let Some(client) = open.filter(|_| self.home == std::process::id()) {
            py.detach(|| client.vanish());
        }
    }
}
