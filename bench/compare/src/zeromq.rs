//! ZeroMQ: libzmq's REQ/REP, over a Unix socket and over TCP, and DEALER/ROUTER over a Unix socket.
//!
//! Chosen: one context with one I/O thread a side (its default), NODELAY (its default), no linger, request and reply as
//! plain messages that the library copies in; REQ/REP is lock-step, so one request is outstanding. A DEALER sends as many as it likes:
//! there queues have no limit, for at its usual one the library would drop answers or block.
//!
//! Lives here: the servers, the clients.

use std::collections::VecDeque;
use windlass_bench::operation::HEAD_BYTES;
use windlass_bench::{Caller, Door, Failure, Meter, checksum, contender::Ending};
use zmq::{Context, DEALER, Message, REP, REQ, ROUTER, SNDMORE, Socket};

/// Serves over an abstract Unix socket: it has no file, so nothing is left behind.
pub fn serve_ipc(door: &Door) -> Result<(), Failure> {
    serve(door, &format!("ipc://@windlass-bench-zmq-{}", std::process::id()))
}

/// Serves over TCP on a loopback port of the library's choice.
pub fn serve_tcp(door: &Door) -> Result<(), Failure> {
    serve(door, "tcp://127.0.0.1:*")
}

fn serve(door: &Door, endpoint: &str) -> Result<(), Failure> {
    let socket = bound(door, REP, endpoint)?;
    let mut request = Message::new();
    loop {
        socket.recv(&mut request, 0)?;
        socket.send(checksum(&request).to_le_bytes().as_slice(), 0)?;
    }
}

/// Serves many requests of many clients over an abstract Unix socket.
pub fn serve_router(door: &Door) -> Result<(), Failure> {
    let socket = bound(door, ROUTER, &format!("ipc://@windlass-bench-router-{}", std::process::id()))?;
    let (mut from, mut request) = (Message::new(), Message::new());
    loop {
        socket.recv(&mut from, 0)?;
        socket.recv(&mut request, 0)?;
        socket.send(&from[..], SNDMORE)?;
        socket.send(checksum(&request).to_le_bytes().as_slice(), 0)?;
    }
}

/// A socket of its own context, without limits, that the driver has been told of.
fn bound(door: &Door, kind: zmq::SocketType, endpoint: &str) -> Result<Socket, Failure> {
    let socket = unlimited(kind)?;
    socket.bind(endpoint)?;
    let bound = socket.get_last_endpoint()?.map_err(|bytes| format!("an endpoint that is no text: {bytes:?}"))?;
    door.ready(&bound, Ending::AtOnce)?;
    Ok(socket)
}

fn unlimited(kind: zmq::SocketType) -> Result<Socket, Failure> {
    let socket = Context::new().socket(kind)?;
    socket.set_linger(0)?;
    socket.set_sndhwm(0)?;
    socket.set_rcvhwm(0)?;
    Ok(socket)
}

/// A client of a router.
pub fn connect_dealer(endpoint: &str) -> Result<Box<dyn Caller>, Failure> {
    let socket = unlimited(DEALER)?;
    socket.connect(endpoint)?;
    Ok(Box::new(Dealer { socket }))
}

struct Dealer {
    socket: Socket,
}

impl Caller for Dealer {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        let questions = meter.questions();
        let (mut request, mut reply) = (questions.request(0), Message::new());
        let mut send = |variant: usize| {
            request[..HEAD_BYTES].copy_from_slice(&questions.head(variant));
            self.socket.send(request.as_slice(), 0)
        };
        // Answers of one server come in the order of the requests.
        let mut out = VecDeque::new();
        for slot in 0..meter.ask().outstanding as usize {
            if let Some(variant) = meter.issue(slot) {
                send(variant)?;
                out.push_back(slot);
            }
        }
        while let Some(slot) = out.pop_front() {
            self.socket.recv(&mut reply, 0)?;
            meter.answer(slot, sum_of(&reply)?)?;
            if let Some(variant) = meter.issue(slot) {
                send(variant)?;
                out.push_back(slot);
            }
        }
        Ok(())
    }
}

fn sum_of(reply: &Message) -> Result<u64, Failure> {
    let sum = reply[..].try_into().map_err(|_| format!("a reply of {} bytes", reply.len()))?;
    Ok(u64::from_le_bytes(sum))
}

/// A client of the endpoint that a server printed.
pub fn connect(endpoint: &str) -> Result<Box<dyn Caller>, Failure> {
    let socket = unlimited(REQ)?;
    socket.connect(endpoint)?;
    Ok(Box::new(Client { socket }))
}

/// The socket keeps its context alive.
struct Client {
    socket: Socket,
}

impl Caller for Client {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        let mut reply = Message::new();
        meter.serial(|request| {
            self.socket.send(request, 0)?;
            self.socket.recv(&mut reply, 0)?;
            sum_of(&reply)
        })
    }
}
