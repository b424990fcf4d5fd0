//! Integers without a width, beside a naive model in 128 bits and what Python answers.
#![allow(dead_code, reason = "the stage is shared, and each file uses a part")]
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

mod stage;

use stage::Stage;
use windlass_contract::Code;

const VALUES: [&[i128]; 4] =
    [&[], &[0], &[-1], &[1 << 80, -(1 << 70), 3, 0, -5, u64::MAX as i128, i64::MIN as i128, 1 << 63, 1 << 64]];

type Naive = fn(i128, i128) -> i128;
type OfGroup = fn(&[i128]) -> i128;

fn stage() -> Stage {
    Stage::with(64 << 20)
}

/// The name of a new array of these values, by their limbs.
fn big(stage: &Stage, shape: &[usize], values: &[i128], max_bits: i64) -> String {
    let limb = |at: u32| -> Vec<u64> { values.iter().map(|value| (value >> (64 * at)) as u64).collect() };
    let (low, high) = (stage.array(&[values.len()], &limb(0)), stage.array(&[values.len()], &limb(1)));
    let (arrays, max_bits) = (format!("[\"{low}\",\"{high}\"]"), max_bits.to_string());
    let given = [
        ("arrays", arrays.as_str()),
        ("num_arrays", "2"),
        ("signed", "True"),
        ("shape", &format!("[{}]", values.len())),
        ("max_bits", &max_bits),
    ];
    let name = Stage::names(&stage.call("big_int_creation_multi_limb<uint64,1>", &given).to_string()).remove(0);
    let command = format!("reshape<bigint,1,{}>", shape.len());
    let said = stage.call(&command, &[("name", &name), ("shape", &format!("{shape:?}"))]).to_string();
    assert!(
        said.ends_with(" 16") && said.contains(&format!(" bigint {} {} ", values.len(), shape.len())),
        "{said}"
    );
    Stage::names(&said).remove(0)
}

/// A quotient that is rounded down; 0 of a division by 0.
fn floor(a: i128, b: i128) -> i128 {
    let rest = a.checked_rem(b).unwrap_or(0);
    a.checked_div(b).unwrap_or(0) - i128::from(rest != 0 && (rest < 0) != (b < 0))
}

/// The values of an array, as decimal text.
fn texts(stage: &Stage, name: &str) -> Vec<String> {
    let said = stage.call("castToStrings<bigint>", &[("name", name)]).to_string();
    let parts = Stage::names(&said);
    stage.make_texts("segStr-assemble", &[("offsets", &parts[0]), ("values", &parts[1])])
}

fn decimal(values: &[i128]) -> Vec<String> {
    values.iter().map(i128::to_string).collect()
}

#[test]
fn values_come_back_as_text_as_limbs_and_one_by_one() {
    let stage = stage();
    for values in VALUES {
        let name = big(&stage, &[values.len()], values, -1);
        assert_eq!(texts(&stage, &name), decimal(values));
        let said = stage.call("bigint_to_uint_list<bigint,1>", &[("array", &name)]).to_string();
        let said: Vec<String> = serde_json::from_str(&said).unwrap();
        for (at, limb) in said.iter().enumerate() {
            let naive: Vec<u64> = values.iter().map(|value| (value >> (64 * at)) as u64).collect();
            assert_eq!(stage.values::<u64>(&Stage::names(limb)[0]), naive);
        }
        for (at, value) in values.iter().enumerate() {
            let said = stage.call("[int]<bigint,1>", &[("array", &name), ("idx", &at.to_string())]);
            assert_eq!(said.to_string(), format!("bigint {value}"));
        }
        let outside = [("array", name.as_str()), ("idx", "9")];
        assert!(stage.fault("[int]<bigint,1>", &outside).message.contains("outside"));
        assert_eq!(stage.call("get_max_bits<bigint,1>", &[("array", &name)]).to_string(), "-1");
    }
}

#[test]
fn operators_are_those_of_numbers_whichever_side_has_a_width() {
    let stage = stage();
    let ops: [(&str, Naive); 7] = [
        ("+", |a, b| a + b),
        ("-", |a, b| a - b),
        ("*", |a, b| a * b),
        ("//", floor),
        ("&", |a, b| a & b),
        ("|", |a, b| a | b),
        ("^", |a, b| a ^ b),
    ];
    for values in VALUES {
        let small: Vec<i64> = (0..values.len() as i64).map(|at| at * 37 - 111).collect();
        let wide: Vec<i128> = small.iter().map(|&one| one.into()).collect();
        let (a, b) = (big(&stage, &[values.len()], values, -1), stage.array(&[small.len()], &small));
        let c = big(&stage, &[wide.len()], &wide, -1);
        for (op, naive) in ops {
            let call = |name: &str, given: &[(&str, &str)]| {
                texts(&stage, &Stage::names(&stage.call(name, given).to_string())[0])
            };
            let pairs = |f: &dyn Fn(i128, i128) -> i128| {
                decimal(&values.iter().zip(&wide).map(|(a, b)| f(*a, *b)).collect::<Vec<_>>())
            };
            assert_eq!(
                call("binopvv<bigint,int64,1>", &[("op", op), ("a", &a), ("b", &b)]),
                pairs(&naive),
                "{op}"
            );
            assert_eq!(
                call("binopvv<bigint,bigint,1>", &[("op", op), ("a", &a), ("b", &c)]),
                pairs(&naive),
                "{op}"
            );
            let turned = |a, b| naive(b, a);
            assert_eq!(
                call("binopvv<int64,bigint,1>", &[("op", op), ("a", &b), ("b", &a)]),
                pairs(&turned),
                "{op}"
            );
            let one = |f: &dyn Fn(i128) -> i128| decimal(&values.iter().map(|a| f(*a)).collect::<Vec<_>>());
            let vs = [("op", op), ("a", a.as_str()), ("value", "-7")];
            assert_eq!(call("binopvs<bigint,int64,1>", &vs), one(&|a| naive(a, -7)), "{op}");
            assert_eq!(call("binopsv<bigint,bigint,1>", &vs), one(&|a| naive(-7, a)), "{op}");
        }
        let less = stage.call("binopvv<bigint,int64,1>", &[("op", "<"), ("a", &a), ("b", &b)]).to_string();
        let naive: Vec<bool> = values.iter().zip(&wide).map(|(a, b)| a < b).collect();
        assert_eq!(stage.values::<bool>(&Stage::names(&less)[0]), naive);
    }
    let (a, b) = (big(&stage, &[2], &[1, 2], -1), big(&stage, &[1], &[1], -1));
    let shapes = stage.fault("binopvv<bigint,bigint,1>", &[("op", "+"), ("a", &a), ("b", &b)]);
    assert!(shapes.message.contains("[2] and [1]"), "{shapes}");
    let float = stage.fault("binopvs<bigint,float64,1>", &[("op", "&"), ("a", &a), ("value", "0.5")]);
    assert!(float.is(Code::NoInstance), "{float}");
    let narrow = stage.make(
        "binopvv<int64,int64,1>",
        &[("op", "+"), ("a", &stage.array(&[1], &[1i64])), ("b", &stage.array(&[1], &[2i64]))],
    );
    assert_eq!(stage.values::<i64>(&narrow), [3], "what was there is served as before");
}

#[test]
fn results_wrap_to_max_bits_and_what_has_no_room_is_refused_before_it_is_made() {
    let stage = Stage::with(1 << 20);
    let a = big(&stage, &[2], &[255, 7], 8);
    let said = stage.call("binopvs<bigint,int64,1>", &[("op", "+"), ("a", &a), ("value", "3")]).to_string();
    let sum = Stage::names(&said).remove(0);
    assert_eq!(texts(&stage, &sum), ["2", "10"]);
    assert_eq!(stage.call("get_max_bits<bigint,1>", &[("array", &sum)]).to_string(), "8");
    stage.call("set_max_bits<bigint,1>", &[("array", &sum), ("max_bits", "3")]);
    assert_eq!(texts(&stage, &sum), ["2", "2"]);
    let wide = big(&stage, &[1], &[3], -1);
    let power =
        |by: &str| stage.commands.call("binopvs<bigint,int64,1>", &[("op", "**"), ("a", &wide), ("value", by)]);
    assert!(power("100").is_ok());
    let many = stage.call("arange<bigint,1>", &[("start", "0"), ("stop", "1000"), ("step", "1")]).to_string();
    let many = Stage::names(&many).remove(0);
    let far = [("op", "<<"), ("a", many.as_str()), ("value", "1000000")];
    assert!(stage.fault("binopvs<bigint,int64,1>", &far).is(Code::NoMemory));
    assert!(power("99999999999").is_err());
}

#[test]
fn casts_keep_low_bits_and_cut_floats_and_slices_pick() {
    let stage = stage();
    let values = VALUES[3];
    let a = big(&stage, &[3, 3], values, -1);
    let cast = |to: &str| {
        Stage::names(&stage.call(&format!("cast<bigint,{to},2>"), &[("name", &a)]).to_string()).remove(0)
    };
    assert_eq!(stage.values::<i64>(&cast("int64")), values.iter().map(|one| *one as i64).collect::<Vec<_>>());
    assert_eq!(stage.values::<u64>(&cast("uint64")), values.iter().map(|one| *one as u64).collect::<Vec<_>>());
    assert_eq!(stage.values::<f64>(&cast("float64")), values.iter().map(|one| *one as f64).collect::<Vec<_>>());
    assert_eq!(stage.values::<bool>(&cast("bool")), values.iter().map(|one| *one != 0).collect::<Vec<_>>());
    let floats = stage.array(&[3], &[1e20f64, -2.9, 0.5]);
    let said = stage.call("cast<float64,bigint,1>", &[("name", &floats)]).to_string();
    assert_eq!(texts(&stage, &Stage::names(&said)[0]), ["100000000000000000000", "-2", "0"]);
    let nan = stage.array(&[1], &[f64::NAN]);
    assert!(stage.fault("cast<float64,bigint,1>", &[("name", &nan)]).message.contains("Non-finite"));
    let given = [
        ("array", a.as_str()),
        ("starts", "[2,0]"),
        ("stops", "[-1,3]"),
        ("strides", "[-2,2]"),
        ("max_bits", "0"),
    ];
    let slice = Stage::names(&stage.call("[slice]<bigint,2>", &given).to_string()).remove(0);
    assert_eq!(texts(&stage, &slice), decimal(&[values[6], values[8], values[0], values[2]]));
    stage.call(
        "[int]=val<bigint,2>",
        &[("array", &slice), ("idx", "[1,0]"), ("value", "1208925819614629174706177"), ("max_bits", "0")],
    );
    assert_eq!(texts(&stage, &slice)[2], "1208925819614629174706177");
    let zeros = Stage::names(&stage.call("create<bigint,2>", &[("shape", "[2,2]")]).to_string()).remove(0);
    stage.call("set<bigint,2>", &[("array", &zeros), ("val", "5")]);
    assert_eq!(texts(&stage, &zeros), ["5"; 4]);
    let up = stage.call("arange<bigint,1>", &[("start", "5"), ("stop", "-2"), ("step", "-3")]).to_string();
    assert_eq!(texts(&stage, &Stage::names(&up)[0]), ["5", "2", "-1"]);
}

#[test]
fn arrays_R8_values_are_picked_set_joined_and_repeated_as_those_of_other_dtypes_are() {
    let stage = stage();
    let values = [1i128 << 80, -(1 << 70), 3, 0, -5, 7];
    let name = big(&stage, &[6], &values, 0);
    let picked = |idx: &str| {
        let said = stage.call("[pdarray]", &[("array", &name), ("idx", idx)]).to_string();
        texts(&stage, &Stage::names(&said)[0])
    };
    let (idx, mask) =
        (stage.array(&[4], &[5i64, 0, -1, 1]), stage.array(&[6], &[true, false, false, true, false, true]));
    assert_eq!(picked(&idx), decimal(&[7, 1 << 80, 7, -(1 << 70)]));
    assert_eq!(picked(&mask), decimal(&[1 << 80, 0, 7]));
    let outside = stage.array(&[1], &[6i64]);
    let fault = stage.fault("[pdarray]", &[("array", &name), ("idx", &outside)]);
    assert!(fault.is(Code::BadArguments) && fault.message.contains("index 6"), "{fault:?}");
    // Joined with integers of a width, along the axis that is named.
    let small = stage.array(&[2], &[-1i64, 2]);
    let names = format!("[\"{name}\",\"{small}\"]");
    let said = stage.call("concatenate<bigint,1>", &[("names", &names), ("axis", "0")]).to_string();
    assert_eq!(texts(&stage, &Stage::names(&said)[0]), decimal(&[1 << 80, -(1 << 70), 3, 0, -5, 7, -1, 2]));
    let square = big(&stage, &[2, 3], &values, 0);
    let names = format!("[\"{square}\",\"{square}\"]");
    let said = stage.call("concatenate<bigint,2>", &[("names", &names), ("axis", "1")]).to_string();
    assert!(said.contains(" bigint 12 2 [2,6] "), "{said}");
    let flat =
        Stage::names(&stage.call("flatten<bigint,2>", &[("a", &Stage::names(&said)[0])]).to_string()).remove(0);
    let twice = [values[0], values[1], values[2], values[0], values[1], values[2], 0, -5, 7, 0, -5, 7];
    assert_eq!(texts(&stage, &flat), decimal(&twice));
    let times = stage.array(&[6], &[0i64, 1, 0, 0, 2, 1]);
    let said = stage.call("repeatFlat<bigint,1>", &[("name", &name), ("repeats", &times)]).to_string();
    assert_eq!(texts(&stage, &Stage::names(&said)[0]), decimal(&[-(1 << 70), -5, -5, 7]));
    // Set in place: one value, several, a slice; what wraps still wraps.
    let narrow = big(&stage, &[6], &[1, 2, 3, 4, 5, 6], 8);
    stage.call("[pdarray]=val", &[("array", &narrow), ("idx", &mask), ("value", "257"), ("dtype", "bigint")]);
    stage.call(
        "[pdarray]=pdarray",
        &[("array", &narrow), ("idx", &stage.array(&[2], &[1i64, 2])), ("value", &small)],
    );
    let slice = [
        ("array", narrow.as_str()),
        ("starts", "4"),
        ("stops", "5"),
        ("strides", "1"),
        ("value", "-1"),
        ("max_bits", "8"),
    ];
    stage.call("[slice]=val<bigint,1>", &slice);
    assert_eq!(texts(&stage, &narrow), decimal(&[1, 255, 2, 1, 255, 1]));
    stage.call("opeqvs<bigint,1>", &[("op", "+="), ("a", &narrow), ("value", "3")]);
    assert_eq!(texts(&stage, &narrow), decimal(&[4, 2, 5, 4, 2, 4]));
    assert_eq!(stage.call("str", &[("array", &narrow), ("printThresh", "100")]).to_string(), "[4 2 5 4 2 4]");
}

#[test]
fn arrays_R8_values_are_turned_round_repeated_by_layers_and_told_to_be_in_order() {
    let stage = stage();
    let values = [1i128 << 80, -(1 << 70), 3, 0, -5, 7];
    let square = big(&stage, &[2, 3], &values, 0);
    let flat = |said: String| {
        let name = Stage::names(&said).remove(0);
        texts(&stage, &Stage::names(&stage.call("flatten<bigint,2>", &[("a", &name)]).to_string())[0])
    };
    let given = [("name", square.as_str()), ("axis", "[1]")];
    let turned = flat(stage.call("flip<bigint,2>", &given).to_string());
    assert_eq!(turned, decimal(&[3, -(1 << 70), 1 << 80, 7, -5, 0]));
    let turned = flat(stage.call("flipAll<bigint,2>", &[("name", &square)]).to_string());
    assert_eq!(turned, decimal(&[7, -5, 0, 3, -(1 << 70), 1 << 80]));
    let times = stage.array(&[2], &[2i64, 1]);
    let given = [("eIn", square.as_str()), ("reps", &times), ("axis", "0")];
    let repeated = flat(stage.call("repeat<bigint,2,int64,1>", &given).to_string());
    let layer = [values[0], values[1], values[2]];
    assert_eq!(repeated, decimal(&[layer, layer, [0, -5, 7]].concat()));
    let order = |values: &[i128]| {
        let name = big(&stage, &[values.len()], values, 0);
        ["isSortedAll<bigint,1>", "isSortedLocallyAll<bigint,1>"]
            .map(|command| stage.call(command, &[("x", &name)]).to_string())
    };
    assert_eq!(order(&[-(1 << 70), 3, 3, 1 << 80]), ["bool true"; 2]);
    assert_eq!(order(&values), ["bool false"; 2]);
    // The command that is for strings as well.
    let line = big(&stage, &[2], &[1 << 80, 5], 0);
    let line = format!("[\"{line}\",\"{}\"]", stage.array(&[1], &[4i64]));
    let said =
        stage.call("concatenateStr", &[("objType", "pdarray"), ("names", &line), ("mode", "append")]).to_string();
    assert_eq!(texts(&stage, &Stage::names(&said)[0]), decimal(&[1 << 80, 5, 4]));
}

#[test]
fn arrays_R8_a_bigint_beside_a_float_is_the_nearest_float() {
    let stage = stage();
    let name = big(&stage, &[3], &[1 << 80, -3, 7], 0);
    let floats = stage.array(&[3], &[2.0f64, 0.5, -2.0]);
    let said = stage.call("binopvv<bigint,float64,1>", &[("op", "*"), ("a", &name), ("b", &floats)]).to_string();
    assert_eq!(stage.values::<f64>(&Stage::names(&said)[0]), [2.0 * (1u128 << 80) as f64, -1.5, -14.0]);
    let said = stage.call("binopvs<bigint,int64,1>", &[("op", "/"), ("a", &name), ("value", "2")]).to_string();
    assert_eq!(stage.values::<f64>(&Stage::names(&said)[0]), [(1u128 << 79) as f64, -1.5, 3.5]);
}

#[test]
fn limbs_of_one_command_come_least_first_and_of_the_other_greatest_first() {
    let stage = stage();
    let (one, two) = (stage.array(&[3], &[1_u64, 0, u64::MAX]), stage.array(&[3], &[5_u64, 7, 0]));
    let made = |command: &str, max_bits: &str| {
        let arrays = format!("[\"{one}\",\"{two}\"]");
        let given = [
            ("arrays", arrays.as_str()),
            ("num_arrays", "2"),
            ("signed", "False"),
            ("shape", "[3]"),
            ("max_bits", max_bits),
        ];
        let name = Stage::names(&stage.call(command, &given).to_string()).remove(0);
        texts(&stage, &name)
    };
    let (one, two): ([i128; 3], [i128; 3]) = ([1, 0, u64::MAX.into()], [5, 7, 0]);
    // 5 << 64 and so on need no sign, and u64::MAX << 64 fits 128 bits as a number without one.
    let least: Vec<String> = (0..3).map(|at| ((two[at] as u128) << 64 | one[at] as u128).to_string()).collect();
    let greatest: Vec<String> = (0..3).map(|at| ((one[at] as u128) << 64 | two[at] as u128).to_string()).collect();
    assert_eq!(made("big_int_creation_multi_limb<uint64,1>", "-1"), least);
    assert_eq!(made("big_int_creation<bigint,1>", "-1"), greatest);
    assert_eq!(made("big_int_creation<bigint,1>", "8"), ["5", "7", "0"], "the low bits are those of the last");
}

#[test]
fn groups_are_reduced_to_one_value_each_and_spread_over_their_rows_again() {
    let stage = stage();
    let values = [1 << 80, -(1 << 70), 3, 3, -5, 1 << 64, 7];
    let (starts, name) = (stage.array(&[3], &[0i64, 2, 5]), big(&stage, &[7], &values, -1));
    let groups = [&values[0..2], &values[2..5], &values[5..7]];
    let reduced = |name: &str, op: &str| {
        let given = [("values", name), ("segments", &starts), ("op", op), ("skip_nan", "True"), ("ddof", "1")];
        stage.make("segmentedReduction", &given)
    };
    let naive: [(&str, OfGroup); 7] = [
        ("sum", |group| group.iter().sum()),
        ("min", |group| *group.iter().min().unwrap()),
        ("max", |group| *group.iter().max().unwrap()),
        ("or", |group| group.iter().fold(0, |all, one| all | one)),
        ("and", |group| group.iter().fold(-1, |all, one| all & one)),
        ("xor", |group| group.iter().fold(0, |all, one| all ^ one)),
        ("first", |group| group[0]),
    ];
    for (op, naive) in naive {
        assert_eq!(texts(&stage, &reduced(&name, op)), decimal(&groups.map(naive)), "{op}");
    }
    assert_eq!(stage.values::<i64>(&reduced(&name, "count")), [2, 3, 2]);
    assert_eq!(stage.values::<i64>(&reduced(&name, "nunique")), [2, 2, 2]);
    let wrong = [("values", name.as_str()), ("segments", &starts), ("op", "median"), ("skip_nan", "True")];
    assert!(stage.fault("segmentedReduction", &wrong).message.contains("median"));

    // What has a width keeps it, except in a sum.
    let narrow = big(&stage, &[7], &[250, 10, 3, 3, 5, 255, 255], 8);
    let width = |name: &str| stage.call("get_max_bits<bigint,1>", &[("array", name)]).to_string();
    let (sums, least) = (reduced(&narrow, "sum"), reduced(&narrow, "min"));
    assert_eq!((texts(&stage, &sums), width(&sums)), (decimal(&[260, 11, 510]), "-1".into()));
    assert_eq!((texts(&stage, &least), width(&least)), (decimal(&[10, 3, 255]), "8".into()));

    let one_each = big(&stage, &[3], &[1 << 90, -7, 5], -1);
    let order = stage.array(&[7], &[6i64, 5, 4, 3, 2, 1, 0]);
    let spread = |order: &str, permute: &str, size: &str| {
        let given = [
            ("segName", starts.as_str()),
            ("valName", &one_each),
            ("permName", order),
            ("permute", permute),
            ("size", size),
        ];
        stage.commands.call("gbbroadcast", &given)
    };
    let told = |said: windlass_contract::commands::Answered| texts(&stage, &Stage::names(&said.to_string())[0]);
    let rows = [1 << 90, 1 << 90, -7, -7, -7, 5, 5];
    assert_eq!(told(spread("none", "False", "7").unwrap()), decimal(&rows));
    let turned: Vec<i128> = rows.into_iter().rev().collect();
    assert_eq!(told(spread(&order, "True", "7").unwrap()), decimal(&turned));
    assert!(spread("none", "False", "4").unwrap_err().message.contains("outside of 4"));
    assert!(!spread(&order, "True", "8").unwrap_err().message.is_empty());
}
