//! Claims about segments: who can write them, who can shrink them, what is refused.
#![allow(clippy::disallowed_methods, reason = "tests start threads and read files of their own")]
#![allow(non_snake_case, reason = "requirement rows keep their letters")]
#![allow(unsafe_code, reason = "the attacker's side maps and remaps memory by hand")]

mod common;

use std::fs::OpenOptions;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use windlass_memory::limits::SEGMENT_BYTES_MAX;
use windlass_memory::{Access, Role, Segment, SegmentError, SegmentId};

const BYTES: usize = 8192;

/// Every way from a descriptor to a write that the kernel offers; answers the ones that worked.
fn ways_to_write(fd: BorrowedFd<'_>) -> Vec<&'static str> {
    let mut worked = Vec::new();
    let map = |fd: BorrowedFd<'_>, prot| {
        // SAFETY: a null hint; the result is only compared and unmapped.
        unsafe { rustix::mm::mmap(std::ptr::null_mut(), BYTES, prot, MapFlags::SHARED, fd, 0) }
    };
    if map(fd, ProtFlags::READ | ProtFlags::WRITE).is_ok() {
        worked.push("mmap writable");
    }
    if map(fd, ProtFlags::WRITE).is_ok() {
        worked.push("mmap write-only");
    }
    let readable = map(fd, ProtFlags::READ).expect("reading is allowed");
    // SAFETY: the range was mapped above and is this test's own.
    unsafe {
        if rustix::mm::mprotect(readable, BYTES, MprotectFlags::READ | MprotectFlags::WRITE).is_ok() {
            worked.push("mprotect");
        }
        if rustix::mm::madvise(readable, BYTES, Advice::LinuxRemove).is_ok() {
            worked.push("madvise remove");
        }
        rustix::mm::munmap(readable, BYTES).expect("munmap");
    }
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    if let Ok(reopened) = OpenOptions::new().read(true).write(true).open(&path) {
        if map(reopened.as_fd(), ProtFlags::READ | ProtFlags::WRITE).is_ok() {
            worked.push("reopen and mmap");
        }
        if rustix::io::write(&reopened, b"x").is_ok() {
            worked.push("reopen and write");
        }
    }
    if OpenOptions::new().write(true).truncate(true).open(&path).is_ok() {
        worked.push("reopen truncated");
    }
    if rustix::io::write(fd, b"x").is_ok() {
        worked.push("write");
    }
    if rustix::io::pwrite(fd, b"x", 0).is_ok() {
        worked.push("pwrite");
    }
    worked.extend(ways_to_resize(fd));
    if rustix::fs::fallocate(fd, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 4096).is_ok() {
        worked.push("punch a hole");
    }
    if rustix::fs::fcntl_add_seals(fd, SealFlags::WRITE).is_ok() {
        worked.push("add a seal");
    }
    worked
}

fn ways_to_resize(fd: BorrowedFd<'_>) -> Vec<&'static str> {
    let mut worked = Vec::new();
    if rustix::fs::ftruncate(fd, 0).is_ok() {
        worked.push("shrink to nothing");
    }
    if rustix::fs::ftruncate(fd, 4096).is_ok() {
        worked.push("shrink");
    }
    if rustix::fs::ftruncate(fd, 1 << 20).is_ok() {
        worked.push("grow");
    }
    if rustix::fs::fallocate(fd, FallocateFlags::empty(), 0, 1 << 20).is_ok() {
        worked.push("reserve more");
    }
    worked
}

#[test]
fn rpc_R3_no_way_leads_from_the_descriptor_of_a_node_or_result_segment_to_a_write() {
    for role in [Role::Node, Role::Result] {
        let (segment, fd) = Segment::create("test sealed", BYTES, role).expect("create");
        let whole = segment.span(0, BYTES as u64).expect("inside");
        segment.copy_in(whole, &[7; BYTES]);

        assert_eq!(ways_to_write(fd.as_fd()), Vec::<&str>::new(), "{role:?}");
        assert!(Segment::open(fd.as_fd(), BYTES, Access::ReadWrite).is_err());

        let mut after = Vec::new();
        segment.copy_out_vec(whole, &mut after);
        assert_eq!(after, [7; BYTES], "nothing changed");
    }
}

#[test]
fn rpc_R3_the_same_attempts_succeed_on_a_segment_that_a_client_may_write() {
    // Shows that the list above can find a way: without the seal every kind of write works.
    let (_segment, fd) = Segment::create("test heap", BYTES, Role::Heap).expect("create");
    let worked = ways_to_write(fd.as_fd());
    for way in
        ["mmap writable", "mprotect", "reopen and mmap", "reopen and write", "write", "pwrite", "punch a hole"]
    {
        assert!(worked.contains(&way), "{way} should work on a heap segment: {worked:?}");
    }
}

#[test]
fn rpc_R3_the_node_goes_on_writing_what_its_reader_sees() {
    let (node, fd) = Segment::create("test node", BYTES, Role::Node).expect("create");
    let client = Segment::open(fd.as_fd(), BYTES, Access::Read).expect("open");
    for round in 0..100_u8 {
        let span = node.span(u64::from(round) * 3, 300).expect("inside");
        node.copy_in(span, &[round; 300]);
        let mut seen = [0; 300];
        client.copy_out(span, &mut seen);
        assert_eq!(seen, [round; 300]);
        node.word32(4096).store(u32::from(round));
        assert_eq!(client.word32(4096).load(), u32::from(round));
        node.word64(4104).store(u64::from(round) << 40);
        assert_eq!(client.word64(4104).load(), u64::from(round) << 40);
    }
}

#[test]
fn tasks_K57_a_client_segment_is_shared_both_ways_and_can_neither_shrink_nor_grow() {
    for role in [Role::Client, Role::Heap] {
        let (node, fd) = Segment::create("test client", BYTES, role).expect("create");
        let client = Segment::open(fd.as_fd(), BYTES, Access::ReadWrite).expect("open");
        let span = node.span(5, 4000).expect("inside");
        client.copy_in(span, &[1; 4000]);
        let mut seen = vec![9];
        node.copy_out_vec(span, &mut seen);
        assert_eq!(seen[0], 9, "what was there before stays");
        assert_eq!(seen[1..], [1; 4000]);
        node.zero(span);
        let mut seen = [1; 4000];
        client.copy_out(span, &mut seen);
        assert_eq!(seen, [0; 4000]);
        assert_eq!(ways_to_resize(fd.as_fd()), Vec::<&str>::new());
    }
}

#[test]
fn tasks_K57_a_segment_is_rounded_up_to_pages_and_refused_when_empty_or_endless() {
    let (segment, _fd) = Segment::create("test", 1, Role::Heap).expect("create");
    assert_eq!(segment.bytes(), rustix::param::page_size());
    segment.warm().expect("its pages are reserved");
    assert!(matches!(Segment::create("test", 0, Role::Heap), Err(SegmentError::Empty)));
    let long = SEGMENT_BYTES_MAX + 1;
    assert!(matches!(Segment::create("test", long, Role::Heap), Err(SegmentError::TooLong { .. })));
}

#[test]
fn rpc_R4_a_segment_that_could_shrink_or_is_too_short_or_no_memory_is_not_opened() {
    let open = |fd: BorrowedFd<'_>| Segment::open(fd, BYTES, Access::Read).map(|_| ());
    let memory = || {
        let fd = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).expect("memfd");
        rustix::fs::ftruncate(&fd, 4096).expect("ftruncate");
        fd
    };
    let unsealed = memory();
    assert!(matches!(open(unsealed.as_fd()), Err(SegmentError::Unsealed)));
    let short = memory();
    rustix::fs::fcntl_add_seals(&short, SealFlags::SHRINK).expect("seal");
    assert!(matches!(open(short.as_fd()), Err(SegmentError::Short { real: 4096, said: 8192 })));
    let (pipe, _other) = rustix::pipe::pipe().expect("pipe");
    assert!(matches!(open(pipe.as_fd()), Err(SegmentError::NotMemory)));
    let dir = rustix::fs::open("/tmp", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).expect("open");
    assert!(matches!(open(dir.as_fd()), Err(SegmentError::NotMemory)));
    assert!(matches!(Segment::open(short.as_fd(), 0, Access::Read), Err(SegmentError::Empty)));
    assert!(matches!(Segment::open(short.as_fd(), usize::MAX, Access::Read), Err(SegmentError::TooLong { .. })));
}

#[test]
fn rpc_R4_a_range_is_inside_or_an_error_with_no_overflow() {
    let (segment, _fd) = Segment::create("test", BYTES, Role::Heap).expect("create");
    let bytes = BYTES as u64;
    for (offset, len) in [(0, 0), (0, bytes), (bytes, 0), (1, bytes - 1), (bytes - 1, 1)] {
        let span = segment.span(offset, len).expect("inside");
        assert_eq!((span.offset(), span.len()), (offset, len));
    }
    for (offset, len) in [
        (0, bytes + 1),
        (bytes, 1),
        (bytes + 1, 0),
        (u64::MAX, 0),
        (u64::MAX, 1),
        (1, u64::MAX),
        (u64::MAX, u64::MAX),
        (1 << 63, 1 << 63),
        (bytes, u64::MAX - bytes + 1),
    ] {
        let refused = segment.span(offset, len).expect_err("outside");
        assert_eq!((refused.offset, refused.len, refused.bytes), (offset, len, bytes));
    }
}

#[test]
#[should_panic(expected = "the span is of another segment")]
fn a_span_of_a_longer_segment_is_caught_on_a_shorter_one() {
    let (long, _fd) = Segment::create("test", 4 * BYTES, Role::Heap).expect("create");
    let (short, _fd) = Segment::create("test", BYTES, Role::Heap).expect("create");
    let span = long.span(3 * BYTES as u64, 64).expect("inside the long one");
    short.copy_out(span, &mut [0; 64]);
}

#[test]
#[should_panic(expected = "this word belongs to the other side")]
fn a_word_of_the_other_side_is_not_stored_to() {
    let (_node, fd) = Segment::create("test", BYTES, Role::Node).expect("create");
    Segment::open(fd.as_fd(), BYTES, Access::Read).expect("open").word32(0).store(1);
}

#[test]
#[should_panic(expected = "the segment is mapped for reading only")]
fn bytes_of_the_other_side_are_not_copied_into() {
    let (node, fd) = Segment::create("test", BYTES, Role::Node).expect("create");
    let span = node.span(0, 8).expect("inside");
    Segment::open(fd.as_fd(), BYTES, Access::Read).expect("open").copy_in(span, &[0; 8]);
}

#[test]
fn a_word_that_a_peer_is_writing_arrives_whole() {
    let (node, fd) = Segment::create("test", BYTES, Role::Heap).expect("create");
    let client = Segment::open(fd.as_fd(), BYTES, Access::ReadWrite).expect("open");
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let span = client.span(64, 64).expect("inside");
            for round in (0..=u8::MAX).cycle() {
                client.copy_in(span, &[round; 64]);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for len in [64, 32, 8].repeat(2000) {
            let mut seen = vec![0; len];
            node.copy_out(node.span(64, len as u64).expect("inside"), &mut seen);
            for word in seen.chunks_exact(8) {
                assert!(word.iter().all(|byte| *byte == word[0]), "a torn word: {word:?}");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_copy_into_a_vector_with_room_does_not_allocate() {
    let (segment, _fd) = Segment::create("test", BYTES, Role::Heap).expect("create");
    let mut into = Vec::with_capacity(BYTES);
    let at = into.as_ptr();
    for _ in 0..3 {
        into.clear();
        segment.copy_out_vec(segment.span(0, BYTES as u64).expect("inside"), &mut into);
    }
    assert_eq!((into.as_ptr(), into.len()), (at, BYTES));
}

#[test]
fn tasks_K57_a_forked_child_does_not_get_the_mapping_and_a_drop_unmaps_it() {
    let name = "windlass-test-fork-and-drop";
    let flags = || {
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
        let found = maps.lines().skip_while(|line| !line.contains(name)).find(|line| line.starts_with("VmFlags"));
        found.map(|line| line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>())
    };
    let (segment, fd) = Segment::create(name, BYTES, Role::Heap).expect("create");
    assert!(flags().expect("mapped").contains(&"dc".to_owned()), "`dc` is do-not-copy on fork");
    drop(segment);
    assert_eq!(flags(), None);
    drop(fd);
}

#[test]
fn rpc_R4_ids_tell_who_writes_a_segment_and_count_within_their_kind() {
    let ids = [
        (SegmentId::CLIENT, (false, false, false), None),
        (SegmentId::NODE, (true, false, false), Some(SegmentId::FIRST_RESULT)),
        (SegmentId::NONE, (false, false, false), None),
        (SegmentId::FIRST_HEAP, (false, false, true), Some(SegmentId(2))),
        (SegmentId(0x3FFF_FFFF), (false, false, true), None),
        (SegmentId::FIRST_FROZEN, (false, true, false), Some(SegmentId(0x4000_0001))),
        (SegmentId(0x7FFF_FFFF), (false, true, false), None),
        (SegmentId(0xC000_0000), (true, false, false), Some(SegmentId(0xC000_0001))),
        (SegmentId(0xFFFF_FFFE), (true, false, false), None),
    ];
    for (id, kind, next) in ids {
        assert_eq!((id.is_node_written(), id.is_frozen(), id.is_heap()), kind, "{id:?}");
        assert_eq!(id.next(), next, "{id:?}");
    }
}

#[test]
fn words_are_written_by_one_side_and_read_by_the_other() {
    let (node, client) = common::session(8);
    assert_eq!(client.node_words.generation().load(), 1);
    assert_eq!(client.node_words.session().load(), 2);
    node.node_words.ended().store(17);
    assert_eq!(client.node_words.ended().load(), 17);
    client.client_words.parked().store(1);
    assert_eq!(node.client_words.parked().load(), 1);
    client.client_words.completion_head().store(5);
    assert_eq!(node.client_words.completion_head().load(), 5);
    node.node_words.submit_head().store(6);
    assert_eq!(client.node_words.submit_head().load(), 6);
    let not_a_node = windlass_memory::words::NodeWords::open(std::sync::Arc::clone(client.client_words.segment()));
    assert!(matches!(not_a_node, Err(windlass_memory::words::WordsError::NotNode { .. })));
}
