//! Stream: a session's bytes over a socket, as frames.
//!
//! Lives here: `Stream` (what is to be sent, and the socket); `inbound` (what arrives, and the answers in it), `pipe` (the socket,
//! or what stands for one), `dial` (connecting and the hello).
//! From: `outgoing` publishes calls, `session` cancels. To: the node; `reap` takes what arrives.
//! Holds: bytes of buffers go under the node's credit, some of each call in turn, straight from the loan or the frozen memory
//! that the call keeps; no thread of its own: whoever publishes sends what the socket takes, whoever reaps sends the rest.
//! Not here: the records (`windlass_contract::frame`).

pub(crate) mod dial;
pub(crate) mod inbound;
pub(crate) mod pipe;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use windlass_contract::frame::{Frame, chunk_room};
use windlass_contract::head::Direction;
use windlass_contract::limits::{CHUNK_BYTES_MAX, WINDOW_BYTES};
use windlass_contract::slot::{Kind, NO_DEADLINE, Place, Query, Slot};
use windlass_contract::{CallId, Fault, MethodId, Outcome, PoolId};
use windlass_memory::{Doorbell, SegmentId};

use crate::limits::STREAM_WRITE_BYTES;
use crate::outgoing::Hold;
use crate::session::Session;
use crate::table::locked;
use pipe::Way;

/// The sending side of a session over a socket, and the socket.
pub(crate) struct Stream {
    way: Way,
    out: Mutex<Outbound>,
    /// The socket took less than there is: whoever waits looks when it takes more.
    full: AtomicBool,
    /// Tells a thread that waits for the socket to look at `full`.
    nudge: Doorbell,
}

struct Outbound {
    /// Frames; those before `at` are sent.
    bytes: Vec<u8>,
    at: usize,
    /// Buffers of calls, some bytes of each in turn. Bounded by calls and their buffers.
    sending: VecDeque<Sending>,
    /// Bytes of chunks that may be sent now.
    credit: u64,
}

/// A buffer on its way.
struct Sending {
    call: CallId,
    buffer: u32,
    at: u64,
    len: u64,
}

impl Stream {
    pub(crate) fn new(way: Way) -> io::Result<Stream> {
        let out = Outbound { bytes: Vec::new(), at: 0, sending: VecDeque::new(), credit: WINDOW_BYTES };
        Ok(Stream { way, out: Mutex::new(out), full: AtomicBool::new(false), nudge: Doorbell::new()? })
    }

    /// Closes both directions, for good.
    pub(crate) fn close(&self) {
        self.way.close();
    }

    /// Does something while no call is being published.
    pub(crate) fn while_nothing_is_sent<R>(&self, does: impl FnOnce() -> R) -> R {
        let _out = locked(&self.out);
        does()
    }

    /// Whether something waits to be read, without waiting.
    pub(crate) fn has_news(&self) -> bool {
        self.way.is_readable()
    }

    /// What becomes readable when the node says something; of a connection of the caller's own, what wakes its waiters.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.way {
            Way::Socket(socket) => socket.as_fd(),
            Way::Hand(_) => self.nudge.as_fd(),
        }
    }

    /// Waits until something may be read, or the socket takes more of what it did not take, or somebody nudges.
    ///
    /// # Errors
    /// The system's.
    fn wait(&self, time: Duration) -> io::Result<()> {
        let Way::Socket(socket) = &self.way else { return Ok(()) };
        let flags = if self.full.load(Ordering::Acquire) { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut fds = [PollFd::new(socket, flags), PollFd::new(&self.nudge, PollFlags::IN)];
        let time = Timespec { tv_sec: time.as_secs().min(1 << 30) as i64, tv_nsec: time.subsec_nanos().into() };
        match rustix::event::poll(&mut fds, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        if !fds[1].revents().is_empty() {
            self.nudge.drain()?;
        }
        Ok(())
    }
}

impl Outbound {
    /// The next bytes: chunks of what may be sent, some of each buffer in turn.
    fn fill(&mut self, session: &Session) {
        self.bytes.clear();
        self.at = 0;
        while self.bytes.len() < STREAM_WRITE_BYTES
            && self.credit > 0
            && let Some(mut sending) = self.sending.pop_front()
        {
            let len = (sending.len - sending.at).min(CHUNK_BYTES_MAX as u64).min(self.credit);
            let (from, to) = (sending.at as usize, (sending.at + len) as usize);
            let bytes = &mut self.bytes;
            let sent = session.table.with(sending.call, |out| {
                let hold = out.holds.buffers.get(sending.buffer as usize).map(|asked| &asked.hold);
                let source: Option<&[u8]> = match hold {
                    Some(Hold::Loan(loan)) => loan.get(from..to),
                    Some(Hold::Frozen(frozen)) => frozen.get(from..to),
                    Some(Hold::Room) | None => None,
                };
                let Some(source) = source else { return false };
                let room = chunk_room(bytes, sending.call, sending.buffer, sending.at, source.len());
                bytes[room].copy_from_slice(source);
                true
            });
            // One that was answered meanwhile needs nothing any more.
            if sent != Some(true) {
                continue;
            }
            self.credit -= len;
            sending.at += len;
            if sending.at < sending.len {
                self.sending.push_back(sending);
            }
        }
    }
}

impl Session {
    /// Publishes a call over its stream: the slot, its arguments, and what the socket takes of its buffers. Its `Out` stands
    /// behind its slot already. Answers its stamp.
    ///
    /// # Errors
    /// What ended the session: the call was not published.
    pub(crate) fn publish_framed(
        &self,
        stream: &Stream,
        slot: &Slot,
        arguments: &[u8],
        announce: bool,
    ) -> Result<u64, Fault> {
        let mut out = locked(&stream.out);
        self.not_over()?;
        let at = self.stamp();
        Frame::Slot(*slot, arguments).encode(&mut out.bytes);
        let Outbound { sending, .. } = &mut *out;
        self.table.with(slot.call, |call| {
            for (buffer, asked) in call.holds.buffers.iter().enumerate() {
                let len = asked.entry.length;
                if asked.entry.direction != Direction::Out && len > 0 {
                    sending.push_back(Sending { call: slot.call, buffer: buffer as u32, at: 0, len });
                }
            }
        });
        self.counts.calls.add_alone(1);
        let sent = if announce { self.push_out(stream, &mut out) } else { Ok(()) };
        drop(out);
        if let Err(fault) = sent {
            // Some of it may have been sent: whether the call ran is the node's to know.
            self.end(fault);
        }
        Ok(at)
    }

    /// Asks the node to end a call early.
    pub(crate) fn cancel_framed(&self, stream: &Stream, call: CallId) {
        let slot = Slot {
            call,
            pool: PoolId::ADMIN,
            method: MethodId(0),
            kind: Kind::Cancel,
            query: Query::Local,
            flags: 0,
            schema: 0,
            time_left_ns: NO_DEADLINE,
            arguments: Place { segment: SegmentId::NONE, length: 0, offset: 0 },
        };
        self.push_frame(stream, &Frame::Slot(slot, &[]));
    }

    /// Gives the node credit for chunks that were taken.
    fn give_credit(&self, stream: &Stream, bytes: u64) {
        self.push_frame(stream, &Frame::Credit(bytes));
    }

    fn push_frame(&self, stream: &Stream, frame: &Frame<'_>) {
        let mut out = locked(&stream.out);
        if self.over.get().is_some() {
            return;
        }
        frame.encode(&mut out.bytes);
        let sent = self.push_out(stream, &mut out);
        drop(out);
        if let Err(fault) = sent {
            self.end(fault);
        }
    }

    /// The node can take so many bytes of chunks more.
    fn take_credit(&self, stream: &Stream, bytes: u64) {
        let mut out = locked(&stream.out);
        match out.credit.checked_add(bytes).filter(|credit| *credit <= WINDOW_BYTES) {
            Some(credit) => out.credit = credit,
            None => {
                drop(out);
                self.broken(format!("a credit of {bytes} bytes, which were never sent"));
                return;
            }
        }
        let sent = self.push_out(stream, &mut out);
        drop(out);
        if let Err(fault) = sent {
            self.end(fault);
        }
    }

    /// Sends what did not go before.
    pub(crate) fn push_rest(&self, stream: &Stream) {
        let mut out = locked(&stream.out);
        if self.over.get().is_some() {
            return;
        }
        let sent = self.push_out(stream, &mut out);
        drop(out);
        if let Err(fault) = sent {
            self.end(fault);
        }
    }

    /// Sends as much as the socket takes.
    fn push_out(&self, stream: &Stream, out: &mut Outbound) -> Result<(), Fault> {
        loop {
            while out.at < out.bytes.len() {
                match stream.way.send(&out.bytes[out.at..]) {
                    Ok(count) => out.at += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        // A thread that sleeps over the socket has to sleep over its room too.
                        if !stream.full.swap(true, Ordering::AcqRel) {
                            // The counter is at its end only if nobody has looked for as many nudges: one is enough.
                            let _is_rung = stream.nudge.ring();
                        }
                        return Ok(());
                    }
                    Err(_) => return Err(self.gone()),
                }
            }
            out.fill(self);
            if out.bytes.is_empty() {
                stream.full.store(false, Ordering::Release);
                return Ok(());
            }
        }
    }

    /// One turn of a reaper over a stream: takes what is there, or waits for some for at most `time` and a quarter second.
    pub(crate) fn reap_framed(
        self: &std::sync::Arc<Self>,
        stream: &Stream,
        inbound: &mut inbound::Inbound,
        time: Option<Duration>,
        own: Option<&crate::reap::Own<'_>>,
    ) {
        let slice = time.map_or(crate::limits::PARK_SLICE, |time| time.min(crate::limits::PARK_SLICE));
        if let Err(error) = stream.wait(slice) {
            let text = format!("waiting on the socket failed: {error}");
            return self.end(Fault::new(windlass_contract::Code::Io, text).with_outcome(Outcome::Unknown));
        }
        self.counts.parks.add_alone(1);
        if stream.full.load(Ordering::Acquire) {
            self.push_rest(stream);
        }
        self.take_framed(stream, inbound, own);
    }
}
