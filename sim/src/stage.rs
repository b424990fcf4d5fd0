//! Stage: whose turn it is.
//!
//! Lives here: `Stage` (a clone is the same stage), its actors, and the step that everything else is made of.
//! From: `run`, and a client by hand that waits for something. To: one turn of one actor, or time that passes.
//! Holds: who turns is drawn among those that are awake; time passes only when nobody is; an actor that waits inside its turn
//! lets the others turn and is not turned itself meanwhile.
//! Not here: what an actor does in its turn.

use crate::board;
use crate::limits::{STEPS_MAX, TIME_MAX_NS};
use crate::node::{Made, Node, NodeActor};
use crate::person::{Me, Person};
use crate::tasks::TasksActor;
use crate::workloads::Workload;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::task::Waker;
use windlass_driver::Nanos;
use windlass_driver::sim::{Dice, Machine, SimWorld, Weather};

/// Somebody who turns.
pub(crate) enum Actor {
    Node(Box<NodeActor>),
    Person(Person),
    Tasks(Box<TasksActor>),
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    Goes,
    Over,
}

impl Actor {
    fn is_awake(&mut self) -> Result<bool, String> {
        match self {
            Actor::Node(node) => node.is_awake(),
            Actor::Person(person) => Ok(person.is_awake()),
            Actor::Tasks(tasks) => tasks.is_awake(),
        }
    }

    fn turn(&mut self) -> Result<Turned, String> {
        match self {
            Actor::Node(node) => node.turn(),
            Actor::Person(person) => person.turn(),
            Actor::Tasks(tasks) => tasks.turn(),
        }
    }

    fn wakes_at(&self) -> Option<Nanos> {
        match self {
            Actor::Node(node) => node.wakes_at(),
            Actor::Person(_) => None,
            Actor::Tasks(tasks) => tasks.wakes_at(),
        }
    }

    /// Looks at what is looked at now and then only.
    fn nudge(&mut self) {
        match self {
            Actor::Person(person) => person.nudge(),
            Actor::Node(_) | Actor::Tasks(_) => {}
        }
    }
}

struct Place {
    /// `None` while it turns, and when it is over.
    actor: Option<Actor>,
    over: bool,
}

struct Inner {
    seed: u64,
    world: SimWorld,
    dice: RefCell<Dice>,
    places: RefCell<Vec<Place>>,
    timers: RefCell<BTreeMap<(Nanos, u64), Waker>>,
    next_timer: Cell<u64>,
    steps: Cell<u64>,
    failure: RefCell<Option<String>>,
    directory: tempfile::TempDir,
}

/// One run's actors and world. A clone is the same stage.
#[derive(Clone)]
pub(crate) struct Stage(Rc<Inner>);

thread_local! {
    /// The stage of this thread, for clients by hand, whose step has to be callable from any thread.
    static PLAYED: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// A step of this thread's stage; `false` when nothing moves any more.
pub(crate) fn step_played() -> bool {
    PLAYED.with_borrow(Clone::clone).is_some_and(|stage| stage.step())
}

/// Where a run keeps its nodes' sockets and locks: in memory if the machine has such a place, because making and removing them on
/// a disk takes as long as a fourth of a run. What is durable in a run is on its simulated disk.
fn directory() -> std::io::Result<tempfile::TempDir> {
    let mut named = tempfile::Builder::new();
    named.prefix("sim-windlass-");
    named.tempdir_in("/dev/shm").or_else(|_no_such_place| named.tempdir())
}

impl Stage {
    pub(crate) fn new(seed: u64) -> std::io::Result<Self> {
        let stage = Self(Rc::new(Inner {
            seed,
            world: SimWorld::new(seed, Weather::drawn(seed)),
            dice: RefCell::new(Dice::new(seed, "stage")),
            places: RefCell::default(),
            timers: RefCell::default(),
            next_timer: Cell::new(0),
            steps: Cell::new(0),
            failure: RefCell::new(None),
            directory: directory()?,
        }));
        PLAYED.set(Some(stage.clone()));
        Ok(stage)
    }

    pub(crate) fn world(&self) -> &SimWorld {
        &self.0.world
    }

    pub(crate) fn seed(&self) -> u64 {
        self.0.seed
    }

    pub(crate) fn directory(&self) -> &Path {
        self.0.directory.path()
    }

    /// Chance of the workload, apart from everybody else's.
    pub(crate) fn dice(&self, purpose: &str) -> Dice {
        Dice::new(self.0.seed, purpose)
    }

    /// Plays a workload to its end and looks at what is left.
    pub(crate) fn play(&self, workload: &Workload) -> Result<(), String> {
        (workload.play)(self)?;
        self.verdict()
    }

    /// Steps until `done`.
    pub(crate) fn until(&self, what: &str, done: impl Fn() -> bool) -> Result<(), String> {
        loop {
            self.verdict()?;
            if done() {
                return Ok(());
            }
            if !self.step() {
                self.verdict()?;
                return if done() { Ok(()) } else { Err(format!("stuck: {what}")) };
            }
        }
    }

    /// What went wrong so far.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        match self.0.failure.borrow().clone().or_else(board::seen) {
            Some(text) => Err(text),
            None => Ok(()),
        }
    }

    /// Something went wrong; the first is kept.
    pub(crate) fn fail(&self, text: String) {
        self.0.failure.borrow_mut().get_or_insert(text);
    }

    /// One turn of somebody, or time passes; `false` when neither can be.
    pub(crate) fn step(&self) -> bool {
        let inner = &*self.0;
        if inner.failure.borrow().is_some() {
            return false;
        }
        inner.steps.set(inner.steps.get() + 1);
        if inner.steps.get() > STEPS_MAX {
            self.fail(format!("not at its end after {STEPS_MAX} steps"));
            return false;
        }
        inner.world.run_due();
        self.fire();
        let awake = self.awake();
        if awake.is_empty() {
            self.nudge();
            return !self.awake().is_empty() || self.pass_time();
        }
        let chosen = awake[inner.dice.borrow_mut().place(awake.len())];
        self.turn(chosen);
        true
    }

    fn awake(&self) -> Vec<usize> {
        let mut awake = Vec::new();
        let mut places = self.0.places.borrow_mut();
        for (at, place) in places.iter_mut().enumerate() {
            match place.actor.as_mut().map(Actor::is_awake) {
                Some(Ok(true)) => awake.push(at),
                Some(Err(text)) => self.fail(text),
                Some(Ok(false)) | None => {}
            }
        }
        awake
    }

    fn turn(&self, at: usize) {
        let taken = self.0.places.borrow_mut()[at].actor.take();
        let Some(mut actor) = taken else { return };
        self.0.world.note("turn", at as u64, 0);
        let turned = actor.turn();
        let over = match turned {
            Ok(turned) => turned == Turned::Over,
            Err(text) => {
                self.fail(text);
                true
            }
        };
        let mut places = self.0.places.borrow_mut();
        places[at].over = over;
        if over {
            // What leaves may say so to others, who look at the stage.
            drop(places);
            drop(actor);
        } else {
            places[at].actor = Some(actor);
        }
    }

    fn nudge(&self) {
        let mut places = self.0.places.borrow_mut();
        places.iter_mut().filter_map(|place| place.actor.as_mut()).for_each(Actor::nudge);
    }

    fn pass_time(&self) -> bool {
        let places = self.0.places.borrow();
        let wakes = places.iter().filter_map(|place| place.actor.as_ref()?.wakes_at());
        let timer = self.0.timers.borrow().keys().next().map(|(at, _)| *at);
        let next = wakes.chain(timer).chain(self.0.world.next_at()).min();
        drop(places);
        match next {
            Some(at) if at <= TIME_MAX_NS => {
                self.0.world.advance_to(at);
                true
            }
            Some(_) => {
                self.fail(format!("somebody waits longer than {} virtual seconds", TIME_MAX_NS / 1_000_000_000));
                false
            }
            None => false,
        }
    }

    fn fire(&self) {
        let now = self.0.world.now();
        loop {
            let mut timers = self.0.timers.borrow_mut();
            let Some(first) = timers.first_entry().filter(|first| first.key().0 <= now) else { return };
            let waker = first.remove();
            drop(timers);
            waker.wake();
        }
    }

    /// Wakes somebody at a time.
    pub(crate) fn wake_at(&self, at: Nanos, waker: Waker) {
        let number = self.0.next_timer.get() + 1;
        self.0.next_timer.set(number);
        self.0.timers.borrow_mut().insert((at, number), waker);
    }

    fn enter(&self, actor: Actor) -> usize {
        let mut places = self.0.places.borrow_mut();
        places.push(Place { actor: Some(actor), over: false });
        places.len() - 1
    }

    /// A node in a directory of its own on a machine of its own; it begins at once.
    pub(crate) fn node(&self, machine: Machine, made: Made) -> Result<Node, String> {
        let (node, actor) = NodeActor::new(self, machine, made)?;
        let at = self.enter(Actor::Node(Box::new(actor)));
        Ok(node.at(at))
    }

    /// A client's process, with what it does.
    pub(crate) fn person<F>(&self, name: &str, script: impl FnOnce(Me) -> F) -> usize
    where
        F: Future<Output = Result<(), String>> + 'static,
    {
        let number = self.0.places.borrow().len();
        let (me, mut person) = Person::new(self, name, number);
        person.add(Box::pin(script(me)));
        self.enter(Actor::Person(person))
    }

    /// A process of tasks without a node.
    pub(crate) fn tasks(&self, tasks: TasksActor) -> usize {
        self.enter(Actor::Tasks(Box::new(tasks)))
    }

    /// Takes an actor off the stage, unless it turns now or is over.
    pub(crate) fn take(&self, at: usize) -> Option<Actor> {
        let mut places = self.0.places.borrow_mut();
        let place = places.get_mut(at)?;
        let taken = place.actor.take();
        place.over |= taken.is_some();
        taken
    }

    /// Puts an actor back, or another in its place.
    pub(crate) fn put(&self, at: usize, actor: Actor) {
        if let Some(place) = self.0.places.borrow_mut().get_mut(at) {
            place.over = false;
            place.actor = Some(actor);
        }
    }

    /// Whether an actor is over.
    pub(crate) fn is_over(&self, at: usize) -> bool {
        self.0.places.borrow().get(at).is_none_or(|place| place.over)
    }

    /// A client's process is killed; `false` if it cannot be now.
    pub(crate) fn kill(&self, at: usize) -> bool {
        match self.take(at) {
            Some(Actor::Person(person)) => {
                self.0.world.note("killed", at as u64, 0);
                person.die();
                true
            }
            Some(other) => {
                self.put(at, other);
                false
            }
            None => false,
        }
    }

    /// Everybody leaves.
    pub(crate) fn clear(&self) {
        PLAYED.set(None);
        // Not in the loop's head: it would stay borrowed while they leave.
        let count = self.0.places.borrow().len();
        for at in 0..count {
            drop(self.take(at));
        }
        self.0.timers.borrow_mut().clear();
    }
}
