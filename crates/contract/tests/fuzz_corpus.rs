//! The fuzz targets without a fuzzer: each body over its seeds and over 20 000 seeded mutations of them.
//!
//! A failure prints the seed's name, the number of the mutation and the bytes; the same run finds it again. `fuzz/` runs the
//! same bodies under libFuzzer.
#![allow(clippy::disallowed_methods, reason = "tests start threads and read files of their own")]

mod seeds;

use seeds::Seed;
use std::panic::catch_unwind;
use windlass_contract::fuzzing::{Body, TARGETS};

/// Mutations of all seeds of one target together.
const MUTATIONS: usize = 20_000;

/// Chance that is the same in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, end: usize) -> usize {
        (self.throw() % end.max(1) as u64) as usize
    }
}

/// Numbers at the edges of what a field may hold.
const EDGES: [u64; 12] = [0, 1, 7, 16, 17, 40, 41, 0x7F, 0xFF, 0xFFFF, u32::MAX as u64, u64::MAX];

fn mutate(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    match dice.below(8) {
        _ if bytes.is_empty() => bytes.extend_from_slice(other),
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes[at] = dice.throw() as u8,
        2 => bytes[at] = EDGES[dice.below(9)] as u8,
        3 => {
            let edge = EDGES[dice.below(EDGES.len())].to_le_bytes();
            let width = [2, 4, 8][dice.below(3)].min(bytes.len() - at);
            bytes[at..at + width].copy_from_slice(&edge[..width]);
        }
        4 => drop(bytes.remove(at)),
        5 => bytes.insert(at, dice.throw() as u8),
        6 => bytes.truncate(at),
        _ => {
            let from = dice.below(other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
            bytes.truncate(2048);
        }
    }
}

/// Runs the body; its panic becomes one that names the bytes.
fn run(target: &str, body: Body, seed: &str, mutation: usize, bytes: &[u8]) -> bool {
    catch_unwind(|| body(bytes)).unwrap_or_else(|_| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("{target}: seed {seed}, mutation {mutation} (0 = as it stands) breaks a promise: {hex}")
    })
}

fn fuzz(target: &str) {
    let (_, body) = *TARGETS.iter().find(|(name, _)| *name == target).expect("a target of this name");
    let seeds: Vec<Seed> = seeds::of(target);
    let accepted = seeds.iter().filter(|(name, bytes)| run(target, body, name, 0, bytes)).count();
    assert!(accepted > 0, "some seeds are what they claim to be");
    assert!(accepted < seeds.len(), "some seeds are refused");

    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut accepted = 0;
    for mutation in 1..=MUTATIONS {
        let (name, bytes) = &seeds[dice.below(seeds.len())];
        let mut bytes = bytes.clone();
        for _ in 0..=dice.below(4) {
            let other = dice.below(seeds.len());
            mutate(&mut bytes, &seeds[other].1, &mut dice);
        }
        accepted += usize::from(run(target, body, name, mutation, &bytes));
    }
    assert!(accepted > MUTATIONS / 100, "mutations reach past the first check: {accepted} were accepted");
}

#[test]
fn fuzz_slot_is_refused_or_written_as_it_came() {
    fuzz("slot");
}

#[test]
fn fuzz_completion_is_refused_or_written_as_it_came() {
    fuzz("completion");
}

#[test]
fn fuzz_head_is_refused_or_written_as_it_came() {
    fuzz("head");
}

#[test]
fn fuzz_hello_is_refused_or_written_as_it_came() {
    fuzz("hello");
}

#[test]
fn fuzz_control_is_refused_or_written_as_it_came() {
    fuzz("control");
}

#[test]
fn fuzz_frame_is_refused_or_written_as_it_came() {
    fuzz("frame");
}

#[test]
fn fuzz_descriptor_is_refused_or_written_as_the_same_module() {
    fuzz("descriptor");
}

#[test]
fn fuzz_dynamic_is_refused_or_written_as_the_same_value() {
    fuzz("dynamic");
}

#[test]
fn every_target_has_its_fuzzer() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/Cargo.toml"))
        .expect("the fuzzers have a manifest");
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is in fuzz/Cargo.toml");
    }
}
