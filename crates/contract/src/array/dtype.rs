//! Dtypes: what the elements of an array are. Names are NumPy's.

use crate::{Described, Schema};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! dtypes {
    ($($number:literal $dtype:ident $name:literal $bytes:expr, [$($other:literal),*], $doc:literal;)*) => {
        /// What the elements of an array are. Numbers are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Dtype {
            $(#[doc = $doc] $dtype = $number,)*
        }

        impl Dtype {
            /// All of them.
            pub const ALL: &'static [Dtype] = &[$(Dtype::$dtype),*];

            /// NumPy's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$dtype => $name,)* }
            }
            /// Bytes of an element; `None` where elements have no fixed size.
            pub const fn itemsize(self) -> Option<usize> {
                match self { $(Self::$dtype => $bytes,)* }
            }
            /// The dtype of this name: NumPy's, or one that configuration files of the ancestor use (`int`, `real`, `uint(8)`).
            pub fn of(name: &str) -> Option<Self> {
                match name { $($name $(| $other)* => Some(Self::$dtype),)* _ => None }
            }
        }
    };
}

dtypes! {
    0 Int8 "int8" Some(1), ["int(8)"], "Signed, 8 bits.";
    1 Int16 "int16" Some(2), ["int(16)"], "Signed, 16 bits.";
    2 Int32 "int32" Some(4), ["int(32)"], "Signed, 32 bits.";
    3 Int64 "int64" Some(8), ["int", "int(64)"], "Signed, 64 bits.";
    4 UInt8 "uint8" Some(1), ["uint(8)"], "Unsigned, 8 bits.";
    5 UInt16 "uint16" Some(2), ["uint(16)"], "Unsigned, 16 bits.";
    6 UInt32 "uint32" Some(4), ["uint(32)"], "Unsigned, 32 bits.";
    7 UInt64 "uint64" Some(8), ["uint", "uint(64)"], "Unsigned, 64 bits.";
    8 Float32 "float32" Some(4), ["real(32)"], "IEEE, 32 bits.";
    9 Float64 "float64" Some(8), ["real", "real(64)", "float"], "IEEE, 64 bits.";
    10 Bool "bool" Some(1), [], "0 or 1, in a byte.";
    11 BigInt "bigint" None, [], "Integers without a width.";
    12 Str "str" None, ["string"], "UTF-8 text.";
}

impl Dtype {
    /// Whether it is an integer of a width.
    pub const fn is_integer(self) -> bool {
        (self as u8) < Self::Float32 as u8
    }
    /// Whether it is a float.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Described for Dtype {
    fn schema_at(_: usize) -> Schema {
        let variant = |dtype: &Dtype| crate::schema::Variant { name: dtype.name().into(), schema: Schema::Unit };
        Schema::Enum { name: "Dtype".into(), variants: Self::ALL.iter().map(variant).collect() }
    }
}
