//! Schema: the described shape of everything a method takes and gives.
//!
//! Lives here: `Schema` (one type), `Described` (Rust types that have one), `MethodSchema` and `ModuleDescriptor`
//! (what a node serves about its modules), and conversion between postcard and JSON by schema (`dynamic`).
//! From: macro output, inside the module. To: clients, the command line, documentation.
//! Holds: types are finite and bounded in depth and size, and no list has elements of zero bytes, so that decoding
//! any bytes takes time and memory in proportion to them.
//! Not here: bulk bytes; those travel as buffers.

mod depth;
mod described;
mod dynamic;
mod method;

pub use described::{Described, nested};
pub(crate) use dynamic::write_varint;
pub use dynamic::{DynamicError, parse_text};
pub use method::{DescriptorError, LaneGroup, MethodFlags, MethodSchema, ModuleDescriptor, Parameter, Shape};

use crate::limits::{NAME_MAX, SCHEMA_DEPTH_MAX, SCHEMA_NODES_MAX};
use depth::deeper;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;
use thiserror::Error;

/// The shape of one value. Postcard encodes values of it; new kinds are only ever appended here.
///
/// # Example
/// A value travels from JSON to the bytes that a Rust client would send, and back:
/// ```
/// use windlass_contract::{Described, Schema};
///
/// let schema = <(String, Option<u32>)>::schema();
/// assert_eq!(schema.to_string(), "(str, option<u32>)");
///
/// let mut bytes = Vec::new();
/// schema.encode_json(&serde_json::json!(["cats", 7]), &mut bytes)?;
/// assert_eq!(postcard::from_bytes(&bytes), Ok(("cats".to_owned(), Some(7u32))));
/// assert_eq!(schema.decode_json(&mut &bytes[..])?, serde_json::json!(["cats", 7]));
///
/// let error = schema.encode_json(&serde_json::json!(["cats", -7]), &mut bytes).unwrap_err();
/// assert_eq!(error.to_string(), "value[1]: u32 wanted, -7 found");
/// # Ok::<(), windlass_contract::schema::DynamicError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the plain scalars are named after Rust's")]
pub enum Schema {
    Unit,
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
    Char,
    /// UTF-8 text.
    Str,
    /// Small bytes inside the arguments; bulk bytes are buffers.
    Bytes,
    /// A value or nothing.
    Option(#[serde(deserialize_with = "deeper")] Box<Schema>),
    /// Any number of one type.
    List(#[serde(deserialize_with = "deeper")] Box<Schema>),
    /// A fixed number of one type.
    Array(#[serde(deserialize_with = "deeper")] Box<Schema>, u32),
    /// A fixed sequence of types.
    Tuple(#[serde(deserialize_with = "deeper")] Vec<Schema>),
    /// Keys to values.
    Map(#[serde(deserialize_with = "deeper")] Box<Schema>, #[serde(deserialize_with = "deeper")] Box<Schema>),
    /// Named fields, in order.
    Struct {
        name: String,
        #[serde(deserialize_with = "deeper")]
        fields: Vec<Field>,
    },
    /// One of several variants, in order.
    Enum {
        name: String,
        #[serde(deserialize_with = "deeper")]
        variants: Vec<Variant>,
    },
    /// One value with its dtype (`array::Scalar`); as JSON the bare value.
    Scalar,
    /// A symbol of the node's table, by its name: `array`, `strings`, or a module's own class.
    Symbol(String),
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub schema: Schema,
}

/// A variant of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// What it holds: `Unit`, a newtype's inner type, a `Tuple`, or a `Struct`.
    pub schema: Schema,
}

/// Why a type cannot cross the edge.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum SchemaError {
    /// Nested too deep, or recursive.
    #[error("the type nests deeper than {SCHEMA_DEPTH_MAX} (a recursive type cannot cross; flatten it)")]
    TooDeep,
    /// Too many parts.
    #[error("the type has more than {SCHEMA_NODES_MAX} parts")]
    TooLarge,
    /// `Vec<()>` and the like: a few bytes could ask for endless elements.
    #[error("a list, array or map whose elements take no bytes has no bounded size")]
    EmptyElements,
    /// `null` as a key cannot be told from the text "null".
    #[error("a map's key may not be optional")]
    OptionalKey,
    /// A field or variant whose name is empty, too long, or begins with a sign.
    #[error("the name {0:?} is not 1 to {NAME_MAX} bytes that begin with a letter, a digit or _")]
    Name(String),
    /// Two fields or two variants of one name.
    #[error("two fields or variants are called {0:?}")]
    Twice(String),
}

impl Schema {
    /// Checks depth, size and that decoding is bounded by the bytes.
    ///
    /// # Errors
    /// `SchemaError` says what to change in the type.
    pub fn check(&self) -> Result<(), SchemaError> {
        let mut nodes = 0;
        self.check_at(0, &mut nodes)
    }

    fn check_at(&self, depth: usize, nodes: &mut usize) -> Result<(), SchemaError> {
        if depth > SCHEMA_DEPTH_MAX {
            return Err(SchemaError::TooDeep);
        }
        *nodes += 1;
        if *nodes > SCHEMA_NODES_MAX {
            return Err(SchemaError::TooLarge);
        }
        match self {
            Self::Option(inner) => inner.check_at(depth + 1, nodes),
            Self::List(inner) | Self::Array(inner, _) => {
                if inner.least_bytes() == 0 {
                    return Err(SchemaError::EmptyElements);
                }
                inner.check_at(depth + 1, nodes)
            }
            Self::Map(key, value) => {
                if key.least_bytes() == 0 && value.least_bytes() == 0 {
                    return Err(SchemaError::EmptyElements);
                }
                if matches!(**key, Self::Option(_)) {
                    return Err(SchemaError::OptionalKey);
                }
                key.check_at(depth + 1, nodes)?;
                value.check_at(depth + 1, nodes)
            }
            Self::Tuple(parts) => parts.iter().try_for_each(|part| part.check_at(depth + 1, nodes)),
            Self::Struct { fields, .. } => {
                check_names(fields.iter().map(|field| field.name.as_str()))?;
                fields.iter().try_for_each(|field| field.schema.check_at(depth + 1, nodes))
            }
            Self::Enum { variants, .. } => {
                check_names(variants.iter().map(|variant| variant.name.as_str()))?;
                variants.iter().try_for_each(|variant| variant.schema.check_at(depth + 1, nodes))
            }
            _ => Ok(()),
        }
    }

    /// The fewest bytes a value of this type can take in postcard; `usize::MAX` when that is more than can be counted.
    pub fn least_bytes(&self) -> usize {
        match self {
            Self::Unit => 0,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Char | Self::Scalar => 2,
            Self::Array(inner, count) => inner.least_bytes().saturating_mul(*count as usize),
            Self::Tuple(parts) => parts.iter().map(Self::least_bytes).fold(0, usize::saturating_add),
            Self::Struct { fields, .. } => {
                fields.iter().map(|field| field.schema.least_bytes()).fold(0, usize::saturating_add)
            }
            _ => 1,
        }
    }
}

/// Names are short, because each decoded value repeats them, and unique, because values are found by them.
fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), SchemaError> {
    let mut seen = HashSet::new();
    for name in names {
        let begins = name.starts_with(|first: char| first.is_alphanumeric() || first == '_');
        if !begins || name.len() > NAME_MAX {
            return Err(SchemaError::Name(crate::hello::cut(name, NAME_MAX).to_owned()));
        }
        if !seen.insert(name) {
            return Err(SchemaError::Twice(name.to_owned()));
        }
    }
    Ok(())
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit => f.write_str("()"),
            Self::Bool => f.write_str("bool"),
            Self::U8 => f.write_str("u8"),
            Self::U16 => f.write_str("u16"),
            Self::U32 => f.write_str("u32"),
            Self::U64 => f.write_str("u64"),
            Self::I8 => f.write_str("i8"),
            Self::I16 => f.write_str("i16"),
            Self::I32 => f.write_str("i32"),
            Self::I64 => f.write_str("i64"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::Char => f.write_str("char"),
            Self::Scalar => f.write_str("scalar"),
            Self::Symbol(class) => f.write_str(class),
            Self::Str => f.write_str("str"),
            Self::Bytes => f.write_str("bytes"),
            Self::Option(inner) => write!(f, "option<{inner}>"),
            Self::List(inner) => write!(f, "list<{inner}>"),
            Self::Array(inner, count) => write!(f, "[{inner}; {count}]"),
            Self::Map(key, value) => write!(f, "map<{key}, {value}>"),
            Self::Tuple(parts) => {
                f.write_str("(")?;
                for (at, part) in parts.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{part}")?;
                }
                f.write_str(")")
            }
            Self::Struct { name, fields } => {
                write!(f, "{name} {{ ")?;
                for (at, field) in fields.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{}: {}", field.name, field.schema)?;
                }
                f.write_str(" }")
            }
            Self::Enum { name, variants } => {
                write!(f, "{name} ")?;
                for (at, variant) in variants.iter().enumerate() {
                    if at > 0 {
                        f.write_str(" | ")?;
                    }
                    f.write_str(&variant.name)?;
                    if variant.schema != Self::Unit {
                        write!(f, "({})", variant.schema)?;
                    }
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recursion_and_empty_elements_are_refused() {
        let mut deep = Schema::U8;
        for _ in 0..40 {
            deep = Schema::Option(Box::new(deep));
        }
        assert_eq!(deep.check(), Err(SchemaError::TooDeep));
        assert_eq!(Schema::List(Box::new(Schema::Unit)).check(), Err(SchemaError::EmptyElements));
        assert_eq!(Schema::List(Box::new(Schema::Str)).check(), Ok(()));
    }
}
