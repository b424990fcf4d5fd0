//! A worker: one thread's turn, as a value.
//!
//! Lives here: `Worker`, `Next`; `door` (the listener, who has not said hello, how sessions begin and are taken apart),
//! `ending` (how a node drains and ends). A turn reads its letters, drains the rings, runs what is queued, tells the clients,
//! looks at timers and sockets, and, when nothing is to be done, looks on for a while and then sleeps in the driver.
//! Holds: it reaches the world through the `Driver` it is handed; a silent session is armed and forgotten, so a turn costs
//! in proportion to the sessions that are active.

mod door;
mod ending;

use crate::catalog::Keeper;
use crate::core::{Alarm, Core};
use crate::host::{self, asked, blocking};
use crate::limits::{
    LETTERS_PER_TURN, POLL_NS, SLOTS_PER_TURN, SPIN_COLD_NS, TASKS_LISTED_MAX, TURNS_PER_POLL, WORK_PER_POLL,
    WORK_PER_TURN,
};
use crate::mail::{self, Letter};
use crate::session::Session;
use crate::stats::add;
use crate::transport::wire;
use door::Door;
use ending::Ending;
use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use windlass_contract::{Code, Fault};
use windlass_driver::socket::Listener;
use windlass_driver::{Driver, Nanos, Ready, Token};
use windlass_lane::Work;
use windlass_lane::limits::{STALLED_NAMED_MAX, TURN_NS};
use windlass_memory::Courtesy;

/// What the caller of `turn` is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Call again.
    Again,
    /// The node has stopped.
    Stopped,
}

/// Which descriptor of a session an event is about.
const BELL: u64 = 1 << 62;
const SOCKET: u64 = 2 << 62;
const PROCESS: u64 = 3 << 62;
const WHICH: u64 = 3 << 62;
const LISTENER: Token = Token(0);

/// One worker of a node.
pub struct Worker {
    core: Rc<Core>,
    /// Where clients come in; the first worker has one.
    door: Option<Door>,
    /// The door is not open yet: pools are being made.
    is_shut: bool,
    active: Vec<Rc<Session>>,
    ready: Vec<Ready>,
    turns: u32,
    /// Pieces of work since the driver was last asked what is ready, and when that was.
    unheard: usize,
    heard_at: Nanos,
    /// When the last piece of work ended.
    ran_until: Nanos,
    /// Since when there has been nothing to do.
    quiet_since: Option<Nanos>,
    /// How often looking on has paid lately, 0 to 1.
    paid: f32,
    /// For clients on this worker's own processor, where looking on would keep them from running.
    courtesy: Courtesy,
    ending: Ending,
    look_for_commands: bool,
    /// When it gave a session away last.
    gave_at: Nanos,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "worker {} of {} with {} active sessions", self.core.worker, self.core.name, self.active.len())
    }
}

impl Worker {
    /// A worker; the first of a node has a listener and its owner's commands.
    pub(crate) fn new(
        core: Rc<Core>,
        listener: Option<Listener>,
        commands: Option<std::sync::mpsc::Receiver<std::time::Duration>>,
    ) -> Self {
        Self {
            core,
            is_shut: listener.is_some(),
            door: listener.map(Door::new),
            active: Vec::new(),
            ready: Vec::new(),
            turns: 0,
            unheard: 0,
            heard_at: 0,
            ran_until: 0,
            quiet_since: None,
            paid: 1.0,
            courtesy: Courtesy::default(),
            ending: Ending::new(commands),
            look_for_commands: true,
            gave_at: 0,
        }
    }

    /// One turn.
    ///
    /// # Errors
    /// The driver's, when the machine refuses to watch or to sleep; the node cannot go on.
    pub fn turn(&mut self, driver: &mut dyn Driver) -> io::Result<Next> {
        add(&self.core.counters.turns, 1);
        if self.is_shut && self.core.ready.get() {
            self.open_door(driver)?;
        }
        let mut worked = self.read_mail(driver)?;
        worked |= self.drain();
        // What was drained runs elsewhere while this worker runs its own.
        self.core.mail.post();
        worked |= self.run(driver);
        worked |= self.core.io.exchange(driver)?;
        worked |= host::let_go_late(&self.core);
        worked |= self.fire(driver);
        if asked::is_untold(&self.core) {
            asked::tell(&self.core);
        }
        worked |= self.core.blocking.out() > 0 && blocking::collect(&self.core);
        self.announce();
        self.take_apart(driver);
        if self.is_over(driver) {
            return Ok(Next::Stopped);
        }
        self.core.mail.post();
        self.turns = self.turns.wrapping_add(1);
        if worked {
            self.won();
            if self.turns.is_multiple_of(TURNS_PER_POLL) || self.is_deaf() {
                self.show_load();
                self.unheard = 0;
                self.heard_at = self.ran_until;
                self.give_session(driver);
                driver.poll(&mut self.ready)?;
                self.serve(driver)?;
            }
        } else if !self.look_on(driver)? {
            self.park(driver)?;
        }
        Ok(Next::Again)
    }

    /// Whether a silent session may have rung for longer than it should have to: its doorbell is heard by a look only, and a
    /// turn may be long.
    fn is_deaf(&self) -> bool {
        self.unheard >= WORK_PER_POLL || self.ran_until.saturating_sub(self.heard_at) >= POLL_NS
    }

    /// Reads letters of other workers; answers whether there were any.
    fn read_mail(&mut self, driver: &mut dyn Driver) -> io::Result<bool> {
        if !self.core.mail.has_letters() {
            return Ok(false);
        }
        for _ in 0..LETTERS_PER_TURN {
            let Some(letter) = self.core.mail.read() else { break };
            // What is left over is about the worker itself.
            match mail::read(&self.core, letter) {
                None => {}
                Some(Letter::Connection(socket, peer, number)) => self.greet(driver, socket, peer, number),
                Some(Letter::Session(parcel)) => self.take_in(driver, *parcel),
                Some(Letter::Stalled(worker)) => self.relieve(driver, worker),
                Some(Letter::Failed(worker)) => {
                    return Err(io::Error::other(format!("worker {worker} has failed")));
                }
                Some(other) => self.ending_letter(driver, &other),
            }
        }
        self.core.mail.have_read();
        Ok(true)
    }

    /// Takes entries from the rings of the active sessions.
    fn drain(&mut self) -> bool {
        let mut any = false;
        for session in &self.active {
            let mut taken = 0;
            while taken < SLOTS_PER_TURN
                && !session.has_ended()
                && let Some(entry) = session.next_entry()
            {
                taken += 1;
                // Before the entry is acted on: its answer may let the client publish the next one.
                session.commit();
                crate::path::arrive(&self.core, session, &entry);
            }
            any |= taken > 0;
        }
        any
    }

    /// Runs what is queued, in order.
    fn run(&mut self, driver: &mut dyn Driver) -> bool {
        let lanes = &self.core.lanes;
        if lanes.is_idle() {
            return false;
        }
        let began = driver.now();
        let mut now = began;
        for _ in 0..WORK_PER_TURN {
            // Timers, clients and operations are not kept waiting by a long queue.
            if now.saturating_sub(began) > TURN_NS {
                break;
            }
            let Some(work) = lanes.next(now) else { break };
            let heavy = lanes.serves(self.core.heavy);
            if heavy {
                // Whoever has an answer does not wait for this as well.
                self.announce();
                self.core.mail.post();
            }
            match work {
                Work::Start(call) => host::start(&self.core, call, now),
                Work::Resume(task) => task.run(),
            }
            now = match self.core.read_at.take() {
                0 => driver.now(),
                read => read,
            };
            self.unheard += 1;
            // What came meanwhile may be quick.
            if heavy || self.core.io.is_due() {
                break;
            }
        }
        lanes.rest(now);
        self.ran_until = now;
        true
    }

    fn fire(&mut self, driver: &mut dyn Driver) -> bool {
        if self.core.timers.borrow().next_at().is_none() {
            return false;
        }
        let now = driver.now();
        let mut any = false;
        loop {
            let due = self.core.timers.borrow_mut().due(now);
            match due {
                None => return any,
                Some(Alarm::Wake(waker)) => waker.wake(),
                Some(Alarm::Deadline(key)) => host::cancel(&self.core, key, Code::DeadlineExceeded),
                Some(Alarm::Grace(key)) => host::grace_over(&self.core, key),
                Some(Alarm::Period(beat)) => host::periodic::due(&self.core, beat, now),
                Some(Alarm::Greeting(number)) => {
                    self.turn_away(driver, number, "it said no hello in time");
                }
                Some(Alarm::Listen) => self.door.iter().for_each(|door| door.listen_again(driver)),
            }
            any = true;
        }
    }

    /// Shows the others how much there is to do here.
    fn show_load(&self) {
        if !self.core.shared.is_alone() {
            let load = self.core.lanes.waiting() + self.core.lanes.alive();
            self.core.shared.desk(self.core.worker).load.store(load as u32, Ordering::Relaxed);
            self.core.show_due();
        }
    }

    /// Tells the clients what was published in this turn: at most one wake each.
    fn announce(&self) {
        loop {
            let touched = self.core.sessions.borrow_mut().touched.pop();
            match touched {
                Some(session) => session.announce(),
                None => return,
            }
        }
    }

    /// Looks on while it pays; answers whether to come back at once.
    fn look_on(&mut self, driver: &mut dyn Driver) -> io::Result<bool> {
        let spin = self.core.limits.spin_ns;
        if spin == 0 {
            return Ok(false);
        }
        // Only a client that runs on another processor can send anything while this one looks on.
        if self.quiet_since.is_none() && !self.active.iter().any(|session| session.runs_apart()) {
            let (clock, active, mail) = (self.core.clock.clone(), &self.active, &self.core.mail);
            let ready = || mail.has_letters() || active.iter().any(|session| session.has_entry());
            return Ok(!active.is_empty() && self.courtesy.give_way(&*clock, || driver.give_way(), ready));
        }
        let now = driver.now();
        let since = *self.quiet_since.get_or_insert(now);
        let budget = if self.paid > 0.1 { spin } else { spin.min(SPIN_COLD_NS) };
        if now.saturating_sub(since) >= budget {
            self.quiet_since = None;
            self.paid -= self.paid / 8.0;
            return Ok(false);
        }
        for _ in 0..64 {
            if self.core.mail.has_letters() || self.active.iter().any(|session| session.has_entry()) {
                return Ok(true);
            }
            std::hint::spin_loop();
        }
        if self.turns.is_multiple_of(TURNS_PER_POLL) {
            driver.poll(&mut self.ready)?;
            self.serve(driver)?;
        }
        Ok(true)
    }

    fn won(&mut self) {
        if self.quiet_since.take().is_some() {
            self.paid += (1.0 - self.paid) / 8.0;
        }
    }

    /// Sleeps, unless something came while it lay down.
    fn park(&mut self, driver: &mut dyn Driver) -> io::Result<()> {
        self.give_session(driver);
        self.active.retain(|session| {
            let forget = session.has_ended() || session.arm();
            session.active.set(!forget);
            !forget
        });
        if !self.active.is_empty() || self.core.io.has_news() || !self.core.lanes.about_to_park() {
            return Ok(());
        }
        if !self.core.mail.about_to_sleep() {
            self.core.lanes.unparked();
            return Ok(());
        }
        let until = [self.core.timers.borrow().next_at(), self.ending.at()].into_iter().flatten().min();
        self.tell_stall(driver, until);
        self.show_load();
        add(&self.core.counters.parks, 1);
        let parked = driver.park(until, &mut self.ready);
        self.core.lanes.unparked();
        self.core.mail.woke();
        parked?;
        self.core.io.exchange(driver)?;
        host::let_go_late(&self.core);
        self.serve(driver)
    }

    /// Says once that tasks wait and that nothing the node has begun will wake them: only another call can.
    fn tell_stall(&self, driver: &dyn Driver, until: Option<Nanos>) {
        let core = &self.core;
        let waits = core.lanes.live() > 0;
        let awaits = driver.under_way()
            + core.blocking.out()
            + core.mail.away()
            + core.mail.orders.borrow().len()
            + core.catalog.as_ref().map_or(0, Keeper::out);
        if !waits || until.is_some() || core.stall_told.get() || awaits > 0 {
            return;
        }
        core.stall_told.set(true);
        let names: Vec<String> = core.lanes.tasks(STALLED_NAMED_MAX).into_iter().map(|task| task.name).collect();
        tracing::info!(
            tasks = core.lanes.live(),
            named = names.join(", "),
            "tasks wait for what only another call can bring; this is not said again"
        );
    }

    /// Writes the tasks that live to the log, if somebody outside asked for that.
    fn dump(&self) {
        if !self.core.shared.desk(self.core.worker).dump_asked.swap(false, Ordering::Relaxed) {
            return;
        }
        let tasks = self.core.lanes.tasks(TASKS_LISTED_MAX);
        tracing::info!(worker = %self.core.worker, alive = self.core.lanes.alive(), "the tasks that live:");
        for line in windlass_lane::dump(&tasks, self.core.now()) {
            tracing::info!("{line}");
        }
    }

    /// Serves what the driver found ready.
    fn serve(&mut self, driver: &mut dyn Driver) -> io::Result<()> {
        self.look_for_commands = true;
        self.dump();
        let mut ready = std::mem::take(&mut self.ready);
        for event in ready.drain(..) {
            self.one(driver, event)?;
        }
        self.ready = ready;
        Ok(())
    }

    fn one(&mut self, driver: &mut dyn Driver, event: Ready) -> io::Result<()> {
        if event.token == LISTENER {
            return self.accept(driver);
        }
        let (which, number) = (event.token.0 & WHICH, event.token.0 & !WHICH);
        if which == 0 {
            self.hear_hello(driver, number);
            return Ok(());
        }
        let Some(session) = self.core.sessions.borrow().all.get(&number).cloned() else { return Ok(()) };
        match which {
            BELL => {
                session.disarm();
                if !session.active.replace(true) {
                    self.active.push(session);
                }
            }
            PROCESS => session.leave(&Fault::new(Code::NodeGone, "the client's process ended")),
            _ => {
                if let Err(fault) = wire::serve(&self.core, &session) {
                    session.end(&fault);
                }
            }
        }
        Ok(())
    }
}

impl Drop for Worker {
    /// A worker that panicked or cannot go on tells its clients, and the other workers; one that was stopped has told them.
    fn drop(&mut self) {
        self.core.gone.set(true);
        let desk = self.core.shared.desk(self.core.worker);
        desk.mailbox.close();
        if !self.ending.is_over() {
            self.core.shared.fail(self.core.worker);
        }
        self.end_sessions("the node's worker has failed");
        // Nobody answers these any more, and what they hold may hold the core. Calls that wait for operations to let go of their
        // memory keep their sessions, and these tables keep them.
        let (aways, fans) = (self.core.mail.take_aways(), self.core.fans.take());
        drop((aways, fans));
        self.core.io.forget_all();
        let live = self.core.live.take();
        drop(live);
        let late = self.core.late.take();
        drop(late);
    }
}
