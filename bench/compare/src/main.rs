//! The rivals of the call bench, as contenders that speak the bench's protocol.
//!
//! Lives here: the table of kinds, in the order they are printed.
//! - `tonic-tcp`, `tonic-unix`: gRPC, unary, one thread a side (`grpc`);
//! - `iceoryx2`, `iceoryx2-spin`: request-response over shared memory, waiting on events or spinning (`iceoryx`);
//! - `zmq-ipc`, `zmq-tcp`: libzmq's REQ/REP (`zeromq`).
//!
//! Holds: each rival is set up as its own documentation advises for this load, with message limits raised to 16 MiB;
//! what was chosen stands at the head of its file.

mod grpc;
mod iceoryx;
mod zeromq;

use std::process::ExitCode;
use windlass_bench::{Contender, limits::REQUEST_BYTES_MAX};

const CONTENDERS: [Contender; 6] = [
    Contender {
        name: "tonic-tcp",
        about: "rival: tonic 0.14 unary over TCP loopback, NODELAY, one thread a side",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: 1024,
        serve: grpc::serve_tcp,
        connect: grpc::connect_tcp,
    },
    Contender {
        name: "tonic-unix",
        about: "rival: tonic 0.14 unary over a Unix socket, one thread a side",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: 1024,
        serve: grpc::serve_unix,
        connect: grpc::connect_unix,
    },
    Contender {
        name: "iceoryx2",
        about: "rival: iceoryx2 0.10 request-response over shared memory, each side waits on an event",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: iceoryx::OUTSTANDING_MAX,
        serve: |door| iceoryx::serve(door, iceoryx::Wait::Event),
        connect: |address| iceoryx::connect(address, iceoryx::Wait::Event),
    },
    Contender {
        name: "iceoryx2-spin",
        about: "rival: iceoryx2 0.10 request-response over shared memory, both sides spin",
        spins: true,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: iceoryx::OUTSTANDING_MAX,
        serve: |door| iceoryx::serve(door, iceoryx::Wait::Spin),
        connect: |address| iceoryx::connect(address, iceoryx::Wait::Spin),
    },
    Contender {
        name: "zmq-ipc",
        about: "rival: libzmq 4.3 REQ/REP over a Unix socket, one I/O thread a side",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: 1,
        serve: zeromq::serve_ipc,
        connect: zeromq::connect,
    },
    Contender {
        name: "zmq-tcp",
        about: "rival: libzmq 4.3 REQ/REP over TCP loopback, one I/O thread a side",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: 1,
        serve: zeromq::serve_tcp,
        connect: zeromq::connect,
    },
];

fn main() -> ExitCode {
    windlass_bench::contender::main(&CONTENDERS)
}
