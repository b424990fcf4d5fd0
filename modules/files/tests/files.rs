//! Files: what is written comes back, what is damaged is named, and nothing of it is kept.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]
#![allow(clippy::disallowed_methods, reason = "tests damage files and look into directories")]

mod set;
#[path = "../../array/tests/stage/mod.rs"]
mod stage;

use set::{Set, Told};
use std::path::Path;
use windlass_contract::{Code, Fault};
// What the stage uses, whose file is another package's.
use {windlass_admin as _, windlass_array as _, windlass_client as _, windlass_runtime as _};

const PACKINGS: [&str; 6] = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"];

impl Set {
    fn write(&self, file: &str, column: &str, values: &str, packing: &str, mode: &str) -> Result<(), Fault> {
        let prefix = self.path(file);
        let given = [
            ("values", values),
            ("dset", column),
            ("mode", mode),
            ("prefix", &prefix),
            ("objType", "pdarray"),
            ("compression", packing),
        ];
        self.stage.commands.call("writeParquet", &given).map(drop)
    }
    fn read(
        &self,
        command: &str,
        more: &[(&str, &str)],
        files: &str,
        columns: &[&str],
    ) -> Result<Vec<Told>, Fault> {
        let (files, columns) = (format!("[\"{}\"]", self.path(files)), format!("{columns:?}"));
        let key = if command == "readcsv" { "datasets" } else { "dsets" };
        let mut given = vec![("filenames", files.as_str()), (key, columns.as_str()), ("allow_errors", "false")];
        given.extend(more);
        Ok(self.told(command, &given)?.0)
    }
    fn parquet(&self, files: &str, columns: &[&str]) -> Result<Vec<Told>, Fault> {
        self.read("readAllParquet", &[("tag_data", "false")], files, columns)
    }
}

fn array(told: &Told) -> String {
    assert_eq!(told.sort, "PDARRAY", "{told:?}");
    told.symbol()
}

#[test]
fn arrays_of_every_dtype_come_back_by_every_compression() {
    let set = Set::new();
    for (at, packing) in PACKINGS.into_iter().enumerate() {
        for count in [0usize, 1, 10_000] {
            let ints: Vec<i64> =
                (0..count as i64).map(|at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64)).collect();
            let unsigned: Vec<u64> = ints.iter().map(|value| *value as u64).collect();
            let floats: Vec<f64> =
                ints.iter().map(|value| if value % 7 == 0 { f64::NAN } else { *value as f64 / 3.0 }).collect();
            let bools: Vec<bool> = ints.iter().map(|value| value % 3 == 0).collect();
            let file = |dtype: &str| format!("{dtype}{at}-{count}");
            let column = [set.stage.array(&[count], &ints), set.stage.array(&[count], &unsigned)];
            for (dtype, values) in ["int64", "uint64"].into_iter().zip(&column) {
                set.write(&file(dtype), "a", values, packing, "0").unwrap();
            }
            set.write(&file("float64"), "a", &set.stage.array(&[count], &floats), packing, "0").unwrap();
            set.write(&file("bool"), "a", &set.stage.array(&[count], &bools), packing, "0").unwrap();
            let back = |dtype: &str| array(&set.parquet(&format!("{}*", file(dtype)), &["a"]).unwrap()[0]);
            assert_eq!(set.stage.values::<i64>(&back("int64")), ints);
            assert_eq!(set.stage.values::<u64>(&back("uint64")), unsigned);
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&set.stage.values::<f64>(&back("float64"))), bits(&floats));
            assert_eq!(set.stage.values::<bool>(&back("bool")), bools);
        }
    }
}

#[test]
fn strings_come_back_and_empty_ones_are_null() {
    let set = Set::new();
    let texts = ["first", "", "Größe 北 🙂", "", "a\"b,c\nd"];
    let name = set.stage.strings(&texts);
    set.write("s", "text", &name, "snappy", "0").unwrap();
    let told = set.parquet("s*", &["text"]).unwrap().remove(0);
    assert_eq!(told.sort, "STRINGS");
    assert_eq!(set.stage.texts(&told.symbol()), texts);
    let nulls = set.read("getnullparquet", &[], "s*", &["text"]).unwrap();
    assert_eq!(set.stage.values::<i64>(&array(&nulls[0])), [0, 1, 0, 1, 0]);
}

#[test]
fn lists_come_back_the_empty_ones_too() {
    let set = Set::new();
    let (values, begins) = ([1.5f64, 2.5, f64::NAN, 4.5], [0i64, 0, 2, 2, 4]);
    let (data, segments) = (set.stage.array(&[4], &values), set.stage.array(&[5], &begins));
    let texts = set.stage.strings(&["one", "", "three", "four"]);
    for (file, name) in [("numbers", &data), ("texts", &texts)] {
        let prefix = set.path(file);
        let given = [
            ("values", name.as_str()),
            ("segments", &segments),
            ("dset", "list"),
            ("mode", "0"),
            ("prefix", &prefix),
            ("objType", "segarray"),
        ];
        set.stage.call("writeParquet", &given);
        let told = set.parquet(&format!("{file}*"), &["list"]).unwrap().remove(0);
        assert_eq!(told.sort, "SEGARRAY");
        assert_eq!(set.stage.values::<i64>(&told.part("segments")), begins);
        match file {
            "texts" => assert_eq!(set.stage.texts(&told.part("values")), ["one", "", "three", "four"]),
            _ => assert_eq!(
                set.stage.values::<f64>(&told.part("values")).iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
                values.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
            ),
        }
    }
    // Segments that fall, or that lie outside, are no lists.
    for wrong in [[0i64, 3, 2, 4, 4], [0, 1, 2, 3, 9], [-1, 0, 0, 0, 0]] {
        let segments = set.stage.array(&[5], &wrong);
        let prefix = set.path("wrong");
        let given = [
            ("values", data.as_str()),
            ("segments", &segments),
            ("dset", "list"),
            ("mode", "0"),
            ("prefix", &prefix),
            ("objType", "segarray"),
        ];
        assert!(set.stage.fault("writeParquet", &given).message.contains("segment"));
    }
    assert!(!Path::new(&set.path("wrong_LOCALE0000")).exists());
}

#[test]
fn files_of_a_pattern_are_read_one_after_another_and_columns_are_added() {
    let set = Set::new();
    for part in 0..3i64 {
        let values = set.stage.array(&[2], &[part, 10 * part]);
        set.write(&format!("part{part}.parquet"), "n", &values, "none", "0").unwrap();
    }
    let told = set.parquet("part*.parquet", &["n"]).unwrap();
    assert_eq!(set.stage.values::<i64>(&array(&told[0])), [0, 0, 1, 10, 2, 20]);
    let tagged = set.read("readAllParquet", &[("tag_data", "true")], "part*", &["n"]).unwrap();
    assert_eq!(tagged[0].name, "Filename_Codes");
    assert_eq!(set.stage.values::<i64>(&array(&tagged[0])), [0, 0, 1, 1, 2, 2]);
    // Another column beside the first.
    let texts = set.stage.strings(&["x", "y"]);
    set.write("part0.parquet", "t", &texts, "none", "1").unwrap();
    assert_eq!(set.names("part0*"), ["n", "t"]);
    let again = set.write("part0.parquet", "t", &texts, "none", "1").unwrap_err();
    assert!(again.is(Code::Exists) && again.message.contains('t'), "{again:?}");
    let longer = set.stage.array(&[3], &[1i64, 2, 3]);
    let longer = set.write("part0.parquet", "longer", &longer, "none", "1").unwrap_err();
    assert!(longer.message.contains("3 rows"), "{longer:?}");
    assert_eq!(set.names("part0*"), ["n", "t"]);
    // A column that one of them has not, and one that is of another type there.
    let fault = set.parquet("part*", &["t"]).unwrap_err();
    assert!(fault.message.contains("does not exist in file") && fault.message.contains("part1"), "{fault:?}");
    set.write("part1.parquet", "t", &set.stage.array(&[2], &[1.0f64, 2.0]), "none", "1").unwrap();
    set.write("part2.parquet", "t", &texts, "none", "1").unwrap();
    let fault = set.parquet("part*", &["t"]).unwrap_err();
    assert!(fault.message.contains("of another"), "{fault:?}");
    assert!(set.parquet("nothing*", &["n"]).unwrap_err().message.contains("nothing*"));
    let gone = [("prefix", set.path("part0.parquet"))];
    set.stage.call("deleteMatchingFilenames", &[(gone[0].0, &gone[0].1)]);
    assert_eq!(set.entries().len(), 2);
}

#[test]
fn a_file_that_is_cut_or_damaged_is_named_and_nothing_of_it_is_kept() {
    let set = Set::new();
    let values = set.stage.array(&[500], &(0..500i64).collect::<Vec<_>>());
    set.write("whole", "n", &values, "zstd", "0").unwrap();
    set.write("whole", "t", &set.stage.strings(&["rope"; 500]), "zstd", "1").unwrap();
    let path = set.path("whole_LOCALE0000");
    let bytes = std::fs::read(&path).unwrap();
    let before = set.symbols();
    for length in 0..bytes.len() {
        std::fs::write(set.path("cut"), &bytes[..length]).unwrap();
        let fault = set.parquet("cut", &["n", "t"]).unwrap_err();
        assert!(fault.is(Code::BadArguments) && fault.message.contains("cut"), "{length}: {fault:?}");
    }
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..400 {
        let mut bytes = bytes.clone();
        for _ in 0..=random.usize(..3) {
            let at = random.usize(..bytes.len());
            bytes[at] ^= 1 << random.u8(..8);
        }
        std::fs::write(set.path("cut"), &bytes).unwrap();
        // Whatever it is: an answer or a Fault, and the node goes on.
        match set.parquet("cut", &["n", "t"]) {
            Ok(told) => {
                for one in told {
                    set.stage.call("delete", &[("name", &one.symbol())]);
                }
            }
            Err(fault) => assert!(!fault.message.is_empty(), "{fault:?}"),
        }
    }
    assert_eq!(set.symbols(), before, "nothing is kept of what failed");
    set.stage.call("delete", &[("name", &array(&set.parquet("whole*", &["n"]).unwrap()[0]))]);
    assert_eq!(set.entries().len(), 2, "no file stays aside");
}

#[test]
fn csv_comes_back_with_its_dtypes_and_plain_text_as_strings() {
    let set = Set::new();
    let names = [
        set.stage.array(&[3], &[1i64, -2, i64::MIN]),
        set.stage.array(&[3], &[0.5f64, f64::NAN, 1e300]),
        set.stage.array(&[3], &[true, false, true]),
        set.stage.strings(&["plain", "with, comma", "with \"quotes\"\nand a line"]),
    ];
    let (columns, path) = (format!("{names:?}"), set.path("table.csv"));
    let given = |overwrite: &'static str| {
        vec![
            ("datasets", columns.clone()),
            ("col_names", "[\"i\",\"f\",\"b\",\"s\"]".to_owned()),
            ("filename", path.clone()),
            ("col_delim", ",".to_owned()),
            ("overwrite", overwrite.to_owned()),
        ]
    };
    let call = |given: &[(&str, String)]| {
        let given: Vec<(&str, &str)> = given.iter().map(|(key, value)| (*key, value.as_str())).collect();
        set.stage.commands.call("writecsv", &given)
    };
    call(&given("false")).unwrap();
    assert!(call(&given("false")).unwrap_err().is(Code::Exists));
    call(&given("true")).unwrap();
    assert_eq!(set.names("table*.csv"), ["i", "f", "b", "s"]);
    let told = set.read("readcsv", &[("col_delim", ",")], "table*.csv", &["s", "i", "f", "b"]).unwrap();
    let name = |at: usize| told[at].symbol();
    assert_eq!(set.stage.texts(&name(0)), ["plain", "with, comma", "with \"quotes\"\nand a line"]);
    assert_eq!(set.stage.values::<i64>(&name(1)), [1, -2, i64::MIN]);
    let floats = set.stage.values::<f64>(&name(2));
    assert!(floats[0] == 0.5 && floats[1].is_nan() && floats[2] == 1e300, "{floats:?}");
    assert_eq!(set.stage.values::<bool>(&name(3)), [true, false, true]);

    std::fs::write(set.path("plain.csv"), "a;b\n1;x\n2;y\n").unwrap();
    let told = set.read("readcsv", &[("col_delim", ";")], "plain.csv", &["a"]).unwrap();
    assert_eq!(set.stage.texts(&told[0].symbol()), ["1", "2"]);
    std::fs::write(set.path("bad.csv"), "**HEADER**\nint64\n*/HEADER/*\na\n1\nx\n").unwrap();
    let fault = set.read("readcsv", &[("col_delim", ",")], "bad.csv", &["a"]).unwrap_err();
    assert!(fault.message.contains("row 1 of a is \"x\""), "{fault:?}");
    std::fs::write(set.path("headless.csv"), "**HEADER**\nint64\n").unwrap();
    let fault = set.read("readcsv", &[("col_delim", ",")], "headless.csv", &["a"]).unwrap_err();
    assert!(fault.message.contains("missing header"), "{fault:?}");
    let fault = set.read("readcsv", &[("col_delim", "\";")], "plain.csv", &["a"]).unwrap_err();
    assert!(fault.message.contains("delimiter"), "{fault:?}");
    std::fs::write(set.path("several.csv"), "a|*|b\n1|*|\"x|*|y\"\n2|*|z\n").unwrap();
    let told = set.read("readcsv", &[("col_delim", "|*|")], "several.csv", &["b", "a"]).unwrap();
    assert_eq!(set.stage.texts(&told[0].symbol()), ["x|*|y", "z"]);
    assert_eq!(set.stage.texts(&told[1].symbol()), ["1", "2"]);
}

#[test]
fn files_are_known_by_what_is_in_them_and_missing_ones_are_named() {
    let set = Set::new();
    set.write("p", "n", &set.stage.array(&[1], &[1i64]), "none", "0").unwrap();
    std::fs::write(set.path("h"), b"\x89HDF\r\n\x1a\n rest").unwrap();
    std::fs::write(set.path("c"), b"a,b\n").unwrap();
    for (name, kind) in [("p*", "Parquet"), ("h", "HDF5"), ("c", "CSV")] {
        assert_eq!(set.stage.call("getfiletype", &[("filename", &set.path(name))]).to_string(), kind);
    }
    let fault = set.stage.fault("lsany", &[("filename", &set.path("h"))]);
    assert!(fault.is(Code::Unsupported) && fault.message.contains("Parquet"), "{fault:?}");
    for name in ["absent", "absent*"] {
        let fault = set.stage.fault("lsany", &[("filename", &set.path(name))]);
        assert!(fault.message.contains("absent"), "{fault:?}");
    }
    let unwritable = set.write("no-such-folder/p", "n", &set.stage.array(&[1], &[1i64]), "none", "0").unwrap_err();
    assert!(unwritable.message.contains("no-such-folder"), "{unwritable:?}");
}
