//! Hashes, parts of times, and objects that are registered; beside naive models and what NumPy and Python answer.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]

mod stage;

use serde_json::{Value, json};
use stage::Stage;
use windlass_contract::Code;

fn stage() -> Stage {
    Stage::with(64 << 20)
}

/// The values of the arrays that a JSON object names.
fn halves(stage: &Stage, said: &str) -> Vec<(u64, u64)> {
    let said: Value = serde_json::from_str(said).unwrap();
    let half = |key: &str| stage.values::<u64>(&Stage::names(said[key].as_str().unwrap())[0]);
    half("upperHash").into_iter().zip(half("lowerHash")).collect()
}

fn pairs(stage: &Stage, said: &str) -> Vec<(u64, u64)> {
    let names = Stage::names(said);
    stage.values::<u64>(&names[0]).into_iter().zip(stage.values::<u64>(&names[1])).collect()
}

#[test]
fn hashes_of_strings_are_those_of_the_published_vectors() {
    let stage = stage();
    let name = stage.strings(&["", "a", ""]);
    let hashes =
        pairs(&stage, &stage.call("segmentedHash", &[("objType", "Strings"), ("obj", &name)]).to_string());
    assert_eq!(hashes[0], (0xa381_7f04_ba25_a8e6, 0x6df6_7214_c755_0293));
    assert_eq!(hashes[0], hashes[2]);
    assert_ne!(hashes[0], hashes[1]);
}

#[test]
fn hashes_of_equal_values_are_equal_in_every_dtype_and_rank() {
    let stage = stage();
    let whole = stage.array(&[2, 2], &[1i64, 2, 1, -1]);
    for (command, name) in [
        ("hash128<int64,2>", whole.clone()),
        ("hash128<float64,1>", stage.array(&[4], &[1.0, 2.0, 1.0, f64::NAN])),
        ("hash128<uint64,1>", stage.array(&[4], &[1u64, 2, 1, u64::MAX])),
    ] {
        let hashes = pairs(&stage, &stage.call(command, &[("x", &name)]).to_string());
        assert_eq!(hashes[0], hashes[2]);
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[3], "{command}");
    }
    let short = stage.make("hash64<int64,2>", &[("x", &whole)]);
    let short = stage.values::<u64>(&short);
    assert!(short[0] == short[2] && short[0] != short[1]);
    let empty = stage.array::<i64>(&[0], &[]);
    assert!(pairs(&stage, &stage.call("hash128<int64,1>", &[("x", &empty)]).to_string()).is_empty());
}

#[test]
fn hashes_of_rows_mix_their_columns_whose_order_counts() {
    let stage = stage();
    let (a, b) = (stage.array(&[3], &[1i64, 2, 1]), stage.strings(&["x", "y", "x"]));
    let list = |names: &[&str], sorts: &[&str]| {
        let (names, sorts) = (json!(names).to_string(), json!(sorts).to_string());
        let given = [("nameslist", names.as_str()), ("typeslist", &sorts), ("length", "2"), ("size", "3")];
        stage.commands.call("hashList", &given).map(|said| halves(&stage, &said.to_string()))
    };
    let rows = list(&[&a, &b], &["pdarray", "Strings"]).unwrap();
    assert!(rows[0] == rows[2] && rows[0] != rows[1]);
    assert_ne!(rows, list(&[&b, &a], &["Strings", "pdarray"]).unwrap());
    let twice = list(&[&a, &a], &["pdarray", "pdarray"]).unwrap();
    assert!(twice.iter().all(|row| *row != (0, 0)), "equal columns do not cancel each other");
    // What a row of 2 columns is, by hand: the second is turned by one bit in 128.
    let whole = |(high, low): (u64, u64)| (u128::from(high) << 64) | u128::from(low);
    let one = pairs(&stage, &stage.call("hash128<int64,1>", &[("x", &a)]).to_string());
    for (row, one) in twice.iter().zip(one) {
        assert_eq!(whole(*row), whole(one) ^ whole(one).rotate_left(1));
    }
    let codes = stage.array(&[3], &[1i64, 0, 1]);
    let categories = stage.strings(&["y", "x"]);
    let said = stage.call("categoricalHash", &[("categories", &categories), ("codes", &codes)]).to_string();
    let strings = pairs(&stage, &stage.call("segmentedHash", &[("objType", "Strings"), ("obj", &b)]).to_string());
    assert_eq!(halves(&stage, &said), strings, "a category is hashed as its text is");
    let part = json!({ "categories": categories, "codes": codes }).to_string();
    assert_eq!(list(&[&part], &["Categorical"]).unwrap(), strings);
    let wrong = stage.array(&[1], &[2i64]);
    let outside = stage.fault("categoricalHash", &[("categories", &categories), ("codes", &wrong)]);
    assert!(outside.message.contains("code 2 of 2"), "{outside}");
    let longer = stage.array(&[4], &[0i64; 4]);
    assert!(list(&[&a, &longer], &["pdarray", "pdarray"]).unwrap_err().message.contains("4 rows"));
}

#[test]
fn hashes_of_segments_know_order_and_length() {
    let stage = stage();
    let values = stage.array(&[10], &[1i64, 2, 2, 1, 5, 5, 5, 5, 1, 2]);
    let segments = stage.array(&[6], &[0i64, 2, 4, 6, 8, 10]);
    let given = [("objType", "SegArray"), ("values", values.as_str()), ("segments", &segments)];
    let hashes = pairs(&stage, &stage.call("segmentedHash", &given).to_string());
    assert_eq!(hashes[0], hashes[4]);
    assert_eq!(hashes[2], hashes[3]);
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2]);
    assert!(hashes[2] != (0, 0), "equal values do not cancel each other");
    assert_eq!(hashes[5], (0, 0), "nothing");
    let wrong = stage.array(&[2], &[0i64, 11]);
    let given = [("objType", "SegArray"), ("values", values.as_str()), ("segments", &wrong)];
    assert!(stage.fault("segmentedHash", &given).message.contains("lies outside"));
}

#[test]
fn moments_and_spans_consist_of_what_python_says() {
    let stage = stage();
    // 2000-02-29T23:59:59.123456789, 1969-12-31T23:59:59.999999999, 2021-01-03, 2020-12-31
    let values =
        stage.array(&[4], &[951_868_799_123_456_789i64, -1, 1_609_632_000_000_000_000, 1_609_372_800_000_000_000]);
    let said: Value =
        serde_json::from_str(&stage.call("dateTimeAttributes", &[("values", &values)]).to_string()).unwrap();
    let part = |key: &str| stage.values::<i64>(&Stage::names(said[key].as_str().unwrap())[0]);
    for (key, wanted) in [
        ("nanosecond", [789, 999, 0, 0]),
        ("microsecond", [456, 999, 0, 0]),
        ("millisecond", [123, 999, 0, 0]),
        ("second", [59, 59, 0, 0]),
        ("minute", [59, 59, 0, 0]),
        ("hour", [23, 23, 0, 0]),
        ("day", [29, 31, 3, 31]),
        ("month", [2, 12, 1, 12]),
        ("year", [2000, 1969, 2021, 2020]),
        ("dayOfYear", [60, 365, 3, 366]),
        ("isoYear", [2000, 1970, 2020, 2020]),
        ("weekOfYear", [9, 1, 53, 53]),
        ("dayOfWeek", [1, 2, 6, 3]),
    ] {
        assert_eq!(part(key), wanted, "{key}");
    }
    let leap = stage.values::<bool>(&Stage::names(said["isLeapYear"].as_str().unwrap())[0]);
    assert_eq!(leap, [true, false, false, true]);
    let said: Value =
        serde_json::from_str(&stage.call("timeDeltaAttributes", &[("values", &values)]).to_string()).unwrap();
    assert_eq!(stage.values::<i64>(&Stage::names(said["day"].as_str().unwrap())[0])[1], -1);
    let empty = stage.array::<i64>(&[0], &[]);
    let said: Value =
        serde_json::from_str(&stage.call("dateTimeAttributes", &[("values", &empty)]).to_string()).unwrap();
    assert!(said["year"].as_str().unwrap().contains(" int64 0 1 [0] 8"), "{said}");
    let floats = stage.array(&[2], &[1.5f64, f64::NAN]);
    assert!(stage.fault("dateTimeAttributes", &[("values", &floats)]).is(Code::BadArguments));
    let bits = stage.values::<u64>(&stage.make("transmuteFloat", &[("name", &floats)]));
    assert_eq!(bits, [1.5f64.to_bits(), f64::NAN.to_bits()]);
}

fn registry(stage: &Stage) -> (Vec<String>, Vec<String>, Vec<String>) {
    let said: Value = serde_json::from_str(&stage.call("list_registry", &[]).to_string()).unwrap();
    let list = |key: &str| serde_json::from_str(said[key].as_str().unwrap()).unwrap();
    (list("Objects"), list("Object_Types"), list("Components"))
}

#[test]
fn registered_objects_survive_deletion_and_their_session_and_can_be_attached() {
    let stage = stage();
    let (client, commands) = stage.another();
    let created = commands.call("createScalarArray<int64>", &[("value", "5")]).unwrap().to_string();
    let name = Stage::names(&created).remove(0);
    let given = [("name", "five"), ("objType", "pdarray"), ("array", name.as_str())];
    assert_eq!(commands.call("register", &given).unwrap().to_string(), "Registered PDARRAY");
    let again = commands.call("register", &given).unwrap_err();
    assert!(again.message.contains("Name, five, not available for registration"), "{again}");
    let kept = commands.call("delete", &[("name", &name)]).unwrap().to_string();
    assert_eq!(kept, format!("registered symbol, {name}, not deleted"));
    drop((commands, client));
    assert_eq!(registry(&stage), (vec!["five".into()], vec!["PDARRAY".into()], vec![name.clone()]));
    let said: Value = serde_json::from_str(&stage.call("attach", &[("name", "five")]).to_string()).unwrap();
    assert_eq!(said, json!({ "objType": "PDARRAY", "create": format!("created {name} int64 1 1 [1] 8") }));
    assert_eq!(stage.call("unregister", &[("name", "five")]).to_string(), "Unregistered PDARRAY five");
    assert_eq!(registry(&stage), (vec![], vec![], vec![]));
    assert_eq!(stage.call("delete", &[("name", &name)]).to_string(), format!("deleted {name}"));
    let gone = stage.fault("attach", &[("name", "five")]);
    assert!(gone.is(Code::UnknownSymbol), "{gone}");
}

#[test]
fn a_symbol_of_two_objects_stays_registered_until_both_are_gone() {
    let stage = stage();
    let (codes, missing) = (stage.array(&[2], &[0i64, 1]), stage.array(&[1], &[-1i64]));
    let categories = stage.strings(&["a", "b"]);
    let categorical = [
        ("name", "kinds"),
        ("objType", "Categorical"),
        ("codes", codes.as_str()),
        ("categories", &categories),
        ("_akNAcode", &missing),
        ("segments", ""),
        ("permutation", ""),
    ];
    stage.call("register", &categorical);
    stage.call("register", &[("name", "codes"), ("objType", "pdarray"), ("array", &codes)]);
    let (objects, sorts, parts) = registry(&stage);
    assert_eq!((objects.len(), sorts.len(), parts.len()), (2, 2, 3));
    let said: Value = serde_json::from_str(&stage.call("attach", &[("name", "kinds")]).to_string()).unwrap();
    let create: Value = serde_json::from_str(said["create"].as_str().unwrap()).unwrap();
    assert_eq!(create["codes"], format!("created {codes} int64 2 1 [2] 8"));
    assert_eq!(create["categories"], format!("created {categories} str 2 1 [2] 1+created bytes.size 4"));
    assert!(create.get("segments").is_none());
    stage.call("unregister", &[("name", "kinds")]);
    assert!(stage.call("delete", &[("name", &codes)]).to_string().contains("not deleted"));
    assert!(stage.call("delete", &[("name", &categories)]).to_string().starts_with("deleted"));
    stage.call("unregister", &[("name", "codes")]);
    assert!(stage.call("delete", &[("name", &codes)]).to_string().starts_with("deleted"));
}

#[test]
fn frames_series_indices_groups_and_segments_come_back_as_they_were_registered() {
    let stage = stage();
    let (a, b) = (stage.array(&[2], &[0i64, 1]), stage.array(&[2], &[0.5f64, 1.5]));
    let s = stage.strings(&["x", "yy"]);
    let tag = |name: &str, dtype: &str| format!("created {name} {dtype} 2 1 [2] 8");
    let text = format!("created {s} str 2 1 [2] 1+created bytes.size 5");
    let attach = |name: &str| -> (String, Value) {
        let said: Value = serde_json::from_str(&stage.call("attach", &[("name", name)]).to_string()).unwrap();
        let create = serde_json::from_str(said["create"].as_str().unwrap()).unwrap();
        (said["objType"].as_str().unwrap().to_owned(), create)
    };
    let parts = json!([
        a,
        s,
        json!({ "segments": a, "values": b }).to_string(),
        json!({ "name": a, "width": 8, "reverse": false }).to_string()
    ]);
    let given = [
        ("name", "frame".to_owned()),
        ("objType", "DataFrame".to_owned()),
        ("idx", a.clone()),
        ("num_cols", "4".to_owned()),
        ("column_names", json!(["n", "s", "g", "v"]).to_string()),
        ("columns", parts.to_string()),
        ("col_objTypes", json!(["pdarray", "Strings", "SegArray", "BitVector"]).to_string()),
    ];
    let given: Vec<(&str, &str)> = given.iter().map(|(key, value)| (*key, value.as_str())).collect();
    stage.call("register", &given);
    let (sort, create) = attach("frame");
    assert_eq!(sort, "DATAFRAME");
    assert_eq!(create["n"], format!("PDARRAY+|+{}", tag(&a, "int64")));
    assert_eq!(create["s"], format!("STRINGS+|+{text}"));
    let inner = |key: &str, sort: &str| -> Value {
        let text = create[key].as_str().unwrap().strip_prefix(&format!("{sort}+|+")).unwrap();
        serde_json::from_str(text).unwrap()
    };
    assert_eq!(inner("g", "SEGARRAY"), json!({ "segments": tag(&a, "int64"), "values": tag(&b, "float64") }));
    assert_eq!(inner("v", "BITVECTOR"), json!({ "values": tag(&a, "int64"), "width": "8", "reverse": "false" }));

    let (names, sorts) = (json!([s]).to_string(), json!(["Strings"]).to_string());
    stage.call(
        "register",
        &[
            ("name", "index"),
            ("objType", "Index"),
            ("num_idxs", "1"),
            ("idx_names", &names),
            ("idx_types", &sorts),
        ],
    );
    assert_eq!(attach("index"), ("INDEX".into(), json!([format!("STRINGS+|+{text}")])));
    stage.call(
        "register",
        &[
            ("name", "series"),
            ("objType", "Series"),
            ("num_idxs", "1"),
            ("idx_names", &names),
            ("idx_types", &sorts),
            ("values", &b),
            ("val_type", "pdarray"),
        ],
    );
    let (sort, create) = attach("series");
    assert_eq!(sort, "SERIES");
    assert_eq!(create["value"], format!("PDARRAY+|+{}", tag(&b, "float64")));
    assert_eq!(create["index"], json!([format!("STRINGS+|+{text}")]).to_string());
    stage.call(
        "register",
        &[
            ("name", "groups"),
            ("objType", "GroupBy"),
            ("segments", &a),
            ("permutation", &a),
            ("uki", &a),
            ("num_keys", "1"),
            ("keys", &names),
            ("key_objTypes", &sorts),
        ],
    );
    assert_eq!(attach("groups").1["KEY_0"], format!("STRINGS+|+{text}"));
    assert_eq!(registry(&stage).0, ["frame", "index", "series", "groups"]);

    // What is wrong changes nothing.
    let wrong = stage.fault("register", &[("name", "no"), ("objType", "Sparse")]);
    assert!(wrong.message.contains("ObjType Not Supported"), "{wrong}");
    let absent = stage.fault("register", &[("name", "no"), ("objType", "pdarray"), ("array", "id_none_1")]);
    assert!(absent.is(Code::UnknownSymbol), "{absent}");
    assert_eq!(registry(&stage).0.len(), 4);
    for name in ["frame", "groups", "index", "series"] {
        stage.call("unregister", &[("name", name)]);
    }
    assert_eq!(registry(&stage), (vec![], vec![], vec![]));
}

#[test]
fn groups_are_reduced_beside_naive_models_with_nan_and_without() {
    let stage = stage();
    let nan = f64::NAN;
    let groups: [&[f64]; 5] = [&[3.0, nan, 1.0], &[nan, nan], &[2.5], &[nan, 7.0, 8.0, -1.0], &[4.0, 4.0]];
    let values: Vec<f64> = groups.concat();
    let starts: Vec<i64> = (0..groups.len()).map(|at| groups[..at].concat().len() as i64).collect();
    let (name, segments) = (stage.array(&[values.len()], &values), stage.array(&[starts.len()], &starts));
    let reduce = |values: &str, op: &str, skip: &str, n: &str| {
        let given =
            [("values", values), ("segments", &segments), ("op", op), ("skip_nan", skip), ("ddof", "1"), ("n", n)];
        stage.make("segmentedReduction", &given)
    };
    let clean: Vec<Vec<f64>> =
        groups.iter().map(|group| group.iter().copied().filter(|one| !one.is_nan()).collect()).collect();
    let best = |better: fn(f64, f64) -> f64| -> Vec<u64> {
        clean.iter().map(|group| group.iter().copied().reduce(better).unwrap_or(nan).to_bits()).collect()
    };
    let bits = |name: &str| -> Vec<u64> {
        let values = stage.values::<f64>(name);
        values.into_iter().map(|one| if one.is_nan() { nan.to_bits() } else { one.to_bits() }).collect()
    };
    assert_eq!(bits(&reduce(&name, "min", "True", "0")), best(f64::min));
    assert_eq!(bits(&reduce(&name, "max", "True", "0")), best(f64::max));
    let middle: Vec<u64> = clean
        .iter()
        .map(|group| {
            let mut group = group.clone();
            group.sort_by(f64::total_cmp);
            match group.len() {
                0 => nan.to_bits(),
                n if n % 2 == 1 => group[n / 2].to_bits(),
                n => ((group[n / 2 - 1] + group[n / 2]) / 2.0).to_bits(),
            }
        })
        .collect();
    assert_eq!(bits(&reduce(&name, "median", "True", "0")), middle);
    assert_eq!(stage.values::<i64>(&reduce(&name, "count", "True", "0")), [2, 0, 1, 3, 2]);
    assert_eq!(stage.values::<i64>(&reduce(&name, "count", "False", "0")), [3, 2, 1, 4, 2]);
    let rows: Vec<i64> = (0..values.len() as i64).collect();
    let rows = stage.array(&[rows.len()], &rows);
    assert_eq!(stage.values::<i64>(&reduce(&rows, "head", "False", "2")), [0, 1, 3, 4, 5, 6, 7, 10, 11]);
    assert_eq!(stage.values::<i64>(&reduce(&rows, "tail", "False", "1")), [2, 4, 5, 9, 11]);
    assert!(stage.values::<i64>(&reduce(&rows, "head", "False", "0")).is_empty());
    let whole: Vec<u64> = (0..12).map(|at| at * 0x1111 % 7).collect();
    let held: Vec<bool> = whole.iter().map(|one| one % 2 == 1).collect();
    let (whole_name, held_name) = (stage.array(&[12], &whole), stage.array(&[12], &held));
    let ends: Vec<(usize, usize)> =
        (0..5).map(|at| (starts[at] as usize, starts.get(at + 1).map_or(12, |&end| end as usize))).collect();
    for (op, of, of_bools) in [
        ("or", (|a, b| a | b) as fn(u64, u64) -> u64, (|a, b| a | b) as fn(bool, bool) -> bool),
        ("and", |a, b| a & b, |a, b| a & b),
        ("xor", |a, b| a ^ b, |a, b| a ^ b),
    ] {
        let naive: Vec<u64> =
            ends.iter().map(|&(from, to)| whole[from..to].iter().copied().reduce(of).unwrap()).collect();
        assert_eq!(stage.values::<u64>(&reduce(&whole_name, op, "False", "0")), naive, "{op}");
        let naive: Vec<bool> =
            ends.iter().map(|&(from, to)| held[from..to].iter().copied().reduce(of_bools).unwrap()).collect();
        assert_eq!(stage.values::<bool>(&reduce(&held_name, op, "False", "0")), naive, "{op}");
    }
}
