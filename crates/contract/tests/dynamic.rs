//! Values by schema alone, held against the real thing: serde and postcard over Rust types.
//!
//! Holds: what `decode_json` reads is what the Rust type holds; what `encode_json` writes is what a Rust client sends; bytes
//! that one of the two refuses, the other refuses as well.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Debug;
use windlass_contract::schema::{DynamicError, Field, SchemaError, Variant, parse_text};
use windlass_contract::{Described, Schema};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: u64,
    name: String,
    weight: Option<i32>,
}

impl Described for Point {
    fn schema_at(depth: usize) -> Schema {
        Schema::Struct {
            name: "Point".into(),
            fields: vec![
                Field { name: "x".into(), schema: i64::schema_at(depth + 1) },
                Field { name: "y".into(), schema: u64::schema_at(depth + 1) },
                Field { name: "name".into(), schema: String::schema_at(depth + 1) },
                Field { name: "weight".into(), schema: <Option<i32>>::schema_at(depth + 1) },
            ],
        }
    }
}

#[derive(Clone, Debug, PartialEq, PartialOrd, Eq, Ord, Serialize, Deserialize)]
enum Choice {
    Nothing,
    Number(i16),
    Pair(u16, i8),
    Named { on: bool, path: Vec<String> },
    Maybe(Option<u32>),
}

impl Described for Choice {
    fn schema_at(depth: usize) -> Schema {
        let named = Schema::Struct {
            name: "Named".into(),
            fields: vec![
                Field { name: "on".into(), schema: Schema::Bool },
                Field { name: "path".into(), schema: <Vec<String>>::schema_at(depth + 2) },
            ],
        };
        let variants = [
            ("Nothing", Schema::Unit),
            ("Number", Schema::I16),
            ("Pair", <(u16, i8)>::schema_at(depth + 1)),
            ("Named", named),
            ("Maybe", <Option<u32>>::schema_at(depth + 1)),
        ];
        Schema::Enum {
            name: "Choice".into(),
            variants: variants.map(|(name, schema)| Variant { name: name.into(), schema }).into(),
        }
    }
}

/// Without floats, bytes and characters: JSON as serde_json writes it is the same.
type Plain = (Vec<Point>, Vec<Vec<Choice>>, BTreeMap<u32, Choice>, Option<[u8; 3]>, BTreeMap<String, (bool, i32)>);
/// What JSON cannot say in its own way.
type Odd = (Vec<f64>, Vec<f32>, Vec<u8>, char, BTreeMap<(u8, char), ()>, BTreeMap<Choice, Vec<u8>>);

fn point() -> impl Strategy<Value = Point> {
    let x = prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0)];
    let y = prop_oneof![any::<u64>(), Just(u64::MAX), Just(0)];
    (x, y, ".{0,12}", option::of(any::<i32>())).prop_map(|(x, y, name, weight)| Point { x, y, name, weight })
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        Just(Choice::Nothing),
        any::<i16>().prop_map(Choice::Number),
        (any::<u16>(), any::<i8>()).prop_map(|(a, b)| Choice::Pair(a, b)),
        (any::<bool>(), vec(".{0,6}", 0..3)).prop_map(|(on, path)| Choice::Named { on, path }),
        option::of(any::<u32>()).prop_map(Choice::Maybe),
    ]
}

fn plain() -> impl Strategy<Value = Plain> {
    (
        vec(point(), 0..4),
        vec(vec(choice(), 0..3), 0..3),
        btree_map(any::<u32>(), choice(), 0..4),
        option::of(any::<[u8; 3]>()),
        btree_map(".{0,8}", (any::<bool>(), any::<i32>()), 0..4),
    )
}

fn odd() -> impl Strategy<Value = Odd> {
    let wide = prop_oneof![
        any::<f64>(),
        proptest::sample::select(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MAX][..])
    ];
    let narrow = prop_oneof![
        any::<f32>(),
        proptest::sample::select(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE][..])
    ];
    let bytes = || prop_oneof![vec(any::<u8>(), 0..12), Just(b"[1]".to_vec()), Just(Vec::new())];
    (
        vec(wide, 0..4),
        vec(narrow, 0..4),
        bytes(),
        any::<char>(),
        btree_map((any::<u8>(), any::<char>()), Just(()), 0..4),
        btree_map(choice(), bytes(), 0..4),
    )
}

fn written<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("a value encodes")
}

/// Bytes of the Rust value, as JSON, as bytes again, as the Rust value again.
fn there_and_back<T: Serialize + DeserializeOwned + Described>(value: &T) -> (Value, T) {
    let schema = T::schema();
    assert_eq!(schema.check(), Ok(()));
    let bytes = written(value);
    let mut rest = bytes.as_slice();
    let json = schema.decode_json(&mut rest).expect("what Rust writes is read by the schema");
    assert!(rest.is_empty(), "wholly");
    let mut again = Vec::new();
    schema.encode_json(&json, &mut again).expect("what is read is written");
    let (back, rest) = postcard::take_from_bytes(&again).expect("what the schema writes is read by Rust");
    assert!(rest.is_empty(), "wholly");
    (json, back)
}

/// Both read the same number of bytes, or both refuse.
fn both_agree<T: DeserializeOwned + Described + Debug>(bytes: &[u8]) {
    let mut rest = bytes;
    let ours = T::schema().decode_json(&mut rest);
    match (postcard::take_from_bytes::<T>(bytes), &ours) {
        (Ok((_, left)), Ok(_)) => assert_eq!(left, rest, "both stop at the same byte"),
        (Err(_), Err(_)) => {}
        (theirs, ours) => panic!("they differ over {bytes:?}: Rust {theirs:?}, schema {ours:?}"),
    }
}

proptest! {
    #[test]
    fn a_value_of_plain_types_is_the_json_that_serde_writes(value in plain()) {
        let (json, back) = there_and_back(&value);
        prop_assert_eq!(serde_json::to_value(&value).expect("it has JSON"), json);
        prop_assert_eq!(back, value);
    }

    #[test]
    fn floats_bytes_characters_and_odd_keys_survive_json(value in odd()) {
        let (_, back) = there_and_back(&value);
        // NaN is not equal to itself: the bytes are compared, with each NaN as the one that JSON can name.
        let mut value = value;
        value.0.iter_mut().filter(|one| one.is_nan()).for_each(|one| *one = f64::NAN);
        value.1.iter_mut().filter(|one| one.is_nan()).for_each(|one| *one = f32::NAN);
        prop_assert_eq!(written(&back), written(&value));
    }

    #[test]
    fn a_schema_refuses_what_rust_refuses(mut bytes in plain().prop_map(|value| written(&value)), changes in vec((any::<u16>(), any::<u8>()), 0..4), cut in any::<u16>()) {
        for (at, value) in changes {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        if cut % 3 == 0 {
            bytes.truncate(usize::from(cut) % bytes.len());
        }
        both_agree::<Plain>(&bytes);
    }

    #[test]
    fn a_schema_reads_any_numbers_as_rust_does(bytes in vec(prop_oneof![Just(0xFF), Just(0x80), Just(0x01), Just(0x03), any::<u8>()], 0..24)) {
        both_agree::<u16>(&bytes);
        both_agree::<u32>(&bytes);
        both_agree::<u64>(&bytes);
        both_agree::<i16>(&bytes);
        both_agree::<i32>(&bytes);
        both_agree::<i64>(&bytes);
        both_agree::<(u8, i8, bool, Option<u16>)>(&bytes);
        both_agree::<(f32, f64, String)>(&bytes);
        both_agree::<Choice>(&bytes);
        both_agree::<BTreeMap<u16, Vec<bool>>>(&bytes);
    }

    #[test]
    fn numbers_and_words_are_read_from_plain_text(number in any::<i64>(), big in any::<u64>(), float in any::<f64>(), word in ".{0,12}") {
        prop_assert_eq!(parse_text(&Schema::I64, &number.to_string()), Ok(json!(number)));
        prop_assert_eq!(parse_text(&Schema::U64, &big.to_string()), Ok(json!(big)));
        prop_assert_eq!(parse_text(&Schema::Str, &word), Ok(json!(word)));
        if float.is_finite() {
            let value = parse_text(&Schema::F64, &float.to_string()).expect("a float is a number");
            prop_assert_eq!(value.as_f64(), Some(float), "to the last bit");
        }
    }
}

fn text(schema: &Schema, text: &str) -> String {
    match parse_text(schema, text) {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn text_at_a_command_line_becomes_a_value_or_a_sentence_that_says_what_would() {
    let optional = <Option<u8>>::schema();
    assert_eq!(text(&Schema::Bool, "true"), "true");
    assert_eq!(text(&Schema::U8, "256"), "value: u8 wanted, 256 found");
    assert_eq!(text(&Schema::U8, "-1"), "value: u8 wanted, -1 found");
    assert_eq!(text(&Schema::U8, "many"), "value: u8 wanted, \"many\" found");
    assert_eq!(text(&Schema::I64, "9223372036854775808"), "value: i64 wanted, 9223372036854775808 found");
    assert_eq!(text(&Schema::F64, "nan"), "\"nan\"");
    assert_eq!(text(&Schema::F64, "-inf"), "\"-inf\"");
    assert_eq!(text(&Schema::F32, "1e300"), "value: f32 wanted, 1e+300 found");
    assert_eq!(text(&Schema::Char, "é"), "\"é\"");
    assert_eq!(text(&Schema::Char, "ab"), "value: char wanted, \"ab\" found");
    assert_eq!(text(&Schema::Bytes, "plain words"), "\"plain words\"");
    assert_eq!(text(&Schema::Bytes, "[1, 255]"), "[1,255]");
    assert_eq!(text(&Schema::Bytes, "[1, 256]"), "value[1]: u8 wanted, 256 found");
    assert_eq!(text(&optional, "none"), "null");
    assert_eq!(text(&optional, "7"), "7");
    assert_eq!(text(&Choice::schema(), "Nothing"), "\"Nothing\"");
    assert_eq!(text(&Choice::schema(), r#"{"Pair": [1, 2]}"#), r#"{"Pair":[1,2]}"#);
    assert_eq!(
        text(&Choice::schema(), "Nothign"),
        "value: \"Nothign\" is unknown; there is Nothing, Number, Pair, Named, Maybe"
    );
    assert_eq!(
        text(&<Vec<Point>>::schema(), r#"[{"x": 1, "y": 2, "name": "a"}, {"x": 1, "why": 2}]"#),
        "value[1]: \"why\" is unknown; there is x, y, name, weight"
    );
    assert_eq!(text(&Point::schema(), r#"{"x": 1}"#), "value: field \"y\" is missing");
    assert_eq!(text(&<[u8; 2]>::schema(), "[1]"), "value: [u8; 2] wanted, [1] found");
}

#[test]
fn keys_that_look_like_something_else_stay_what_they_are() {
    let schema = Schema::Map(Box::new(Schema::Bytes), Box::new(Schema::Bool));
    let bytes = written(&BTreeMap::from([(b"[1]".to_vec(), true), (b"word".to_vec(), false), (vec![0xFF], true)]));
    let json = schema.decode_json(&mut &bytes[..]).expect("it reads");
    assert_eq!(json, json!({"[91,49,93]": true, "word": false, "[255]": true}));
    let mut again = Vec::new();
    schema.encode_json(&json, &mut again).expect("it writes");
    assert_eq!(schema.decode_json(&mut &again[..]), Ok(json));
}

#[test]
fn a_few_bytes_never_ask_for_endless_values() {
    // Each was accepted once: 4 thousand million empty elements, and a list whose every byte gives thousands of values.
    let empty = Schema::Array(Box::new(Schema::Unit), u32::MAX);
    assert_eq!(empty.check(), Err(SchemaError::EmptyElements));
    assert_eq!(empty.decode_json(&mut &[0; 64][..]), Err(DynamicError::Bytes(empty.to_string())));

    let mut parts = vec![Schema::Unit; 4000];
    parts.push(Schema::U8);
    let wide = Schema::List(Box::new(Schema::Tuple(parts)));
    assert_eq!(wide.check(), Ok(()));
    let mut bytes = written(&vec![7u8; 60_000]);
    assert!(wide.decode_json(&mut &bytes[..]).is_err(), "240 million values are too many");
    bytes = written(&vec![7u8; 100]);
    assert!(wide.decode_json(&mut &bytes[..]).is_ok());
}

#[test]
fn names_that_would_not_find_their_values_are_refused() {
    let fields = |names: &[&str]| Schema::Struct {
        name: "S".into(),
        fields: names.iter().map(|name| Field { name: (*name).into(), schema: Schema::U8 }).collect(),
    };
    assert_eq!(fields(&["a", "größe", "_2"]).check(), Ok(()));
    assert_eq!(fields(&["a", "b", "a"]).check(), Err(SchemaError::Twice("a".into())));
    assert_eq!(fields(&[""]).check(), Err(SchemaError::Name(String::new())));
    assert_eq!(fields(&[&"n".repeat(65)]).check(), Err(SchemaError::Name("n".repeat(64))));
    let variants = vec![Variant { name: "{".into(), schema: Schema::Unit }];
    assert_eq!(Schema::Enum { name: "E".into(), variants }.check(), Err(SchemaError::Name("{".into())));
    let optional = Schema::Map(Box::new(<Option<String>>::schema()), Box::new(Schema::U8));
    assert_eq!(optional.check(), Err(SchemaError::OptionalKey));
}
