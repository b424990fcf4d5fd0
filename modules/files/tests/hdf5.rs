//! HDF5: what is written comes back as what it was, files of the ancestor's and of others are read, what is damaged is named and harms
//! nobody.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]
#![allow(clippy::disallowed_methods, reason = "tests damage files, and write at the same time")]

mod set;
#[path = "hdf5/short.rs"]
mod short;
#[path = "../../array/tests/stage/mod.rs"]
mod stage;

use hdf5_metno as hdf5;
use set::{Set, Told};
use short::{APPEND, SINGLE, write};
use stage::Stage;
use std::path::Path;
use windlass_contract::Code;

#[test]
fn arrays_of_every_dtype_come_back_packed_or_not_in_either_format() {
    let set = Set::small();
    for packing in ["none", "gzip", "gzip:9"] {
        for count in [0usize, 1, 40_000] {
            let ints: Vec<i64> =
                (0..count as i64).map(|at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64)).collect();
            let unsigned: Vec<u64> = ints.iter().map(|value| *value as u64).collect();
            let floats: Vec<f64> =
                ints.iter().map(|value| if value % 7 == 0 { f64::NAN } else { *value as f64 / 3.0 }).collect();
            let bools: Vec<bool> = ints.iter().map(|value| value % 3 == 0).collect();
            let small: Vec<i32> = ints.iter().map(|value| *value as i32).collect();
            let named = [
                ("i", set.stage.array(&[count], &ints)),
                ("u", set.stage.array(&[count], &unsigned)),
                ("f", set.stage.array(&[count], &floats)),
                ("b", set.stage.array(&[count], &bools)),
                ("s", set.stage.array(&[count], &small)),
            ];
            for format in ["0", "1"] {
                let file = format!("all-{}-{count}-{format}.h5", packing.replace(':', ""));
                for (at, (name, values)) in named.iter().enumerate() {
                    let mode = if at == 0 { "0" } else { "1" };
                    let given = [
                        ("values", values.as_str()),
                        ("file_format", format),
                        ("write_mode", mode),
                        ("compression", packing),
                    ];
                    set.keep(&file, name, "pdarray", &given);
                }
                let files = if format == "0" { file.clone() } else { file.replace(".h5", "_LOCALE0000.h5") };
                assert!(Path::new(&set.path(&files)).exists());
                assert_eq!(set.names(&files), ["b", "f", "i", "s", "u"]);
                let word = set.stage.call("hdffileformat", &[("filename", &set.path(&files))]).to_string();
                assert_eq!(word, if format == "0" { "single" } else { "distribute" });
                assert_eq!(set.stage.call("getfiletype", &[("filename", &set.path(&files))]).to_string(), "HDF5");
                let told = set.read(&files, &["i", "u", "f", "b", "s"]).unwrap();
                assert!(told.iter().all(|told| told.sort == "PDARRAY"));
                assert_eq!(set.stage.values::<i64>(&told[0].symbol()), ints);
                assert_eq!(set.stage.values::<u64>(&told[1].symbol()), unsigned);
                let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&set.stage.values::<f64>(&told[2].symbol())), bits(&floats));
                assert_eq!(set.stage.values::<bool>(&told[3].symbol()), bools);
                // Integers are read as int64.
                assert!(
                    set.stage
                        .values::<i64>(&told[4].symbol())
                        .iter()
                        .zip(&small)
                        .all(|(a, b)| *a == i64::from(*b))
                );
            }
        }
    }
    let size = |file: &str| std::fs::metadata(set.path(file)).unwrap().len();
    assert!(size("all-gzip9-40000-0.h5") < size("all-none-40000-0.h5"));
    let one = set.stage.array(&[1], &[1i64]);
    let wrong = set.write("w", "a", "pdarray", &[("values", &one), ("compression", "zip")]).unwrap_err();
    assert!(wrong.message.contains("gzip:9"), "{wrong:?}");
}

#[test]
fn arrays_keep_their_rank_and_parts_of_arrays_are_written_as_they_are_seen() {
    let set = Set::small();
    let values: Vec<f64> = (0..24).map(f64::from).collect();
    let cube = set.stage.array(&[2, 3, 4], &values);
    set.keep("cube", "c", "pdarray", &[("values", &cube)]);
    let told = set.back("cube*", "c");
    assert!(told.created.contains(" 24 3 [2,3,4] ") || told.created.contains(" 24 3 (2,3,4) "), "{told:?}");
    assert_eq!(set.stage.values::<f64>(&told.symbol()), values);
    // Two of them follow one another along the first axis.
    set.keep("cubf", "c", "pdarray", &[("values", &cube)]);
    let both = set.back("cub*", "c");
    assert!(both.created.contains("4,3,4"), "{both:?}");
    let flat = set.stage.array(&[4], &[0i64, 1, 2, 3]);
    let every =
        [("array", flat.as_str()), ("starts", "[0]"), ("stops", "[4]"), ("strides", "[2]"), ("max_bits", "-1")];
    let every = set.stage.make("[slice]<int64,1>", &every);
    set.keep("every", "e", "pdarray", &[("values", &every)]);
    assert_eq!(set.stage.values::<i64>(&set.back("every*", "e").symbol()), [0, 2]);
}

#[test]
fn strings_come_back_with_and_without_their_offsets() {
    let set = Set::small();
    let many: Vec<String> = (0..20_000).map(|at| "x".repeat(at % 9)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for texts in [&["first", "", "Größe 北 🙂", "", "a\"b,c\nd"][..], &[], &[""], &many] {
        let name = set.stage.strings(texts);
        for offsets in ["true", "false"] {
            set.keep("s", "text", "strings", &[("values", &name), ("save_offsets", offsets)]);
            let told = set.back("s*", "text");
            assert_eq!(told.sort, "STRINGS");
            assert_eq!(set.stage.texts(&told.symbol()), texts);
            let by_zeros = [("calc_string_offsets", "true")];
            let (told, _) = set.read_with(&[set.path("s*")], &["text"], &by_zeros).unwrap();
            assert_eq!(set.stage.texts(&told[0].symbol()), texts);
        }
    }
}

#[test]
fn lists_of_numbers_strings_and_big_integers_come_back() {
    let set = Set::small();
    let begins = set.stage.array(&[4], &[0i64, 2, 2, 3]);
    let (numbers, texts) =
        (set.stage.array(&[4], &[1.5f64, 2.5, 3.5, 4.5]), set.stage.strings(&["a", "", "c", "d"]));
    let big = set.big(&[1, -2, 3 << 70, 4], "-1");
    for (name, values, mode) in [("n", &numbers, "0"), ("t", &texts, "1"), ("b", &big, "1")] {
        set.keep("l", name, "segarray", &[("segments", &begins), ("values", values), ("write_mode", mode)]);
    }
    let told = set.read("l*", &["n", "t", "b"]).unwrap();
    for told in &told {
        assert_eq!(told.sort, "SEGARRAY");
        assert_eq!(set.stage.values::<i64>(&told.part("segments")), [0, 2, 2, 3]);
    }
    assert_eq!(set.stage.values::<f64>(&told[0].part("values")), [1.5, 2.5, 3.5, 4.5]);
    assert_eq!(set.stage.texts(&told[1].part("values")), ["a", "", "c", "d"]);
    assert_eq!(set.bigs(&told[2].part("values"), 4), ["1", "-2", &(3i128 << 70).to_string(), "4"]);
    for wrong in [[0i64, 3, 2, 4], [-1, 0, 0, 0], [0, 0, 0, 5]] {
        let wrong = set.stage.array(&[4], &wrong);
        let fault = set.write("w", "n", "segarray", &[("segments", &wrong), ("values", &numbers)]).unwrap_err();
        assert!(fault.message.contains("segment"), "{fault:?}");
    }
    // Two files: the lists of the second begin behind the values of the first.
    set.keep("l2", "t", "segarray", &[("segments", &begins), ("values", &texts)]);
    let told = set.back("l*", "t");
    assert_eq!(set.stage.values::<i64>(&told.part("segments")), [0, 2, 2, 3, 4, 6, 6, 7]);
    assert_eq!(set.stage.texts(&told.part("values")), ["a", "", "c", "d", "a", "", "c", "d"]);
}

#[test]
fn big_integers_come_back_with_signs_and_width() {
    let set = Set::small();
    for (values, max_bits) in [
        (vec![0i128, 1, -1, i128::MAX, i128::MIN + 1, -(1 << 64), u64::MAX.into()], "-1"),
        (vec![u64::MAX.into(), 1 << 63], "-1"),
        (vec![(1 << 100) - 1, 5], "100"),
        (vec![7], "3"),
    ] {
        let name = set.big(&values, max_bits);
        set.keep("b", "big", "pdarray", &[("values", &name)]);
        let told = set.back("b*", "big");
        assert_eq!(told.sort, "PDARRAY");
        let decimal: Vec<String> = values.iter().map(i128::to_string).collect();
        assert_eq!(set.bigs(&told.symbol(), values.len()), decimal);
        let bits = set.stage.call("get_max_bits<bigint,1>", &[("array", &told.symbol())]).to_string();
        assert_eq!(bits, max_bits);
    }
}

#[test]
fn objects_of_several_parts_come_back_with_all_of_them() {
    let set = Set::small();
    let ints = set.stage.array(&[3], &[2i64, 0, 1]);
    let (na, texts) = (set.stage.array(&[1], &[3i64]), set.stage.strings(&["x", "y", "N/A"]));
    let parts = [
        ("codes", ints.as_str()),
        ("categories", &texts),
        ("NA_codes", &na),
        ("permutation", &ints),
        ("segments", &ints),
    ];
    set.keep("o", "cat", "categorical", &parts);
    set.keep("o", "short", "categorical", &[&parts[..3], &[APPEND]].concat());
    let categorical =
        serde_json::json!(parts.iter().copied().collect::<std::collections::BTreeMap<_, _>>()).to_string();
    let begins = set.stage.array(&[3], &[0i64, 1, 1]);
    let lists = serde_json::json!({ "segments": begins, "values": ints }).to_string();
    let text = |of: &[&str]| serde_json::json!(of).to_string();
    let keys = text(&[&ints, &texts, &categorical]);
    let grouped = [
        ("num_keys", "3"),
        ("key_names", &keys),
        ("key_objTypes", &text(&["pdarray", "Strings", "Categorical"])),
        ("key_dtypes", "[\"int64\",\"str\",\"str\"]"),
        ("unique_key_idx", &ints),
        ("permutation", &ints),
        ("segments", &ints),
        APPEND,
    ];
    set.keep("o", "group", "GroupBy", &grouped);
    let columns =
        text(&[&ints, &texts, &categorical, "LISTS"]).replace("\"LISTS\"", &serde_json::json!(lists).to_string());
    let frame = [
        ("num_cols", "4"),
        ("column_names", "[\"when\",\"t\",\"c\",\"l\"]"),
        ("column_objTypes", "[\"Datetime\",\"Strings\",\"Categorical\",\"SegArray\"]"),
        ("columns", &columns),
        ("index", &ints),
        APPEND,
    ];
    set.keep("o", "frame", "DataFrame", &frame);
    let levels = [
        ("num_idx", "2"),
        ("idx", &text(&[&ints, &texts])[..]),
        ("idx_objTypes", "[\"pdarray\",\"Strings\"]"),
        APPEND,
    ];
    set.keep("o", "levels", "MultiIndex", &levels);
    set.keep(
        "o",
        "index",
        "Index",
        &[("num_idx", "1"), ("idx", &text(&[&texts])), ("idx_objTypes", "[\"Strings\"]"), APPEND],
    );
    for (name, sort) in [("when", "Datetime"), ("how_long", "Timedelta"), ("who", "IPv4")] {
        set.keep("o", name, sort, &[("values", &ints), APPEND]);
    }
    let all = ["cat", "frame", "group", "how_long", "index", "levels", "short", "when", "who"];
    assert_eq!(set.names("o*"), all);
    let told = set.read("o*", &all).unwrap();
    let sorts: Vec<&str> = told.iter().map(|told| told.sort.as_str()).collect();
    let wanted = [
        "CATEGORICAL",
        "DATAFRAME",
        "GROUPBY",
        "TIMEDELTA",
        "INDEX",
        "MULTIINDEX",
        "CATEGORICAL",
        "DATETIME",
        "IPV4",
    ];
    assert_eq!(sorts, wanted);
    let [cat, frame, group, _, index, levels, short, ..] = &told[..] else { panic!("{told:?}") };
    for (told, more) in [(cat, true), (short, false)] {
        assert_eq!(set.stage.values::<i64>(&told.part("codes")), [2, 0, 1]);
        assert_eq!(set.stage.texts(&told.part("categories")), ["x", "y", "N/A"]);
        assert_eq!(set.stage.values::<i64>(&told.part("_akNAcode")), [3]);
        assert_eq!(told.parts().get("permutation").is_some() && told.parts().get("segments").is_some(), more);
    }
    for part in ["permutation", "segments", "uki", "KEY_0"] {
        assert_eq!(set.stage.values::<i64>(&group.part(part)), [2, 0, 1], "{part}");
    }
    let says = |told: &Told, part: &str, with: &str| told.parts()[part].as_str().unwrap().starts_with(with);
    assert!(says(group, "KEY_0", "PDARRAY+|+created ") && says(group, "KEY_1", "STRINGS+|+created "));
    assert!(says(group, "KEY_2", "CATEGORICAL+|+{") && says(group, "uki", "created "));
    assert!(
        says(frame, "when", "DATETIME+|+")
            && says(frame, "l", "SEGARRAY+|+{")
            && says(frame, "Index", "PDARRAY+|+")
    );
    assert_eq!(set.stage.texts(&frame.part("t")), ["x", "y", "N/A"]);
    assert_eq!(levels.parts().as_array().unwrap().len(), 2);
    let one = index.parts()[0].as_str().unwrap().to_owned();
    assert_eq!(set.stage.texts(&Stage::names(one.split("+|+").last().unwrap())[0]), ["x", "y", "N/A"]);
}

#[test]
fn a_name_is_added_once_and_overwritten_when_that_is_asked_for() {
    let set = Set::small();
    let (one, two) = (set.stage.array(&[3], &[1i64, 2, 3]), set.stage.array(&[2], &[0.5f64, 1.5]));
    set.keep("a.h5", "x", "pdarray", &[("values", &one)]);
    set.keep("a.h5", "y", "pdarray", &[("values", &one), APPEND]);
    let before = std::fs::read(set.path("a_LOCALE0000.h5")).unwrap();
    let fault = set.write("a.h5", "x", "pdarray", &[("values", &two), APPEND]).unwrap_err();
    assert!(fault.is(Code::Exists) && fault.message.contains('x'), "{fault:?}");
    assert_eq!(std::fs::read(set.path("a_LOCALE0000.h5")).unwrap(), before, "nothing was changed");
    set.keep("a.h5", "x", "pdarray", &[("values", &two), APPEND, ("overwrite", "true")]);
    assert_eq!(set.stage.values::<f64>(&set.back("a*", "x").symbol()), [0.5, 1.5]);
    assert_eq!(set.stage.values::<i64>(&set.back("a*", "y").symbol()), [1, 2, 3]);
    // A new file takes the place of all of it.
    set.keep("a.h5", "z", "pdarray", &[("values", &one)]);
    assert_eq!(set.names("a*"), ["z"]);
    assert_eq!(set.entries().len(), 1, "nothing is left beside it");
    // A file of two locales cannot be added to by one.
    std::fs::copy(set.path("a_LOCALE0000.h5"), set.path("a_LOCALE0001.h5")).unwrap();
    let fault = set.write("a.h5", "q", "pdarray", &[("values", &one), APPEND]).unwrap_err();
    assert!(fault.message.contains("Cannot append"), "{fault:?}");
    for name in ["", "a/b", "."] {
        assert!(set.write("b", name, "pdarray", &[("values", &one)]).unwrap_err().message.contains("dataset"));
    }
    assert!(set.write("b", "v", "series", &[("values", &one)]).unwrap_err().message.contains("series"));
    assert!(set.write("none/b", "v", "pdarray", &[("values", &one)]).unwrap_err().message.contains("none/b"));
    assert!(set.write("b", "v", "pdarray", &[("values", "id_0_0")]).unwrap_err().message.contains("id_0_0"));
    assert_eq!(set.entries().len(), 2);
}

#[test]
fn what_several_add_to_one_file_at_once_is_all_there() {
    let set = Set::small();
    let path = set.path("busy");
    std::thread::scope(|scope| {
        for client in 0..3 {
            let (session, commands) = set.stage.another();
            let path = &path;
            scope.spawn(move || {
                let _session = session;
                let made = commands.call("create<int64,1>", &[("shape", "[100]")]).unwrap().to_string();
                for at in 0..8 {
                    let given = [("values", made.split(' ').nth(1).unwrap()), APPEND, SINGLE];
                    write(&commands, path, &format!("d{client}-{at}"), "pdarray", &given).unwrap();
                }
            });
        }
    });
    assert_eq!(set.names("busy").len(), 24);
}

#[test]
fn files_of_several_locales_and_of_others_are_read() {
    let set = Set::small();
    // As the ancestor writes on two locales: offsets begin anew in each file.
    for (at, texts) in [&["one", "two"][..], &["", "three"]].into_iter().enumerate() {
        let file = hdf5::File::create(set.path(&format!("two_LOCALE000{at}"))).unwrap();
        let (mut bytes, mut begins) = (Vec::new(), Vec::new());
        for text in texts {
            begins.push(bytes.len() as i64);
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0u8);
        }
        let group = file.create_group("t").unwrap();
        group.new_attr::<i64>().create("ObjType").unwrap().write_scalar(&2i64).unwrap();
        group.new_dataset_builder().with_data(&bytes).create("values").unwrap();
        group.new_dataset_builder().with_data(&begins).create("segments").unwrap();
        // One file has none of this name's elements.
        let some: &[i64] = if at == 0 { &[] } else { &[7, 8] };
        file.new_dataset_builder().with_data(some).create("n").unwrap();
    }
    let told = set.read("two*", &["t", "n"]).unwrap();
    assert_eq!(set.stage.texts(&told[0].symbol()), ["one", "two", "", "three"]);
    assert_eq!(set.stage.values::<i64>(&told[1].symbol()), [7, 8]);
    let (told, _) = set.read_with(&[set.path("two*")], &["t"], &[("tag_data", "true")]).unwrap();
    assert_eq!(told[0].name, "Filename_Codes");
    assert_eq!(set.stage.values::<i64>(&told[0].symbol()), [0, 0, 1, 1]);
    // As others write: no marks, other widths, Booleans of an enumeration.
    let other =
        |at: usize, make: &dyn Fn(&hdf5::File)| make(&hdf5::File::create(set.path(&format!("o{at}"))).unwrap());
    other(0, &|file| drop(file.new_dataset_builder().with_data(&[1u32, 2]).create("n").unwrap()));
    other(1, &|file| drop(file.new_dataset_builder().with_data(&[-3i16]).create("n").unwrap()));
    other(2, &|file| drop(file.new_dataset_builder().with_data(&[u64::MAX]).create("n").unwrap()));
    other(3, &|file| {
        file.new_dataset_builder().with_data(&[0.5f32]).create("n").unwrap();
        file.new_dataset_builder().with_data(&[true, false]).create("b").unwrap();
        file.new_dataset::<i64>().create("single").unwrap().write_scalar(&5i64).unwrap();
        file.new_attr::<f64>().create("about").unwrap().write_scalar(&1.0f64).unwrap();
    });
    let files = |which: &[usize]| which.iter().map(|at| set.path(&format!("o{at}"))).collect::<Vec<_>>();
    let fault = set.read_with(&files(&[0, 1]), &["n"], &[]).unwrap_err();
    assert!(fault.message.contains("precision or sign") && fault.message.contains("o1"), "{fault:?}");
    let loose = [("strict_types", "false")];
    let (told, _) = set.read_with(&files(&[0, 1]), &["n"], &loose).unwrap();
    assert_eq!(set.stage.values::<i64>(&told[0].symbol()), [1, 2, -3]);
    for (order, which) in
        [(&[0, 2], "does not fit"), (&[2, 1], "-3 does not fit"), (&[0, 3], "Inconsistent dtype")]
    {
        let fault = set.read_with(&files(order), &["n"], &loose).unwrap_err();
        assert!(fault.message.contains(which), "{fault:?}");
    }
    let told = set.read("o3", &["b", "n", "single"]).unwrap();
    assert_eq!(set.stage.values::<bool>(&told[0].symbol()), [true, false]);
    assert_eq!(set.stage.values::<f64>(&told[1].symbol()), [0.5]);
    assert_eq!(set.stage.values::<i64>(&told[2].symbol()), [5]);
    assert_eq!(set.stage.call("hdffileformat", &[("filename", &set.path("o3"))]).to_string(), "single");
}

#[test]
fn files_that_fail_are_named_or_left_out_if_that_is_asked_for() {
    let set = Set::small();
    let values = set.stage.array(&[2], &[4i64, 5]);
    set.keep("good", "n", "pdarray", &[("values", &values), SINGLE]);
    set.keep("lacks", "m", "pdarray", &[("values", &values), SINGLE]);
    std::fs::write(set.path("foreign"), b"PAR1 is not HDF5, whatever it says").unwrap();
    std::fs::write(set.path("empty"), b"").unwrap();
    std::fs::create_dir(set.path("folder")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        set.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let before = set.symbols();
    let bad = ["missing", "lacks", "foreign", "empty", "folder", "pipe"];
    for name in bad {
        let pair = [set.path("good"), set.path(name)];
        let fault = set.read_with(&pair, &["n"], &[]).unwrap_err();
        assert!(fault.message.contains(&set.path(name)), "{name}: {fault:?}");
        if name != "missing" && name != "pipe" && name != "folder" && name != "lacks" {
            let added = set.write(name, "x", "pdarray", &[("values", &values), APPEND, SINGLE]).unwrap_err();
            assert!(added.message.contains(&set.path(name)), "{name}: {added:?}");
        }
        for command in ["lshdf", "hdffileformat"] {
            let answer = set.stage.commands.call(command, &[("filename", &set.path(name))]);
            assert_eq!(answer.is_err(), name != "lacks", "{command} {name}: {answer:?}");
        }
    }
    assert_eq!(set.symbols(), before);
    let files: Vec<String> = bad.iter().chain(["good"].iter()).map(|name| set.path(name)).collect();
    let (told, reply) = set.read_with(&files, &["n"], &[("allow_errors", "true")]).unwrap();
    assert_eq!(set.stage.values::<i64>(&told[0].symbol()), [4, 5]);
    assert_eq!(reply["file_error_count"], bad.len().to_string());
    let fault = set.read_with(&files[..3], &["n"], &[("allow_errors", "true")]).unwrap_err();
    assert!(fault.message.contains(&set.path("foreign")), "{fault:?}");
}

#[test]
fn a_file_that_claims_more_than_the_session_may_have_is_refused() {
    let set = Set::small();
    let file = hdf5::File::create(set.path("huge")).unwrap();
    let group = file.create_group("g").unwrap();
    for (within, name) in [(&*file, "n"), (&group, "values")] {
        within.new_dataset::<u8>().chunk(1 << 20).shape(1usize << 45).create(name).unwrap();
    }
    drop((group, file));
    let before = set.symbols();
    for name in ["n", "g", "g/values"] {
        let fault = set.read("huge", &[name]).unwrap_err();
        assert!(fault.is(Code::NoMemory), "{name}: {fault:?}");
    }
    assert_eq!(set.symbols(), before);
}

#[test]
fn wrong_offsets_and_marks_are_named() {
    let set = Set::small();
    let make = |name: &str, begins: &[i64], bytes: &[u8], sort: i64| {
        let file = hdf5::File::create(set.path(name)).unwrap();
        let group = file.create_group("o").unwrap();
        group.new_attr::<i64>().create("ObjType").unwrap().write_scalar(&sort).unwrap();
        group.new_dataset_builder().with_data(bytes).create("values").unwrap();
        group.new_dataset_builder().with_data(begins).create("segments").unwrap();
    };
    let texts: [(&[i64], &[u8]); 10] = [
        (&[1], b"ab\0"),
        (&[0, 9], b"ab\0"),
        (&[0, -1], b"ab\0"),
        (&[0, 1], b"ab\0"),
        (&[0, 0], b"ab\0"),
        (&[0], b"ab"),
        (&[], b"ab\0"),
        (&[0], b""),
        (&[0], b"\xff\xfe\0"),
        (&[0, i64::MAX], b"a\0b\0"),
    ];
    for (at, (begins, bytes)) in texts.into_iter().enumerate() {
        make("text", begins, bytes, 2);
        let fault = set.read("text", &["o"]).unwrap_err();
        assert!(fault.is(Code::BadArguments) && fault.message.contains('o'), "{at}: {fault:?}");
    }
    for begins in [&[-1i64][..], &[0, 4], &[2, 1]] {
        make("lists", begins, &[1, 2, 3], 3);
        assert!(set.read("lists", &["o"]).unwrap_err().message.contains("a list begins at"));
    }
    for sort in [0, 4, 5, 6, 10, 12, -7, i64::MAX] {
        make("marks", &[0], b"a\0", sort);
        let answer = set.read("marks", &["o"]);
        assert!(answer.is_err() || sort == 6 || sort == 12, "{sort}: {answer:?}");
    }
}

/// Bytes are changed and files are cut, in the formats that we write and that others write. Whatever the library says, the node goes on.
#[test]
fn a_file_that_is_cut_or_damaged_harms_nobody() {
    let set = Set::small();
    let values = set.stage.array(&[300], &(0..300i64).collect::<Vec<_>>());
    let texts = set.stage.strings(&["rope"; 60]);
    set.keep("ours", "n", "pdarray", &[("values", &values), SINGLE]);
    set.keep("ours", "t", "strings", &[("values", &texts), SINGLE, APPEND]);
    set.keep("ours", "z", "pdarray", &[("values", &values), SINGLE, APPEND, ("compression", "gzip")]);
    {
        // The oldest format, whose metadata has no checksums.
        let file = hdf5::File::with_options()
            .with_fapl(|access| access.libver_earliest())
            .create(set.path("theirs"))
            .unwrap();
        file.new_dataset_builder().with_data(&(0..300i64).collect::<Vec<_>>()).create("n").unwrap();
        file.new_dataset_builder().deflate(4).with_data(&(0..300i64).collect::<Vec<_>>()).create("z").unwrap();
        let group = file.create_group("t").unwrap();
        group.new_dataset_builder().with_data(&b"rope\0rope\0"[..]).create("values").unwrap();
        group.new_dataset_builder().with_data(&[0i64, 5]).create("segments").unwrap();
    }
    let before = set.symbols();
    let drop_symbols = |told: Vec<Told>| {
        for name in told.iter().flat_map(|told| Stage::names(&told.created)) {
            set.stage.call("delete", &[("name", &name)]);
        }
    };
    let rounds: u64 = std::env::var("WINDLASS_HDF5_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    let first: u64 = std::env::var("WINDLASS_HDF5_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for name in ["ours", "theirs"] {
        let whole = std::fs::read(set.path(name)).unwrap();
        for seed in first..first + rounds {
            let mut chance = fastrand::Rng::with_seed(seed);
            let mut bytes = whole.clone();
            if seed % 3 == 0 {
                bytes.truncate(chance.usize(..bytes.len()));
            } else {
                for _ in 0..chance.usize(1..8) {
                    let at = chance.usize(..bytes.len());
                    bytes[at] = chance.u8(..);
                }
            }
            std::fs::write(set.path("damaged"), &bytes).unwrap();
            if std::env::var_os("WINDLASS_HDF5_SEED").is_some() {
                println!("{name} {seed}");
            }
            let cut = bytes.len() < whole.len();
            let answer = set.read("damaged", &["n", "t", "z"]);
            match answer {
                Ok(told) => {
                    assert!(!cut, "{name} {seed}: a file that is cut was read");
                    drop_symbols(told);
                }
                Err(fault) => assert!(
                    fault.message.contains("damaged") || fault.is(Code::NoMemory),
                    "{name} {seed}: {fault:?}"
                ),
            }
            let _whatever = set.stage.commands.call("lshdf", &[("filename", &set.path("damaged"))]);
        }
    }
    assert_eq!(set.symbols(), before);
    drop_symbols(vec![set.back("ours", "n")]);
}
