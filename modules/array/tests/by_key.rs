//! Groups by number: the same groups as the permutation gives, whatever the keys are.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]

mod stage;

use stage::{Stage, Value};
use windlass_contract::commands::Answered;

fn stage() -> Stage {
    Stage::with(64 << 20)
}

fn list(names: &[&str]) -> String {
    format!("[{}]", names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(","))
}

/// Group numbers and first rows of columns of keys.
fn numbered(stage: &Stage, columns: &[&str]) -> (String, Vec<u32>, Vec<i64>) {
    let keys = list(columns);
    let made = Stage::names(&stage.call("groupNumbers", &[("keynames", &keys)]).to_string());
    assert_eq!(made.len(), 2);
    (made[0].clone(), stage.values(&made[0]), stage.values(&made[1]))
}

/// A reduction of values by group numbers, and the same by the permutation.
fn reduced(stage: &Stage, keys: &str, values: &str, op: &str, skip: &str) -> [String; 2] {
    let (numbers, _, firsts) = numbered(stage, &[keys]);
    let groups = firsts.len().to_string();
    let given =
        [("numbers", numbers.as_str()), ("groups", &groups), ("values", values), ("op", op), ("skip_nan", skip)];
    let by_number = stage.make("groupReduction", &given);
    let said = stage.call("unique", &[("keynames", &list(&[keys])), ("returnGroupStr", "True")]).to_string();
    let made = Stage::names(&said);
    let ordered = stage.make("[pdarray]", &[("array", values), ("idx", &made[0])]);
    let given =
        [("values", ordered.as_str()), ("segments", &made[1]), ("op", op), ("skip_nan", skip), ("ddof", "1")];
    [by_number, stage.make("segmentedReduction", &given)]
}

/// The same from the permutation.
fn permuted(stage: &Stage, columns: &[&str]) -> (Vec<u32>, Vec<i64>) {
    let keys = list(columns);
    let given = [("keynames", keys.as_str()), ("returnGroupStr", "True")];
    let made = Stage::names(&stage.call("unique", &given).to_string());
    let (permutation, starts): (Vec<i64>, Vec<i64>) = (stage.values(&made[0]), stage.values(&made[1]));
    let mut numbers = vec![0u32; permutation.len()];
    for (place, row) in permutation.iter().enumerate() {
        numbers[*row as usize] = starts.partition_point(|&start| start <= place as i64) as u32 - 1;
    }
    (numbers, stage.values(&made[2]))
}

fn agree<T: Value>(stage: &Stage, keys: &[T]) {
    let name = stage.array(&[keys.len()], keys);
    let (_, numbers, firsts) = numbered(stage, &[&name]);
    assert_eq!((numbers, firsts), permuted(stage, &[&name]), "{keys:?}");
}

#[test]
fn keys_of_every_sort_have_the_groups_that_their_order_gives() {
    let stage = stage();
    agree::<i64>(&stage, &[]);
    agree(&stage, &[7i64]);
    agree(&stage, &[3i64, -1, 3, i64::MIN, i64::MAX, -1, 0]);
    agree(&stage, &[3u64, u64::MAX, 0, 3, 1 << 63]);
    agree(&stage, &[2u8, 1, 2, 0, 255]);
    agree(&stage, &[0.0f64, -0.0, f64::NAN, f64::INFINITY, -f64::NAN, f64::NEG_INFINITY, 1e-300, 0.0]);
    agree(&stage, &[1.5f32, f32::NAN, -1.5, 1.5]);
    agree(&stage, &[true, false, true, true]);
}

#[test]
fn columns_of_numbers_and_strings_group_together() {
    let stage = stage();
    let words: String = stage.strings(&["b", "a", "", "b", "a", "b"]);
    let (few, wide) =
        (stage.array(&[6], &[1i64, 2, 1, 1, 2, 2]), stage.array(&[6], &[1u64 << 60, 5, 5, 1 << 60, 5, 1]));
    for columns in [vec![&words], vec![&words, &few], vec![&few, &words, &wide], vec![&wide, &few]] {
        let columns: Vec<&str> = columns.into_iter().map(String::as_str).collect();
        let (_, numbers, firsts) = numbered(&stage, &columns);
        assert_eq!((numbers, firsts), permuted(&stage, &columns), "{columns:?}");
    }
}

#[test]
fn values_come_to_what_they_come_to_in_the_order_of_their_keys() {
    let stage = stage();
    let keys = stage.array(&[8], &[5i64, -2, 5, 9, -2, 5, 9, 9]);
    // Sums of these are exact in any order.
    let floats = stage.array(&[8], &[1.5f64, f64::NAN, -0.5, f64::INFINITY, 2.0, 8.0, -1.0, 0.25]);
    for op in ["sum", "prod", "min", "max", "mean", "var", "std"] {
        for skip in ["True", "False"] {
            let [ours, theirs] = reduced(&stage, &keys, &floats, op, skip).map(|name| stage.values::<f64>(&name));
            let near =
                |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan() || (a - b).abs() < 1e-12 * b.abs();
            assert!(ours.len() == 3 && ours.iter().zip(&theirs).all(near), "{op}, {skip}: {ours:?}, {theirs:?}");
        }
    }
    let [ours, theirs] = reduced(&stage, &keys, &floats, "first", "False").map(|name| stage.values::<f64>(&name));
    assert!(ours.iter().zip(&theirs).all(|(a, b)| a.to_bits() == b.to_bits()));
    for op in ["any", "all"] {
        let [ours, theirs] = reduced(&stage, &keys, &floats, op, "False").map(|name| stage.values::<bool>(&name));
        assert_eq!(ours, theirs, "{op}");
    }
    let whole = stage.array(&[8], &[i64::MAX, 3, 1, -7, 3, 6, 0, 12]);
    for op in ["sum", "prod", "min", "max", "or", "and", "xor"] {
        let [ours, theirs] = reduced(&stage, &keys, &whole, op, "False").map(|name| stage.values::<i64>(&name));
        assert_eq!(ours, theirs, "{op}");
    }
    let bools = stage.array(&[8], &[true, false, true, false, false, true, true, true]);
    let [ours, theirs] = reduced(&stage, &keys, &bools, "sum", "False").map(|name| stage.values::<i64>(&name));
    assert_eq!(ours, theirs);
    let [ours, theirs] = reduced(&stage, &keys, &bools, "max", "False").map(|name| stage.values::<u8>(&name));
    assert_eq!(ours, theirs);
    let (numbers, ..) = numbered(&stage, &[&keys]);
    let sizes = stage.make("groupReduction", &[("numbers", &numbers), ("groups", "3"), ("op", "size")]);
    assert_eq!(stage.values::<i64>(&sizes), [2, 3, 3]);
}

/// By group numbers they were numbers of 8 bits.
#[test]
fn bits_of_bools_are_bools_as_by_the_permutation() {
    let stage = stage();
    let keys = stage.array(&[5], &[1i64, 2, 1, 2, 1]);
    let bools = stage.array(&[5], &[true, true, false, true, true]);
    for (op, wanted) in [("or", [true, true]), ("and", [false, true]), ("xor", [false, false])] {
        for name in reduced(&stage, &keys, &bools, op, "False") {
            let Answered::Array(facts) = stage.call("deepcopy<bool,1>", &[("x", &name)]) else {
                panic!("an array")
            };
            assert_eq!(facts.dtype.to_string(), "bool", "{op}");
            assert_eq!(stage.values::<bool>(&name), wanted, "{op}");
        }
    }
}

#[test]
fn many_different_keys_are_left_to_the_permutation() {
    let stage = stage();
    let spread =
        |rows: u64| -> Vec<u64> { (0..rows).map(|at| (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect() };
    let keys = spread(1 << 18);
    let many = stage.array(&[keys.len()], &keys);
    assert_eq!(stage.call("groupNumbers", &[("keynames", &list(&[&many]))]).to_string(), "many");
}

#[test]
fn what_is_no_group_is_refused_in_words() {
    let stage = stage();
    let (keys, table) = (stage.array(&[3], &[1i64, 2, 1]), stage.array(&[2, 2], &[1i64, 2, 3, 4]));
    let short = stage.array(&[2], &[1i64, 2]);
    for columns in [vec![], vec![table.as_str()], vec![&keys, &short], vec!["id_nobody_1"]] {
        let fault = stage.fault("groupNumbers", &[("keynames", &list(&columns))]);
        assert!(!fault.message.is_empty(), "{columns:?}");
    }
    let (numbers, ..) = numbered(&stage, &[&keys]);
    for (numbers, groups, values, op, said) in [
        (numbers.as_str(), "2", short.as_str(), "sum", "values of shape [2] for 3 rows"),
        (&numbers, "1", &keys, "sum", "group"),
        (&numbers, "4", &keys, "sum", "4 groups of 3 rows"),
        (&numbers, "-1", &keys, "sum", "below 0"),
        (&numbers, "2", &keys, "median", "not implemented"),
        (&keys, "2", &keys, "sum", "uint32"),
    ] {
        let given = [("numbers", numbers), ("groups", groups), ("values", values), ("op", op)];
        let fault = stage.fault("groupReduction", &given);
        assert!(fault.message.contains(said), "{fault}");
    }
}
