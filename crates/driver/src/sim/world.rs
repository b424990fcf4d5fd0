//! The world: what all simulated drivers share.
//!
//! Lives here: `SimWorld` (a clone is the same world), `Clock`, `Inner` (processes, disks, network, and what is to happen).
//! From: `SimDriver`s and whoever steps them. To: itself, later.
//! Holds: what is to happen happens in order of its time, equal times in a drawn order; a driver that is dropped leaves its
//! disk as it was and its peers are told; a power cut tells nobody.

use super::dice::{Dice, Rate};
use super::disk::{Disk, DiskFault, DiskWork};
use super::net::{End, Net};
use super::operations::{Descriptor, Process};
use super::outside::Outside;
use super::trace::Trace;
use super::weather::Weather;
use crate::Nanos;
use crate::limits::SIM_EVENTS_MAX;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

/// When a world begins: no clock says 0.
const BEGIN: Nanos = 1_000_000;

/// A simulated machine: its drivers share a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Machine(pub u32);

/// The clock of a world.
#[derive(Debug)]
pub(super) struct Clock {
    now: Cell<Nanos>,
    dice: RefCell<Dice>,
    reading_ns: Nanos,
    pause: Rate,
    pause_ns: Nanos,
}

impl Clock {
    pub(super) fn now(&self) -> Nanos {
        self.now.get()
    }

    /// A reading, which takes its time.
    pub(super) fn read(&self) -> Nanos {
        let mut dice = self.dice.borrow_mut();
        let mut more = dice.between(1..=self.reading_ns.max(1));
        if dice.hits(self.pause) {
            more += dice.below(self.pause_ns);
        }
        self.now.set(self.now.get() + more);
        self.now.get()
    }

    fn advance_to(&self, at: Nanos) {
        self.now.set(self.now.get().max(at));
    }
}

/// What is to happen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// An operation of a driver goes on.
    Operation(usize, u64),
    /// Something arrives at an end of a connection.
    Arrival(End),
}

pub(super) struct Inner {
    pub(super) seed: u64,
    pub(super) clock: Rc<Clock>,
    pub(super) weather: Weather,
    pub(super) order: Dice,
    pub(super) times: Dice,
    pub(super) net: Net,
    pub(super) outside: Outside,
    pub(super) disks: BTreeMap<u32, Disk>,
    pub(super) processes: Vec<Option<Process>>,
    pub(super) trace: Trace,
    events: BTreeMap<(Nanos, u64, u64), Event>,
    sequence: u64,
}

impl Inner {
    pub(super) fn now(&self) -> Nanos {
        self.clock.now()
    }

    pub(super) fn schedule(&mut self, at: Nanos, event: Event) {
        assert!(
            self.events.len() < SIM_EVENTS_MAX,
            "the simulated world runs away: {SIM_EVENTS_MAX} things to happen"
        );
        self.sequence += 1;
        let tie = self.order.bits();
        self.events.insert((at, tie, self.sequence), event);
    }

    pub(super) fn note(&mut self, what: &'static str, a: u64, b: u64) {
        let now = self.now();
        self.trace.note(now, what, a, b);
    }

    pub(super) fn disk(&mut self, machine: Machine) -> &mut Disk {
        let seed = self.seed;
        self.disks.entry(machine.0).or_insert_with(|| Disk::new(seed, machine.0))
    }

    pub(super) fn run_due(&mut self) {
        while let Some(first) = self.events.first_entry() {
            if first.key().0 > self.clock.now() {
                return;
            }
            match first.remove() {
                Event::Operation(driver, operation) => self.perform(driver, operation),
                Event::Arrival(end) => self.arrive(end),
            }
        }
    }
}

/// A simulated world. A clone is the same world.
#[derive(Clone)]
pub struct SimWorld(pub(super) Rc<RefCell<Inner>>);

impl SimWorld {
    /// A world of this seed and weather, with nothing in it.
    pub fn new(seed: u64, weather: Weather) -> Self {
        let clock = Clock {
            now: Cell::new(BEGIN),
            dice: RefCell::new(Dice::new(seed, "clock")),
            reading_ns: weather.reading_ns,
            pause: weather.pause,
            pause_ns: weather.pause_ns,
        };
        Self(Rc::new(RefCell::new(Inner {
            seed,
            clock: Rc::new(clock),
            weather,
            order: Dice::new(seed, "order"),
            times: Dice::new(seed, "times"),
            net: Net::default(),
            outside: Outside::default(),
            disks: BTreeMap::new(),
            processes: Vec::new(),
            trace: Trace::default(),
            events: BTreeMap::new(),
            sequence: 0,
        })))
    }

    /// The time, which does not pass by asking.
    pub fn now(&self) -> Nanos {
        self.0.borrow().now()
    }

    /// Lets time pass up to `at`, and happen what is due by then.
    pub fn advance_to(&self, at: Nanos) {
        let mut inner = self.0.borrow_mut();
        loop {
            let next = inner.events.keys().next().map(|key| key.0).filter(|next| *next <= at);
            inner.clock.advance_to(next.unwrap_or(at));
            inner.run_due();
            if next.is_none() {
                return;
            }
        }
    }

    /// Lets happen what is due.
    pub fn run_due(&self) {
        self.0.borrow_mut().run_due();
    }

    /// When the next thing happens on a disk or the network.
    pub fn next_at(&self) -> Option<Nanos> {
        self.0.borrow().events.keys().next().map(|key| key.0)
    }

    /// Says what somebody outside did, so that it counts in the trace.
    pub fn note(&self, what: &'static str, a: u64, b: u64) {
        self.0.borrow_mut().note(what, a, b);
    }

    /// One number of all that happened.
    pub fn trace_hash(&self) -> u64 {
        self.0.borrow().trace.hash()
    }

    /// How many things happened.
    pub fn steps(&self) -> u64 {
        self.0.borrow().trace.steps()
    }

    /// What happened last, to be read.
    pub fn trace_lines(&self) -> Vec<String> {
        self.0.borrow().trace.lines().collect()
    }

    /// Lets a host name stand for addresses; their ports do not count.
    pub fn name(&self, host: &str, addresses: &[SocketAddr]) {
        self.0.borrow_mut().net.names.insert(host.to_owned(), addresses.to_vec());
    }

    /// Makes a file on a machine's disk whose medium has no room for anything in it.
    pub fn make_full_file(&self, machine: Machine, path: &Path) {
        self.0.borrow_mut().disk(machine).make_full(path);
    }

    /// Turns one bit of a file over, for good, behind every program's back; `false` when the file has no such byte.
    pub fn flip(&self, machine: Machine, path: &Path, at: u64, bit: u8) -> bool {
        self.0.borrow_mut().disk(machine).flip(path, at, bit)
    }

    /// Leaves a socket file that nobody listens at.
    pub fn leave_socket_file(&self, path: &Path) {
        self.0.borrow_mut().net.socket_files.insert(path.to_owned());
    }

    /// A fault for the work of this kind that follows `after` others of it on this machine's disk.
    pub fn plan(&self, machine: Machine, work: DiskWork, after: u64, fault: DiskFault) {
        self.0.borrow_mut().disk(machine).plan(work, after, fault);
    }

    /// Takes back what was planned for a machine's disk and has not come.
    pub fn plan_nothing(&self, machine: Machine) {
        self.0.borrow_mut().disk(machine).plan_nothing();
    }

    /// The weather.
    pub fn weather(&self) -> Weather {
        self.0.borrow().weather.clone()
    }

    /// Changes the weather; the clock's costs stay as they were.
    pub fn set_weather(&self, weather: Weather) {
        self.0.borrow_mut().weather = weather;
    }

    /// Cuts a machine's power: its drivers do nothing any more, its peers are told nothing, and its disk keeps what was synced
    /// and a drawn part of the rest.
    pub fn power_cut(&self, machine: Machine) {
        let mut inner = self.0.borrow_mut();
        inner.note("power-cut", machine.0.into(), 0);
        let of: Vec<usize> = (0..inner.processes.len())
            .filter(|at| inner.processes[*at].as_ref().is_some_and(|process| process.machine == machine))
            .collect();
        for driver in of {
            inner.end_process(driver, true);
        }
        inner.silence_outside(machine);
        inner.disk(machine).crash();
    }

    /// Loses every connection there is: all sides are told.
    pub fn lose_connections(&self) {
        let mut inner = self.0.borrow_mut();
        let all: Vec<u64> = inner.net.connections.keys().copied().collect();
        for connection in all {
            inner.lose(End { connection, side: 0 });
        }
    }

    /// What is registered or under way in living drivers, for a look at the end: (operations, files, sockets, listeners).
    pub fn held(&self) -> (usize, usize, usize, usize) {
        let inner = self.0.borrow();
        let mut held = (0, 0, 0, 0);
        for process in inner.processes.iter().flatten() {
            held.0 += process.under_way();
            for (_, descriptor) in process.handles.iter() {
                match descriptor {
                    Descriptor::File { .. } => held.1 += 1,
                    Descriptor::Socket(_) | Descriptor::Bell(_) => held.2 += 1,
                    Descriptor::Listener(_) => held.3 += 1,
                }
            }
        }
        held
    }
}

impl fmt::Debug for SimWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.0.borrow();
        write!(f, "world of seed {} at {} ns", inner.seed, inner.now())
    }
}
