//! Claims about files.

use super::{Play, Site, WRITE, bytes, bytes_of, error_of, handle, kind_of, room};
use std::io::ErrorKind;
use windlass_driver::limits::OPERATIONS_MAX;
use windlass_driver::{Handle, IoBuffer, IoError, OpenHow, Operation, Tag, Value};

const FRESH: OpenHow = OpenHow { fresh: true, ..WRITE };

pub fn volume_IO3_an_operation_on_a_handle_that_nobody_has_says_so(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path, FRESH);
    play.driver().close(file).unwrap();
    assert!(matches!(play.driver().close(file), Err(IoError::NotRegistered)));
    for handle in [file, Handle::from_bits(0), Handle::from_bits(u64::MAX), Handle::from_bits(1 << 32 | 77)] {
        let buffer = bytes(b"kept");
        let done = play.ask(Operation::WriteAt { file: handle, at: 0, buffer });
        assert!(matches!(error_of(&done), IoError::NotRegistered), "{done:?}");
        assert_eq!(done.buffer.unwrap().into_vec(), b"kept");
    }
}

pub fn volume_IO3_an_operation_needs_a_handle_of_its_kind(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path, FRESH);
    let (listener, _) = play.announce();
    let done = play.ask(Operation::Receive { socket: file, buffer: room(1) });
    assert!(matches!(error_of(&done), IoError::WrongKind { .. }), "{done:?}");
    let done = play.ask(Operation::Accept { listener: file });
    assert!(matches!(error_of(&done), IoError::WrongKind { .. }), "{done:?}");
    let done = play.ask(Operation::ReadAt { file: listener, at: 0, buffer: room(1) });
    assert!(matches!(error_of(&done), IoError::WrongKind { .. }), "{done:?}");
}

pub fn volume_IO6_a_thousand_writes_and_reads_of_one_file_go_on_at_once(site: &mut dyn Site) {
    const COUNT: u64 = 1000;
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path, FRESH);
    let block = |index: u64| index.to_le_bytes().repeat(16);
    for index in 0..COUNT {
        play.start(index, Operation::WriteAt { file, at: index * 128, buffer: bytes(&block(index)) });
    }
    for index in (0..COUNT).rev() {
        assert_eq!(bytes_of(&play.wait(index)), 128);
    }
    for index in 0..COUNT {
        play.start(index, Operation::ReadAt { file, at: index * 128, buffer: room(128) });
    }
    for index in 0..COUNT {
        let done = play.wait(index);
        assert_eq!(bytes_of(&done), 128);
        assert_eq!(done.buffer.unwrap().into_vec(), block(index));
    }
    assert_eq!(play.driver().under_way(), 0);
}

pub fn volume_IO7_each_completion_carries_what_its_own_operation_came_to(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path, FRESH);
    play.write(file, 0, b"0123456789");
    play.start(1, Operation::ReadAt { file, at: 2, buffer: room(3) });
    play.start(2, Operation::ReadAt { file, at: 100, buffer: room(3) });
    play.start(3, Operation::ReadAt { file: Handle::from_bits(5), at: 0, buffer: room(3) });
    play.start(4, Operation::ReadAt { file, at: 8, buffer: room(30) });
    play.start(5, Operation::Length { file });
    assert!(matches!(error_of(&play.wait(3)), IoError::NotRegistered));
    assert_eq!(bytes_of(&play.wait(4)), 2);
    let first = play.wait(1);
    assert_eq!(bytes_of(&first), 3);
    assert_eq!(first.buffer.unwrap().into_vec(), b"234");
    assert_eq!(bytes_of(&play.wait(2)), 0);
    assert_eq!(play.wait(5).result.unwrap(), Value::Length(10));
}

pub fn volume_IO7_a_short_read_tells_the_end_and_an_empty_one_what_lies_behind(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path, FRESH);
    play.write(file, 0, b"0123456789");
    assert_eq!(play.read(file, 4, 100), b"456789");
    assert_eq!(play.read(file, 10, 100), b"");
    assert_eq!(play.read(file, 1 << 40, 1), b"");
    // Only the range is touched.
    let mut buffer = IoBuffer::from_vec(vec![b'.'; 8]);
    assert!(buffer.set_range(2..5));
    let done = play.ask(Operation::ReadAt { file, at: 0, buffer });
    assert_eq!(bytes_of(&done), 3);
    let buffer = done.buffer.unwrap();
    assert_eq!(buffer.range(), 2..5);
    assert_eq!(buffer.into_vec(), b"..012...");
}

pub fn volume_IO7_a_full_medium_is_told_and_not_hidden(site: &mut dyn Site) {
    let Some(path) = site.full() else { return };
    let mut play = Play::new(site.driver());
    let file = play.open(path, OpenHow { write: true, ..OpenHow::default() });
    let done = play.ask(Operation::WriteAt { file, at: 0, buffer: bytes(b"kept") });
    assert_eq!(kind_of(&done), ErrorKind::StorageFull);
    assert_eq!(done.buffer.unwrap().into_vec(), b"kept");
}

pub fn volume_IO8_what_the_driver_has_no_room_for_comes_back_and_goes_later(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path, FRESH);
    let write = |index: u64| Operation::WriteAt { file, at: index * 8, buffer: bytes(&index.to_le_bytes()) };
    let count = OPERATIONS_MAX as u64;
    for index in 0..count {
        play.start(index, write(index));
    }
    assert_eq!(play.driver().under_way(), OPERATIONS_MAX);
    let refused = play.driver().start(write(count), Tag(count)).unwrap_err();
    assert_eq!(refused.into_buffer().unwrap().into_vec(), count.to_le_bytes());
    assert_eq!(bytes_of(&play.wait(0)), 8);
    play.start(count, write(count));
    for index in 1..=count {
        assert_eq!(bytes_of(&play.wait(index)), 8);
    }
    let all: Vec<u8> = (0..=count).flat_map(u64::to_le_bytes).collect();
    assert_eq!(play.read(file, 0, all.len() + 1), all);
}

pub fn volume_IO14_a_read_names_its_place_and_moves_nothing(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path, FRESH);
    play.write(file, 0, b"abc");
    for _ in 0..2 {
        assert_eq!(play.read(file, 0, 2), b"ab");
        assert_eq!(play.read(file, 2, 2), b"c");
    }
}

pub fn a_file_is_opened_as_it_was_asked(site: &mut dyn Site) {
    let (path, missing) = (site.path("file"), site.path("missing"));
    let mut play = Play::new(site.driver());
    let done = play.ask(Operation::Open { path: missing, how: OpenHow { write: true, ..OpenHow::default() } });
    assert_eq!(kind_of(&done), ErrorKind::NotFound);
    let file = play.open(path.clone(), FRESH);
    play.write(file, 0, b"abc");
    let done = play.ask(Operation::Open { path: path.clone(), how: FRESH });
    assert_eq!(kind_of(&done), ErrorKind::AlreadyExists);
    let again = play.open(path.clone(), WRITE);
    assert_eq!(play.read(again, 0, 10), b"abc");
    let readable = play.open(path.clone(), OpenHow::default());
    assert_eq!(play.read(readable, 0, 10), b"abc");
    let done = play.ask(Operation::WriteAt { file: readable, at: 0, buffer: bytes(b"x") });
    // The handle is fine; what the system says is that it is not open for that.
    assert!(matches!(error_of(&done), IoError::BadDescriptor | IoError::System(_)), "{done:?}");
    let emptied = play.open(path, OpenHow { truncate: true, ..WRITE });
    assert_eq!(play.read(emptied, 0, 10), b"");
}

pub fn an_exclusive_file_is_in_use_for_everybody_else(site: &mut dyn Site) {
    let path = site.path("file");
    let how = OpenHow { exclusive: true, ..WRITE };
    let mut play = Play::new(site.driver());
    let file = play.open(path.clone(), how);
    play.write(file, 0, b"abc");
    for truncate in [false, true] {
        let done = play.ask(Operation::Open { path: path.clone(), how: OpenHow { truncate, ..how } });
        assert!(matches!(error_of(&done), IoError::InUse), "{done:?}");
    }
    assert_eq!(play.read(file, 0, 10), b"abc");
    play.driver().close(file).unwrap();
    let file = play.open(path, how);
    assert_eq!(play.read(file, 0, 10), b"abc");
}

pub fn an_exclusive_file_is_free_once_it_is_closed(site: &mut dyn Site) {
    let path = site.path("file");
    let how = OpenHow { exclusive: true, ..WRITE };
    let mut play = Play::new(site.driver());
    for turn in 0..200 {
        // What was asked last may run on a thread of the system's, which lets go of the file when it likes.
        let file = play.open(path.clone(), how);
        play.write(file, turn, b"abc");
        assert_eq!(play.ask(Operation::Sync { file, data_only: true }).result.unwrap(), Value::Nothing);
        play.driver().close(file).unwrap();
    }
}

pub fn a_file_is_cut_extended_reserved_and_made_durable(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path.clone(), FRESH);
    play.write(file, 0, b"abcdef");
    for data_only in [true, false] {
        assert_eq!(play.ask(Operation::Sync { file, data_only }).result.unwrap(), Value::Nothing);
    }
    assert_eq!(play.ask(Operation::SetLength { file, bytes: 3 }).result.unwrap(), Value::Nothing);
    assert_eq!(play.ask(Operation::SetLength { file, bytes: 5 }).result.unwrap(), Value::Nothing);
    assert_eq!(play.read(file, 0, 10), b"abc\0\0");
    assert_eq!(play.ask(Operation::Reserve { file, bytes: 1 << 16 }).result.unwrap(), Value::Nothing);
    assert_eq!(play.ask(Operation::Length { file }).result.unwrap(), Value::Length(5));
    for operation in [Operation::SetLength { file, bytes: u64::MAX }, Operation::Reserve { file, bytes: u64::MAX }]
    {
        let done = play.ask(operation);
        assert!(matches!(error_of(&done), IoError::BadRange(_)), "{done:?}");
    }
    let durable = play.open(path, OpenHow { durable: true, ..WRITE });
    play.write(durable, 5, b"x");
    assert_eq!(play.ask(Operation::Length { file }).result.unwrap(), Value::Length(6));
}

pub fn a_file_is_renamed_over_another_and_removed(site: &mut dyn Site) {
    let (from, to) = (site.path("from"), site.path("to"));
    let mut play = Play::new(site.driver());
    let file = play.open(from.clone(), FRESH);
    play.write(file, 0, b"new");
    let old = play.open(to.clone(), FRESH);
    play.write(old, 0, b"old");
    let rename = Operation::Rename { from: from.clone(), to: to.clone() };
    assert_eq!(play.ask(rename).result.unwrap(), Value::Nothing);
    let found = play.open(to.clone(), OpenHow::default());
    assert_eq!(play.read(found, 0, 10), b"new");
    let done = play.ask(Operation::Rename { from: from.clone(), to: to.clone() });
    assert_eq!(kind_of(&done), ErrorKind::NotFound);
    assert_eq!(play.ask(Operation::Remove { path: to.clone() }).result.unwrap(), Value::Nothing);
    assert_eq!(kind_of(&play.ask(Operation::Remove { path: to })), ErrorKind::NotFound);
    // Who has it open still has it.
    assert_eq!(play.read(found, 0, 10), b"new");
}

pub fn a_direct_file_takes_whole_blocks_only(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let opened = play.ask(Operation::Open { path, how: OpenHow { direct: true, ..FRESH } });
    if opened.result.as_ref().is_err_and(|error| matches!(error, IoError::System(_))) {
        // Some file systems, such as older tmpfs, have no way around the page cache, and say so.
        assert_eq!(kind_of(&opened), ErrorKind::InvalidInput);
        return;
    }
    let file = handle(opened);
    let mut buffer = IoBuffer::aligned(8192).unwrap();
    assert_eq!(buffer.fill(&[7; 8192]), 8192);
    let done = play.ask(Operation::WriteAt { file, at: 4096, buffer });
    assert_eq!(bytes_of(&done), 8192);
    let mut buffer = done.buffer.unwrap();
    let done = play.ask(Operation::ReadAt { file, at: 1, buffer });
    assert!(matches!(error_of(&done), IoError::BadRange(_)), "{done:?}");
    buffer = done.buffer.unwrap();
    assert!(buffer.set_range(0..100));
    let done = play.ask(Operation::ReadAt { file, at: 0, buffer });
    assert!(matches!(error_of(&done), IoError::BadRange(_)), "{done:?}");
    buffer = done.buffer.unwrap();
    assert!(buffer.set_range(4096..8192));
    let done = play.ask(Operation::ReadAt { file, at: 0, buffer });
    assert_eq!(bytes_of(&done), 4096);
    let read = done.buffer.unwrap().into_vec();
    assert!(read[..4096].iter().all(|byte| *byte == 7));
    assert!(read[4096..].iter().all(|byte| *byte == 0));
}

pub fn a_place_behind_every_file_is_refused(site: &mut dyn Site) {
    let path = site.path("file");
    let mut play = Play::new(site.driver());
    let file = play.open(path, FRESH);
    for at in [u64::MAX, u64::MAX - 1, i64::MAX as u64, 1 << 63] {
        let done = play.ask(Operation::ReadAt { file, at, buffer: room(8) });
        assert!(matches!(error_of(&done), IoError::BadRange(_)), "{done:?}");
        let done = play.ask(Operation::WriteAt { file, at, buffer: room(8) });
        assert!(matches!(error_of(&done), IoError::BadRange(_)), "{done:?}");
    }
}
