//! Descriptors from outside, and what the process runs out of.

use super::Real;
use super::conformance::{Play, Site, WRITE, bytes, bytes_of, error_of, room};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::Command;
use windlass_driver::limits::HANDLES_MAX;
use windlass_driver::real::{Backend, RealDriver};
use windlass_driver::{Address, IoError, Operation, Value};

fn both() -> [Real; 2] {
    [super::best(), Backend::Polling].map(Real::with)
}

#[test]
fn volume_IO2_a_socket_from_outside_is_registered_once() {
    for mut site in both() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        // It may come in either mode.
        ours.set_nonblocking(site.driver.backend() == Backend::IoUring).unwrap();
        let (number, copy) = (ours.as_raw_fd(), ours.try_clone().unwrap());
        let socket = site.driver.register(ours.into()).unwrap();
        assert!(matches!(site.driver.register_number(number), Err(IoError::Exists)));
        let (given_back, error) = site.driver.register(OwnedFd::from(copy)).unwrap_err();
        assert!(matches!(error, IoError::Exists));
        assert_ne!(given_back.as_raw_fd(), number);
        assert_eq!(site.driver.handle_count(), 1);
        let mut play = Play::new(&mut site.driver);
        play.start(1, Operation::Receive { socket, buffer: room(5) });
        play.step();
        theirs.write_all(b"hello").unwrap();
        assert_eq!(bytes_of(&play.wait(1)), 5);
        play.driver().close(socket).unwrap();
        // Now it is unknown, and may come again.
        let again = site.driver.register(given_back).unwrap();
        assert_ne!(again, socket);
    }
}

#[test]
fn volume_IO2_numbers_that_are_no_descriptors_are_refused_each_with_its_own_error() {
    for mut site in both() {
        assert!(matches!(site.driver.register_number(-1), Err(IoError::BadDescriptor)));
        assert!(matches!(site.driver.register_number(i32::MIN), Err(IoError::BadDescriptor)));
        assert!(matches!(site.driver.register_number(i32::MAX), Err(IoError::BadDescriptor)));
        assert!(matches!(site.driver.register_number(1 << 20), Err(IoError::BadDescriptor)));
        let (datagram, _other) = UnixDatagram::pair().unwrap();
        let (_, error) = site.driver.register(datagram.into()).unwrap_err();
        assert!(matches!(error, IoError::System(_)), "{error:?}");
        let directory = std::fs::File::open(site.path("")).unwrap();
        let (_, error) = site.driver.register(directory.into()).unwrap_err();
        assert!(matches!(error, IoError::System(_)), "{error:?}");
        assert_eq!(site.driver.handle_count(), 0);
    }
}

#[test]
fn volume_IO2_a_listener_from_outside_accepts() {
    for mut site in both() {
        let path = site.path("s");
        let listener = site.driver.register(UnixListener::bind(&path).unwrap().into()).unwrap();
        let mut play = Play::new(&mut site.driver);
        play.start(1, Operation::Accept { listener });
        play.start(2, Operation::Connect { to: Address::Unix(path) });
        assert!(matches!(play.wait(2).result, Ok(Value::Handle(_))));
        assert!(matches!(play.wait(1).result, Ok(Value::Handle(_))));
    }
}

#[test]
fn volume_IO9_a_doorbell_starts_as_many_as_it_was_rung_up_to_a_bound() {
    const BOUND: u64 = 3;
    for mut site in both() {
        let bell = windlass_memory::Doorbell::new().unwrap();
        let source = site.driver.register_number(std::os::fd::AsFd::as_fd(&bell).as_raw_fd()).unwrap();
        let path = site.path("file");
        let mut play = Play::new(&mut site.driver);
        let file = play.open(path, WRITE);
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
        // Nobody rings: the next one waits, and is told when somebody does.
        play.start(9, Operation::Receive { socket: source, buffer: room(8) });
        play.step();
        assert!(!play.has(9));
        bell.ring().unwrap();
        play.wait(9);
    }
}

#[test]
fn volume_IO10_a_pair_of_pipes_is_a_transport_with_separate_halves() {
    for mut site in both() {
        let (mut from_us, to_them) = std::io::pipe().unwrap();
        let (from_them, mut to_us) = std::io::pipe().unwrap();
        let sending = site.driver.register(to_them.into()).unwrap();
        let receiving = site.driver.register(from_them.into()).unwrap();
        let mut play = Play::new(&mut site.driver);
        play.start(1, Operation::Receive { socket: receiving, buffer: room(10) });
        play.step();
        assert_eq!(bytes_of(&play.ask(Operation::Send { socket: sending, buffer: bytes(b"ask") })), 3);
        let mut asked = [0; 3];
        from_us.read_exact(&mut asked).unwrap();
        to_us.write_all(b"answer").unwrap();
        let done = play.wait(1);
        assert_eq!(bytes_of(&done), 6);
        drop(to_us);
        assert_eq!(bytes_of(&play.ask(Operation::Receive { socket: receiving, buffer: room(10) })), 0);
    }
}

/// Set in a process that runs one test alone.
const ALONE: &str = "WINDLASS_TEST_ALONE";

/// Runs this test in a process of its own, because it takes what all tests of a process share.
fn alone(name: &str, test: fn()) {
    if std::env::var_os(ALONE).is_some() {
        return test();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let name = format!("outside::{name}");
    let output = child.args(["--exact", &name, "--test-threads", "1"]).env(ALONE, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn volume_IO1_IO2_a_process_without_descriptors_is_told_and_leaks_none() {
    alone("volume_IO1_IO2_a_process_without_descriptors_is_told_and_leaks_none", without_descriptors);
}

fn without_descriptors() {
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    for backend in [super::best(), Backend::Polling] {
        let mut driver = RealDriver::with(backend).unwrap();
        let mut play = Play::new(&mut driver);
        let (listener, to) = play.announce();
        // Threads of the driver before this one may be closing what they had.
        let mut before = open();
        while before != {
            std::thread::sleep(std::time::Duration::from_millis(20));
            open()
        } {
            before = open();
        }
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: both calls get a struct that outlives them.
        unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
        // Every number below the next free one is taken.
        let next = std::fs::File::open("/dev/null").unwrap().as_raw_fd();
        let low = libc::rlimit { rlim_cur: next as u64, ..limit };
        // SAFETY: as above.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const low) };
        let taken: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
        let operations = [
            Operation::Open { path: path.clone(), how: WRITE },
            Operation::Connect { to: to.clone() },
            Operation::Announce { at: Address::Unix(path.clone()) },
        ];
        let faults: Vec<_> = operations.into_iter().map(|operation| play.ask(operation)).collect();
        let refused = RealDriver::with(backend);
        // SAFETY: as above.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
        drop(taken);
        for fault in &faults {
            assert!(matches!(error_of(fault), IoError::TooManyHandles), "{fault:?}");
        }
        assert!(refused.is_err());
        // What was tried while there was nothing is undone, and now everything works.
        play.start(1, Operation::Accept { listener });
        assert!(matches!(play.ask(Operation::Connect { to }).result, Ok(Value::Handle(_))));
        assert!(matches!(play.wait(1).result, Ok(Value::Handle(_))));
        drop(driver);
        assert!(open() <= before);
    }
}

#[test]
fn volume_IO7_a_file_that_may_not_grow_says_so() {
    alone("volume_IO7_a_file_that_may_not_grow_says_so", with_short_files);
}

fn with_short_files() {
    // SAFETY: nothing but the disposition of one signal changes, and a limit of this process.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        let limit = libc::rlimit { rlim_cur: 8192, rlim_max: libc::RLIM_INFINITY };
        libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit);
    }
    for mut site in both() {
        let path = site.path("file");
        let mut play = Play::new(&mut site.driver);
        let file = play.open(path, WRITE);
        let done = play.ask(Operation::WriteAt { file, at: 4096, buffer: room(8192) });
        assert_eq!(bytes_of(&done), 4096, "what fitted is told");
        let done = play.ask(Operation::WriteAt { file, at: 8192, buffer: room(1) });
        let too_large =
            matches!(error_of(&done), IoError::System(error) if error.raw_os_error() == Some(libc::EFBIG));
        assert!(too_large, "{done:?}");
    }
}

#[test]
fn volume_IO2_handles_past_the_limit_are_refused_by_name() {
    alone("volume_IO2_handles_past_the_limit_are_refused_by_name", past_the_limit);
}

fn past_the_limit() {
    // Each is a duplicate of one file, so the process's own limit must allow as many.
    let site = Real::with(Backend::Polling);
    let file = std::fs::File::create(site.path("file")).unwrap();
    let mut driver = site.driver;
    let mut allowed = 0;
    let error = loop {
        match driver.register_number(file.as_raw_fd()) {
            Ok(_) => allowed += 1,
            Err(error) => break error,
        }
    };
    // Either ours or the process's: the error is the same, because the remedy is.
    assert!(matches!(error, IoError::TooManyHandles), "{error:?}");
    assert!(allowed <= HANDLES_MAX);
    assert_eq!(driver.handle_count(), allowed);
}
