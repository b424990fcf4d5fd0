//! What `#[module]` says of a module to those who never see its code.
#![allow(non_snake_case, reason = "tests are named after their requirement rows")]

mod modules;

use modules::{Action, Counter, Marker, Mover, Name, Pair, Place, counter, data_mover, rewritten};
use windlass::{Described, MethodSchema, ModuleDescriptor, Schema};
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::module::Module;
use windlass_contract::schema::Shape;
use windlass_contract::{MethodId, abi, hello};

fn method<M: Module>(name: &str) -> MethodSchema {
    M::descriptor().method(name).unwrap_or_else(|| panic!("no method {name}")).clone()
}

fn ids<M: Module>() -> Vec<(u32, String)> {
    M::descriptor().methods.iter().map(|method| (method.id.0, method.name.clone())).collect()
}

#[test]
fn tasks_K1_a_module_describes_itself_before_it_has_an_instance() {
    for (bytes, name, docs, all_sync) in [
        (Counter::descriptor_bytes(), "counter", "Counts things.\n\nBy name.", true),
        (Mover::descriptor_bytes(), "data-mover", "", false),
    ] {
        let descriptor = ModuleDescriptor::decode(bytes).expect("a descriptor that passes its own checks");
        assert_eq!((descriptor.name.as_str(), descriptor.docs.as_str()), (name, docs));
        assert_eq!(descriptor.all_sync, all_sync);
    }
    assert_eq!(Counter::descriptor().version, "1.2");
    assert_eq!(Mover::descriptor().version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn tasks_K1_the_table_names_what_it_was_built_for() {
    for table in [Counter::TABLE, Mover::TABLE] {
        assert_eq!(table.version, abi::TABLE_VERSION);
        assert_eq!(table.contract, hello::CONTRACT_HASH);
        assert_eq!(table.target, abi::target_bits());
        assert_eq!(table.size as usize, size_of::<abi::ModuleTable>());
    }
}

#[test]
fn tasks_K4_create_is_0_and_own_numbers_begin_at_10_and_go_on_from_the_last() {
    let wanted = [
        (0, "create"),
        (12, "add"),
        (13, "totals"),
        (14, "act"),
        (15, "sweep"),
        (16, "forget"),
        (4_000_000_000, "render"),
        (30, "count"),
    ];
    assert_eq!(ids::<Counter>(), wanted.map(|(id, name)| (id, name.to_owned())));
    let first = ids::<Mover>()[1].clone();
    assert_eq!(first, (MethodId::OWN_FIRST, "copy".to_owned()));
}

#[test]
fn tasks_K6_another_spelling_of_the_same_types_has_the_same_hashes() {
    for name in ["act", "count"] {
        assert_eq!(method::<Counter>(name).hashes, method::<rewritten::Other>(name).hashes, "{name}");
    }
}

#[test]
fn tasks_K6_hashes_do_not_change_from_release_to_release() {
    // Kept since the first release: clients in the field carry them.
    let kept = [("add", KEPT_ADD), ("act", KEPT_ACT)];
    for (name, hashes) in kept {
        assert_eq!(method::<Counter>(name).hashes, hashes, "{name}");
    }
    assert_eq!(method::<Mover>("copy").hashes, KEPT_COPY);
}
const KEPT_ADD: &[u64] = &[0x17F6_0976_26CE_F9AC, 0x290B_C726_DD31_CCDD];
const KEPT_ACT: &[u64] = &[0xAC0D_F8C1_EE11_2591];
const KEPT_COPY: &[u64] = &[0x8761_41A8_A837_8E73];

#[test]
fn a_client_older_than_an_added_parameter_is_still_known() {
    let (new, old) = (method::<Counter>("add"), method::<rewritten::Other>("add"));
    assert_eq!(new.hashes.len(), 2);
    assert_eq!(old.hashes, new.hashes[..1]);
    let values: Vec<_> =
        new.values().map(|(one, _, default)| (one.name.clone(), default.map(<[u8]>::to_vec))).collect();
    let wanted = [("name", None), ("by", None), ("times", Some(vec![1]))];
    assert_eq!(values, wanted.map(|(name, default)| (name.to_owned(), default)));
}

#[test]
fn tasks_K8_the_clients_hold_what_the_module_says() {
    let reference = counter::methods::add();
    let method = method::<Counter>("add");
    assert_eq!((reference.id, reference.schema, reference.name), (method.id, method.hash(), "add"));
    assert!(counter::methods::totals().idempotent && !reference.idempotent);
    assert_eq!(counter::methods::create().id, MethodId::CREATE);
    assert_eq!(data_mover::methods::create().id, MethodId(15));
}

#[test]
fn tasks_K9_create_parameters_are_described_with_their_defaults() {
    let create = method::<Counter>("create");
    let parameters: Vec<_> =
        create.values().map(|(one, schema, default)| (one.name.as_str(), schema, default)).collect();
    let style = b"\x05plain";
    let name = Schema::Option(Box::new(Schema::Str));
    let wanted = [
        ("limit", &Schema::U64, Some(&[100][..])),
        ("style", &Schema::Str, Some(&style[..])),
        ("first", &name, Some(&[0][..])),
    ];
    assert_eq!(parameters, wanted);
    assert_eq!(create.docs, "Starts with a limit.");
}

#[test]
fn tasks_K11_the_direction_of_a_buffer_is_part_of_the_type() {
    let buffers = |name: &str| -> Vec<(String, Direction, BufferKind)> {
        method::<Mover>(name).buffers().map(|(one, direction, kind)| (one.name.clone(), direction, kind)).collect()
    };
    use {BufferKind::*, Direction::*};
    assert_eq!(buffers("copy"), [("data".into(), In, Bytes), ("out".into(), Out, Bytes)]);
    assert_eq!(buffers("turn"), [("data".into(), InOut, Bytes)]);
    let shared = [("out".into(), Out, Shared), ("like".into(), In, Shared), ("also".into(), InOut, Shared)];
    assert_eq!(buffers("fill"), shared);
    let order: Vec<String> = method::<Mover>("copy").parameters.into_iter().map(|one| one.name).collect();
    assert_eq!(order, ["data", "scale", "out"]);
}

#[test]
fn tasks_K12_every_term_of_a_method_is_described() {
    let flags = |name: &str| method::<Counter>(name).flags;
    assert_eq!(flags("add").key.as_deref(), Some("name"));
    assert_eq!(flags("act").key.as_deref(), Some("(place.block / 8, \"group\")"));
    assert!(flags("act").reentrant);
    assert!(flags("sweep").local);
    assert!(flags("render").blocking);
    assert!(flags("totals").idempotent);
    assert!(flags("count").aggregate);
    assert!(!flags("add").is_async && method::<Mover>("ask").flags.is_async);
    assert_eq!(flags("totals"), windlass_contract::schema::MethodFlags { idempotent: true, ..Default::default() });
}

#[test]
fn tasks_K16_a_method_of_the_second_class_says_so() {
    assert!(method::<Counter>("sweep").flags.background);
    assert!(!method::<Counter>("add").flags.background);
}

#[test]
fn tasks_K18_a_periodic_method_says_how_often_and_takes_nothing() {
    let sweep = method::<Counter>("sweep");
    assert_eq!(sweep.flags.period_ns, 250_000_000);
    assert_eq!(sweep.parameters, []);
}

#[test]
fn tasks_K19_a_detached_method_answers_nothing() {
    let forget = method::<Counter>("forget");
    assert!(forget.flags.detached);
    assert_eq!(forget.reply, Schema::Unit);
}

#[test]
fn replies_are_the_value_and_never_the_result() {
    assert_eq!(method::<Counter>("add").reply, Schema::U64);
    assert_eq!(method::<Counter>("totals").reply, Schema::Map(Box::new(Schema::Str), Box::new(Schema::U64)));
    assert_eq!(method::<Mover>("turn").reply, Schema::Unit);
    assert_eq!(method::<Mover>("find").reply.to_string(), "option<char>");
}

#[test]
fn the_context_is_not_sent_and_a_raw_or_unused_name_is_plain_to_callers() {
    let names =
        |method: MethodSchema| -> Vec<String> { method.parameters.into_iter().map(|one| one.name).collect() };
    assert_eq!(names(method::<Mover>("ask")), ["pool", "name"]);
    assert_eq!(names(method::<Mover>("create")), ["type"]);
    assert_eq!(names(method::<Counter>("act")), ["actions", "place", "marker", "pair"]);
    let values = method::<Mover>("find").parameters.iter().all(|one| matches!(one.shape, Shape::Value { .. }));
    assert!(values, "small bytes travel with the arguments");
}

#[test]
fn types_marked_data_are_described_as_serde_writes_them() {
    let place = Place { block: 300, count: 2 };
    let write = Action::Write { at: place, r#type: Some("ä".into()) };
    agrees(&place);
    agrees(&vec![Action::Nothing, Action::Read(place), Action::Copy(place, place), write]);
    agrees(&Name("cats".into()));
    agrees(&(Marker, 7_u8));
    agrees(&Pair { one: (1_u8, -2_i16), other: vec![(3, -4)] });
    assert_eq!(Name::schema(), Schema::Str);
    assert_eq!(Place::schema().to_string(), "Place { block: u64, count: u32 }");
}

/// Decodes the bytes by schema alone and writes them again.
fn agrees<T: Described + windlass::serde::Serialize>(value: &T) {
    let bytes = postcard::to_allocvec(value).expect("encodes");
    let schema = T::schema();
    let mut rest = &bytes[..];
    let json = schema.decode_json(&mut rest).unwrap_or_else(|error| panic!("{schema}: {error}"));
    assert_eq!(rest, [0_u8; 0], "{schema} left bytes over");
    let mut again = Vec::new();
    schema.encode_json(&json, &mut again).unwrap_or_else(|error| panic!("{schema}: {error} of {json}"));
    assert_eq!(again, bytes, "{schema}");
}

#[test]
fn calls_of_one_key_share_a_hash_and_others_do_not() {
    let key = |name: &str, by: u64| {
        let bytes = postcard::to_allocvec(&(name, by)).expect("encodes");
        Counter::key(12, &bytes).expect("add has a key")
    };
    assert_eq!(key("cats", 1), key("cats", 2));
    assert_ne!(key("cats", 1), key("dogs", 1));
    let group = |block: u64| {
        let arguments = (Vec::<Action>::new(), Place { block, count: 1 }, Marker);
        Counter::key(14, &postcard::to_allocvec(&arguments).expect("encodes")).expect("act has a key")
    };
    assert_eq!(group(8), group(15));
    assert_ne!(group(7), group(8));
}

#[test]
fn a_key_of_arguments_that_do_not_decode_is_none() {
    assert_eq!(Counter::key(12, b"\x09cats"), None);
    assert_eq!(Counter::key(13, b""), None, "totals has no key");
}

#[test]
fn rpc_R9_clients_and_their_futures_move_between_threads() {
    fn moves<T: Send + 'static>(_: impl FnOnce(counter::Client, data_mover::Client) -> T) {}
    fn shared<T: Clone + Send + Sync + std::fmt::Debug>() {}
    shared::<counter::Client>();
    shared::<counter::Blocking>();
    moves(|counter, _| async move { counter.add("cats", 1, 1).await });
    moves(|_, mover| async move { mover.copy(&[1, 2, 3], 0.5, 3).await });
    moves(
        |counter, _| async move { counter::create(counter.pool().client(), "counters", 1, "plain", None).await },
    );
}

#[test]
fn generated_clients_give_back_values_results_and_loans_in_order() {
    // Types only: a call needs a node.
    type Lent = (windlass::Loan, usize);
    fn copy(mover: &data_mover::Blocking, data: &[u8]) -> Result<(u64, windlass::ResultView), windlass::Fault> {
        mover.copy(data, 1.0, data.len())
    }
    fn turn(mover: &data_mover::Blocking, data: windlass::Loan) -> Result<windlass::ResultView, windlass::Fault> {
        mover.turn(data)
    }
    fn fill(
        mover: &data_mover::Blocking,
        [a, b, c]: [windlass::Loan; 3],
    ) -> Result<(Lent, Lent), windlass::Fault> {
        mover.fill(7, a, b, c)
    }
    fn create(client: &windlass::Client) -> Result<counter::Blocking, windlass::Fault> {
        counter::Blocking::create(client, "counters", 100, "plain", Some(Name("first".into())))
    }
    let _ = (copy as fn(_, _) -> _, turn as fn(_, _) -> _, fill as fn(_, _) -> _, create as fn(_) -> _);
}
