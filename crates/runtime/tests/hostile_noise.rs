//! Noise: random entries, garbage over a whole segment while calls run, bytes that change after they were published.
//! The node lives, only the offender's session ends, and a good client's answers stay right all the while.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests wait by the clock, look at /proc and have threads")]

mod hand;
mod raw;

use fastrand::Rng;
use raw::child::{ChildNode, Good, beside_a_good_client, raw};
use raw::rough::rough;
use raw::{Heard, Raw, bytes_entry, shared_entry};
use std::sync::atomic::{AtomicBool, Ordering};
use windlass_contract::head::{Direction, Head};
use windlass_contract::slot::{FLAG_BUFFERS, Kind};
use windlass_contract::{CallId, Code, MethodRef};
use windlass_memory::SegmentId;
use windlass_memory::ring::Entry;
use windlass_memory::words::CELL_BYTES;

#[test]
#[ignore = "the node of the other tests, in a process of its own"]
fn child_node() {
    raw::child::serve_if_asked();
}

/// Runs noise while the good client calls in a thread of its own; each of its answers is checked.
fn while_the_good_client_calls(node: &ChildNode, good: &Good, noise: impl FnOnce(&ChildNode, &Good)) {
    let over = AtomicBool::new(false);
    let checks = std::thread::scope(|scope| {
        let calling = scope.spawn(|| {
            let mut checks = 0;
            while !over.load(Ordering::Relaxed) {
                good.check();
                checks += 1;
            }
            checks
        });
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _ends_when_the_noise_does = Over(&over);
        noise(node, good);
        drop(_ends_when_the_noise_does);
        calling.join().unwrap()
    });
    assert!(checks > 0, "the good client did not get a single call through");
}

/// An entry that is right but for some of its fields, or, now and then, right in none.
fn likely(random: &mut Rng, raw: &mut Raw, methods: &[MethodRef], call_slot: u32) -> Entry {
    let mut slot = raw.slot(methods[random.usize(..methods.len())]);
    slot.call = CallId::new(call_slot, slot.call.generation());
    slot.flags = [0, 0, 0, FLAG_BUFFERS, FLAG_BUFFERS, 3, 7, 15][random.usize(..8)];
    slot.kind = match random.u32(..100) {
        0..92 => Kind::Call,
        92..98 => Kind::Cancel,
        98 => Kind::Release,
        _ => Kind::Invoke,
    };
    let cell = raw.layout.cell(call_slot).unwrap();
    slot.arguments.offset = if random.u32(..10) == 0 { random.u64(..) } else { cell };
    slot.arguments.length = if random.u32(..10) == 0 { random.u32(..) } else { random.u32(..CELL_BYTES as u32) };
    if random.u32(..20) == 0 {
        slot.arguments.segment = SegmentId(random.u32(..));
    }
    // Nothing of noise runs long after its session.
    slot.time_left_ns = random.u64(..1_000_000);
    let mut entry = slot.encode();
    if random.u32(..3) == 0 {
        entry[3 + random.usize(..5)] = random.u64(..);
    }
    if random.u32(..80) == 0 {
        entry.fill_with(|| random.u64(..));
    }
    entry
}

#[test]
fn rpc_R4_a_hundred_thousand_random_entries_end_only_their_own_session() {
    const ENTRIES: u32 = 100_000;
    const SEED: u64 = 0x57_49_4e_44;
    beside_a_good_client(|node, good| {
        while_the_good_client_calls(node, good, |node, good| {
            let mut random = Rng::with_seed(SEED);
            let names = ["ping", "pause", "sum", "copy", "flip", "two", "keyed", "step", "again", "later", "peek"];
            let methods: Vec<MethodRef> =
                names.iter().chain(&["swap", "hold", "length"]).map(|name| rough(name)).collect();
            let (mut sent, mut sessions, mut answered) = (0, 0, 0);
            while sent < ENTRIES {
                let mut raw = raw(node, good);
                sessions += 1;
                let mut ended = false;
                while sent < ENTRIES && !ended {
                    // Fifteen calls' worth of noise, then one right call on the sixteenth slot.
                    for call_slot in 0..15 {
                        let garbage: Vec<u8> =
                            (0..32).map(|_| if random.bool() { random.u8(..) } else { random.u8(..4) }).collect();
                        raw.write(raw.layout.cell(call_slot).unwrap(), &garbage);
                        let entry = likely(&mut random, &mut raw, &methods, call_slot);
                        raw.publish(entry);
                        sent += 1;
                    }
                    let mut right = raw.slot(rough("ping"));
                    right.call = CallId::new(15, right.call.generation());
                    raw.put(&mut right, &[5]);
                    raw.publish(right.encode());
                    loop {
                        let (call, heard) = raw.hear();
                        answered += 1;
                        match heard {
                            Heard::Ended(..) => ended = true,
                            heard if call == Some(right.call) => assert_eq!(heard.value::<u64>(), 5),
                            Heard::Value(..) | Heard::Fault(_) => continue,
                        }
                        break;
                    }
                }
            }
            assert!(sessions > 10 && answered > ENTRIES / 4, "the noise reached nothing: {sessions} {answered}");
        });
    });
}

#[test]
fn rpc_R4_garbage_over_the_whole_client_segment_ends_only_its_own_session() {
    beside_a_good_client(|node, good| {
        while_the_good_client_calls(node, good, |node, good| {
            let mut random = Rng::with_seed(7);
            for _ in 0..100 {
                let mut raw = raw(node, good);
                for _ in 0..3 {
                    let mut slot = raw.slot(rough("pause"));
                    slot.call = CallId::new(random.u32(..16), slot.call.generation());
                    raw.put(&mut slot, &postcard::to_allocvec(&100_000u64).unwrap());
                    // The garbage below may make it look full.
                    let _may_be_full = raw.submit.publish(slot.encode());
                }
                raw.ring();
                for _ in 0..20 {
                    let at = random.u64(..raw.client.bytes() as u64 - 4096) & !7;
                    let garbage: Vec<u8> = (0..4096).map(|_| random.u8(..)).collect();
                    raw.write(at, &garbage);
                    raw.ring();
                }
                let whole: Vec<u8> = (0..raw.client.bytes()).map(|_| random.u8(..)).collect();
                raw.write(0, &whole);
                raw.ring();
            }
        });
    });
}

#[test]
fn tasks_K57_argument_bytes_that_change_after_they_were_published_are_one_thing_or_the_other() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        let cell = raw.layout.cell(0).unwrap();
        let (client, over) = (raw.client.clone(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let changing = scope.spawn(|| {
                let word = client.word64(cell as usize);
                while !over.load(Ordering::Relaxed) {
                    word.store(1);
                    word.store(2);
                    word.store(0x80);
                }
            });
            for _ in 0..2000 {
                let mut slot = raw.slot(rough("ping"));
                raw.put(&mut slot, &[1]);
                match raw.send(&slot) {
                    Heard::Value(bytes, _) => assert!(bytes == [1] || bytes == [2], "{bytes:?}"),
                    Heard::Fault(fault) => assert!(fault.is(Code::BadArguments), "{fault:?}"),
                    Heard::Ended(..) => panic!("the session ended"),
                }
            }
            over.store(true, Ordering::Relaxed);
            changing.join().unwrap();
        });
    });
}

#[test]
fn rpc_R4_buffer_entries_and_bytes_that_change_while_a_call_runs_reach_no_other_memory() {
    beside_a_good_client(|node, good| {
        let mut raw = raw(node, good);
        let (heap, segment, _fd) = raw.grow(1 << 16);
        segment.copy_in(segment.span(0, 1 << 16).unwrap(), &[1; 1 << 16]);
        let entry = shared_entry(Direction::In, heap, 0, 1 << 16);
        let head = Head { buffers: vec![entry], ..Head::default() };
        let mut bytes = Vec::new();
        head.encode(&mut bytes);
        // Of the entry, after the count: the length, in the 8 bytes from its 16th on.
        let length_at = raw.layout.cell(0).unwrap() as usize + 8 + 16;
        let (client, over) = (raw.client.clone(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let changing = scope.spawn(|| {
                let (length, data) = (client.word64(length_at), segment.word64(4096));
                while !over.load(Ordering::Relaxed) {
                    length.store(u64::MAX);
                    data.store(u64::MAX);
                    length.store(1 << 40);
                    length.store(1 << 16);
                    data.store(u64::from_le_bytes([1; 8]));
                }
            });
            for _ in 0..1000 {
                let mut slot = raw.slot(rough("peek"));
                slot.flags = head.flags();
                raw.put(&mut slot, &bytes);
                match raw.send(&slot) {
                    // All ones, or with the eight bytes that change partly so.
                    Heard::Value(bytes, _) => {
                        let sum: u64 = postcard::from_bytes(&bytes).unwrap();
                        assert!((1 << 16..=(1 << 16) + 8 * 254).contains(&sum), "{sum}");
                    }
                    Heard::Fault(fault) => {
                        assert!(fault.is(Code::BadBuffer) || fault.is(Code::TooLarge), "{fault:?}");
                    }
                    Heard::Ended(..) => panic!("the session ended"),
                }
            }
            over.store(true, Ordering::Relaxed);
            changing.join().unwrap();
        });
        // An owned buffer is copied once: what changes later is not seen.
        let owned = bytes_entry(Direction::In, heap, 0, 4096);
        let sum = xxhash_rust::xxh3::xxh3_64(&[1; 4096]);
        assert_eq!(raw.with_buffers(rough("sum"), &[owned], &[]).value::<u64>(), sum);
    });
}
