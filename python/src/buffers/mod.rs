//! Buffers: what Python sees of shared memory, by its buffer protocol.
//!
//! Lives here: `ResultView` (a result, held by its lease), `Loan` (room to be filled and sent), `FrozenLoan` (sent again and
//!   again with no copy), `Source` (the bytes of anything that has the protocol), and `export`, the one place where an
//!   address is given to the interpreter.
//! Holds: memory that Python has an address of stays: the exporter holds the lease, the loan or the frozen memory, and the
//!   interpreter holds the exporter for as long as a view of it lives; a loan with a view cannot be sent.
//! Not here: which parameter gets what (`method`).
#![allow(unsafe_code, reason = "the buffer protocol is addresses; PyO3 has no safe form of it")]

mod ahead;
mod frozen;
mod loan;
mod result;
mod source;

pub use frozen::FrozenLoan;
pub use loan::Loan;
pub use result::ResultView;
pub use source::Source;

use std::ffi::{c_int, c_void};

use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use windlass_client::contract::{Code, Fault};

use crate::fault::raised;
use crate::limits::SHOWN_BYTES;

/// Gives the interpreter a view of `bytes`, which `owner` keeps where they are for as long as it lives itself.
///
/// # Safety
/// `view` is the interpreter's, as `__getbuffer__` was given it. `bytes` point to `length` bytes that are readable, and
/// writable unless `readonly`, until `owner` is freed or `__releasebuffer__` was called.
unsafe fn export(
    owner: &Bound<'_, PyAny>,
    view: *mut ffi::Py_buffer,
    flags: c_int,
    bytes: *const u8,
    length: usize,
    readonly: bool,
) -> PyResult<()> {
    if view.is_null() {
        return Err(PyBufferError::new_err("a view to fill is missing"));
    }
    let length = ffi::Py_ssize_t::try_from(length).map_err(|_| PyBufferError::new_err("too long for a view"))?;
    // SAFETY: `view` and `bytes` are as the caller promises; the interpreter fills the record, takes a reference to the owner,
    //   and refuses a writable view of what is read-only. Breaks if: an owner let its memory go while it is alive.
    let filled = unsafe {
        ffi::PyBuffer_FillInfo(
            view,
            owner.as_ptr(),
            bytes.cast_mut().cast::<c_void>(),
            length,
            c_int::from(readonly),
            flags,
        )
    };
    if filled == 0 { Ok(()) } else { Err(PyErr::fetch(owner.py())) }
}

/// Refuses in a forked child, where the memory is not mapped.
fn here(py: Python<'_>, home: u32) -> PyResult<()> {
    if home == std::process::id() {
        return Ok(());
    }
    let text = "this process is a fork of the one that connected, and the memory of that session is not here; connect anew";
    Err(raised(py, &Fault::new(Code::Forked, text)))
}

/// How bytes begin, for a `repr`.
fn beginning(bytes: &[u8]) -> String {
    let shown: String = bytes
        .iter()
        .take(SHOWN_BYTES)
        .flat_map(|byte| std::ascii::escape_default(*byte))
        .map(char::from)
        .collect();
    let more = if bytes.len() > SHOWN_BYTES { ".." } else { "" };
    format!("b\"{shown}\"{more}")
}

/// Whether an object with the buffer protocol has just these bytes; `None` for what has none.
fn same(bytes: &[u8], other: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    let Ok(source) = Source::of(other) else { return Ok(None) };
    if source.len() != bytes.len() {
        return Ok(Some(false));
    }
    let mut room = vec![0; source.len()];
    source.copy_to(other.py(), &mut room)?;
    Ok(Some(room == bytes))
}
