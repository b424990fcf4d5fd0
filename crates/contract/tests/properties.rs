//! Properties of the records: what is written is read back the same, and any bytes give a value or a named error.

mod shapes;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use windlass_contract::completion::{Completion, CompletionError, FaultHead, INLINE_BYTES, ReplyAt};
use windlass_contract::control::{CONTROL_BYTES, Control, ControlKind};
use windlass_contract::fuzzing::TARGETS;
use windlass_contract::head::{BufferEntry, BufferKind, Direction, Head, HeadError, Root, Trace};
use windlass_contract::hello::{HELLO_BYTES, Hello, MAGIC, WELCOME_BYTES, Welcome};
use windlass_contract::limits::{BUFFERS_MAX, DEPTH_MAX, FAULT_DETAILS_MAX, FAULT_MESSAGE_MAX, NAME_MAX};
use windlass_contract::schema::parse_text;
use windlass_contract::slot::{Kind, Place, Query, Slot, SlotError};
use windlass_contract::{CallId, Fault, MethodId, ModuleDescriptor, Outcome, PoolId, Retry};
use windlass_memory::SegmentId;

fn query() -> impl Strategy<Value = Query> {
    prop_oneof![
        Just(Query::Local),
        any::<u64>().prop_map(Query::Id),
        any::<u64>().prop_map(Query::Hash),
        (any::<u32>(), any::<u32>()).prop_map(|(first, count)| Query::Range { first, count }),
        Just(Query::Broadcast),
        any::<u64>().prop_map(Query::Node),
        Just(Query::Dynamic),
    ]
}

fn slot() -> impl Strategy<Value = Slot> {
    let kinds =
        vec![Kind::Call, Kind::Cancel, Kind::Release, Kind::Chunk, Kind::Credit, Kind::Invoke, Kind::InvokeReply];
    let ids = (any::<u64>(), any::<u64>(), any::<u32>());
    let place = (any::<u32>(), any::<u32>(), any::<u64>());
    (ids, proptest::sample::select(kinds), query(), 0..16u16, any::<u64>(), any::<u64>(), place).prop_map(
        |((call, pool, method), kind, query, flags, schema, time_left_ns, (segment, length, offset))| Slot {
            call: CallId::from_bits(call),
            pool: PoolId::from_bits(pool),
            method: MethodId(method),
            kind,
            query,
            flags,
            schema,
            time_left_ns,
            arguments: Place { segment: SegmentId(segment), length, offset },
        },
    )
}

fn retry() -> impl Strategy<Value = Retry> {
    prop_oneof![Just(Retry::Never), Just(Retry::Same), any::<u32>().prop_map(Retry::After), Just(Retry::Elsewhere),]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    proptest::sample::select(&[Outcome::NotStarted, Outcome::Unknown, Outcome::Ended][..])
}

fn completion() -> impl Strategy<Value = Completion> {
    let fault =
        (1..=u16::MAX, outcome(), retry()).prop_map(|(code, outcome, retry)| FaultHead { code, outcome, retry });
    let at = prop_oneof![
        (0..=INLINE_BYTES as u32, any::<[u8; 32]>(), any::<[u8; 8]>()).prop_map(|(length, most, rest)| {
            let mut bytes = [0; INLINE_BYTES];
            bytes[..32].copy_from_slice(&most);
            bytes[32..].copy_from_slice(&rest);
            (length, ReplyAt::Inline(bytes))
        }),
        (any::<u32>(), any::<u32>(), any::<u64>()).prop_map(|(length, segment, offset)| {
            (length, ReplyAt::Segment { segment: SegmentId(segment), offset })
        }),
    ];
    (any::<u64>(), any::<u8>(), option::of(fault), at).prop_map(|(call, buffers, fault, (length, at))| {
        Completion { call: CallId::from_bits(call), buffers, fault, length, at }
    })
}

fn buffer_entry() -> impl Strategy<Value = BufferEntry> {
    let direction = proptest::sample::select(&[Direction::In, Direction::Out, Direction::InOut][..]);
    let kind = proptest::sample::select(&[BufferKind::Bytes, BufferKind::Shared][..]);
    (any::<u32>(), direction, kind, any::<u64>(), any::<u64>()).prop_map(
        |(segment, direction, kind, offset, length)| BufferEntry {
            segment: SegmentId(segment),
            direction,
            kind,
            offset,
            length,
        },
    )
}

fn head() -> impl Strategy<Value = Head> {
    let trace = (any::<[u8; 16]>(), any::<u64>(), any::<u32>()).prop_map(|(trace, span, flags)| Trace {
        trace,
        span,
        flags,
    });
    let root = (any::<u64>(), 0..=DEPTH_MAX).prop_map(|(root, depth)| Root { root, depth });
    let asked = buffer_entry().prop_map(|entry| match (entry.direction, entry.kind) {
        (Direction::Out, BufferKind::Bytes) => BufferEntry { segment: SegmentId::NONE, offset: 0, ..entry },
        _ => entry,
    });
    (option::of(trace), option::of(root), vec(asked, 0..=BUFFERS_MAX)).prop_map(|(trace, root, buffers)| Head {
        trace,
        root,
        buffers,
    })
}

/// Text of at most `bytes` bytes, of any characters.
fn text(bytes: usize) -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..=bytes / 4).prop_map(|signs| signs.into_iter().collect())
}

fn hello() -> impl Strategy<Value = Hello> {
    let versions = (any::<u16>(), any::<u16>()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    (versions, any::<u64>(), any::<u64>(), 0..=12u32, any::<u32>(), text(NAME_MAX)).prop_map(
        |((version_min, version_max), features, contract, calls, pid, name)| Hello {
            version_min,
            version_max,
            features,
            contract,
            calls: 1 << calls,
            pid,
            name,
        },
    )
}

fn welcome() -> impl Strategy<Value = Welcome> {
    (any::<[u64; 7]>(), any::<[u32; 6]>(), any::<[u16; 3]>(), text(FAULT_MESSAGE_MAX)).prop_map(
        |(wide, middle, narrow, text)| Welcome {
            version: narrow[0],
            code: narrow[1],
            features: wide[0],
            node_generation: wide[1],
            session: wide[2],
            calls: middle[0],
            node: narrow[2],
            client_segment_bytes: wide[3],
            node_segment_bytes: wide[4],
            argument_bytes_max: middle[1],
            reply_bytes_max: middle[2],
            loan_bytes_max: wide[5],
            session_bytes_max: wide[6],
            buffers_max: middle[3],
            leases_max: middle[4],
            pid: middle[5],
            text,
        },
    )
}

fn control() -> impl Strategy<Value = Control> {
    let kinds = vec![
        ControlKind::Grow,
        ControlKind::Segment,
        ControlKind::Frozen,
        ControlKind::Accepted,
        ControlKind::Refused,
        ControlKind::Retire,
        ControlKind::Bye,
        ControlKind::News,
    ];
    let numbers = (any::<u16>(), any::<u32>(), any::<u64>(), any::<u64>());
    (proptest::sample::select(kinds), numbers, text(FAULT_MESSAGE_MAX)).prop_map(
        |(kind, (code, segment, length, request), text)| Control {
            kind,
            code,
            segment: SegmentId(segment),
            length,
            request,
            text,
        },
    )
}

fn fault() -> impl Strategy<Value = Fault> {
    (1..=u16::MAX, outcome(), retry(), text(FAULT_MESSAGE_MAX), text(FAULT_DETAILS_MAX))
        .prop_map(|(code, outcome, retry, message, details)| Fault { code, outcome, retry, message, details })
}

/// Bytes that pass the first checks of some decoder, and then are anything.
fn near_bytes() -> impl Strategy<Value = Vec<u8>> {
    let zeros = || proptest::sample::select(&[HELLO_BYTES, WELCOME_BYTES, CONTROL_BYTES][..]);
    prop_oneof![
        vec(any::<u8>(), 0..200),
        // Mostly zeros: reserved fields pass.
        (zeros(), vec((0..WELCOME_BYTES, any::<u8>()), 0..6), any::<bool>(), vec(any::<u8>(), 0..20)).prop_map(
            |(length, changes, magic, tail)| {
                let mut bytes = vec![0; length];
                for (at, value) in changes {
                    bytes[at % length] = value;
                }
                if magic {
                    bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
                }
                bytes.extend(tail);
                bytes
            }
        ),
    ]
}

proptest! {
    #[test]
    fn a_slot_of_any_fields_is_read_as_written(slot in slot()) {
        prop_assert_eq!(Slot::decode(&slot.encode()), Ok(slot));
    }

    #[test]
    fn a_completion_of_any_fields_is_read_as_written(completion in completion()) {
        prop_assert_eq!(Completion::decode(&completion.encode()), Ok(completion));
    }

    #[test]
    fn a_head_of_any_fields_is_read_as_written(head in head(), rest in vec(any::<u8>(), 0..64)) {
        let mut bytes = Vec::new();
        head.encode(&mut bytes);
        bytes.extend_from_slice(&rest);
        prop_assert_eq!(Head::decode(head.flags(), &bytes), Ok((head, &rest[..])));
    }

    #[test]
    fn reply_entries_of_any_fields_are_read_as_written(entries in vec(buffer_entry(), 0..=BUFFERS_MAX)) {
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| entry.encode(&mut bytes));
        let count = entries.len() as u8;
        prop_assert_eq!(Head::decode_reply(count, &bytes), Ok((entries, &[][..])));
    }

    #[test]
    fn a_hello_of_any_fields_is_read_as_written(hello in hello()) {
        prop_assert_eq!(Hello::decode(&hello.encode()), Ok(hello));
    }

    #[test]
    fn a_welcome_of_any_fields_is_read_as_written(welcome in welcome()) {
        prop_assert_eq!(Welcome::decode(&welcome.encode()), Ok(welcome));
    }

    #[test]
    fn a_control_message_of_any_fields_is_read_as_written(control in control()) {
        prop_assert_eq!(Control::decode(&control.encode()), Ok(control));
    }

    #[test]
    fn a_fault_of_any_fields_is_read_as_written(fault in fault()) {
        let mut bytes = Vec::new();
        fault.encode_text(&mut bytes);
        prop_assert_eq!(Fault::decode(fault.code, fault.outcome, fault.retry, &bytes), fault);
    }

    #[test]
    fn names_and_texts_too_long_are_cut_at_a_character_and_still_read(name in text(4 * NAME_MAX), cut in 0..4usize) {
        let hello = Hello {
            version_min: 1, version_max: 1, features: 0, contract: 0, calls: 1, pid: 0,
            name: format!("{}{name}{}", &"abc"[..cut.min(3)], "é".repeat(NAME_MAX)),
        };
        let read = Hello::decode(&hello.encode()).expect("it is cut to what is allowed");
        prop_assert!(hello.name.starts_with(&read.name));
        prop_assert!(read.name.len() + 4 > NAME_MAX, "no more is cut than one character needs");
    }

    #[test]
    fn any_64_bytes_are_a_slot_or_a_named_error(entry in any::<[u64; 8]>(), kind in 0..9u8, query in 0..8u8) {
        // Half of the work is to get past the first two checks, so kind and query are near what exists.
        let mut entry = entry;
        entry[2] = entry[2] & 0x800F_0000_FFFF_FFFF | u64::from(kind) << 32 | u64::from(query) << 40;
        match Slot::decode(&entry) {
            Ok(slot) => prop_assert_eq!(&slot.encode()[3..], &entry[3..]),
            Err(SlotError::UnknownKind(bits)) => prop_assert!(bits == kind && !(1..=7).contains(&kind)),
            Err(SlotError::UnknownQuery(bits)) => prop_assert!(bits == query && query > 6),
            Err(SlotError::QueryValue(bits, value)) => {
                prop_assert!(matches!(bits, 0 | 4 | 6) && value == entry[4] && value != 0);
            }
            Err(SlotError::ReservedFlags(flags)) => prop_assert!(flags != 0 && flags & 0x800F == 0),
        }
    }

    #[test]
    fn any_64_bytes_are_a_completion_or_a_named_error(entry in any::<[u64; 8]>(), publish in any::<[u8; 8]>(), reply in any::<bool>()) {
        let mut entry = entry;
        entry[1] = u64::from_le_bytes(publish) & 0x0303_FFFF_8001_FFFF;
        if reply {
            entry[1] = entry[1] & !0xFF | 8;
        }
        match Completion::decode(&entry) {
            Ok(completion) => prop_assert_eq!(&completion.encode()[2..], &entry[2..]),
            Err(CompletionError::UnknownKind(kind)) => prop_assert!(kind != 8),
            Err(CompletionError::InlineTooLong(length)) => prop_assert!(length as usize > INLINE_BYTES),
            Err(_) => {}
        }
    }

    #[test]
    fn any_bytes_are_a_head_or_a_named_error(flags in any::<u16>(), bytes in vec(any::<u8>(), 0..300)) {
        match Head::decode(flags, &bytes) {
            Ok((head, rest)) => {
                prop_assert_eq!(head.flags(), flags & 7);
                prop_assert!(bytes.ends_with(rest));
            }
            Err(HeadError::Truncated(had)) => prop_assert_eq!(had, bytes.len()),
            Err(HeadError::BufferCount(count)) => prop_assert!(count == 0 || count as usize > BUFFERS_MAX),
            Err(HeadError::TooDeep(depth)) => prop_assert!(depth > DEPTH_MAX),
            Err(HeadError::UnknownDirection(bits)) => prop_assert!(bits > 2),
            Err(HeadError::UnknownBufferKind(bits)) => prop_assert!(bits > 1),
            Err(HeadError::RoomHasPlace(segment, offset)) => {
                prop_assert!(SegmentId(segment) != SegmentId::NONE || offset != 0);
            }
            Err(HeadError::ReservedBytes) => {}
        }
        for count in 0..=u8::MAX {
            if let Ok((entries, rest)) = Head::decode_reply(count, &bytes) {
                prop_assert_eq!(entries.len() * 24 + rest.len(), bytes.len());
            }
        }
    }

    #[test]
    fn any_bytes_keep_the_promises_of_every_decoder(bytes in near_bytes()) {
        for (_, body) in TARGETS {
            body(&bytes);
        }
        let fault = Fault::decode(10, Outcome::NotStarted, Retry::Never, &bytes);
        prop_assert_eq!(fault.code, 10);
    }

    #[test]
    fn any_bytes_are_a_descriptor_or_a_named_error(bytes in vec(prop_oneof![0..4u8, any::<u8>()], 0..120)) {
        if let Ok(descriptor) = ModuleDescriptor::decode(&bytes) {
            prop_assert_eq!(descriptor.check(), Ok(()));
        }
    }

    #[test]
    fn any_schema_reads_any_bytes_in_bounded_time(schema in shapes::any_schema(), bytes in vec(prop_oneof![0..3u8, any::<u8>()], 0..200)) {
        let mut rest = &bytes[..];
        let _value_or_named_error = schema.decode_json(&mut rest);
        prop_assert!(bytes.ends_with(rest));
        // The same with the promises of a schema that passed its check.
        let mut both = postcard::to_allocvec(&schema).expect("a schema encodes");
        both.extend_from_slice(&bytes);
        windlass_contract::fuzzing::dynamic(&both);
    }

    #[test]
    fn any_text_is_a_value_of_a_schema_or_a_named_error(schema in shapes::any_schema(), text in ".{0,40}") {
        if let Ok(value) = parse_text(&schema, &text) {
            let mut bytes = Vec::new();
            prop_assert_eq!(schema.encode_json(&value, &mut bytes), Ok(()), "what was parsed encodes");
        }
    }
}
