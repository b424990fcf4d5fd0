//! A device file: what survives, and what is refused by name.
#![allow(clippy::disallowed_methods, reason = "tests look at device files and damage them")]
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

#[path = "../../../crates/runtime/tests/stage/mod.rs"]
mod stage;

use stage::Stage;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use windlass_bdev::{Bdev, bdev};
use windlass_client::Client;
use windlass_contract::{Code, Fault};

const PAGE: u64 = 4096;

fn open(client: &Client, name: &str, path: &Path, capacity: &str) -> Result<bdev::Blocking, Fault> {
    bdev::Blocking::create(client, name, "file", &path.display().to_string(), capacity, "", true)
}

struct Yard {
    stage: Stage,
    directory: tempfile::TempDir,
}

impl Yard {
    fn new() -> Self {
        Self { stage: Stage::of(&[Bdev::TABLE]), directory: tempfile::tempdir().unwrap() }
    }
    fn path(&self) -> PathBuf {
        self.directory.path().join("device")
    }
    fn open(&self, capacity: &str) -> Result<bdev::Blocking, Fault> {
        open(&self.stage.client(), "device", &self.path(), capacity)
    }
    fn close(&self) {
        self.stage.admin().destroy_pool("device").unwrap();
    }
    /// A device with three allocations, closed.
    fn made(&self) -> Vec<u64> {
        let device = self.open("4MiB").unwrap();
        let ids = (0..3).map(|_| device.allocate(5000).unwrap().id).collect();
        self.close();
        ids
    }
    fn change(&self, at: u64, bytes: &[u8]) {
        let file = std::fs::OpenOptions::new().write(true).open(self.path()).unwrap();
        file.write_all_at(bytes, at).unwrap();
    }
    fn read(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        std::fs::File::open(self.path()).unwrap().read_exact_at(&mut bytes, at).unwrap();
        bytes
    }
    fn refused(&self) -> Fault {
        let before = std::fs::read(self.path()).unwrap();
        let fault = self.open("").map(drop).unwrap_err();
        assert!(fault.message.contains("device"), "it names the file: {fault:?}");
        assert!(std::fs::read(self.path()).unwrap() == before, "it is left as it is");
        fault
    }
}

#[test]
fn tasks_K67_a_short_file_is_refused() {
    let yard = Yard::new();
    yard.made();
    let file = std::fs::OpenOptions::new().write(true).open(yard.path()).unwrap();
    let whole = file.metadata().unwrap().len();
    for len in [whole - 1, 2 * PAGE + 10, PAGE + 5, 100] {
        file.set_len(len).unwrap();
        assert_eq!(yard.refused().code, 1003, "{len} of {whole} bytes");
    }
    // Of a file that is empty nothing can be lost: it is made anew.
    file.set_len(0).unwrap();
    assert!(yard.open("").unwrap_err().is(Code::NotFound));
    assert_eq!(yard.open("1MiB").unwrap().stats().unwrap().allocations, 0);
}

#[test]
fn tasks_K67_a_damaged_file_is_refused_wherever_the_damage_is() {
    let yard = Yard::new();
    let ids = yard.made();
    // Both superblocks, the snapshot, and a page of the journal that another one follows.
    for at in [20, PAGE + 40, 2 * PAGE + 40, 3 * PAGE + 40] {
        let was = yard.read(at, 1);
        yard.change(at, &[was[0] ^ 0x40]);
        let fault = yard.refused();
        assert_eq!(fault.code, 1004, "byte {at}: {fault:?}");
        yard.change(at, &was);
    }
    // The last page of the journal may be half written: nobody was told of it.
    yard.change(5 * PAGE + 40, &[0xEE; 8]);
    let device = yard.open("").unwrap();
    assert_eq!(device.list(0).unwrap(), ids[..2]);
    let next = device.allocate(1).unwrap();
    yard.close();
    assert_eq!(yard.open("").unwrap().list(0).unwrap(), [ids[0], ids[1], next.id]);
}

#[test]
fn tasks_K67_a_newer_a_foreign_and_another_shape_are_told_apart() {
    let yard = Yard::new();
    yard.made();
    let was = yard.read(8, 4);
    yard.change(8, &[2]);
    let newer = yard.refused();
    assert!(newer.code == 1005 && newer.message.contains("format 2"), "{newer:?}");
    yard.change(8, &was);
    let other = yard.open("8MiB").unwrap_err();
    assert!(other.code == 1007 && other.message.contains("4194304"), "{other:?}");
    let path = yard.path().display().to_string();
    let blocks =
        bdev::Blocking::create(&yard.stage.client(), "device", "file", &path, "", "8KiB", true).unwrap_err();
    assert!(blocks.code == 1007 && blocks.message.contains("4096"), "{blocks:?}");
    std::fs::write(yard.path(), "dear diary".repeat(1000)).unwrap();
    assert_eq!(yard.refused().code, 1006);
}

#[test]
fn tasks_K67_a_file_in_use_is_refused_and_a_half_made_one_is_made_anew() {
    let yard = Yard::new();
    // What a node that died while it made the device leaves behind.
    std::fs::write(yard.directory.path().join("device.new"), vec![7; 10_000]).unwrap();
    let device = yard.open("1MiB").unwrap();
    device.allocate(1).unwrap();
    let second = open(&yard.stage.client(), "second", &yard.path(), "").unwrap_err();
    assert!(second.is(Code::InUse) && second.message.contains("device"), "{second:?}");
    let other = Stage::of(&[Bdev::TABLE]);
    assert!(open(&other.client(), "device", &yard.path(), "").unwrap_err().is(Code::InUse));
    yard.close();
    assert_eq!(open(&other.client(), "device", &yard.path(), "").unwrap().stats().unwrap().allocations, 1);
    let left: Vec<_> =
        std::fs::read_dir(yard.directory.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(left, ["device"]);
}

#[test]
fn tasks_K67_a_table_that_is_full_turns_over_and_forgets_nothing() {
    let yard = Yard::new();
    let device = yard.open("64MiB").unwrap();
    let mut kept = Vec::new();
    // 256 pages an area, one or more for each change: it turns over several times.
    for round in 0..500_u64 {
        let made = device.allocate(round + 1).unwrap();
        if round % 3 == 0 { kept.push(made.id) } else { device.free(made.id).unwrap() }
    }
    yard.close();
    let device = yard.open("").unwrap();
    assert_eq!(device.list(0).unwrap(), kept[..]);
    let id = device.allocate(1).unwrap().id;
    assert!(id > kept[kept.len() - 1] && !kept.contains(&id));
}

#[test]
fn tasks_K67_changes_that_come_together_are_all_durable() {
    let yard = Yard::new();
    drop(yard.open("16MiB").unwrap());
    let address = yard.stage.address();
    let mut made = stage::block_on(async {
        let device = bdev::Client::connect(&address, "device").await.unwrap();
        let mut futures: Vec<_> = (0..60).map(|at| Box::pin(device.allocate(at + 1))).collect();
        let mut made = Vec::new();
        for future in &mut futures {
            made.push(future.await.unwrap().id);
        }
        made
    });
    made.sort_unstable();
    yard.close();
    assert_eq!(yard.open("").unwrap().list(0).unwrap(), made);
}

/// The node that is killed: this same test, run by the one below in a process of its own.
#[test]
fn a_node_to_be_killed() {
    let Ok(_run_by_hand_it_does_nothing) = std::env::var("WINDLASS_TEST_DEVICE") else { return };
    let stage = Stage::of(&[Bdev::TABLE]);
    println!("\naddress {}", stage.address());
    loop {
        std::thread::park();
    }
}

#[test]
fn tasks_K67_what_was_acknowledged_survives_a_node_that_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("device");
    let mut known: Vec<(u64, u8)> = Vec::new();
    for round in 0..4_u8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_node_to_be_killed", "--nocapture"])
            .env("WINDLASS_TEST_DEVICE", "1")
            .env("TMPDIR", directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("address ")?.to_owned()));
        let client = Client::connect(&address.unwrap()).unwrap();
        let device = open(&client, "device", &path, "16MiB").unwrap();
        assert_eq!(device.list(0).unwrap(), known.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        for (id, byte) in &known {
            assert!(device.read(*id, 0, 9000).unwrap().iter().all(|other| other == byte));
        }
        for at in 0..10 {
            let made = device.allocate(9000).unwrap();
            let byte = round * 16 + at + 1;
            device.write(made.id, 0, &[byte; 9000]).unwrap();
            known.push((made.id, byte));
        }
        device.flush().unwrap();
        let gone = known.remove(usize::from(round) * 3);
        device.free(gone.0).unwrap();
        // Calls that are under way when it dies may or may not have happened.
        let half = device.pool().call(bdev::methods::write()).argument(&known[0].0).argument(&0u64);
        let pending = half.input(&[known[0].1; 9000][..]).send();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(pending.wait().map(drop).is_err_and(|fault| fault.is(Code::NodeGone)) || round < 4);
    }
    let stage = Stage::of(&[Bdev::TABLE]);
    let device = open(&stage.client(), "device", &path, "").unwrap();
    assert_eq!(device.list(0).unwrap(), known.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    let stats = device.stats().unwrap();
    assert_eq!(stats.capacity - stats.free, known.len() as u64 * 12_288);
}
