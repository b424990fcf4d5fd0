//! What crosses the C table about symbols: questions and answers in postcard, and the memory beside them.

use super::{OwnSymbol, Symbol};
use crate::array::{Array, Dtype, Memory, Strings};
use serde::{Deserialize, Serialize};

/// A symbol without its memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Head {
    /// One piece of memory.
    Array {
        /// Its dtype.
        dtype: Dtype,
        /// Its lengths.
        shape: Vec<u64>,
        /// Elements from one to the next.
        strides: Vec<i64>,
        /// Where all indices are 0.
        offset: u64,
    },
    /// Two pieces: offsets and bytes.
    Strings,
    /// As many as the type has.
    Own {
        /// Its class.
        class: String,
        /// The class's parameters.
        parameters: Vec<String>,
        /// Its state.
        state: Vec<u8>,
    },
}

/// What a method asks of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SymbolAsk {
    /// The symbol of this name, or registered under it.
    Get(String),
    /// A new symbol under a new name.
    Insert(Head),
    /// A new version under this name.
    Put(String, Head),
    /// An end to this name.
    Delete(String),
    /// All symbols that the session may read.
    List,
    /// Zeroed memory of so many bytes.
    Reserve(u64),
    /// Survive the session, under this second name.
    Register(String, String),
    /// No longer that.
    Unregister(String),
    /// What is used and left.
    Usage,
    /// The symbol of this name, out of the table until the next version is put under it.
    Take(String),
    /// A symbol under the name, and the registration, that it had at another time.
    Restore(String, Option<String>, Head),
    /// As `List`, from behind this name on: a list has a bound.
    After(String),
    /// How often symbols have changed.
    Changes,
    /// The memory beside this is what buffer `place` (counted from 1) of the call answers with; `whole`: the caller may see all of it.
    Show {
        /// Which `out` of the call.
        place: u32,
        /// What is seen of the memory is all of it.
        whole: bool,
    },
    /// As `Reserve`, of memory that whoever asks will clean before anybody sees it.
    ReserveLate(u64),
}

/// What the table answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SymbolReply {
    /// Done.
    Done,
    /// A name.
    Name(String),
    /// A symbol; its memory stands beside.
    Symbol(Head),
    /// Memory stands beside.
    Memory,
    /// Whether there was anything to do.
    Was(bool),
    /// Symbols.
    List(Vec<SymbolLine>),
    /// Bytes.
    Usage(Usage),
    /// How many.
    Count(u64),
    /// Memory stands beside: a file's new pages, or what another symbol has left.
    Late {
        /// It has to be zeroed.
        soiled: bool,
    },
}

/// A line of the list of symbols.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolLine {
    /// Its name.
    pub name: String,
    /// What it is.
    pub head: Head,
    /// Bytes of its memory.
    pub bytes: u64,
    /// What it is registered as.
    pub registered: Option<String>,
    /// Whether it is the asking session's own.
    pub own: bool,
}

/// What symbols use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes of all symbols of the node.
    pub used: u64,
    /// Bytes that it may have more.
    pub left: u64,
    /// Bytes of the asking session's.
    pub session_used: u64,
    /// Bytes that it may have more.
    pub session_left: u64,
}

impl Symbol {
    /// Its description, and its memory.
    pub fn split(self) -> (Head, Vec<Memory>) {
        match self {
            Self::Array(array) => (Head::of(&array), vec![array.memory().clone()]),
            Self::Strings(strings) => {
                (Head::Strings, vec![strings.offsets().memory().clone(), strings.bytes().memory().clone()])
            }
            Self::Own(OwnSymbol { class, parameters, state, parts }) => {
                (Head::Own { class, parameters, state }, parts)
            }
        }
    }

    /// The symbol of a description and its memory; `None` when they do not fit.
    ///
    /// What stands in a table came there from a `Symbol`, so bytes of `bool` and text are not looked at again.
    pub(crate) fn join(head: Head, mut parts: Vec<Memory>) -> Option<Self> {
        Some(match head {
            Head::Array { dtype, shape, strides, offset } => {
                let shape: Vec<usize> = shape.into_iter().map(usize::try_from).collect::<Result<_, _>>().ok()?;
                let memory = parts.pop()?;
                let offset = usize::try_from(offset).ok()?;
                Self::Array(Array::seen(dtype, &shape, &strides, offset, memory).ok()?)
            }
            Head::Strings => {
                let (bytes, offsets) = (parts.pop()?, parts.pop()?);
                let whole = |dtype, size: usize, memory: Memory| Array::seen(dtype, &[size], &[1], 0, memory).ok();
                let (n, m) = (offsets.len() / 8, bytes.len());
                Self::Strings(Strings::seen(whole(Dtype::Int64, n, offsets)?, whole(Dtype::UInt8, m, bytes)?))
            }
            Head::Own { class, parameters, state } => Self::Own(OwnSymbol { class, parameters, state, parts }),
        })
    }
}

impl Head {
    /// What is to be said of an array.
    pub fn of(array: &Array) -> Self {
        Self::Array {
            dtype: array.dtype(),
            shape: array.shape().iter().map(|&length| length as u64).collect(),
            strides: array.strides().to_vec(),
            offset: array.offset() as u64,
        }
    }
}
