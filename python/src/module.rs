//! Modules, described: what a node serves about one, for Python.
//!
//! Lives here: `Module` (methods, their parameters, their text), `near` (what a wrong name may have meant).
//! From: `client`, which asked the node. To: `method`; the Python side for signatures, stubs and help.
//! Holds: nothing of it is written by hand, so a module that was loaded a moment ago is here as any other.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use windlass_client::contract::head::{BufferKind, Direction};
use windlass_client::contract::schema::Shape;
use windlass_client::contract::{MethodId, MethodSchema, ModuleDescriptor};
use windlass_client::dynamic;

use crate::method::{arguments, encode_values};
use crate::plan::{Plan, tree};

/// A module as its node describes it.
#[pyclass(frozen, module = "windlass._core")]
pub struct Module {
    pub(crate) described: Arc<ModuleDescriptor>,
}

#[pymethods]
impl Module {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        &self.described.name
    }

    /// Its version.
    #[getter]
    fn version(&self) -> &str {
        &self.described.version
    }

    /// Its documentation.
    #[getter]
    fn docs(&self) -> &str {
        &self.described.docs
    }

    /// Names of the methods that it has of its own.
    fn methods(&self) -> Vec<&str> {
        let own = self.described.methods.iter().filter(|method| !method.id.is_inherited());
        own.map(|method| method.name.as_str()).collect()
    }

    /// One method: `name docs parameters reply idempotent blocking key`, types as nested tuples. `create` is one as well.
    fn method<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.find(name).map(|method| describe(py, method)).transpose()
    }

    /// The arguments of `create` in the bytes that a pool is made from.
    fn encode_create(&self, py: Python<'_>, given: &Bound<'_, PyDict>) -> PyResult<Vec<u8>> {
        let Some(create) = self.find("create") else { return Ok(Vec::new()) };
        let plans = create.values().map(|(_, schema, _)| Plan::of(py, schema)).collect::<PyResult<Vec<_>>>()?;
        let found = arguments(create, None, Some(given))?;
        let all = create.values().count();
        encode_values(create, &plans, &found, all)
    }
}

impl Module {
    pub(crate) fn find(&self, name: &str) -> Option<&MethodSchema> {
        match name {
            "create" => self.described.methods.iter().find(|method| method.id == MethodId::CREATE),
            _ => self.described.method(name),
        }
    }
}

fn describe<'py>(py: Python<'py>, method: &MethodSchema) -> PyResult<Bound<'py, PyDict>> {
    let parameters = PyList::empty(py);
    for parameter in &method.parameters {
        let entry = PyDict::new(py);
        entry.set_item("name", &parameter.name)?;
        match &parameter.shape {
            Shape::Value { schema, default, .. } => {
                entry.set_item("sort", "value")?;
                entry.set_item("type", tree(py, schema)?)?;
                entry.set_item("text", schema.to_string())?;
                if let Some(default) = default {
                    entry.set_item("default", Plan::of(py, schema)?.decode(py, default)?)?;
                }
            }
            Shape::Buffer { direction, kind } => {
                let sort = match direction {
                    Direction::In => "in",
                    Direction::Out => "out",
                    Direction::InOut => "inout",
                };
                entry.set_item("sort", sort)?;
                entry.set_item("shared", *kind == BufferKind::Shared)?;
            }
            Shape::Stream { direction, item } => {
                entry.set_item("sort", if *direction == Direction::Out { "sends" } else { "reads" })?;
                entry.set_item("type", tree(py, item)?)?;
                entry.set_item("text", item.to_string())?;
            }
        }
        parameters.append(entry)?;
    }
    let described = PyDict::new(py);
    described.set_item("name", &method.name)?;
    described.set_item("docs", &method.docs)?;
    described.set_item("parameters", parameters)?;
    described.set_item("reply", tree(py, &method.reply)?)?;
    described.set_item("idempotent", method.flags.idempotent)?;
    described.set_item("blocking", method.flags.blocking)?;
    described.set_item("key", &method.flags.key)?;
    Ok(described)
}

/// What a wrong name may have meant, and the names that there are, as the end of a sentence.
#[pyfunction]
pub fn near(wrong: &str, names: Vec<String>) -> String {
    dynamic::near::hint(wrong, names.iter().map(String::as_str))
}
