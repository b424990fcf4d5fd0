//! Replies: what a command answered, with its dtypes, and as the ancestor's protocol says it.

use crate::array::{ArrayFacts, Scalar, StringsFacts, SymbolFacts};
use crate::limits::SCHEMA_DEPTH_MAX;
use crate::{Code, Fault, Outcome, Schema};
use serde::de::DeserializeOwned;
use std::fmt;

/// What a command answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    /// Nothing; it changed something.
    Nothing,
    /// A new array.
    Array(ArrayFacts),
    /// New strings.
    Strings(StringsFacts),
    /// A new symbol of a module's own type.
    Symbol(SymbolFacts),
    /// A value.
    Scalar(Scalar),
    /// Text that is the whole message.
    Text(String),
    /// Several.
    List(Vec<Answered>),
}

impl Answered {
    /// Reads a reply's bytes by its method's schema.
    ///
    /// # Errors
    /// `BadReply` when they are not what the schema says, or the schema is of no command.
    pub fn read(reply: &Schema, bytes: &[u8]) -> Result<Self, Fault> {
        let mut rest = bytes;
        let answered = read(reply, &mut rest, 0).filter(|_| rest.is_empty());
        answered.ok_or_else(|| {
            Fault::new(Code::BadReply, format!("{} bytes are no {reply}", bytes.len()))
                .with_outcome(Outcome::Ended)
        })
    }
}

fn read(schema: &Schema, rest: &mut &[u8], depth: usize) -> Option<Answered> {
    fn take<T: DeserializeOwned>(rest: &mut &[u8]) -> Option<T> {
        let (value, left) = postcard::take_from_bytes(rest).ok()?;
        *rest = left;
        Some(value)
    }
    if depth > SCHEMA_DEPTH_MAX {
        return None;
    }
    let many = |inner: &Schema, count: usize, rest: &mut &[u8]| {
        // Each takes a byte at least, or the list is none that a command gives.
        if inner.least_bytes() == 0 || count > rest.len() {
            return None;
        }
        (0..count).map(|_| read(inner, rest, depth + 1)).collect::<Option<Vec<_>>>()
    };
    Some(match schema {
        Schema::Unit => Answered::Nothing,
        Schema::Scalar => Answered::Scalar(take(rest)?),
        Schema::Str => Answered::Text(take(rest)?),
        Schema::Struct { name, .. } => match name.as_str() {
            "Array" => Answered::Array(take(rest)?),
            "Strings" => Answered::Strings(take(rest)?),
            "Symbol" => Answered::Symbol(take(rest)?),
            _ => return None,
        },
        Schema::List(inner) => {
            let count = usize::try_from(take::<u64>(rest)?).ok()?;
            Answered::List(many(inner, count, rest)?)
        }
        Schema::Tuple(parts) => {
            Answered::List(parts.iter().map(|part| read(part, rest, depth + 1)).collect::<Option<Vec<_>>>()?)
        }
        _ => return None,
    })
}

impl fmt::Display for Answered {
    /// The message of the ancestor's protocol: `created <name> <dtype> <size> <ndim> [d0,d1] <itemsize>`, `<dtype> <text>`,
    /// nothing, or a JSON list of those.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Array(one) => {
                let shape: Vec<String> = one.shape.iter().map(u64::to_string).collect();
                let (name, dtype, shape) = (&one.name, &one.dtype, shape.join(","));
                write!(f, "created {name} {dtype} {} {} [{shape}] {}", one.size, one.ndim, one.itemsize)
            }
            Self::Strings(one) => {
                let n = one.size;
                // The ancestor ends each string with a zero byte, and counts it.
                let bytes = one.bytes.saturating_add(n);
                write!(f, "created {} str {n} 1 [{n}] 1+created bytes.size {bytes}", one.name)
            }
            Self::Symbol(one) => write!(f, "created {} {}<{}>", one.name, one.class, one.parameters.join(",")),
            Self::Scalar(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
            Self::List(parts) => {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                write!(f, "{}", serde_json::Value::from(parts))
            }
        }
    }
}
