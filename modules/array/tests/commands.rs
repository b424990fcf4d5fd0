//! The commands of arrays through a real node, beside what NumPy answers (golden lines, computed with NumPy 2) or a naive model.
#![allow(non_snake_case, reason = "rows of the requirements are named as they are")]

mod stage;

use stage::Stage;
use windlass_contract::Code;
use windlass_contract::commands::Answered;

fn stage() -> Stage {
    Stage::with(64 << 20)
}

#[test]
fn bytes_come_back_as_they_went_in_for_every_dtype_and_malformed_ones_are_refused() {
    let stage = stage();
    fn round<T: stage::Value>(stage: &Stage, values: &[T]) {
        let name = stage.array(&[values.len()], values);
        assert_eq!(stage.values::<T>(&name), values);
    }
    round(&stage, &[i8::MIN, -1, 0, i8::MAX]);
    round(&stage, &[i32::MIN, 7]);
    round(&stage, &[i64::MIN, i64::MAX]);
    round(&stage, &[0u8, 255]);
    round(&stage, &[u64::MAX]);
    round(&stage, &[1.5f32, f32::INFINITY]);
    round(&stage, &[-0.0f64, 1e-300]);
    round(&stage, &[true, false]);
    round::<i64>(&stage, &[]);
    assert!(stage.upload("bool", &[1], &[2]).unwrap_err().message.contains("neither 0 nor 1"));
    assert!(stage.upload("int64", &[2], &[0; 8]).unwrap_err().is(Code::BadArguments));
    assert!(stage.upload("int64", &[usize::MAX / 4, 9], &[0; 8]).unwrap_err().is(Code::BadArguments));
}

#[test]
fn arrays_R10_create_and_set_answer_as_the_ancestor_does() {
    let stage = stage();
    let created = stage.call("create<float64,2>", &[("shape", "[\"2\",\"3\"]")]);
    let Answered::Array(facts) = &created else { panic!("{created:?}") };
    assert_eq!(created.to_string(), format!("created {} float64 6 2 [2,3] 8", facts.name));
    let set = stage.call("set<float64,2>", &[("array", &facts.name), ("val", "1.5")]);
    assert_eq!(set.to_string(), "");
    assert_eq!(stage.values::<f64>(&facts.name), [1.5; 6]);
    let one = stage.call("create<int64,1>", &[("shape", "4")]);
    assert!(one.to_string().ends_with(" int64 4 1 [4] 8"));
    let scalar = stage.call("createScalarArray<uint8>", &[("value", "200")]);
    assert!(scalar.to_string().ends_with(" uint8 1 1 [] 1"), "{scalar}");
}

#[test]
fn arange_counts_up_and_down_and_to_nothing() {
    let stage = stage();
    let arange = |dtype: &str, start: &str, stop: &str, step: &str| {
        stage.make(&format!("arange<{dtype},1>"), &[("start", start), ("stop", stop), ("step", step)])
    };
    assert_eq!(stage.values::<i64>(&arange("int64", "0", "10", "3")), [0, 3, 6, 9]);
    // The ancestor's client adds 2 to the stop of a falling range: these are `arange(5, -1, -2)` and `arange(5, 0, -1)`.
    assert_eq!(stage.values::<i64>(&arange("int64", "5", "1", "-2")), [5, 3, 1]);
    assert_eq!(stage.values::<i64>(&arange("int64", "5", "2", "-1")), [5, 4, 3, 2, 1]);
    assert_eq!(stage.values::<i64>(&arange("int64", "5", "5", "1")), [0i64; 0]);
    assert_eq!(
        stage.values::<u64>(&arange("uint64", "18446744073709551613", "18446744073709551615", "1")),
        [u64::MAX - 2, u64::MAX - 1]
    );
    let none = stage.fault("arange<float64,1>", &[("start", "0"), ("stop", "1"), ("step", "1")]);
    assert!(none.is(Code::NoInstance), "{none}");
}

#[test]
fn operators_promote_as_numpy_does() {
    let stage = stage();
    let (ints, floats) = (stage.array(&[3], &[7i64, -7, 0]), stage.array(&[3], &[2.0f64, 2.0, 0.5]));
    let (words, bools) = (stage.array(&[3], &[1u64, u64::MAX, 3]), stage.array(&[3], &[true, false, true]));
    let vv = |a: &str, da: &str, op: &str, b: &str, db: &str| {
        stage.make(&format!("binopvv<{da},{db},1>"), &[("op", op), ("a", a), ("b", b)])
    };
    assert_eq!(stage.values::<f64>(&vv(&ints, "int64", "+", &floats, "float64")), [9.0, -5.0, 0.5]);
    assert_eq!(stage.values::<f64>(&vv(&ints, "int64", "/", &ints, "int64"))[..2], [1.0, 1.0]);
    assert_eq!(
        stage.values::<i64>(&vv(&ints, "int64", "//", &stage.array(&[3], &[2i64, 2, 0]), "int64")),
        [3, -4, 0]
    );
    assert_eq!(
        stage.values::<i64>(&vv(&ints, "int64", "%", &stage.array(&[3], &[2i64, 2, 2]), "int64")),
        [1, 1, 0]
    );
    assert_eq!(stage.values::<bool>(&vv(&ints, "int64", "<", &words, "uint64")), [false, true, true]);
    assert_eq!(stage.values::<bool>(&vv(&words, "uint64", ">", &ints, "int64")), [false, true, true]);
    assert_eq!(stage.values::<bool>(&vv(&bools, "bool", "+", &bools, "bool")), [true, false, true]);
    assert_eq!(stage.values::<bool>(&vv(&bools, "bool", "^", &bools, "bool")), [false; 3]);
    assert_eq!(stage.values::<i64>(&vv(&ints, "int64", "&", &bools, "bool")), [1, 0, 0]);
    let vs = stage.make("binopvs<int64,float64,1>", &[("op", "*"), ("a", &ints), ("value", "0.5")]);
    assert_eq!(stage.values::<f64>(&vs), [3.5, -3.5, 0.0]);
    let sv = stage.make("binopsv<int64,int64,1>", &[("op", "-"), ("a", &ints), ("value", "1")]);
    assert_eq!(stage.values::<i64>(&sv), [-6, 8, 1]);
    let shifted = stage.make("binopvs<uint64,uint64,1>", &[("op", "<<"), ("a", &words), ("value", "1")]);
    assert_eq!(stage.values::<u64>(&shifted), [2, u64::MAX - 1, 6]);
}

#[test]
fn arrays_R11_a_type_error_names_procedure_operator_and_dtypes() {
    let stage = stage();
    let (bools, floats) = (stage.array(&[1], &[true]), stage.array(&[1], &[1.0f64]));
    let minus = stage.fault("binopvv<bool,bool,1>", &[("op", "-"), ("a", &bools), ("b", &bools)]);
    assert_eq!(minus.message, "Error: binopvv -: (bool,bool) not implemented");
    let bits = stage.fault("binopvv<float64,float64,1>", &[("op", "&"), ("a", &floats), ("b", &floats)]);
    assert!(bits.message.contains("(float64,float64) not implemented"), "{bits}");
    let sign = stage.fault("binopvv<bool,bool,1>", &[("op", "@"), ("a", &bools), ("b", &bools)]);
    assert_eq!(sign.message, "Unrecognized operator: @");
    let two = stage.array(&[2], &[1i64, 2]);
    let three = stage.array(&[3], &[1i64, 2, 3]);
    let shapes = stage.fault("binopvv<int64,int64,1>", &[("op", "+"), ("a", &two), ("b", &three)]);
    assert!(shapes.message.contains("[2] and [3]"), "{shapes}");
}

#[test]
fn in_place_operators_keep_the_dtype_and_refuse_what_would_lose_it() {
    let stage = stage();
    let (a, half) = (stage.array(&[2], &[1i64, 2]), stage.array(&[2], &[0.5f64, 0.5]));
    stage.call("opeqvs<int64,1>", &[("op", "+"), ("a", &a), ("value", "10")]);
    assert_eq!(stage.values::<i64>(&a), [11, 12]);
    let lossy = stage.fault("opeqvv<int64,float64,1>", &[("op", "+"), ("a", &a), ("b", &half)]);
    assert!(lossy.message.contains("(int64,float64) not implemented"), "{lossy}");
    stage.call("opeqvv<float64,int64,1>", &[("op", "+"), ("a", &half), ("b", &a)]);
    assert_eq!(stage.values::<f64>(&half), [11.5, 12.5]);
    assert_eq!(stage.values::<i64>(&a), [11, 12], "what failed changed nothing");
    // The client of the ancestor sends the sign with its `=`.
    stage.call("opeqvs<int64,1>", &[("op", "<<="), ("a", &a), ("value", "1")]);
    assert_eq!(stage.values::<i64>(&a), [22, 24]);
}

#[test]
fn casts_cut_wrap_and_keep_themselves() {
    let stage = stage();
    let a = stage.array(&[4], &[1.9f64, -1.9, f64::NAN, 300.0]);
    let cast = |to: &str| stage.make(&format!("cast<float64,{to},1>"), &[("name", &a)]);
    assert_eq!(stage.values::<i64>(&cast("int64")), [1, -1, 0, 300]);
    assert_eq!(stage.values::<u8>(&cast("uint8")), [1, 0, 0, 255]);
    assert_eq!(stage.values::<bool>(&cast("bool")), [true; 4]);
    assert_eq!(stage.values::<f32>(&cast("float32"))[3], 300.0);
}

#[test]
fn mathematics_takes_integers_as_float64_and_bits_stay_integers() {
    let stage = stage();
    let a = stage.array(&[2, 2], &[0i64, 1, -8, 5]);
    let unary = |name: &str, key: &str| stage.make(&format!("{name}<int64,2>"), &[(key, &a)]);
    assert_eq!(stage.values::<f64>(&unary("sin", "x")), [0.0f64, 1.0, -8.0, 5.0].map(f64::sin));
    assert_eq!(stage.values::<f64>(&unary("expm1", "pda"))[0], 0.0);
    assert_eq!(stage.values::<i64>(&unary("abs", "pda")), [0, 1, 8, 5]);
    assert_eq!(stage.values::<i64>(&unary("square", "x")), [0, 1, 64, 25]);
    assert_eq!(stage.values::<i64>(&unary("popcount", "pda")), [0, 1, 61, 2]);
    assert_eq!(stage.values::<i64>(&unary("ctz", "pda")), [0, 0, 3, 0]);
    assert_eq!(stage.values::<bool>(&unary("not", "pda")), [true, false, false, false]);
    let f = stage.array(&[5], &[2.5f64, -2.675, f64::NAN, f64::INFINITY, 1234.5]);
    assert_eq!(stage.values::<bool>(&stage.make("isnan<1>", &[("pda", &f)])), [false, false, true, false, false]);
    assert_eq!(stage.values::<bool>(&stage.make("isfinite<1>", &[("pda", &f)])), [true, true, false, false, true]);
    let round = stage.values::<f64>(&stage.make("round<float64,1>", &[("x", &f), ("n", "0")]));
    assert_eq!((round[0], round[4]), (2.0, 1234.0), "half to even");
    let tens = stage.values::<f64>(&stage.make("round<float64,1>", &[("x", &f), ("n", "-2")]));
    assert_eq!(tens[4], 1200.0);
}

#[test]
fn arrays_R5_where_carries_the_rank_first() {
    let stage = stage();
    let mask = stage.array(&[2, 2], &[true, false, false, true]);
    let (a, b) = (stage.array(&[2, 2], &[1i64, 2, 3, 4]), stage.array(&[2, 2], &[10.5f64, 20.5, 30.5, 40.5]));
    let vv = stage.make("wherevv<2,int64,float64>", &[("condition", &mask), ("a", &a), ("b", &b)]);
    assert_eq!(stage.values::<f64>(&vv), [1.0, 20.5, 30.5, 4.0]);
    let vs = stage.make("wherevs_float64<2,int64>", &[("condition", &mask), ("a", &a), ("b", "0.5")]);
    assert_eq!(stage.values::<f64>(&vs), [1.0, 0.5, 0.5, 4.0]);
    let ss = stage.make("wheress_int64_bool<2>", &[("condition", &mask), ("a", "7"), ("b", "True")]);
    assert_eq!(stage.values::<i64>(&ss), [7, 1, 1, 7]);
    let no = stage.fault("wherevv<2,int64,float64>", &[("condition", &a), ("a", &a), ("b", &b)]);
    assert!(no.message.contains("bool wanted"), "{no}");
}

#[test]
fn reductions_over_everything_and_along_axes_keep_the_axes() {
    let stage = stage();
    let a = stage.array(&[2, 3], &[1i64, 5, 3, 4, 2, 6]);
    let all = |name: &str| {
        stage.call(&format!("{name}<int64,2>"), &[("x", &a), ("skipNan", "False"), ("ddof", "1")]).to_string()
    };
    assert_eq!(all("sumAll"), "int64 21");
    assert_eq!(all("prodAll"), "int64 720");
    assert_eq!((all("maxAll"), all("minAll")), ("int64 6".into(), "int64 1".into()));
    assert_eq!(all("meanAll"), "float64 3.5");
    assert_eq!(all("varAll"), "float64 3.5");
    assert_eq!(all("argmaxAll"), "int64 5");
    assert_eq!((all("anyAll"), all("allAll")), ("bool true".into(), "bool true".into()));
    let along = |name: &str, axis: &str| {
        stage.call(&format!("{name}<int64,2>"), &[("x", &a), ("skipNan", "False"), ("axis", axis)])
    };
    let rows = along("sum", "[\"1\"]");
    assert!(rows.to_string().ends_with(" int64 2 2 [2,1] 8"), "{rows}");
    let Answered::Array(rows) = rows else { panic!() };
    assert_eq!(stage.values::<i64>(&rows.name), [9, 12]);
    let Answered::Array(columns) = along("max", "[-2]") else { panic!() };
    assert_eq!(stage.values::<i64>(&columns.name), [4, 5, 6]);
    let Answered::Array(places) = along("argmin", "1") else { panic!() };
    assert_eq!(stage.values::<i64>(&places.name), [0, 1]);
    let flags = stage.array(&[2, 2], &[true, false, false, false]);
    let given = [("x", flags.as_str()), ("skipNan", "False"), ("axis", "[1]")];
    assert_eq!(stage.values::<bool>(&stage.make("max<bool,2>", &given)), [true, false], "bools have bools");
    assert_eq!(stage.call("minAll<bool,2>", &given[..2]).to_string(), "bool false");
    let outside = stage.fault("sum<int64,2>", &[("x", &a), ("skipNan", "False"), ("axis", "[2]")]);
    assert!(outside.message.contains("outside of rank 2"), "{outside}");
}

#[test]
fn nan_is_skipped_when_asked_and_empty_arrays_have_only_what_has_a_neutral_value() {
    let stage = stage();
    let f = stage.array(&[3], &[1.0f64, f64::NAN, 3.0]);
    let sum = |skip: &str| stage.call("sumAll<float64,1>", &[("x", &f), ("skipNan", skip)]).to_string();
    assert_eq!((sum("True"), sum("False")), ("float64 4".into(), "float64 nan".into()));
    let none = stage.array::<f64>(&[0], &[]);
    assert_eq!(stage.call("sumAll<float64,1>", &[("x", &none), ("skipNan", "False")]).to_string(), "float64 0");
    assert_eq!(stage.call("allAll<float64,1>", &[("x", &none)]).to_string(), "bool true");
    let max = stage.call("maxAll<float64,1>", &[("x", &none), ("skipNan", "False")]);
    assert_eq!(max.to_string(), "float64 -inf", "any element beats it");
    let place = stage.fault("argmaxAll<float64,1>", &[("x", &none)]);
    assert!(place.message.contains("no elements"), "{place}");
    let bools = stage.array(&[3], &[true, true, false]);
    assert_eq!(stage.call("sumAll<bool,1>", &[("x", &bools), ("skipNan", "False")]).to_string(), "int64 2");
}

#[test]
fn scans_run_along_an_axis_and_may_begin_with_nothing() {
    let stage = stage();
    let a = stage.array(&[2, 3], &[1i64, 2, 3, 4, 5, 6]);
    let scan = |name: &str, axis: &str, initial: &str| {
        stage.make(&format!("{name}<int64,2>"), &[("x", &a), ("axis", axis), ("includeInitial", initial)])
    };
    assert_eq!(stage.values::<i64>(&scan("cumSum", "1", "False")), [1, 3, 6, 4, 9, 15]);
    assert_eq!(stage.values::<i64>(&scan("cumSum", "0", "False")), [1, 2, 3, 5, 7, 9]);
    assert_eq!(stage.values::<i64>(&scan("cumProd", "0", "True")), [1, 1, 1, 1, 2, 3, 4, 10, 18]);
    assert_eq!(stage.values::<i64>(&scan("cumSum", "1", "True")), [0, 1, 3, 6, 0, 4, 9, 15]);
    let many: Vec<i64> = (0..70_000).map(|at| at % 7 - 3).collect();
    let flat = stage.array(&[many.len()], &many);
    let sums = stage.make("cumSum<int64,1>", &[("x", &flat), ("axis", "0"), ("includeInitial", "False")]);
    let naive: Vec<i64> = many
        .iter()
        .scan(0, |sum, value| {
            *sum += value;
            Some(*sum)
        })
        .collect();
    assert_eq!(stage.values::<i64>(&sums), naive);
}

#[test]
fn sorts_are_stable_put_nan_last_and_go_along_any_axis() {
    let stage = stage();
    let f = stage.array(&[5], &[3.0f64, f64::NAN, 1.0, 3.0, f64::NEG_INFINITY]);
    let order = stage.make("argsort<float64,1>", &[("name", &f), ("algoName", "RadixSortLSD"), ("axis", "0")]);
    assert_eq!(stage.values::<i64>(&order), [4, 2, 0, 3, 1]);
    let a = stage.array(&[2, 3], &[3i64, 1, 2, 0, 9, 5]);
    let along =
        |axis: &str| stage.make("sort<int64,2>", &[("array", &a), ("alg", "RadixSortLSD"), ("axis", axis)]);
    assert_eq!(stage.values::<i64>(&along("1")), [1, 2, 3, 0, 5, 9]);
    assert_eq!(stage.values::<i64>(&along("0")), [0, 1, 2, 3, 9, 5]);
    let places = stage.make("argsort<int64,2>", &[("name", &a), ("algoName", "x"), ("axis", "0")]);
    assert_eq!(stage.values::<i64>(&places), [1, 0, 0, 0, 1, 1]);
    let empty = stage.array::<i64>(&[0, 3], &[]);
    assert!(
        stage
            .values::<i64>(&stage.make("sort<int64,2>", &[("array", &empty), ("alg", "x"), ("axis", "0")]))
            .is_empty()
    );
}

#[test]
fn slices_copy_nothing_and_outlive_the_name_they_came_from() {
    let stage = stage();
    let a = stage.array(&[3, 4], &(0..12).collect::<Vec<i64>>());
    let slice = stage.make(
        "[slice]<int64,2>",
        &[("array", &a), ("starts", "[2,3]"), ("stops", "[-1,-1]"), ("strides", "[-2,-1]"), ("max_bits", "0")],
    );
    assert_eq!(stage.values::<i64>(&slice), [11, 10, 9, 8, 3, 2, 1, 0]);
    assert_eq!(stage.call("delete", &[("name", &a)]).to_string(), format!("deleted {a}"));
    assert_eq!(stage.call("sumAll<int64,2>", &[("x", &slice), ("skipNan", "False")]).to_string(), "int64 44");
    let flat = stage.array(&[5], &[0i64, 1, 2, 3, 4]);
    let part = stage.make(
        "[slice]<int64,1>",
        &[("array", &flat), ("starts", "1"), ("stops", "5"), ("strides", "2"), ("max_bits", "0")],
    );
    assert_eq!(stage.values::<i64>(&part), [1, 3]);
    assert_eq!(stage.call("[int]<int64,1>", &[("array", &part), ("idx", "-1")]).to_string(), "int64 3");
    let gone = stage.fault("[int]<int64,1>", &[("array", &a), ("idx", "0")]);
    assert!(gone.is(Code::UnknownSymbol), "{gone}");
}

#[test]
fn arrays_of_numbers_and_masks_pick_and_set() {
    let stage = stage();
    let a = stage.array(&[5], &[10.0f64, 11.0, 12.0, 13.0, 14.0]);
    let (idx, mask) = (stage.array(&[3], &[4i64, 0, -2]), stage.array(&[5], &[true, false, true, false, false]));
    assert_eq!(stage.values::<f64>(&stage.make("[pdarray]", &[("array", &a), ("idx", &idx)])), [14.0, 10.0, 13.0]);
    assert_eq!(stage.values::<f64>(&stage.make("[pdarray]", &[("array", &a), ("idx", &mask)])), [10.0, 12.0]);
    stage.call("[pdarray]=val", &[("array", &a), ("idx", &mask), ("value", "0"), ("dtype", "float64")]);
    assert_eq!(stage.values::<f64>(&a), [0.0, 11.0, 0.0, 13.0, 14.0]);
    let new = stage.array(&[3], &[1i64, 2, 3]);
    stage.call("[pdarray]=pdarray", &[("array", &a), ("idx", &idx), ("value", &new)]);
    assert_eq!(stage.values::<f64>(&a), [2.0, 11.0, 0.0, 3.0, 1.0]);
    stage.call("[int]=val<float64,1>", &[("array", &a), ("idx", "-1"), ("value", "9"), ("max_bits", "0")]);
    stage.call(
        "[slice]=val<float64,1>",
        &[("array", &a), ("starts", "0"), ("stops", "2"), ("strides", "1"), ("value", "7"), ("max_bits", "0")],
    );
    assert_eq!(stage.values::<f64>(&a), [7.0, 7.0, 0.0, 3.0, 9.0]);
    let two = stage.array(&[2], &[5i64, 6]);
    stage.call(
        "[slice]=pdarray<float64,int64,1>",
        &[("array", &a), ("starts", "4"), ("stops", "2"), ("strides", "-1"), ("value", &two)],
    );
    assert_eq!(stage.values::<f64>(&a), [7.0, 7.0, 0.0, 6.0, 5.0]);
    let out = stage.array(&[1], &[5i64]);
    let fault = stage.fault("[pdarray]", &[("array", &a), ("idx", &out)]);
    assert!(fault.message.contains("index 5 is outside 0..5"), "{fault}");
}

#[test]
fn what_does_not_fit_is_refused_with_the_shortfall_and_the_node_goes_on() {
    let stage = Stage::with(1000);
    let fault = stage.fault("create<int64,1>", &[("shape", "126")]);
    assert!(fault.is(Code::NoMemory) && fault.message.contains("8 short"), "{fault}");
    let whole = stage.make("create<int64,1>", &[("shape", "125")]);
    let more = stage.fault("binopvv<int64,int64,1>", &[("op", "+"), ("a", &whole), ("b", &whole)]);
    assert!(more.is(Code::NoMemory), "{more}");
    stage.call("delete", &[("name", &whole)]);
    stage.make("create<int64,1>", &[("shape", "125")]);
    let endless = stage.fault("create<int64,3>", &[("shape", "[4294967296,4294967296,4294967296]")]);
    assert!(endless.is(Code::TooLarge), "{endless}");
    let negative = stage.fault("create<int64,1>", &[("shape", "-1")]);
    assert!(negative.message.contains("no shape"), "{negative}");
}

#[test]
fn a_registered_array_survives_its_session_and_is_read_by_others() {
    use windlass_client::dynamic::DynamicPool;
    let stage = stage();
    let (client, commands) = stage.another();
    let made = commands.call("createScalarArray<int64>", &[("value", "5")]).unwrap().to_string();
    let name = made.split(' ').nth(1).unwrap().to_owned();
    let symbols = DynamicPool::open(&client, "symbols").unwrap();
    let given = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    symbols.call("register", &given(&[("name", &name), ("registered", "five")]), &[]).unwrap();
    assert_eq!(
        commands.call("delete", &[("name", &name)]).unwrap().to_string(),
        format!("registered symbol, {name}, not deleted")
    );
    drop((symbols, commands, client));
    let sum = stage.call("sumAll<int64,1>", &[("x", "five"), ("skipNan", "False")]);
    assert_eq!(sum.to_string(), "int64 5");
    let denied = stage.fault("set<int64,1>", &[("array", "five"), ("val", "6")]);
    assert!(denied.is(Code::Denied), "{denied}");
    let mine = DynamicPool::open(&stage.client, "symbols").unwrap();
    let list = mine.call("list", &[], &[]).unwrap().value;
    assert_eq!((&list[0]["registered"], &list[0]["own"]), (&"five".into(), &false.into()));
    mine.call("unregister", &given(&[("registered", "five")]), &[]).unwrap();
    assert_eq!(stage.call("delete", &[("name", &name)]).to_string(), format!("deleted {name}"));
}

#[test]
fn symbols_are_ended_many_at_a_time_and_what_is_registered_or_nothing_is_passed_over() {
    use windlass_client::dynamic::DynamicPool;
    let stage = stage();
    let [a, b, kept] = [1i64, 2, 3].map(|one| stage.array(&[1], &[one]));
    let symbols = DynamicPool::open(&stage.client, "symbols").unwrap();
    let given = [("name", &kept), ("registered", &"three".to_owned())];
    let given: Vec<(String, String)> =
        given.iter().map(|(key, value)| ((*key).to_owned(), (*value).clone())).collect();
    symbols.call("register", &given, &[]).unwrap();
    let names = format!("[\"{a}\", \"nothing\", \"{kept}\", \"{b}\", \"{a}\"]");
    assert_eq!(stage.call("deleteSymbols", &[("names", &names)]).to_string(), "uint64 2");
    for (name, ended) in [(&a, true), (&b, true), (&kept, false)] {
        let asked = stage.commands.call("sumAll<int64,1>", &[("x", name), ("skipNan", "False")]);
        assert_eq!(asked.is_err(), ended, "{name}");
    }
    assert_eq!(stage.call("deleteSymbols", &[("names", "[]")]).to_string(), "uint64 0");
}

#[test]
fn one_element_is_set_in_place_and_in_a_copy_while_a_slice_holds_the_array() {
    let stage = Stage::with(1000);
    let a = stage.make("create<int64,1>", &[("shape", "100")]);
    // 800 of 1000 bytes: there is no room for a copy.
    let set = |value: &str| {
        let given = [("array", a.as_str()), ("idx", "7"), ("value", value), ("max_bits", "0")];
        stage.commands.call("[int]=val<int64,1>", &given)
    };
    let slice = || {
        let given = [("array", a.as_str()), ("starts", "6"), ("stops", "9"), ("strides", "1"), ("max_bits", "0")];
        stage.make("[slice]<int64,1>", &given)
    };
    let at = |idx: &str| stage.call("[int]<int64,1>", &[("array", &a), ("idx", idx)]).to_string();
    set("5").unwrap();
    let held = slice();
    assert!(set("6").unwrap_err().is(Code::NoMemory));
    assert_eq!(stage.values::<i64>(&held), [0, 5, 0]);
    assert_eq!(at("7"), "int64 5", "it stands under its name");
    stage.call("delete", &[("name", &held)]);
    set("6").unwrap();
    assert_eq!(at("7"), "int64 6");
    // A slice itself is changed in a copy of what it shows.
    let small = slice();
    stage.call("[int]=val<int64,1>", &[("array", &small), ("idx", "0"), ("value", "1"), ("max_bits", "0")]);
    assert_eq!(stage.values::<i64>(&small), [1, 6, 0]);
    assert_eq!(at("6"), "int64 0");
}

#[test]
fn an_array_is_one_part_which_begins_at_0_on_every_axis() {
    let stage = Stage::with(64 << 20);
    let array = stage.array(&[2, 3], &[0.0f64; 6]);
    assert_eq!(stage.call("chunkInfoAsString<float64,2>", &[("array", &array)]).to_string(), "str [[0], [0]]");
    let parts = stage.make("chunkInfoAsArray<float64,2>", &[("array", &array)]);
    assert_eq!(stage.values::<i64>(&parts), [0, 0]);
}
