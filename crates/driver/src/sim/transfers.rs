//! Transfers: bytes between the ends of a simulated connection or pipe, and how one ends; a doorbell's count.
//!
//! From: `operations`, when a receive or a send has its moment; `outside`, by hand. To: the other end's inbox, and whoever waits
//! there.
//! Holds: a waiting operation is looked at again whenever what it waits for may have come. Pipes and doorbells stay inside a
//! machine: no weather cuts or silences them.

use super::net::End;
use super::operations::bytes_of;
use super::world::{Event, Inner};
use crate::buffer::IoBuffer;
use crate::{IoError, Nanos, Value};
use rustix::io::Errno;

type Outcome = Option<Result<Value, IoError>>;

/// What was there to be taken.
pub(super) enum Taken {
    /// These bytes; none: it is over.
    Bytes(Vec<u8>),
    /// Nothing yet.
    Nothing,
}

fn system(errno: Errno) -> Outcome {
    Some(Err(IoError::System(errno.into())))
}

impl Inner {
    pub(super) fn receive(&mut self, who: (usize, u64), end: End, buffer: &mut IoBuffer) -> Outcome {
        let short = self.weather.net.short;
        let there = self.net.side(end).map_or(0, |side| side.held());
        let most = buffer.len().min(there);
        let most = if most > 1 && self.times.hits(short) { 1 + self.times.place(most) } else { buffer.len() };
        match self.take_bytes(end, most) {
            Ok(Taken::Bytes(bytes)) => Some(Ok(Value::Bytes(buffer.fill(&bytes)))),
            Ok(Taken::Nothing) => {
                self.net.side(end)?.receives = Some(who);
                None
            }
            Err(errno) => system(errno),
        }
    }

    /// Takes at most so many of the bytes that have arrived at an end.
    pub(super) fn take_bytes(&mut self, end: End, most: usize) -> Result<Taken, Errno> {
        let now = self.now();
        let Some(connection) = self.net.connection(end) else { return Err(Errno::CONNRESET) };
        if connection.pipe && end.side == 0 {
            return Err(Errno::BADF);
        }
        if connection.lost {
            return Err(Errno::CONNRESET);
        }
        let side = &mut connection.sides[end.side];
        side.land(now);
        if most == 0 || side.is_over(now) {
            return Ok(Taken::Bytes(Vec::new()));
        }
        if side.inbox.is_empty() {
            return Ok(Taken::Nothing);
        }
        let bytes: Vec<u8> = side.inbox.drain(..most.min(side.inbox.len())).collect();
        let waits = connection.sides[1 - end.side].sends.take();
        self.wake(waits);
        Ok(Taken::Bytes(bytes))
    }

    pub(super) fn send(&mut self, who: (usize, u64), end: End, buffer: &IoBuffer) -> Outcome {
        let net = self.weather.net.clone();
        let Some(connection) = self.net.connection(end) else { return system(Errno::CONNRESET) };
        let (pipe, usable) = (connection.pipe, !connection.lost && !connection.sides[end.side].shut);
        if usable && !pipe {
            if self.times.hits(net.cut) {
                self.lose(end);
                return system(Errno::CONNRESET);
            }
            if self.times.hits(net.silent)
                && let Some(other) = self.net.side(end.other())
            {
                other.silent = true;
            }
        }
        let way = self.way_ns();
        let other = self.net.side(end.other())?;
        if usable && !pipe && other.closed {
            // The peer's system answers that nobody is there; what was sent is gone.
            let gone = buffer.len();
            self.lose(end);
            return if self.order.coin() { Some(Ok(Value::Bytes(gone))) } else { system(Errno::CONNRESET) };
        }
        let most = buffer.len().min(net.buffer_bytes.saturating_sub(other.held()));
        let len = if most > 1 && self.times.hits(net.short) { 1 + self.times.place(most) } else { most };
        match self.put_bytes(end, &bytes_of(buffer, len), way) {
            Ok(0) if !buffer.is_empty() => {
                self.net.side(end)?.sends = Some(who);
                None
            }
            Ok(put) => Some(Ok(Value::Bytes(put))),
            Err(errno) => system(errno),
        }
    }

    /// Sends what of these bytes there is room for; they arrive after so long a way.
    pub(super) fn put_bytes(&mut self, end: End, bytes: &[u8], way: Nanos) -> Result<usize, Errno> {
        let most = self.weather.net.buffer_bytes;
        let now = self.now();
        let Some(connection) = self.net.connection(end) else { return Err(Errno::CONNRESET) };
        let pipe = connection.pipe;
        let other = &connection.sides[1 - end.side];
        match () {
            () if pipe && end.side == 1 => return Err(Errno::BADF),
            () if pipe && (other.closed || connection.lost) => return Err(Errno::PIPE),
            () if connection.lost => return Err(Errno::CONNRESET),
            () if connection.sides[end.side].shut => return Err(Errno::PIPE),
            () => {}
        }
        let other = &mut connection.sides[1 - end.side];
        let len = bytes.len().min(most.saturating_sub(other.held()));
        let arrives = other.flights.back().map_or(0, |(at, _)| *at).max(now + way);
        if len > 0 {
            other.flights.push_back((arrives, bytes[..len].to_vec()));
            self.schedule(arrives, Event::Arrival(end.other()));
        }
        Ok(len)
    }

    /// Takes how often a doorbell was rung, and begins to count anew.
    pub(super) fn take_rung(&mut self, who: (usize, u64), bell: u64, buffer: &mut IoBuffer) -> Outcome {
        let Some(bell) = self.bell(bell) else { return Some(Err(IoError::NotRegistered)) };
        if buffer.len() < size_of::<u64>() {
            return system(Errno::INVAL);
        }
        match std::mem::take(&mut bell.rung) {
            0 => {
                bell.waits = Some(who);
                None
            }
            rung => Some(Ok(Value::Bytes(buffer.fill(&rung.to_ne_bytes())))),
        }
    }

    /// Rings a doorbell as often as the buffer says.
    pub(super) fn ring_by(&mut self, bell: u64, buffer: &IoBuffer) -> Result<Value, IoError> {
        let mut times = [0; size_of::<u64>()];
        if buffer.copy_out(&mut times) < times.len() {
            return Err(IoError::System(Errno::INVAL.into()));
        }
        self.ring_bell(bell, u64::from_ne_bytes(times));
        Ok(Value::Bytes(times.len()))
    }

    /// Something has arrived: bytes, the end, or the news that the connection is lost.
    pub(super) fn arrive(&mut self, end: End) {
        let now = self.now();
        let Some(side) = self.net.side(end) else { return };
        side.land(now);
        let waits = side.receives.take();
        self.wake(waits);
    }

    pub(super) fn wake(&mut self, waits: Option<(usize, u64)>) {
        if let Some((driver, id)) = waits {
            let now = self.now();
            self.schedule(now, Event::Operation(driver, id));
        }
    }

    /// This end sends no more.
    pub(super) fn shut(&mut self, end: End) -> Result<Value, IoError> {
        let errno = match self.net.connection(end) {
            Some(connection) if connection.pipe => Errno::NOTSOCK,
            Some(connection) if !connection.lost => {
                self.say_end(end);
                return Ok(Value::Nothing);
            }
            _ => Errno::NOTCONN,
        };
        Err(IoError::System(errno.into()))
    }

    fn say_end(&mut self, end: End) {
        let at = self.now() + self.way_ns();
        let Some(side) = self.net.side(end) else { return };
        if std::mem::replace(&mut side.shut, true) {
            return;
        }
        let Some(other) = self.net.side(end.other()) else { return };
        let at = other.flights.back().map_or(0, |(at, _)| *at).max(at);
        other.ends_at = Some(at);
        self.schedule(at, Event::Arrival(end.other()));
    }

    /// An end's descriptor is closed: the peer reads the end, or is told of a loss if not everything was received.
    pub(super) fn hang_up(&mut self, end: End) {
        let Some(connection) = self.net.connection(end) else { return };
        let side = &mut connection.sides[end.side];
        side.closed = true;
        let unread = side.held() > 0;
        if connection.sides[1 - end.side].closed {
            self.net.connections.remove(&end.connection);
        } else if unread {
            self.lose(end);
        } else {
            self.say_end(end);
            // A sender that waits for room would wait for ever.
            let waits = self.net.side(end.other()).and_then(|side| side.sends.take());
            self.wake(waits);
        }
    }

    /// The connection is lost: whoever waits at it is told.
    pub(super) fn lose(&mut self, end: End) {
        self.note("lost", end.connection, end.side as u64);
        let Some(connection) = self.net.connection(end) else { return };
        connection.lost = true;
        let waiting: Vec<_> =
            connection.sides.iter_mut().flat_map(|side| [side.receives.take(), side.sends.take()]).collect();
        waiting.into_iter().for_each(|waits| self.wake(waits));
    }
}
