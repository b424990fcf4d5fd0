//! Results: what an `Out` or `InOut` buffer gave back, read in place.
//!
//! Holds: the node writes nothing there until the last view and the object itself are gone; then the lease is released.

use std::ffi::c_int;
use std::sync::Arc;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use windlass_client::dynamic::Bulk;

use super::{ahead, beginning, export, here, same};

/// A result, read in place: `memoryview(r)`, `numpy.asarray(r)` and `bytes(r)` read it. It never changes.
#[pyclass(frozen, weakref, module = "windlass")]
pub struct ResultView {
    /// Shared with the thread that maps it ahead.
    bulk: Arc<Bulk>,
    home: u32,
}

impl ResultView {
    pub fn new(bulk: Bulk) -> ResultView {
        ResultView { bulk: Arc::new(bulk), home: std::process::id() }
    }

    fn bytes(&self, py: Python<'_>) -> PyResult<&[u8]> {
        here(py, self.home)?;
        Ok(&self.bulk)
    }
}

#[pymethods]
impl ResultView {
    /// How many bytes it has.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.bytes(py)?.len())
    }

    /// A copy as `bytes`.
    fn tobytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.bytes(py)?))
    }

    /// Lets a thread map the pages of so many bytes from `start` on, if they are many, and does not wait for it.
    #[pyo3(signature = (start, length, /))]
    fn _map_ahead(&self, py: Python<'_>, start: usize, length: usize) -> PyResult<()> {
        let all = self.bytes(py)?.len();
        let from = start.min(all);
        ahead::begin(&self.bulk, from, length.min(all - from));
        Ok(())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.bytes(py)?.len())
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.tobytes(py)
    }

    fn __getitem__<'py>(this: &Bound<'py, Self>, at: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        pyo3::types::PyMemoryView::from(this.as_any())?.get_item(at)
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
        Ok(format!("<windlass.ResultView of {} bytes: {}>", bytes.len(), beginning(bytes)))
    }

    unsafe fn __getbuffer__(this: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let bytes = this.get().bytes(this.py())?;
        // SAFETY: the interpreter gave `view`. The bytes are the result's, which stands while its lease is held, that is while
        //   this frozen object lives; nobody writes them, and the view says so.
        unsafe { export(this.as_any(), view, flags, bytes.as_ptr(), bytes.len(), true) }
    }
}
