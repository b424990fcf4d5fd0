//! Loans: room in shared memory that Python fills and then sends with no copy.
//!
//! Holds: a loan is written by Python, or read by the node, never both: it is sent only while no view of it lives, and while
//!   it is out there is nothing to view. After the call it is here again.

use std::ffi::c_int;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;

use super::{Source, export, here};

/// Room to fill: `memoryview(loan)` and `numpy.asarray(loan)` write it; given to a call it is sent with no copy.
#[pyclass(frozen, weakref, module = "windlass")]
pub struct Loan {
    state: Mutex<State>,
    home: u32,
}

struct State {
    /// `None` while it is out, or when a call that had it was lost.
    loan: Option<windlass_client::Loan>,
    /// Views that live.
    views: usize,
}

impl Loan {
    pub fn new(loan: windlass_client::Loan) -> Loan {
        Loan { state: Mutex::new(State { loan: Some(loan), views: 0 }), home: std::process::id() }
    }

    /// Takes it to be sent.
    ///
    /// # Errors
    /// `BufferError` while a view of it lives; `ValueError` while it is out.
    pub fn take(&self, py: Python<'_>) -> PyResult<windlass_client::Loan> {
        here(py, self.home)?;
        let mut state = self.state();
        if state.views > 0 {
            let text = format!(
                "{} views of this loan live (memoryview, numpy array): release them, then send it",
                state.views
            );
            return Err(PyBufferError::new_err(text));
        }
        state.loan.take().ok_or_else(gone)
    }

    /// Puts it back after its call.
    pub fn put_back(&self, loan: windlass_client::Loan) {
        self.state().loan = Some(loan);
    }

    // Never held while Python runs or the interpreter's lock is let go, so nobody waits for it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gone() -> PyErr {
    PyValueError::new_err("this loan is out with a call, or went with one that failed; lend another")
}

#[pymethods]
impl Loan {
    /// How many bytes it has.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> PyResult<usize> {
        here(py, self.home)?;
        Ok(self.state().loan.as_ref().ok_or_else(gone)?.len())
    }

    /// Copies an object's bytes into it, from byte `at` on, and answers where they end.
    #[pyo3(signature = (data, at = 0))]
    fn write(&self, py: Python<'_>, data: &Bound<'_, PyAny>, at: usize) -> PyResult<usize> {
        here(py, self.home)?;
        let source = Source::of(data)?;
        let mut state = self.state();
        if state.views > 0 {
            return Err(PyBufferError::new_err(
                "a view of this loan lives: write through it, or release it first",
            ));
        }
        let loan = state.loan.as_mut().ok_or_else(gone)?;
        let length = loan.len();
        let end = at.checked_add(source.len()).filter(|end| *end <= length).ok_or_else(|| {
            let text = format!("{} bytes do not fit at {at}: the loan has {length}", source.len());
            PyValueError::new_err(text)
        })?;
        source.copy_to(py, &mut loan[at..end])?;
        Ok(end)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.nbytes(py)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        match self.nbytes(py) {
            Ok(bytes) => format!("<windlass.Loan of {bytes} bytes>"),
            Err(_) => "<windlass.Loan that is not here>".into(),
        }
    }

    unsafe fn __getbuffer__(this: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        here(this.py(), this.get().home)?;
        let mut state = this.get().state();
        let loan = state.loan.as_mut().ok_or_else(|| PyBufferError::new_err(gone().to_string()))?;
        let (bytes, length) = (loan.as_mut_ptr(), loan.len());
        // SAFETY: the interpreter gave `view`. The room is this session's heap, mapped while the loan is held; a loan with a view
        //   is neither sent nor taken (`take` counts views), so it is held until the view is released.
        unsafe { export(this.as_any(), view, flags, bytes.cast_const(), length, false) }?;
        state.views += 1;
        Ok(())
    }

    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        let mut state = self.state();
        state.views = state.views.saturating_sub(1);
    }
}
