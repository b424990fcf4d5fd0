//! Arrays as sets through a real node, beside naive models.

#[allow(dead_code, reason = "the stage is shared, and each file uses a part")]
mod stage;

use stage::Stage;
use windlass_contract::Code;
use windlass_contract::commands::Answered;

fn names(answered: &Answered) -> Vec<String> {
    let Answered::List(all) = answered else { panic!("{answered:?} is no list") };
    let name = |one: &Answered| match one {
        Answered::Array(facts) => facts.name.clone(),
        other => panic!("{other:?} is no array"),
    };
    all.iter().map(name).collect()
}

fn distinct(mut values: Vec<i64>) -> Vec<i64> {
    values.sort_unstable();
    values.dedup();
    values
}

#[test]
fn operations_on_sets_are_those_of_sorted_distinct_values_also_of_empty_arrays() {
    let stage = Stage::with(64 << 20);
    for seed in 0..30 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut drawn = || -> Vec<i64> { (0..rng.usize(0..12)).map(|_| rng.i64(-5..6)).collect() };
        let (left, right) = (drawn(), drawn());
        let (a, b) = (stage.array(&[left.len()], &left), stage.array(&[right.len()], &right));
        let given = [("arg1", a.as_str()), ("arg2", b.as_str()), ("assume_unique", "False")];
        let of = |name: &str| stage.values::<i64>(&stage.make(name, &given));
        let (left_set, right_set) = (distinct(left.clone()), distinct(right.clone()));
        let only = |one: &[i64], other: &[i64]| -> Vec<i64> {
            one.iter().copied().filter(|value| !other.contains(value)).collect()
        };
        assert_eq!(of("union1d"), distinct([left.clone(), right.clone()].concat()), "{seed}");
        let both: Vec<i64> = left_set.iter().copied().filter(|value| right_set.contains(value)).collect();
        assert_eq!(of("intersect1d"), both, "{seed}");
        assert_eq!(of("setdiff1d"), only(&left_set, &right_set), "{seed}");
        let one_only = [only(&left_set, &right_set), only(&right_set, &left_set)].concat();
        assert_eq!(of("setxor1d"), distinct(one_only), "{seed}");
        let kept = [("arg1", a.as_str()), ("arg2", b.as_str()), ("assume_unique", "True")];
        assert_eq!(stage.values::<i64>(&stage.make("setdiff1d", &kept)), only(&left, &right), "{seed}");
        let inside = stage.make("in1d", &[("pda1", &a), ("pda2", &b), ("invert", "True")]);
        let naive: Vec<bool> = left.iter().map(|value| !right.contains(value)).collect();
        assert_eq!(stage.values::<bool>(&inside), naive, "{seed}");
    }
}

#[test]
fn nan_is_one_value_and_dtypes_meet_in_one_that_holds_both() {
    let stage = Stage::with(64 << 20);
    let floats = stage.array(&[4], &[f64::NAN, 1.5, f64::NAN, -0.0]);
    let ints = stage.array(&[3], &[0i64, 7, 7]);
    let given = [("arg1", floats.as_str()), ("arg2", ints.as_str()), ("assume_unique", "False")];
    let union = stage.values::<f64>(&stage.make("union1d", &given));
    assert_eq!(union[..3], [0.0, 1.5, 7.0]);
    assert!(union.len() == 4 && union[3].is_nan(), "{union:?}");
    let flags = stage.array(&[3], &[true, false, true]);
    let given = [("arg1", flags.as_str()), ("arg2", flags.as_str()), ("assume_unique", "False")];
    assert_eq!(stage.values::<bool>(&stage.make("union1d", &given)), [false, true]);
    assert!(stage.fault("union1d", &[("arg1", &flags)]).is(Code::BadArguments));
}

#[test]
fn the_unique_family_tells_values_first_places_inverse_and_counts_of_any_rank() {
    let stage = Stage::with(64 << 20);
    for seed in 0..30 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rank = rng.usize(1..4);
        let shape: Vec<usize> = (0..rank).map(|_| rng.usize(0..5)).collect();
        let values: Vec<i64> = (0..shape.iter().product()).map(|_| rng.i64(-3..4)).collect();
        let a = stage.array(&shape, &values);
        let given = [("name", a.as_str())];
        let all = names(&stage.call(&format!("uniqueAll<int64,{rank}>"), &given));
        let found = distinct(values.clone());
        let place = |value: &i64| values.iter().position(|one| one == value).unwrap() as i64;
        let firsts: Vec<i64> = found.iter().map(place).collect();
        let inverse: Vec<i64> = values.iter().map(|value| found.binary_search(value).unwrap() as i64).collect();
        let counts: Vec<i64> =
            found.iter().map(|value| values.iter().filter(|one| *one == value).count() as i64).collect();
        let expected = [&found, &firsts, &inverse, &counts];
        for (name, expected) in all.iter().zip(expected) {
            assert_eq!(&stage.values::<i64>(name), expected, "{seed}");
        }
        let Answered::List(parts) = stage.call(&format!("uniqueInverse<int64,{rank}>"), &given) else { panic!() };
        let Answered::Array(seen) = &parts[1] else { panic!() };
        let lengths: Vec<u64> = shape.iter().map(|&one| one as u64).collect();
        assert_eq!((&seen.shape, stage.values::<i64>(&seen.name)), (&lengths, inverse), "{seed}");
        let counted = names(&stage.call(&format!("uniqueCounts<int64,{rank}>"), &given));
        assert_eq!(stage.values::<i64>(&counted[1]), counts, "{seed}");
        let alone = stage.make(&format!("uniqueValues<int64,{rank}>"), &given);
        assert_eq!(stage.values::<i64>(&alone), found, "{seed}");
    }
}

#[test]
fn strings_are_looked_up_among_strings() {
    let stage = Stage::with(64 << 20);
    let text = |parts: &[&str]| -> String {
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
    };
    let (asked, among) = (text(&["b", "", "ä", "c"]), text(&["ä", "b", "b"]));
    let of = |invert: &str| {
        let given = [("obj", asked.as_str()), ("other", among.as_str()), ("invert", invert)];
        stage.values::<bool>(&stage.make("segmentedIn1d", &given))
    };
    assert_eq!(of("False"), [true, false, true, false]);
    assert_eq!(of("True"), [false, true, false, true]);
    let wrong = stage.fault("segmentedIn1d", &[("obj", "nobody"), ("other", &among), ("invert", "False")]);
    assert!(wrong.is(Code::UnknownSymbol), "{wrong}");
}
