//! Claims about operations that end early: closed handles, cancelled operations, dropped drivers.

use super::{Play, Site, WRITE, bytes, bytes_of, error_of, handle, room};
use windlass_driver::{IoError, Operation, Value};

pub fn volume_IO12_closing_a_socket_wakes_everybody_who_waits_for_it(site: &mut dyn Site) {
    let mut play = Play::new(site.driver());
    let (near, _far) = play.pair();
    play.start(1, Operation::Receive { socket: near, buffer: bytes(b"kept") });
    play.step();
    // One that the driver was not told to hand over yet.
    play.start(2, Operation::Send { socket: near, buffer: bytes(b"kept") });
    play.driver().close(near).unwrap();
    for tag in [1, 2] {
        let done = play.wait(tag);
        assert!(matches!(error_of(&done), IoError::Closed), "{done:?}");
        assert_eq!(done.buffer.unwrap().into_vec(), b"kept");
    }
    let done = play.ask(Operation::Receive { socket: near, buffer: room(4) });
    assert!(matches!(error_of(&done), IoError::NotRegistered), "{done:?}");
}

pub fn volume_IO12_closing_a_listener_wakes_everybody_who_accepts(site: &mut dyn Site) {
    let mut play = Play::new(site.driver());
    let (listener, _) = play.announce();
    for tag in 0..5 {
        play.start(tag, Operation::Accept { listener });
    }
    play.step();
    play.driver().close(listener).unwrap();
    for tag in 0..5 {
        let done = play.wait(tag);
        assert!(matches!(error_of(&done), IoError::Closed), "{done:?}");
    }
}

pub fn volume_IO12_a_file_that_is_closed_lets_its_operations_end(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path, WRITE);
    for tag in 0..50 {
        play.start(tag, Operation::WriteAt { file, at: tag * 4, buffer: bytes(b"four") });
        if tag == 25 {
            play.driver().flush().unwrap();
        }
    }
    play.driver().close(file).unwrap();
    for tag in 0..50 {
        let done = play.wait(tag);
        // What happened is told as it happened.
        let fine = matches!(done.result, Ok(Value::Bytes(4)) | Err(IoError::Closed));
        assert!(fine, "{done:?}");
        assert_eq!(done.buffer.unwrap().into_vec(), b"four");
    }
    assert_eq!(play.driver().under_way(), 0);
}

pub fn volume_IO15_an_operation_that_is_cancelled_at_any_moment_completes_once(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path.clone(), WRITE);
    let (near, far) = play.pair();
    let (listener, to) = play.announce();
    for moment in 0..5 {
        let operations = [
            Operation::WriteAt { file, at: 0, buffer: bytes(b"kept") },
            Operation::ReadAt { file, at: 0, buffer: bytes(b"kept") },
            Operation::Sync { file, data_only: true },
            Operation::Length { file },
            Operation::Receive { socket: near, buffer: bytes(b"kept") },
            Operation::Accept { listener },
            Operation::Connect { to: to.clone() },
            Operation::Open { path: path.clone(), how: WRITE },
            Operation::Resolve { name: "127.0.0.1:80".into() },
            Operation::Send { socket: far, buffer: bytes(b"kept") },
        ];
        for operation in operations {
            let has_buffer = operation.buffer().is_some();
            let id = play.start(7, operation);
            match moment {
                0 => {}
                1 => play.driver().flush().unwrap(),
                2 => play.step(),
                3 => {
                    play.step();
                    play.step();
                }
                _ => play.driver().cancel(id),
            }
            play.driver().cancel(id);
            let done = play.wait(7);
            let fine = match &done.result {
                Ok(Value::Handle(handle)) => {
                    let handle = *handle;
                    play.driver().close(handle).is_ok()
                }
                result => matches!(result, Ok(_) | Err(IoError::Cancelled)),
            };
            assert!(fine, "{done:?}");
            assert_eq!(done.buffer.map(|buffer| buffer.capacity()), has_buffer.then_some(4));
            assert_eq!(play.driver().under_way(), 0);
            play.step();
            assert!(!play.has(7), "it completed twice");
        }
        // Take what was sent and connected, so that the next round finds nothing.
        let id = play.start(8, Operation::Receive { socket: near, buffer: room(100) });
        for _ in 0..3 {
            play.step();
        }
        play.driver().cancel(id);
        play.wait(8);
    }
}

pub fn volume_IO15_a_stalled_receive_is_cancelled_and_the_next_one_works(site: &mut dyn Site) {
    let mut play = Play::new(site.driver());
    let (near, far) = play.pair();
    let id = play.start(1, Operation::Receive { socket: near, buffer: bytes(b"kept") });
    // The peer says nothing: a timer of the caller's ends the sleep.
    let until = play.driver().now() + 1_000_000;
    while play.driver().now() < until {
        play.driver().flush().unwrap();
        play.driver().park(Some(until), &mut Vec::new()).unwrap();
    }
    assert!(!play.has(1));
    play.driver().cancel(id);
    let done = play.wait(1);
    assert!(matches!(error_of(&done), IoError::Cancelled), "{done:?}");
    assert_eq!(done.buffer.unwrap().into_vec(), b"kept");
    assert_eq!(bytes_of(&play.ask(Operation::Send { socket: far, buffer: bytes(b"late") })), 4);
    assert_eq!(play.receive_up_to(near, 4), b"late");
}

pub fn volume_IO15_a_cancelled_accept_loses_no_later_connection(site: &mut dyn Site) {
    let mut play = Play::new(site.driver());
    let (listener, to) = play.announce();
    let id = play.start(1, Operation::Accept { listener });
    play.start(2, Operation::Accept { listener });
    play.step();
    play.driver().cancel(id);
    let done = play.wait(1);
    assert!(matches!(error_of(&done), IoError::Cancelled), "{done:?}");
    handle(play.ask(Operation::Connect { to }));
    handle(play.wait(2));
}

pub fn volume_IO15_cancelling_what_has_ended_does_nothing(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path, WRITE);
    let first = play.start(1, Operation::WriteAt { file, at: 0, buffer: bytes(b"abc") });
    play.wait(1);
    play.start(2, Operation::ReadAt { file, at: 0, buffer: room(3) });
    // The second may stand where the first stood.
    play.driver().cancel(first);
    assert_eq!(bytes_of(&play.wait(2)), 3);
}
