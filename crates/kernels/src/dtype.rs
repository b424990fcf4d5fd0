//! Names of element types, and which type two of them meet in.
//!
//! Lives here: `DType`, `promote` (NumPy's table), `with_dtype!` (from a name to a type parameter).
//! Holds: promotion happens once, before the loops; a loop sees one type (25 pairs become one instance each).
//! Not here: values (`element.rs`), conversion of arrays (`elementwise/cast.rs`).

use std::fmt;

/// The type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// One byte, 0 or 1.
    Bool,
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 8 bits.
    UInt8,
    /// Unsigned, 16 bits.
    UInt16,
    /// Unsigned, 32 bits.
    UInt32,
    /// Unsigned, 64 bits.
    UInt64,
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
    /// UTF-8 text: offsets and bytes.
    Str,
    /// Integers without a width, or modulo a power of two.
    BigInt,
}

impl DType {
    /// Every dtype, in the order of the enum.
    pub const ALL: [Self; 13] = [
        Self::Bool,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::UInt8,
        Self::UInt16,
        Self::UInt32,
        Self::UInt64,
        Self::Float32,
        Self::Float64,
        Self::Str,
        Self::BigInt,
    ];

    /// NumPy's name, which is also the name in commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::UInt8 => "uint8",
            Self::UInt16 => "uint16",
            Self::UInt32 => "uint32",
            Self::UInt64 => "uint64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Str => "str",
            Self::BigInt => "bigint",
        }
    }

    /// The dtype of a name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bytes of one element; `None` for those without a width.
    #[must_use]
    pub const fn bytes(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Int8 | Self::UInt8 => Some(1),
            Self::Int16 | Self::UInt16 => Some(2),
            Self::Int32 | Self::UInt32 | Self::Float32 => Some(4),
            Self::Int64 | Self::UInt64 | Self::Float64 => Some(8),
            Self::Str | Self::BigInt => None,
        }
    }

    /// Signed with a width.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64)
    }

    /// Unsigned with a width.
    #[must_use]
    pub const fn is_unsigned(self) -> bool {
        matches!(self, Self::UInt8 | Self::UInt16 | Self::UInt32 | Self::UInt64)
    }

    /// An integer with a width.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        self.is_signed() || self.is_unsigned()
    }

    /// `float32` or `float64`.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const fn signed_of(bytes: usize) -> DType {
    match bytes {
        1 => DType::Int8,
        2 => DType::Int16,
        4 => DType::Int32,
        _ => DType::Int64,
    }
}

/// The smallest dtype that holds the values of both, as `numpy.result_type` has it; `None` if there is none.
///
/// `int64` with `uint64` is `float64`; a big integer takes up every integer, and a float takes up a big integer.
#[must_use]
pub fn promote(a: DType, b: DType) -> Option<DType> {
    use DType::{BigInt, Bool, Float32, Float64, Str};
    if a == b {
        return Some(a);
    }
    let (narrow, wide) = if rank_of(a) <= rank_of(b) { (a, b) } else { (b, a) };
    match (narrow, wide) {
        (Str, _) | (_, Str) => None,
        (Bool, other) => Some(other),
        (_, Float64) | (Float32, BigInt) => Some(Float64),
        (Float64, BigInt) => Some(Float64),
        (_, BigInt) => Some(BigInt),
        (integer, Float32) => Some(if integer.bytes()? <= 2 { Float32 } else { Float64 }),
        (x, y) if x.is_signed() == y.is_signed() => Some(if x.bytes()? >= y.bytes()? { x } else { y }),
        (x, y) => {
            let (signed, unsigned) = if x.is_signed() { (x, y) } else { (y, x) };
            let (s, u) = (signed.bytes()?, unsigned.bytes()?);
            Some(match () {
                () if s > u => signed,
                () if u == 8 => Float64,
                () => signed_of(2 * u),
            })
        }
    }
}

/// Order of kinds for `promote`: bool, integers, floats, big integers, text.
const fn rank_of(dtype: DType) -> u8 {
    match dtype {
        DType::Bool => 0,
        DType::Float32 => 2,
        DType::Float64 => 3,
        DType::BigInt => 4,
        DType::Str => 5,
        _ => 1,
    }
}

/// Runs an expression with a type parameter's name bound to the element type of a `DType`.
///
/// `with_dtype!(dtype, T => f::<T>(..), else => g())`; `else` is for text and big integers. The groups `numbers`
/// (all but bool), `integers` and `floats` send the rest to `else` too. One instance per dtype is compiled.
#[macro_export]
macro_rules! with_dtype {
    (@floats $dtype:expr, $T:ident => $body:expr, $other:expr) => {
        match $dtype {
            $crate::DType::Float32 => { type $T = f32; $body }
            $crate::DType::Float64 => { type $T = f64; $body }
            _ => $other,
        }
    };
    (@integers $dtype:expr, $T:ident => $body:expr, $other:expr) => {
        match $dtype {
            $crate::DType::Int8 => { type $T = i8; $body }
            $crate::DType::Int16 => { type $T = i16; $body }
            $crate::DType::Int32 => { type $T = i32; $body }
            $crate::DType::Int64 => { type $T = i64; $body }
            $crate::DType::UInt8 => { type $T = u8; $body }
            $crate::DType::UInt16 => { type $T = u16; $body }
            $crate::DType::UInt32 => { type $T = u32; $body }
            $crate::DType::UInt64 => { type $T = u64; $body }
            _ => $other,
        }
    };
    (floats $dtype:expr, $T:ident => $body:expr, else => $other:expr) => {
        $crate::with_dtype!(@floats $dtype, $T => $body, $other)
    };
    (integers $dtype:expr, $T:ident => $body:expr, else => $other:expr) => {
        $crate::with_dtype!(@integers $dtype, $T => $body, $other)
    };
    (numbers $dtype:expr, $T:ident => $body:expr, else => $other:expr) => {
        $crate::with_dtype!(@integers $dtype, $T => $body, $crate::with_dtype!(@floats $dtype, $T => $body, $other))
    };
    ($dtype:expr, $T:ident => $body:expr, else => $other:expr) => {
        match $dtype {
            $crate::DType::Bool => { type $T = bool; $body }
            other => $crate::with_dtype!(@integers other, $T => $body, $crate::with_dtype!(@floats other, $T => $body, $other)),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_dtype() {
        for dtype in DType::ALL {
            assert_eq!(DType::from_name(dtype.name()), Some(dtype));
        }
        assert_eq!(DType::from_name("int"), None);
    }

    #[test]
    fn promotion_does_not_ask_which_side_a_dtype_stands_on() {
        for a in DType::ALL {
            for b in DType::ALL {
                assert_eq!(promote(a, b), promote(b, a), "{a} {b}");
            }
        }
    }

    #[test]
    fn a_dtype_leads_to_its_element_type() {
        for dtype in DType::ALL {
            let bytes = with_dtype!(dtype, T => Some(size_of::<T>()), else => None);
            assert_eq!(bytes, dtype.bytes());
            let number = with_dtype!(numbers dtype, T => Some(size_of::<T>()), else => None);
            assert_eq!(number.is_some(), dtype.is_integer() || dtype.is_float());
        }
    }
}
