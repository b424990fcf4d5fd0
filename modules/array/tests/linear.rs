//! Linear algebra through a real node, beside naive models.

#[allow(dead_code, reason = "the stage is shared, and each file uses a part")]
mod stage;

use stage::{Stage, Value};
use windlass_contract::commands::Answered;

fn made<T: Value>(stage: &Stage, name: &str, given: &[(&str, &str)]) -> (Vec<u64>, Vec<T>) {
    let answered = stage.call(name, given);
    let Answered::Array(facts) = &answered else { panic!("{answered:?}") };
    (facts.shape.clone(), stage.values::<T>(&facts.name))
}

/// The product of row-major matrices.
fn product(a: &[i64], b: &[i64], (rows, inner, columns): (usize, usize, usize)) -> Vec<i64> {
    let at = |place: usize| -> i64 {
        let (row, column) = (place / columns, place % columns);
        (0..inner).map(|k| a[row * inner + k] * b[k * columns + column]).sum()
    };
    (0..rows * columns).map(at).collect()
}

fn drawn(rng: &mut fastrand::Rng, count: usize) -> Vec<i64> {
    (0..count).map(|_| rng.i64(-9..10)).collect()
}

#[test]
fn identities_and_triangles_stand_on_any_diagonal_and_bools_stay_bools() {
    let stage = Stage::with(64 << 20);
    let eye = |dtype: &str, k: &str| stage.make(&format!("eye<{dtype}>"), &[("N", "2"), ("M", "3"), ("k", k)]);
    assert_eq!(stage.values::<i64>(&eye("int64", "0")), [1, 0, 0, 0, 1, 0]);
    assert_eq!(stage.values::<f64>(&eye("float64", "1")), [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(stage.values::<bool>(&eye("bool", "-1")), [false, false, false, true, false, false]);
    assert!(stage.values::<i64>(&stage.make("eye<int64>", &[("N", "0"), ("M", "3"), ("k", "0")])).is_empty());
    let a = stage.array(&[2, 3], &[1i64, 2, 3, 4, 5, 6]);
    let cut = |name: &str, diag: &str| made::<i64>(&stage, name, &[("array", &a), ("diag", diag)]).1;
    assert_eq!(cut("tril<int64,2>", "0"), [1, 0, 0, 4, 5, 0]);
    assert_eq!(cut("triu<int64,2>", "1"), [0, 2, 3, 0, 0, 6]);
    let flags = stage.array(&[2, 2], &[true; 4]);
    let given = [("array", flags.as_str()), ("diag", "0")];
    assert_eq!(made::<bool>(&stage, "triu<bool,2>", &given).1, [true, true, false, true]);
    let row = stage.array(&[3], &[1i64, 2, 3]);
    assert!(stage.fault("tril<int64,1>", &[("array", &row), ("diag", "0")]).message.contains("rank 1"));
    let negative = stage.fault("eye<int64>", &[("N", "-1"), ("M", "3"), ("k", "0")]);
    assert!(negative.message.contains("no shape"), "{negative}");
}

#[test]
fn products_of_drawn_matrices_are_the_naive_ones_also_of_views_and_of_nothing() {
    let stage = Stage::with(64 << 20);
    for seed in 0..30 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (rows, inner, columns) = (rng.usize(0..5), rng.usize(0..5), rng.usize(0..5));
        let (left, right) = (drawn(&mut rng, rows * inner), drawn(&mut rng, inner * columns));
        let (a, b) = (stage.array(&[rows, inner], &left), stage.array(&[inner, columns], &right));
        let (shape, values) = made::<i64>(&stage, "matmul<int64,int64,2>", &[("x1", &a), ("x2", &b)]);
        assert_eq!(shape, [rows as u64, columns as u64]);
        assert_eq!(values, product(&left, &right, (rows, inner, columns)), "{seed}");
        // The product of the transposes, turned around, is the transpose of the product.
        let turned = |name: &str| stage.make("transpose<int64,2>", &[("array", name)]);
        let back = stage.make("matmul<int64,int64,2>", &[("x1", &turned(&b)), ("x2", &turned(&a))]);
        assert_eq!(stage.values::<i64>(&turned(&back)), values, "{seed}");
    }
    let (a, b) = (stage.array(&[2, 3], &[1i64; 6]), stage.array(&[2, 3], &[1.0f64; 6]));
    let unlike = stage.fault("matmul<int64,float64,2>", &[("x1", &a), ("x2", &b)]);
    assert!(unlike.message.contains("have no product"), "{unlike}");
}

#[test]
fn products_meet_in_one_dtype_and_bools_in_or_of_and() {
    let stage = Stage::with(64 << 20);
    let a = stage.array(&[1, 2], &[1i64, -1]);
    let words = stage.array(&[2, 1], &[1u64, 2]);
    assert_eq!(made::<f64>(&stage, "matmul<int64,uint64,2>", &[("x1", &a), ("x2", &words)]).1, [-1.0]);
    // 256 ones would be 0 in a byte.
    let (row, column) = (stage.array(&[1, 256], &[true; 256]), stage.array(&[256, 1], &[true; 256]));
    assert_eq!(made::<bool>(&stage, "matmul<bool,bool,2>", &[("x1", &row), ("x2", &column)]).1, [true]);
}

#[test]
fn stacks_of_matrices_broadcast() {
    let stage = Stage::with(64 << 20);
    let mut rng = fastrand::Rng::with_seed(3);
    let (left, right) = (drawn(&mut rng, 3 * 2 * 4), drawn(&mut rng, 4 * 5));
    let (a, b) = (stage.array(&[3, 2, 4], &left), stage.array(&[4, 5], &right));
    let (shape, values) = made::<i64>(&stage, "multidimmatmul<int64,3,int64,2>", &[("a", &a), ("b", &b)]);
    let naive: Vec<i64> = left.chunks(8).flat_map(|one| product(one, &right, (2, 4, 5))).collect();
    assert_eq!((&shape[..], values), (&[3, 2, 5][..], naive));
}

#[test]
fn dot_sums_along_the_last_axis_of_one_and_the_last_but_one_of_the_other() {
    let stage = Stage::with(64 << 20);
    let mut rng = fastrand::Rng::with_seed(4);
    let (left, right) = (drawn(&mut rng, 2 * 3), drawn(&mut rng, 4 * 3 * 5));
    let (a, b) = (stage.array(&[2, 3], &left), stage.array(&[4, 3, 5], &right));
    let (shape, values) = made::<i64>(&stage, "dot<int64,2,int64,3>", &[("a", &a), ("b", &b)]);
    let at = |place: usize| -> i64 {
        let (row, stack, column) = (place / 20, place / 5 % 4, place % 5);
        (0..3).map(|k| left[row * 3 + k] * right[(stack * 3 + k) * 5 + column]).sum()
    };
    assert_eq!((&shape[..], values), (&[2, 4, 5][..], (0..40).map(at).collect()));
    let short = stage.array(&[2, 2], &[1i64; 4]);
    let unlike = stage.fault("dot<int64,2,int64,3>", &[("a", &short), ("b", &b)]);
    assert!(unlike.message.contains("have no dot"), "{unlike}");
}

#[test]
fn vecdot_sums_products_along_an_axis() {
    let stage = Stage::with(64 << 20);
    let a = stage.array(&[2, 3], &[1i64, 2, 3, 4, 5, 6]);
    let b = stage.array(&[2, 3], &[0.5f64, 1.0, 1.0, 2.0, 2.0, 2.0]);
    let given = |axis| [("x1", a.as_str()), ("x2", b.as_str()), ("axis", axis), ("bcShape", "[2,3]")];
    assert_eq!(made::<f64>(&stage, "vecdot<int64,float64,2>", &given("-1")), (vec![2], vec![5.5, 30.0]));
    assert_eq!(made::<f64>(&stage, "vecdot<int64,float64,2>", &given("0")).1, [8.5, 12.0, 15.0]);
}
