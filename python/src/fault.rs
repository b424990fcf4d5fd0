//! Faults as exceptions.
//!
//! Lives here: `raised` (from a Fault to the exception of its class), `table` (the codes, from which the classes are made).
//! To: `windlass.faults`, which makes a class of each code when it is imported.
//! Holds: no class is typed by hand: the one table of codes is the contract's.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use windlass_client::contract::fault::TABLE;
use windlass_client::contract::{Fault, Outcome, Retry};

/// The exception of this Fault.
pub fn raised(py: Python<'_>, fault: &Fault) -> PyErr {
    made(py, fault).unwrap_or_else(|error| {
        let note = PyRuntimeError::new_err(format!("{fault} (and its exception could not be made)"));
        note.set_cause(py, Some(error));
        note
    })
}

/// A value, or the Fault as an exception.
pub fn or_raise<T>(py: Python<'_>, result: Result<T, Fault>) -> PyResult<T> {
    result.map_err(|fault| raised(py, &fault))
}

fn made(py: Python<'_>, fault: &Fault) -> PyResult<PyErr> {
    let (retry, after_ms) = retry(fault.retry);
    let make = py.import("windlass.faults")?.getattr("_made")?;
    let made =
        make.call1((fault.code, outcome(fault.outcome), retry, after_ms, &fault.message, &fault.details))?;
    Ok(PyErr::from_value(made))
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotStarted => "not started",
        Outcome::Unknown => "unknown",
        Outcome::Ended => "ended",
    }
}

fn retry(retry: Retry) -> (&'static str, u32) {
    match retry {
        Retry::Never => ("never", 0),
        Retry::Same => ("same", 0),
        Retry::After(ms) => ("after", ms),
        Retry::Elsewhere => ("elsewhere", 0),
    }
}

/// One line of the table, for Python.
type Line = (u16, &'static str, &'static str, &'static str, String, &'static str);

/// The table of codes: number, Python class, usual outcome, usual retry, gRPC status, meaning.
#[pyfunction]
pub fn table() -> Vec<Line> {
    let line = |info: &windlass_client::contract::fault::CodeInfo| {
        let grpc = format!("{:?}", info.grpc);
        (info.code as u16, info.python, outcome(info.outcome), retry(info.retry).0, grpc, info.meaning)
    };
    TABLE.iter().map(line).collect()
}
