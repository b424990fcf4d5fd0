//! Shapes: arbitrary schemas for the property tests.

use proptest::collection::vec;
use proptest::prelude::*;
use windlass_contract::Schema;
use windlass_contract::schema::{Field, Variant};

const SCALARS: [Schema; 15] = [
    Schema::Unit,
    Schema::Bool,
    Schema::U8,
    Schema::U16,
    Schema::U32,
    Schema::U64,
    Schema::I8,
    Schema::I16,
    Schema::I32,
    Schema::I64,
    Schema::F32,
    Schema::F64,
    Schema::Char,
    Schema::Str,
    Schema::Bytes,
];

/// Any schema, those that `check` refuses included: empty elements, huge arrays, optional keys, repeated names.
pub fn any_schema() -> impl Strategy<Value = Schema> {
    proptest::sample::select(&SCALARS[..]).prop_recursive(5, 24, 4, |inner| {
        let name = || "[a-c_{]{1,2}";
        let count = prop_oneof![0..5u32, Just(u32::MAX)];
        prop_oneof![
            inner.clone().prop_map(|inner| Schema::Option(Box::new(inner))),
            inner.clone().prop_map(|inner| Schema::List(Box::new(inner))),
            (inner.clone(), count).prop_map(|(inner, count)| Schema::Array(Box::new(inner), count)),
            vec(inner.clone(), 0..4).prop_map(Schema::Tuple),
            (inner.clone(), inner.clone()).prop_map(|(key, value)| Schema::Map(Box::new(key), Box::new(value))),
            vec((name(), inner.clone()), 0..4).prop_map(|fields| Schema::Struct {
                name: "S".into(),
                fields: fields.into_iter().map(|(name, schema)| Field { name, schema }).collect(),
            }),
            vec((name(), inner), 0..4).prop_map(|variants| Schema::Enum {
                name: "E".into(),
                variants: variants.into_iter().map(|(name, schema)| Variant { name, schema }).collect(),
            }),
        ]
    })
}
