//! `Described`: Rust types that have a schema. User types get it from `#[data]` or `#[derive(Described)]`.

use super::Schema;
use crate::limits::SCHEMA_DEPTH_MAX;
use std::collections::{BTreeMap, HashMap};

/// A type that can be an argument or a reply.
///
/// Holds: `schema` describes exactly what `serde` writes for the type; the derive keeps the two together.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross to another process: nothing describes it",
    label = "no schema",
    note = "put `#[data]` on the type, or take a type that has a schema (numbers, text, lists, options, maps, tuples)"
)]
pub trait Described {
    /// The type's shape. `depth` counts nesting, so that a recursive type ends in `Schema::check`, not in a loop.
    fn schema_at(depth: usize) -> Schema;

    /// The shape of a list of this type.
    fn list_schema_at(depth: usize) -> Schema {
        Schema::List(Box::new(nested::<Self>(depth)))
    }

    /// The type's shape.
    fn schema() -> Schema {
        Self::schema_at(0)
    }
}

/// The shape of `T` one level further in; past the limit `Unit`, where `Schema::check` has long refused.
/// For the derive, which describes the fields of a type with it.
pub fn nested<T: Described + ?Sized>(depth: usize) -> Schema {
    if depth > SCHEMA_DEPTH_MAX { Schema::Unit } else { T::schema_at(depth + 1) }
}

macro_rules! scalars {
    ($($rust:ty => $schema:ident),* $(,)?) => {
        $(impl Described for $rust {
            fn schema_at(_: usize) -> Schema {
                Schema::$schema
            }
        })*
    };
}

scalars! {
    () => Unit, bool => Bool, u16 => U16, u32 => U32, u64 => U64, usize => U64,
    i8 => I8, i16 => I16, i32 => I32, i64 => I64, isize => I64, f32 => F32, f64 => F64,
    char => Char, str => Str, String => Str,
}

impl Described for crate::array::Scalar {
    fn schema_at(_: usize) -> Schema {
        Schema::Scalar
    }
}

impl Described for u8 {
    fn schema_at(_: usize) -> Schema {
        Schema::U8
    }
    fn list_schema_at(_: usize) -> Schema {
        Schema::Bytes
    }
}

impl<T: Described + ?Sized> Described for &T {
    fn schema_at(depth: usize) -> Schema {
        T::schema_at(depth)
    }
}
impl<T: Described + ?Sized> Described for Box<T> {
    fn schema_at(depth: usize) -> Schema {
        nested::<T>(depth)
    }
}
impl<T: Described> Described for Option<T> {
    fn schema_at(depth: usize) -> Schema {
        Schema::Option(Box::new(nested::<T>(depth)))
    }
}
impl<T: Described> Described for [T] {
    fn schema_at(depth: usize) -> Schema {
        T::list_schema_at(depth)
    }
}
impl<T: Described> Described for Vec<T> {
    fn schema_at(depth: usize) -> Schema {
        T::list_schema_at(depth)
    }
}
impl<T: Described, const N: usize> Described for [T; N] {
    fn schema_at(depth: usize) -> Schema {
        Schema::Array(Box::new(nested::<T>(depth)), N as u32)
    }
}
impl<K: Described, V: Described> Described for BTreeMap<K, V> {
    fn schema_at(depth: usize) -> Schema {
        Schema::Map(Box::new(nested::<K>(depth)), Box::new(nested::<V>(depth)))
    }
}
impl<K: Described, V: Described, S> Described for HashMap<K, V, S> {
    fn schema_at(depth: usize) -> Schema {
        Schema::Map(Box::new(nested::<K>(depth)), Box::new(nested::<V>(depth)))
    }
}

macro_rules! tuples {
    ($(($($part:ident),+))*) => {
        $(impl<$($part: Described),+> Described for ($($part,)+) {
            fn schema_at(depth: usize) -> Schema {
                Schema::Tuple(vec![$(nested::<$part>(depth)),+])
            }
        })*
    };
}

tuples! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) (A, B, C, D, E, F, G) (A, B, C, D, E, F, G, H) }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_bytes_are_bytes() {
        assert_eq!(<Vec<u8>>::schema(), Schema::Bytes);
        assert_eq!(<&[u16]>::schema(), Schema::List(Box::new(Schema::U16)));
        assert_eq!(<(String, Option<bool>)>::schema().to_string(), "(str, option<bool>)");
    }
}
