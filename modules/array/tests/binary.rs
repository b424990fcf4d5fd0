//! The group `binary` beside naive models, over dtypes, ranks, no elements, one, and NaN.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]

mod stage;

use stage::Stage;

fn stage() -> Stage {
    Stage::with(64 << 20)
}

/// Values of which NaN equals NaN.
fn same(left: &[f64], right: &[f64]) {
    assert_eq!(left.len(), right.len());
    let equal = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    assert!(left.iter().zip(right).all(equal), "{left:?} {right:?}");
}

#[test]
fn angles_are_those_of_atan2_for_every_pair_of_dtypes_and_ranks() {
    let stage = stage();
    for shape in [&[0usize][..], &[1], &[6], &[2, 3], &[1, 6], &[0, 2]] {
        let n: usize = shape.iter().product();
        let floats = [1.5, f64::NAN, -0.0, 0.0, f64::INFINITY, -2.0][..n].to_vec();
        let whole: Vec<i64> = [3, -4, 0, 7, -1, 2][..n].to_vec();
        let words: Vec<u64> = [3, 4, 0, u64::MAX, 1, 2][..n].to_vec();
        let bools: Vec<bool> = [true, false, true, true, false, false][..n].to_vec();
        let columns = [
            ("float64", stage.array(shape, &floats), floats.clone()),
            ("int64", stage.array(shape, &whole), whole.iter().map(|&one| one as f64).collect()),
            ("uint64", stage.array(shape, &words), words.iter().map(|&one| one as f64).collect()),
            ("bool", stage.array(shape, &bools), bools.iter().map(|&one| f64::from(one)).collect::<Vec<f64>>()),
        ];
        let rank = shape.len();
        for (left, a, y) in &columns {
            for (right, b, x) in &columns {
                let made = stage.make(&format!("arctan2vv<{left},{rank},{right}>"), &[("a", a), ("b", b)]);
                same(&stage.values(&made), &y.iter().zip(x).map(|(y, x)| y.atan2(*x)).collect::<Vec<f64>>());
            }
            for (scalar, text, value) in
                [("float64", "-1.5", -1.5), ("int64", "-3", -3.0), ("uint64", "4", 4.0), ("bool", "True", 1.0)]
            {
                let vs = format!("arctan2vs_{scalar}<{left},{rank}>");
                let naive: Vec<f64> = y.iter().map(|y| y.atan2(value)).collect();
                same(&stage.values(&stage.make(&vs, &[("a", a), ("b", text)])), &naive);
                let sv = format!("arctan2sv_{scalar}<{left},{rank}>");
                let naive: Vec<f64> = y.iter().map(|x| f64::atan2(value, *x)).collect();
                same(&stage.values(&stage.make(&sv, &[("a", text), ("b", a)])), &naive);
            }
        }
    }
    let (two, three) = (stage.array(&[2], &[1.0f64; 2]), stage.array(&[3], &[1.0f64; 3]));
    let shapes = stage.fault("arctan2vv<float64,1,float64>", &[("a", &two), ("b", &three)]);
    assert!(shapes.message.contains("[2]"), "{shapes}");
    let none = stage.fault("arctan2vs_float64<float64,1>", &[("a", &two), ("b", "x")]);
    assert!(none.message.contains("as float64: x"), "{none}");
}

fn naive_diff<T: Copy>(shape: &[usize], values: &[T], axis: usize, less: impl Fn(T, T) -> T) -> Vec<T> {
    let (before, length, behind) =
        (shape[..axis].iter().product::<usize>(), shape[axis], shape[axis + 1..].iter().product::<usize>());
    let mut out = Vec::new();
    for outer in 0..before {
        for at in 1..length {
            for inner in 0..behind {
                let place = |at: usize| (outer * length + at) * behind + inner;
                out.push(less(values[place(at)], values[place(at - 1)]));
            }
        }
    }
    out
}

#[test]
fn differences_are_those_of_neighbours_along_each_axis_in_every_dtype() {
    let stage = stage();
    for shape in [&[0usize][..], &[1], &[5], &[2, 3], &[3, 1], &[2, 2, 3], &[2, 0, 3]] {
        let n: usize = shape.iter().product();
        let (rank, seeds) = (shape.len(), 0..n as i64);
        let whole: Vec<i64> = seeds.clone().map(|at| (at * 7919) % 23 - i64::MAX * (at % 2)).collect();
        let words: Vec<u64> = seeds.clone().map(|at| (at as u64 * 7919) % 23).collect();
        let floats: Vec<f64> =
            seeds.clone().map(|at| if at == 1 { f64::NAN } else { (at * at) as f64 / 4.0 }).collect();
        let bools: Vec<bool> = seeds.map(|at| at % 3 == 0).collect();
        for axis in 0..rank {
            let text = axis.to_string();
            let diff = |dtype: &str, name: &str| {
                stage.make(&format!("diff<{dtype},{rank}>"), &[("x", name), ("axis", &text), ("n", "1")])
            };
            let got = stage.values::<i64>(&diff("int64", &stage.array(shape, &whole)));
            assert_eq!(got, naive_diff(shape, &whole, axis, |a, b| a.wrapping_sub(b)), "{shape:?} {axis}");
            let got = stage.values::<u64>(&diff("uint64", &stage.array(shape, &words)));
            assert_eq!(got, naive_diff(shape, &words, axis, |a, b| a.wrapping_sub(b)));
            let got = stage.values::<f64>(&diff("float64", &stage.array(shape, &floats)));
            same(&got, &naive_diff(shape, &floats, axis, |a, b| a - b));
            let got = stage.values::<bool>(&diff("bool", &stage.array(shape, &bools)));
            assert_eq!(got, naive_diff(shape, &bools, axis, |a, b| a != b));
        }
    }
}

#[test]
fn differences_of_differences_are_taken_n_times_and_end_with_nothing() {
    let stage = stage();
    let squares = stage.array(&[5], &[0i64, 1, 4, 9, 16]);
    let diff = |n: &str, axis: &str| stage.make("diff<int64,1>", &[("x", &squares), ("axis", axis), ("n", n)]);
    assert_eq!(stage.values::<i64>(&diff("0", "0")), [0, 1, 4, 9, 16]);
    assert_eq!(stage.values::<i64>(&diff("2", "-1")), [2, 2, 2]);
    assert_eq!(stage.values::<i64>(&diff("3", "0")), [0, 0]);
    assert!(stage.values::<i64>(&diff("1000000", "0")).is_empty());
    let outside = stage.fault("diff<int64,1>", &[("x", &squares), ("axis", "1"), ("n", "1")]);
    assert!(outside.message.contains("outside of rank 1"), "{outside}");
}
