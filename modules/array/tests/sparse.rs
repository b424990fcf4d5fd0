//! Sparse matrices through a real node: made, filled, multiplied and taken apart.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]

mod stage;

use stage::Stage;
use {fastrand as _, windlass_admin as _, windlass_array as _, windlass_contract as _, windlass_runtime as _};

/// The name of a matrix, and what is said of it.
fn made(stage: &Stage, command: &str, given: &[(&str, &str)]) -> (String, String) {
    let said = stage.call(command, given).to_string();
    let (name, facts) = said.strip_prefix("created ").unwrap().split_once(' ').unwrap();
    (name.to_owned(), facts.to_owned())
}

/// Rows, columns and values of a matrix.
fn parts(stage: &Stage, name: &str, of: &str) -> (Vec<i64>, Vec<i64>, Vec<i64>) {
    let said = stage.call(&format!("sparse_to_pdarrays<{of}>"), &[("matrix", name)]).to_string();
    let said: Vec<String> = serde_json::from_str(&said).unwrap();
    let array = |at: usize| stage.values::<i64>(&Stage::names(&said[at])[0]);
    (array(0), array(1), array(2))
}

/// A matrix of elements, from their rows, columns and values.
fn matrix(stage: &Stage, layout: &str, shape: &str, elements: &[(i64, i64, i64)]) -> (String, String) {
    let column = |of: fn(&(i64, i64, i64)) -> i64| {
        stage.array(&[elements.len()], &elements.iter().map(of).collect::<Vec<i64>>())
    };
    let (rows, columns, values) = (column(|one| one.0), column(|one| one.1), column(|one| one.2));
    let given = [("rows", rows.as_str()), ("cols", &columns), ("vals", &values), ("shape", shape)];
    made(stage, &format!("sparse_matrix_from_pdarrays<int64,{layout}>"), &given)
}

#[test]
fn elements_come_back_in_the_order_of_the_layout() {
    let stage = Stage::with(64 << 20);
    let elements = [(2, 1, 20), (1, 2, 12), (1, 1, 11), (3, 2, 32)];
    let (name, facts) = matrix(&stage, "CSR", "[3,2]", &elements);
    assert_eq!(facts, "int64 3 4 2 [3,2] CSR 8");
    assert_eq!(parts(&stage, &name, "int64,CSR"), (vec![1, 1, 2, 3], vec![1, 2, 1, 2], vec![11, 12, 20, 32]));
    let (name, facts) = matrix(&stage, "CSC", "[3,2]", &elements);
    assert_eq!(facts, "int64 3 4 2 [3,2] CSC 8");
    assert_eq!(parts(&stage, &name, "int64,CSC"), (vec![1, 2, 1, 3], vec![1, 1, 2, 2], vec![11, 20, 12, 32]));
    let values = stage.array(&[4], &[1i64, 2, 3, 4]);
    stage.call("fill_sparse_vals<int64,2,CSC,int64,1>", &[("matrix", &name), ("vals", &values)]);
    assert_eq!(parts(&stage, &name, "int64,CSC").2, [1, 2, 3, 4]);
    let few = stage.array(&[3], &[1i64, 2, 3]);
    let wrong = stage.fault("fill_sparse_vals<int64,2,CSC,int64,1>", &[("matrix", &name), ("vals", &few)]);
    assert!(wrong.message.contains("3 values of int64 and rank 1 for 4 elements"), "{wrong}");
    assert_eq!(parts(&stage, &name, "int64,CSC").2, [1, 2, 3, 4]);
}

#[test]
fn elements_outside_and_elements_that_are_there_twice_are_refused() {
    let stage = Stage::with(64 << 20);
    let refused = |elements: &[(i64, i64, i64)], shape: &str| {
        let array = |of: fn(&(i64, i64, i64)) -> i64| {
            stage.array(&[elements.len()], &elements.iter().map(of).collect::<Vec<i64>>())
        };
        let (rows, columns, values) = (array(|one| one.0), array(|one| one.1), array(|one| one.2));
        let given = [("rows", rows.as_str()), ("cols", &columns), ("vals", &values), ("shape", shape)];
        stage.fault("sparse_matrix_from_pdarrays<int64,CSR>", &given).message
    };
    for outside in [(0, 1, 1), (1, 0, 1), (4, 1, 1), (1, 3, 1), (-1, 1, 1), (i64::MIN, i64::MAX, 1)] {
        assert!(refused(&[outside], "[3,2]").contains("of a sparse matrix of 3 by 2"), "{outside:?}");
    }
    assert!(refused(&[(2, 2, 1), (1, 1, 1), (2, 2, 5)], "[3,2]").contains("element 2, 2 is there twice"));
    assert!(refused(&[(1, 1, 1)], "[3]").contains("no shape of a matrix"));
    let array = stage.array(&[1], &[1i64]);
    let wrong = stage.fault("sparse_to_pdarrays<int64,CSR>", &[("matrix", &array)]);
    assert!(wrong.message.contains("not a sparse matrix"), "{wrong}");
}

#[test]
fn random_matrices_keep_as_many_places_as_their_density_says() {
    let stage = Stage::with(64 << 20);
    let drawn = |density: &str, layout: &str| {
        let given = [("shape", "[200,300]"), ("density", density)];
        let (name, _) = made(&stage, &format!("random_sparse_matrix<int64,{layout}>"), &given);
        parts(&stage, &name, &format!("int64,{layout}"))
    };
    for layout in ["CSR", "CSC"] {
        assert_eq!(drawn("0.0", layout).0, [0i64; 0]);
        assert_eq!(drawn("1e-18", layout).0, [0i64; 0]);
        assert_eq!(drawn("1.0", layout).0.len(), 60_000);
        let (rows, columns, values) = drawn("0.1", layout);
        // Nine deviations.
        assert!(rows.len().abs_diff(6000) < 660, "{}", rows.len());
        let inside = |indices: &[i64], length: i64| indices.iter().all(|one| (1..=length).contains(one));
        assert!(inside(&rows, 200) && inside(&columns, 300) && values.iter().all(|one| *one == 0));
        let key = |(row, column): (&i64, &i64)| if layout == "CSR" { (*row, *column) } else { (*column, *row) };
        let order: Vec<(i64, i64)> = rows.iter().zip(&columns).map(key).collect();
        assert!(order.windows(2).all(|pair| pair[0] < pair[1]));
    }
    for density in ["-0.1", "1.5", "nan"] {
        let given = [("shape", "[2,2]"), ("density", density)];
        assert!(stage.fault("random_sparse_matrix<int64,CSR>", &given).message.contains("density"), "{density}");
    }
}

#[test]
fn a_product_is_that_of_the_dense_matrices() {
    let stage = Stage::with(64 << 20);
    let mut random = fastrand::Rng::with_seed(7);
    for layouts in [("CSC", "CSR"), ("CSR", "CSC"), ("CSR", "CSR")] {
        let (mut left, mut right) = (vec![[0i64; 6]; 5], vec![[0i64; 4]; 6]);
        left.iter_mut().flatten().chain(right.iter_mut().flatten()).for_each(|one| {
            if random.u8(..3) > 0 {
                *one = random.i64(1..9);
            }
        });
        let elements = |rows: Vec<&[i64]>| {
            let mut all = Vec::new();
            for (row, line) in rows.iter().enumerate() {
                let kept = line.iter().enumerate().filter(|(_, value)| **value != 0);
                all.extend(kept.map(|(column, value)| (row as i64 + 1, column as i64 + 1, *value)));
            }
            all
        };
        let (a, _) = matrix(&stage, layouts.0, "[5,6]", &elements(left.iter().map(|row| &row[..]).collect()));
        let (b, _) = matrix(&stage, layouts.1, "[6,4]", &elements(right.iter().map(|row| &row[..]).collect()));
        let (c, facts) = made(&stage, "sparse_matrix_matrix_mult<int64>", &[("arg1", &a), ("arg2", &b)]);
        assert!(facts.contains("[5,4] CSR"), "{facts}");
        let product: Vec<[i64; 4]> = left
            .iter()
            .map(|row| std::array::from_fn(|column| (0..6).map(|at| row[at] * right[at][column]).sum()))
            .collect();
        let wanted = elements(product.iter().map(|row| &row[..]).collect());
        let (rows, columns, values) = parts(&stage, &c, "int64,CSR");
        let got: Vec<_> = (0..rows.len()).map(|at| (rows[at], columns[at], values[at])).collect();
        assert_eq!(got, wanted);
        let wrong = stage.fault("sparse_matrix_matrix_mult<int64>", &[("arg1", &b), ("arg2", &b)]);
        assert!(wrong.message.contains("6 by 4"), "{wrong}");
    }
}
