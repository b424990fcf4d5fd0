//! Workloads: what happens on a stage, and what must be true of it.
//!
//! Lives here, in the order to read: `book` (what callers count on), `errands` (one call and its check), `lives` (clients that
//! do errands), `numbers` (people who say numbers), and the workloads themselves: `calls`, `order`, `share`, `death`, `workers`, `moves`, `sharing`, `travel`, `streams`, `memory`, `lies`, `files`,
//! `sockets`, `wire`, `bdev`, `waits`, `periods`, `comebacks`.
//! Holds: each workload says in `about` what it holds a run to.
//! Not here: whose turn it is (`stage`).

mod bdev;
mod book;
mod calls;
mod comebacks;
mod death;
mod errands;
mod files;
pub(crate) mod lives;
mod moves;
mod numbers;
mod periods;
mod share;
mod sharing;
mod sockets;
mod streams;
mod travel;
#[cfg(feature = "hooks")]
mod trouble;
mod waits;
mod wire;
mod workers;

use crate::stage::Stage;
use windlass_memory::hooks::Plant;

/// One kind of run.
pub struct Workload {
    /// Its name at the command line.
    pub name: &'static str,
    /// What happens, and what must be true.
    pub about: &'static str,
    /// Bugs of `Plant` that it is to find.
    pub finds: &'static [Plant],
    pub(crate) play: fn(&Stage) -> Result<(), String>,
}

/// Every workload of this build.
pub const ALL: &[Workload] = &[
    Workload {
        name: "calls",
        about: "clients make calls of every kind, cancel some, drop some: each is answered once and rightly, and everything returns",
        finds: &[
            Plant::UnreturnedCredit,
            Plant::DoubleCompletion,
            Plant::LostWake,
            Plant::LeakedLoan,
            Plant::ReusedBuffer,
        ],
        play: calls::mixed,
    },
    Workload {
        name: "order",
        about: "clients crowd a few keys: calls of a session and key begin as they were sent and are never inside together",
        finds: &[Plant::WrongKeyOrder],
        play: calls::order,
    },
    Workload {
        name: "share",
        about: "latency work never ends: background calls begin all the same, soon",
        finds: &[Plant::StarvedLane],
        play: share::play,
    },
    Workload {
        name: "death",
        about: "clients die, the node dies, is stopped, loses its power and begins again: nobody waits for ever and nothing leaks",
        finds: &[],
        play: death::play,
    },
    Workload {
        name: "workers",
        about: "a node of several workers, some held up for a while, clients that die: calls cross workers and are answered once, in \
                order per key; a broadcast meets each container once; everything returns",
        finds: &[],
        play: workers::play,
    },
    Workload {
        name: "moves",
        about: "containers go from worker to worker while they are called: calls of a session begin as they were sent, each is answered \
                once, and what a container knew it knows",
        finds: &[],
        play: moves::play,
    },
    Workload {
        name: "sharing",
        about: "workers share containers, and shares go from worker to worker: calls of one key begin as they were sent and are never \
                inside together, whichever workers they came by, and each is answered once",
        finds: &[],
        play: sharing::play,
    },
    Workload {
        name: "travel",
        about: "sessions go to the workers that their calls go to: calls begin as they were sent, each is answered once, and nothing of a \
                session stays behind",
        finds: &[],
        play: travel::play,
    },
    Workload {
        name: "streams",
        about: "values pass beside calls while clients read slowly, stop reading or go, and containers move: they come in order and whole, \
                and a method whose stream nobody reads any more ends",
        finds: &[],
        play: streams::play,
    },
    Workload {
        name: "files",
        about: "tasks write, sync and rename files over power cuts: what was acknowledged as durable is there, nothing else appears",
        finds: &[Plant::UnflushedWrite],
        play: files::play,
    },
    Workload {
        name: "sockets",
        about: "tasks talk over connections that are cut, fall silent and are closed under them: bytes arrive in order, waiters are told",
        finds: &[Plant::ForgottenWaiter],
        play: sockets::play,
    },
    Workload {
        name: "bdev",
        about: "a block device in a file, over nodes that die, stop and lose their power: what was answered is there, space never drifts, damage is named",
        finds: &[Plant::TakenAsWhole],
        play: bdev::play,
    },
    Workload {
        name: "waits",
        about: "calls of many clients wait for each other at locks, permits, channels, pools: first come first served, nobody is forgotten",
        finds: &[Plant::KeptFuture],
        play: waits::play,
    },
    Workload {
        name: "periods",
        about: "methods that the node calls by itself: at their period, never twice at once, no longer than their pool",
        finds: &[Plant::DoubledPeriod],
        play: periods::play,
    },
    Workload {
        name: "wire",
        about: "clients call over connections that are slow and cut in mid-chunk: each call is answered, and nothing stays behind",
        finds: &[],
        play: wire::play,
    },
    Workload {
        name: "comebacks",
        about: "a node dies, stops and comes back with its pools; clients go on with their stubs: what was taken down is there, what was \
                told not to have started is not, and a state that was never taken down is refused",
        finds: &[],
        play: comebacks::play,
    },
    #[cfg(feature = "hooks")]
    Workload {
        name: "memory",
        about: "one allocation is refused, each time another: a typed error for whom it concerns, and nothing leaks",
        finds: &[],
        play: trouble::memory,
    },
    #[cfg(feature = "hooks")]
    Workload {
        name: "lies",
        about: "a client lies about its ranges, kinds and ids: it is refused, and its neighbours notice nothing",
        finds: &[Plant::SkippedRangeCheck],
        play: trouble::lies,
    },
];

/// The workload of this name.
pub fn by_name(name: &str) -> Option<&'static Workload> {
    ALL.iter().find(|workload| workload.name == name)
}

/// The workload that is to find a bug.
pub fn that_finds(plant: Plant) -> Option<&'static Workload> {
    ALL.iter().find(|workload| workload.finds.contains(&plant))
}
