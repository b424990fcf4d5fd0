//! Bad memory and bad words: frozen segments that are none, growth and releases that cannot be, control messages of no
//! kind, hellos of another protocol, connections that stay silent. A good client beside them notices nothing.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests wait by the clock and look at /proc")]

mod hand;
mod raw;

use raw::child::{beside_a_good_client, goes_on, held, raw};
use raw::rough::rough;
use raw::{Heard, Raw, bytes_entry, dial, hello, say_hello, shared_entry};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use std::os::fd::{AsFd, OwnedFd};
use windlass_contract::Code;
use windlass_contract::control::{Control, ControlKind};
use windlass_contract::head::Direction;
use windlass_contract::hello::VERSION;
use windlass_contract::slot::{Kind, Place};
use windlass_memory::SegmentId;

#[test]
#[ignore = "the node of the other tests, in a process of its own"]
fn child_node() {
    raw::child::serve_if_asked();
}

/// A memory file of these bytes with these seals.
fn memory_file(bytes: u64, written: u64, seals: SealFlags) -> OwnedFd {
    let fd = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&fd, bytes).unwrap();
    rustix::io::pwrite(&fd, &vec![1; written as usize], 0).unwrap();
    rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
    fd
}

const SEALED: SealFlags = SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW);

#[test]
fn rpc_R4_frozen_segments_that_could_change_or_are_not_there_are_refused() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        let id = SegmentId::FIRST_FROZEN;
        let (pipe, _other_end) = rustix::pipe::pipe().unwrap();
        let file = OwnedFd::from(tempfile::tempfile().unwrap());
        let holed = memory_file(16384, 4096, SEALED);
        let cases: [(OwnedFd, u64, &str); 10] = [
            (memory_file(4096, 4096, SealFlags::empty()), 4096, "be written, shrink, grow"),
            (memory_file(4096, 4096, SealFlags::WRITE), 4096, "shrink, grow"),
            (memory_file(4096, 4096, SealFlags::WRITE | SealFlags::SHRINK), 4096, "grow"),
            (
                memory_file(4096, 4096, SealFlags::FUTURE_WRITE | SealFlags::SHRINK | SealFlags::GROW),
                4096,
                "written",
            ),
            (holed, 16384, "hole at byte 4096"),
            (memory_file(4096, 4096, SEALED), 8192, "has 4096 bytes, 8192"),
            (memory_file(4096, 4096, SEALED), 100, "has 4096 bytes, 100"),
            (memory_file(4096, 4096, SEALED), 0, "no bytes"),
            (pipe, 4096, "not a memory file"),
            (file, 4096, "not a memory file"),
        ];
        for (fd, length, text) in &cases {
            let (answer, _) = raw.request(ControlKind::Frozen, id, *length, &[fd.as_fd()]);
            assert_eq!((answer.kind, answer.code), (ControlKind::Refused, Code::BadFrozen as u16), "{answer:?}");
            assert!(answer.text.contains(text), "{text}: {answer:?}");
        }
        let right = memory_file(4096, 4096, SEALED);
        for length in [1 << 40, u64::MAX] {
            let (answer, _) = raw.request(ControlKind::Frozen, id, length, &[right.as_fd()]);
            assert_eq!(answer.kind, ControlKind::Refused, "{answer:?}");
        }
        for wrong in
            [SegmentId::CLIENT, SegmentId::FIRST_HEAP, SegmentId::NODE, SegmentId::FIRST_RESULT, SegmentId::NONE]
        {
            let (answer, _) = raw.request(ControlKind::Frozen, wrong, 4096, &[right.as_fd()]);
            assert_eq!((answer.kind, answer.code), (ControlKind::Refused, Code::BadFrozen as u16), "{answer:?}");
        }
        let (answer, _) = raw.request(ControlKind::Frozen, id, 4096, &[]);
        assert!(answer.text.contains("no descriptor"), "{answer:?}");
        // Accepted once; the same id again is refused and the first one stays.
        let (answer, _) = raw.request(ControlKind::Frozen, id, 4096, &[right.as_fd()]);
        assert_eq!(answer.kind, ControlKind::Accepted, "{answer:?}");
        let (answer, _) = raw.request(ControlKind::Frozen, id, 4096, &[right.as_fd()]);
        assert!(answer.text.contains("in use"), "{answer:?}");
        let whole = bytes_entry(Direction::In, id, 0, 4096);
        let sum = xxhash_rust::xxh3::xxh3_64(&[1; 4096]);
        assert_eq!(raw.with_buffers(rough("sum"), &[whole], &[]).value::<u64>(), sum);
        for (offset, length) in [(4096, 1), (1, 4096), (u64::MAX, 1), (0, u64::from(u32::MAX))] {
            let outside = bytes_entry(Direction::In, id, offset, length);
            raw.with_buffers(rough("sum"), &[outside], &[]).refused(Code::BadBuffer);
        }
        // Nobody writes frozen memory.
        let written = shared_entry(Direction::InOut, id, 0, 4096);
        raw.with_buffers(rough("flip"), &[written], &[]).refused(Code::BadBuffer);
        goes_on(&mut raw);
    });
}

#[test]
fn rpc_R4_growth_of_nothing_or_beyond_all_limits_is_refused_in_words() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        for (length, code) in [
            (0, Code::BadArguments),
            (1 << 50, Code::NoMemory),
            (u64::MAX - 4096, Code::NoMemory),
            (u64::MAX - 1, Code::NoMemory),
            (u64::MAX, Code::NoMemory),
        ] {
            let (answer, fds) = raw.request(ControlKind::Grow, SegmentId::NONE, length, &[]);
            assert_eq!((answer.kind, answer.code), (ControlKind::Refused, code as u16), "{length}: {answer:?}");
            assert!(fds.is_empty() && !answer.text.is_empty());
        }
        let mut segments = Vec::new();
        let refused = loop {
            let (answer, fds) = raw.request(ControlKind::Grow, SegmentId::NONE, 1, &[]);
            match answer.kind {
                ControlKind::Segment => segments.push(fds),
                _ => break answer,
            }
            assert!(segments.len() <= 1000, "growth has no limit");
        };
        assert!(refused.text.contains("256 segments"), "{refused:?}");
        goes_on(&mut raw);
    });
}

#[test]
fn rpc_R4_releases_of_what_is_not_held_end_the_session_in_words() {
    beside_a_good_client(|node, good| {
        let cases = [
            (SegmentId::NODE, 0, 0),
            (SegmentId::FIRST_RESULT, 0, 1),
            (SegmentId::FIRST_RESULT, u64::MAX, 1),
            (SegmentId::CLIENT, 0, 0),
            (SegmentId::FIRST_HEAP, 0, 0),
            (SegmentId::FIRST_FROZEN, 0, 0),
            (SegmentId::FIRST_FROZEN, 0, 8),
            (SegmentId::NONE, 0, 0),
        ];
        for (segment, offset, length) in cases {
            let mut raw = raw(node, good);
            let mut slot = raw.slot(rough("ping"));
            slot.kind = Kind::Release;
            slot.arguments = Place { segment, offset, length };
            let text = raw.send(&slot).ended(Code::SessionEnded);
            assert!(text.contains(&format!("{:#x}", segment.0)), "{text}");
        }
        // A lease returned twice.
        let mut raw = raw(node, good);
        let (heap, _segment, _fd) = raw.grow(4096);
        let buffers =
            [bytes_entry(Direction::In, heap, 0, 100), bytes_entry(Direction::Out, SegmentId::NONE, 0, 100)];
        let Heard::Value(_, entries) = raw.with_buffers(rough("copy"), &buffers, &[]) else { panic!("no value") };
        let mut slot = raw.slot(rough("ping"));
        slot.kind = Kind::Release;
        slot.arguments = Place { segment: entries[0].segment, offset: entries[0].offset, length: 1 };
        raw.publish(slot.encode());
        goes_on(&mut raw);
        raw.send(&slot).ended(Code::SessionEnded);
    });
}

#[test]
fn rpc_R4_control_messages_of_no_kind_end_the_session_and_their_descriptors_are_closed() {
    beside_a_good_client(|node, good| {
        let spare = memory_file(4096, 4096, SEALED);
        let right = Control::new(ControlKind::Grow, SegmentId::NONE, 4096, 1).encode();
        let mut cases: Vec<Vec<u8>> = vec![vec![0], vec![0xFF; 31], vec![0xFF; 32], vec![0; 4096], vec![1; 4096]];
        for kind in [0u16, 8, 99, u16::MAX, 2, 4, 5, 6] {
            let mut bytes = right.clone();
            bytes[..2].copy_from_slice(&kind.to_le_bytes());
            cases.push(bytes);
        }
        let mut reserved = right.clone();
        reserved[24] = 1;
        let mut text = right.clone();
        text.extend([0xFF, 0xFE]);
        cases.extend([reserved, text]);
        for bytes in &cases {
            for fds in [&[][..], &[spare.as_fd()]] {
                let mut raw = raw(node, good);
                raw.say(bytes, fds);
                raw.hear_end().ended(Code::SessionEnded);
            }
        }
        // More descriptors than a message has, and a datagram longer than any.
        let mut first = raw(node, good);
        first.say(&right, &[spare.as_fd(), spare.as_fd(), spare.as_fd()]);
        first.hear_end().ended(Code::SessionEnded);
        let mut second = raw(node, good);
        second.say(&vec![1; 10_000], &[spare.as_fd()]);
        second.hear_end().ended(Code::SessionEnded);
        // One that is not wanted is closed, and the session goes on.
        let mut third = raw(node, good);
        let before = held(node, good);
        for _ in 0..50 {
            let (answer, _) = third.request(ControlKind::Grow, SegmentId::NONE, 0, &[spare.as_fd()]);
            assert_eq!(answer.kind, ControlKind::Refused);
        }
        assert_eq!(held(node, good), before);
        goes_on(&mut third);
    });
}

#[test]
fn rpc_R4_a_client_that_does_not_read_its_socket_is_ended_and_holds_up_nobody() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        let ask = Control::new(ControlKind::Grow, SegmentId::NONE, 0, 1).encode();
        for _ in 0..10_000 {
            if raw.words.ended().load() != 0 {
                break;
            }
            // The node may be behind; the socket is full both ways then.
            if windlass_memory::passing::send_with_fds(raw.socket.as_fd(), &ask, &[]).is_err() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        let text = raw.hear_end();
        assert!(matches!(text, Heard::Ended(Code::SessionEnded, _)), "{text:?}");
    });
}

#[test]
fn rpc_R4_holes_punched_into_shared_memory_read_as_zeros_and_hurt_nobody() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        let (heap, segment, fd) = raw.grow(1 << 20);
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        segment.copy_in(segment.span(0, 4096).unwrap(), &[1; 4096]);
        rustix::fs::fallocate(&fd, punch, 0, 1 << 20).unwrap();
        let whole = bytes_entry(Direction::In, heap, 0, 1 << 20);
        let sum = xxhash_rust::xxh3::xxh3_64(&vec![0; 1 << 20]);
        assert_eq!(raw.with_buffers(rough("sum"), &[whole], &[]).value::<u64>(), sum);
        rustix::fs::fallocate(&fd, punch, 4096, 1 << 19).unwrap();
        let in_place = shared_entry(Direction::InOut, heap, 0, 1 << 20);
        assert_eq!(raw.with_buffers(rough("flip"), &[in_place], &[]).value::<u64>(), 1 << 20);
        // Rings, words and cells of its own.
        let bytes = raw.client.bytes() as u64;
        rustix::fs::fallocate(&raw.client_fd, punch, 0, bytes).unwrap();
        let slot = raw.slot(rough("ping"));
        let heard = raw.ask(slot, &[5]);
        assert!(matches!(heard, Heard::Value(..) | Heard::Ended(..)), "{heard:?}");
    });
}

#[test]
fn rpc_R4_hellos_of_another_protocol_version_or_size_are_refused_by_name() {
    beside_a_good_client(|node, good| {
        let right = hello(16).encode();
        let changed = |at: usize, bytes: &[u8]| {
            let mut hello = right.clone();
            hello[at..at + bytes.len()].copy_from_slice(bytes);
            hello
        };
        let version = (VERSION + 1).to_le_bytes();
        let newer: Vec<u8> = version.iter().chain(&version).copied().collect();
        let cases = [
            (changed(0, b"GET "), Code::BadHello, "WNDL"),
            (changed(4, &newer), Code::VersionMismatch, "speaks version 1"),
            (changed(4, &[2, 0, 1, 0]), Code::BadHello, "2..=1"),
            (changed(16, &[0; 8]), Code::VersionMismatch, "drafts"),
            (changed(24, &0u32.to_le_bytes()), Code::BadHello, "0 calls"),
            (changed(24, &3u32.to_le_bytes()), Code::BadHello, "3 calls"),
            (changed(24, &8192u32.to_le_bytes()), Code::BadHello, "8192 calls"),
            (changed(40, &[1]), Code::BadHello, "reserved"),
            (right[..63].to_vec(), Code::BadHello, "63 bytes"),
            (vec![b'W'], Code::BadHello, "1 bytes"),
            ([&right[..], &[b'x'; 65]].concat(), Code::BadHello, "bytes are not a hello"),
            (vec![b'x'; 4000], Code::BadHello, "cut short"),
            ([&right[..], &[0xFF]].concat(), Code::BadHello, "UTF-8"),
        ];
        for (bytes, code, text) in &cases {
            let (_socket, answer) = say_hello(&node.address(), bytes, &[]);
            let (welcome, fds) = answer.unwrap();
            assert_eq!((welcome.code, fds.len()), (*code as u16, 0), "{}", welcome.text);
            assert!(welcome.text.contains(text), "{text}: {}", welcome.text);
        }
        let spare = memory_file(4096, 4096, SEALED);
        let (_socket, answer) = say_hello(&node.address(), &right, &[spare.as_fd()]);
        assert_eq!(answer.unwrap().0.code, Code::BadHello as u16);
        good.check();
    });
}

#[test]
fn rpc_R4_silent_connections_are_closed_and_keep_no_client_out() {
    beside_a_good_client(|node, good| {
        let silent: Vec<OwnedFd> = (0..300).map(|_| dial(&node.address())).collect();
        good.check();
        // There is room for one that speaks.
        for _ in 0..3 {
            let mut raw = raw(node, good);
            goes_on(&mut raw);
        }
        // All are closed in the end, the last of them because they said nothing in time.
        silent.iter().for_each(is_closed);
        good.check();
    });
}

/// Waits until the node has closed a connection, after words that are no welcome.
fn is_closed(socket: &OwnedFd) {
    while let Some((bytes, _)) = raw::hear_datagram(socket.as_fd()) {
        let welcome = windlass_contract::hello::Welcome::decode(&bytes).unwrap();
        assert_eq!(welcome.code, Code::BadHello as u16, "{}", welcome.text);
        assert!(welcome.text.contains("hello"), "{}", welcome.text);
    }
}
