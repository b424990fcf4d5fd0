//! Golden bytes: every record that two processes share, kept as it was first released.
//!
//! Each test builds a record, compares its bytes with `tests/golden/NAME.hex`, and reads the kept bytes back. The files are
//! hexadecimal text, 16 bytes a line. `WINDLASS_BLESS=1` writes files that are missing and never changes one that exists:
//! a record that must change becomes a new version with new files.
#![allow(non_snake_case, reason = "requirement rows stand in names as they are written")]

mod golden_files;

use golden_files::{folder, parse};
use std::io::ErrorKind;
use windlass_contract::completion::{Completion, FaultHead, INLINE_BYTES, ReplyAt};
use windlass_contract::control::{Control, ControlKind};
use windlass_contract::frame::{self, Chunk, Frame, Token};
use windlass_contract::head::{BufferEntry, BufferKind, Direction, Head, HeadError, Root, Trace};
use windlass_contract::hello::{CONTRACT_HASH, Hello, Welcome};
use windlass_contract::schema::{Field, MethodFlags, MethodSchema, Parameter, Shape, Variant};
use windlass_contract::slot::{FLAG_BUFFERS, FLAG_ROOT, FLAG_TRACE, Kind, NO_DEADLINE, Place, Query, Slot};
use windlass_contract::{CallId, Code, Fault, MethodId, ModuleDescriptor, Outcome, PoolId, Retry, Schema, admin};
use windlass_memory::SegmentId;
use windlass_memory::ring::Entry;

fn write(bytes: &[u8]) -> String {
    let line = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ") + "\n";
    bytes.chunks(16).map(line).collect()
}

/// The kept bytes of `name`, which must be `built`.
#[allow(clippy::disallowed_methods, reason = "tests read and write files beside them")]
fn kept(name: &str, built: &[u8]) -> Vec<u8> {
    let path = folder().join(name).with_extension("hex");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error)
            if error.kind() == ErrorKind::NotFound && std::env::var("WINDLASS_BLESS").is_ok_and(|v| v == "1") =>
        {
            std::fs::write(&path, write(built)).expect("a golden file can be written");
            write(built)
        }
        Err(error) => panic!("{}: {error} (WINDLASS_BLESS=1 writes files that are missing)", path.display()),
    };
    assert_eq!(
        write(built),
        text,
        "{name}: the bytes differ from those of the first release (left: built, right: kept)"
    );
    parse(&text)
}

fn bytes_of(entry: Entry) -> Vec<u8> {
    entry.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn entry_of(bytes: &[u8]) -> Entry {
    let mut words = bytes.chunks_exact(8).map(|eight| u64::from_le_bytes(eight.try_into().expect("eight bytes")));
    std::array::from_fn(|_| words.next().expect("a record of 64 bytes"))
}

fn slot_is_kept(name: &str, slot: Slot) -> Vec<u8> {
    let bytes = kept(name, &slot.to_bytes());
    assert_eq!(bytes_of(slot.encode()), bytes, "the words of a slot are its bytes, little-endian");
    assert_eq!(Slot::decode(&entry_of(&bytes)), Ok(slot));
    bytes
}

fn call() -> Slot {
    Slot {
        call: CallId::new(3, 9),
        pool: PoolId::new(1, 42),
        method: MethodId(10),
        kind: Kind::Call,
        query: Query::Range { first: 2, count: 5 },
        flags: FLAG_TRACE | FLAG_ROOT | FLAG_BUFFERS,
        schema: 0x1122_3344_5566_7788,
        time_left_ns: 1_500_000_000,
        arguments: Place { segment: SegmentId(0), length: 113, offset: 8192 },
    }
}

#[test]
fn tasks_K10_a_call_is_64_bytes_of_numbers_and_no_pointers() {
    let bytes = slot_is_kept("slot-call", call());
    assert_eq!(bytes.len(), 64);
    // The fields stand where docs/formats.md draws them.
    assert_eq!(bytes[0..8], [3, 0, 0, 0, 9, 0, 0, 0]);
    assert_eq!(bytes[8..16], [42, 0, 0, 0, 0, 0, 1, 0]);
    assert_eq!(bytes[16..24], [10, 0, 0, 0, 1, 3, 0b111, 0]);
    assert_eq!(bytes[24..32], 0x1122_3344_5566_7788u64.to_le_bytes());
    assert_eq!(bytes[32..40], [2, 0, 0, 0, 5, 0, 0, 0]);
    assert_eq!(bytes[40..48], 1_500_000_000u64.to_le_bytes());
    assert_eq!(bytes[48..56], [0, 0, 0, 0, 113, 0, 0, 0]);
    assert_eq!(bytes[56..64], 8192u64.to_le_bytes());
}

#[test]
fn the_other_queries_keep_their_numbers() {
    for (name, query) in [
        ("slot-local", Query::Local),
        ("slot-id", Query::Id(77)),
        ("slot-hash", Query::Hash(u64::MAX)),
        ("slot-broadcast", Query::Broadcast),
        ("slot-node", Query::Node(3)),
        ("slot-dynamic", Query::Dynamic),
    ] {
        slot_is_kept(name, Slot { query, flags: 0, time_left_ns: NO_DEADLINE, ..call() });
    }
}

#[test]
fn a_cancel_and_a_release_keep_their_bytes() {
    let empty = Slot {
        pool: PoolId::from_bits(0),
        method: MethodId(0),
        query: Query::Local,
        flags: 0,
        schema: 0,
        time_left_ns: NO_DEADLINE,
        arguments: Place { segment: SegmentId::NONE, length: 0, offset: 0 },
        ..call()
    };
    slot_is_kept("slot-cancel", Slot { kind: Kind::Cancel, ..empty });
    let lease = Place { segment: SegmentId(0x8000_0001), length: 4096, offset: 65536 };
    slot_is_kept("slot-release", Slot { kind: Kind::Release, arguments: lease, ..empty });
}

fn completion_is_kept(name: &str, completion: Completion) -> Vec<u8> {
    let bytes = kept(name, &bytes_of(completion.encode()));
    assert_eq!(Completion::decode(&entry_of(&bytes)), Ok(completion));
    bytes
}

#[test]
fn tasks_K10_completions_hold_a_small_value_a_place_or_the_head_of_a_fault() {
    let mut room = [0; INLINE_BYTES];
    room[..5].copy_from_slice(b"\x04four");
    let call = CallId::new(3, 9);
    let inline = Completion { call, buffers: 0, fault: None, length: 5, at: ReplyAt::Inline(room) };
    let bytes = completion_is_kept("completion-inline", inline);
    assert_eq!(bytes[8..12], [8, 0, 1, 0]);
    assert_eq!(bytes[20..29], *b"\x05\0\0\0\x04four");

    let cell = ReplyAt::Segment { segment: SegmentId(0x8000_0000), offset: 4096 + 128 * 64 + 3 * 256 };
    completion_is_kept("completion-cell", Completion { buffers: 2, length: 200, at: cell, ..inline });

    let head = FaultHead { code: Code::NoMemory as u16, outcome: Outcome::NotStarted, retry: Retry::After(100) };
    let fault = Completion { fault: Some(head), length: 31, at: cell, ..inline };
    let bytes = completion_is_kept("completion-fault", fault);
    assert_eq!(bytes[12..20], [8, 0, 0, 2, 100, 0, 0, 0]);
    let own = FaultHead { code: 1001, outcome: Outcome::Ended, retry: Retry::Never };
    completion_is_kept("completion-module-fault", Completion { fault: Some(own), ..inline });
}

#[test]
fn tasks_K22_the_text_of_a_fault_is_message_and_details() {
    let fault = Fault::new(Code::UnknownPool, "no pool \"a\"").with_details("pools=b,c");
    let mut bytes = Vec::new();
    fault.encode_text(&mut bytes);
    let bytes = kept("fault-text", &bytes);
    assert_eq!(Fault::decode(fault.code, fault.outcome, fault.retry, &bytes), fault);
    assert_eq!(postcard::from_bytes(&bytes), Ok((fault.message.clone(), fault.details.clone())));
}

#[test]
fn tasks_K14_the_head_of_arguments_keeps_trace_root_and_every_way_a_buffer_goes() {
    let entry =
        |segment, direction, kind, offset, length| BufferEntry { segment, direction, kind, offset, length };
    let head = Head {
        trace: Some(Trace { trace: *b"0123456789abcdef", span: 0x0102_0304_0506_0708, flags: 1 }),
        root: Some(Root { root: 99, depth: 3 }),
        buffers: vec![
            entry(SegmentId(1), Direction::In, BufferKind::Bytes, 64, 1000),
            entry(SegmentId(0x4000_0000), Direction::In, BufferKind::Bytes, 0, 8 << 20),
            entry(SegmentId::NONE, Direction::Out, BufferKind::Bytes, 0, 4096),
            entry(SegmentId(2), Direction::InOut, BufferKind::Shared, 128, 256),
        ],
    };
    let mut bytes = Vec::new();
    head.encode(&mut bytes);
    bytes.extend_from_slice(b"\x01\x02");
    let bytes = kept("head", &bytes);
    assert_eq!(bytes.len(), 32 + 16 + 8 + 4 * 24 + 2);
    assert_eq!(Head::decode(head.flags(), &bytes), Ok((head.clone(), &b"\x01\x02"[..])));

    let mut reply = Vec::new();
    head.buffers[2..].iter().for_each(|entry| entry.encode(&mut reply));
    reply.push(7);
    let reply = kept("head-of-reply", &reply);
    assert_eq!(Head::decode_reply(2, &reply), Ok((head.buffers[2..].to_vec(), &[7][..])));
}

#[test]
fn tasks_K15_room_for_an_answer_moves_nothing_on_the_request_and_names_no_place() {
    let room = |length| BufferEntry {
        segment: SegmentId::NONE,
        direction: Direction::Out,
        kind: BufferKind::Bytes,
        offset: 0,
        length,
    };
    let mut bytes = Vec::new();
    let head = Head { buffers: vec![room(64 << 20)], ..Head::default() };
    head.encode(&mut bytes);
    assert_eq!(bytes.len(), 8 + 24, "64 MiB wanted, none sent");
    assert_eq!(Head::decode(head.flags(), &bytes), Ok((head, &[][..])));

    // A client that names a place for what the node is to write is refused.
    for (segment, offset) in [(SegmentId(1), 0), (SegmentId(0x8000_0001), 0), (SegmentId::NONE, 8)] {
        let liar = Head { buffers: vec![BufferEntry { segment, offset, ..room(8) }], ..Head::default() };
        let mut bytes = Vec::new();
        liar.encode(&mut bytes);
        assert_eq!(Head::decode(liar.flags(), &bytes), Err(HeadError::RoomHasPlace(segment.0, offset)));
    }
}

#[test]
fn hello_and_welcome_keep_their_bytes() {
    // A record that changes changes the hash, and with it a new golden file becomes due.
    assert_eq!(CONTRACT_HASH.to_le_bytes().to_vec(), kept("contract-hash", &CONTRACT_HASH.to_le_bytes()));
    let hello = Hello {
        version_min: 1,
        version_max: 2,
        features: 0x8000_0000_0000_0001,
        contract: 0x1122_3344_5566_7788,
        calls: 64,
        pid: 4711,
        name: "démo".into(),
    };
    assert_eq!(Hello::decode(&kept("hello", &hello.encode())), Ok(hello));
    let welcome = Welcome {
        version: 1,
        code: 0,
        features: 1,
        node_generation: 0xABCD_EF01_2345_6789,
        session: 12,
        calls: 32,
        node: 7,
        client_segment_bytes: 1 << 15,
        node_segment_bytes: 3 << 14,
        argument_bytes_max: 65_536,
        reply_bytes_max: 65_537,
        loan_bytes_max: 1 << 33,
        session_bytes_max: 1 << 34,
        buffers_max: 16,
        leases_max: 1024,
        pid: 815,
        text: "local".into(),
    };
    assert_eq!(Welcome::decode(&kept("welcome", &welcome.encode())), Ok(welcome));
    let refusal = Welcome {
        version: 1,
        code: Code::VersionMismatch as u16,
        text: "this node speaks 1 to 1".into(),
        ..Welcome::default()
    };
    assert_eq!(Welcome::decode(&kept("welcome-refusal", &refusal.encode())), Ok(refusal));
}

#[test]
fn control_messages_keep_their_bytes() {
    for (name, kind, code, text) in [
        ("control-grow", ControlKind::Grow, 0, ""),
        ("control-segment", ControlKind::Segment, 0, ""),
        ("control-frozen", ControlKind::Frozen, 0, ""),
        ("control-accepted", ControlKind::Accepted, 0, ""),
        ("control-refused", ControlKind::Refused, Code::BadFrozen as u16, "not sealed against writing"),
        ("control-retire", ControlKind::Retire, 0, ""),
        ("control-bye", ControlKind::Bye, Code::Draining as u16, "the node stops"),
        ("control-news", ControlKind::News, 0, ""),
    ] {
        let mut message = Control::new(kind, SegmentId(0x4000_0003), 8 << 20, 5);
        (message.code, message.text) = (code, text.into());
        assert_eq!(Control::decode(&kept(name, &message.encode())), Ok(message));
    }
}

/// A descriptor with every kind of schema, parameter and flag.
fn descriptor() -> ModuleDescriptor {
    let field = |name: &str, schema| Field { name: name.into(), schema };
    let variant = |name: &str, schema| Variant { name: name.into(), schema };
    let value = |name: &str, schema, default: Option<Vec<u8>>| Parameter {
        name: name.into(),
        shape: Shape::Value { schema, since: default.is_some(), default },
    };
    let buffer =
        |name: &str, direction, kind| Parameter { name: name.into(), shape: Shape::Buffer { direction, kind } };
    let scalars = Schema::Tuple(vec![
        Schema::Unit,
        Schema::Bool,
        Schema::U8,
        Schema::U16,
        Schema::U32,
        Schema::U64,
        Schema::I8,
        Schema::I16,
        Schema::I32,
        Schema::I64,
        Schema::F32,
        Schema::F64,
        Schema::Char,
        Schema::Str,
        Schema::Bytes,
    ]);
    let shape = Schema::Enum {
        name: "Shape".into(),
        variants: vec![
            variant("Empty", Schema::Unit),
            variant("Circle", Schema::F64),
            variant("Box", Schema::Tuple(vec![Schema::F32, Schema::F32])),
            variant("Named", Schema::Struct { name: "Named".into(), fields: vec![field("name", Schema::Str)] }),
        ],
    };
    let map = Schema::Map(Box::new(Schema::Str), Box::new(Schema::Option(Box::new(shape))));
    let create = vec![value("level", Schema::I32, None)];
    let run = vec![
        value("all", scalars, None),
        buffer("data", Direction::In, BufferKind::Bytes),
        buffer("room", Direction::Out, BufferKind::Bytes),
        buffer("place", Direction::InOut, BufferKind::Shared),
        value("shapes", map, None),
        value("digest", Schema::Array(Box::new(Schema::U8), 32), None),
        value("times", Schema::U8, Some(vec![1])),
    ];
    let method = |id, name: &str, parameters: Vec<Parameter>, reply: Schema, flags| MethodSchema {
        id: MethodId(id),
        name: name.into(),
        docs: format!("What `{name}` does."),
        hashes: MethodSchema::hashes_of("sample", name, &parameters, &reply),
        parameters,
        reply,
        flags,
    };
    let flags = MethodFlags {
        key: Some("digest".into()),
        local: true,
        background: true,
        period_ns: 1_000_000_000,
        detached: true,
        blocking: true,
        idempotent: true,
        reentrant: true,
        is_async: true,
        aggregate: true,
    };
    ModuleDescriptor {
        commands: Vec::new(),
        lanes: Vec::new(),
        name: "sample".into(),
        version: "1.2.3".into(),
        docs: "A module with everything.".into(),
        all_sync: false,
        methods: vec![
            method(0, "create", create, Schema::Unit, MethodFlags::default()),
            method(4_000_000_000, "run", run, Schema::List(Box::new(Schema::I64)), flags),
        ],
    }
}

#[test]
fn tasks_K4_a_descriptor_keeps_its_bytes_and_a_method_may_have_any_number() {
    let bytes = kept("descriptor", &postcard::to_allocvec(&descriptor()).expect("a descriptor encodes"));
    assert_eq!(ModuleDescriptor::decode(&bytes), Ok(descriptor()));
}

#[test]
fn method_hashes_keep_their_values() {
    let descriptor = descriptor();
    let run = descriptor.method("run").expect("it has one");
    assert_eq!(run.hashes.len(), 2, "one for callers that do not know `times`, one for those that do");
    let hashes = [run.hashes[0], run.hashes[1], admin::find().schema, admin::describe().schema];
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
    kept("method-hashes", &bytes);
}

fn frame_is_kept(name: &str, frame: &Frame<'_>) {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    let bytes = kept(name, &bytes);
    assert_eq!(frame::take(&bytes), Ok(Some((frame.clone(), bytes.len()))));
}

#[test]
fn rpc_R25_a_frame_is_a_head_of_8_bytes_and_the_same_records_as_in_a_ring() {
    let nowhere = |length| Place { segment: SegmentId::NONE, length, offset: 0 };
    let slot = Slot { arguments: nowhere(5), flags: FLAG_BUFFERS, ..call() };
    frame_is_kept("frame-slot", &Frame::Slot(slot, b"bytes"));
    let chunk = Chunk { call: CallId::new(3, 9), buffer: 1, offset: 65_536, bytes: b"of a buffer" };
    frame_is_kept("frame-chunk", &Frame::Chunk(chunk));
    frame_is_kept("frame-credit", &Frame::Credit(262_144));
    let at = ReplyAt::Segment { segment: SegmentId::NONE, offset: 0 };
    let completion = Completion { call: CallId::new(3, 9), buffers: 0, fault: None, length: 6, at };
    frame_is_kept("frame-completion", &Frame::Completion(completion, b"answer"));
    let hello = Hello {
        version_min: 1,
        version_max: 1,
        features: windlass_contract::hello::FEATURE_STREAM,
        contract: CONTRACT_HASH,
        calls: 64,
        pid: 77,
        name: "far".into(),
    };
    frame_is_kept("frame-hello", &Frame::Hello(Token(std::array::from_fn(|at| at as u8)), hello));
    let welcome = Welcome { version: 1, session: 5, calls: 64, text: "local".into(), ..Welcome::default() };
    frame_is_kept("frame-welcome", &Frame::Welcome(welcome));
    frame_is_kept("frame-bye", &Frame::Bye { code: Code::NodeGone as u16, text: "the node stops".into() });
}
