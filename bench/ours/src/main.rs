//! Windlass as a contender: a node with `echo` in one process, a client of it in another.
//!
//! Lives here: the kinds.
//! - `ours`: what a user writes without a second thought: up to 16 KiB as an argument, more in a loan that is filled in place
//!   and copied once, on arrival;
//! - `ours-parked`: the same, but neither side spins: what a wake costs;
//! - `ours-unix`, `ours-tcp`: the same over a socket;
//! - `ours-frozen`: the request frozen once and sent again and again: no byte is copied;
//! - `ours-served`: a third process serves the pool, through the node (`served`);
//! - probes, for benches of their own: `ours-wide`, `ours-wide-workers` with room for as many calls as a window may have, the second
//!   with a worker for each core; `ours-stages` as `ours`, with stamps (`stages`); `ours-silent` with clients that are
//!   connected and say nothing, but for a call after each silence (`silent`).
//!
//! Holds: each answer is checked by the harness. Not here: figures.
#![allow(clippy::disallowed_methods, reason = "a bench program, not part of a node")]

mod served;
mod silent;
mod stages;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use windlass_bench::limits::OUTSTANDING_MAX as WIDEST;
use windlass_bench::operation::{HEAD_BYTES, KEPT_WHOLE};
use windlass_bench::{Caller, Contender, Door, Failure, Meter, contender::Ending};
use windlass_client::{Client, Connect, FrozenLoan, Loan, Pending, Pool, Reply, Token};
use windlass_contract::MethodRef;
use windlass_runtime::{Node, NodeConfig, PoolSpec};

/// Requests up to this many bytes travel with the arguments.
const AS_ARGUMENT_MAX: usize = 16 << 10;
const OUTSTANDING_MAX: u32 = 128;

const CONTENDERS: [Contender; 6] = [
    Contender {
        name: "ours",
        about: "Windlass over shared memory; up to 16 KiB as an argument, more in a loan that is copied once on arrival; both \
                sides spin while the other runs elsewhere",
        spins: false,
        bytes_max: 64 << 20,
        outstanding_max: OUTSTANDING_MAX,
        serve: |door| serve_as(door, |_| {}),
        connect: |address| Ok(Box::new(connect(address, false)?)),
    },
    Contender {
        name: "ours-parked",
        about: "as ours, but neither side ever spins",
        spins: false,
        bytes_max: AS_ARGUMENT_MAX as u64,
        outstanding_max: 1,
        serve: |door| serve_as(door, |config| config.spin_ns = 0),
        connect: |address| Ok(Box::new(Ours::of(options().spin(Duration::ZERO).connect(address)?, false)?)),
    },
    Contender {
        name: "ours-frozen",
        about: "Windlass over shared memory; two requests are frozen once and sent in turn, no byte is copied",
        spins: false,
        bytes_max: 64 << 20,
        outstanding_max: OUTSTANDING_MAX,
        serve: |door| serve_as(door, |_| {}),
        connect: |address| Ok(Box::new(connect(address, true)?)),
    },
    Contender {
        name: "ours-unix",
        about: "Windlass over a Unix stream: the bytes of large requests go as chunks",
        spins: false,
        bytes_max: 64 << 20,
        outstanding_max: OUTSTANDING_MAX,
        serve: |door| serve_as(door, |_| {}),
        connect: |address| Ok(Box::new(Ours::of(terms(Connect::unix_stream(address)).open()?, false)?)),
    },
    Contender {
        name: "ours-tcp",
        about: "Windlass over TCP on loopback, with a token",
        spins: false,
        bytes_max: 64 << 20,
        outstanding_max: OUTSTANDING_MAX,
        serve: |door| serve_as(door, |config| config.tcp = Some(SocketAddr::from(([127, 0, 0, 1], 0)))),
        connect: |address| Ok(Box::new(Ours::of(over_tcp(address)?, false)?)),
    },
    Contender {
        name: "ours-served",
        about: "as ours, but the pool is served by a third process, on the server's side: two more hand-overs each way",
        spins: false,
        bytes_max: 64 << 20,
        outstanding_max: OUTSTANDING_MAX,
        serve: served::serve,
        connect: |address| Ok(Box::new(Ours::to(options().connect(address)?, "served", false)?)),
    },
];

const PROBES: [Contender; 5] = [
    Contender {
        name: "ours-wide",
        about: "Windlass over shared memory, one worker; clients with room for 4096 calls",
        spins: false,
        bytes_max: AS_ARGUMENT_MAX as u64,
        outstanding_max: WIDEST,
        serve: |door| serve_as(door, |_| {}),
        connect: |address| Ok(Box::new(Ours::of(options().calls(WIDEST).connect(address)?, false)?)),
    },
    Contender {
        name: "ours-wide-workers",
        about: "as ours-wide, with a worker for each core and a container on each",
        spins: false,
        bytes_max: AS_ARGUMENT_MAX as u64,
        outstanding_max: WIDEST,
        serve: |door| serve_as(door, with_workers),
        connect: |address| Ok(Box::new(Ours::of(options().calls(WIDEST).connect(address)?, false)?)),
    },
    Contender {
        name: "ours-provider",
        about: "the third process of ours-served",
        spins: false,
        bytes_max: 64 << 20,
        outstanding_max: 1,
        serve: |_| Err("it is a client of a node".into()),
        connect: served::provide,
    },
    Contender {
        name: "ours-stages",
        about: "as ours, both sides stamp each call",
        spins: false,
        bytes_max: AS_ARGUMENT_MAX as u64,
        outstanding_max: OUTSTANDING_MAX,
        serve: |door| serve_as(door, |config| config.stages = true),
        connect: |address| Ok(Box::new(stages::connect(address)?)),
    },
    Contender {
        name: "ours-silent",
        about: "many clients, connected and silent; one call after each silence",
        spins: false,
        bytes_max: AS_ARGUMENT_MAX as u64,
        outstanding_max: 1,
        serve: |door| serve_as(door, |config| config.stages = true),
        connect: |address| Ok(Box::new(silent::connect(address)?)),
    },
];

fn main() -> ExitCode {
    windlass_bench::contender::main_with_probes(&CONTENDERS, &PROBES)
}

fn serve_as(door: &Door, change: impl FnOnce(&mut NodeConfig)) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let mut config = NodeConfig::new("bench", windlass_admin::Admin::TABLE);
    config.directory = directory.path().join("node");
    config.modules.push(windlass_echo::Echo::TABLE);
    config.pools.push(PoolSpec::new("echo", "echo"));
    change(&mut config);
    let node = Node::start(config)?;
    // One word: where it listens and the token, or its directory.
    let address = match node.tcp() {
        Some(at) => format!("{at}/{}", std::fs::read_to_string(node.directory().join("token"))?.trim()),
        None => node.directory().display().to_string(),
    };
    door.ready(&address, Ending::Tidy)?;
    door.wait();
    Ok(())
}

fn with_workers(config: &mut NodeConfig) {
    config.workers = std::thread::available_parallelism().map_or(1, usize::from);
    let containers = u32::try_from(config.workers).unwrap_or(1);
    config.pools.iter_mut().for_each(|pool| pool.containers = containers);
}

fn connect(address: &str, frozen: bool) -> Result<Ours, Failure> {
    Ours::of(options().connect(address)?, frozen)
}

fn over_tcp(address: &str) -> Result<Client, Failure> {
    let (at, token) = address.split_once('/').ok_or("an address and a token")?;
    let token = Token::from_text(token).ok_or("the token is none")?;
    Ok(terms(Connect::tcp(at).token(token)).open()?)
}

fn options() -> Connect {
    terms(Client::options())
}

fn terms(connect: Connect) -> Connect {
    connect.name("bench").calls(OUTSTANDING_MAX)
}

struct Ours {
    client: Client,
    pool: Pool,
    digest: MethodRef,
    checksum: MethodRef,
    frozen: bool,
}

impl Ours {
    fn of(client: Client, frozen: bool) -> Result<Ours, Failure> {
        Ours::to(client, "echo", frozen)
    }

    fn to(client: Client, pool: &str, frozen: bool) -> Result<Ours, Failure> {
        let pool = client.pool(pool)?;
        let descriptor = pool.describe()?;
        let method = |name: &'static str| -> Result<MethodRef, Failure> {
            let method = descriptor.method(name).ok_or("the module echo has changed")?;
            Ok(MethodRef { id: method.id, schema: method.hash(), name, idempotent: true })
        };
        Ok(Ours { client, digest: method("digest")?, checksum: method("checksum")?, pool, frozen })
    }
}

impl Caller for Ours {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        let questions = meter.questions();
        let bytes = questions.bytes();
        if self.frozen {
            meter.copied_bytes(0);
            meter.keep_to(KEPT_WHOLE);
            let frozen: Vec<FrozenLoan> = (0..KEPT_WHOLE)
                .map(|variant| self.client.freeze(&questions.request(variant)))
                .collect::<Result<_, _>>()?;
            return pipeline(
                meter,
                |_, variant| self.pool.call(self.checksum).input(&frozen[variant]).send(),
                |_, _| {},
            );
        }
        if bytes <= AS_ARGUMENT_MAX {
            // Into the argument cell or a loan, and once on arrival.
            meter.copied_bytes(2 * bytes as u64);
            let mut request = questions.request(0);
            return pipeline(
                meter,
                |_, variant| {
                    request[..HEAD_BYTES].copy_from_slice(&questions.head(variant));
                    self.pool.call(self.digest).argument_bytes(&request).send()
                },
                |_, _| {},
            );
        }
        // Filled in place, so the copy on arrival is the only one; the loan comes back with the answer.
        meter.copied_bytes(bytes as u64);
        let filled = || -> Result<Loan, Failure> {
            let mut loan = self.client.lend(bytes)?;
            loan.copy_from_slice(questions.body());
            Ok(loan)
        };
        let loans: Vec<Option<Loan>> =
            (0..meter.ask().outstanding).map(|_| filled().map(Some)).collect::<Result<_, _>>()?;
        let loans = RefCell::new(loans);
        pipeline(
            meter,
            |slot, variant| {
                let loan = loans.borrow_mut()[slot].take();
                let call = self.pool.call(self.checksum);
                match loan {
                    Some(mut loan) => {
                        loan[..HEAD_BYTES].copy_from_slice(&questions.head(variant));
                        call.input(loan).send()
                    }
                    None => call.input(questions.body()).send(),
                }
            },
            |slot, reply| loans.borrow_mut()[slot] = reply.take_inputs().pop(),
        )
    }
}

/// Keeps the window full: sends, waits for the oldest, checks, sends again.
fn pipeline(
    meter: &mut Meter,
    mut send: impl FnMut(usize, usize) -> Pending,
    mut done: impl FnMut(usize, &mut Reply),
) -> Result<(), Failure> {
    let mut out: VecDeque<(usize, Pending)> = VecDeque::new();
    for slot in 0..meter.ask().outstanding as usize {
        if let Some(variant) = meter.issue(slot) {
            out.push_back((slot, send(slot, variant)));
        }
    }
    while let Some((slot, pending)) = out.pop_front() {
        let mut reply = pending.wait()?;
        meter.answer(slot, reply.value()?)?;
        done(slot, &mut reply);
        drop(reply);
        if let Some(variant) = meter.issue(slot) {
            out.push_back((slot, send(slot, variant)));
        }
    }
    Ok(())
}
