//! The Python package's own code: sessions, calls by schema, and buffers, as the extension module `windlass._core`.
//!
//! Lives here, in the order data moves: `client` (a session), `module` (described methods), `method` (a call put together),
//!   `plan`, `encode` and `decode` (values by schema), `commands` (of arrays, by full name), `buffers` (what Python sees of shared memory), `call` (waited for), `items` (streams beside it), `awaited` (the same in an event loop),
//!   `fault` (raised).
//! From: the Python files of the package, which hold names, text and display. To: `windlass-client`, and nothing else of ours.
//! Holds: the interpreter's lock is released wherever a call waits, and signals are looked at meanwhile; what a caller gives
//!   wrongly is an exception that names it, before anything is sent.
//! Not here: starting nodes, signatures, stubs, display (`python/windlass/*.py`); arrays (`python/windlass/arrays`, over `commands`).

mod awaited;
mod buffers;
mod call;
mod client;
mod commands;
mod decode;
mod encode;
mod fault;
mod items;
mod limits;
mod method;
mod module;
mod plan;

use pyo3::prelude::*;

/// Sessions, calls by schema, and buffers.
#[pymodule(gil_used = true)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::awaited::{Awaited, Source};
    #[pymodule_export]
    use crate::buffers::{FrozenLoan, Loan, ResultView};
    #[pymodule_export]
    use crate::call::Call;
    #[pymodule_export]
    use crate::client::{Client, Found};
    #[pymodule_export]
    use crate::commands::Commands;
    #[pymodule_export]
    use crate::fault::table;
    #[pymodule_export]
    use crate::items::Items;
    #[pymodule_export]
    use crate::method::Method;
    #[pymodule_export]
    use crate::module::{Module, near};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

/// The name of an object's type, for messages.
fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "object".into(), |name| name.to_string())
}
