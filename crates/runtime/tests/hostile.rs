//! Bad calls: what a client that keeps no rule puts into slots, argument bytes and buffer entries. Each gets a Fault that
//! says what is wrong and what there is, or ends that client's session; a good client beside it notices nothing.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests wait by the clock and look at /proc")]

mod hand;
mod raw;

use raw::child::{beside_a_good_client, goes_on, raw};
use raw::rough::rough;
use raw::{Heard, Raw, bytes_entry, shared_entry};
use windlass_contract::head::{Direction, Head, Root, Trace};
use windlass_contract::slot::{FLAG_BUFFERS, FLAG_DETACHED, FLAG_ROOT, FLAG_TRACE, Kind, Place, Query};
use windlass_contract::{CallId, Code, MethodId, PoolId};
use windlass_memory::SegmentId;
use windlass_memory::words::COMPLETION_HEAD;

#[test]
#[ignore = "the node of the other tests, in a process of its own"]
fn child_node() {
    raw::child::serve_if_asked();
}

#[test]
fn rpc_R4_unknown_and_reserved_kinds_are_refused_by_name() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        for kind in (4..=7u8).chain([0, 8, 99, 255]) {
            let mut entry = raw.slot(rough("ping")).encode();
            entry[2] = entry[2] & !(0xFF << 32) | u64::from(kind) << 32;
            raw.publish(entry);
            let text = raw.hear().1.refused(Code::UnknownKind);
            match kind {
                4..=7 => assert!(text.contains("reserved"), "{text}"),
                _ => assert!(text.contains(&kind.to_string()), "{text}"),
            }
        }
        goes_on(&mut raw);
        // With no call slot to answer on, the session ends by the same code.
        let mut entry = raw.slot(rough("ping")).encode();
        entry[0] = u64::MAX;
        entry[2] = entry[2] & !(0xFF << 32) | 99 << 32;
        raw.publish(entry);
        assert!(raw.hear().1.ended(Code::UnknownKind).contains("99"));
    });
}

#[test]
fn rpc_R4_unknown_pools_methods_hashes_and_queries_name_what_there_is() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        let slot = |raw: &mut Raw| raw.slot(rough("ping"));
        for pool in [PoolId::new(0, 999), PoolId::new(7, 1), PoolId::from_bits(u64::MAX)] {
            let mut unknown = slot(&mut raw);
            unknown.pool = pool;
            let text = raw.ask(unknown, &[5]).refused(Code::UnknownPool);
            assert!(text.contains("echo") && text.contains("rough"), "{text}");
        }
        for method in [999, u32::MAX] {
            let mut unknown = slot(&mut raw);
            unknown.method = MethodId(method);
            let text = raw.ask(unknown, &[5]).refused(Code::UnknownMethod);
            assert!(text.contains("10 ping"), "{text}");
        }
        let mut lacks = slot(&mut raw);
        lacks.method = MethodId::NODE_FAILURE;
        assert!(raw.ask(lacks, &[5]).refused(Code::Unsupported).contains("node_failure"));
        let mut create = slot(&mut raw);
        create.method = MethodId::CREATE;
        assert!(raw.ask(create, &[5]).refused(Code::Denied).contains("admin"));
        for hash in [0, 1, u64::MAX] {
            let mut unknown = slot(&mut raw);
            unknown.schema = hash;
            let text = raw.ask(unknown, &[5]).refused(Code::SchemaMismatch);
            assert!(text.contains("rough.ping"), "{text}");
        }
        for query in [Query::Id(1), Query::Node(1), Query::Range { first: 0, count: 0 }, Query::Id(u64::MAX)] {
            let mut unknown = slot(&mut raw);
            unknown.query = query;
            let text = raw.ask(unknown, &[5]).refused(Code::UnknownContainer);
            assert!(text.contains("1 containers of rough"), "{text}");
        }
        goes_on(&mut raw);
    });
}

#[test]
fn rpc_R4_unknown_query_kinds_stray_query_values_and_reserved_flags_are_refused() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        for kind in [7u64, 100, 255] {
            let mut entry = raw.slot(rough("ping")).encode();
            entry[2] = entry[2] & !(0xFF << 40) | kind << 40;
            raw.publish(entry);
            assert!(raw.hear().1.refused(Code::BadArguments).contains(&kind.to_string()));
        }
        let mut entry = raw.slot(rough("ping")).encode();
        entry[4] = 12;
        raw.publish(entry);
        raw.hear().1.refused(Code::BadArguments);
        for bit in 4..15u32 {
            let mut entry = raw.slot(rough("ping")).encode();
            entry[2] |= 1 << (48 + bit);
            raw.publish(entry);
            assert!(raw.hear().1.refused(Code::BadArguments).contains(&format!("{:#06x}", 1 << bit)));
        }
        goes_on(&mut raw);
    });
}

#[test]
fn rpc_R4_argument_places_outside_the_clients_memory_are_refused() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        let bytes = raw.client.bytes() as u64;
        let (heap, _segment, _fd) = raw.grow(4096);
        let places = [
            (SegmentId::CLIENT, bytes, 1),
            (SegmentId::CLIENT, bytes - 1, 2),
            (SegmentId::CLIENT, u64::MAX, 1),
            (SegmentId::CLIENT, u64::MAX - 10, 60_000),
            (heap, 4096, 1),
            (heap, 1 << 63, 8),
            (SegmentId(7), 0, 1),
            (SegmentId::NODE, 0, 8),
            (SegmentId::FIRST_RESULT, 0, 8),
            (SegmentId::FIRST_FROZEN, 0, 8),
            (SegmentId::NONE, 0, 8),
        ];
        for (segment, offset, length) in places {
            let mut slot = raw.slot(rough("ping"));
            slot.arguments = Place { segment, offset, length };
            let text = raw.send(&slot).refused(Code::BadArguments);
            let named = text.contains("outside a segment") || text.contains("not the client's");
            assert!(named, "{segment:?} {offset} {length}: {text}");
        }
        for length in [65 * 1024, u32::MAX] {
            let mut slot = raw.slot(rough("ping"));
            slot.arguments = Place { segment: SegmentId::CLIENT, offset: 0, length };
            assert!(raw.send(&slot).refused(Code::TooLarge).contains("65536"));
        }
        goes_on(&mut raw);
    });
}

#[test]
fn rpc_R4_argument_bytes_in_a_frozen_segment_are_refused() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        let frozen = windlass_memory::Frozen::make("test", 4096, |bytes| bytes.fill(5)).unwrap();
        let (answer, _) = raw.request(
            windlass_contract::control::ControlKind::Frozen,
            SegmentId::FIRST_FROZEN,
            4096,
            &[frozen.fd().unwrap()],
        );
        assert_eq!(answer.kind, windlass_contract::control::ControlKind::Accepted);
        let mut slot = raw.slot(rough("ping"));
        slot.arguments = Place { segment: SegmentId::FIRST_FROZEN, offset: 0, length: 1 };
        assert!(raw.send(&slot).refused(Code::BadArguments).contains("0x40000000"));
        goes_on(&mut raw);
    });
}

#[test]
fn rpc_R4_truncated_trailing_and_undecodable_arguments_are_refused() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        for bytes in [&[][..], &[0x80], &[0xFF; 11], &[5, 0], &[5; 200]] {
            let slot = raw.slot(rough("ping"));
            let text = raw.ask(slot, bytes).refused(Code::BadArguments);
            assert!(text.contains("value") || text.contains("follow"), "{text}");
        }
        // A text that says it is longer than all memory.
        let slot = raw.slot(rough("length"));
        raw.ask(slot, &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]).refused(Code::BadArguments);
        // A key that does not decode.
        let slot = raw.slot(rough("step"));
        raw.ask(slot, &[9, b'x']).refused(Code::BadArguments);
        goes_on(&mut raw);
    });
}

#[test]
fn rpc_R4_heads_that_are_cut_off_or_too_deep_are_refused() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        let trace = Trace { trace: [7; 16], span: 1, flags: 0 };
        let entry = bytes_entry(Direction::In, SegmentId::CLIENT, 0, 8);
        let head = Head { trace: Some(trace), root: Some(Root { root: 1, depth: 1 }), buffers: vec![entry] };
        let mut bytes = Vec::new();
        head.encode(&mut bytes);
        for cut in 0..bytes.len() {
            let mut slot = raw.slot(rough("sum"));
            slot.flags = FLAG_TRACE | FLAG_ROOT | FLAG_BUFFERS;
            let text = raw.ask(slot, &bytes[..cut]).refused(Code::BadArguments);
            assert!(text.contains("cut off"), "{text}");
        }
        for (depth, code) in
            [(1, Code::Denied), (16, Code::Denied), (17, Code::TooDeep), (u16::MAX, Code::TooDeep)]
        {
            let mut bytes = Vec::new();
            Head { root: Some(Root { root: 1, depth }), ..Head::default() }.encode(&mut bytes);
            bytes.push(5);
            let mut slot = raw.slot(rough("ping"));
            slot.flags = FLAG_ROOT;
            raw.ask(slot, &bytes).refused(code);
        }
        goes_on(&mut raw);
    });
}

#[test]
fn rpc_R4_buffer_counts_directions_and_kinds_that_do_not_fit_are_refused() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        for count in [0u32, 17, 1 << 16, u32::MAX] {
            let mut bytes = vec![0; 200];
            bytes[..4].copy_from_slice(&count.to_le_bytes());
            let mut slot = raw.slot(rough("sum"));
            slot.flags = FLAG_BUFFERS;
            assert!(raw.ask(slot, &bytes).refused(Code::BadBuffer).contains(&count.to_string()));
        }
        for (at, value) in [(4, 3), (4, 255), (5, 2), (6, 1), (7, 1)] {
            let mut bytes = vec![1, 0, 0, 0, 0, 0, 0, 0];
            bytes.extend(bytes_entry(Direction::In, SegmentId::CLIENT, 0, 8).to_bytes());
            bytes[8 + at] = value;
            let mut slot = raw.slot(rough("sum"));
            slot.flags = FLAG_BUFFERS;
            raw.ask(slot, &bytes).refused(if at < 6 { Code::BadBuffer } else { Code::BadArguments });
        }
        let input = bytes_entry(Direction::In, SegmentId::CLIENT, 0, 8);
        let out = bytes_entry(Direction::Out, SegmentId::NONE, 0, 8);
        let shared = shared_entry(Direction::In, SegmentId::CLIENT, 0, 8);
        for (buffers, named) in [
            (&[out][..], "sum"),
            (&[shared], "sum"),
            (&[input, input], "2 buffers came"),
            (&[input, out, out], "3 buffers came"),
        ] {
            let text = raw.with_buffers(rough("sum"), buffers, &[]).refused(Code::BadBuffer);
            assert!(text.contains(named), "{text}");
        }
        let slot = raw.slot(rough("sum"));
        assert!(raw.ask(slot, &[]).refused(Code::BadBuffer).contains("0 buffers came"));
        let text = raw.with_buffers(rough("ping"), &[input], &[5]).refused(Code::BadBuffer);
        assert!(text.contains("takes 0"), "{text}");
        goes_on(&mut raw);
    });
}

#[test]
fn rpc_R4_buffers_outside_their_segment_are_refused() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        let (heap, segment, _fd) = raw.grow(8192);
        let bytes = segment.bytes() as u64;
        let outside = [
            (heap, bytes, 1),
            (heap, bytes - 1, 2),
            (heap, 0, bytes + 1),
            (heap, u64::MAX, 1),
            (heap, u64::MAX - 4095, 4096),
            (SegmentId::CLIENT, raw.client.bytes() as u64, 1),
            (SegmentId(99), 0, 1),
            (SegmentId::NODE, 0, 8),
            (SegmentId::FIRST_RESULT, 0, 8),
            (SegmentId::FIRST_FROZEN, 0, 8),
            (SegmentId::NONE, 0, 8),
        ];
        for (segment, offset, length) in outside {
            let input = bytes_entry(Direction::In, segment, offset, length);
            raw.with_buffers(rough("sum"), &[input], &[]).refused(Code::BadBuffer);
            let in_place = shared_entry(Direction::InOut, segment, offset, length);
            raw.with_buffers(rough("flip"), &[in_place], &[]).refused(Code::BadBuffer);
            let in_out = bytes_entry(Direction::InOut, segment, offset, length);
            raw.with_buffers(rough("swap"), &[in_out], &[]).refused(Code::BadBuffer);
        }
        for length in [(4 << 30) + 1, 1 << 63, u64::MAX - 1, u64::MAX] {
            let input = bytes_entry(Direction::In, heap, 0, length);
            raw.with_buffers(rough("sum"), &[input], &[]).refused(Code::TooLarge);
            let out = bytes_entry(Direction::Out, SegmentId::NONE, 0, length);
            let small = bytes_entry(Direction::In, heap, 0, 8);
            raw.with_buffers(rough("copy"), &[small, out], &[]).refused(Code::TooLarge);
        }
        goes_on(&mut raw);
    });
}

#[test]
fn rpc_R4_overlapping_written_buffers_and_named_out_rooms_are_refused() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        let (heap, _segment, _fd) = raw.grow(8192);
        let out = |offset, length| shared_entry(Direction::Out, heap, offset, length);
        for (left, right) in [
            (out(0, 64), out(0, 64)),
            (out(0, 64), out(63, 64)),
            (out(100, 1), out(0, 4096)),
            (out(0, 8192), out(8191, 1)),
        ] {
            let text = raw.with_buffers(rough("two"), &[left, right], &[]).refused(Code::BadBuffer);
            assert!(text.contains("overlaps"), "{text}");
        }
        let apart = raw.with_buffers(rough("two"), &[out(0, 64), out(64, 64)], &[]);
        assert!(matches!(apart, Heard::Value(..)), "{apart:?}");
        let input = bytes_entry(Direction::In, heap, 0, 8);
        for room in [
            bytes_entry(Direction::Out, heap, 0, 64),
            bytes_entry(Direction::Out, SegmentId::NODE, 0, 64),
            bytes_entry(Direction::Out, SegmentId::NONE, 64, 64),
        ] {
            let text = raw.with_buffers(rough("copy"), &[input, room], &[]).refused(Code::BadBuffer);
            assert!(text.contains("the node lends the room"), "{text}");
        }
        goes_on(&mut raw);
    });
}

#[test]
fn tasks_K55_a_late_message_about_an_old_call_hits_nothing() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        goes_on(&mut raw);
        let old = raw.slot(rough("ping"));
        assert_eq!(raw.ask(old, &[5]).value::<u64>(), 5);
        let mut now = raw.slot(rough("pause"));
        raw.put(&mut now, &postcard::to_allocvec(&50_000u64).unwrap());
        raw.publish(now.encode());
        for generation in [old.call.generation(), now.call.generation() + 1, 0, u32::MAX] {
            let mut cancel = old;
            cancel.kind = Kind::Cancel;
            cancel.call = CallId::new(0, generation);
            raw.publish(cancel.encode());
        }
        let (call, heard) = raw.hear();
        assert_eq!(call, Some(now.call));
        assert!(matches!(heard, Heard::Value(..)), "{heard:?}");
        // About slots that no call has or that do not exist.
        for slot in [1, 15, 16, u32::MAX] {
            let mut cancel = old;
            cancel.kind = Kind::Cancel;
            cancel.call = CallId::new(slot, 1);
            raw.publish(cancel.encode());
        }
        goes_on(&mut raw);
        // The same call twice is no new call.
        raw.send(&old).ended(Code::SessionEnded);
    });
}

#[test]
fn rpc_R4_call_slots_that_do_not_exist_or_are_in_use_end_the_session_in_words() {
    beside_a_good_client(|node, good| {
        for slot in [16, 17, 1 << 20, u32::MAX] {
            let mut raw = raw(node, good);
            let mut outside = raw.slot(rough("ping"));
            outside.call = CallId::new(slot, 1);
            assert!(raw.send(&outside).ended(Code::SessionEnded).contains("of 16"));
        }
        let mut raw = raw(node, good);
        let mut first = raw.slot(rough("pause"));
        raw.put(&mut first, &postcard::to_allocvec(&10_000_000u64).unwrap());
        raw.publish(first.encode());
        let mut second = first;
        second.call = CallId::new(0, first.call.generation() + 1);
        raw.publish(second.encode());
        assert!(raw.hear_end().ended(Code::SessionEnded).contains("in use"));
    });
}

/// Lies about what was taken, call after call. The node looks when the ring seems full: within one lap.
fn ended_by_lying(raw: &mut Raw, lie: u32) -> String {
    for _ in 0..=raw.layout.depth() {
        raw.client.word32(COMPLETION_HEAD).store(lie);
        let mut slot = raw.slot(rough("ping"));
        raw.put(&mut slot, &[5]);
        match raw.send(&slot) {
            Heard::Value(..) => {}
            heard => return heard.ended(Code::SessionEnded),
        }
    }
    panic!("a lap of calls with the lie {lie} hurt nobody");
}

#[test]
fn rpc_R4_a_completion_head_that_lies_ends_the_session_in_words() {
    beside_a_good_client(|node, good| {
        // Ahead of anything published by then, and behind what was taken.
        for (lie, word) in
            [(1000u32, "head"), (u32::MAX, "head"), (1 << 31, "head"), (0, "not taken"), (1, "not taken")]
        {
            let mut raw = raw(node, good);
            goes_on(&mut raw);
            let text = ended_by_lying(&mut raw, lie);
            assert!(text.contains(word), "{lie}: {text}");
        }
    });
}

#[test]
fn rpc_R4_detached_calls_that_are_bad_hurt_nobody() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        for length in [0usize, 1, 3] {
            let mut slot = raw.slot(rough("ping"));
            slot.flags = FLAG_DETACHED;
            let heard = raw.ask(slot, &vec![0xFF; length]);
            assert!(matches!(&heard, Heard::Value(bytes, _) if bytes.is_empty()), "{heard:?}");
        }
        let mut slot = raw.slot(rough("ping"));
        slot.flags = FLAG_DETACHED;
        slot.arguments = Place { segment: SegmentId(50), offset: 0, length: 8 };
        raw.send(&slot).refused(Code::BadArguments);
        goes_on(&mut raw);
    });
}
