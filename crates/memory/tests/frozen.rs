//! Claims about frozen memory: what is accepted is immutable, what is not is refused by name.
#![allow(non_snake_case, reason = "requirement rows keep their letters")]

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use windlass_memory::{Frozen, FrozenError};

const LIMIT: u64 = 1 << 20;

fn memory(bytes: u64, fill: &[u8], seals: SealFlags) -> OwnedFd {
    let fd = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).expect("memfd");
    rustix::fs::ftruncate(&fd, bytes).expect("ftruncate");
    assert_eq!(rustix::io::pwrite(&fd, fill, 0).expect("write"), fill.len());
    rustix::fs::fcntl_add_seals(&fd, seals).expect("seal");
    fd
}

fn all() -> SealFlags {
    SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW
}

#[test]
fn tasks_K57_what_one_side_froze_the_other_accepts_and_reads_without_a_copy() {
    for bytes in [1, 63, 4095, 4096, 4097, 100_000] {
        let pattern = |at: usize| (at % 253) as u8;
        let made = Frozen::make("test", bytes, |room| {
            assert!(room.iter().all(|byte| *byte == 0));
            room.iter_mut().enumerate().for_each(|(at, byte)| *byte = pattern(at));
        })
        .expect("make");
        let sent = made.fd().expect("its maker's").try_clone_to_owned().expect("dup");
        let accepted = Frozen::accept(sent, bytes as u64, LIMIT).expect("accept");
        drop(made);
        assert_eq!(accepted.len(), bytes);
        assert!(accepted.iter().enumerate().all(|(at, byte)| *byte == pattern(at)));
    }
}

#[test]
fn tasks_K57_memory_its_maker_left_untouched_is_zero_and_has_no_holes() {
    let made = Frozen::make("test", 3 * 4096 + 1, |_| ()).expect("make");
    let accepted =
        Frozen::accept(made.fd().expect("its maker's").try_clone_to_owned().expect("dup"), 3 * 4096 + 1, LIMIT)
            .expect("accept");
    assert!(accepted.iter().all(|byte| *byte == 0));
}

#[test]
fn rpc_R4_frozen_memory_cannot_be_written_cut_or_unsealed_by_its_maker() {
    let made = Frozen::make("test", 8192, |room| room.fill(3)).expect("make");
    let fd = made.fd().expect("its maker's");
    assert!(rustix::io::pwrite(fd, b"x", 0).is_err());
    assert!(rustix::fs::ftruncate(fd, 0).is_err());
    assert!(rustix::fs::ftruncate(fd, 1 << 20).is_err());
    assert!(rustix::fs::fallocate(fd, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 4096).is_err());
    let writable = windlass_memory::Segment::open(fd.as_fd(), 8192, windlass_memory::Access::ReadWrite);
    assert!(writable.is_err());
    assert!(made.iter().all(|byte| *byte == 3));
}

#[test]
fn rpc_R4_each_missing_seal_is_named() {
    for (seals, said) in [
        (SealFlags::empty(), "be written, shrink, grow"),
        (SealFlags::SHRINK | SealFlags::GROW, "be written"),
        (SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE, "be written"),
        (SealFlags::WRITE | SealFlags::GROW, "shrink"),
        (SealFlags::WRITE | SealFlags::SHRINK, "grow"),
    ] {
        let refused = Frozen::accept(memory(4096, &[1; 4096], seals), 4096, LIMIT).expect_err("unsealed");
        assert!(matches!(refused, FrozenError::Unsealed { .. }), "{refused:?}");
        assert_eq!(refused.to_string(), format!("the memory file can still {said}: seal it first"));
    }
}

#[test]
fn rpc_R4_memory_shorter_or_longer_than_said_is_refused() {
    for said in [4095, 4097, 8192] {
        let refused = Frozen::accept(memory(4096, &[1; 4096], all()), said, LIMIT).expect_err("size");
        assert!(matches!(refused, FrozenError::WrongSize { real: 4096, said: s } if s == said), "{refused:?}");
    }
}

#[test]
fn rpc_R4_memory_with_holes_is_refused_and_the_hole_is_named() {
    let never_written = Frozen::accept(memory(8192, &[], all()), 8192, LIMIT);
    assert!(matches!(never_written, Err(FrozenError::Holed { at: 0 })), "{never_written:?}");
    let half_written = Frozen::accept(memory(8192, &[1; 4096], all()), 8192, LIMIT);
    assert!(matches!(half_written, Err(FrozenError::Holed { at: 4096 })), "{half_written:?}");
    let punched = memory(12_288, &[1; 12_288], SealFlags::SHRINK | SealFlags::GROW);
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&punched, punch, 4096, 4096).expect("punch");
    rustix::fs::fcntl_add_seals(&punched, SealFlags::WRITE).expect("seal");
    let punched = Frozen::accept(punched, 12_288, LIMIT);
    assert!(matches!(punched, Err(FrozenError::Holed { at: 4096 })), "{punched:?}");
}

#[test]
fn rpc_R4_more_than_the_limit_or_nothing_is_refused() {
    let long = Frozen::accept(memory(8192, &[1; 8192], all()), 8192, 8191);
    assert!(matches!(long, Err(FrozenError::TooLong { bytes: 8192, limit: 8191 })), "{long:?}");
    let endless = Frozen::accept(memory(8192, &[1; 8192], all()), u64::MAX, u64::MAX);
    assert!(matches!(endless, Err(FrozenError::TooLong { .. })), "{endless:?}");
    let empty = Frozen::accept(memory(0, &[], all()), 0, LIMIT);
    assert!(matches!(empty, Err(FrozenError::Empty)), "{empty:?}");
    assert!(matches!(Frozen::make("test", 0, |_| ()), Err(FrozenError::Empty)));
}

#[test]
fn rpc_R4_a_descriptor_that_is_no_memory_file_is_refused() {
    let (pipe, _other) = rustix::pipe::pipe().expect("pipe");
    let pipe = Frozen::accept(pipe, 4096, LIMIT);
    assert!(matches!(pipe, Err(FrozenError::NotMemory)), "{pipe:?}");
    let file =
        rustix::fs::open("/proc/self/exe", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).expect("open");
    let file = Frozen::accept(file, 4096, LIMIT);
    assert!(matches!(file, Err(FrozenError::NotMemory)), "{file:?}");
}
