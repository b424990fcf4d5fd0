//! Tables through a real node: rows of columns by one index, and joins within a window of time, beside naive models.

#[allow(dead_code, reason = "the stage is shared, and each file uses a part")]
mod stage;

use stage::Stage;
use windlass_contract::Code;
use windlass_contract::commands::Answered;

fn text(stage: &Stage, parts: &[&str]) -> String {
    let mut bytes = Vec::new();
    let mut offsets = Vec::new();
    for part in parts {
        offsets.push(bytes.len() as i64);
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0u8);
    }
    let (offsets, bytes) = (stage.array(&[offsets.len()], &offsets), stage.array(&[bytes.len()], &bytes));
    let made = stage.call("segStr-assemble", &[("offsets", &offsets), ("values", &bytes)]).to_string();
    made.split(' ').nth(1).expect("a name").to_owned()
}

/// The columns that were answered: class, label, and the names of what was created.
fn columns(answered: &Answered) -> Vec<(String, String, Vec<String>)> {
    let Answered::List(all) = answered else { panic!("{answered:?} is no list") };
    let one = |part: &Answered| {
        let said = part.to_string();
        let parts: Vec<&str> = said.splitn(3, '+').collect();
        let names = parts[2].split('+').filter_map(|one| one.strip_prefix("created "));
        let names = names.map(|one| one.split(' ').next().unwrap_or_default().to_owned());
        (parts[0].to_owned(), parts[1].to_owned(), names.filter(|name| name.starts_with("id_")).collect())
    };
    all.iter().map(one).collect()
}

#[test]
fn one_index_picks_the_rows_of_every_class_of_column() {
    let stage = Stage::with(64 << 20);
    let (numbers, codes) = (stage.array(&[3], &[1.5f64, 2.5, 3.5]), stage.array(&[3], &[1i64, 0, 1]));
    let (words, kinds) = (text(&stage, &["x", "", "zz"]), text(&stage, &["cat", "dog"]));
    let (starts, values) = (stage.array(&[3], &[0i64, 2, 2]), stage.array(&[4], &[10i64, 11, 12, 13]));
    let picks = stage.array(&[3], &[2i64, 0, -2]);
    let all = format!(
        "[\"pdarray+n+{numbers}\",\"Strings+w+{words}\",\"Categorical+k+{codes}+{kinds}\",\"SegArray+s+{starts}+{values}\"]"
    );
    let given = [("size", "4"), ("idx_name", picks.as_str()), ("columns", &all)];
    let made = columns(&stage.call("dataframe_idx", &given));
    let heads: Vec<(&str, &str)> = made.iter().map(|(class, label, _)| (class.as_str(), label.as_str())).collect();
    assert_eq!(heads, [("pdarray", "n"), ("Strings", "w"), ("Strings", "k"), ("SegArray", "s")]);
    assert_eq!(stage.values::<f64>(&made[0].2[0]), [3.5, 1.5, 2.5]);
    let word = |name: &str, at: &str| {
        let given = [("obj", name), ("objType", "str"), ("subcmd", "intIndex"), ("dtype", "int64"), ("key", at)];
        stage.call("segmentedIndex", &given).to_string()
    };
    let read = |name: &str| ["0", "1", "2"].map(|at| word(name, at));
    assert_eq!(read(&made[1].2[0]), ["item str \"zz\"", "item str \"x\"", "item str \"\""]);
    assert_eq!(read(&made[2].2[0]), ["item str \"dog\"", "item str \"dog\"", "item str \"cat\""]);
    assert_eq!(stage.values::<i64>(&made[3].2[0]), [0, 2, 4]);
    assert_eq!(stage.values::<i64>(&made[3].2[1]), [12, 13, 10, 11]);
    let far = stage.array(&[1], &[3i64]);
    for column in ["pdarray+n+", "Strings+w+"] {
        let name = if column.starts_with('p') { &numbers } else { &words };
        let all = format!("[\"{column}{name}\"]");
        let fault = stage.fault("dataframe_idx", &[("size", "1"), ("idx_name", &far), ("columns", &all)]);
        assert!(fault.is(Code::BadArguments), "{fault}");
    }
    let odd = stage.fault("dataframe_idx", &[("size", "1"), ("idx_name", &far), ("columns", "[\"Row+n+x\"]")]);
    assert!(odd.message.contains("no column of a table"), "{odd}");
}

#[test]
fn rows_meet_within_a_window_of_time_up_to_a_limit() {
    let stage = Stage::with(64 << 20);
    let (first, second) = (vec![7i64, 5, 7, 9], vec![7i64, 7, 5, 6]);
    let (t1, t2) = (vec![10i64, 20, 30, 40], vec![12i64, 8, 26, 0]);
    let array = |values: &[i64]| stage.array(&[values.len()], values);
    // The second table grouped: keys 5, 6, 7.
    let named = [
        ("a1", array(&first)),
        ("t1", array(&t1)),
        ("t2", array(&t2)),
        ("g2keys", array(&[5, 6, 7])),
        ("g2seg", array(&[0, 1, 2])),
        ("g2perm", array(&[2, 3, 0, 1])),
    ];
    let join = |pred: &str, dt: &str, limit: &str| {
        let mut given: Vec<(&str, &str)> = named.iter().map(|(key, name)| (*key, name.as_str())).collect();
        given.extend([("pred", pred), ("dt", dt), ("resLimit", limit)]);
        stage.commands.call("joinEqWithDT", &given)
    };
    let pairs = |pred: &str, dt: &str, limit: &str| -> Vec<(i64, i64)> {
        let said = join(pred, dt, limit).unwrap().to_string();
        let names: Vec<&str> = said.split('+').map(|one| one.split(' ').nth(1).unwrap()).collect();
        stage.values::<i64>(names[0]).into_iter().zip(stage.values::<i64>(names[1])).collect()
    };
    let naive = |holds: fn(i64, i64) -> bool| -> Vec<(i64, i64)> {
        let rows = (0..4).flat_map(|i| [2usize, 3, 0, 1].map(|j| (i as usize, j)));
        let meet = rows.filter(|&(i, j)| first[i] == second[j] && holds(t1[i], t2[j]));
        meet.map(|(i, j)| (i as i64, j as i64)).collect()
    };
    assert_eq!(pairs("0", "0", "100"), naive(|_, _| true));
    assert_eq!(pairs("1", "6", "100"), naive(|a, b| (a - b).abs() <= 6));
    assert_eq!(pairs("2", "6", "100"), naive(|a, b| a <= b && b - a <= 6));
    assert_eq!(pairs("0", "0", "2"), naive(|_, _| true)[..2]);
    assert_eq!(pairs("0", "0", "0"), []);
    assert!(join("3", "1", "5").unwrap_err().message.contains("no predicate"));
    assert!(join("1", "-1", "5").unwrap_err().message.contains("a window of -1"));
    assert!(join("1", "1", "-5").unwrap_err().message.contains("below 0"));
}

#[test]
fn sparse_rows_are_added_index_by_index() {
    let stage = Stage::with(64 << 20);
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut drawn = || -> Vec<(i64, f64)> {
            (0..rng.usize(0..6)).map(|_| (rng.i64(-3..4), f64::from(rng.i8(-8..9)))).collect()
        };
        let (a, b) = (drawn(), drawn());
        let mut naive = std::collections::BTreeMap::new();
        for (index, value) in a.iter().chain(&b) {
            *naive.entry(*index).or_insert(0.0) += value;
        }
        let column = |of: &[(i64, f64)]| {
            let (indices, values): (Vec<i64>, Vec<f64>) = of.iter().copied().unzip();
            (stage.array(&[of.len()], &indices), stage.array(&[of.len()], &values))
        };
        let ((i1, v1), (i2, v2)) = (column(&a), column(&b));
        let given = [("idx1", i1.as_str()), ("idx2", &i2), ("val1", &v1), ("val2", &v2), ("merge", "True")];
        let said = stage.call("sparseSumHelp", &given).to_string();
        let names: Vec<&str> = said.split('+').map(|one| one.split(' ').nth(1).unwrap()).collect();
        assert_eq!(stage.values::<i64>(names[0]), naive.keys().copied().collect::<Vec<_>>(), "{seed}");
        assert_eq!(stage.values::<f64>(names[1]), naive.values().copied().collect::<Vec<_>>(), "{seed}");
    }
    let (one, two) = (stage.array(&[1], &[1i64]), stage.array(&[2], &[1i64, 2]));
    let given = [("idx1", one.as_str()), ("idx2", &one), ("val1", &one), ("val2", &two)];
    assert!(stage.fault("sparseSumHelp", &given).message.contains("2 indices of int64 for 3 values"));
}
