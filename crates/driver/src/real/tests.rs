//! The real driver from inside: what exists when, and that every sleep is ended. What any driver must do is in
//! `tests/conformance`.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
use super::*;
use crate::{Address, IoBuffer, OpenHow};

#[test]
fn a_ring_before_the_sleep_ends_it() {
    let mut driver = RealDriver::new().unwrap();
    driver.remote().ring();
    let mut ready = Vec::new();
    driver.park(None, &mut ready).unwrap();
    assert!(ready.is_empty());
}

#[test]
fn an_edge_watched_doorbell_tells_each_ring_without_being_read() {
    let mut driver = RealDriver::new().unwrap();
    let bell = windlass_memory::Doorbell::new().unwrap();
    driver.watch(bell.as_fd(), Token(7), Watch::Edge).unwrap();
    for _ in 0..3 {
        bell.ring().unwrap();
        let mut ready = Vec::new();
        driver.park(None, &mut ready).unwrap();
        assert_eq!(ready, [Ready { token: Token(7), readable: true, hung_up: false }]);
        ready.clear();
        driver.poll(&mut ready).unwrap();
        assert!(ready.is_empty());
    }
}

fn both() -> [RealDriver; 2] {
    [Backend::IoUring, Backend::Polling].map(|backend| RealDriver::with(backend).unwrap())
}

fn run(driver: &mut RealDriver, operation: Operation) -> Completion {
    driver.start(operation, Tag(1)).unwrap();
    let mut done = Vec::new();
    while done.is_empty() {
        driver.park(None, &mut Vec::new()).unwrap();
        driver.reap(&mut done).unwrap();
    }
    assert_eq!(done.len(), 1);
    done.remove(0)
}

fn handle(completion: Completion) -> Handle {
    match completion.result {
        Ok(Value::Handle(handle)) => handle,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_driver_without_operations_has_neither_ring_nor_thread() {
    for mut driver in both() {
        driver.flush().unwrap();
        driver.reap(&mut Vec::new()).unwrap();
        driver.park(Some(1), &mut Vec::new()).unwrap();
        assert!(driver.ring.is_none());
        assert!(driver.polling.is_none());
    }
}

#[test]
fn what_was_written_to_a_file_is_read() {
    for mut driver in both() {
        let directory = tempfile::tempdir().unwrap();
        let how = OpenHow { write: true, create: true, fresh: true, ..OpenHow::default() };
        let path = directory.path().join("a");
        let file = handle(run(&mut driver, Operation::Open { path, how }));
        let buffer = IoBuffer::from_vec(b"hello".to_vec());
        let written = run(&mut driver, Operation::WriteAt { file, at: 3, buffer });
        assert_eq!(written.result.unwrap(), Value::Bytes(5));
        let buffer = IoBuffer::zeroed(10).unwrap();
        let read = run(&mut driver, Operation::ReadAt { file, at: 0, buffer });
        assert_eq!(read.result.unwrap(), Value::Bytes(8));
        assert_eq!(read.buffer.unwrap().into_vec(), b"\0\0\0hello\0\0");
        driver.close(file).unwrap();
        assert_eq!(driver.handle_count(), 0);
    }
}

#[test]
fn a_connection_carries_bytes() {
    for mut driver in both() {
        let at = Address::Tcp(([127, 0, 0, 1], 0).into());
        let listener = handle(run(&mut driver, Operation::Announce { at }));
        let address = run(&mut driver, Operation::LocalAddress { socket: listener }).result.unwrap();
        let Value::Address(to) = address else { panic!("{address:?}") };
        driver.start(Operation::Accept { listener }, Tag(2)).unwrap();
        driver.start(Operation::Connect { to }, Tag(3)).unwrap();
        let mut done = Vec::new();
        while done.len() < 2 {
            driver.park(None, &mut Vec::new()).unwrap();
            driver.reap(&mut done).unwrap();
        }
        done.sort_by_key(|completion| completion.tag);
        let far = handle(done.pop().unwrap());
        let near = handle(done.pop().unwrap());
        let buffer = IoBuffer::zeroed(10).unwrap();
        driver.start(Operation::Receive { socket: near, buffer }, Tag(4)).unwrap();
        driver.park(Some(1), &mut Vec::new()).unwrap();
        let buffer = IoBuffer::from_vec(b"hello".to_vec());
        driver.start(Operation::Send { socket: far, buffer }, Tag(5)).unwrap();
        while done.len() < 2 {
            driver.park(None, &mut Vec::new()).unwrap();
            driver.reap(&mut done).unwrap();
        }
        assert!(done.iter().all(|done| matches!(done.result, Ok(Value::Bytes(5)))), "{done:?}");
    }
}

#[test]
fn volume_IO1_a_driver_that_is_dropped_lets_no_buffer_go_before_the_kernel_does() {
    for mut driver in both() {
        let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let socket = driver.register(reader.into()).unwrap();
        let buffer = IoBuffer::zeroed(10).unwrap();
        driver.start(Operation::Receive { socket, buffer }, Tag(4)).unwrap();
        driver.flush().unwrap();
        drop(driver);
        // The peer sees the end: the descriptor is closed, so nothing of ours is left in the kernel.
        assert!(std::io::Write::write_all(&mut &writer, b"x").is_err());
    }
}

#[test]
fn each_way_to_sleep_is_ended_by_a_peer_by_a_doorbell_and_by_a_remote() {
    // Nothing here has a time-out: a wake that is lost is a test that hangs.
    for mut driver in both() {
        let bell = windlass_memory::Doorbell::new().unwrap();
        driver.watch(bell.as_fd(), Token(7), Watch::Edge).unwrap();
        let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let socket = driver.register(reader.into()).unwrap();
        // Whoever spoke last decides where the next sleep is, so every pair of neighbours is played.
        let order = ["bell", "bell", "peer", "peer", "remote", "peer", "bell", "peer", "remote", "remote", "bell"];
        let mut waits = false;
        for who in order.into_iter().cycle().take(66) {
            if !waits {
                let buffer = IoBuffer::zeroed(1).unwrap();
                driver.start(Operation::Receive { socket, buffer }, Tag(1)).unwrap();
                waits = true;
            }
            let remote = driver.remote();
            let started = std::sync::Barrier::new(2);
            let started = &started;
            std::thread::scope(|scope| {
                let (bell, writer) = (&bell, &mut writer);
                scope.spawn(move || {
                    started.wait();
                    match who {
                        "bell" => bell.ring().unwrap(),
                        "peer" => std::io::Write::write_all(writer, b"x").unwrap(),
                        _ => remote.ring(),
                    }
                });
                started.wait();
                let (mut ready, mut done) = (Vec::new(), Vec::new());
                loop {
                    driver.park(None, &mut ready).unwrap();
                    driver.reap(&mut done).unwrap();
                    match who {
                        "bell" if ready.is_empty() => {}
                        "peer" if done.is_empty() => {}
                        _ => break,
                    }
                }
                waits = done.is_empty();
            });
        }
    }
}
