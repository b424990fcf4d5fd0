//! Claims about connections.

use super::{Play, Site, bytes, bytes_of, error_of, handle, kind_of, room};
use std::io::ErrorKind;
use windlass_driver::{Address, IoError, Operation, Value};

pub fn volume_IO4_all_bytes_arrive_however_they_are_cut(site: &mut dyn Site) {
    const LEN: usize = 3 << 20;
    let mut play = Play::new(site.driver());
    let (near, far) = play.pair();
    let sent: Vec<u8> = (0..LEN).map(|at| ((at * 31) >> 3) as u8).collect();
    let (mut out, mut received) = (0, Vec::new());
    let send = |from: usize| Operation::Send { socket: far, buffer: bytes(&sent[from..]) };
    play.start(1, send(0));
    play.start(2, Operation::Receive { socket: near, buffer: room(100_000) });
    while received.len() < LEN {
        if play.has(1) {
            out += bytes_of(&play.wait(1));
            if out < LEN {
                play.start(1, send(out));
            }
        }
        if play.has(2) {
            let done = play.wait(2);
            let count = bytes_of(&done);
            assert_ne!(count, 0);
            received.extend_from_slice(&done.buffer.unwrap().into_vec()[..count]);
            if received.len() < LEN {
                play.start(2, Operation::Receive { socket: near, buffer: room(100_000) });
            }
            continue;
        }
        play.step();
    }
    assert!(received == sent);
}

pub fn volume_IO4_a_peer_that_ends_is_told_after_its_last_byte(site: &mut dyn Site) {
    let mut play = Play::new(site.driver());
    let (near, far) = play.pair();
    assert_eq!(bytes_of(&play.ask(Operation::Send { socket: far, buffer: bytes(b"last") })), 4);
    play.driver().close(far).unwrap();
    assert_eq!(play.receive_up_to(near, 100), b"last");
    assert_eq!(bytes_of(&play.ask(Operation::Receive { socket: near, buffer: room(1) })), 0);
}

pub fn volume_IO5_a_second_reader_and_a_second_writer_are_refused(site: &mut dyn Site) {
    let mut play = Play::new(site.driver());
    let (near, far) = play.pair();
    play.start(1, Operation::Receive { socket: near, buffer: room(4) });
    play.step();
    let done = play.ask(Operation::Receive { socket: near, buffer: bytes(b"kept") });
    assert!(matches!(error_of(&done), IoError::Busy(_)), "{done:?}");
    assert_eq!(done.buffer.unwrap().into_vec(), b"kept");
    // Two sends that are started together: the second is refused before the first has ended.
    play.start(2, Operation::Send { socket: near, buffer: bytes(b"to") });
    play.start(3, Operation::Send { socket: near, buffer: bytes(b"to") });
    assert!(matches!(error_of(&play.wait(3)), IoError::Busy(_)));
    assert_eq!(bytes_of(&play.wait(2)), 2);
    assert_eq!(play.receive_up_to(far, 2), b"to");
    assert_eq!(bytes_of(&play.ask(Operation::Send { socket: far, buffer: bytes(b"from") })), 4);
    assert_eq!(bytes_of(&play.wait(1)), 4);
    // It has ended, so the next one may come.
    assert_eq!(bytes_of(&play.ask(Operation::Send { socket: far, buffer: bytes(b"more") })), 4);
    assert_eq!(play.receive_up_to(near, 4), b"more");
}

pub fn volume_IO7_a_connection_that_is_refused_says_so(site: &mut dyn Site) {
    let nowhere = site.path("nobody");
    let mut play = Play::new(site.driver());
    let (listener, to) = play.announce();
    play.driver().close(listener).unwrap();
    let done = play.ask(Operation::Connect { to });
    assert_eq!(kind_of(&done), ErrorKind::ConnectionRefused);
    let done = play.ask(Operation::Connect { to: Address::Unix(nowhere) });
    assert_eq!(kind_of(&done), ErrorKind::NotFound);
}

pub fn volume_IO11_a_unix_listener_is_found_by_its_path(site: &mut dyn Site) {
    let at = Address::Unix(site.path("s"));
    let mut play = Play::new(site.driver());
    let listener = handle(play.ask(Operation::Announce { at: at.clone() }));
    let address = play.ask(Operation::LocalAddress { socket: listener });
    assert_eq!(address.result.unwrap(), Value::Address(at.clone()));
    play.start(1, Operation::Connect { to: at });
    play.start(2, Operation::Accept { listener });
    let (far, near) = (handle(play.wait(1)), handle(play.wait(2)));
    play.start(3, Operation::Send { socket: far, buffer: bytes(b"hello") });
    assert_eq!(play.receive_up_to(near, 5), b"hello");
    play.wait(3);
}

pub fn volume_IO11_a_socket_file_that_nobody_listens_at_is_replaced_and_a_live_one_is_not(site: &mut dyn Site) {
    let path = site.path("s");
    site.leave_stale_socket(&path);
    let at = Address::Unix(path);
    let mut play = Play::new(site.driver());
    let listener = handle(play.ask(Operation::Announce { at: at.clone() }));
    let done = play.ask(Operation::Announce { at: at.clone() });
    assert_eq!(kind_of(&done), ErrorKind::AddrInUse);
    // The first one is as good as before.
    play.start(1, Operation::Accept { listener });
    handle(play.ask(Operation::Connect { to: at }));
    handle(play.wait(1));
}

pub fn volume_IO11_many_connections_are_accepted_in_any_order(site: &mut dyn Site) {
    const COUNT: u64 = 20;
    let mut play = Play::new(site.driver());
    let (listener, to) = play.announce();
    for index in 0..COUNT {
        play.start(index, Operation::Accept { listener });
        play.start(100 + index, Operation::Connect { to: to.clone() });
    }
    let mut near = Vec::new();
    for index in 0..COUNT {
        let far = handle(play.wait(100 + index));
        near.push(handle(play.wait(index)));
        let text = (index as u8).to_string();
        assert_eq!(
            bytes_of(&play.ask(Operation::Send { socket: far, buffer: bytes(text.as_bytes()) })),
            text.len()
        );
        play.driver().close(far).unwrap();
    }
    let mut heard: Vec<u8> = near
        .into_iter()
        .map(|socket| String::from_utf8(play.receive_up_to(socket, 10)).unwrap().parse().unwrap())
        .collect();
    heard.sort_unstable();
    assert_eq!(heard, (0..COUNT as u8).collect::<Vec<_>>());
}

pub fn rpc_R26_of_hundreds_of_sources_only_those_that_are_ready_complete(site: &mut dyn Site) {
    const COUNT: u64 = 200;
    let mut play = Play::new(site.driver());
    let pairs: Vec<_> = (0..COUNT).map(|_| play.pair()).collect();
    for (index, (near, _)) in pairs.iter().enumerate() {
        play.start(index as u64, Operation::Receive { socket: *near, buffer: room(8) });
    }
    // Every seventh speaks, from the last to the first; the others stay silent and are not woken.
    let speaks = |index: u64| index % 7 == 3;
    for index in (0..COUNT).rev().filter(|index| speaks(*index)) {
        let sent = play.ask(Operation::Send { socket: pairs[index as usize].1, buffer: bytes(&[index as u8]) });
        assert_eq!(bytes_of(&sent), 1);
    }
    for index in (0..COUNT).filter(|index| speaks(*index)) {
        assert_eq!(bytes_of(&play.wait(index)), 1, "source {index}");
    }
    assert!((0..COUNT).filter(|index| !speaks(*index)).all(|index| !play.has(index)));
}

pub fn volume_IO11_a_name_is_looked_up(site: &mut dyn Site) {
    let mut play = Play::new(site.driver());
    let done = play.ask(Operation::Resolve { name: "127.0.0.1:80".into() });
    assert_eq!(done.result.unwrap(), Value::Addresses(vec![([127, 0, 0, 1], 80).into()]));
    let done = play.ask(Operation::Resolve { name: "no port".into() });
    assert!(matches!(error_of(&done), IoError::System(_)), "{done:?}");
}

pub fn volume_IO13_a_peer_that_goes_wakes_both_directions(site: &mut dyn Site) {
    let mut play = Play::new(site.driver());
    let (near, far) = play.pair();
    // Fill the way out, so that the next send waits.
    let mut sent = 0;
    while sent < 1 << 27 {
        play.start(1, Operation::Send { socket: near, buffer: room(1 << 20) });
        for _ in 0..20 {
            if !play.has(1) {
                play.step();
            }
        }
        if !play.has(1) {
            break;
        }
        sent += bytes_of(&play.wait(1));
    }
    play.start(2, Operation::Receive { socket: near, buffer: room(10) });
    play.step();
    play.driver().close(far).unwrap();
    let done = play.wait(2);
    // Unread bytes make it a reset; either is the peer's end, and told.
    let ended = matches!(done.result, Ok(Value::Bytes(0)) | Err(IoError::System(_)));
    assert!(ended, "{done:?}");
    if !play.has(1) && sent < 1 << 27 {
        play.wait(1);
    }
    // Whatever had room is gone by now: sending says so, soon.
    for _ in 0..100 {
        let done = play.ask(Operation::Send { socket: near, buffer: room(1 << 20) });
        if let Err(IoError::System(error)) = &done.result {
            assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
            return;
        }
    }
    panic!("a peer that is gone takes everything");
}

pub fn volume_IO13_a_peer_that_goes_while_nobody_waits_harms_nobody(site: &mut dyn Site) {
    let mut play = Play::new(site.driver());
    let (near, far) = play.pair();
    let (other_near, other_far) = play.pair();
    play.driver().close(far).unwrap();
    for _ in 0..3 {
        play.start(1, Operation::Receive { socket: other_near, buffer: room(1) });
        play.step();
        assert_eq!(bytes_of(&play.ask(Operation::Send { socket: other_far, buffer: bytes(b"x") })), 1);
        assert_eq!(bytes_of(&play.wait(1)), 1);
    }
    assert_eq!(bytes_of(&play.ask(Operation::Receive { socket: near, buffer: room(1) })), 0);
}

pub fn a_half_closed_connection_still_carries_the_other_half(site: &mut dyn Site) {
    let mut play = Play::new(site.driver());
    let (near, far) = play.pair();
    assert_eq!(bytes_of(&play.ask(Operation::Send { socket: far, buffer: bytes(b"ask") })), 3);
    assert_eq!(play.ask(Operation::Shutdown { socket: far }).result.unwrap(), Value::Nothing);
    assert_eq!(play.receive_up_to(near, 10), b"ask");
    assert_eq!(bytes_of(&play.ask(Operation::Send { socket: near, buffer: bytes(b"answer") })), 6);
    assert_eq!(play.receive_up_to(far, 6), b"answer");
    let done = play.ask(Operation::Send { socket: far, buffer: bytes(b"more") });
    assert_eq!(kind_of(&done), ErrorKind::BrokenPipe);
}
