//! Claims about descriptors in datagrams: they arrive whole, or are closed.

use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::FdFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use windlass_memory::limits::DESCRIPTORS_PER_MESSAGE_MAX;
use windlass_memory::passing::{recv_with_fds, send_with_fds};
use windlass_memory::{Access, Doorbell, Role, Segment};

fn pair(flags: SocketFlags) -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags | SocketFlags::CLOEXEC, None).expect("socketpair")
}

/// Whether every writing end of the pipe behind `read` is closed.
fn hung_up(read: &OwnedFd) -> bool {
    rustix::io::ioctl_fionbio(read, true).expect("nonblocking");
    rustix::io::read(read, &mut [0; 1]) == Ok(0)
}

#[test]
fn a_segment_and_a_doorbell_arrive_with_the_bytes_that_announce_them() {
    let (here, there) = pair(SocketFlags::empty());
    let (segment, fd) = Segment::create("test", 4096, Role::Node).expect("create");
    let bell = Doorbell::new().expect("eventfd");
    send_with_fds(here.as_fd(), b"welcome", &[fd.as_fd(), bell.as_fd()]).expect("send");

    let mut bytes = [0; 64];
    let (count, mut fds) = recv_with_fds(there.as_fd(), &mut bytes, 3).expect("receive");
    assert_eq!(&bytes[..count], b"welcome");
    assert_eq!(fds.len(), 2);
    for fd in &fds {
        assert!(rustix::io::fcntl_getfd(fd).expect("flags").contains(FdFlags::CLOEXEC));
    }
    let rope = Doorbell::from_fd(fds.pop().expect("two"));
    let seen = Segment::open(fds.pop().expect("one").as_fd(), 4096, Access::Read).expect("open");
    segment.word32(0).store(5);
    assert_eq!(seen.word32(0).load(), 5);
    rope.ring().expect("ring");
    assert!(bell.drain().expect("drain"));
}

#[test]
fn a_datagram_without_descriptors_and_a_hang_up_are_told_apart() {
    let (here, there) = pair(SocketFlags::empty());
    send_with_fds(here.as_fd(), b"x", &[]).expect("send");
    drop(here);
    let mut bytes = [0; 8];
    let (count, fds) = recv_with_fds(there.as_fd(), &mut bytes, 0).expect("receive");
    assert_eq!((count, fds.len()), (1, 0));
    let (count, fds) = recv_with_fds(there.as_fd(), &mut bytes, 0).expect("receive");
    assert_eq!((count, fds.len()), (0, 0));
    let gone = send_with_fds(there.as_fd(), b"x", &[]).expect_err("nobody reads");
    assert_eq!(gone.kind(), ErrorKind::BrokenPipe);
    let nothing = send_with_fds(there.as_fd(), b"", &[]).expect_err("reads as a hang-up");
    assert_eq!(nothing.kind(), ErrorKind::InvalidInput);
}

#[test]
fn more_descriptors_than_expected_or_a_longer_datagram_is_an_error_that_closes_them() {
    for (sent, room, max_fds) in [(2, 64, 1), (1, 64, 0), (DESCRIPTORS_PER_MESSAGE_MAX, 64, 3), (2, 3, 2)] {
        let (here, there) = pair(SocketFlags::empty());
        let (read, write) = rustix::pipe::pipe().expect("pipe");
        send_with_fds(here.as_fd(), b"bytes", &vec![write.as_fd(); sent]).expect("send");
        drop(write);
        assert!(!hung_up(&read), "the datagram keeps the pipe open");
        let refused = recv_with_fds(there.as_fd(), &mut vec![0; room], max_fds).expect_err("too much");
        assert_eq!(refused.kind(), ErrorKind::InvalidData);
        assert!(hung_up(&read), "what arrived was closed");
    }
}

#[test]
fn more_descriptors_than_there_is_space_for_are_cut_short_and_closed() {
    let (here, there) = pair(SocketFlags::empty());
    let (read, write) = rustix::pipe::pipe().expect("pipe");
    const MANY: usize = 40;
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MANY))];
    let mut control = rustix::net::SendAncillaryBuffer::new(&mut space);
    let fds = [write.as_fd(); MANY];
    assert!(control.push(rustix::net::SendAncillaryMessage::ScmRights(&fds)));
    let parts = [rustix::io::IoSlice::new(b"many")];
    rustix::net::sendmsg(&here, &parts, &mut control, rustix::net::SendFlags::empty()).expect("send");
    drop(write);
    let refused = recv_with_fds(there.as_fd(), &mut [0; 64], DESCRIPTORS_PER_MESSAGE_MAX).expect_err("cut short");
    assert_eq!(refused.kind(), ErrorKind::InvalidData);
    assert!(hung_up(&read), "what arrived was closed");
}

#[test]
fn a_nonblocking_socket_says_that_it_would_block() {
    let (here, there) = pair(SocketFlags::NONBLOCK);
    let empty = recv_with_fds(there.as_fd(), &mut [0; 8], 0).expect_err("nothing there");
    assert_eq!(empty.kind(), ErrorKind::WouldBlock);
    let full = loop {
        if let Err(error) = send_with_fds(here.as_fd(), &[0; 4096], &[]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
}

#[test]
fn more_descriptors_than_one_message_carries_are_not_sent() {
    let (here, _there) = pair(SocketFlags::empty());
    let fds = vec![here.as_fd(); DESCRIPTORS_PER_MESSAGE_MAX + 1];
    assert_eq!(send_with_fds(here.as_fd(), b"x", &fds).expect_err("too many").kind(), ErrorKind::InvalidInput);
    let many = DESCRIPTORS_PER_MESSAGE_MAX + 1;
    let refused = recv_with_fds(here.as_fd(), &mut [0; 8], many).expect_err("too many");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}
