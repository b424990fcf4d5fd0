//! Whose memory the kernel reads and writes, and until when.

use super::Real;
use super::conformance::{Play, Site, WRITE, bytes, bytes_of, error_of};
use std::cell::Cell;
use std::io::Write as _;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use windlass_driver::real::Backend;
use windlass_driver::{Driver as _, IoBuffer, IoError, Operation, Tag};
use windlass_memory::{Frozen, Role, Segment};

fn both() -> [Real; 2] {
    [super::best(), Backend::Polling].map(Real::with)
}

#[test]
fn shared_memory_is_filled_in_place_and_written_in_place() {
    for mut site in both() {
        let path = site.path("file");
        let mut play = Play::new(&mut site.driver);
        let file = play.open(path, WRITE);
        play.write(file, 0, b"0123456789");
        let (segment, _fd) = Segment::create("test", 8192, Role::Heap).unwrap();
        let segment = Arc::new(segment);
        let span = segment.span(5000, 6).unwrap();
        let done = play.ask(Operation::ReadAt { file, at: 2, buffer: IoBuffer::shared(segment.clone(), span) });
        assert_eq!(bytes_of(&done), 6);
        // Not a copy of the segment: the segment.
        let mut seen = [0; 10];
        segment.copy_out(segment.span(4998, 10).unwrap(), &mut seen);
        assert_eq!(&seen, b"\0\x00234567\0\0");
        segment.copy_in(segment.span(5000, 1).unwrap(), b"X");
        let done = play.ask(Operation::WriteAt { file, at: 0, buffer: done.buffer.unwrap() });
        assert_eq!(bytes_of(&done), 6);
        assert_eq!(play.read(file, 0, 20), b"X345676789");
    }
}

#[test]
fn frozen_memory_is_written_from_in_place_and_never_read_into() {
    for mut site in both() {
        let path = site.path("file");
        let mut play = Play::new(&mut site.driver);
        let file = play.open(path, WRITE);
        let frozen = Arc::new(Frozen::make("test", 5, |room| room.copy_from_slice(b"still")).unwrap());
        let done = play.ask(Operation::WriteAt { file, at: 0, buffer: IoBuffer::frozen(frozen.clone()) });
        assert_eq!(bytes_of(&done), 5);
        let mut buffer = done.buffer.unwrap();
        assert_eq!(buffer.fill(b"moved"), 0);
        assert!(buffer.as_mut_slice().is_none());
        let done = play.ask(Operation::ReadAt { file, at: 0, buffer });
        assert!(matches!(error_of(&done), IoError::BadRange(_)), "{done:?}");
        assert_eq!(done.buffer.unwrap().as_slice(), Some(&b"still"[..]));
        assert_eq!(&frozen[..], b"still");
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
fn volume_IO1_IO15_a_dropped_driver_gives_memory_back_only_when_nobody_writes_it_any_more() {
    for mut site in both() {
        let path = site.path("file");
        let mut play = Play::new(&mut site.driver);
        let file = play.open(path, WRITE);
        play.write(file, 0, &[1; 4096]);
        let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let socket = site.driver.register(reader.into()).unwrap();
        let mut memory = vec![0u8; 64 * 4096];
        let base = NonNull::new(memory.as_mut_ptr()).unwrap();
        let gone: Vec<_> = (0..64).map(|_| Rc::new(Cell::new(false))).collect();
        for (index, gone) in gone.iter().enumerate() {
            // SAFETY: its own 4096 bytes of `memory`, which outlives the driver and is looked at only after it.
            let buffer = unsafe { IoBuffer::lent(base.add(index * 4096), 4096, Box::new(Owner(gone.clone()))) };
            let operation = match index {
                0 => Operation::Receive { socket, buffer },
                _ => Operation::ReadAt { file, at: 0, buffer },
            };
            site.driver.start(operation, Tag(index as u64)).unwrap();
        }
        site.driver.flush().unwrap();
        assert!(gone.iter().all(|gone| !gone.get()), "an operation has its buffer");
        drop(site);
        assert!(gone.iter().all(|gone| gone.get()), "nobody needs it any more");
        let before = memory.clone();
        // Nobody is there to receive this, and the reads have ended.
        let _may_be_refused = writer.write_all(&[9; 4096]);
        assert!(memory == before);
        assert!(memory[..4096].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn volume_IO15_a_cancelled_read_gives_its_memory_back_with_its_completion_only() {
    for mut site in both() {
        let path = site.path("file");
        let mut play = Play::new(&mut site.driver);
        let file = play.open(path, WRITE);
        play.write(file, 0, &[1; 4096]);
        for _ in 0..100 {
            let id = play.start(1, Operation::ReadAt { file, at: 0, buffer: bytes(&[0; 4096]) });
            play.driver().flush().unwrap();
            play.driver().cancel(id);
            let bytes = play.wait(1).buffer.unwrap().into_vec();
            let first = bytes[0];
            assert!(bytes.iter().all(|byte| *byte == first), "it was given back half filled");
        }
    }
}
