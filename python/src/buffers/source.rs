//! Source: the bytes of any Python object that has the buffer protocol.
//!
//! Holds: they are taken as they lie (C order), whatever their items are, and copied once.

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;

/// An object's bytes, held so that they stay.
pub struct Source(PyUntypedBuffer);

impl Source {
    /// The bytes of `object`.
    ///
    /// # Errors
    /// `TypeError` for what has no buffer protocol; `BufferError` for items that do not lie one after another.
    pub fn of(object: &Bound<'_, PyAny>) -> PyResult<Source> {
        let buffer = PyUntypedBuffer::get(object)?;
        if !buffer.is_c_contiguous() {
            let text = "its items do not lie one after another; give a copy (numpy.ascontiguousarray)";
            return Err(PyBufferError::new_err(text));
        }
        Ok(Source(buffer))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len_bytes()
    }

    /// Copies them.
    ///
    /// # Errors
    /// `BufferError` when the room is of another length.
    pub fn copy_to(&self, _py: Python<'_>, room: &mut [u8]) -> PyResult<()> {
        let from = self.0.buf_ptr().cast::<u8>().cast_const();
        if room.len() != self.len() || (from.is_null() && !room.is_empty()) {
            return Err(PyBufferError::new_err("the buffer is of another length than its room"));
        }
        if !room.is_empty() {
            // SAFETY: the exporter keeps `len_bytes` bytes at `buf` while this buffer is held, and they are contiguous (`of`);
            //   `room` is ours alone and as long. Python code does not run meanwhile: the caller is attached.
            //   Breaks if: another thread changes the object without the interpreter's lock; then bytes are torn, no more.
            unsafe { std::ptr::copy_nonoverlapping(from, room.as_mut_ptr(), room.len()) };
        }
        Ok(())
    }
}
