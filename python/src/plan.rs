//! Plans: a schema with the Python classes that its values have.
//!
//! Lives here: `Plan`, made once per method, and `tree`, a schema as Python tuples for signatures and stubs.
//! From: `module`. To: `encode`, `decode`.
//! Holds: one plan node per schema node; structs and enums have a class from `windlass.values`, the same one for the same shape.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use windlass_client::contract::Schema;

/// A schema, its parts, and what Python calls them.
pub struct Plan {
    pub schema: Schema,
    /// Elements, fields or variants, in order.
    pub parts: Vec<Plan>,
    /// Names of fields or variants, in order.
    pub names: Vec<Py<PyString>>,
    /// The class of a struct, or of an enum whose variants hold nothing, or of a variant that holds something.
    pub class: Option<Py<PyAny>>,
}

impl Plan {
    /// Plans values of this schema.
    ///
    /// # Errors
    /// What importing `windlass.values` raises.
    pub fn of(py: Python<'_>, schema: &Schema) -> PyResult<Plan> {
        let some = |schemas: &[&Schema]| schemas.iter().map(|one| Plan::of(py, one)).collect::<PyResult<Vec<_>>>();
        let names = |names: Vec<&str>| -> Vec<Py<PyString>> {
            names.into_iter().map(|name| PyString::intern(py, name).unbind()).collect()
        };
        let class_of = |maker: &str, name: &str, names: &[Py<PyString>]| -> PyResult<Py<PyAny>> {
            let names = PyTuple::new(py, names)?;
            Ok(py.import("windlass.values")?.getattr(maker)?.call1((name, names))?.unbind())
        };
        let (parts, names, class) = match schema {
            Schema::Option(inner) | Schema::List(inner) | Schema::Array(inner, _) => {
                (some(&[inner])?, Vec::new(), None)
            }
            Schema::Map(key, value) => (some(&[key, value])?, Vec::new(), None),
            Schema::Tuple(schemas) => (some(&schemas.iter().collect::<Vec<_>>())?, Vec::new(), None),
            Schema::Struct { name, fields } => {
                let names = names(fields.iter().map(|field| field.name.as_str()).collect());
                let class = class_of("struct_class", name, &names)?;
                (some(&fields.iter().map(|field| &field.schema).collect::<Vec<_>>())?, names, Some(class))
            }
            Schema::Enum { name, variants } => {
                let names = names(variants.iter().map(|variant| variant.name.as_str()).collect());
                let plain = variants.iter().all(|variant| variant.schema == Schema::Unit);
                let class = class_of(if plain { "enum_class" } else { "variant_class" }, name, &names)?;
                (some(&variants.iter().map(|variant| &variant.schema).collect::<Vec<_>>())?, names, Some(class))
            }
            _ => (Vec::new(), Vec::new(), None),
        };
        Ok(Plan { schema: schema.clone(), parts, names, class })
    }

    /// Whether this is an enum whose variants hold nothing.
    pub fn is_plain_enum(&self) -> bool {
        self.parts.iter().all(|part| part.schema == Schema::Unit)
    }
}

/// A schema as nested tuples: `("list", ("u8",))`, `("struct", name, [(field, tree), ..])`.
pub fn tree<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyTuple>> {
    let named = |sort: &str, name: &str, parts: Vec<(&str, &Schema)>| -> PyResult<Bound<'py, PyTuple>> {
        let list = PyList::empty(py);
        for (name, schema) in parts {
            list.append((name, tree(py, schema)?))?;
        }
        (sort, name, list).into_pyobject(py)
    };
    match schema {
        Schema::Option(inner) => ("option", tree(py, inner)?).into_pyobject(py),
        Schema::List(inner) => ("list", tree(py, inner)?).into_pyobject(py),
        Schema::Array(inner, count) => ("array", tree(py, inner)?, *count).into_pyobject(py),
        Schema::Map(key, value) => ("map", tree(py, key)?, tree(py, value)?).into_pyobject(py),
        Schema::Tuple(schemas) => {
            let list = PyList::empty(py);
            for schema in schemas {
                list.append(tree(py, schema)?)?;
            }
            ("tuple", list).into_pyobject(py)
        }
        Schema::Struct { name, fields } => {
            named("struct", name, fields.iter().map(|field| (field.name.as_str(), &field.schema)).collect())
        }
        Schema::Enum { name, variants } => {
            named("enum", name, variants.iter().map(|one| (one.name.as_str(), &one.schema)).collect())
        }
        Schema::Unit => ("unit",).into_pyobject(py),
        // A symbol is named, and answered as a struct of what it is.
        Schema::Symbol(_) => ("str",).into_pyobject(py),
        Schema::Scalar => ("scalar",).into_pyobject(py),
        scalar => (scalar.to_string(),).into_pyobject(py),
    }
}
