//! The command map and arguments by text, over a descriptor that a module could serve.
#![allow(non_snake_case, reason = "rows of the requirements are named as they are")]

use proptest::prelude::*;
use windlass_contract::array::{Dtype, Scalar};
use windlass_contract::commands::{
    Among, Answered, CommandMap, CommandSchema, Form, Formal, Length, Of, Variable,
};
use windlass_contract::schema::{MethodFlags, ModuleDescriptor};
use windlass_contract::{Code, Described, MethodId, MethodSchema, Schema};

fn method(module: &str, id: u32, name: &str, command: Option<&CommandSchema>) -> MethodSchema {
    let parameters = command.map(CommandSchema::parameters).unwrap_or_default();
    let reply = Schema::Unit;
    let hashes = MethodSchema::hashes_of(module, name, &parameters, &reply);
    let (docs, flags) = (format!("Docs of {name}."), MethodFlags::default());
    MethodSchema { id: MethodId(id), name: name.into(), docs, parameters, reply, flags, hashes }
}

fn variable(name: &str, among: Among, bound: bool) -> Variable {
    Variable { name: name.into(), among, bound }
}

/// The guide's `foo(a: [?d] ?t, idx: d.rank*int, value: t)`.
fn foo() -> CommandSchema {
    let formal = |key: &str, form| Formal { key: key.into(), form };
    CommandSchema {
        name: "foo".into(),
        also: Vec::new(),
        method: MethodId(10),
        variables: vec![
            variable("T", Among::Dtypes(vec![Dtype::Int64, Dtype::Float64, Dtype::Bool]), true),
            variable("rank", Among::Ranks(1, 8), true),
        ],
        order: vec![0, 1],
        formals: vec![
            formal("a", Form::Array { dtype: Of::Variable(0), rank: Some(1), in_place: false }),
            formal("idx", Form::Tuple(Of::Dtype(Dtype::Int64), Length::Rank(1))),
            formal("value", Form::Scalar(Of::Variable(0))),
        ],
        standard: false,
        refusal: None,
    }
}

fn descriptor(commands: Vec<CommandSchema>) -> ModuleDescriptor {
    let mut methods = vec![method("m", 0, "create", None)];
    methods.extend(commands.iter().map(|one| method("m", one.method.0, &one.name, Some(one))));
    ModuleDescriptor {
        name: "m".into(),
        version: "1.0".into(),
        docs: String::new(),
        all_sync: true,
        methods,
        commands,
        lanes: Vec::new(),
    }
}

fn map() -> CommandMap {
    let mut map = CommandMap::new(3);
    map.add("pool", &descriptor(vec![foo()]));
    map
}

#[test]
fn a_descriptor_with_commands_comes_back_and_one_that_does_not_fit_its_methods_is_refused() {
    let whole = descriptor(vec![foo()]);
    let bytes = whole.encode().unwrap();
    assert_eq!(ModuleDescriptor::decode(&bytes), Ok(whole.clone()));
    // A reader that knows no commands stops before them.
    let plain: ModuleDescriptor = postcard::from_bytes(&bytes).unwrap();
    assert_eq!((plain.methods, plain.commands), (whole.methods.clone(), Vec::new()));
    let refused = |change: fn(&mut CommandSchema)| {
        let mut broken = whole.clone();
        change(&mut broken.commands[0]);
        broken.check().is_err()
    };
    assert!(refused(|one| one.order.push(9)));
    assert!(refused(|one| one.method = MethodId(11)));
    assert!(refused(|one| one.name = "a<b".into()));
    assert!(refused(|one| one.formals[2].form = Form::Scalar(Of::Variable(7))));
    assert!(refused(|one| one.formals[2].form = Form::Text));
    assert!(refused(|one| one.variables[1].among = Among::Ranks(2, 1)));
}

#[test]
fn arrays_R12_the_map_lists_every_full_name_with_its_documentation() {
    let map = map();
    let names: Vec<String> = map.full_names().into_keys().collect();
    assert_eq!(names.len(), 9);
    assert_eq!(names[0], "foo<bool,1>");
    assert_eq!(map.full_names()["foo<int64,2>"], "Docs of foo.");
}

#[test]
fn arrays_R1_the_first_offer_of_a_name_serves_and_the_second_is_remembered() {
    let mut map = map();
    map.add("other", &descriptor(vec![foo()]));
    assert_eq!(
        (map.find("foo<int64,1>").unwrap().offer.pool.as_str(), &map.twice[..]),
        ("pool", &["foo".to_owned()][..])
    );
}

#[test]
fn a_base_name_with_values_and_one_without_are_two_commands() {
    let mut map = map();
    let plain = CommandSchema { variables: Vec::new(), order: Vec::new(), formals: Vec::new(), ..foo() };
    map.add("plain", &descriptor(vec![plain]));
    let pool = |name: &str| map.find(name).unwrap().offer.pool.clone();
    assert_eq!((pool("foo"), pool("foo<int64,1>")), ("plain".into(), "pool".into()));
    assert_eq!((map.twice.len(), map.full_names().len()), (0, 10));
}

#[test]
fn a_node_that_narrows_its_dtypes_has_no_instance_of_them() {
    let mut map = CommandMap::new(1);
    map.without(&[Dtype::Bool]);
    map.add("pool", &descriptor(vec![foo()]));
    assert_eq!(map.full_names().into_keys().collect::<Vec<_>>(), ["foo<float64,1>", "foo<int64,1>"]);
    assert!(map.find("foo<bool,1>").unwrap_err().is(Code::NoInstance));
}

#[test]
fn arrays_R8_a_name_that_is_not_there_says_what_is() {
    let map = map();
    let fault = map.find("foo<str,1>").unwrap_err();
    assert_eq!(
        fault.message,
        "foo is not there for <str,1>; it has T of int64, float64, bool; rank: ranks 1 to 8"
    );
    assert!(map.find("foo").unwrap_err().is(Code::NoInstance));
    assert_eq!(
        map.find("fo<int64,1>").unwrap_err().message,
        "Unrecognized command: fo<int64,1>; did you mean foo?"
    );
    assert!(map.find("foo<int64,9>").unwrap_err().is(Code::NoInstance));
}

#[test]
fn arrays_R9_texts_become_the_bytes_that_the_method_takes() {
    let map = map();
    let found = map.find("foo<float64,2>").unwrap();
    let bytes =
        found.encode(&[("value", "1e-05"), ("idx", r#"["0", -1]"#), ("a", "id_x_1"), ("extra", "?")]).unwrap();
    type Sent = (Vec<String>, String, Vec<Scalar>, Scalar);
    let sent: Sent = postcard::from_bytes(&bytes).unwrap();
    let idx = vec![Scalar::Int64(0), Scalar::Int64(-1)];
    assert_eq!(sent, (vec!["float64".into(), "2".into()], "id_x_1".into(), idx, Scalar::Float64(1e-5)));
    let fault = |given: &[(&str, &str)]| found.encode(given).unwrap_err().message;
    assert_eq!(fault(&[("a", "x")]), "JSON argument key Not Found: idx");
    assert_eq!(fault(&[("a", "x"), ("idx", "[1,2,3]"), ("value", "1")]), "idx: 2 values wanted, 3 given");
    assert_eq!(fault(&[("a", "x"), ("idx", "[1,2"), ("value", "1")]), "idx: \"[1,2\" is no JSON array of values");
    assert_eq!(
        fault(&[("a", "x"), ("idx", "[0,0.5]"), ("value", "1")]),
        "Json Argument 'idx' cannot be cast as int64: 0.5"
    );
    assert_eq!(
        fault(&[("a", "x"), ("idx", "[0,0]"), ("value", "x")]),
        "Json Argument 'value' cannot be cast as float64: x"
    );
}

#[test]
fn a_reply_that_is_not_what_its_schema_says_is_refused() {
    let scalar = postcard::to_allocvec(&Scalar::UInt8(7)).unwrap();
    assert_eq!(Answered::read(&Schema::Scalar, &scalar).unwrap().to_string(), "uint8 7");
    assert!(Answered::read(&Schema::Scalar, &scalar[..1]).unwrap_err().is(Code::BadReply));
    assert!(Answered::read(&Schema::Unit, &scalar).unwrap_err().is(Code::BadReply));
    assert!(Answered::read(&u64::schema(), &[1]).unwrap_err().is(Code::BadReply));
    let endless = Schema::List(Box::new(Schema::Unit));
    assert!(Answered::read(&endless, &[255, 255, 255, 255, 15]).unwrap_err().is(Code::BadReply));
}

proptest! {
    #[test]
    fn any_full_name_and_any_texts_give_bytes_or_a_fault(
        name in "foo<[a-z0-9,<>]{0,12}>?|.{0,20}",
        key in "a|idx|value|.{0,4}",
        text in "[-0-9.e\\[\\],\"a-zA-Z]{0,24}",
    ) {
        let map = map();
        if let Ok(found) = map.find(&name) {
            let _bytes_or_a_fault = found.encode(&[("a", "x"), ("idx", &text), ("value", &text), (&key, &text)]);
        }
    }

    #[test]
    fn every_listed_name_is_found_and_is_itself(ranks in 1u8..5) {
        let mut map = CommandMap::new(ranks);
        map.add("pool", &descriptor(vec![foo()]));
        for name in map.full_names().keys() {
            let found = map.find(name).unwrap();
            prop_assert_eq!(&found.offer.command.full_name(&found.instance), name);
        }
    }

    #[test]
    fn a_scalar_reads_back_from_its_own_text(value in any::<f64>(), whole in any::<i64>()) {
        let text = Scalar::from(value).plain();
        let back = Scalar::parse(&text, Dtype::Float64).unwrap();
        prop_assert!(back == Scalar::Float64(value) || value.is_nan());
        prop_assert_eq!(Scalar::parse(&Scalar::from(whole).plain(), Dtype::Int64), Some(Scalar::Int64(whole)));
    }
}
