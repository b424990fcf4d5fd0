//! Passing: one datagram with descriptors, over a Unix socket of type SEQPACKET.
//!
//! Lives here: `send_with_fds`, `is_full`, `is_half_full`, `recv_with_fds`. From: hello and control messages (runtime, client).
//! Holds: a descriptor that arrives is owned or closed, never leaked; truncation is an error; nothing raises SIGPIPE.
//! Not here: what messages say (`contract`), waiting for the socket (driver): a nonblocking one answers `WouldBlock`.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::{IoSlice, IoSliceMut, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

use crate::limits::DESCRIPTORS_PER_MESSAGE_MAX;

/// Sends one datagram and duplicates of `fds` with it.
///
/// # Errors
/// `InvalidInput`: no bytes, or more than `limits::DESCRIPTORS_PER_MESSAGE_MAX` descriptors. `WouldBlock`: a
/// nonblocking socket is full, and nothing was sent. Otherwise the kernel's (`BrokenPipe`: the peer is gone).
pub fn send_with_fds(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    if bytes.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a datagram of no bytes reads as a hang-up"));
    }
    if fds.len() > DESCRIPTORS_PER_MESSAGE_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors in one datagram"));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_PER_MESSAGE_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        let fits = control.push(SendAncillaryMessage::ScmRights(fds));
        assert!(fits, "the space is made for as many descriptors as were allowed above");
    }
    let parts = [IoSlice::new(bytes)];
    let sent = retry_on_intr(|| rustix::net::sendmsg(socket, &parts, &mut control, SendFlags::NOSIGNAL))?;
    if sent != bytes.len() {
        return Err(io::Error::new(io::ErrorKind::WriteZero, "the socket took part of a datagram"));
    }
    Ok(())
}

/// Whether `send_with_fds` failed because the socket, or the system, has as many as it takes until the peer reads some.
pub fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error() == Some(rustix::io::Errno::TOOMANYREFS.raw_os_error())
}

/// Whether half of what a Unix socket takes was sent and has not been read: what may wait then leaves the other half to what may not.
///
/// Cost: two system calls.
///
/// # Errors
/// The kernel's.
pub fn is_half_full(socket: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: of a Unix socket the request writes one int, the bytes that its peer has not read with what they cost the kernel, and
    //   touches nothing else. Breaks if: the number meant something else on this machine; it is that of x86 and arm.
    let unread: i32 = unsafe { rustix::ioctl::ioctl(socket, rustix::ioctl::Getter::<SIOCOUTQ, i32>::new()) }?;
    let most = rustix::net::sockopt::socket_send_buffer_size(socket)?;
    Ok(usize::try_from(unread).unwrap_or(0) >= most / 2)
}

/// `SIOCOUTQ` of the kernel's headers.
const SIOCOUTQ: rustix::ioctl::Opcode = 0x5411;

/// Receives one datagram into `buf`, and the descriptors that came with it, closed on exec. No bytes: the peer hung up.
///
/// # Errors
/// `WouldBlock`: nothing there on a nonblocking socket. `InvalidData`: the datagram was longer than `buf`, or came
/// with more than `max_fds` descriptors or with control data cut short; whatever descriptors arrived are closed.
/// `InvalidInput`: `max_fds` is above `limits::DESCRIPTORS_PER_MESSAGE_MAX`. Otherwise the kernel's.
pub fn recv_with_fds(socket: BorrowedFd<'_>, buf: &mut [u8], max_fds: usize) -> io::Result<(usize, Vec<OwnedFd>)> {
    if max_fds > DESCRIPTORS_PER_MESSAGE_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one datagram"));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_PER_MESSAGE_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = retry_on_intr(|| {
        rustix::net::recvmsg(socket, &mut [IoSliceMut::new(buf)], &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(arrived) = message {
            fds.extend(arrived);
        }
    }
    // From here on an early return closes what arrived.
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the datagram or its descriptors were cut short"));
    }
    if fds.len() > max_fds {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "more descriptors came than the message may carry",
        ));
    }
    Ok((received.bytes, fds))
}
