//! Arrow IPC: what is written comes back, what others write is read, what is damaged is named, and nothing of it is kept.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]
#![allow(clippy::disallowed_methods, reason = "tests damage files and look into directories")]

mod set;
#[path = "../../array/tests/stage/mod.rs"]
mod stage;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeListArray, Float16Array,
    Float32Array, Int16Array, Int32Array, Int64Array, LargeStringArray, ListArray, NullArray, RecordBatch,
    StringArray, StringViewArray, TimestampMicrosecondArray, UInt8Array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use serde_json::Value;
use set::{Set, Told};
use stage::Stage;
use std::sync::Arc;
use windlass_contract::{Code, Fault};
use {windlass_admin as _, windlass_array as _, windlass_client as _, windlass_runtime as _};

const PACKINGS: [&str; 3] = ["none", "lz4", "zstd"];

impl Set {
    /// Columns of name, symbol and sort.
    fn write(&self, file: &str, columns: &[(&str, &str, &str)], packing: &str, mode: &str) -> Result<(), Fault> {
        let of = |part: fn(&(&str, &str, &str)) -> String| {
            serde_json::to_string(&columns.iter().map(part).collect::<Vec<_>>()).unwrap()
        };
        let (names, symbols) = (of(|one| one.0.into()), of(|one| one.1.into()));
        let (sorts, path) = (of(|one| one.2.into()), self.path(file));
        let given = [
            ("filename", path.as_str()),
            ("col_names", &names),
            ("columns", &symbols),
            ("col_objtypes", &sorts),
            ("compression", packing),
            ("mode", mode),
        ];
        self.stage.commands.call("writeArrow", &given).map(drop)
    }
    fn read_more(&self, files: &str, columns: &[&str], more: &[(&str, &str)]) -> Result<Vec<Told>, Fault> {
        let (files, columns) = (format!("[\"{}\"]", self.path(files)), format!("{columns:?}"));
        let mut given = vec![("filenames", files.as_str()), ("dsets", columns.as_str())];
        given.extend(more);
        Ok(self.told("readArrow", &given)?.0)
    }
    fn read(&self, files: &str, columns: &[&str]) -> Result<Vec<Told>, Fault> {
        self.read_more(files, columns, &[])
    }
    /// The symbol of one column.
    fn one(&self, files: &str, column: &str) -> String {
        self.read(files, &[column]).unwrap().remove(0).symbol()
    }
    /// The begins of a column of lists, and the symbol of its values.
    fn lists(&self, files: &str, column: &str) -> (Vec<i64>, String) {
        let told = self.read(files, &[column]).unwrap().remove(0);
        assert_eq!(told.sort, "SEGARRAY", "{told:?}");
        (self.stage.values::<i64>(&told.part("segments")), told.part("values"))
    }
    /// Names of the columns in Arrow files.
    fn columns(&self, files: &str) -> Vec<String> {
        self.listed("lsarrow", &[("filename", &self.path(files))])
    }
    /// A file of another writer.
    fn others(&self, file: &str, batches: &[RecordBatch], packing: Option<CompressionType>) {
        let options = IpcWriteOptions::default().try_with_compression(packing).unwrap();
        let to = std::fs::File::create(self.path(file)).unwrap();
        let mut writer = FileWriter::try_new_with_options(to, &batches[0].schema(), options).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        writer.finish().unwrap();
    }
    fn stream(&self, file: &str, batches: &[RecordBatch]) {
        let to = std::fs::File::create(self.path(file)).unwrap();
        let mut writer = StreamWriter::try_new(to, &batches[0].schema()).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        writer.finish().unwrap();
    }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn arrays_of_every_dtype_come_back_by_every_compression() {
    let set = Set::new();
    // The last is of more than one batch.
    for count in [0usize, 1, 10_000, 100_000] {
        let ints: Vec<i64> =
            (0..count as i64).map(|at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64)).collect();
        let floats: Vec<f64> =
            ints.iter().map(|value| if value % 7 == 0 { f64::NAN } else { *value as f64 / 3.0 }).collect();
        let bools: Vec<bool> = ints.iter().map(|value| value % 3 == 0).collect();
        let stage = &set.stage;
        macro_rules! uploaded {
            ($($of:ty),*) => {
                [$((stringify!($of), stage.array(&[count], &ints.iter().map(|v| *v as $of).collect::<Vec<_>>()))),*]
            };
        }
        let numbers = uploaded!(i8, i16, i32, i64, u8, u16, u32, u64, f32);
        let (f64s, bool_) = (stage.array(&[count], &floats), stage.array(&[count], &bools));
        let mut columns: Vec<(&str, &str, &str)> =
            numbers.iter().map(|(name, symbol)| (*name, symbol.as_str(), "pdarray")).collect();
        columns.extend([("f64", f64s.as_str(), "pdarray"), ("bool", bool_.as_str(), "pdarray")]);
        for packing in PACKINGS {
            let file = format!("{packing}{count}");
            set.write(&file, &columns, packing, "0").unwrap();
            let file = format!("{file}_*");
            macro_rules! same {
                ($($of:ty),*) => {
                    $(let wanted: Vec<$of> = ints.iter().map(|v| *v as $of).collect();
                    assert_eq!(stage.values::<$of>(&set.one(&file, stringify!($of))), wanted);)*
                };
            }
            same!(i8, i16, i32, i64, u8, u16, u32, u64, f32);
            assert_eq!(bits(&stage.values::<f64>(&set.one(&file, "f64"))), bits(&floats));
            assert_eq!(stage.values::<bool>(&set.one(&file, "bool")), bools);
        }
    }
}

#[test]
fn strings_and_lists_come_back_the_empty_ones_too() {
    let set = Set::new();
    let texts = ["first", "", "Größe 北 🙂", "", "a\"b,c\nd"];
    let (values, begins) = ([1.5f64, 2.5, f64::NAN, 4.5], [0i64, 0, 2, 2, 4]);
    let (text, data) = (set.stage.strings(&texts), set.stage.array(&[4], &values));
    let (four, segments) = (set.stage.strings(&["one", "", "three", "four"]), set.stage.array(&[5], &begins));
    let list = |values: &str| format!(r#"{{"values":"{values}","segments":"{segments}"}}"#);
    let (numbers, words) = (list(&data), list(&four));
    let columns = [("t", text.as_str(), "Strings"), ("n", &numbers, "SegArray"), ("w", &words, "SegArray")];
    for packing in PACKINGS {
        set.write(packing, &columns, packing, "0").unwrap();
        let file = format!("{packing}_*");
        assert_eq!(set.stage.texts(&set.one(&file, "t")), texts);
        let (begin, back) = set.lists(&file, "n");
        assert_eq!(begin, begins);
        assert_eq!(bits(&set.stage.values::<f64>(&back)), bits(&values));
        let (begin, back) = set.lists(&file, "w");
        assert_eq!(begin, begins);
        assert_eq!(set.stage.texts(&back), ["one", "", "three", "four"]);
    }
    for wrong in [[0i64, 3, 2, 4, 4], [0, 1, 2, 3, 9], [-1, 0, 0, 0, 0]] {
        let segments = set.stage.array(&[5], &wrong);
        let list = format!(r#"{{"values":"{data}","segments":"{segments}"}}"#);
        let fault = set.write("wrong", &[("n", &list, "SegArray")], "none", "0").unwrap_err();
        assert!(fault.is(Code::BadArguments) && fault.message.contains("segment"), "{fault:?}");
    }
    assert_eq!(set.entries().len(), PACKINGS.len(), "no file of what cannot be written");
}

#[test]
fn what_others_write_is_read_and_nulls_are_those_of_parquet() {
    let set = Set::new();
    let dictionary: DictionaryArray<Int8Type> = [Some("x"), None, Some("y"), Some("x")].into_iter().collect();
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
        Some(vec![Some(4)]),
    ]);
    let fixed = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
        [Some(vec![Some(1), Some(2)]), None, Some(vec![Some(3), Some(4)]), Some(vec![Some(5), Some(6)])],
        2,
    );
    let decimals = Decimal128Array::from(vec![Some(12345i128), None, Some(-5), Some(0)]);
    let halves: Float16Array = [Some(1.5f32), None, Some(-2.0), Some(0.0)]
        .into_iter()
        .map(|value| {
            value.map(<arrow_array::types::Float16Type as arrow_array::ArrowPrimitiveType>::Native::from_f32)
        })
        .collect();
    let whole = batch(vec![
        ("i16", Arc::new(Int16Array::from(vec![Some(1), None, Some(3), Some(-4)]))),
        ("f32", Arc::new(Float32Array::from(vec![Some(1.0), None, Some(3.0), Some(4.0)]))),
        ("bool", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]))),
        ("text", Arc::new(StringArray::from(vec![Some("a"), None, Some(""), Some("ü")]))),
        ("large", Arc::new(LargeStringArray::from(vec![Some("a"), None, Some(""), Some("ü")]))),
        (
            "view",
            Arc::new(StringViewArray::from(vec![Some("a text longer than a view"), None, Some(""), Some("ü")])),
        ),
        ("words", Arc::new(dictionary)),
        ("lists", Arc::new(lists)),
        ("pairs", Arc::new(fixed)),
        ("time", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_000_001), None, Some(-1), Some(0)]))),
        ("day", Arc::new(Date32Array::from(vec![Some(19_000), None, Some(-1), Some(0)]))),
        ("money", Arc::new(decimals.with_precision_and_scale(10, 2).unwrap())),
        ("half", Arc::new(halves)),
        ("nothing", Arc::new(NullArray::new(4))),
    ]);
    // A slice has its values behind an offset.
    let batches = [whole.clone(), whole.slice(1, 2)];
    set.others("plain", &batches, None);
    set.others("lz4", &batches, Some(CompressionType::LZ4_FRAME));
    set.others("zstd", &batches, Some(CompressionType::ZSTD));
    set.stream("stream", &batches);
    let read =
        ["i16", "f32", "bool", "text", "large", "view", "words", "lists", "pairs", "time", "day", "money", "half"];
    for file in ["plain", "lz4", "zstd", "stream"] {
        assert_eq!(set.columns(file), read);
        assert_eq!(set.listed("lsany", &[("filename", &set.path(file))]), read);
        assert_eq!(set.stage.call("getfiletype", &[("filename", &set.path(file))]).to_string(), "Arrow");
        let stage = &set.stage;
        assert_eq!(stage.values::<i16>(&set.one(file, "i16")), [1, 0, 3, -4, 0, 3]);
        let floats = stage.values::<f32>(&set.one(file, "f32"));
        assert!(floats[1].is_nan() && floats[4].is_nan() && floats[5] == 3.0, "{floats:?}");
        assert_eq!(stage.values::<bool>(&set.one(file, "bool")), [true, false, false, true, false, false]);
        for name in ["text", "large"] {
            assert_eq!(stage.texts(&set.one(file, name)), ["a", "", "", "ü", "", ""]);
        }
        assert_eq!(stage.texts(&set.one(file, "view")), ["a text longer than a view", "", "", "ü", "", ""]);
        assert_eq!(stage.texts(&set.one(file, "words")), ["x", "", "y", "x", "", "y"]);
        let (begins, values) = set.lists(file, "lists");
        assert_eq!((begins, stage.values::<i32>(&values)), (vec![0, 2, 2, 2, 3, 3], vec![1, 0, 4]));
        let (begins, values) = set.lists(file, "pairs");
        assert_eq!((begins, stage.values::<i32>(&values)), (vec![0, 2, 2, 4, 6, 6], vec![1, 2, 3, 4, 5, 6, 3, 4]));
        assert_eq!(stage.values::<i64>(&set.one(file, "time")), [1_000_001, 0, -1, 0, 0, -1]);
        assert_eq!(stage.values::<i64>(&set.one(file, "day")), [19_000, 0, -1, 0, 0, -1]);
        let money = stage.values::<f64>(&set.one(file, "money"));
        assert!(money[0] == 123.45 && money[1].is_nan() && money[2] == -0.05, "{money:?}");
        let halves = stage.values::<f32>(&set.one(file, "half"));
        assert!(halves[0] == 1.5 && halves[1].is_nan() && halves[2] == -2.0, "{halves:?}");
        let fault = set.read(file, &["nothing"]).unwrap_err();
        assert!(fault.is(Code::Unsupported) && fault.message.contains("Null"), "{fault:?}");
    }
}

#[test]
fn a_stream_may_replace_its_dictionary() {
    let set = Set::new();
    let words = |texts: &[&str]| {
        let words: DictionaryArray<Int32Type> = texts.iter().copied().collect();
        batch(vec![("w", Arc::new(words) as ArrayRef)])
    };
    set.stream("replaced", &[words(&["a", "b", "a"]), words(&["c", "b"])]);
    assert_eq!(set.stage.texts(&set.one("replaced", "w")), ["a", "b", "a", "c", "b"]);
}

#[test]
fn files_of_a_pattern_are_read_one_after_another_and_columns_are_added() {
    let set = Set::new();
    for part in 0..3i64 {
        let values = set.stage.array(&[2], &[part, 10 * part]);
        set.write(&format!("part{part}.arrow"), &[("n", &values, "pdarray")], "none", "0").unwrap();
    }
    assert_eq!(set.stage.values::<i64>(&set.one("part*.arrow", "n")), [0, 0, 1, 10, 2, 20]);
    let tagged = set.read_more("part*", &["n"], &[("tag_data", "true")]).unwrap();
    assert_eq!(tagged[0].name, "Filename_Codes");
    assert_eq!(set.stage.values::<i64>(&tagged[0].symbol()), [0, 0, 1, 1, 2, 2]);
    let texts = set.stage.strings(&["x", "y"]);
    set.write("part0.arrow", &[("t", &texts, "Strings")], "zstd", "1").unwrap();
    assert_eq!(set.columns("part0*"), ["n", "t"]);
    let again = set.write("part0.arrow", &[("t", &texts, "Strings")], "none", "1").unwrap_err();
    assert!(again.is(Code::Exists) && again.message.contains('t'), "{again:?}");
    let twice =
        set.write("twice", &[("t", &texts, "Strings"), ("t", &texts, "Strings")], "none", "0").unwrap_err();
    assert!(twice.message.contains("t is named twice"), "{twice:?}");
    let longer = set.stage.array(&[3], &[1i64, 2, 3]);
    let longer = set.write("part0.arrow", &[("l", &longer, "pdarray")], "none", "1").unwrap_err();
    assert!(longer.message.contains("3 rows"), "{longer:?}");
    assert_eq!(set.columns("part0*"), ["n", "t"]);
    let fault = set.read("part*", &["t"]).unwrap_err();
    assert!(fault.message.contains("does not exist in file") && fault.message.contains("part1"), "{fault:?}");
    let floats = set.stage.array(&[2], &[1.0f64, 2.0]);
    set.write("part1.arrow", &[("t", &floats, "pdarray")], "none", "1").unwrap();
    set.write("part2.arrow", &[("t", &texts, "Strings")], "none", "1").unwrap();
    assert!(set.read("part*", &["t"]).unwrap_err().message.contains("of another"));
    let packing = set.write("other", &[("t", &texts, "Strings")], "snappy", "0").unwrap_err();
    assert!(packing.message.contains("none, lz4 and zstd"), "{packing:?}");
    let place = set.write("no-such-folder/p", &[("t", &texts, "Strings")], "none", "0").unwrap_err();
    assert!(place.message.contains("no-such-folder"), "{place:?}");
    std::fs::write(set.path("feather"), b"FEA1 of the first version").unwrap();
    let fault = set.read("feather", &["t"]).unwrap_err();
    assert!(fault.is(Code::Unsupported) && fault.message.contains("Feather"), "{fault:?}");
    // What cannot be read at all is left out, if it may be.
    assert_eq!(set.entries().len(), 4);
}

/// Ours, another's with a dictionary, lists and nulls, and a stream.
fn whole_files(set: &Set) -> Vec<String> {
    let dictionary: DictionaryArray<Int8Type> = (0..40).map(|at| Some(["x", "y", "z"][at % 3])).collect();
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>((0..40).map(|at| Some(vec![Some(at); 2])));
    let others = batch(vec![
        ("n", Arc::new(Int64Array::from_iter((0..40).map(|at| (at % 5 > 0).then_some(at)))) as ArrayRef),
        ("t", Arc::new(StringArray::from_iter_values((0..40).map(|at| format!("text {at}"))))),
        ("w", Arc::new(dictionary)),
        ("l", Arc::new(lists)),
        ("u", Arc::new(UInt8Array::from_iter_values(0..40))),
        ("i", Arc::new(Int32Array::from_iter_values(0..40))),
    ]);
    let batches = [others.clone(), others.slice(3, 20)];
    set.others("plain", &batches, None);
    set.others("lz4", &batches, Some(CompressionType::LZ4_FRAME));
    set.others("zstd", &batches, Some(CompressionType::ZSTD));
    set.stream("stream", &batches);
    ["plain", "lz4", "zstd", "stream"].map(str::to_owned).into()
}

const COLUMNS: [&str; 6] = ["n", "t", "w", "l", "u", "i"];

#[test]
fn a_file_that_is_cut_at_any_byte_is_named_and_nothing_of_it_is_kept() {
    let set = Set::new();
    let before = set.symbols();
    for file in whole_files(&set) {
        let bytes = std::fs::read(set.path(&file)).unwrap();
        for length in 0..bytes.len() {
            std::fs::write(set.path("cut"), &bytes[..length]).unwrap();
            let fault = set.read("cut", &COLUMNS).unwrap_err();
            let named = fault.is(Code::BadArguments) && fault.message.contains("cut");
            assert!(named && !fault.message.contains("gave up"), "{file} {length}: {fault:?}");
        }
    }
    assert_eq!(set.symbols(), before, "nothing is kept of what failed");
}

#[test]
fn a_file_that_is_damaged_is_an_answer_or_a_fault_and_the_node_goes_on() {
    let set = Set::new();
    let files = whole_files(&set);
    let before = set.symbols();
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..2_000 {
        let mut bytes = std::fs::read(set.path(&files[round % files.len()])).unwrap();
        for _ in 0..=random.usize(..3) {
            let at = random.usize(..bytes.len());
            if random.bool() {
                bytes[at] ^= 1 << random.u8(..8);
            } else {
                bytes[at] = [0, 0x7F, 0x80, 0xFF][random.usize(..4)];
            }
        }
        std::fs::write(set.path("damaged"), &bytes).unwrap();
        match set.read("damaged", &COLUMNS) {
            Ok(told) => {
                for one in told {
                    let parts = serde_json::from_str::<Value>(&one.created).ok();
                    let parts = parts.as_ref().and_then(Value::as_object);
                    let texts: Vec<&str> = match parts {
                        Some(parts) => parts.values().filter_map(Value::as_str).collect(),
                        None => vec![&one.created],
                    };
                    for text in texts {
                        set.stage.call("delete", &[("name", &Stage::names(text)[0])]);
                    }
                }
            }
            Err(fault) => {
                assert!(!fault.is(Code::Internal) && !fault.message.is_empty(), "{fault:?}");
                assert!(!fault.message.contains("gave up"), "round {round}: {fault:?}");
            }
        }
    }
    assert_eq!(set.symbols(), before, "nothing is kept of what failed");
}
