//! The floors of the call bench: what this machine can do at all, as contenders that speak the bench's protocol.
//!
//! Lives here: the table of kinds, in the order they are printed.
//! - `futex`, `yield`, `cacheline`: one hand-over each way through a shared page (`handover`, `shared`);
//! - `unix`, `tcp`: the operation over a blocking stream (`stream`);
//! - `memcpy`, `local-checksum`, `local-checksum-in-turn`: the operation's work without any hand-over (`local`).
//!
//! Not here: figures. The driver asks these processes and prints what they answer.

#![allow(clippy::disallowed_methods, reason = "a bench program, not part of a node")]

mod handover;
mod local;
mod shared;
mod stream;

use std::process::ExitCode;
use windlass_bench::{Contender, limits::REQUEST_BYTES_MAX};

const CONTENDERS: [Contender; 8] = [
    Contender {
        name: "futex",
        about: "floor: two processes hand 64 B over and 8 B back through shared memory, each waits on a futex",
        spins: false,
        bytes_max: shared::REQUEST_BYTES as u64,
        outstanding_max: 1,
        serve: |door| handover::serve(door, handover::Wait::Futex),
        connect: |address| handover::connect(address, handover::Wait::Futex),
    },
    Contender {
        name: "yield",
        about: "floor: as futex, but a side that waits gives way until it has been served: no wake at all",
        spins: false,
        bytes_max: shared::REQUEST_BYTES as u64,
        outstanding_max: 1,
        serve: |door| handover::serve(door, handover::Wait::GiveWay),
        connect: |address| handover::connect(address, handover::Wait::GiveWay),
    },
    Contender {
        name: "cacheline",
        about: "floor: one cache line there, one back, both sides spin; of the 64 B only the head travels",
        spins: true,
        bytes_max: shared::REQUEST_BYTES as u64,
        outstanding_max: 1,
        serve: |door| handover::serve(door, handover::Wait::Spin),
        connect: |address| handover::connect(address, handover::Wait::Spin),
    },
    Contender {
        name: "unix",
        about: "floor: blocking Unix stream socket, no framing",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: 1,
        serve: stream::serve_unix,
        connect: stream::connect_unix,
    },
    Contender {
        name: "tcp",
        about: "floor: blocking TCP over loopback, NODELAY, no framing",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: 1,
        serve: stream::serve_tcp,
        connect: stream::connect_tcp,
    },
    Contender {
        name: "memcpy",
        about: "floor: copies the request from warm memory to warm memory, in one process",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: 1,
        serve: local::serve,
        connect: |_| Ok(Box::new(local::Copier)),
    },
    Contender {
        name: "local-checksum",
        about: "floor: checksums the request where it lies, in one process",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: 1,
        serve: local::serve,
        connect: |_| Ok(Box::new(local::Summer)),
    },
    Contender {
        name: "local-checksum-in-turn",
        about: "floor: the same over two requests kept whole and taken in turn, as those that are frozen",
        spins: false,
        bytes_max: REQUEST_BYTES_MAX,
        outstanding_max: 1,
        serve: local::serve,
        connect: |_| Ok(Box::new(local::InTurn)),
    },
];

fn main() -> ExitCode {
    windlass_bench::contender::main(&CONTENDERS)
}
