//! Facts: what a reply says of a symbol that a method made.

use super::{Array, Dtype, Strings};
use crate::schema::Field;
use crate::{Described, Schema};
use serde::{Deserialize, Serialize};

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident as $called:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }
            impl Described for $name {
                fn schema_at(depth: usize) -> Schema {
                    let field = |name: &str, schema| Field { name: name.into(), schema };
                    Schema::Struct {
                        name: $called.into(),
                        fields: vec![$(field(stringify!($field), <$type as Described>::schema_at(depth + 1)),)*],
                    }
                }
            }
        )*
    };
}

facts! {
    /// An array that a method made: its symbol's name, and what it is.
    ArrayFacts as "Array" {
        /// The symbol's name.
        name: String,
        /// NumPy's name of the dtype.
        dtype: String,
        /// Elements.
        size: u64,
        /// Rank.
        ndim: u32,
        /// Lengths.
        shape: Vec<u64>,
        /// Bytes of an element.
        itemsize: u32,
    }
    /// How an array lies in a result.
    ViewFacts as "View" {
        /// NumPy's name of the dtype.
        dtype: String,
        /// Lengths.
        shape: Vec<u64>,
        /// Bytes from one element to the next, by axis.
        strides: Vec<i64>,
        /// The byte of the result at which all indices are 0.
        offset: u64,
        /// Bytes of the elements alone, row-major.
        bytes: u64,
        /// Whether the result has the elements; if not, they are to be asked for with room for so many bytes.
        here: bool,
    }
    /// Strings that a method made.
    StringsFacts as "Strings" {
        /// The symbol's name.
        name: String,
        /// How many.
        size: u64,
        /// Bytes of all of them.
        bytes: u64,
    }
    /// A symbol of a module's own type.
    SymbolFacts as "Symbol" {
        /// The symbol's name.
        name: String,
        /// Its class.
        class: String,
        /// The class's parameters, as they stand in a command's name.
        parameters: Vec<String>,
    }
}

impl ArrayFacts {
    /// What is to be said of `array` under this name.
    pub fn of(name: String, array: &Array) -> Self {
        Self {
            name,
            dtype: array.dtype().name().into(),
            size: array.size() as u64,
            ndim: array.ndim() as u32,
            shape: array.shape().iter().map(|&length| length as u64).collect(),
            itemsize: array.dtype().itemsize().unwrap_or(0) as u32,
        }
    }
    /// Its dtype.
    pub fn dtype(&self) -> Option<Dtype> {
        Dtype::of(&self.dtype)
    }
}

impl ViewFacts {
    /// How `array` lies in its memory.
    pub fn of(array: &Array) -> Self {
        Self::lying(array, array.strides(), array.offset())
    }
    /// How its elements lie alone, row-major.
    pub fn alone(array: &Array) -> Self {
        Self::lying(array, &super::row_major(array.shape()), 0)
    }
    fn lying(array: &Array, strides: &[i64], offset: usize) -> Self {
        let itemsize = array.dtype().itemsize().unwrap_or(0);
        Self {
            dtype: array.dtype().name().into(),
            shape: array.shape().iter().map(|&length| length as u64).collect(),
            strides: strides.iter().map(|&stride| stride.saturating_mul(itemsize as i64)).collect(),
            offset: (offset * itemsize) as u64,
            bytes: (array.size() * itemsize) as u64,
            here: true,
        }
    }
}

impl StringsFacts {
    /// What is to be said of `strings` under this name.
    pub fn of(name: String, strings: &Strings) -> Self {
        Self { name, size: strings.len() as u64, bytes: strings.bytes().size() as u64 }
    }
}
