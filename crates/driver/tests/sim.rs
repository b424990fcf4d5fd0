//! The simulated driver: what a worker can count on in its world.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

mod conformance;

use conformance::Site;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use windlass_driver::sim::{DiskFault, DiskWork, Machine, Rate, SimDriver, SimWorld, Weather};
use windlass_driver::{
    Address, Completion, Driver, Handle, IoBuffer, IoError, OpId, OpenHow, Operation, Tag, Token, Value, Watch,
};

const WRITE: OpenHow = OpenHow {
    write: true,
    create: true,
    fresh: false,
    truncate: false,
    direct: false,
    durable: false,
    exclusive: false,
};

/// A simulated driver that is alone in its world.
struct Sim(SimWorld, SimDriver);

impl Sim {
    fn with(seed: u64, weather: Weather) -> Self {
        let world = SimWorld::new(seed, weather);
        world.make_full_file(Machine(0), Path::new("/full"));
        let driver = SimDriver::alone(&world, Machine(0)).unwrap();
        Self(world, driver)
    }

    /// Nothing fails, but everything comes late, in any order, or for no reason.
    fn late() -> Self {
        let mut weather = Weather::calm();
        (weather.held_back, weather.spurious, weather.pause) = (Rate(300_000), Rate(200_000), Rate(2_000));
        weather.pause_ns = 100_000;
        (weather.disk.slow, weather.net.slow) = (Rate(50_000), Rate(50_000));
        Self::with(77, weather)
    }
}

impl Site for Sim {
    fn driver(&mut self) -> &mut dyn Driver {
        &mut self.1
    }
    fn path(&self, name: &str) -> PathBuf {
        Path::new("/site").join(name)
    }
    fn full(&self) -> Option<PathBuf> {
        Some("/full".into())
    }
    fn leave_stale_socket(&mut self, path: &Path) {
        self.0.leave_socket_file(path);
    }
}

mod calm {
    use super::{Sim, Weather};
    crate::conformance_suite!(Sim::with(1, Weather::calm()));
}

mod late {
    use super::Sim;
    crate::conformance_suite!(Sim::late());
}

fn world(seed: u64) -> (SimWorld, SimDriver) {
    let world = SimWorld::new(seed, Weather::calm());
    let driver = SimDriver::alone(&world, Machine(0)).unwrap();
    (world, driver)
}

fn begin(driver: &mut SimDriver, tag: u64, operation: Operation) -> OpId {
    driver.start(operation, Tag(tag)).unwrap()
}

fn next(driver: &mut SimDriver) -> Completion {
    let mut done = Vec::new();
    loop {
        driver.reap(&mut done).unwrap();
        if let Some(first) = done.pop() {
            assert!(done.is_empty(), "one at a time here");
            return first;
        }
        driver.park(None, &mut Vec::new()).unwrap();
    }
}

fn ask(driver: &mut SimDriver, operation: Operation) -> Completion {
    begin(driver, 0, operation);
    next(driver)
}

fn handle(completion: Completion) -> Handle {
    let Ok(Value::Handle(handle)) = completion.result else { panic!("{completion:?}") };
    handle
}

fn open(driver: &mut SimDriver, path: &str, how: OpenHow) -> Handle {
    handle(ask(driver, Operation::Open { path: path.into(), how }))
}

fn write(driver: &mut SimDriver, file: Handle, at: u64, bytes: &[u8]) -> Result<Value, IoError> {
    ask(driver, Operation::WriteAt { file, at, buffer: IoBuffer::from_vec(bytes.to_vec()) }).result
}

fn read(driver: &mut SimDriver, file: Handle, at: u64, len: usize) -> Vec<u8> {
    let done = ask(driver, Operation::ReadAt { file, at, buffer: IoBuffer::zeroed(len).unwrap() });
    let Ok(Value::Bytes(read)) = done.result else { panic!("{done:?}") };
    let mut bytes = done.buffer.unwrap().into_vec();
    bytes.truncate(read);
    bytes
}

/// Two drivers of one world, connected: the listener's side first.
fn pair(world: &SimWorld) -> (SimDriver, Handle, SimDriver, Handle) {
    let mut server = SimDriver::alone(world, Machine(0)).unwrap();
    let mut client = SimDriver::alone(world, Machine(1)).unwrap();
    let at = Address::Tcp("127.0.0.1:0".parse().unwrap());
    let listener = handle(ask(&mut server, Operation::Announce { at }));
    let found = ask(&mut server, Operation::LocalAddress { socket: listener }).result;
    let Ok(Value::Address(to)) = found else { panic!("{found:?}") };
    begin(&mut server, 1, Operation::Accept { listener });
    server.flush().unwrap();
    let client_socket = handle(ask(&mut client, Operation::Connect { to }));
    let server_socket = handle(next(&mut server));
    (server, server_socket, client, client_socket)
}

fn send(driver: &mut SimDriver, socket: Handle, bytes: &[u8]) -> Result<Value, IoError> {
    ask(driver, Operation::Send { socket, buffer: IoBuffer::from_vec(bytes.to_vec()) }).result
}

fn receive(driver: &mut SimDriver, socket: Handle, len: usize) -> Result<Vec<u8>, IoError> {
    let done = ask(driver, Operation::Receive { socket, buffer: IoBuffer::zeroed(len).unwrap() });
    let Value::Bytes(came) = done.result? else { panic!("bytes") };
    let mut bytes = done.buffer.unwrap().into_vec();
    bytes.truncate(came);
    Ok(bytes)
}

#[test]
fn a_file_written_and_synced_outlives_a_power_cut_and_its_driver_does_not() {
    let (world, mut driver) = world(1);
    let file = open(&mut driver, "/data", WRITE);
    assert_eq!(write(&mut driver, file, 0, b"durable").unwrap(), Value::Bytes(7));
    ask(&mut driver, Operation::Sync { file, data_only: true }).result.unwrap();
    world.power_cut(Machine(0));
    assert!(driver.start(Operation::Length { file }, Tag(9)).is_err());
    let mut driver = SimDriver::alone(&world, Machine(0)).unwrap();
    let file = open(&mut driver, "/data", OpenHow::default());
    assert_eq!(read(&mut driver, file, 0, 100), b"durable");
    assert_eq!(read(&mut driver, file, 3, 2), b"ab");
}

#[test]
fn each_wrong_open_has_its_own_error() {
    let (_, mut driver) = world(2);
    let missing = ask(&mut driver, Operation::Open { path: "/no".into(), how: OpenHow::default() });
    assert!(matches!(missing.result, Err(IoError::System(error)) if error.kind() == ErrorKind::NotFound));
    let exclusive = OpenHow { exclusive: true, ..WRITE };
    let held = open(&mut driver, "/one", exclusive);
    let second = ask(&mut driver, Operation::Open { path: "/one".into(), how: exclusive });
    assert!(matches!(second.result, Err(IoError::InUse)));
    driver.close(held).unwrap();
    open(&mut driver, "/one", exclusive);
    let fresh = ask(&mut driver, Operation::Open { path: "/one".into(), how: OpenHow { fresh: true, ..WRITE } });
    assert!(matches!(fresh.result, Err(IoError::System(error)) if error.kind() == ErrorKind::AlreadyExists));
    let direct = open(&mut driver, "/direct", OpenHow { direct: true, ..WRITE });
    assert!(matches!(write(&mut driver, direct, 0, b"not aligned"), Err(IoError::BadRange(_))));
    let aligned = Operation::WriteAt { file: direct, at: 4096, buffer: IoBuffer::aligned(4096).unwrap() };
    assert_eq!(ask(&mut driver, aligned).result.unwrap(), Value::Bytes(4096));
}

#[test]
fn planned_faults_are_told_to_the_one_who_waits() {
    let (world, mut driver) = world(3);
    let file = open(&mut driver, "/f", WRITE);
    world.plan(Machine(0), DiskWork::Write, 1, DiskFault::Full);
    world.plan(Machine(0), DiskWork::Read, 0, DiskFault::Error);
    write(&mut driver, file, 0, &[7; 600]).unwrap();
    let full = write(&mut driver, file, 600, &[8; 600]);
    assert!(matches!(full, Err(IoError::System(error)) if error.kind() == ErrorKind::StorageFull));
    let failed = ask(&mut driver, Operation::ReadAt { file, at: 0, buffer: IoBuffer::zeroed(4).unwrap() });
    assert!(matches!(&failed.result, Err(IoError::System(error)) if error.raw_os_error() == Some(5)));
    assert!(failed.buffer.is_some());
    world.plan(Machine(0), DiskWork::Write, 0, DiskFault::Lost);
    assert_eq!(write(&mut driver, file, 0, &[9; 600]).unwrap(), Value::Bytes(600));
    assert_eq!(read(&mut driver, file, 0, 1), [7], "a lost write is acknowledged and never made");
    world.plan(Machine(0), DiskWork::Read, 0, DiskFault::Rot);
    let rotten = read(&mut driver, file, 0, 600);
    let flipped: u32 = rotten.iter().map(|byte| (byte ^ 7).count_ones()).sum();
    assert_eq!(flipped, 1);
    assert_eq!(read(&mut driver, file, 0, 600), rotten, "and stays so");
}

#[test]
fn what_was_not_synced_may_be_lost_and_is_not_always() {
    let kept = (0..40)
        .filter(|seed| {
            let (world, mut driver) = world(*seed);
            let file = open(&mut driver, "/f", WRITE);
            write(&mut driver, file, 0, &[1; 512]).unwrap();
            ask(&mut driver, Operation::Sync { file, data_only: false }).result.unwrap();
            write(&mut driver, file, 0, &[2; 512]).unwrap();
            world.power_cut(Machine(0));
            let mut driver = SimDriver::alone(&world, Machine(0)).unwrap();
            let file = open(&mut driver, "/f", OpenHow::default());
            read(&mut driver, file, 0, 512) == [2; 512]
        })
        .count();
    assert!((5..36).contains(&kept), "{kept} of 40");
}

#[test]
fn volume_IO12_a_closed_handle_ends_what_is_under_way_on_it_and_nothing_else() {
    let (world, _driver) = world(5);
    let (mut server, socket, _client, _) = pair(&world);
    let buffer = || IoBuffer::zeroed(10).unwrap();
    begin(&mut server, 1, Operation::Receive { socket, buffer: buffer() });
    server.flush().unwrap();
    begin(&mut server, 2, Operation::Receive { socket, buffer: buffer() });
    let busy = next(&mut server);
    assert!(matches!((busy.tag, &busy.result), (Tag(2), Err(IoError::Busy(_)))), "{busy:?}");
    server.close(socket).unwrap();
    let closed = next(&mut server);
    assert!(matches!((closed.tag, &closed.result), (Tag(1), Err(IoError::Closed))), "{closed:?}");
    assert!(closed.buffer.is_some());
    let late = ask(&mut server, Operation::Receive { socket, buffer: buffer() });
    assert!(matches!(late.result, Err(IoError::NotRegistered)));
    assert_eq!(server.under_way(), 0);
}

#[test]
fn bytes_arrive_in_order_and_once_whatever_the_weather_and_then_the_end() {
    for seed in 0..20 {
        let mut weather = Weather::drawn(seed);
        (weather.net.cut, weather.net.silent) = (Rate::NEVER, Rate::NEVER);
        let world = SimWorld::new(seed, weather);
        let (mut server, socket, mut client, to) = pair(&world);
        let sent: Vec<u8> = (0..3000_u32).map(|at| at as u8).collect();
        let mut got = Vec::new();
        let mut rest = &sent[..];
        while !rest.is_empty() {
            // The receiver takes each piece, so the way is never full.
            let piece = rest.len().min(64);
            let Ok(Value::Bytes(len)) = send(&mut client, to, &rest[..piece]) else { panic!("a send failed") };
            rest = &rest[len..];
            got.extend(receive(&mut server, socket, 4096).unwrap());
            while got.len() < sent.len() - rest.len() {
                got.extend(receive(&mut server, socket, 4096).unwrap());
            }
        }
        ask(&mut client, Operation::Shutdown { socket: to }).result.unwrap();
        assert_eq!(receive(&mut server, socket, 4096).unwrap(), b"");
        assert_eq!(got, sent, "seed {seed}");
        // The other direction goes on.
        send(&mut server, socket, b"x").unwrap();
        assert_eq!(receive(&mut client, to, 9).unwrap(), b"x");
    }
}

#[test]
fn a_full_way_makes_the_sender_wait_until_the_peer_receives() {
    let mut weather = Weather::calm();
    weather.net.buffer_bytes = 100;
    let world = SimWorld::new(7, weather);
    let (mut server, socket, mut client, to) = pair(&world);
    assert_eq!(send(&mut client, to, &[1; 300]).unwrap(), Value::Bytes(100));
    begin(&mut client, 5, Operation::Send { socket: to, buffer: IoBuffer::from_vec(vec![2; 300]) });
    client.flush().unwrap();
    let error = client.park(None, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "nothing happens while nobody receives");
    assert_eq!(receive(&mut server, socket, 60).unwrap(), [1; 60]);
    assert_eq!(next(&mut client).result.unwrap(), Value::Bytes(60));
}

#[test]
fn a_lost_connection_tells_both_sides_and_a_silent_one_nobody() {
    let (world, _driver) = world(8);
    let (mut server, socket, mut client, to) = pair(&world);
    begin(&mut server, 1, Operation::Receive { socket, buffer: IoBuffer::zeroed(8).unwrap() });
    server.flush().unwrap();
    server.park(Some(world.now() + 10_000_000), &mut Vec::new()).unwrap();
    world.lose_connections();
    let lost = next(&mut server).result.unwrap_err();
    assert!(matches!(lost, IoError::System(error) if error.kind() == ErrorKind::ConnectionReset));
    let lost = send(&mut client, to, b"x").unwrap_err();
    assert!(matches!(lost, IoError::System(error) if error.kind() == ErrorKind::ConnectionReset));

    let (mut server, socket, _client, _) = pair(&world);
    world.power_cut(Machine(1));
    let waits = begin(&mut server, 1, Operation::Receive { socket, buffer: IoBuffer::zeroed(8).unwrap() });
    let error = server.park(None, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    server.cancel(waits);
    assert!(matches!(next(&mut server).result, Err(IoError::Cancelled)));
}

#[test]
fn a_dead_process_ends_its_connections_and_nobody_listens_where_nobody_is() {
    let (world, _driver) = world(9);
    let (mut server, socket, client, _) = pair(&world);
    drop(client);
    assert_eq!(receive(&mut server, socket, 8).unwrap(), b"");
    let to = Address::Unix(PathBuf::from("/nobody"));
    let refused = ask(&mut server, Operation::Connect { to }).result.unwrap_err();
    assert!(matches!(refused, IoError::System(error) if error.kind() == ErrorKind::NotFound));
    let to = Address::Tcp("127.0.0.1:9".parse().unwrap());
    let refused = ask(&mut server, Operation::Connect { to }).result.unwrap_err();
    assert!(matches!(refused, IoError::System(error) if error.kind() == ErrorKind::ConnectionRefused));
}

#[test]
fn names_stand_for_what_the_world_says() {
    let (world, mut driver) = world(10);
    world.name("volumes", &["10.0.0.1:0".parse().unwrap()]);
    let found = ask(&mut driver, Operation::Resolve { name: "volumes:7".into() }).result.unwrap();
    assert_eq!(found, Value::Addresses(vec!["10.0.0.1:7".parse().unwrap()]));
    let nobody = ask(&mut driver, Operation::Resolve { name: "nobody:7".into() }).result;
    assert!(matches!(nobody, Err(IoError::System(error)) if error.kind() == ErrorKind::NotFound));
}

#[test]
fn time_passes_only_by_reading_the_clock_and_by_sleeping() {
    let (world, mut driver) = world(11);
    let before = world.now();
    assert_eq!(world.now(), before);
    let read = driver.now();
    assert!(read > before);
    driver.park(Some(read + 5_000_000), &mut Vec::new()).unwrap();
    assert_eq!(world.now(), read + 5_000_000);
}

#[test]
fn a_stepped_driver_says_until_when_it_sleeps_and_wakes_by_a_doorbell() {
    let world = SimWorld::new(12, Weather::calm());
    let mut driver = SimDriver::stepped(&world, Machine(0)).unwrap();
    let bell = windlass_memory::Doorbell::new().unwrap();
    driver.watch(std::os::fd::AsFd::as_fd(&bell), Token(4), Watch::Edge).unwrap();
    let mut ready = Vec::new();
    driver.park(Some(9_000_000), &mut ready).unwrap();
    assert!(ready.is_empty() && !driver.is_awake().unwrap());
    assert_eq!(driver.sleeps_until(), Some(9_000_000));
    bell.ring().unwrap();
    assert!(driver.is_awake().unwrap());
    driver.park(None, &mut ready).unwrap();
    assert_eq!(ready.iter().map(|news| news.token).collect::<Vec<_>>(), [Token(4)]);
    ready.clear();
    driver.park(Some(9_000_000), &mut ready).unwrap();
    assert!(!driver.is_awake().unwrap());
    world.advance_to(9_000_000);
    assert!(driver.is_awake().unwrap());
}

#[test]
fn a_seed_is_one_history() {
    let history = |seed| {
        let world = SimWorld::new(seed, Weather::drawn(seed));
        let mut driver = SimDriver::alone(&world, Machine(0)).unwrap();
        let file = open(&mut driver, "/h", WRITE);
        for at in 0..50 {
            let buffer = IoBuffer::from_vec(vec![1; 300]);
            begin(&mut driver, at, Operation::WriteAt { file, at: at * 100, buffer });
        }
        let mut done = Vec::new();
        while driver.under_way() > 0 {
            driver.park(None, &mut Vec::new()).unwrap();
            driver.reap(&mut done).unwrap();
        }
        let order: Vec<u64> = done.iter().map(|completion| completion.tag.0).collect();
        (world.trace_hash(), world.now(), order)
    };
    assert_eq!(history(3), history(3));
    assert_ne!(history(3).2, history(4).2);
}

#[path = "sim/outside.rs"]
mod outside;
