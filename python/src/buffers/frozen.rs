//! Frozen loans: bytes that nobody can write any more, sent again and again with no copy.

use std::ffi::c_int;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{beginning, export, here, same};

/// Bytes that are sent as often as one likes and never copied; `windlass.freeze(obj)` makes them.
#[pyclass(frozen, weakref, module = "windlass")]
pub struct FrozenLoan {
    loan: windlass_client::FrozenLoan,
    home: u32,
}

impl FrozenLoan {
    pub fn new(loan: windlass_client::FrozenLoan) -> FrozenLoan {
        FrozenLoan { loan, home: std::process::id() }
    }

    /// What is sent.
    pub fn loan(&self) -> &windlass_client::FrozenLoan {
        &self.loan
    }

    fn bytes(&self, py: Python<'_>) -> PyResult<&[u8]> {
        here(py, self.home)?;
        Ok(&self.loan)
    }
}

#[pymethods]
impl FrozenLoan {
    /// How many bytes it has.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.bytes(py)?.len())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.bytes(py)?.len())
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.bytes(py)?))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = other.py();
        Ok(match same(self.bytes(py)?, other)? {
            Some(same) => same.into_pyobject(py)?.to_owned().into_any().unbind(),
            None => py.NotImplemented(),
        })
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let bytes = self.bytes(py)?;
        Ok(format!("<windlass.FrozenLoan of {} bytes: {}>", bytes.len(), beginning(bytes)))
    }

    unsafe fn __getbuffer__(this: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let bytes = this.get().bytes(this.py())?;
        // SAFETY: the interpreter gave `view`. The bytes are sealed memory that stays mapped while this frozen object lives.
        unsafe { export(this.as_any(), view, flags, bytes.as_ptr(), bytes.len(), true) }
    }
}
