//! Statistics through a real node, beside what NumPy answers (golden lines, computed with NumPy 2) or naive models.

#[allow(dead_code, reason = "the stage is shared, and each file uses a part")]
mod stage;

use stage::Stage;
use windlass_contract::Code;
use windlass_contract::commands::Answered;

fn number(answered: &Answered) -> f64 {
    let text = answered.to_string();
    text.strip_prefix("float64 ").unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

#[test]
fn quantiles_are_numpys_by_every_method() {
    let stage = Stage::with(64 << 20);
    let a = stage.array(&[5], &[9i64, 1, 4, 7, 2]);
    // numpy.quantile([9, 1, 4, 7, 2], 0.3, method=..)
    let golden = [
        ("inverted_cdf", 2.0),
        ("averaged_inverted_cdf", 2.0),
        ("closest_observation", 2.0),
        ("interpolated_inverted_cdf", 1.5),
        ("hazen", 2.0),
        ("weibull", 1.8),
        ("linear", 2.4),
        ("median_unbiased", 1.933_333_333_333_333),
        ("normal_unbiased", 1.95),
        ("lower", 2.0),
        ("higher", 4.0),
        ("midpoint", 3.0),
    ];
    for (method, expected) in golden {
        let given = [("a", a.as_str()), ("q", "0.3"), ("method", method)];
        let found = number(&stage.call("quantile_scalar_no_axis<int64,1>", &given));
        assert!((found - expected).abs() < 1e-12, "{method}: {found}");
    }
    let with = |q: &str, method: &str| {
        stage.fault("quantile_scalar_no_axis<int64,1>", &[("a", &a), ("q", q), ("method", method)])
    };
    assert!(with("0.5", "guess").message.contains("no method of quantiles"));
    assert!(with("1.5", "linear").message.contains("not between 0 and 1"));
    let none = stage.array::<f64>(&[0], &[]);
    let given = [("a", none.as_str()), ("q", "0.5"), ("method", "linear")];
    assert!(stage.fault("quantile_scalar_no_axis<float64,1>", &given).message.contains("no elements"));
    let holes = stage.array(&[2], &[1.0, f64::NAN]);
    let given = [("a", holes.as_str()), ("q", "0.5"), ("method", "linear")];
    assert!(number(&stage.call("quantile_scalar_no_axis<float64,1>", &given)).is_nan());
}

#[test]
fn quantiles_along_axes_keep_them_and_those_of_several_shares_come_first() {
    let stage = Stage::with(64 << 20);
    let a = stage.array(&[2, 3], &[3.0f64, 1.0, 2.0, 9.0, 5.0, 7.0]);
    let q = stage.array(&[2], &[0.0f64, 0.5]);
    let given = [("a", a.as_str()), ("q", "0.5"), ("axis", "[\"1\"]"), ("method", "linear")];
    let rows = stage.call("quantile_scalar_with_axis<float64,2>", &given);
    let Answered::Array(facts) = &rows else { panic!("{rows:?}") };
    assert_eq!((&facts.shape[..], stage.values::<f64>(&facts.name)), (&[2, 1][..], vec![2.0, 7.0]));
    let given = [("a", a.as_str()), ("q", &q), ("axis", "[\"0\"]"), ("method", "lower")];
    let columns = stage.call("quantile_array_with_axis<float64,2,1>", &given);
    let Answered::Array(facts) = &columns else { panic!("{columns:?}") };
    assert_eq!(
        (&facts.shape[..], stage.values::<f64>(&facts.name)),
        (&[2, 1, 3][..], vec![3.0, 1.0, 2.0, 3.0, 1.0, 2.0])
    );
    let whole = stage.make("quantile_array_no_axis<float64,2,1>", &[("a", &a), ("q", &q), ("method", "linear")]);
    assert_eq!(stage.values::<f64>(&whole), [1.0, 4.0]);
    let outside = [("a", a.as_str()), ("q", "0.5"), ("axis", "[\"2\"]"), ("method", "linear")];
    assert!(stage.fault("quantile_scalar_with_axis<float64,2>", &outside).message.contains("outside of rank 2"));
}

#[test]
fn covariance_and_correlation_are_those_of_a_sample_for_every_pair_of_dtypes() {
    let stage = Stage::with(64 << 20);
    let (x, y) = (vec![1i64, 2, 4, 8], vec![true, false, true, true]);
    let (a, b) = (stage.array(&[4], &x), stage.array(&[4], &y));
    let given = [("x", a.as_str()), ("y", b.as_str())];
    let (fx, fy): (Vec<f64>, Vec<f64>) =
        (x.iter().map(|&one| one as f64).collect(), y.iter().map(|&one| f64::from(u8::from(one))).collect());
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let about = |one: &[f64], other: &[f64]| -> f64 {
        let (m, n) = (mean(one), mean(other));
        one.iter().zip(other).map(|(a, b)| (a - m) * (b - n)).sum::<f64>() / (one.len() as f64 - 1.0)
    };
    let cov = number(&stage.call("cov<int64,1,bool,1>", &given));
    assert!((cov - about(&fx, &fy)).abs() < 1e-12, "{cov}");
    let corr = number(&stage.call("corr<int64,1,bool,1>", &given));
    let expected = about(&fx, &fy) / (about(&fx, &fx) * about(&fy, &fy)).sqrt();
    assert!((corr - expected).abs() < 1e-12, "{corr}");
    let flat = stage.array(&[4], &[5u64; 4]);
    assert!(number(&stage.call("corr<int64,1,uint64,1>", &[("x", &a), ("y", &flat)])).is_nan());
    let one = stage.array(&[1], &[5.0f64]);
    assert!(number(&stage.call("cov<float64,1,float64,1>", &[("x", &one), ("y", &one)])).is_nan());
    let unlike = stage.fault("cov<int64,1,float64,1>", &[("x", &a), ("y", &one)]);
    assert_eq!(unlike.message, "x and y must have the same shape");
}

#[test]
fn closeness_counts_infinities_by_equality_and_nan_when_asked() {
    let stage = Stage::with(64 << 20);
    let close = |a: &[f64], b: &[f64], nan: &str| {
        let (a, b) = (stage.array(&[a.len()], a), stage.array(&[b.len()], b));
        let given = [("a", a.as_str()), ("b", &b), ("rtol", "1e-05"), ("atol", "1e-08"), ("equal_nan", nan)];
        stage.call("allclose<float64,1,float64,1>", &given).to_string()
    };
    assert_eq!(close(&[1.0, f64::INFINITY], &[1.000_001, f64::INFINITY], "False"), "bool true");
    assert_eq!(close(&[1.0], &[1.1], "False"), "bool false");
    assert_eq!(close(&[f64::INFINITY], &[f64::NEG_INFINITY], "False"), "bool false");
    assert_eq!(close(&[f64::NAN], &[f64::NAN], "False"), "bool false");
    assert_eq!(close(&[f64::NAN], &[f64::NAN], "True"), "bool true");
    assert_eq!(close(&[], &[], "False"), "bool true");
    let many = vec![1.0; 70_000];
    let mut other = many.clone();
    other[69_999] = 2.0;
    assert_eq!(close(&many, &other, "False"), "bool false", "the last morsel counts too");
}

#[test]
fn histograms_count_each_value_once_and_the_upper_edge_in_the_last_bin() {
    let stage = Stage::with(64 << 20);
    let a = stage.array(&[6], &[0.0f64, 1.0, 2.5, 5.0, f64::NAN, 7.0]);
    let given = [("array", a.as_str()), ("bins", "5"), ("minVal", "0"), ("maxVal", "5.0")];
    assert_eq!(stage.values::<i64>(&stage.make("histogram", &given)), [1, 1, 1, 0, 1]);
    let (x, y) = (stage.array(&[4], &[0i64, 1, 2, 3]), stage.array(&[4], &[0.5f64, 0.5, 3.0, 9.0]));
    let given = [
        ("x", x.as_str()),
        ("y", &y),
        ("xBins", "2"),
        ("yBins", "3"),
        ("xMin", "0"),
        ("xMax", "3"),
        ("yMin", "0"),
        ("yMax", "3"),
    ];
    assert_eq!(stage.values::<f64>(&stage.make("histogram2D", &given)), [2.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    let sample = format!("[\"{x}\",\"{x}\",\"{x}\"]");
    let given = [
        ("sample", sample.as_str()),
        ("bins", "[\"2\",\"1\",\"2\"]"),
        ("rangeMin", "[\"0\",\"0\",\"0\"]"),
        ("rangeMax", "[\"3\",\"3\",\"3\"]"),
        ("num_dims", "3"),
        ("num_samples", "4"),
        ("dim_prod", "[\"2\",\"2\",\"1\"]"),
    ];
    assert_eq!(stage.values::<f64>(&stage.make("histogramdD", &given)), [2.0, 0.0, 0.0, 2.0]);
    let none = stage.fault("histogram", &[("array", &a), ("bins", "0"), ("minVal", "0"), ("maxVal", "1")]);
    assert!(none.message.contains("0 bins"), "{none}");
    let endless =
        stage.fault("histogram", &[("array", &a), ("bins", "1000000000000"), ("minVal", "0"), ("maxVal", "1")]);
    assert!(endless.is(Code::NoMemory), "{endless}");
}

#[test]
fn the_least_and_greatest_few_ascend_and_leave_nan_out() {
    let stage = Stage::with(64 << 20);
    let a = stage.array(&[6], &[3.0f64, f64::NAN, -1.0, 8.0, f64::NEG_INFINITY, 8.0]);
    let few = |name: &str, k: &str, places: &str| stage.make(name, &[("array", &a), ("k", k), ("rtnInd", places)]);
    assert_eq!(stage.values::<f64>(&few("mink", "2", "False")), [f64::NEG_INFINITY, -1.0]);
    assert_eq!(stage.values::<i64>(&few("mink", "2", "True")), [4, 2]);
    assert_eq!(stage.values::<f64>(&few("maxk", "3", "False")), [3.0, 8.0, 8.0]);
    assert_eq!(stage.values::<i64>(&few("maxk", "3", "True")), [0, 3, 5]);
    assert_eq!(stage.values::<f64>(&few("maxk", "99", "False")).len(), 5, "no more than there are");
    let zero = stage.fault("mink", &[("array", &a), ("k", "0"), ("rtnInd", "False")]);
    assert!(zero.message.contains("1 or greater"), "{zero}");
}
