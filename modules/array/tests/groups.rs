//! Shapes, random numbers and groups of rows through a real node, beside what NumPy answers or a naive model.
#![allow(non_snake_case, reason = "rows of the requirements are named as they are")]
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]

mod stage;

use stage::Stage;
use windlass_contract::commands::Answered;

fn stage() -> Stage {
    Stage::with(64 << 20)
}

fn names(answered: &Answered) -> Vec<String> {
    let Answered::List(all) = answered else { panic!("{answered:?} is no list") };
    all.iter()
        .map(|one| match one {
            Answered::Array(facts) => facts.name.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn list(names: &[&str]) -> String {
    format!("[{}]", names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(","))
}

#[test]
fn shapes_are_changed_as_numpy_changes_them() {
    let stage = stage();
    let table = stage.array(&[2, 3], &[0i64, 1, 2, 3, 4, 5]);
    let turned = stage.make("permuteDims<int64,2>", &[("name", &table), ("axes", "[\"1\",\"0\"]")]);
    assert_eq!(stage.values::<i64>(&turned), [0, 3, 1, 4, 2, 5]);
    // A view with gaps is copied when its shape changes.
    let row = stage.make("reshape<int64,2,1>", &[("name", &turned), ("shape", "[\"-1\"]")]);
    assert_eq!(stage.values::<i64>(&row), [0, 3, 1, 4, 2, 5]);
    let back = stage.make("flipAll<int64,2>", &[("name", &table), ("nAxes", "0"), ("axis", "[]")]);
    assert_eq!(stage.values::<i64>(&back), [5, 4, 3, 2, 1, 0]);
    let back = stage.make("flip<int64,2>", &[("name", &table), ("axis", "[\"1\"]")]);
    assert_eq!(stage.values::<i64>(&back), [2, 1, 0, 5, 4, 3]);
    let one = stage.array(&[1, 3], &[7i64, 8, 9]);
    let wide = stage.make("broadcast<int64,2,2>", &[("name", &one), ("shape", "[\"2\",\"3\"]")]);
    assert_eq!(stage.values::<i64>(&wide), [7, 8, 9, 7, 8, 9]);
    let flat = stage.call("squeeze<int64,2,1>", &[("name", &one), ("nAxes", "1"), ("axes", "[\"0\"]")]);
    assert!(flat.to_string().ends_with(" int64 3 1 [3] 8"), "{flat}");
    let deep = stage.call("expandDims<int64,2>", &[("name", &one), ("axis", "-1")]);
    assert!(deep.to_string().ends_with(" int64 3 3 [1,3,1] 8"), "{deep}");
    for (command, given) in [
        ("reshape<int64,2,1>", [("name", table.as_str()), ("shape", "[\"7\"]")]),
        ("reshape<int64,2,2>", [("name", &table), ("shape", "[\"-1\",\"-1\"]")]),
        ("broadcast<int64,2,2>", [("name", &table), ("shape", "[\"4\",\"3\"]")]),
        ("permuteDims<int64,2>", [("name", &table), ("axes", "[\"0\",\"0\"]")]),
        ("squeeze<int64,2,1>", [("name", &table), ("axes", "[\"0\"]")]),
    ] {
        assert!(!stage.fault(command, &given).message.is_empty(), "{command}");
    }
}

#[test]
fn arrays_are_joined_cut_rolled_and_repeated_as_numpy_does() {
    let stage = stage();
    let (a, b) = (stage.array(&[2, 2], &[1i64, 2, 3, 4]), stage.array(&[1, 2], &[5i64, 6]));
    let joined =
        stage.make("concatenate<int64,2>", &[("names", &list(&[&a, &b])), ("axis", "0"), ("offsets", "")]);
    assert_eq!(stage.values::<i64>(&joined), [1, 2, 3, 4, 5, 6]);
    let stacked = stage.call("stack<int64,2>", &[("names", &list(&[&a, &a])), ("axis", "1"), ("n", "2")]);
    let Answered::Array(facts) = &stacked else { panic!("{stacked:?}") };
    assert_eq!(
        (&facts.shape[..], stage.values::<i64>(&facts.name)),
        (&[2, 2, 2][..], vec![1, 2, 1, 2, 3, 4, 3, 4])
    );
    let layers = names(&stage.call("unstack<int64,2>", &[("name", &a), ("axis", "1"), ("numReturnArrays", "2")]));
    assert_eq!(layers.iter().map(|name| stage.values::<i64>(name)).collect::<Vec<_>>(), [[1, 3], [2, 4]]);
    let rolled = stage.make("roll<int64,2>", &[("name", &a), ("shift", "[\"1\"]"), ("axis", "[\"1\"]")]);
    assert_eq!(stage.values::<i64>(&rolled), [2, 1, 4, 3]);
    let rolled = stage.make("rollFlattened<int64,2>", &[("name", &a), ("shift", "[\"-1\"]")]);
    assert_eq!(stage.values::<i64>(&rolled), [2, 3, 4, 1]);
    let tiled = stage.make("tile<int64,2>", &[("name", &b), ("reps", "[\"2\",\"1\"]")]);
    assert_eq!(stage.values::<i64>(&tiled), [5, 6, 5, 6]);
    let times = stage.array(&[4], &[0i64, 1, 2, 1]);
    let repeated = stage.make("repeatFlat<int64,2>", &[("name", &a), ("repeats", &times)]);
    assert_eq!(stage.values::<i64>(&repeated), [2, 3, 3, 4]);
    let picks = stage.array(&[2, 1], &[1i64, -2]);
    let taken = stage.make("takeAlongAxis<int64,int64,2>", &[("x", &a), ("indices", &picks), ("axis", "1")]);
    assert_eq!(stage.values::<i64>(&taken), [2, 3]);
    let both = stage.array(&[3], &[1i64, 0, 1]);
    let taken = stage.make("takeAlongAxis<int64,int64,2>", &[("x", &a), ("indices", &both), ("axis", "1")]);
    assert_eq!(stage.values::<i64>(&taken), [2, 1, 2, 4, 3, 4], "one row of indices serves all lines");
    let same = stage.make("squeeze<int64,2,2>", &[("name", &a), ("nAxes", "0"), ("axes", "[]")]);
    assert_eq!(stage.values::<i64>(&same), [1, 2, 3, 4]);
    let holes = stage.array(&[2, 2], &[0i64, 9, 9, 0]);
    let places = names(&stage.call("nonzero<int64,2>", &[("x", &holes)]));
    assert_eq!(places.iter().map(|name| stage.values::<i64>(name)).collect::<Vec<_>>(), [[0, 1], [1, 0]]);
    assert!(stage.fault("concatenate<int64,2>", &[("names", "[]"), ("axis", "0")]).message.contains("no arrays"));
}

#[test]
fn random_numbers_keep_their_bounds_and_come_again_with_their_seed() {
    let stage = stage();
    let drawn = |seed: &str| {
        let given = [("shape", "100"), ("low", "-3"), ("high", "4"), ("seed", seed)];
        stage.values::<i64>(&stage.make("randint<int64,1>", &given))
    };
    let first = drawn("7");
    assert_eq!(first, drawn("7"));
    assert_ne!(first, drawn("8"));
    assert!(first.iter().all(|value| (-3..4).contains(value)) && first.contains(&3) && first.contains(&-3));
    let generator = stage.call("createGenerator<float64>", &[("has_seed", "True"), ("seed", "5"), ("state", "1")]);
    let generator = generator.to_string().split(' ').nth(1).expect("a name").to_owned();
    let part = |state: &str, shape: &str| {
        let given =
            [("name", generator.as_str()), ("low", "0"), ("high", "1"), ("shape", shape), ("state", state)];
        stage.values::<f64>(&stage.make("uniformGenerator<float64,1>", &given))
    };
    let whole = part("1", "10");
    assert_eq!(whole[4..], part("5", "6")[..], "a generator goes on where it was");
    assert!(whole.iter().all(|value| (0.0..1.0).contains(value)));
    let array = stage.array(&[5], &[10i64, 20, 30, 40, 50]);
    stage.call("shuffle<int64,1>", &[("name", &generator), ("x", &array), ("shape", "5"), ("state", "1")]);
    let mut shuffled = stage.values::<i64>(&array);
    shuffled.sort_unstable();
    assert_eq!(shuffled, [10, 20, 30, 40, 50]);
    let refused = stage.fault("randint<int64,1>", &[("shape", "1"), ("low", "4"), ("high", "4"), ("seed", "1")]);
    assert!(refused.message.contains("low >= high"), "{refused}");
}

#[test]
fn random_numbers_by_place_are_the_ancestors_and_whole_bounds_beyond_a_dtype_are_its_ends() {
    let stage = stage();
    let array = stage.array(&[3], &[0u64; 3]);
    let given = |array: &str, start: &str| {
        [("A", array.to_owned()), ("seed", "42".into()), ("stream", "7".into()), ("startIdx", start.to_owned())]
    };
    let fill = |command: &str, array: &str, start: &str| {
        let given = given(array, start);
        let given: Vec<_> = given.iter().map(|(key, value)| (*key, value.as_str())).collect();
        stage.call(command, &given);
    };
    fill("fillRandU64<uint64,1>", &array, "999");
    let words = stage.values::<u64>(&array);
    assert_eq!(words[1], 0x95b4_f757_3f58_ff7b, "computed apart, from the published function");
    fill("fillRandU64<uint64,1>", &array, "1000");
    assert_eq!(stage.values::<u64>(&array)[0], words[1], "a value follows from its place");
    let units = stage.array(&[1], &[0f64]);
    fill("fillUniform01<float64,1>", &units, "1000");
    assert_eq!(stage.values::<f64>(&units), [0.584_792_574_692_389_8]);
    let wrong = stage.array(&[1], &[0i64]);
    let given = [("A", wrong.as_str()), ("seed", "1"), ("stream", "0"), ("startIdx", "0")];
    assert!(stage.fault("fillRandU64<int64,1>", &given).message.contains("uint64"));
    let drawn = |dtype: &str, low: &str, high: &str| {
        let given = [("shape", "50"), ("low", low), ("high", high), ("seed", "3")];
        stage.make(&format!("randint<{dtype},1>"), &given)
    };
    let (most, beyond) = ("18446744073709551616", "1606938044258990275541962092341162602522202993782792835301376");
    assert!(stage.values::<i64>(&drawn("int64", "0", most)).iter().all(|value| *value >= 0));
    assert!(
        stage
            .values::<u64>(&drawn("uint64", beyond, &format!("{beyond}0")))
            .iter()
            .all(|value| *value == u64::MAX)
    );
    assert!(stage.values::<i64>(&drawn("int64", &format!("-{beyond}"), "0")).iter().all(|value| *value < 0));
}

#[test]
fn the_extremes_of_nothing_are_what_any_element_beats() {
    let stage = stage();
    let none = stage.array::<i64>(&[0], &[]);
    let given = [("x", none.as_str()), ("skipNan", "True")];
    assert_eq!(stage.call("minAll<int64,1>", &given).to_string(), format!("int64 {}", i64::MAX));
    assert_eq!(stage.call("maxAll<int64,1>", &given).to_string(), format!("int64 {}", i64::MIN));
}

#[test]
fn one_node_has_no_traffic_and_says_so_under_every_name() {
    let stage = stage();
    assert_eq!(stage.call("startCommDiagnostics", &[]).to_string(), "commDiagnostics started.");
    for name in ["getCommDiagnosticsPut", "getCommDiagnosticsAmo", "getCommDiagnosticsCacheReadaheadWaited"] {
        assert_eq!(stage.values::<u64>(&stage.make(name, &[])), [0], "{name}");
    }
}

#[test]
fn rows_of_equal_keys_are_grouped_and_reduced() {
    let stage = stage();
    let keys = stage.array(&[6], &[3i64, 1, 3, 2, 1, 3]);
    let said = stage.call(
        "unique",
        &[
            ("returnGroupStr", "True"),
            ("assumeSortedStr", "False"),
            ("nstr", "1"),
            ("keynames", &list(&[&keys])),
            ("keytypes", "[\"pdarray\"]"),
        ],
    );
    let said = said.to_string();
    let made: Vec<&str> = said.split('+').map(|one| one.split(' ').nth(1).expect("a name")).collect();
    assert_eq!(stage.values::<i64>(made[0]), [1, 4, 3, 0, 2, 5]);
    assert_eq!(stage.values::<i64>(made[1]), [0, 2, 3]);
    assert_eq!(stage.values::<i64>(made[2]), [1, 3, 0]);
    let sizes = stage.make("sizeReduction", &[("segments", made[1]), ("size", "6")]);
    assert_eq!(stage.values::<i64>(&sizes), [2, 1, 3]);
    let values = stage.array(&[6], &[1.0f64, 5.0, f64::NAN, 2.0, 3.0, 8.0]);
    let reduce = |op: &str, skip: &str| {
        let given =
            [("values", values.as_str()), ("segments", made[1]), ("op", op), ("skip_nan", skip), ("ddof", "1")];
        stage.make("segmentedReduction", &given)
    };
    assert_eq!(stage.values::<f64>(&reduce("sum", "True")), [6.0, 0.0, 13.0]);
    assert_eq!(stage.values::<f64>(&reduce("median", "True"))[0], 3.0);
    assert_eq!(stage.values::<f64>(&reduce("mean", "True"))[0], 3.0);
    assert_eq!(stage.values::<i64>(&reduce("nunique", "False")), [2, 1, 3]);
    let second = stage.array(&[6], &[1i64, 2, 0, 0, 1, 0]);
    let order = stage.make(
        "coargsort",
        &[("arr_names", &list(&[&keys, &second])), ("nstr", "2"), ("arr_types", ""), ("algoName", "")],
    );
    assert_eq!(stage.values::<i64>(&order), [4, 1, 3, 2, 5, 0]);
}

#[test]
fn the_least_and_the_greatest_of_a_group_stand_at_a_row_among_all() {
    let stage = Stage::with(64 << 20);
    // Longer than what is looked at in one go, and so are some of its groups.
    let values: Vec<f64> = (0..100_000u64).map(|at| (at.wrapping_mul(0x9e37_79b9) % 977) as f64).collect();
    let starts = [3i64, 4, 10, 40_000, 99_999];
    let mut with_nan = values.clone();
    with_nan[50_000] = f64::NAN;
    let segments = stage.array(&[starts.len()], &starts);
    for values in [values, with_nan] {
        let name = stage.array(&[values.len()], &values);
        for (op, turned) in [("argmin", 1.0), ("argmax", -1.0)] {
            let given = [("values", name.as_str()), ("segments", &segments), ("op", op), ("skip_nan", "False")];
            let found = stage.values::<i64>(&stage.make("segmentedReduction", &given));
            let wanted = (0..starts.len()).map(|group| {
                let rows = starts[group] as usize..starts.get(group + 1).map_or(values.len(), |&end| end as usize);
                // NaN is found first.
                let key =
                    |row: &usize| if values[*row].is_nan() { f64::NEG_INFINITY } else { values[*row] * turned };
                rows.min_by(|a, b| key(a).total_cmp(&key(b))).expect("no group is empty") as i64
            });
            assert_eq!(found, wanted.collect::<Vec<_>>(), "{op}");
        }
    }
}
