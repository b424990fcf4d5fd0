//! The rivals of the call bench, as contenders that speak the bench's protocol.
//!
//! Lives here: the table of kinds, in the order they are printed.
//! - `tonic-tcp`, `tonic-unix`: gRPC, unary, one thread a side (`grpc`);
//! - `iceoryx2`, `iceoryx2-spin`: request-response over shared memory, waiting on events or spinning (`iceoryx`);
//! - `zmq-ipc`, `zmq-tcp`: libzmq's REQ/REP (`zeromq`);
//! - probes, for the bench of rates: `tonic-unix-threads`, `tarpc-unix`, `tarpc-unix-threads` (`rust_rpc`), `zmq-router`.
//!
//! Holds: each rival is set up as its own documentation advises for this load, with message limits raised to 16 MiB;
//! what was chosen stands at the head of its file.

mod grpc;
mod iceoryx;
mod runtime;
mod rust_rpc;
mod streaming;
mod zeromq;

use runtime::Threads;
use std::process::ExitCode;
use windlass_bench::{
    Contender,
    limits::{OUTSTANDING_MAX, REQUEST_BYTES_MAX},
};

const CONTENDERS: [Contender; 6] = [
    Contender {
        name: "tonic-tcp",
        about: "rival: tonic 0.14 unary over TCP loopback, NODELAY, one thread a side",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: grpc::OUTSTANDING_MAX,
        serve: grpc::serve_tcp,
        connect: grpc::connect_tcp,
    },
    Contender {
        name: "tonic-unix",
        about: "rival: tonic 0.14 unary over a Unix socket, one thread a side",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: grpc::OUTSTANDING_MAX,
        serve: |door| grpc::serve_unix(door, Threads::One),
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

const PROBES: [Contender; 4] = [
    Contender {
        name: "tonic-unix-threads",
        about: "rival: tonic 0.14 unary over a Unix socket, a server with a thread for each core",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: grpc::OUTSTANDING_MAX,
        serve: |door| grpc::serve_unix(door, Threads::Cores),
        connect: grpc::connect_unix,
    },
    Contender {
        name: "tarpc-unix",
        about: "rival: tarpc 0.38 with bincode over a Unix socket, one thread a side",
        spins: false,
        bytes_max: rust_rpc::BYTES_MAX,
        outstanding_max: OUTSTANDING_MAX,
        serve: |door| rust_rpc::serve(door, Threads::One),
        connect: rust_rpc::connect,
    },
    Contender {
        name: "tarpc-unix-threads",
        about: "rival: tarpc 0.38 with bincode over a Unix socket, a server with a thread for each core",
        spins: false,
        bytes_max: rust_rpc::BYTES_MAX,
        outstanding_max: OUTSTANDING_MAX,
        serve: |door| rust_rpc::serve(door, Threads::Cores),
        connect: rust_rpc::connect,
    },
    Contender {
        name: "zmq-router",
        about: "rival: libzmq 4.3 DEALER/ROUTER over a Unix socket, queues without limit, one thread and one I/O thread a side",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: OUTSTANDING_MAX,
        serve: zeromq::serve_router,
        connect: zeromq::connect_dealer,
    },
];

fn main() -> ExitCode {
    streaming::main().unwrap_or_else(|| windlass_bench::contender::main_with_probes(&CONTENDERS, &PROBES))
}
