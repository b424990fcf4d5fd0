//! Elements written by numbers, masks and slices, few in place and many in a copy, and two operations in one pass.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]

mod stage;

use stage::Stage;

fn stage() -> Stage {
    Stage::with(256 << 20)
}

/// Indices as at random, negative ones too, with repetitions.
fn places(count: usize, len: i64) -> Vec<i64> {
    (1..=count as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as i64 % (2 * len) - len).collect()
}

#[test]
fn the_last_of_equal_places_wins_however_many_there_are() {
    let stage = stage();
    for (len, count) in [(1000, 7), (50_000, 40_000), (50_000, 300_000)] {
        let at = places(count, len);
        let values: Vec<i64> = (0..count as i64).collect();
        let mut wanted = vec![-1; len as usize];
        at.iter().zip(&values).for_each(|(at, value)| wanted[at.rem_euclid(len) as usize] = *value);
        let target = stage.array(&[len as usize], &vec![-1i64; len as usize]);
        let whole = [("starts", "[0]"), ("stops", &len.to_string()), ("strides", "[1]"), ("max_bits", "-1")];
        let stops = format!("[{len}]");
        let mut given = whole.to_vec();
        given[1].1 = &stops;
        given.push(("array", &target));
        let seen = stage.make("[slice]<int64,1>", &given);
        let (idx, values) = (stage.array(&[count], &at), stage.array(&[count], &values));
        let set = [("array", target.as_str()), ("idx", &idx), ("dtype", "int64"), ("value", &values)];
        stage.call("[pdarray]=pdarray", &set);
        assert_eq!(stage.values::<i64>(&target), wanted, "{count} of {len}");
        assert_eq!(stage.values::<i64>(&seen), vec![-1; len as usize], "a view holds what was there before");
        // Nobody else holds the next version: it is written in place if they are few.
        let set = [("array", target.as_str()), ("idx", &idx), ("dtype", "int64"), ("value", "5")];
        stage.call("[pdarray]=val", &set);
        at.iter().for_each(|at| wanted[at.rem_euclid(len) as usize] = 5);
        assert_eq!(stage.values::<i64>(&target), wanted);
    }
}

#[test]
fn an_index_outside_writes_nothing_at_all() {
    let stage = stage();
    for count in [5usize, 300_000] {
        let target = stage.array(&[100], &[7u8; 100]);
        let mut at = places(count, 100);
        at[count - 1] = 100;
        let idx = stage.array(&[count], &at);
        let given = [("array", target.as_str()), ("idx", &idx), ("dtype", "uint8"), ("value", "9")];
        assert!(stage.fault("[pdarray]=val", &given).message.contains("100"), "{count}");
        assert_eq!(stage.values::<u8>(&target), [7; 100]);
    }
}

#[test]
fn masks_write_where_they_hold() {
    let stage = stage();
    let n = 100_000;
    let mask: Vec<bool> = (0..n).map(|at| at % 3 == 1 || at > 99_000).collect();
    let held = mask.iter().filter(|one| **one).count();
    let target = stage.array(&[n], &vec![0i32; n]);
    let (name, values) = (stage.array(&[n], &mask), stage.array(&[held], &(0..held as i32).collect::<Vec<_>>()));
    stage.call("[pdarray]=pdarray", &[("array", &target), ("idx", &name), ("dtype", "int32"), ("value", &values)]);
    let mut next = 0..held as i32;
    let wanted: Vec<i32> = mask.iter().map(|one| if *one { next.next().unwrap_or(-1) } else { 0 }).collect();
    assert_eq!(stage.values::<i32>(&target), wanted);
    let short = stage.array(&[n - 1], &vec![true; n - 1]);
    let given = [("array", target.as_str()), ("idx", &short), ("dtype", "int32"), ("value", "1")];
    assert!(stage.fault("[pdarray]=val", &given).message.contains("mask"));
}

#[test]
fn slices_are_written_in_place_or_in_a_copy_and_what_others_hold_stays() {
    let stage = stage();
    let target = stage.array(&[2, 3], &[0i64, 1, 2, 3, 4, 5]);
    let slice = [("starts", "[1,2]"), ("stops", "[2,-1]"), ("strides", "[1,-2]"), ("max_bits", "-1")];
    let with = |more: &[(&'static str, &str)]| {
        let mut given: Vec<(&str, String)> = slice.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
        given.extend(more.iter().map(|(key, text)| (*key, (*text).to_owned())));
        given
    };
    let call = |name: &str, given: &[(&str, String)]| {
        let given: Vec<(&str, &str)> = given.iter().map(|(key, text)| (*key, text.as_str())).collect();
        stage.call(name, &given).to_string()
    };
    call("[slice]=val<int64,2>", &with(&[("array", &target), ("value", "9")]));
    assert_eq!(stage.values::<i64>(&target), [0, 1, 2, 9, 4, 9]);
    let row = stage.make(
        "[slice]<int64,2>",
        &[("array", &target), ("starts", "[0,0]"), ("stops", "[2,3]"), ("strides", "[1,1]"), ("max_bits", "-1")],
    );
    let values = stage.array(&[1, 2], &[-1i8, -2]);
    call("[slice]=pdarray<int64,int8,2>", &with(&[("array", &target), ("value", &values)]));
    assert_eq!(stage.values::<i64>(&target), [0, 1, 2, -2, 4, -1]);
    assert_eq!(stage.values::<i64>(&row), [0, 1, 2, 9, 4, 9]);
    // A part of another array's memory is written in a copy.
    call("[slice]=val<int64,2>", &with(&[("array", &row), ("value", "0")]));
    assert_eq!(stage.values::<i64>(&row), [0, 1, 2, 0, 4, 0]);
    let n = 300_000;
    let long = stage.array(&[n], &vec![1u8; n]);
    let given = [
        ("array", long.as_str()),
        ("starts", "[0]"),
        ("stops", "[299999]"),
        ("strides", "[1]"),
        ("max_bits", "-1"),
    ];
    let mut given = given.to_vec();
    given.push(("value", "2"));
    stage.call("[slice]=val<uint8,1>", &given);
    let sum = stage.values::<u8>(&long).iter().map(|one| u64::from(*one)).sum::<u64>();
    assert_eq!(sum, 2 * 299_999 + 1);
}

#[test]
fn two_operations_in_one_pass_have_the_bits_of_both() {
    let stage = stage();
    let n = 70_000;
    let a: Vec<f64> = places(n, 1 << 30).into_iter().map(|at| at as f64 / 7.0).collect();
    let b: Vec<f64> = a.iter().rev().map(|at| 1.0 / at).collect();
    let (one, two) = (stage.array(&[n], &a), stage.array(&[n], &b));
    let whole = stage.array(&[n], &vec![3i64; n]);
    for (op, turned, inner, inner_turned) in [
        ("+", "False", "*", "True"),
        ("-", "True", "/", "True"),
        ("/", "False", "-", "False"),
        ("*", "True", "**", "False"),
    ] {
        for b in [&two, &whole] {
            let given = [
                ("a", one.as_str()),
                ("b", b),
                ("op", op),
                ("turned", turned),
                ("inner", inner),
                ("innerTurned", inner_turned),
                ("value", "2.75"),
            ];
            let together = stage.make("binopchain", &given);
            let of = if b == &two { "float64" } else { "int64" };
            let apart = if inner_turned == "True" { "binopsv" } else { "binopvs" };
            let given = [("op", inner), ("a", b.as_str()), ("value", "2.75")];
            let scaled = stage.make(&format!("{apart}<{of},float64,1>"), &given);
            let (left, right) = if turned == "True" { (&scaled, &one) } else { (&one, &scaled) };
            let apart = stage.make("binopvv<float64,float64,1>", &[("op", op), ("a", left), ("b", right)]);
            let bits = |name: &str| stage.values::<f64>(name).into_iter().map(f64::to_bits).collect::<Vec<_>>();
            assert!(bits(&together) == bits(&apart), "{op} {turned} {inner} {inner_turned} {of}");
        }
    }
    let given = [
        ("a", one.as_str()),
        ("b", &two),
        ("op", "?"),
        ("turned", "False"),
        ("inner", "*"),
        ("innerTurned", "False"),
        ("value", "1"),
    ];
    assert!(stage.fault("binopchain", &given).message.contains("Unrecognized operator"));
}
