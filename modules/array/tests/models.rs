//! Commands beside naive models, over drawn shapes (empty ones among them), layouts (slices that walk backward) and dtypes.
//! A case that fails prints its seed.

#[allow(dead_code, reason = "the stage serves the other tests too")]
mod stage;

use stage::{Stage, Value};
use windlass_contract::commands::Answered;

const CASES: u64 = 40;

/// A drawn array on the node, and its elements.
struct Drawn<T> {
    name: String,
    shape: Vec<usize>,
    values: Vec<T>,
}

fn flat(shape: &[usize], at: &[usize]) -> usize {
    shape.iter().zip(at).fold(0, |flat, (length, at)| flat * length + at)
}

fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for &length in shape {
        all = all.iter().flat_map(|at| (0..length).map(|one| [at.as_slice(), &[one]].concat())).collect();
    }
    all
}

/// An array of a drawn shape; half of the time a slice of a larger one, with drawn steps.
fn draw<T: Value>(
    stage: &Stage,
    rng: &mut fastrand::Rng,
    rank: usize,
    value: impl Fn(&mut fastrand::Rng) -> T,
) -> Drawn<T> {
    let shape: Vec<usize> = (0..rank).map(|_| rng.usize(0..5)).collect();
    let values: Vec<T> = (0..shape.iter().product()).map(|_| value(rng)).collect();
    let name = stage.array(&shape, &values);
    if rng.bool() {
        return Drawn { name, shape, values };
    }
    let (mut starts, mut stops, mut strides, mut picked) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for &length in &shape {
        let step = [1, 2, -1, -2][rng.usize(0..4)];
        let (start, stop) = if step > 0 { (0, length as i64) } else { (length as i64 - 1, -1) };
        let along: Vec<usize> = match step {
            1 | 2 => (0..length).step_by(step as usize).collect(),
            _ => (0..length).rev().step_by(-step as usize).collect(),
        };
        starts.push(start);
        stops.push(stop);
        strides.push(step);
        picked.push(along);
    }
    let texts = [&starts, &stops, &strides].map(|one| format!("{one:?}"));
    let command = format!("[slice]<{},{rank}>", T::DTYPE);
    let given = [
        ("array", name.as_str()),
        ("starts", &texts[0]),
        ("stops", &texts[1]),
        ("strides", &texts[2]),
        ("max_bits", "0"),
    ];
    let sliced = stage.make(&command, &given);
    let seen: Vec<usize> = picked.iter().map(Vec::len).collect();
    let of = |at: &Vec<usize>| {
        let from: Vec<usize> = at.iter().zip(&picked).map(|(&at, along)| along[at]).collect();
        values[flat(&shape, &from)]
    };
    let values = indices(&seen).iter().map(of).collect();
    Drawn { name: sliced, shape: seen, values }
}

/// Runs cases on one node, each with a generator of its own.
fn cases(run: impl Fn(&Stage, &mut fastrand::Rng, usize)) {
    let stage = Stage::with(64 << 20);
    for seed in 0..CASES {
        eprintln!("case {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let rank = rng.usize(1..4);
        run(&stage, &mut rng, rank);
    }
}

fn whole(rng: &mut fastrand::Rng) -> i64 {
    rng.i64(-5..6)
}
fn float(rng: &mut fastrand::Rng) -> f64 {
    [f64::NAN, f64::INFINITY, -0.0, 0.0, 1.5, -2.25, 1e300][rng.usize(0..7)]
}

/// Equal bits, but for the sign and payload of NaN.
fn same(left: &[f64], right: &[f64]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
}

#[test]
fn a_slice_has_the_elements_that_its_steps_meet() {
    cases(|stage, rng, rank| {
        let a = draw(stage, rng, rank, whole);
        assert_eq!(stage.values::<i64>(&a.name), a.values);
        let b = draw(stage, rng, rank, |rng| rng.bool());
        assert_eq!(stage.values::<bool>(&b.name), b.values);
    });
}

#[test]
fn an_operator_meets_each_element_once_whatever_the_layout() {
    cases(|stage, rng, rank| {
        let (a, b) = (draw(stage, rng, rank, whole), rng.i64(-3..4));
        let given = [("op", "*"), ("a", a.name.as_str()), ("value", &b.to_string())];
        let product = stage.make(&format!("binopvs<int64,int64,{rank}>"), &given);
        assert_eq!(stage.values::<i64>(&product), a.values.iter().map(|one| one * b).collect::<Vec<_>>());
        let f = draw(stage, rng, rank, float);
        let given = [("op", "+"), ("a", f.name.as_str()), ("value", "0.5")];
        let sum = stage.make(&format!("binopvs<float64,float64,{rank}>"), &given);
        assert!(same(&stage.values(&sum), &f.values.iter().map(|one| one + 0.5).collect::<Vec<_>>()));
        let less =
            stage.make(&format!("binopvs<float64,int64,{rank}>"), &[("op", "<"), ("a", &f.name), ("value", "1")]);
        assert_eq!(stage.values::<bool>(&less), f.values.iter().map(|one| *one < 1.0).collect::<Vec<_>>());
    });
}

#[test]
fn a_sum_along_an_axis_adds_what_lies_on_it() {
    cases(|stage, rng, rank| {
        let (a, axis) = (draw(stage, rng, rank, whole), rng.usize(0..rank));
        let given = [("x", a.name.as_str()), ("axis", &axis.to_string()), ("skipNan", "False")];
        let Answered::Array(sums) = stage.call(&format!("sum<int64,{rank}>"), &given) else { panic!("no array") };
        let mut kept = a.shape.clone();
        kept[axis] = 1;
        let mut naive = vec![0; kept.iter().product()];
        for at in indices(&a.shape) {
            let mut to = at.clone();
            to[axis] = 0;
            naive[flat(&kept, &to)] += a.values[flat(&a.shape, &at)];
        }
        assert_eq!(sums.shape, kept.iter().map(|&length| length as u64).collect::<Vec<_>>());
        assert_eq!(stage.values::<i64>(&sums.name), naive);
    });
}

#[test]
fn a_scan_and_a_sort_along_an_axis_are_those_of_each_line() {
    cases(|stage, rng, rank| {
        let (a, axis) = (draw(stage, rng, rank, whole), rng.usize(0..rank));
        let text = axis.to_string();
        let scan = stage.make(
            &format!("cumSum<int64,{rank}>"),
            &[("x", &a.name), ("axis", &text), ("includeInitial", "False")],
        );
        let sort =
            stage.make(&format!("sort<int64,{rank}>"), &[("array", &a.name), ("alg", "x"), ("axis", &text)]);
        let order = stage
            .make(&format!("argsort<int64,{rank}>"), &[("name", &a.name), ("algoName", "x"), ("axis", &text)]);
        let (mut sums, mut sorted, mut places) = (a.values.clone(), a.values.clone(), vec![0i64; a.values.len()]);
        for at in indices(&a.shape).iter().filter(|at| at[axis] == 0) {
            let line: Vec<usize> = (0..a.shape[axis])
                .map(|step| {
                    let mut on = at.clone();
                    on[axis] = step;
                    flat(&a.shape, &on)
                })
                .collect();
            let mut by_value: Vec<usize> = (0..line.len()).collect();
            by_value.sort_by_key(|&step| a.values[line[step]]);
            let mut sum = 0;
            for (step, &place) in line.iter().enumerate() {
                sum += a.values[place];
                sums[place] = sum;
                sorted[place] = a.values[line[by_value[step]]];
                places[place] = by_value[step] as i64;
            }
        }
        assert_eq!(stage.values::<i64>(&scan), sums);
        assert_eq!(stage.values::<i64>(&sort), sorted);
        assert_eq!(stage.values::<i64>(&order), places);
    });
}

#[test]
fn assignment_through_a_slice_changes_what_the_slice_meets_and_a_mask_picks_in_order() {
    cases(|stage, rng, _| {
        let values: Vec<f64> = (0..rng.usize(1..20)).map(|_| float(rng)).collect();
        let a = stage.array(&[values.len()], &values);
        let (start, step) = (rng.usize(0..values.len()), rng.usize(1..4));
        let (from, by, to) = (start.to_string(), step.to_string(), values.len().to_string());
        let given = [
            ("array", a.as_str()),
            ("starts", &from),
            ("stops", &to),
            ("strides", &by),
            ("value", "7"),
            ("max_bits", "0"),
        ];
        stage.call("[slice]=val<float64,1>", &given);
        let mut naive = values.clone();
        naive.iter_mut().skip(start).step_by(step).for_each(|one| *one = 7.0);
        assert!(same(&stage.values(&a), &naive));
        let mask: Vec<bool> = values.iter().map(|_| rng.bool()).collect();
        let picked = stage.make("[pdarray]", &[("array", &a), ("idx", &stage.array(&[mask.len()], &mask))]);
        let kept: Vec<f64> = naive.iter().zip(&mask).filter(|(_, kept)| **kept).map(|(one, _)| *one).collect();
        assert!(same(&stage.values(&picked), &kept));
    });
}
