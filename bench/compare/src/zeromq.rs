//! ZeroMQ: libzmq's REQ/REP, over a Unix socket and over TCP.
//!
//! Chosen: one context with one I/O thread a side (its default), NODELAY (its default), no linger, request and reply as
//! plain messages that the library copies in; REQ/REP is lock-step, so one request is outstanding.
//!
//! Lives here: both servers, the client.

use windlass_bench::{Caller, Door, Failure, Meter, checksum, contender::Ending};
use zmq::{Context, Message, REP, REQ, Socket};

/// Serves over an abstract Unix socket: it has no file, so nothing is left behind.
pub fn serve_ipc(door: &Door) -> Result<(), Failure> {
    serve(door, &format!("ipc://@windlass-bench-zmq-{}", std::process::id()))
}

/// Serves over TCP on a loopback port of the library's choice.
pub fn serve_tcp(door: &Door) -> Result<(), Failure> {
    serve(door, "tcp://127.0.0.1:*")
}

fn serve(door: &Door, endpoint: &str) -> Result<(), Failure> {
    let context = Context::new();
    let socket = context.socket(REP)?;
    socket.set_linger(0)?;
    socket.bind(endpoint)?;
    let bound = socket.get_last_endpoint()?.map_err(|bytes| format!("an endpoint that is no text: {bytes:?}"))?;
    door.ready(&bound, Ending::AtOnce)?;
    let mut request = Message::new();
    loop {
        socket.recv(&mut request, 0)?;
        socket.send(checksum(&request).to_le_bytes().as_slice(), 0)?;
    }
}

/// A client of the endpoint that a server printed.
pub fn connect(endpoint: &str) -> Result<Box<dyn Caller>, Failure> {
    let context = Context::new();
    let socket = context.socket(REQ)?;
    socket.set_linger(0)?;
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
            let sum = reply[..].try_into().map_err(|_| format!("a reply of {} bytes", reply.len()))?;
            Ok::<u64, Failure>(u64::from_le_bytes(sum))
        })
    }
}
