//! Symbols: named values that live in the node between calls, and how a method reaches them.
//!
//! Lives here: `Symbol` (a value: an array, strings, or a type of a module's own: `own`,
//!   of which several modules know `bigint`), `Symbols` (the table, through a
//! method's context: `table`), `Slot` (an array to be changed), `wire` (what of both crosses the C table).
//! Holds: a symbol's memory is the node's, counted, immutable while anybody else holds it; a change makes a new version under
//! the same name, and who read the old one keeps it.
//! Not here: names, sessions and limits (`runtime/src/symbols`).

mod bigint;
mod own;
mod slot;
mod table;
mod wire;

pub use bigint::BigintSymbol;
pub use own::{Own, OwnSymbol, SymbolType};
pub use slot::{Changing, Slot};
pub use table::Symbols;
pub use wire::{Head, SymbolAsk, SymbolLine, SymbolReply, Usage};

use crate::array::{Array, Strings};
use crate::{Code, Fault};

/// A value that a name of the table means.
#[derive(Clone, Debug)]
pub enum Symbol {
    /// An array.
    Array(Array),
    /// Strings.
    Strings(Strings),
    /// A value of a module's own type.
    Own(OwnSymbol),
}

impl Symbol {
    /// What it is, as one says it: `a float64 array of rank 2`.
    pub fn sort(&self) -> String {
        match self {
            Self::Array(array) => format!("a {} array of rank {}", array.dtype(), array.ndim()),
            Self::Strings(_) => "strings".into(),
            Self::Own(own) => format!("a {}", own.class),
        }
    }

    /// The array that it is.
    ///
    /// # Errors
    /// `BadArguments` says what `name` is instead.
    pub fn array(self, name: &str) -> Result<Array, Fault> {
        match self {
            Self::Array(array) => Ok(array),
            other => Err(other.is_no("an array", name)),
        }
    }

    /// The strings that it is.
    ///
    /// # Errors
    /// `BadArguments` says what `name` is instead.
    pub fn strings(self, name: &str) -> Result<Strings, Fault> {
        match self {
            Self::Strings(strings) => Ok(strings),
            other => Err(other.is_no("strings", name)),
        }
    }

    pub(crate) fn is_no(&self, wanted: &str, name: &str) -> Fault {
        Fault::new(Code::BadArguments, format!("{name} is {}, not {wanted}", self.sort()))
    }
}

impl From<Array> for Symbol {
    fn from(array: Array) -> Self {
        Self::Array(array)
    }
}
impl From<Strings> for Symbol {
    fn from(strings: Strings) -> Self {
        Self::Strings(strings)
    }
}
impl From<OwnSymbol> for Symbol {
    fn from(own: OwnSymbol) -> Self {
        Self::Own(own)
    }
}
