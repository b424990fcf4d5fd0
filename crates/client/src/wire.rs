//! The wire: a session's control socket, where segments change hands and a node's end is noticed.
//!
//! Lives here: `Wire`, `News` (what a message means for the session), `ask` (a request and its answer).
//! From: `heap` asks for segments, `frozen` offers them, `reap` looks for segments it does not know. To: the session,
//!   which acts on what is not an answer.
//! Holds: one thread reads at a time; an answer that nobody waits for any more is dropped, with its descriptor.
//! Not here: the hello (`connect`).

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::retry_on_intr;
use windlass_contract::control::{Control, ControlKind, DATAGRAM_BYTES_MAX};
use windlass_memory::SegmentId;
use windlass_memory::passing::{recv_with_fds, send_with_fds};

use crate::hand::Patience;
use crate::table::locked;

/// An answer, and the descriptor it carried.
type Message = (Control, Option<OwnedFd>);

/// Requests out, each with its answer once it is there.
type Requests = HashMap<u64, Option<Message>>;

/// The control socket of a session, nonblocking.
pub(crate) struct Wire {
    socket: OwnedFd,
    asked: Mutex<Requests>,
    next: AtomicU64,
}

/// What a message means that answers no request.
pub(crate) enum News {
    /// Nothing came in the time given, or an answer that was put aside.
    Nothing,
    /// A result segment; `shown`: memory of one result alone.
    Result { id: SegmentId, bytes: u64, fd: OwnedFd, shown: bool },
    /// The node no longer uses a segment.
    Retired(SegmentId),
    /// Completions stand in the ring, for a session that is attended by its descriptor.
    Answers,
    /// The node ends the session.
    Bye { code: u16, text: String },
    /// The node is gone.
    HungUp,
    /// What came is no message that a node sends.
    Broken(String),
}

/// How an answer to a request came about.
pub(crate) enum Asked {
    /// The answer, and the descriptor it carried.
    Answer(Control, Option<OwnedFd>),
    /// The session ended first, or the node lied; `act` was told.
    Ended,
    /// Nothing came in time.
    TimedOut,
}

impl Wire {
    pub(crate) fn new(socket: OwnedFd) -> Wire {
        Wire { socket, asked: Mutex::new(HashMap::new()), next: AtomicU64::new(1) }
    }

    /// Sends a request and waits for its answer. `act` is told of everything else that comes, and answers whether the
    /// session goes on.
    ///
    /// # Errors
    /// The socket's, when the request cannot be sent.
    pub(crate) fn ask(
        &self,
        kind: ControlKind,
        segment: SegmentId,
        bytes: u64,
        fd: Option<BorrowedFd<'_>>,
        patience: &Patience,
        mut act: impl FnMut(News) -> bool,
    ) -> io::Result<Asked> {
        let request = self.next.fetch_add(1, Ordering::Relaxed);
        locked(&self.asked).insert(request, None);
        let forget = Forget { wire: self, request };
        self.send(&Control::new(kind, segment, bytes, request), fd, patience)?;
        loop {
            let (answer, news, over) = self.read_for(request, patience);
            if let Some((message, fd)) = answer {
                return Ok(Asked::Answer(message, fd));
            }
            let goes_on = act(news);
            if !goes_on {
                return Ok(Asked::Ended);
            }
            if over {
                drop(forget);
                return Ok(Asked::TimedOut);
            }
        }
    }

    fn send(&self, message: &Control, fd: Option<BorrowedFd<'_>>, patience: &Patience) -> io::Result<()> {
        let bytes = message.encode();
        let fds: Vec<BorrowedFd<'_>> = fd.into_iter().collect();
        loop {
            match send_with_fds(self.socket.as_fd(), &bytes, &fds) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // A signal ends a wait early as well; that is not the end of the time, and `Patience` waits on.
                    if !patience.ready(self.socket.as_fd(), PollFlags::OUT)? {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                done => return done,
            }
        }
    }

    /// Looks for the answer of one request, reading at most one message. The last value: patience is at its end.
    fn read_for(&self, request: u64, patience: &Patience) -> (Option<Message>, News, bool) {
        if let Some(there) = locked(&self.asked).get_mut(&request).and_then(Option::take) {
            return (Some(there), News::Nothing, false);
        }
        // By hand nothing is locked while the world moves on: it may come back here for another call.
        let waited = match patience {
            Patience::Hand(_) => Some(patience.ready(self.socket.as_fd(), PollFlags::IN)),
            Patience::Clock(_) => None,
        };
        let over = matches!(waited, Some(Ok(false)));
        let mut asked = locked(&self.asked);
        let (news, late) = match &waited {
            _ if matches!(asked.get(&request), Some(Some(_))) => (News::Nothing, false),
            None => self.read_one(&mut asked, patience),
            Some(_) => self.read_one(&mut asked, &Patience::none()),
        };
        (asked.get_mut(&request).and_then(Option::take), news, over || (waited.is_none() && late))
    }

    /// Reads at most one message, waiting for it with patience. The second value: patience is at its end.
    pub(crate) fn read(&self, patience: &Patience) -> (News, bool) {
        if let Patience::Hand(_) = patience {
            let waited = patience.ready(self.socket.as_fd(), PollFlags::IN);
            return (self.read_one(&mut locked(&self.asked), &Patience::none()).0, !matches!(waited, Ok(true)));
        }
        self.read_one(&mut locked(&self.asked), patience)
    }

    fn read_one(&self, asked: &mut Requests, patience: &Patience) -> (News, bool) {
        match patience.ready(self.socket.as_fd(), PollFlags::IN) {
            Ok(false) => (News::Nothing, true),
            Ok(true) => (self.take_one(asked), false),
            Err(error) => (News::Broken(format!("waiting on the control socket failed: {error}")), false),
        }
    }

    fn take_one(&self, asked: &mut Requests) -> News {
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        let (len, mut fds) = match recv_with_fds(self.socket.as_fd(), &mut buf, 1) {
            Ok((0, _)) => return News::HungUp,
            Ok(came) => came,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::WouldBlock => News::Nothing,
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => News::HungUp,
                    _ => News::Broken(format!("a control message could not be received: {error}")),
                };
            }
        };
        let message = match Control::decode(&buf[..len]) {
            Ok(message) => message,
            Err(error) => return News::Broken(error.to_string()),
        };
        let fd = fds.pop();
        match (message.kind, fd) {
            (ControlKind::Segment | ControlKind::Shown, Some(fd)) if message.segment.is_node_written() => {
                let shown = message.kind == ControlKind::Shown;
                News::Result { id: message.segment, bytes: message.length, fd, shown }
            }
            (ControlKind::Shown, Some(_)) => News::Broken("what is shown is a segment of the client's".into()),
            (ControlKind::Segment | ControlKind::Shown, None) => {
                News::Broken("a segment came without its descriptor".into())
            }
            (ControlKind::Segment | ControlKind::Accepted | ControlKind::Refused, fd) => {
                if let Some(waits) = asked.get_mut(&message.request) {
                    *waits = Some((message, fd));
                }
                News::Nothing
            }
            (ControlKind::Retire, _) => News::Retired(message.segment),
            (ControlKind::News, _) => News::Answers,
            (ControlKind::Bye, _) => News::Bye { code: message.code, text: message.text },
            (ControlKind::Grow | ControlKind::Frozen, _) => {
                News::Broken(format!("{:?} is a client's message", message.kind))
            }
        }
    }

    /// Closes both directions, for good.
    pub(crate) fn close(&self) {
        // A peer that is gone already has closed them.
        let _may_be_closed = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }

    /// What becomes readable when the node says something.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether something is there to be read.
    pub(crate) fn has_words(&self) -> bool {
        matches!(ready(self.socket.as_fd(), PollFlags::IN, Duration::ZERO), Ok(true))
    }

    /// Whether the node has closed its end, or died.
    pub(crate) fn hung_up(&self) -> bool {
        let mut fds = [PollFd::new(&self.socket, PollFlags::RDHUP)];
        let polled = retry_on_intr(|| rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })));
        let gone = PollFlags::HUP | PollFlags::RDHUP | PollFlags::ERR | PollFlags::NVAL;
        polled.is_err() || fds[0].revents().intersects(gone)
    }
}

/// Waits until a descriptor is ready, the time is up, or a signal came; a hang-up counts as ready.
pub(crate) fn ready(fd: BorrowedFd<'_>, flags: PollFlags, time: Duration) -> io::Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(fd, flags)];
    let time = Timespec { tv_sec: time.as_secs().min(1 << 30) as i64, tv_nsec: time.subsec_nanos().into() };
    match rustix::event::poll(&mut fds, Some(&time)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Takes a request off the list when its asker leaves, however it leaves.
struct Forget<'a> {
    wire: &'a Wire,
    request: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        locked(&self.wire.asked).remove(&self.request);
    }
}
