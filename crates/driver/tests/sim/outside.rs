//! Descriptors from outside, and what a machine runs out of: the simulated counterpart of `tests/real/outside.rs`.

use super::conformance::{Play, WRITE, bytes, bytes_of, error_of, handle, room};
use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;
use windlass_driver::sim::{Machine, Rate, SimDriver, SimFd, SimWorld, Weather};
use windlass_driver::{Address, Driver as _, IoBuffer, IoError, Operation, Tag, Value};

const HERE: Machine = Machine(0);

/// Nothing fails; in one world everything comes late and in any order.
fn both() -> [(SimWorld, SimDriver); 2] {
    let mut late = Weather::calm();
    (late.held_back, late.spurious, late.net.slow) = (Rate(300_000), Rate(200_000), Rate(50_000));
    [Weather::calm(), late].map(|weather| {
        let world = SimWorld::new(31, weather);
        let driver = SimDriver::alone(&world, HERE).unwrap();
        (world, driver)
    })
}

fn kind(error: &IoError) -> ErrorKind {
    match error {
        IoError::System(error) => error.kind(),
        other => panic!("an error of the system was expected, not {other:?}"),
    }
}

/// Tells when it is let go.
struct Owner(Rc<Cell<bool>>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

#[test]
fn volume_IO1_a_driver_begins_with_nothing_and_one_that_cannot_begin_leaves_nothing() {
    for (world, driver) in both() {
        assert_eq!((world.held(), world.next_at()), ((0, 0, 0, 0), None), "nothing before its first operation");
        drop(driver);
        world.limit_descriptors(HERE, Some(1));
        let first = SimDriver::alone(&world, HERE).unwrap();
        let refused = SimDriver::alone(&world, HERE).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(24), "{refused}");
        // Another machine has its own; and the refused one took nothing.
        SimDriver::alone(&world, Machine(1)).unwrap();
        drop(first);
        SimDriver::alone(&world, HERE).unwrap();
        assert_eq!((world.held(), world.next_at()), ((0, 0, 0, 0), None));
    }
}

#[test]
fn volume_IO1_IO15_a_dropped_driver_gives_memory_back_and_nobody_writes_it_any_more() {
    for (world, mut driver) in both() {
        let mut play = Play::new(&mut driver);
        let file = play.open("/file".into(), WRITE);
        play.write(file, 0, &[1; 4096]);
        let (ours, theirs) = world.socket_pair(HERE).unwrap();
        let socket = driver.register(ours).unwrap();
        let gone: Vec<_> = (0..64).map(|_| Rc::new(Cell::new(false))).collect();
        for (index, gone) in gone.iter().enumerate() {
            let buffer = room(4096).kept_by(Box::new(Owner(gone.clone())));
            let operation = match index {
                0 => Operation::Receive { socket, buffer },
                _ => Operation::ReadAt { file, at: 0, buffer },
            };
            driver.start(operation, Tag(index as u64)).unwrap();
        }
        driver.flush().unwrap();
        assert!(gone.iter().all(|gone| !gone.get()), "an operation has its buffer");
        drop(driver);
        assert!(gone.iter().all(|gone| gone.get()), "nobody needs it any more");
        // What was to happen finds nobody; the other end of the socket is told.
        while let Some(at) = world.next_at() {
            world.advance_to(at);
        }
        assert_eq!(world.held(), (0, 0, 0, 0));
        assert_eq!(theirs.read(&mut [0; 8]).unwrap(), 0);
    }
}

#[test]
fn volume_IO2_a_socket_from_outside_is_registered_once() {
    for (world, mut driver) in both() {
        let (ours, theirs) = world.socket_pair(HERE).unwrap();
        let (number, copy) = (ours.number(), ours.try_clone().unwrap());
        assert_ne!(copy.number(), number);
        let socket = driver.register(ours).unwrap();
        assert!(matches!(driver.register_number(copy.number()), Err(IoError::Exists)));
        let (given_back, error) = driver.register(copy).unwrap_err();
        assert!(matches!(error, IoError::Exists));
        assert_eq!(driver.handle_count(), 1);
        let mut play = Play::new(&mut driver);
        play.start(1, Operation::Receive { socket, buffer: room(5) });
        play.step();
        assert_eq!(theirs.write(b"hello").unwrap(), 5);
        assert_eq!(bytes_of(&play.wait(1)), 5);
        play.driver().close(socket).unwrap();
        // It was not the last descriptor of this socket, which may come again and is as good as before.
        let again = driver.register(given_back).unwrap();
        assert_ne!(again, socket);
        let mut play = Play::new(&mut driver);
        assert_eq!(bytes_of(&play.ask(Operation::Send { socket: again, buffer: bytes(b"yes") })), 3);
        play.driver().close(again).unwrap();
        while let Some(at) = world.next_at() {
            world.advance_to(at);
        }
        let mut came = [0; 8];
        assert_eq!((theirs.read(&mut came).unwrap(), &came[..3]), (3, &b"yes"[..]));
        assert_eq!(theirs.read(&mut came).unwrap(), 0, "and the last one closed ends it");
    }
}

#[test]
fn volume_IO2_numbers_that_are_no_descriptors_are_refused_each_with_its_own_error() {
    for (world, mut driver) in both() {
        for number in [-1, i32::MIN, i32::MAX, 1 << 20, 3] {
            assert!(matches!(driver.register_number(number), Err(IoError::BadDescriptor)), "{number}");
        }
        let neither = world.neither_file_nor_stream(HERE).unwrap();
        assert_eq!(kind(&driver.register_number(neither.number()).unwrap_err()), ErrorKind::Unsupported);
        let (neither, error) = driver.register(neither).unwrap_err();
        assert_eq!(kind(&error), ErrorKind::Unsupported);
        let number = neither.number();
        drop(neither);
        assert!(matches!(driver.register_number(number), Err(IoError::BadDescriptor)), "it is closed");
        assert_eq!(driver.handle_count(), 0);
    }
}

#[test]
fn volume_IO2_a_listener_from_outside_accepts() {
    for (world, mut driver) in both() {
        let at = Address::Unix("/s".into());
        let listener = driver.register(world.listener(HERE, &at).unwrap()).unwrap();
        assert_eq!(world.listener(HERE, &at).unwrap_err().kind(), ErrorKind::AddrInUse);
        let mut play = Play::new(&mut driver);
        play.start(1, Operation::Accept { listener });
        play.start(2, Operation::Connect { to: at });
        handle(play.wait(2));
        handle(play.wait(1));
    }
}

#[test]
fn volume_IO1_IO2_a_machine_without_descriptors_is_told_and_leaks_none() {
    for (world, mut driver) in both() {
        let mut play = Play::new(&mut driver);
        let (listener, to) = play.announce();
        let (spare, other) = world.pipe(HERE).unwrap();
        // The driver, the listener, two ends of a pipe: no more.
        world.limit_descriptors(HERE, Some(4));
        let before = world.held();
        let operations = [
            Operation::Open { path: "/new".into(), how: WRITE },
            Operation::Connect { to: to.clone() },
            Operation::Announce { at: Address::Unix("/s".into()) },
        ];
        for operation in operations {
            let fault = play.ask(operation);
            assert!(matches!(error_of(&fault), IoError::TooManyHandles), "{fault:?}");
        }
        assert!(matches!(driver.register_number(spare.number()), Err(IoError::TooManyHandles)));
        for refused in [spare.try_clone().map(drop), world.bell(HERE).map(drop), world.pipe(HERE).map(drop)] {
            assert_eq!(refused.unwrap_err().raw_os_error(), Some(24));
        }
        assert!(SimDriver::alone(&world, HERE).is_err());
        assert_eq!(world.held(), before, "what was tried is undone");
        // Somebody from elsewhere connects; accepting it has to wait for room, and the connection waits.
        let mut far = SimDriver::alone(&world, Machine(1)).unwrap();
        handle(Play::new(&mut far).ask(Operation::Connect { to: to.clone() }));
        let mut play = Play::new(&mut driver);
        let fault = play.ask(Operation::Accept { listener });
        assert!(matches!(error_of(&fault), IoError::TooManyHandles), "{fault:?}");
        drop((spare, other));
        handle(play.ask(Operation::Accept { listener }));
        let missing = play.ask(Operation::Open { path: "/new".into(), how: windlass_driver::OpenHow::default() });
        assert_eq!(kind(error_of(&missing)), ErrorKind::NotFound, "an open that was refused made no file");
        world.limit_descriptors(HERE, None);
        handle(play.ask(Operation::Announce { at: Address::Unix("/s".into()) }));
    }
}

#[test]
fn volume_IO9_a_doorbell_starts_as_many_as_it_was_rung_up_to_a_bound() {
    const BOUND: u64 = 3;
    for (world, mut driver) in both() {
        let bell = world.bell(HERE).unwrap();
        let source = driver.register_number(bell.number()).unwrap();
        let mut play = Play::new(&mut driver);
        let file = play.open("/file".into(), WRITE);
        for _ in 0..5 {
            bell.ring().unwrap();
        }
        let done = play.ask(Operation::Receive { socket: source, buffer: room(8) });
        assert_eq!(bytes_of(&done), 8);
        let rung = u64::from_ne_bytes(done.buffer.unwrap().into_vec().try_into().unwrap());
        assert_eq!(rung, 5);
        for tag in 0..rung.min(BOUND) {
            play.start(tag, Operation::WriteAt { file, at: tag, buffer: bytes(b"x") });
        }
        for tag in 0..BOUND {
            play.wait(tag);
        }
        assert_eq!(play.read(file, 0, 10), b"xxx");
        // Nobody rings: the next one waits, and is told when somebody does.
        play.start(9, Operation::Receive { socket: source, buffer: room(8) });
        play.step();
        assert!(!play.has(9));
        bell.ring().unwrap();
        let done = play.wait(9);
        assert_eq!(done.buffer.unwrap().into_vec(), 1_u64.to_ne_bytes());
        // A task rings as well; what is no count is refused, as is room for none.
        let send = |bytes: &[u8]| Operation::Send { socket: source, buffer: IoBuffer::from_vec(bytes.to_vec()) };
        assert_eq!(bytes_of(&play.ask(send(&2_u64.to_ne_bytes()))), 8);
        assert_eq!(kind(error_of(&play.ask(send(b"1")))), ErrorKind::InvalidInput);
        let small = play.ask(Operation::Receive { socket: source, buffer: room(7) });
        assert_eq!(kind(error_of(&small)), ErrorKind::InvalidInput);
        let done = play.ask(Operation::Receive { socket: source, buffer: room(8) });
        assert_eq!(done.buffer.unwrap().into_vec(), 2_u64.to_ne_bytes());
    }
}

#[test]
fn volume_IO10_a_pair_of_pipes_is_a_transport_with_separate_halves() {
    for (world, mut driver) in both() {
        let (from_us, to_them) = world.pipe(HERE).unwrap();
        let (from_them, to_us) = world.pipe(HERE).unwrap();
        let sending = driver.register(to_them).unwrap();
        let receiving = driver.register(from_them).unwrap();
        let mut play = Play::new(&mut driver);
        play.start(1, Operation::Receive { socket: receiving, buffer: room(10) });
        play.step();
        assert_eq!(bytes_of(&play.ask(Operation::Send { socket: sending, buffer: bytes(b"ask") })), 3);
        let mut asked = [0; 3];
        read_all(&world, &from_us, &mut asked);
        assert_eq!(&asked, b"ask");
        assert_eq!(to_us.write(b"answer").unwrap(), 6);
        assert_eq!(bytes_of(&play.wait(1)), 6);
        // Each half is one: the other way round there is none, and no half can be half closed.
        let wrong = play.ask(Operation::Send { socket: receiving, buffer: bytes(b"x") });
        assert_eq!(error_number(error_of(&wrong)), 9);
        let wrong = play.ask(Operation::Receive { socket: sending, buffer: room(1) });
        assert_eq!(error_number(error_of(&wrong)), 9);
        for operation in [Operation::Shutdown { socket: sending }, Operation::LocalAddress { socket: sending }] {
            let wrong = play.ask(operation);
            assert_eq!(error_number(error_of(&wrong)), 88);
        }
        drop(to_us);
        assert_eq!(bytes_of(&play.ask(Operation::Receive { socket: receiving, buffer: room(10) })), 0);
        drop(from_us);
        let broken = play.ask(Operation::Send { socket: sending, buffer: bytes(b"x") });
        assert_eq!(kind(error_of(&broken)), ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_full_pipe_makes_its_writer_wait_and_a_reader_that_goes_is_told_as_a_broken_pipe() {
    let mut weather = Weather::calm();
    weather.net.buffer_bytes = 100;
    let world = SimWorld::new(32, weather);
    let mut driver = SimDriver::alone(&world, HERE).unwrap();
    let (reads, writes) = world.pipe(HERE).unwrap();
    let sending = driver.register(writes).unwrap();
    let mut play = Play::new(&mut driver);
    assert_eq!(bytes_of(&play.ask(Operation::Send { socket: sending, buffer: bytes(&[1; 300]) })), 100);
    play.start(1, Operation::Send { socket: sending, buffer: bytes(&[2; 300]) });
    play.step();
    assert!(!play.has(1));
    let mut came = [0; 60];
    read_all(&world, &reads, &mut came);
    assert_eq!(bytes_of(&play.wait(1)), 60);
    play.start(2, Operation::Send { socket: sending, buffer: bytes(&[3; 10]) });
    play.step();
    drop(reads);
    assert_eq!(kind(error_of(&play.wait(2))), ErrorKind::BrokenPipe);
    assert!(matches!(play.driver().close(sending), Ok(())));
    assert_eq!(world.held(), (0, 0, 0, 0));
}

#[test]
fn a_socket_without_a_name_says_so_and_what_is_no_doorbell_does_not_ring() {
    let (world, mut driver) = both().into_iter().next().unwrap();
    let (one, other) = world.socket_pair(HERE).unwrap();
    assert_eq!(one.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let address = driver.register(one).map(|socket| Operation::LocalAddress { socket }).unwrap();
    let found = Play::new(&mut driver).ask(address).result.unwrap();
    assert_eq!(found, Value::Address(Address::Unix("".into())), "it has no name");
    assert_eq!(other.ring().unwrap_err().raw_os_error(), Some(9));
}

#[track_caller]
fn error_number(error: &IoError) -> i32 {
    match error {
        IoError::System(error) => error.raw_os_error().unwrap(),
        other => panic!("an error of the system was expected, not {other:?}"),
    }
}

/// Reads so many bytes, letting time pass until they are there.
#[track_caller]
fn read_all(world: &SimWorld, fd: &SimFd, into: &mut [u8]) {
    let mut done = 0;
    while done < into.len() {
        match fd.read(&mut into[done..]) {
            Ok(count) => done += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                world.advance_to(world.next_at().expect("something is on its way"));
            }
            Err(error) => panic!("{error}"),
        }
    }
}
