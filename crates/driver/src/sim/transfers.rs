//! Transfers: bytes between the ends of a simulated connection, and how a connection ends.
//!
//! From: `operations`, when a receive or a send has its moment. To: the other end's inbox, and whoever waits there.
//! Holds: a waiting operation is looked at again whenever what it waits for may have come.

use super::net::End;
use super::operations::bytes_of;
use super::world::{Event, Inner};
use crate::buffer::IoBuffer;
use crate::{IoError, Value};
use rustix::io::Errno;

type Outcome = Option<Result<Value, IoError>>;

fn reset() -> Outcome {
    Some(Err(IoError::System(Errno::CONNRESET.into())))
}

impl Inner {
    pub(super) fn receive(&mut self, who: (usize, u64), end: End, buffer: &mut IoBuffer) -> Outcome {
        let (now, short) = (self.now(), self.weather.net.short);
        let Some(connection) = self.net.connection(end) else { return reset() };
        if connection.lost {
            return reset();
        }
        let side = &mut connection.sides[end.side];
        side.land(now);
        if buffer.is_empty() || side.is_over(now) {
            return Some(Ok(Value::Bytes(0)));
        }
        if side.inbox.is_empty() {
            side.receives = Some(who);
            return None;
        }
        let most = buffer.len().min(side.inbox.len());
        let len = if self.times.hits(short) { 1 + self.times.place(most) } else { most };
        let bytes: Vec<u8> = side.inbox.drain(..len).collect();
        let filled = buffer.fill(&bytes);
        let waits = connection.sides[1 - end.side].sends.take();
        self.wake(waits);
        Some(Ok(Value::Bytes(filled)))
    }

    pub(super) fn send(&mut self, who: (usize, u64), end: End, buffer: &IoBuffer) -> Outcome {
        let net = self.weather.net.clone();
        let Some(connection) = self.net.connection(end) else { return reset() };
        if connection.lost {
            return reset();
        }
        if connection.sides[end.side].shut {
            return Some(Err(IoError::System(Errno::PIPE.into())));
        }
        if self.times.hits(net.cut) {
            self.lose(end);
            return reset();
        }
        let silent = self.times.hits(net.silent);
        let way = self.way_ns();
        let now = self.now();
        let other = self.net.side(end.other())?;
        other.silent |= silent;
        if other.closed {
            // The peer's system answers that nobody is there; what was sent is gone.
            let gone = buffer.len();
            self.lose(end);
            return if self.order.coin() { Some(Ok(Value::Bytes(gone))) } else { reset() };
        }
        let room = net.buffer_bytes.saturating_sub(other.held());
        if room == 0 && !buffer.is_empty() {
            self.net.side(end)?.sends = Some(who);
            return None;
        }
        let most = buffer.len().min(room);
        let len = if most > 1 && self.times.hits(net.short) { 1 + self.times.place(most) } else { most };
        let other = self.net.side(end.other())?;
        let arrives = other.flights.back().map_or(0, |(at, _)| *at).max(now + way);
        if len > 0 {
            other.flights.push_back((arrives, bytes_of(buffer, len)));
            self.schedule(arrives, Event::Arrival(end.other()));
        }
        Some(Ok(Value::Bytes(len)))
    }

    /// Something has arrived: bytes, the end, or the news that the connection is lost.
    pub(super) fn arrive(&mut self, end: End) {
        let now = self.now();
        let Some(side) = self.net.side(end) else { return };
        side.land(now);
        let waits = side.receives.take();
        self.wake(waits);
    }

    fn wake(&mut self, waits: Option<(usize, u64)>) {
        if let Some((driver, id)) = waits {
            let now = self.now();
            self.schedule(now, Event::Operation(driver, id));
        }
    }

    /// This end sends no more.
    pub(super) fn shut(&mut self, end: End) -> Result<Value, IoError> {
        let lost = self.net.connection(end).is_none_or(|connection| connection.lost);
        if lost {
            return Err(IoError::System(Errno::NOTCONN.into()));
        }
        self.say_end(end);
        Ok(Value::Nothing)
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
