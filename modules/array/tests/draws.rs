//! Draws of generators: gamma, logistic and Poisson numbers, with one parameter or one for each element.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]

mod stage;

use stage::Stage;
use {fastrand as _, windlass_admin as _, windlass_array as _, windlass_contract as _, windlass_runtime as _};

/// The name of a generator of a seed.
fn generator(stage: &Stage, seed: &str) -> String {
    let given = [("has_seed", "true"), ("seed", seed), ("state", "1")];
    let said = stage.call("createGenerator<float64>", &given).to_string();
    said.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn draws_follow_from_the_seed_and_the_state_and_go_on_from_it() {
    let stage = Stage::with(64 << 20);
    let draw = |seed: &str, state: &str| {
        let name = generator(&stage, seed);
        let common = [("name", name.as_str()), ("has_seed", "true"), ("state", state)];
        let with = |more: &[(&'static str, &'static str)]| {
            let mut given: Vec<(&str, &str)> = common.to_vec();
            given.extend(more);
            given
        };
        let gamma = with(&[("size", "[50]"), ("is_single_k", "true"), ("k_arg", "2.5")]);
        let gamma = stage.values::<f64>(&stage.make("standardGamma<1>", &gamma));
        let poisson = with(&[("size", "50"), ("is_single_lambda", "true"), ("lam", "30.0")]);
        let poisson = stage.values::<i64>(&stage.make("poissonGenerator", &poisson));
        let sides = [("is_single_mu", "true"), ("mu", "1.0"), ("is_single_scale", "true"), ("scale", "2.0")];
        let mut logistic = with(&[("size", "50")]);
        logistic.extend(sides);
        let logistic = stage.values::<f64>(&stage.make("logisticGenerator", &logistic));
        (gamma, poisson, logistic)
    };
    let (first, second) = (draw("7", "0"), draw("7", "20"));
    assert_eq!(first, draw("7", "0"));
    assert_ne!(first, draw("8", "0"));
    assert_eq!(first.0[20..], second.0[..30]);
    assert_eq!(first.1[20..], second.1[..30]);
    assert_eq!(first.2[20..], second.2[..30]);
    assert!(first.0.iter().all(|value| *value > 0.0) && first.1.iter().all(|count| *count >= 0));
}

#[test]
fn each_element_may_have_a_parameter_of_its_own_and_wrong_ones_are_named() {
    let stage = Stage::with(64 << 20);
    let name = generator(&stage, "1");
    let whole = stage.array(&[4], &[0i64, 0, 1_000_000, 0]);
    let given =
        [("name", name.as_str()), ("size", "4"), ("is_single_lambda", "false"), ("lam", &whole), ("state", "0")];
    let counts = stage.values::<i64>(&stage.make("poissonGenerator", &given));
    assert!(counts[2].abs_diff(1_000_000) < 10_000 && counts[0] + counts[1] + counts[3] == 0, "{counts:?}");
    let shapes = stage.array(&[2, 2], &[0.0f64, 400.0, 0.0, 400.0]);
    let given =
        [("name", name.as_str()), ("size", "[2,2]"), ("is_single_k", "false"), ("k_arg", &shapes), ("state", "0")];
    let values = stage.values::<f64>(&stage.make("standardGamma<2>", &given));
    assert!(values[0] == 0.0 && values[2] == 0.0 && values[1] > 200.0 && values[3] > 200.0, "{values:?}");
    let given =
        [("name", name.as_str()), ("size", "[3]"), ("is_single_k", "false"), ("k_arg", &shapes), ("state", "0")];
    assert!(stage.fault("standardGamma<1>", &given).message.contains("4 elements, and 3"));
    let given =
        [("name", name.as_str()), ("size", "3"), ("is_single_lambda", "true"), ("lam", "-1.0"), ("state", "0")];
    assert!(stage.fault("poissonGenerator", &given).message.contains("a mean of -1"));
    let given =
        [("name", name.as_str()), ("size", "-3"), ("is_single_lambda", "true"), ("lam", "1.0"), ("state", "0")];
    assert!(!stage.fault("poissonGenerator", &given).message.is_empty());
}

#[test]
fn uniform_and_normal_numbers_of_a_seed_are_the_ancestors() {
    let stage = Stage::with(64 << 20);
    let given = |low: &'static str, high: &'static str, seed: &'static str| {
        [("shape", "10"), ("low", low), ("high", high), ("seed", seed)]
    };
    let whole = stage.values::<i64>(&stage.make("randint<int64,1>", &given("1", "5", "2")));
    assert_eq!(whole, [4, 3, 1, 3, 2, 4, 4, 2, 3, 4]);
    let floats = stage.values::<f64>(&stage.make("randint<float64,1>", &given("0", "5", "0")));
    assert_eq!(floats[..3], [0.300_134_319_671_219_34, 0.473_830_362_307_591_1, 1.044_179_187_899_709_8]);
    let bools = stage.values::<bool>(&stage.make("randint<bool,1>", &given("0", "2", "2")));
    assert_eq!(bools, [false, true, true, true, true, false, true, true, true, true]);
    let normal = stage.values::<f64>(&stage.make("randomNormal<1>", &[("shape", "3"), ("seed", "1")]));
    let wanted = [-0.685_861_850_911_502_6, 1.172_381_058_357_337_5, 0.567_584_107_142_031];
    assert!(normal.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-12), "{normal:?}");
    // A generator's first place is 1, and it goes on from there.
    let name = generator(&stage, "17");
    let part = |state: &str| {
        let given = [("name", name.as_str()), ("low", "-1"), ("high", "1"), ("shape", "3"), ("state", state)];
        stage.values::<f64>(&stage.make("uniformGenerator<float64,1>", &given))
    };
    assert_eq!(part("1"), [0.611_942_349_440_493_2, 0.439_174_960_089_739_2, 0.450_792_379_441_919_1]);
    assert_eq!(part("2")[..2], part("1")[1..]);
}

#[test]
fn elements_are_drawn_of_each_group_with_or_without_repetition_and_by_weight() {
    let stage = Stage::with(64 << 20);
    let array = |values: &[i64]| stage.array(&[values.len()], values);
    // Two groups of rows, 4 and 2 of them.
    let rows = array(&[10, 11, 12, 13, 20, 21]);
    let (starts, sizes) = (array(&[0, 4]), array(&[4, 2]));
    let weights = stage.array(&[6], &[0.0f64, 1.0, 0.0, 2.0, 5.0, 0.0]);
    let drawn = |counts: &[i64], replace: &str, weighted: bool, seed: &str, state: &str| {
        let (counts, has) = (array(counts), if weighted { "True" } else { "False" });
        let given = [
            ("genName", "none"),
            ("perm", rows.as_str()),
            ("segs", &starts),
            ("segLens", &sizes),
            ("weights", if weighted { &weights } else { "" }),
            ("numSamples", &counts),
            ("replace", replace),
            ("hasWeights", has),
            ("hasSeed", "True"),
            ("seed", seed),
            ("state", state),
        ];
        stage.commands.call("segmentedSample", &given)
    };
    let values = |counts: &[i64], replace: &str, weighted: bool, seed: &str| {
        let said = drawn(counts, replace, weighted, seed, "1").unwrap().to_string();
        stage.values::<i64>(&Stage::names(&said)[0])
    };
    let mut all = values(&[4, 2], "False", false, "3");
    all[..4].sort_unstable();
    all[4..].sort_unstable();
    assert_eq!(all, [10, 11, 12, 13, 20, 21]);
    let many = values(&[300, 0], "True", false, "3");
    assert_eq!(many, values(&[300, 0], "True", false, "3"));
    assert_ne!(many, values(&[300, 0], "True", false, "4"));
    for row in 10..14 {
        let seen = many.iter().filter(|one| **one == row).count();
        assert!((30..130).contains(&seen), "{row}: {seen}");
    }
    let weighed = values(&[300, 5], "True", true, "3");
    assert!(weighed[..300].iter().all(|one| [11, 13].contains(one)) && weighed[300..] == [20; 5]);
    assert!((150..250).contains(&weighed.iter().filter(|one| **one == 13).count()));
    let mut both = values(&[2, 1], "False", true, "9");
    both[..2].sort_unstable();
    assert_eq!(both, [11, 13, 20]);
    let refused = |counts: &[i64], weighted| drawn(counts, "False", weighted, "1", "1").unwrap_err().message;
    assert!(refused(&[5, 0], false).contains("5 of 4 elements"));
    assert!(refused(&[0, 2], true).contains("1 that have a weight"));
    assert!(refused(&[-1, 0], false).contains("-1 elements"));
    assert!(refused(&[1], false).contains("2 groups"));
}
