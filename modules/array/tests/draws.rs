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
