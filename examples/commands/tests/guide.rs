//! The guide's commands through a real node, by their full names and as plain methods.
#![allow(non_snake_case, reason = "rows of the requirements are named as they are")]

use windlass_client::Client;
#[path = "../../../crates/runtime/tests/conformance/library.rs"]
#[allow(dead_code, reason = "the library of echo is for the runtime's own tests")]
mod library;

use windlass_client::dynamic::DynamicPool;
use windlass_client::dynamic::commands::Commands;
use windlass_contract::Code;
use windlass_contract::commands::{Answered, CommandMap};
use windlass_example_commands::Guide;
use windlass_runtime::{Node, NodeConfig, PoolSpec};

struct Stage {
    commands: Commands,
    client: Client,
    node: Node,
    _directory: tempfile::TempDir,
}

fn stage() -> Stage {
    stage_of(|config| config.modules.push(Guide::TABLE))
}

fn stage_of(module: impl FnOnce(&mut NodeConfig)) -> Stage {
    let directory = tempfile::tempdir().unwrap();
    let mut config = NodeConfig::new("guide", windlass_admin::Admin::TABLE);
    config.directory = directory.path().join("guide");
    config.symbol_bytes_max = 1 << 20;
    module(&mut config);
    config.pools.push(PoolSpec::new("guide", "guide"));
    let node = Node::start(config).unwrap();
    let client = Client::connect(&node.directory().display().to_string()).unwrap();
    let commands = Commands::open(&client, CommandMap::new(3)).unwrap();
    Stage { commands, client, node, _directory: directory }
}

impl Stage {
    fn call(&self, name: &str, given: &[(&str, &str)]) -> Answered {
        self.commands.call(name, given).unwrap()
    }
    fn fault(&self, name: &str, given: &[(&str, &str)]) -> windlass_contract::Fault {
        self.commands.call(name, given).unwrap_err()
    }
    /// The name of a new array.
    fn array(&self, dtype: &str, values: &str, shape: &str) -> String {
        name(&self.call(&format!("of<{dtype}>"), &[("values", values), ("shape", shape)]))
    }
}

fn name(answered: &Answered) -> String {
    match answered {
        Answered::Array(facts) => facts.name.clone(),
        Answered::Symbol(facts) => facts.name.clone(),
        other => panic!("{other:?} is no symbol"),
    }
}

#[test]
fn arrays_R2_foo_is_called_by_its_full_name_with_texts_as_the_client_sends_them() {
    let stage = stage();
    let a = stage.array("int64", "[1,2,3,4]", "[2,2]");
    let b = stage.call("foo<int64,2>", &[("a", &a), ("idx", r#"["0","1"]"#), ("value", "7")]);
    assert_eq!(b.to_string(), format!("created {} int64 4 2 [2,2] 8", name(&b)));
    // b = [1, 7, 3, 4]: row 0, column 1.
    let flat = stage.call("cast<int64,bool,2>", &[("a", &name(&b))]);
    assert!(flat.to_string().contains(" bool 4 2 [2,2] 1"), "{flat}");
    let wrong = stage.fault("foo<float64,2>", &[("a", &a), ("idx", "[0,0]"), ("value", "1")]);
    assert!(
        wrong.is(Code::BadArguments) && wrong.message.contains("T is int64, and float64 by the command's name"),
        "{wrong}"
    );
}

#[test]
fn arrays_R3_an_index_has_as_many_values_as_the_rank_and_a_value_is_of_the_dtype() {
    let stage = stage();
    let a = stage.array("uint8", "[1,2,3]", "[3]");
    let done = stage.call("foo<uint8,1>", &[("a", &a), ("idx", "2"), ("value", "True")]);
    assert!(done.to_string().contains(" uint8 3 1 [3] 1"));
    let two = stage.fault("foo<uint8,1>", &[("a", &a), ("idx", "[0,1]"), ("value", "1")]);
    assert_eq!(two.message, "idx: 1 values wanted, 2 given");
    let large = stage.fault("foo<uint8,1>", &[("a", &a), ("idx", "0"), ("value", "300")]);
    assert_eq!(large.message, "Json Argument 'value' cannot be cast as uint8: 300");
    let missing = stage.fault("foo<uint8,1>", &[("a", &a), ("idx", "0")]);
    assert_eq!(missing.message, "JSON argument key Not Found: value");
    let outside = stage.fault("foo<uint8,1>", &[("a", &a), ("idx", "9"), ("value", "1")]);
    assert!(outside.message.contains("outside"), "{outside}");
}

#[test]
fn arrays_R4_a_command_is_there_for_every_product_of_its_dtypes_and_ranks_and_codes_only_dtypes() {
    let stage = stage();
    let names = stage.commands.map().full_names();
    assert!(names.contains_key("foo<int64,1>") && names.contains_key("foo<bool,3>"));
    assert!(!names.contains_key("foo<int64,4>"), "three ranks were asked to be listed");
    assert_eq!(names.keys().filter(|name| name.starts_with("cast<")).count(), 11 * 11 * 3);
    assert_eq!(names["foo<int64,1>"], "A copy of `a` with one element set to `value`.");
    // Rank 5 is listed nowhere and works all the same.
    let a = stage.array("float64", "[1.5]", "[1,1,1,1,1]");
    let b = stage.call("foo<float64,5>", &[("a", &a), ("idx", "[0,0,0,0,0]"), ("value", "nan")]);
    assert!(b.to_string().contains("float64 1 5 [1,1,1,1,1] 8"), "{b}");
}

#[test]
fn arrays_R5_cast_has_two_dtypes_of_one_class_and_the_rank_in_its_name() {
    let stage = stage();
    let a = stage.array("float64", "[1.0,2.5,-1]", "[3]");
    let b = stage.call("cast<float64,int64,1>", &[("a", &a)]);
    assert!(b.to_string().contains(" int64 3 1 [3] 8"));
    let none = stage.fault("cast<float64,complex128,1>", &[("a", &a)]);
    assert!(none.is(Code::NoInstance) && none.message.contains("U of int8, int16"), "{none}");
    let near = stage.fault("csat<float64,int64,1>", &[("a", &a)]);
    assert_eq!(near.message, "Unrecognized command: csat<float64,int64,1>; did you mean cast?");
}

#[test]
fn arrays_R7_bar_takes_a_symbol_of_our_own_type_whose_parameters_stand_in_its_name() {
    let stage = stage();
    let ms = stage.call("my_sym<int64>", &[("first", "9"), ("count", "3")]);
    assert_eq!(ms.to_string(), format!("created {} MySym<int64,3>", name(&ms)));
    assert_eq!(stage.call("bar<int64,3>", &[("ms", &name(&ms))]).to_string(), "uint64 3");
    let other = stage.fault("bar<int64,4>", &[("ms", &name(&ms))]);
    assert!(other.message.contains("n is 3, and 4 by the command's name"), "{other}");
    let names = stage.commands.map().full_names();
    let bars: Vec<&String> = names.keys().filter(|name| name.starts_with("bar<")).collect();
    assert_eq!(bars, ["bar<float64,3>", "bar<float64,4>", "bar<int64,3>", "bar<int64,4>"]);
    let array = stage.array("int64", "[1]", "[1]");
    let no = stage.fault("bar<int64,3>", &[("ms", &array)]);
    assert!(no.message.contains("a int64 array of rank 1, not a MySym"), "{no}");
}

#[test]
fn arrays_R6_an_enum_of_a_parameter_class_stands_in_the_name() {
    let stage = stage();
    let a = stage.array("float64", "[1.5,2,3.25]", "[3]");
    assert_eq!(stage.call("pick<float64,Left,1>", &[("a", &a)]).to_string(), "float64 1.5");
    assert_eq!(stage.call("pick<float64,Right,1>", &[("a", &a)]).to_string(), "float64 3.25");
    let up = stage.fault("pick<float64,Up,1>", &[("a", &a)]);
    assert!(up.message.contains("side of Left, Right"), "{up}");
}

#[test]
fn arrays_R8_what_a_command_opts_out_of_is_refused_with_what_exists_or_in_its_own_words() {
    let stage = stage();
    let a = stage.array("bool", "[true]", "[1]");
    let dtype = stage.fault("pick<bool,Left,1>", &[("a", &a)]);
    assert!(dtype.is(Code::NoInstance) && dtype.message.ends_with("rank: rank 1"), "{dtype}");
    let own = stage.fault("my_sym<bool>", &[("first", "1"), ("count", "3")]);
    assert_eq!(own.message, "my_sym does not support bool");
    // Called as a method, the dtype and rank of the array themselves are refused.
    let guide = DynamicPool::open(&stage.client, "guide").unwrap();
    let table = stage.array("int64", "[1,2]", "[1,2]");
    let given = [("types".to_owned(), r#"["Left"]"#.to_owned()), ("a".to_owned(), table)];
    let rank = guide.call("pick", &given, &[]).unwrap_err();
    assert!(rank.is(Code::NoInstance) && rank.message.contains("pick is not there for <int64,"), "{rank}");
}

#[test]
fn arrays_R1_a_standard_command_gets_its_name_and_its_texts() {
    let stage = stage();
    let a = stage.array("int64", "[1,2,3]", "[3]");
    let text = stage.call("foo_standard<int64,1>", &[("a", &a), ("idx", "[\"1\"]")]);
    assert_eq!(text.to_string(), "foo_standard<int64,1> of [3] at [1]");
    let missing = stage.fault("foo_standard<int64,1>", &[("idx", "1")]);
    assert_eq!(missing.message, "JSON argument key Not Found: a");
}

#[test]
fn commands_are_methods_that_a_schema_driven_caller_calls_as_any_other() {
    let stage = stage();
    let a = stage.array("int64", "[1,2,3]", "[3]");
    let guide = DynamicPool::open(&stage.client, "guide").unwrap();
    let text = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let reply = guide.call("foo", &text(&[("a", &a), ("idx", "[0]"), ("value", "5")]), &[]).unwrap();
    assert_eq!((&reply.value["dtype"], &reply.value["shape"]), (&"int64".into(), &serde_json::json!([3])));
    let types = guide.call("cast", &text(&[("a", &a), ("types", "[\"float64\"]")]), &[]).unwrap();
    assert_eq!(types.value["dtype"], "float64");
    let needs = guide.call("cast", &text(&[("a", &a)]), &[]).unwrap_err();
    assert!(needs.message.contains("needs `types`: which U it is"), "{needs}");
}

#[test]
fn a_command_changes_an_array_under_its_own_name() {
    let stage = stage();
    let a = stage.array("int64", "[1,2,3]", "[3]");
    assert_eq!(stage.call("fill<int64,1>", &[("a", &a), ("value", "4")]), Answered::Nothing);
    assert_eq!(stage.call("pick<int64,Left,1>", &[("a", &a)]).to_string(), "int64 4");
}

#[test]
fn memory_that_would_pass_the_limit_is_refused_before_it_is_allocated_and_names_of_a_session_are_its_own() {
    let stage = stage();
    let a = stage.array("int64", "[1]", "[1]");
    let other = Client::connect(&stage.node.directory().display().to_string()).unwrap();
    let theirs = Commands::open(&other, CommandMap::new(1)).unwrap();
    let unknown = theirs.call("pick<int64,Left,1>", &[("a", &a)]).unwrap_err();
    assert!(unknown.is(Code::UnknownSymbol), "{unknown}");
    let large = stage.fault("of<int64>", &[("values", "[1]"), ("shape", "[200000]")]);
    assert!(large.is(Code::NoMemory) && large.message.contains("short"), "{large}");
}

#[test]
fn a_loaded_module_and_its_node_count_the_same_memory() {
    let stage = stage_of(|config| {
        config.libraries.push(library::build("windlass-example-commands"));
        config.symbol_bytes_max = 1000;
    });
    let a = stage.array("int64", "[1,2,3]", "[3]");
    let b = name(&stage.call("foo<int64,1>", &[("a", &a), ("idx", "0"), ("value", "9")]));
    assert_eq!(stage.call("pick<int64,Left,1>", &[("a", &b)]).to_string(), "int64 9");
    let ms = name(&stage.call("my_sym<float64>", &[("first", "0.5"), ("count", "4")]));
    assert_eq!(stage.call("bar<float64,4>", &[("ms", &ms)]).to_string(), "uint64 4");
    // Each version replaces one that the library held: were its memory not given back, the limit would be passed.
    let ten = stage.array("float64", "[0,1,2,3,4,5,6,7,8,9]", "[10]");
    for round in 0..64 {
        stage.call("fill<float64,1>", &[("a", &ten), ("value", &round.to_string())]);
    }
    assert_eq!(stage.call("pick<float64,Left,1>", &[("a", &ten)]).to_string(), "float64 63");
}
