//! From Python to postcard, by plan.
//!
//! From: `method`, the arguments of a call. To: the bytes that a Rust client would send.
//! Holds: a value that does not fit is refused with the argument, the place in it, the type wanted and what was found; nothing
//!   is converted that would lose something (no text to numbers, no float to int, no number that is too large).

use std::fmt;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyMapping, PyString, PyTuple};
use windlass_client::contract::Schema;
use windlass_client::contract::array::Scalar;

use crate::buffers::Source;
use crate::limits::SHOWN_CHARS;
use crate::plan::Plan;
use crate::type_name;

/// Where in the arguments a value stands.
pub enum At<'a> {
    /// A parameter of a method.
    Argument { method: &'a str, name: &'a str },
    /// An element.
    Index(&'a At<'a>, usize),
    /// A field, a variant or a key.
    Name(&'a At<'a>, &'a str),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Argument { method, name } => write!(f, "{method}(): argument {name:?}"),
            At::Index(inside, at) => write!(f, "{inside}[{at}]"),
            At::Name(inside, name) => write!(f, "{inside}.{name}"),
        }
    }
}

/// Appends the postcard of a scalar.
macro_rules! put {
    ($value:expr, $into:expr) => {{
        let room = std::mem::take($into);
        *$into = postcard::to_extend(&$value, room)
            .map_err(|error| PyValueError::new_err(format!("a value does not encode: {error}")))?;
    }};
}

impl Plan {
    /// Appends the postcard of `value`.
    ///
    /// # Errors
    /// `TypeError` for another type, `ValueError` for a value out of range, with the place.
    pub fn encode(&self, value: &Bound<'_, PyAny>, into: &mut Vec<u8>, at: &At<'_>) -> PyResult<()> {
        let whole = |what: &str| -> PyResult<i128> {
            if value.is_instance_of::<PyString>() || !value.hasattr("__index__")? {
                return Err(self.mismatch(value, at));
            }
            let index = value.call_method0("__index__")?;
            index.extract::<i128>().map_err(|_| self.out_of_range(value, at, what))
        };
        macro_rules! integer {
            ($type:ty) => {{
                let what = concat!("a ", stringify!($type));
                let number = <$type>::try_from(whole(what)?).map_err(|_| self.out_of_range(value, at, what))?;
                put!(number, into)
            }};
        }
        match &self.schema {
            Schema::Unit => value.is_none().then_some(()).ok_or_else(|| self.mismatch(value, at))?,
            Schema::Bool => put!(self.truth(value, at)?, into),
            Schema::U8 => integer!(u8),
            Schema::U16 => integer!(u16),
            Schema::U32 => integer!(u32),
            Schema::U64 => integer!(u64),
            Schema::I8 => integer!(i8),
            Schema::I16 => integer!(i16),
            Schema::I32 => integer!(i32),
            Schema::I64 => integer!(i64),
            Schema::F32 => {
                let wide = self.float(value, at)?;
                let number = wide as f32;
                if number.is_infinite() && wide.is_finite() {
                    return Err(self.out_of_range(value, at, "an f32"));
                }
                put!(number, into);
            }
            Schema::F64 => put!(self.float(value, at)?, into),
            Schema::Char => {
                let text = self.text(value, at)?;
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(one), None) => put!(one, into),
                    _ => return Err(self.mismatch(value, at)),
                }
            }
            Schema::Str | Schema::Symbol(_) => put!(self.text(value, at)?, into),
            Schema::Scalar => put!(self.scalar(value, at)?, into),
            Schema::Bytes => self.bytes(value, into, at)?,
            Schema::Option(_) => match (value.is_none(), self.parts.first()) {
                (false, Some(inner)) => {
                    into.push(1);
                    inner.encode(value, into, at)?;
                }
                _ => into.push(0),
            },
            Schema::List(_) => {
                let values = self.elements(value, at)?;
                put!(values.len(), into);
                self.each(&values, into, at)?;
            }
            Schema::Array(_, count) => {
                let values = self.elements(value, at)?;
                if values.len() != *count as usize {
                    return Err(self.mismatch(value, at));
                }
                self.each(&values, into, at)?;
            }
            Schema::Tuple(_) => {
                let values = self.elements(value, at)?;
                if values.len() != self.parts.len() {
                    return Err(self.mismatch(value, at));
                }
                for (index, (part, value)) in self.parts.iter().zip(&values).enumerate() {
                    part.encode(value, into, &At::Index(at, index))?;
                }
            }
            Schema::Map(..) => {
                let mapping = value.cast::<PyMapping>().map_err(|_| self.mismatch(value, at))?;
                put!(mapping.len()?, into);
                for item in mapping.items()?.iter() {
                    let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
                    let name = shown(&key);
                    let at = At::Name(at, &name);
                    for (part, value) in self.parts.iter().zip([key, value]) {
                        part.encode(&value, into, &at)?;
                    }
                }
            }
            Schema::Struct { .. } => self.fields(value, into, at)?,
            Schema::Enum { .. } => self.variant(value, into, at)?,
        }
        Ok(())
    }

    /// A number, a truth or a text, in the widest dtype of its kind.
    fn scalar(&self, value: &Bound<'_, PyAny>, at: &At<'_>) -> PyResult<Scalar> {
        if let Ok(truth) = self.truth(value, at) {
            return Ok(truth.into());
        }
        if value.is_instance_of::<PyString>() {
            return Ok(Scalar::Str(self.text(value, at)?.into_owned()));
        }
        if value.hasattr("__index__")? {
            let index = value.call_method0("__index__")?;
            if let Ok(small) = index.extract::<i64>() {
                return Ok(small.into());
            }
            return match index.extract::<u64>() {
                Ok(large) => Ok(large.into()),
                Err(_) => Ok(Scalar::BigInt(index.str()?.to_string())),
            };
        }
        Ok(self.float(value, at)?.into())
    }

    fn truth(&self, value: &Bound<'_, PyAny>, at: &At<'_>) -> PyResult<bool> {
        if let Ok(truth) = value.cast::<PyBool>() {
            return Ok(truth.is_true());
        }
        // numpy's own, which is none of Python's.
        if matches!(type_name(value).as_str(), "bool" | "bool_") {
            value.is_truthy()
        } else {
            Err(self.mismatch(value, at))
        }
    }

    fn float(&self, value: &Bound<'_, PyAny>, at: &At<'_>) -> PyResult<f64> {
        if value.is_instance_of::<PyString>() {
            return Err(self.mismatch(value, at));
        }
        value.extract::<f64>().map_err(|_| self.mismatch(value, at))
    }

    fn text<'a>(&self, value: &'a Bound<'_, PyAny>, at: &At<'_>) -> PyResult<std::borrow::Cow<'a, str>> {
        // A lone surrogate has no UTF-8: Python's own error says where it stands.
        value.cast::<PyString>().map_err(|_| self.mismatch(value, at))?.to_cow()
    }

    fn bytes(&self, value: &Bound<'_, PyAny>, into: &mut Vec<u8>, at: &At<'_>) -> PyResult<()> {
        if let Ok(bytes) = value.cast::<PyBytes>() {
            put!(bytes.as_bytes(), into);
            return Ok(());
        }
        let source = Source::of(value).map_err(|_| self.mismatch(value, at))?;
        put!(source.len(), into);
        let from = into.len();
        into.resize(from + source.len(), 0);
        source.copy_to(value.py(), &mut into[from..])
    }

    /// The elements of anything that can be gone through, but for text, bytes and mappings, which somebody gave by mistake.
    fn elements<'py>(&self, value: &Bound<'py, PyAny>, at: &At<'_>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let wrong = value.is_instance_of::<PyString>()
            || value.is_instance_of::<PyBytes>()
            || value.is_instance_of::<PyByteArray>()
            || value.cast::<PyMapping>().is_ok();
        if wrong {
            return Err(self.mismatch(value, at));
        }
        value.try_iter().map_err(|_| self.mismatch(value, at))?.collect()
    }

    fn each(&self, values: &[Bound<'_, PyAny>], into: &mut Vec<u8>, at: &At<'_>) -> PyResult<()> {
        let inner = self.parts.first().ok_or_else(|| PyTypeError::new_err("a list has elements of a type"))?;
        for (index, value) in values.iter().enumerate() {
            inner.encode(value, into, &At::Index(at, index))?;
        }
        Ok(())
    }

    /// A struct: a mapping, or an object with its fields as attributes. A field that may be nothing may be left out.
    fn fields(&self, value: &Bound<'_, PyAny>, into: &mut Vec<u8>, at: &At<'_>) -> PyResult<()> {
        let py = value.py();
        let mapping = value.cast::<PyMapping>().ok();
        let named = || {
            let names: Vec<String> = self.names.iter().map(|name| name.bind(py).to_string()).collect();
            names.join(", ")
        };
        if let Some(mapping) = mapping {
            for key in mapping.keys()?.iter() {
                let known = self.names.iter().any(|name| key.eq(name).unwrap_or(false));
                if !known {
                    let text = format!("{at}: there is no field {}; there is {}", shown(&key), named());
                    return Err(PyTypeError::new_err(text));
                }
            }
        } else if value.is_none() || value.is_instance_of::<PyString>() || value.is_instance_of::<PyTuple>() {
            return Err(self.mismatch(value, at));
        }
        for (name, part) in self.names.iter().zip(&self.parts) {
            let found = match mapping {
                Some(mapping) => mapping.contains(name)?.then(|| mapping.get_item(name)).transpose()?,
                None => value.getattr_opt(name)?,
            };
            let label = name.bind(py).to_string();
            match found {
                Some(found) => part.encode(&found, into, &At::Name(at, &label))?,
                None if matches!(part.schema, Schema::Option(_)) => into.push(0),
                None if mapping.is_none() => return Err(self.mismatch(value, at)),
                None => {
                    return Err(PyTypeError::new_err(format!(
                        "{at}: field {label:?} is missing; there is {}",
                        named()
                    )));
                }
            }
        }
        Ok(())
    }

    /// An enum: the variant's name, or `{name: what it holds}`, or an object with `name` and `value` as replies have it.
    fn variant(&self, value: &Bound<'_, PyAny>, into: &mut Vec<u8>, at: &At<'_>) -> PyResult<()> {
        let py = value.py();
        let (name, inner) = if value.is_instance_of::<PyString>() {
            (value.clone(), py.None().into_bound(py))
        } else if let Ok(mapping) = value.cast::<PyMapping>() {
            let items = mapping.items()?;
            if items.len() != 1 {
                return Err(self.mismatch(value, at));
            }
            items.get_item(0)?.extract()?
        } else {
            match (value.getattr_opt("name")?, value.getattr_opt("value")?) {
                (Some(name), Some(inner)) => (name, inner),
                _ => return Err(self.mismatch(value, at)),
            }
        };
        let index = self.names.iter().position(|known| name.eq(known).unwrap_or(false));
        let Some((index, part)) = index.and_then(|index| Some((index, self.parts.get(index)?))) else {
            let names: Vec<String> = self.names.iter().map(|name| name.bind(py).to_string()).collect();
            let text = format!("{at}: there is no variant {}; there is {}", shown(&name), names.join(", "));
            return Err(PyValueError::new_err(text));
        };
        put!(index as u32, into);
        let label = name.to_string();
        part.encode(&inner, into, &At::Name(at, &label))
    }

    fn mismatch(&self, value: &Bound<'_, PyAny>, at: &At<'_>) -> PyErr {
        let found = format!("{} ({})", shown(value), type_name(value));
        PyTypeError::new_err(format!("{at}: {} wanted, {found} found", self.schema))
    }

    fn out_of_range(&self, value: &Bound<'_, PyAny>, at: &At<'_>, what: &str) -> PyErr {
        PyValueError::new_err(format!("{at}: {what} wanted, {} is out of its range", shown(value)))
    }
}

/// A value as a message shows it.
fn shown(value: &Bound<'_, PyAny>) -> String {
    let text = value.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string());
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
