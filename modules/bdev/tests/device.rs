//! A device against a node: space and bytes, in memory and in a file, and what each refusal says.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

#[path = "../../../crates/runtime/tests/stage/mod.rs"]
mod stage;

use proptest::prelude::*;
use stage::{Stage, pool};
use std::collections::BTreeMap;
use windlass_bdev::{Allocation, Bdev, bdev};
use windlass_client::Client;
use windlass_contract::{Code, Fault};

/// A node, and a directory for files.
struct Yard {
    stage: Stage,
    directory: tempfile::TempDir,
}

impl Yard {
    fn new() -> Self {
        Self { stage: Stage::of(&[Bdev::TABLE]), directory: tempfile::tempdir().unwrap() }
    }
    fn path(&self) -> String {
        self.directory.path().join("device").display().to_string()
    }
    fn file(&self, name: &str, capacity: &str) -> Result<bdev::Blocking, Fault> {
        device(&self.stage.client(), name, "file", &self.path(), capacity)
    }
    fn ram(&self, name: &str, capacity: &str) -> bdev::Blocking {
        device(&self.stage.client(), name, "ram", "", capacity).unwrap()
    }
}

fn device(client: &Client, name: &str, kind: &str, path: &str, capacity: &str) -> Result<bdev::Blocking, Fault> {
    bdev::Blocking::create(client, name, kind, path, capacity, "", true)
}

fn on_both_kinds(claim: impl Fn(&Yard, &bdev::Blocking)) {
    let yard = Yard::new();
    claim(&yard, &yard.ram("ram", "32MiB"));
    claim(&yard, &yard.file("file", "32MiB").unwrap());
}

fn data(seed: u64, bytes: usize) -> Vec<u8> {
    let mut chance = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| chance.u8(..)).take(bytes).collect()
}

#[test]
fn tasks_K67_what_is_written_is_read_by_every_road() {
    on_both_kinds(|_, device| {
        let client = device.pool().client().clone();
        let big = device.allocate(3_000_000).unwrap();
        assert_eq!((big.bytes, big.ranges.len(), big.ranges[0].bytes), (3_000_000, 1, 3_002_368));
        let bytes = data(1, 3_000_000);
        device.write(big.id, 0, &bytes).unwrap();
        let back = device.read(big.id, 0, bytes.len()).unwrap();
        assert!(back[..] == bytes[..]);
        let frozen = client.freeze(&bytes[..100_000]).unwrap();
        device.write(big.id, 5, &frozen).unwrap();
        let mut loan = client.lend(8192).unwrap();
        loan.fill(9);
        let (loan, used) = device.write_live(big.id, 4096, loan).unwrap();
        assert!(used == 8192 && loan.iter().all(|byte| *byte == 9), "the loan comes back as it was");
        let mut wanted = bytes.clone();
        wanted[5..100_005].copy_from_slice(&bytes[..100_000]);
        wanted[4096..12_288].fill(9);
        for (at, len) in [(0, 200_000), (1, 4096), (4096, 8192), (2_999_999, 1), (12_287, 70_000), (7, 0)] {
            let back = device.read(big.id, at, len).unwrap();
            assert!(back[..] == wanted[at as usize..at as usize + len], "{len} bytes at {at}");
            if len > 0 {
                let (loan, used) = device.read_live(big.id, at, client.lend(len).unwrap()).unwrap();
                assert!(used == len && loan[..] == wanted[at as usize..at as usize + len]);
            }
        }
        device.flush().unwrap();
        device.free(big.id).unwrap();
    });
}

#[test]
fn tasks_K67_memory_reads_as_zero_until_it_is_written_whoever_had_it_before() {
    let yard = Yard::new();
    let device = yard.ram("ram", "8MiB");
    let first = device.allocate(6 << 20).unwrap();
    device.write(first.id, 0, &data(2, 6 << 20)).unwrap();
    device.free(first.id).unwrap();
    let next = device.allocate(8 << 20).unwrap();
    device.write(next.id, 5_000_000, b"here").unwrap();
    let back = device.read(next.id, 0, 8 << 20).unwrap();
    assert_eq!(&back[5_000_000..5_000_004], b"here");
    assert!(back[..5_000_000].iter().chain(&back[5_000_004..]).all(|byte| *byte == 0));
}

#[test]
fn tasks_K68_a_full_device_says_so_and_takes_what_still_fits() {
    on_both_kinds(|_, device| {
        let capacity = device.stats().unwrap().capacity;
        assert_eq!(capacity, 32 << 20);
        let most = device.allocate(capacity - 8192).unwrap();
        let full = device.allocate(8193).unwrap_err();
        assert!(full.is(Code::NoSpace) && full.message.contains("8192"), "{full:?}");
        let rest = device.allocate(8192).unwrap();
        assert_eq!(device.stats().unwrap().free, 0);
        assert!(device.allocate(1).unwrap_err().is(Code::NoSpace));
        assert!(device.allocate(u64::MAX).unwrap_err().is(Code::NoSpace));
        assert!(device.allocate(0).unwrap_err().is(Code::BadArguments));
        device.free(most.id).unwrap();
        device.free(rest.id).unwrap();
        let stats = device.stats().unwrap();
        assert_eq!((stats.free, stats.longest, stats.allocations, stats.lost), (capacity, capacity, 0, 0));
    });
}

#[test]
fn tasks_K68_what_is_not_allocated_is_neither_freed_read_nor_written() {
    on_both_kinds(|_, device| {
        let one = device.allocate(4096).unwrap();
        device.write(one.id, 0, b"mine").unwrap();
        device.free(one.id).unwrap();
        let other = device.allocate(4096).unwrap();
        assert_ne!(one.id, other.id);
        assert_eq!(one.ranges, other.ranges, "the same place");
        for id in [one.id, 0, u64::MAX, other.id + 1] {
            assert_eq!(device.free(id).unwrap_err().code, 1001);
            assert_eq!(device.read(id, 0, 1).map(drop).unwrap_err().code, 1001);
            assert_eq!(device.write(id, 0, b"x").unwrap_err().code, 1001);
            assert_eq!(device.find(id).unwrap_err().code, 1001);
        }
        assert_eq!(device.write(other.id, 4095, b"xy").unwrap_err().code, 1002);
        assert_eq!(device.read(other.id, u64::MAX, 2).map(drop).unwrap_err().code, 1002);
        assert_eq!(device.find(other.id).unwrap(), other);
        device.free(other.id).unwrap();
    });
}

#[test]
fn tasks_K68_stats_tell_space_and_work() {
    on_both_kinds(|_, device| {
        let made: Vec<Allocation> = (0..8).map(|_| device.allocate(10_000).unwrap()).collect();
        for one in &made {
            device.write(one.id, 0, &[7; 10_000]).unwrap();
        }
        made.iter().step_by(2).for_each(|one| device.free(one.id).unwrap());
        drop(device.read(made[1].id, 0, 5000).unwrap());
        device.flush().unwrap();
        let stats = device.stats().unwrap();
        assert_eq!((stats.block, stats.allocations, stats.free), (4096, 4, stats.capacity - 4 * 12_288));
        assert_eq!((stats.allocated.count, stats.freed.count, stats.freed.bytes), (8, 4, 40_000));
        assert_eq!(
            (stats.writes.count, stats.writes.bytes, stats.reads.bytes, stats.flushes.count),
            (8, 80_000, 5000, 1)
        );
        assert!(stats.writes.longest_us <= stats.writes.busy_us);
        let runs: u64 = stats.classes.iter().map(|class| class.runs).sum();
        assert_eq!(runs, 5, "four holes of three blocks and the rest: {:?}", stats.classes);
        assert!(stats.classes.iter().any(|class| (class.blocks, class.runs) == (2, 4)), "{:?}", stats.classes);
        assert_eq!(device.list(0).unwrap(), made.iter().skip(1).step_by(2).map(|one| one.id).collect::<Vec<_>>());
        made.iter().skip(1).step_by(2).for_each(|one| device.free(one.id).unwrap());
    });
}

#[test]
fn tasks_K67_create_parameters_are_read_with_suffixes_and_refused_in_words() {
    let stage = Stage::with(|config| {
        config.modules.push(Bdev::TABLE);
        config.pools.push(pool("disk", "bdev", &[("capacity", "1MiB"), ("block", "512")]));
        config.pools.push(pool("plain", "bdev", &[]));
    });
    let disk = bdev::Blocking::on(stage.client().pool("disk").unwrap());
    let stats = disk.stats().unwrap();
    assert_eq!((stats.capacity, stats.block, stats.kind.as_str(), stats.memory), (1 << 20, 512, "ram", 0));
    let client = stage.client();
    for (kind, path, capacity, block, word) in [
        ("tape", "", "", "", "tape"),
        ("ram", "/x", "", "", "/x"),
        ("file", "", "", "", "file"),
        ("ram", "", "many", "", "many"),
        ("ram", "", "", "1000", "1000"),
        ("ram", "", "9999TiB", "", "capacity"),
        ("file", "/nowhere/x", "", "", "/nowhere/x"),
        ("file", "/nowhere/x", "1MiB", "", "/nowhere/x"),
    ] {
        let fault = bdev::Blocking::create(&client, "odd", kind, path, capacity, block, true).unwrap_err();
        assert!(fault.message.contains(word), "{word}: {fault:?}");
    }
}

/// Does random work on a device and on a model, and compares all of it.
fn work(device: &bdev::Blocking, model: &mut BTreeMap<u64, Vec<u8>>, steps: &[(u8, u32, u64)]) {
    for (what, size, seed) in steps {
        let ids: Vec<u64> = model.keys().copied().collect();
        let some = ids.get(*seed as usize % ids.len().max(1)).copied();
        match (what % 4, some) {
            (0, _) | (_, None) => {
                let bytes = u64::from(*size % 300_000) + 1;
                if let Ok(made) = device.allocate(bytes) {
                    let content = data(*seed, bytes as usize);
                    device.write(made.id, 0, &content).unwrap();
                    assert!(model.insert(made.id, content).is_none(), "an id is given once");
                }
            }
            (1, Some(id)) => {
                device.free(id).unwrap();
                model.remove(&id);
            }
            (_, Some(id)) => {
                let content = model.get_mut(&id).unwrap();
                let at = *seed as usize % content.len();
                let piece = data(seed + 1, (*size as usize % (content.len() - at)).max(1));
                device.write(id, at as u64, &piece).unwrap();
                content[at..at + piece.len()].copy_from_slice(&piece);
            }
        }
    }
}

fn compare(device: &bdev::Blocking, model: &BTreeMap<u64, Vec<u8>>) {
    let mut listed = device.list(0).unwrap();
    while let Some(last) = listed.last().copied() {
        let more = device.list(last).unwrap();
        if more.is_empty() {
            break;
        }
        listed.extend(more);
    }
    assert_eq!(listed, model.keys().copied().collect::<Vec<_>>());
    for (id, content) in model {
        assert!(device.read(*id, 0, content.len()).unwrap()[..] == content[..], "allocation {id:#x}");
    }
    let stats = device.stats().unwrap();
    let taken: u64 = model.values().map(|content| (content.len() as u64).next_multiple_of(4096)).sum();
    assert_eq!((stats.capacity - stats.free, stats.lost), (taken, 0), "free space never drifts");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn tasks_K67_a_device_is_what_a_model_says_and_a_file_survives_restarts(
        rounds in prop::collection::vec(prop::collection::vec((any::<u8>(), any::<u32>(), any::<u64>()), 1..25), 1..4),
    ) {
        let yard = Yard::new();
        let (mut of_ram, mut of_file) = (BTreeMap::new(), BTreeMap::new());
        let ram = yard.ram("ram", "2MiB");
        for steps in &rounds {
            work(&ram, &mut of_ram, steps);
            compare(&ram, &of_ram);
            let file = yard.file("file", "2MiB").unwrap();
            compare(&file, &of_file);
            work(&file, &mut of_file, steps);
            compare(&file, &of_file);
            yard.stage.admin().destroy_pool("file").unwrap();
        }
        let file = yard.file("file", "").unwrap();
        compare(&file, &of_file);
        of_file.keys().for_each(|id| file.free(*id).unwrap());
        prop_assert_eq!(file.stats().unwrap().longest, 2 << 20, "all of it is one run again");
    }
}
