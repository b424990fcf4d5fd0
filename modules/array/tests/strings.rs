//! The group `strings` beside naive models: picked, compared, joined, assembled, made of numbers and of chance.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]

mod stage;

use stage::Stage;

const TEXTS: [&[&str]; 4] =
    [&[], &[""], &["one"], &["zw\u{f6}lf", "", "a b", "\u{1F600}\"\\\n", "one", "zw\u{f6}lf", "Z"]];

type Naive = fn(&str, &str) -> bool;

fn stage() -> Stage {
    Stage::with(64 << 20)
}

#[test]
fn strings_that_are_assembled_come_back_and_malformed_ones_are_refused() {
    let stage = stage();
    for texts in TEXTS {
        assert_eq!(stage.texts(&stage.strings(texts)), texts);
    }
    let bytes = stage.array(&[4], &[b'a', 0, 0xFF, 0]);
    for offsets in [vec![0i64, 5], vec![-1], vec![2, 0], vec![2]] {
        let offsets = stage.array(&[offsets.len()], &offsets);
        let refused = stage.fault("segStr-assemble", &[("offsets", &offsets), ("values", &bytes)]);
        assert!(refused.message.contains("outside") || refused.message.contains("UTF-8"), "{refused}");
    }
}

#[test]
fn strings_are_picked_by_place_slice_array_and_mask_as_a_list_is() {
    let stage = stage();
    for texts in TEXTS {
        let name = stage.strings(texts);
        let n = texts.len() as i64;
        let pick =
            |how: &str, key: &str| [("subcmd", how.to_owned()), ("obj", name.clone()), ("key", key.to_owned())];
        let given = |all: &[(&'static str, String); 3]| -> Vec<(&'static str, String)> { all.to_vec() };
        let call = |all: [(&'static str, String); 3]| {
            let all = given(&all);
            let all: Vec<(&str, &str)> = all.iter().map(|(key, value)| (*key, value.as_str())).collect();
            stage.commands.call("segmentedIndex", &all)
        };
        for at in -n..n {
            let said = call(pick("intIndex", &at.to_string())).unwrap().to_string();
            let text: String = serde_json::from_str(said.strip_prefix("item str ").unwrap()).unwrap();
            assert_eq!(text, texts[at.rem_euclid(n) as usize]);
        }
        assert!(call(pick("intIndex", &n.to_string())).is_err());
        for (start, stop, stride) in [(0, n, 1), (0, n, 2), (n - 1, -1, -1), (n, 0, 1), (0, n, 3)] {
            let mut naive = Vec::new();
            let mut at = start;
            while (stride > 0 && at < stop) || (stride < 0 && at > stop) {
                naive.push(texts[at as usize]);
                at += stride;
            }
            let said = call(pick("sliceIndex", &format!("[{start},{stop},{stride}]"))).unwrap().to_string();
            assert_eq!(stage.texts(&Stage::names(&said)[0]), naive, "{start} {stop} {stride}");
        }
        let places: Vec<i64> = (0..2 * n).map(|at| (at * 7) % n.max(1) - at % 2 * n).collect();
        let key = stage.array(&[places.len()], &places);
        let naive: Vec<&str> = places.iter().map(|at| texts[at.rem_euclid(n) as usize]).collect();
        let said = call(pick("pdarrayIndex", &key)).unwrap().to_string();
        assert_eq!(stage.texts(&Stage::names(&said)[0]), naive);
        let mask: Vec<bool> = (0..texts.len()).map(|at| at % 2 == 0).collect();
        let key = stage.array(&[mask.len()], &mask);
        let naive: Vec<&str> =
            texts.iter().zip(&mask).filter(|(_, holds)| **holds).map(|(text, _)| *text).collect();
        let said = call(pick("pdarrayIndex", &key)).unwrap().to_string();
        assert_eq!(stage.texts(&Stage::names(&said)[0]), naive);
    }
    let name = stage.strings(&["a"]);
    let none = stage.fault("segmentedIndex", &[("subcmd", "sliceIndex"), ("obj", &name), ("key", "[0,1,0]")]);
    assert!(none.message.contains("stride of 0"), "{none}");
}

#[test]
fn strings_are_compared_with_strings_and_with_one_as_their_bytes_are() {
    let stage = stage();
    let ops: [(&str, Naive); 6] = [
        ("==", |a, b| a == b),
        ("!=", |a, b| a != b),
        ("<", |a, b| a < b),
        ("<=", |a, b| a <= b),
        (">", |a, b| a > b),
        (">=", |a, b| a >= b),
    ];
    for texts in TEXTS {
        let turned: Vec<&str> = texts.iter().rev().copied().collect();
        let (a, b) = (stage.strings(texts), stage.strings(&turned));
        for (op, holds) in ops {
            let said = stage.call("segmentedBinopvv", &[("op", op), ("obj", &a), ("other", &b)]).to_string();
            let naive: Vec<bool> = texts.iter().zip(&turned).map(|(a, b)| holds(a, b)).collect();
            assert_eq!(stage.values::<bool>(&Stage::names(&said)[0]), naive, "{op}");
            let said = stage.call("segmentedBinopvs", &[("op", op), ("obj", &a), ("other", "one")]).to_string();
            let naive: Vec<bool> = texts.iter().map(|a| holds(a, "one")).collect();
            assert_eq!(stage.values::<bool>(&Stage::names(&said)[0]), naive, "{op}");
        }
    }
    let (a, b) = (stage.strings(&["a"]), stage.strings(&["a", "b"]));
    let lengths = stage.fault("segmentedBinopvv", &[("op", "=="), ("obj", &a), ("other", &b)]);
    assert!(lengths.message.contains("1 strings beside 2"), "{lengths}");
    let sign = stage.fault("segmentedBinopvs", &[("op", "*"), ("obj", &a), ("other", "b")]);
    assert!(sign.message.contains("no operator"), "{sign}");
}

#[test]
fn strings_are_stuck_together_from_either_side_and_brought_behind_one_another() {
    let stage = stage();
    for texts in TEXTS {
        let turned: Vec<&str> = texts.iter().rev().copied().collect();
        let (a, b) = (stage.strings(texts), stage.strings(&turned));
        for left in ["False", "True"] {
            let given =
                [("op", "stick"), ("obj", a.as_str()), ("other", &b), ("delim", "-\u{f6}-"), ("left", left)];
            let naive: Vec<String> = texts
                .iter()
                .zip(&turned)
                .map(|(a, b)| if left == "True" { format!("{b}-\u{f6}-{a}") } else { format!("{a}-\u{f6}-{b}") })
                .collect();
            assert_eq!(stage.make_texts("segmentedBinopvv", &given), naive);
        }
        let names = format!("[\"{a}\",\"{b}\"]");
        let both = stage.make_texts("concatenateStr", &[("objType", "Strings"), ("names", &names)]);
        assert_eq!(both, [texts, &turned[..]].concat());
    }
}

#[test]
fn numbers_become_the_text_that_the_ancestor_writes() {
    let stage = stage();
    let texts = |dtype: &str, name: &str| {
        let said = stage.call(&format!("castToStrings<{dtype}>"), &[("name", name)]).to_string();
        let parts = Stage::names(&said);
        stage.make_texts("segStr-assemble", &[("offsets", &parts[0]), ("values", &parts[1])])
    };
    assert_eq!(texts("int64", &stage.array(&[3], &[i64::MIN, 0, 7])), ["-9223372036854775808", "0", "7"]);
    assert_eq!(texts("uint64", &stage.array(&[1], &[u64::MAX])), ["18446744073709551615"]);
    assert_eq!(texts("bool", &stage.array(&[2], &[true, false])), ["True", "False"]);
    assert_eq!(texts("float64", &stage.array(&[3], &[0.5f64, f64::NAN, f64::INFINITY])), ["0.5", "nan", "inf"]);
    assert!(texts("int64", &stage.array::<i64>(&[0], &[])).is_empty());
}

#[test]
fn random_strings_keep_their_lengths_and_letters_and_come_again_with_their_seed() {
    let stage = stage();
    let drawn = |seed: &str, chars: &str| {
        let given =
            [("size", "200"), ("dist", "uniform"), ("chars", chars), ("arg1", "1"), ("arg2", "5"), ("seed", seed)];
        stage.make_texts("randomStrings", &given)
    };
    let first = drawn("7", "uppercase");
    assert_eq!(first, drawn("7", "uppercase"));
    assert_ne!(first, drawn("8", "uppercase"));
    assert_ne!(drawn("None", "uppercase"), drawn("None", "uppercase"));
    assert!(first.iter().all(|text| (1..5).contains(&text.len())));
    assert!(first.iter().flat_map(|text| text.chars()).all(|one| one.is_ascii_uppercase()));
    assert!(drawn("1", "numeric").iter().flat_map(|text| text.chars()).all(|one| one.is_ascii_digit()));
    let refused = stage.fault(
        "randomStrings",
        &[("size", "-1"), ("dist", "uniform"), ("chars", "numeric"), ("arg1", "1"), ("arg2", "5"), ("seed", "1")],
    );
    assert!(refused.message.contains("below 0"), "{refused}");
    let given =
        [("size", "5"), ("dist", "uniform"), ("chars", "uppercase"), ("arg1", "1"), ("arg2", "5"), ("seed", "1")];
    assert_eq!(stage.make_texts("randomStrings", &given), ["VW", "JEXI", "EBBX", "HG", "S"], "the ancestor's");
    let given = [
        ("size", "10"),
        ("dist", "lognormal"),
        ("chars", "uppercase"),
        ("arg1", "2"),
        ("arg2", "0.25"),
        ("seed", "1"),
    ];
    assert_eq!(stage.make_texts("randomStrings", &given)[..3], ["VWHJEX", "BEBBXJHGM", "RWOVKBUR"]);
}
