//! What the node says about itself: the vocabulary between `admin` (pool 0), the runtime and whoever asks.
//!
//! Lives here: `Request` and `Response` (over `Context::control`), the facts they carry, and the numbers of the `admin`
//! methods that every client needs before it knows any schema (`monitor`, which every module inherits, among them).
//! From: the module `admin`. To: `runtime::admin`, which alone can answer.
//! Holds: names decide; the same name with other parameters is a Fault, never a silent success.

use crate::schema::{Field, MethodSchema, Parameter, Shape};
use crate::{Described, MethodId, MethodRef, Schema};
use serde::{Deserialize, Serialize};

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }
            impl Described for $name {
                fn schema_at(depth: usize) -> Schema {
                    Schema::Struct {
                        name: stringify!($name).into(),
                        fields: vec![$(Field {
                            name: stringify!($field).into(),
                            schema: <$type as Described>::schema_at(depth + 1),
                        },)*],
                    }
                }
            }
        )*
    };
}

facts! {
    /// A pool.
    PoolFacts {
        /// Its id's bits.
        id: u64,
        /// Its name.
        name: String,
        /// Its module.
        module: String,
        /// The module's version.
        version: String,
        /// Its parameters as JSON.
        parameters: String,
        /// Containers on this node.
        containers: u32,
        /// Calls it has answered.
        calls: u64,
        /// Tasks alive now.
        live: u64,
    }
    /// How long the calls of a method took, their waits included.
    LatencyFacts {
        /// Calls that ran.
        calls: u64,
        /// The mean, in microseconds.
        mean_us: f64,
        /// Of a thousand calls: 500, 900, 990, 999 took no longer than this, in microseconds.
        quantiles_us: Vec<f64>,
        /// The longest, in microseconds.
        max_us: f64,
        /// Calls by time: up to so many microseconds, and more than the range before; each range ends at twice the one before.
        ranges: Vec<(f64, u64)>,
    }
    /// A container that is not where the modes of pools want it.
    StayFacts {
        /// Its pool.
        pool: String,
        /// Its number in the pool.
        container: u32,
        /// The worker where it stays.
        worker: u32,
        /// Why.
        why: String,
    }
    /// A pool's mode: with whom its containers share their workers.
    ModeFacts {
        /// The pool.
        pool: String,
        /// `shared`, `dedicated` or `bundled`.
        mode: String,
        /// How its containers got their workers.
        placement: String,
        /// The workers that they are on, in order of their ids.
        workers: Vec<u32>,
        /// Containers, of this and other pools, that moved just now.
        moved: u32,
        /// Those that should have and did not. Of new containers each is placed by the mode.
        stays: Vec<StayFacts>,
    }
    /// Something that happened to the node.
    EventFacts {
        /// Its number, counted from 1 since the node began.
        number: u64,
        /// Seconds after the node began.
        up_s: f64,
        /// What kind: `pool made`, `pool ended`, `pool back`, `pool refused`, `container moved`, `module loaded`, `session began`, `session ended`,
        /// `connection refused`, `worker held`, `node drains`.
        kind: String,
        /// What it happened to.
        subject: String,
        /// The code of the Fault behind it, or 0.
        code: u16,
        /// That Fault's words.
        text: String,
    }
    /// A pool that did not come back when the node restarted: its callers are refused until it is created anew or destroyed.
    RefusedPool {
        /// The id that it had.
        id: u64,
        /// Its name.
        name: String,
        /// What callers are told.
        why: String,
    }
    /// A module.
    ModuleFacts {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
        /// First line of its documentation.
        summary: String,
        /// `linked` or the path of its library.
        origin: String,
        /// Its methods' names.
        methods: Vec<String>,
        /// Pools made from it.
        pools: u32,
    }
    /// A session.
    SessionFacts {
        /// Its number.
        id: u64,
        /// What the client calls itself.
        name: String,
        /// Its process.
        pid: u32,
        /// Its user.
        uid: u32,
        /// Calls granted.
        calls_max: u32,
        /// Calls in flight.
        in_flight: u32,
        /// Calls answered.
        calls: u64,
        /// Bytes of its segments.
        segment_bytes: u64,
        /// Leases it holds.
        leases: u32,
        /// The worker that has it.
        worker: u32,
    }
    /// A worker: one thread of the node.
    WorkerFacts {
        /// Its number; 0 has the listener and `admin`.
        id: u32,
        /// Sessions that it has.
        sessions: u32,
        /// Containers whose home it is.
        containers: u32,
        /// Tasks alive.
        tasks: u64,
        /// Calls and tasks in its queues.
        queued: u64,
        /// Calls that it answered.
        calls: u64,
        /// Of them with a Fault.
        faults: u64,
        /// Calls of its sessions and containers that another worker ran.
        carried: u64,
        /// Turns.
        turns: u64,
        /// How often it slept.
        parks: u64,
        /// Polls that ran over their quantum.
        overruns: u64,
        /// Whether a piece of work holds it for too long at this moment: the watchdog says so, or it did not answer in a fifth of
        /// a second. Its own figures are 0 then.
        stalled: bool,
        /// How often the watchdog saw that.
        stalls: u64,
    }
    /// A container: one shard of a pool.
    ContainerFacts {
        /// Its pool's id.
        pool_id: u64,
        /// Its pool.
        pool: String,
        /// Its number in the pool: what the query `id` names.
        id: u32,
        /// Its home.
        worker: u32,
        /// How the pool's containers were spread over workers.
        placement: String,
        /// Calls it has answered.
        calls: u64,
        /// Tasks alive now.
        live: u64,
    }
    /// What a method did so far.
    MethodFacts {
        /// The pool.
        pool: String,
        /// The method.
        method: String,
        /// Calls answered with a value.
        calls: u64,
        /// Calls answered with a Fault.
        faults: u64,
        /// Half of the calls ran at most this long, microseconds.
        p50_us: f64,
        /// 99 of 100 did.
        p99_us: f64,
        /// The slowest.
        max_us: f64,
        /// What the next call is expected to cost: fixed, microseconds.
        fixed_us: f64,
        /// And for each kibibyte of buffers, microseconds.
        per_kib_us: f64,
    }
    /// The node as a whole.
    NodeFacts {
        /// Its name.
        name: String,
        /// Its process.
        pid: u32,
        /// Seconds since it started.
        up_s: f64,
        /// Its version.
        version: String,
        /// Workers.
        workers: u32,
        /// Sessions now.
        sessions: u32,
        /// Pools now.
        pools: u32,
        /// Tasks alive now.
        tasks: u64,
        /// Calls answered.
        calls: u64,
        /// Of them with a Fault.
        faults: u64,
        /// Bulk bytes copied on arrival.
        copied_bytes: u64,
        /// Bulk bytes that methods read in place, frozen.
        frozen_bytes: u64,
        /// Bytes of shared memory held for sessions.
        segment_bytes: u64,
        /// Turns of the workers.
        turns: u64,
        /// How often they slept.
        parks: u64,
        /// Polls that ran over their quantum.
        overruns: u64,
        /// How often a piece of work held a worker for too long, if the node watches for that.
        stalls: u64,
        /// What does the worker's files and sockets: `io_uring`, or `polling` where that is forbidden.
        backend: String,
        /// Why it is not `io_uring`; empty if it is.
        backend_why: String,
    }
    /// A task that lives.
    TaskFacts {
        /// Its id: its cell, and which of the tasks that had it.
        id: String,
        /// What it runs: `module.method`, or what its maker called it.
        name: String,
        /// Its worker.
        worker: u32,
        /// Its lane.
        lane: String,
        /// `ready`, `waiting` or `running`.
        state: String,
        /// Whether it was asked to end.
        cancelled: bool,
        /// Whether nobody waits for it at the end.
        system: bool,
        /// How long ago it was made, microseconds.
        age_us: f64,
        /// How often it ran.
        polls: u64,
        /// How long, microseconds.
        cpu_us: f64,
        /// How long it stood ready in its queue, microseconds.
        wait_us: f64,
        /// Timers and operations that it began.
        operations: u64,
    }
    /// One of the last calls of a method that ended with a value.
    SampleFacts {
        /// The container.
        container: u32,
        /// Bytes of arguments and buffers.
        bytes: u64,
        /// How long it ran, its waits included, microseconds.
        ran_us: f64,
        /// Of that, how long it held its worker, microseconds; of a `blocking` method, its thread.
        held_us: f64,
    }
    /// A lane of a worker.
    LaneFacts {
        /// The worker.
        worker: u32,
        /// Its name: `latency`, `background`, `heavy`, one of a weight, or one of a module's lane groups.
        lane: String,
        /// `latency` or `background`.
        class: String,
        /// Its part among the lanes of its class.
        weight: u32,
        /// What it is guaranteed of its worker, in thousandths.
        share: u32,
        /// Tasks alive on it.
        tasks: u64,
        /// Calls and tasks in its queue.
        queued: u64,
        /// Pieces of work that it ran.
        pieces: u64,
        /// How long they ran, microseconds.
        ran_us: f64,
    }
    /// When calls of one method passed from room to room: sums of `CLOCK_MONOTONIC` stamps in nanoseconds, modulo 2^64, over
    /// the calls that a client asked and that were answered with a value. Only differences of sums mean anything.
    StageFacts {
        /// The pool.
        pool: String,
        /// The method.
        method: String,
        /// Calls summed up.
        calls: u64,
        /// Taken from the submit ring.
        taken: u64,
        /// Copied and checked.
        arrived: u64,
        /// Admitted by the session.
        admitted: u64,
        /// Given to a container and its method.
        placed: u64,
        /// The method ended.
        answered: u64,
        /// The completion was published.
        replied: u64,
    }
}

/// A question to the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// The pool of this name, or of this id as text (`0.7`).
    Find(String),
    /// The descriptor of the module of this pool or, failing that, of the module of this name.
    Describe(String),
    /// Make a pool of one container, or answer the one that exists with the same module and parameters, however spread.
    Create {
        /// Its name.
        name: String,
        /// Its module.
        module: String,
        /// Encoded create parameters.
        parameters: Vec<u8>,
    },
    /// As `Create`, with so many containers, or answer the pool that exists with the same of everything.
    Spread {
        /// Its name.
        name: String,
        /// Its module.
        module: String,
        /// Encoded create parameters.
        parameters: Vec<u8>,
        /// How many containers.
        containers: u32,
        /// How they are spread over workers: `round_robin`, `least_loaded`, `dedicated`, `pinned:WORKER` or `numa:NODE`.
        placement: String,
        /// `shared`, `dedicated` or `bundled`; empty: as is usual for the placement.
        mode: String,
    },
    /// End a pool.
    Destroy(String),
    /// All pools.
    Pools,
    /// All modules.
    Modules,
    /// All sessions.
    Sessions,
    /// The node.
    Node,
    /// All methods that were called.
    Methods,
    /// Wait until every call accepted so far has ended.
    Flush,
    /// Stop, letting calls end for so many milliseconds.
    Stop(u64),
    /// Open a module library.
    Load(String),
    /// The sums of stamps since this was last asked; they begin anew.
    Stages,
    /// The tasks that live.
    Tasks,
    /// All workers.
    Workers,
    /// All containers.
    Containers,
    /// The last calls of a method.
    Samples {
        /// The pool.
        pool: String,
        /// The method.
        method: String,
    },
    /// All lanes.
    Lanes,
    /// How long the calls of a method took.
    Latency {
        /// The pool.
        pool: String,
        /// The method.
        method: String,
    },
    /// Pools that did not come back.
    Refused,
    /// The levels of the log, after these changes to them.
    Log(String),
    /// What has happened after the event of this number; waits so many milliseconds for something, if nothing has.
    Events {
        /// The last event that is known.
        after: u64,
        /// How long to wait.
        wait_ms: u64,
    },
    /// Make a pool whose calls are run by whoever holds it (`provide`).
    Provide {
        /// Its name.
        name: String,
        /// The postcard of the descriptor of its module.
        descriptor: Vec<u8>,
        /// Encoded create parameters, for show.
        parameters: Vec<u8>,
        /// What its provider shows.
        key: crate::provide::Key,
    },
    /// The modes of all pools but `admin`, or of the one of this name.
    Modes(String),
    /// Change the mode of a pool.
    SetMode {
        /// The pool.
        name: String,
        /// `shared`, `dedicated` or `bundled`.
        mode: String,
    },
}

/// The node's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Response {
    /// Done.
    Done,
    /// One pool.
    Pool(PoolFacts),
    /// A descriptor in postcard.
    Descriptor(Vec<u8>),
    /// Pools.
    Pools(Vec<PoolFacts>),
    /// Modules.
    Modules(Vec<ModuleFacts>),
    /// Sessions.
    Sessions(Vec<SessionFacts>),
    /// The node.
    Node(NodeFacts),
    /// Methods.
    Methods(Vec<MethodFacts>),
    /// Sums of stamps.
    Stages(Vec<StageFacts>),
    /// Tasks.
    Tasks(Vec<TaskFacts>),
    /// Workers.
    Workers(Vec<WorkerFacts>),
    /// Containers.
    Containers(Vec<ContainerFacts>),
    /// Calls.
    Samples(Vec<SampleFacts>),
    /// Lanes.
    Lanes(Vec<LaneFacts>),
    /// Pools that did not come back.
    Refused(Vec<RefusedPool>),
    /// Levels of the log.
    Log(String),
    /// How long calls took.
    Latency(LatencyFacts),
    /// How many events were lost before these, and these.
    Events(u64, Vec<EventFacts>),
    /// Modes of pools.
    Modes(Vec<ModeFacts>),
}

/// Name of the admin module and of its pool.
pub const MODULE: &str = "admin";

/// Number of `find_pool`.
pub const FIND: MethodId = MethodId(10);
/// Number of `describe`.
pub const DESCRIBE: MethodId = MethodId(11);

/// `admin.find_pool(name: str) -> PoolFacts`: the one method a client must know to find all others.
pub fn find() -> MethodRef {
    method(FIND.0, "find_pool", &[("name", Schema::Str)], &PoolFacts::schema())
}

/// `admin.describe(name: str) -> bytes`: a `ModuleDescriptor` in postcard.
pub fn describe() -> MethodRef {
    method(DESCRIBE.0, "describe", &[("name", Schema::Str)], &Schema::Bytes)
}

/// `admin.create_pool(name: str, module: str, parameters: bytes) -> PoolFacts`: makes a pool, or answers the one that exists
/// with the same module and parameters. `parameters` are the encoded arguments of the module's `create`.
pub fn create() -> MethodRef {
    let values = [("name", Schema::Str), ("module", Schema::Str), ("parameters", Schema::Bytes)];
    method(12, "create_pool", &values, &PoolFacts::schema())
}

/// `admin.create_spread(name, module, parameters, containers: u32, placement: str) -> PoolFacts`: as `create`, with so many
/// containers, which get their workers by `placement` (`Request::Spread`).
pub fn create_spread() -> MethodRef {
    let values = [
        ("name", Schema::Str),
        ("module", Schema::Str),
        ("parameters", Schema::Bytes),
        ("containers", Schema::U32),
        ("placement", Schema::Str),
    ];
    method(26, "create_spread", &values, &PoolFacts::schema())
}

/// Method 9 of every module, `monitor(question: str) -> str`: JSON about a container; the empty question asks for an overview.
/// It is inherited, so its hash covers no module's name.
pub fn monitor() -> MethodRef {
    reference("", MethodId::MONITOR.0, "monitor", &[("question", Schema::Str)], &Schema::Str)
}

/// A method that pools of any module have; its hash covers no module's name.
pub(crate) fn of_any_module(
    id: MethodId,
    name: &'static str,
    values: &[(&str, Schema)],
    reply: &Schema,
) -> MethodRef {
    MethodRef { idempotent: false, ..reference("", id.0, name, values, reply) }
}

/// A method of pool 0.
pub(crate) fn of_admin(id: u32, name: &'static str, values: &[(&str, Schema)], reply: &Schema) -> MethodRef {
    MethodRef { idempotent: false, ..method(id, name, values, reply) }
}

fn method(id: u32, name: &'static str, values: &[(&str, Schema)], reply: &Schema) -> MethodRef {
    reference(MODULE, id, name, values, reply)
}

fn reference(module: &str, id: u32, name: &'static str, values: &[(&str, Schema)], reply: &Schema) -> MethodRef {
    let parameters: Vec<Parameter> = values
        .iter()
        .map(|(name, schema)| Parameter {
            name: (*name).into(),
            shape: Shape::Value { schema: schema.clone(), default: None, since: false },
        })
        .collect();
    let hashes = MethodSchema::hashes_of(module, name, &parameters, reply);
    MethodRef { id: MethodId(id), schema: hashes.last().copied().unwrap_or(0), name, idempotent: true }
}
