//! From postcard to Python, by plan.
//!
//! From: a reply's bytes, and the defaults that a schema has. To: Python's own types, and the classes of the plan.
//! Holds: any bytes give a value or an error; a few bytes never ask for more than `DECODED_VALUES_MAX` values.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyList, PyString, PyTuple};
use windlass_client::contract::array::Scalar;
use windlass_client::contract::limits::DECODED_VALUES_MAX;
use windlass_client::contract::{Code, Fault, Outcome, Schema};

use crate::fault::raised;
use crate::plan::Plan;

/// Why bytes are no value.
enum Bad {
    /// They are not one of this schema.
    Bytes,
    /// Python refused.
    Python(PyErr),
}

impl From<PyErr> for Bad {
    fn from(error: PyErr) -> Self {
        Bad::Python(error)
    }
}

impl From<postcard::Error> for Bad {
    fn from(_: postcard::Error) -> Self {
        Bad::Bytes
    }
}

/// Takes a scalar from the front of the bytes.
macro_rules! take {
    ($type:ty, $bytes:expr) => {{
        let (value, rest) = postcard::take_from_bytes::<$type>($bytes)?;
        *$bytes = rest;
        value
    }};
}

impl Plan {
    /// The value that `bytes` are, all of them.
    ///
    /// # Errors
    /// `BadReply` when they are not one.
    pub fn decode<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let (mut rest, mut left) = (bytes, DECODED_VALUES_MAX);
        let bad = |text: String| raised(py, &Fault::new(Code::BadReply, text).with_outcome(Outcome::Ended));
        match self.value(py, &mut rest, &mut left) {
            Ok(value) if rest.is_empty() => Ok(value),
            Ok(_) => Err(bad(format!("{} bytes follow the value", rest.len()))),
            Err(Bad::Bytes) => Err(bad(format!("the bytes do not decode as {}", self.schema))),
            Err(Bad::Python(error)) => Err(error),
        }
    }

    fn value<'py>(&self, py: Python<'py>, bytes: &mut &[u8], left: &mut usize) -> Result<Bound<'py, PyAny>, Bad> {
        *left = left.checked_sub(1).ok_or(Bad::Bytes)?;
        macro_rules! scalar {
            ($type:ty) => {
                take!($type, bytes).into_pyobject(py).map_err(PyErr::from)?.to_owned().into_any()
            };
        }
        Ok(match &self.schema {
            Schema::Unit => py.None().into_bound(py),
            Schema::Bool => scalar!(bool),
            Schema::U8 => scalar!(u8),
            Schema::U16 => scalar!(u16),
            Schema::U32 => scalar!(u32),
            Schema::U64 => scalar!(u64),
            Schema::I8 => scalar!(i8),
            Schema::I16 => scalar!(i16),
            Schema::I32 => scalar!(i32),
            Schema::I64 => scalar!(i64),
            Schema::F32 => scalar!(f32),
            Schema::F64 => scalar!(f64),
            Schema::Char => scalar!(char),
            Schema::Str | Schema::Symbol(_) => PyString::new(py, take!(&str, bytes)).into_any(),
            Schema::Scalar => scalar_of(py, take!(Scalar, bytes))?,
            Schema::Bytes => PyBytes::new(py, take!(&[u8], bytes)).into_any(),
            Schema::Option(_) => match (take!(u8, bytes), self.parts.first()) {
                (0, _) => py.None().into_bound(py),
                (1, Some(inner)) => inner.value(py, bytes, left)?,
                _ => return Err(Bad::Bytes),
            },
            Schema::List(_) => {
                let count = take!(u64, bytes);
                self.many(py, count, bytes, left)?
            }
            Schema::Array(_, count) => self.many(py, u64::from(*count), bytes, left)?,
            Schema::Tuple(_) => PyTuple::new(py, self.all(py, bytes, left)?)?.into_any(),
            Schema::Map(..) => {
                let count = take!(u64, bytes);
                let [key, value] = self.parts.as_slice() else { return Err(Bad::Bytes) };
                if count > bytes.len() as u64 {
                    return Err(Bad::Bytes);
                }
                let entries = PyDict::new(py);
                for _ in 0..count {
                    let name = key.value(py, bytes, left)?;
                    entries.set_item(hashable(name)?, value.value(py, bytes, left)?)?;
                }
                entries.into_any()
            }
            Schema::Struct { .. } => {
                let values = PyTuple::new(py, self.all(py, bytes, left)?)?;
                let class = self.class.as_ref().ok_or(Bad::Bytes)?;
                class.bind(py).call1(values)?
            }
            Schema::Enum { .. } => {
                let index = usize::try_from(take!(u32, bytes)).map_err(|_| Bad::Bytes)?;
                let (Some(part), Some(name), Some(class)) =
                    (self.parts.get(index), self.names.get(index), &self.class)
                else {
                    return Err(Bad::Bytes);
                };
                let inner = part.value(py, bytes, left)?;
                if self.is_plain_enum() {
                    class.bind(py).call1((name,))?
                } else {
                    class.bind(py).call1((name, inner))?
                }
            }
        })
    }

    /// So many elements of one type, as a list.
    fn many<'py>(
        &self,
        py: Python<'py>,
        count: u64,
        bytes: &mut &[u8],
        left: &mut usize,
    ) -> Result<Bound<'py, PyAny>, Bad> {
        let inner = self.parts.first().ok_or(Bad::Bytes)?;
        // Elements take at least a byte each: schemas with others are refused where they come from.
        if count > bytes.len() as u64 {
            return Err(Bad::Bytes);
        }
        let list = PyList::empty(py);
        for _ in 0..count {
            list.append(inner.value(py, bytes, left)?)?;
        }
        Ok(list.into_any())
    }

    /// One of each part, in order.
    fn all<'py>(
        &self,
        py: Python<'py>,
        bytes: &mut &[u8],
        left: &mut usize,
    ) -> Result<Vec<Bound<'py, PyAny>>, Bad> {
        self.parts.iter().map(|part| part.value(py, bytes, left)).collect()
    }
}

/// A key as a dict takes it: a list becomes a tuple.
fn hashable(key: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    match key.cast::<PyList>() {
        Ok(list) => Ok(list.to_tuple().into_any()),
        Err(_) => Ok(key),
    }
}

/// One value with its dtype, as Python has it: all integers are `int`, all floats `float`.
pub fn scalar_of(py: Python<'_>, scalar: Scalar) -> PyResult<Bound<'_, PyAny>> {
    Ok(match scalar {
        Scalar::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Scalar::Int8(value) => value.into_pyobject(py)?.into_any(),
        Scalar::Int16(value) => value.into_pyobject(py)?.into_any(),
        Scalar::Int32(value) => value.into_pyobject(py)?.into_any(),
        Scalar::Int64(value) => value.into_pyobject(py)?.into_any(),
        Scalar::UInt8(value) => value.into_pyobject(py)?.into_any(),
        Scalar::UInt16(value) => value.into_pyobject(py)?.into_any(),
        Scalar::UInt32(value) => value.into_pyobject(py)?.into_any(),
        Scalar::UInt64(value) => value.into_pyobject(py)?.into_any(),
        Scalar::Float32(value) => value.into_pyobject(py)?.into_any(),
        Scalar::Float64(value) => value.into_pyobject(py)?.into_any(),
        Scalar::BigInt(digits) => py.get_type::<PyInt>().call1((digits,))?,
        Scalar::Str(text) => PyString::new(py, &text).into_any(),
    })
}
