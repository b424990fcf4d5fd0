//! Order, picks and numbers through a real node: places in sorted arrays, several indices, deletions, margins, masks, bounds, remainders;
//! beside naive models.

#[allow(dead_code, reason = "the stage is shared, and each file uses a part")]
mod stage;

use stage::Stage;
use windlass_contract::Code;
use windlass_contract::commands::Answered;

#[test]
fn places_in_a_sorted_array_are_before_or_behind_equal_values_and_nan_stands_last() {
    let stage = Stage::with(64 << 20);
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut sorted: Vec<i64> = (0..rng.usize(0..9)).map(|_| rng.i64(-4..5)).collect();
        sorted.sort_unstable();
        let asked: Vec<i64> = (0..6).map(|_| rng.i64(-5..6)).collect();
        let (a, b) = (stage.array(&[sorted.len()], &sorted), stage.array(&[2, 3], &asked));
        for (side, below) in [("left", false), ("right", true)] {
            let given = [("x1", a.as_str()), ("x2", &b), ("side", side), ("x2Sorted", "False")];
            let answered = stage.call("searchSorted<int64,1,2>", &given);
            let Answered::Array(facts) = &answered else { panic!("{answered:?}") };
            let naive: Vec<i64> = asked
                .iter()
                .map(|value| sorted.iter().filter(|one| *one < value || (below && *one == value)).count() as i64)
                .collect();
            assert_eq!((&facts.shape[..], stage.values::<i64>(&facts.name)), (&[2, 3][..], naive), "{seed}");
        }
    }
    let holes = stage.array(&[3], &[1.0f64, f64::INFINITY, f64::NAN]);
    let given = [("x1", holes.as_str()), ("x2", &holes), ("side", "left"), ("x2Sorted", "False")];
    assert_eq!(stage.values::<i64>(&stage.make("searchSorted<float64,1,1>", &given)), [0, 1, 2]);
    let given = [("x1", holes.as_str()), ("x2", &holes), ("side", "middle"), ("x2Sorted", "False")];
    assert!(stage.fault("searchSorted<float64,1,1>", &given).message.contains("'left' or 'right'"));
}

#[test]
fn sortedness_is_told_along_axes_and_of_everything() {
    let stage = Stage::with(64 << 20);
    let a = stage.array(&[2, 3], &[1i64, 2, 3, 0, 9, 9]);
    let along = |axis: &str| {
        let answered = stage.call("isSorted<int64,2>", &[("x", &a), ("axis", axis), ("skipNan", "False")]);
        let Answered::Array(facts) = &answered else { panic!("{answered:?}") };
        (facts.shape.clone(), stage.values::<bool>(&facts.name))
    };
    assert_eq!(along("[\"1\"]"), (vec![2, 1], vec![true, true]));
    assert_eq!(along("[\"0\"]"), (vec![1, 3], vec![false, true, true]));
    assert_eq!(along("[\"0\",\"1\"]"), (vec![1, 1], vec![false]), "both axes must be in order");
    let all = |name: &str| stage.call(name, &[("x", &a), ("skipNan", "False")]).to_string();
    assert_eq!(all("isSortedLocallyAll<int64,2>"), "bool false");
    let none = stage.array::<f64>(&[0], &[]);
    assert_eq!(stage.call("isSortedLocallyAll<float64,1>", &[("x", &none)]).to_string(), "bool true");
}

#[test]
fn several_arrays_of_indices_pick_together() {
    let stage = Stage::with(64 << 20);
    let values: Vec<i64> = (0..24).collect();
    let a = stage.array(&[2, 3, 4], &values);
    let (first, last) = (stage.array(&[3], &[0i64, 1, -1]), stage.array(&[3], &[3i64, 0, 2]));
    let idx = format!("[\"{first}\",\"{last}\"]");
    let given = [("array", a.as_str()), ("nIdxArrays", "2"), ("idx", &idx), ("idxDims", "[\"0\",\"2\"]")];
    let answered = stage.call("[pdarray]<int64,int64,3>", &given);
    let Answered::Array(facts) = &answered else { panic!("{answered:?}") };
    let at = |one: i64, row: i64, other: i64| one * 12 + row * 4 + other;
    let naive: Vec<i64> = [(0, 3), (1, 0), (1, 2)]
        .iter()
        .flat_map(|&(one, other)| (0..3).map(move |row| at(one, row, other)))
        .collect();
    assert_eq!((&facts.shape[..], stage.values::<i64>(&facts.name)), (&[3, 3, 1][..], naive));
    let plain = stage.make("[pdarray]", &[("array", &first), ("idx", &stage.array(&[1], &[2i64]))]);
    assert_eq!(stage.values::<i64>(&plain), [-1], "the command without <..> is another");
    for (idx, dims, word) in [
        (format!("[\"{first}\",\"{first}\"]"), "[\"0\",\"0\"]", "twice"),
        (format!("[\"{last}\",\"{last}\"]"), "[\"0\",\"2\"]", "outside of axis 0"),
        (format!("[\"{first}\"]"), "[\"0\",\"2\"]", "arrays of indices"),
        (format!("[\"{first}\"]"), "[\"3\"]", "outside of rank 3"),
    ] {
        let given = [("array", a.as_str()), ("nIdxArrays", "2"), ("idx", idx.as_str()), ("idxDims", dims)];
        let fault = stage.fault("[pdarray]<int64,int64,3>", &given);
        assert!(fault.message.contains(word), "{fault}");
    }
}

#[test]
fn layers_that_are_named_or_masked_go() {
    let stage = Stage::with(64 << 20);
    let a = stage.array(&[2, 3], &[1i64, 2, 3, 4, 5, 6]);
    let gone = |named: &str, dtype: &str, axis: &str| {
        let given = [("eIn", a.as_str()), ("axis", axis), ("del", named)];
        stage.values::<i64>(&stage.make(&format!("deleteAggCopy<int64,2,{dtype},1>"), &given))
    };
    assert_eq!(gone(&stage.array(&[3], &[1i64, -1, 1]), "int64", "1"), [1, 4]);
    assert_eq!(gone(&stage.array(&[2], &[true, false]), "bool", "0"), [4, 5, 6]);
    assert_eq!(gone(&stage.array::<i64>(&[0], &[]), "int64", "0"), [1, 2, 3, 4, 5, 6]);
    let far = stage.array(&[1], &[3i64]);
    let fault = stage.fault("deleteBulkCopy<int64,2,int64,1>", &[("eIn", &a), ("axis", "1"), ("del", &far)]);
    assert!(fault.message.contains("out of bounds for axis with size 3"), "{fault}");
    let short = stage.array(&[1], &[true]);
    let fault = stage.fault("deleteBulkCopy<int64,2,bool,1>", &[("eIn", &a), ("axis", "1"), ("del", &short)]);
    assert!(fault.message.contains("a mask of 1"), "{fault}");
}

#[test]
fn margins_are_the_values_of_their_axis_and_the_first_axis_has_the_corners() {
    let stage = Stage::with(64 << 20);
    let a = stage.array(&[1, 2], &[7i64, 8]);
    let given = [
        ("name", a.as_str()),
        ("padWidthBefore", "[\"1\",\"0\"]"),
        ("padWidthAfter", "[\"0\",\"1\"]"),
        ("padValsBefore", "[\"1\",\"2\"]"),
        ("padValsAfter", "[\"3\",\"4\"]"),
    ];
    let answered = stage.call("pad<int64,2>", &given);
    let Answered::Array(facts) = &answered else { panic!("{answered:?}") };
    assert_eq!((&facts.shape[..], stage.values::<i64>(&facts.name)), (&[2, 3][..], vec![1, 1, 1, 7, 8, 4]));
    let row = stage.array::<f64>(&[0], &[]);
    let given = [
        ("name", row.as_str()),
        ("padWidthBefore", "2"),
        ("padWidthAfter", "1"),
        ("padValsBefore", "[0.5]"),
        ("padValsAfter", "[1]"),
    ];
    assert_eq!(stage.values::<f64>(&stage.make("pad<float64,1>", &given)), [0.5, 0.5, 1.0]);
    let given = [
        ("name", row.as_str()),
        ("padWidthBefore", "-1"),
        ("padWidthAfter", "1"),
        ("padValsBefore", "[0.5]"),
        ("padValsAfter", "[1]"),
    ];
    assert!(stage.fault("pad<float64,1>", &given).message.contains("no shape"));
}

#[test]
fn a_mask_writes_values_over_and_over_in_place() {
    let stage = Stage::with(64 << 20);
    let a = stage.array(&[2, 3], &[0.0f64, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let mask = stage.array(&[2, 3], &[false, true, true, false, true, true]);
    let values = stage.array(&[2], &[10i64, 20]);
    let put = |array: &str, values: &str| [("mask", mask.clone()), ("a", array.into()), ("v", values.into())];
    let call = |name: &str, given: &[(&str, String); 3]| {
        let given: Vec<(&str, &str)> = given.iter().map(|(key, value)| (*key, value.as_str())).collect();
        stage.commands.call(name, &given)
    };
    call("putmask<2,float64,int64,1>", &put(&a, &values)).unwrap();
    assert_eq!(stage.values::<f64>(&a), [0.0, 20.0, 10.0, 3.0, 10.0, 20.0]);
    let ints = stage.array(&[2, 3], &[0i64; 6]);
    let lossy = call("putmask<2,int64,float64,2>", &put(&ints, &a)).unwrap_err();
    assert!(lossy.message.contains("not implemented"), "{lossy}");
    let none = call("putmask<2,int64,int64,1>", &put(&ints, &stage.array::<i64>(&[0], &[]))).unwrap_err();
    assert!(none.message.contains("no values"), "{none}");
    let unlike = call("putmask<2,int64,int64,1>", &put(&values, &values)).unwrap_err();
    assert!(unlike.message.contains("same shape"), "{unlike}");
    assert_eq!(stage.values::<i64>(&ints), [0; 6], "what failed changed nothing");
}

#[test]
fn bounds_keep_the_dtype_and_may_be_left_out() {
    let stage = Stage::with(64 << 20);
    let a = stage.array(&[4], &[-5i64, 0, 3, i64::MAX]);
    let clip = |low: &str, high: &str| {
        stage.values::<i64>(&stage.make("clip<int64,1>", &[("x", &a), ("min", low), ("max", high)]))
    };
    assert_eq!(clip("-1.5", "2"), [-1, 0, 2, 2]);
    assert_eq!(clip("None", "9223372036854775807"), [-5, 0, 3, i64::MAX]);
    let f = stage.array(&[3], &[f64::NAN, -2.0, 9.0]);
    let found = stage.values::<f64>(&stage.make("clip<float64,1>", &[("x", &f), ("min", "0"), ("max", "inf")]));
    assert!(found[0].is_nan() && found[1..] == [0.0, 9.0], "{found:?}");
    assert!(stage.fault("clip<int64,1>", &[("x", &a), ("min", "low"), ("max", "2")]).is(Code::BadArguments));
}

#[test]
fn remainders_have_the_sign_of_what_is_divided() {
    let stage = Stage::with(64 << 20);
    let (a, b) = (stage.array(&[4], &[7.5f64, -7.5, 1.0, f64::INFINITY]), stage.array(&[4], &[2i64, 2, 0, 2]));
    let vv = stage.values::<f64>(&stage.make("fmod2vv<float64,1,int64>", &[("a", &a), ("b", &b)]));
    assert!(vv[..2] == [1.5, -1.5] && vv[2].is_nan() && vv[3].is_nan(), "{vv:?}");
    let vs = stage.make("fmod2vs_bool<float64,1>", &[("a", &a), ("b", "True")]);
    assert_eq!(stage.values::<f64>(&vs)[..3], [0.5, -0.5, 0.0]);
    let sv = stage.make("fmod2sv_float64<int64,1>", &[("a", "-3.5"), ("b", &b)]);
    assert_eq!(stage.values::<f64>(&sv)[..2], [-1.5, -1.5]);
    let odd = stage.fault("fmod2vs_int64<float64,1>", &[("a", &a), ("b", "x")]);
    assert!(odd.is(Code::BadArguments), "{odd}");
}

#[test]
fn floats_have_neighbours() {
    let stage = Stage::with(64 << 20);
    let (a, b) = (stage.array(&[3], &[0.0f64, 1.0, f64::NAN]), stage.array(&[3], &[1.0f64, 1.0, 0.0]));
    let next = stage.values::<f64>(&stage.make("nextafter<1>", &[("x1", &a), ("x2", &b)]));
    assert!(next[0] == f64::from_bits(1) && next[1] == 1.0 && next[2].is_nan(), "{next:?}");
    let ints = stage.array(&[3], &[1i64; 3]);
    assert!(stage.fault("nextafter<1>", &[("x1", &a), ("x2", &ints)]).is(Code::BadArguments));
}
