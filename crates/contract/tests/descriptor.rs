//! What a module may say of itself: each mistake of an author, or lie of a library, is refused by name and in bounded time.
#![allow(non_snake_case, reason = "requirement rows stand in names as they are written")]

use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::limits::{BUFFERS_MAX, METHODS_MAX, PARAMETERS_MAX};
use windlass_contract::schema::{DescriptorError, MethodFlags, Parameter, SchemaError, Shape};
use windlass_contract::{MethodId, MethodSchema, ModuleDescriptor, Schema};

fn value(schema: Schema) -> Parameter {
    Parameter { name: "p".into(), shape: Shape::Value { schema, default: None, since: false } }
}

fn added(default: Option<Vec<u8>>) -> Parameter {
    Parameter { name: "p".into(), shape: Shape::Value { schema: Schema::U8, default, since: true } }
}

fn method(id: u32, name: &str, parameters: Vec<Parameter>) -> MethodSchema {
    MethodSchema {
        id: MethodId(id),
        name: name.into(),
        docs: String::new(),
        hashes: MethodSchema::hashes_of("m", name, &parameters, &Schema::Unit),
        parameters,
        reply: Schema::Unit,
        flags: MethodFlags::default(),
    }
}

fn module(methods: Vec<MethodSchema>) -> ModuleDescriptor {
    ModuleDescriptor {
        name: "m".into(),
        version: "1.0.0".into(),
        docs: String::new(),
        all_sync: true,
        methods,
        commands: Vec::new(),
        lanes: Vec::new(),
    }
}

/// `create` and one more.
fn with(method: MethodSchema) -> Result<ModuleDescriptor, DescriptorError> {
    read(&module(vec![create(), method]))
}

fn create() -> MethodSchema {
    method(0, "create", Vec::new())
}

fn read(descriptor: &ModuleDescriptor) -> Result<ModuleDescriptor, DescriptorError> {
    ModuleDescriptor::decode(&postcard::to_allocvec(descriptor).expect("a descriptor encodes"))
}

#[test]
fn tasks_K4_create_is_required_and_numbers_and_names_are_unique() {
    assert_eq!(read(&module(vec![method(10, "f", Vec::new())])), Err(DescriptorError::NoCreate));
    assert!(with(method(10, "f", Vec::new())).is_ok());
    assert_eq!(with(method(0, "f", Vec::new())), Err(DescriptorError::Twice("f".into(), 0)));
    assert_eq!(with(method(10, "create", Vec::new())), Err(DescriptorError::Twice("create".into(), 10)));
}

#[test]
fn names_are_what_a_command_line_can_say() {
    for name in ["", "Upper", "two words", "größe", "a.b", &"n".repeat(65)] {
        assert_eq!(with(method(10, name, Vec::new())), Err(DescriptorError::Name(name.into())));
        let named = ModuleDescriptor { name: name.into(), ..module(vec![create()]) };
        assert_eq!(read(&named), Err(DescriptorError::Name(name.into())));
    }
    assert!(with(method(10, &"n".repeat(64), Vec::new())).is_ok());
}

#[test]
fn a_hash_that_does_not_follow_from_the_types_is_refused() {
    let mut liar = method(10, "f", vec![value(Schema::U8)]);
    liar.hashes = MethodSchema::hashes_of("m", "f", &[value(Schema::U16)], &Schema::Unit);
    assert_eq!(with(liar), Err(DescriptorError::Hashes("f".into())));
}

#[test]
fn types_that_cannot_cross_are_named_with_their_method() {
    let of = |schema| with(method(10, "f", vec![value(schema)])).expect_err("it cannot cross");
    let endless = Schema::List(Box::new(Schema::Unit));
    assert_eq!(of(endless), DescriptorError::Type { method: "f".into(), source: SchemaError::EmptyElements });
    let deep = (0..40).fold(Schema::U8, |inner, _| Schema::Option(Box::new(inner)));
    assert_eq!(of(deep), DescriptorError::Type { method: "f".into(), source: SchemaError::TooDeep });
    let wide = Schema::Tuple(vec![Schema::U8; 5000]);
    assert_eq!(of(wide), DescriptorError::Type { method: "f".into(), source: SchemaError::TooLarge });
}

#[test]
fn arguments_added_later_stand_last_and_have_a_default() {
    let of = |parameters| with(method(10, "f", parameters));
    assert!(of(vec![value(Schema::U8), added(Some(vec![0]))]).is_ok());
    assert_eq!(of(vec![added(Some(vec![0])), value(Schema::U8)]), Err(DescriptorError::Since("f".into())));
    assert_eq!(of(vec![added(None)]), Err(DescriptorError::Since("f".into())));
}

#[test]
fn buffers_parameters_and_methods_are_counted() {
    let buffer = |count| {
        let shape = Shape::Buffer { direction: Direction::In, kind: BufferKind::Bytes };
        vec![Parameter { name: "b".into(), shape }; count]
    };
    assert!(with(method(10, "f", buffer(BUFFERS_MAX))).is_ok());
    assert_eq!(
        with(method(10, "f", buffer(BUFFERS_MAX + 1))),
        Err(DescriptorError::Buffers("f".into(), BUFFERS_MAX + 1))
    );

    assert!(with(method(10, "f", vec![value(Schema::U8); PARAMETERS_MAX])).is_ok());
    // Once, each of these made the node hash every prefix: thousands of millions of steps for a file of 100 KiB.
    let mut liar = method(10, "f", Vec::new());
    liar.parameters = vec![added(Some(Vec::new())); 20_000];
    assert_eq!(with(liar), Err(DescriptorError::Parameters("f".into(), 20_000)));

    let many = (0..=METHODS_MAX as u32).map(|id| method(id, &format!("f{id}"), Vec::new())).collect();
    assert_eq!(read(&module(many)), Err(DescriptorError::TooMany(METHODS_MAX + 1)));
}

#[test]
fn a_descriptor_that_is_cut_too_long_or_endlessly_deep_is_unreadable() {
    let whole = postcard::to_allocvec(&module(vec![create()])).expect("a descriptor encodes");
    for cut in 0..whole.len() {
        assert_eq!(ModuleDescriptor::decode(&whole[..cut]), Err(DescriptorError::Unreadable(cut)));
    }
    let long = vec![0; (1 << 20) + 1];
    assert_eq!(ModuleDescriptor::decode(&long), Err(DescriptorError::Unreadable(long.len())));
    // Name, version, docs, all_sync, one method: its id, name, docs, no parameters, and a reply of `Option` in `Option` in
    // `Option` .. Once, it ended the process: reading it took a stack frame for each byte.
    let mut deep = b"\x01m\x011\x00\x01\x01\x00\x01c\x00\x00".to_vec();
    deep.resize(1 << 20, 15);
    assert_eq!(ModuleDescriptor::decode(&deep), Err(DescriptorError::Unreadable(1 << 20)));
}
