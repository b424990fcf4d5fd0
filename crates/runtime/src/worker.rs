//! A worker: one thread's turn, as a value.
//!
//! Lives here: `Worker`, `Next`. A turn drains the rings, runs what is queued, tells the clients, looks at timers and sockets,
//! and, when nothing is to be done, looks on for a while and then sleeps in the driver.
//! Holds: it reaches the world through the `Driver` it is handed; a silent session is armed and forgotten, so a turn costs
//! in proportion to the sessions that are active.

use crate::core::{Alarm, Core};
use crate::host::{self, blocking};
use crate::limits::{
    ACCEPT_PAUSE_NS, GREETING_NS, GREETINGS_MAX, LAST_IO_NAP_NS, LAST_IO_NS, LAST_ROUNDS, POLL_NS, SLOTS_PER_TURN,
    SPIN_COLD_NS, TASKS_LISTED_MAX, TURNS_PER_POLL, WORK_PER_POLL, WORK_PER_TURN,
};
use crate::session::Session;
use crate::stats::add;
use crate::transport::{greet, wire};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use windlass_contract::{Code, Fault};
use windlass_driver::socket::{Listener, Peer};
use windlass_driver::{Driver, Nanos, Ready, Token, Watch};
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
    listener: Listener,
    /// Connections that have not said hello, the oldest first.
    greetings: BTreeMap<u64, (OwnedFd, Peer)>,
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
    /// When a stopping node gives up waiting.
    stop_at: Option<Nanos>,
    commands: std::sync::mpsc::Receiver<std::time::Duration>,
    look_for_commands: bool,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "worker of {} with {} active sessions", self.core.name, self.active.len())
    }
}

impl Worker {
    pub(crate) fn new(
        core: Rc<Core>,
        listener: Listener,
        commands: std::sync::mpsc::Receiver<std::time::Duration>,
        driver: &mut dyn Driver,
    ) -> io::Result<Self> {
        driver.watch(listener.as_fd(), LISTENER, Watch::Level)?;
        Ok(Self {
            core,
            listener,
            greetings: BTreeMap::new(),
            active: Vec::new(),
            ready: Vec::new(),
            turns: 0,
            unheard: 0,
            heard_at: 0,
            ran_until: 0,
            quiet_since: None,
            paid: 1.0,
            courtesy: Courtesy::default(),
            stop_at: None,
            commands,
            look_for_commands: true,
        })
    }

    /// One turn.
    ///
    /// # Errors
    /// The driver's, when the machine refuses to watch or to sleep; the node cannot go on.
    pub fn turn(&mut self, driver: &mut dyn Driver) -> io::Result<Next> {
        add(&self.core.counters.turns, 1);
        let mut worked = self.drain();
        worked |= self.run(driver);
        worked |= self.core.io.exchange(driver)?;
        worked |= host::let_go_late(&self.core);
        worked |= self.fire(driver);
        worked |= self.core.blocking.out() > 0 && blocking::collect(&self.core);
        self.announce();
        self.take_apart(driver);
        if self.is_over(driver) {
            self.end_all(driver);
            return Ok(Next::Stopped);
        }
        self.turns = self.turns.wrapping_add(1);
        if worked {
            self.won();
            if self.turns.is_multiple_of(TURNS_PER_POLL) || self.is_deaf() {
                self.unheard = 0;
                self.heard_at = self.ran_until;
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
            match lanes.next(now) {
                Some(Work::Start(call)) => host::start(&self.core, call, now),
                Some(Work::Resume(task)) => task.run(),
                None => break,
            }
            now = match self.core.read_at.take() {
                0 => driver.now(),
                read => read,
            };
            self.unheard += 1;
            if self.core.io.is_due() {
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
                Some(Alarm::Listen) => {
                    if let Err(error) = driver.watch(self.listener.as_fd(), LISTENER, Watch::Level) {
                        tracing::error!(%error, "the node's socket cannot be watched again: no new client is heard");
                    }
                }
            }
            any = true;
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
            let (clock, active) = (self.core.clock.clone(), &self.active);
            let ready = || active.iter().any(|session| session.has_entry());
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
            if self.active.iter().any(|session| session.has_entry()) {
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
        self.active.retain(|session| {
            let forget = session.has_ended() || session.arm();
            session.active.set(!forget);
            !forget
        });
        if !self.active.is_empty() || self.core.io.has_news() || !self.core.lanes.about_to_park() {
            return Ok(());
        }
        let until = [self.core.timers.borrow().next_at(), self.stop_at].into_iter().flatten().min();
        self.tell_stall(driver, until);
        add(&self.core.counters.parks, 1);
        let parked = driver.park(until, &mut self.ready);
        self.core.lanes.unparked();
        parked?;
        self.core.io.exchange(driver)?;
        host::let_go_late(&self.core);
        self.serve(driver)
    }

    /// Says once that tasks wait and that nothing the node has begun will wake them: only another call can.
    fn tell_stall(&self, driver: &dyn Driver, until: Option<Nanos>) {
        let core = &self.core;
        let waits = core.lanes.live() > 0;
        if !waits || until.is_some() || core.stall_told.get() || driver.under_way() > 0 || core.blocking.out() > 0
        {
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
        if !self.core.dump_asked.swap(false, Ordering::Relaxed) {
            return;
        }
        let tasks = self.core.lanes.tasks(TASKS_LISTED_MAX);
        tracing::info!(alive = self.core.lanes.alive(), "the tasks that live:");
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
            if let Some((socket, peer)) = self.greetings.remove(&number) {
                forget(driver, &socket);
                self.greet(driver, socket, peer, number);
            }
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

    fn accept(&mut self, driver: &mut dyn Driver) -> io::Result<()> {
        loop {
            let (socket, peer) = match self.listener.accept() {
                Ok(Some(connection)) => connection,
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted; the node tries again in a while");
                    let at = driver.now().saturating_add(ACCEPT_PAUSE_NS);
                    // The connection still waits, so the socket would call again at once, for ever.
                    if self.core.timers.borrow_mut().set(at, Alarm::Listen).is_some() {
                        driver.unwatch(self.listener.as_fd())?;
                    }
                    return Ok(());
                }
            };
            if self.greetings.len() >= GREETINGS_MAX
                && let Some(oldest) = self.greetings.keys().next().copied()
            {
                self.turn_away(driver, oldest, "it said no hello and others came after it");
            }
            let number = self.core.sessions.borrow_mut().number();
            if let Err(error) = driver.watch(socket.as_fd(), Token(number), Watch::Level) {
                tracing::warn!(%error, pid = peer.pid, "a connection could not be watched and is closed");
                continue;
            }
            let at = driver.now().saturating_add(GREETING_NS);
            self.core.timers.borrow_mut().set(at, Alarm::Greeting(number));
            self.greetings.insert(number, (socket, peer));
        }
    }

    /// Closes a connection that has not said hello, in words.
    fn turn_away(&mut self, driver: &mut dyn Driver, number: u64, why: &str) {
        if let Some((socket, peer)) = self.greetings.remove(&number) {
            tracing::info!(pid = peer.pid, why, "a silent connection is closed");
            forget(driver, &socket);
            greet::refuse(&socket, &Fault::new(Code::BadHello, format!("the connection is closed: {why}")));
        }
    }

    fn greet(&mut self, driver: &mut dyn Driver, socket: OwnedFd, peer: Peer, number: u64) {
        let session = match greet::greet(&self.core, socket, peer, number) {
            Ok(session) => session,
            Err(fault) => {
                tracing::info!(pid = peer.pid, %fault, "a connection was refused");
                return;
            }
        };
        tracing::debug!(session = number, client = %session.name, pid = peer.pid, "session begins");
        self.core.sessions.borrow_mut().all.insert(number, session.clone());
        if let Err(error) = watch(driver, &session) {
            session.end(&Fault::new(Code::Io, format!("the session cannot be watched: {error}")));
            return;
        }
        session.active.set(true);
        self.active.push(session);
    }

    /// Takes ended sessions apart: nothing of them is watched, their calls are asked to end, what no call holds returns.
    fn take_apart(&mut self, driver: &mut dyn Driver) {
        loop {
            let ended = self.core.sessions.borrow_mut().ended.pop();
            let Some(session) = ended else { return };
            for fd in [Some(session.doorbell()), Some(session.socket()), session.process()].into_iter().flatten() {
                // Not watched yet when it ended during its greeting.
                let _may_be_unwatched = driver.unwatch(fd);
            }
            for live in session.all_live() {
                host::cancel(&self.core, live, Code::Cancelled);
            }
            session.give_up_memory();
            self.active.retain(|other| !Rc::ptr_eq(other, &session));
            self.core.sessions.borrow_mut().all.remove(&session.number);
            self.core.symbols.end(session.number);
        }
    }

    /// Whether a stopping node is done: nothing lives, or its time is up.
    fn is_over(&mut self, driver: &mut dyn Driver) -> bool {
        let asked = match std::mem::take(&mut self.look_for_commands).then(|| self.commands.try_recv()) {
            Some(Ok(deadline)) => Some(deadline),
            Some(Err(_)) | None => self.core.stop_asked.take().map(std::time::Duration::from_millis),
        };
        if let Some(deadline) = asked {
            let at = driver.now().saturating_add(u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX));
            self.stop_at = Some(self.stop_at.map_or(at, |before| before.min(at)));
            self.core.draining.set(true);
            tracing::info!(deadline_ms = deadline.as_millis() as u64, "the node drains");
        }
        let Some(at) = self.stop_at else { return false };
        let quiet =
            !self.core.live.borrow().any_call() && self.core.blocking.out() == 0 && self.core.lanes.is_idle();
        if !quiet && driver.now() >= at {
            let late = self.core.live.borrow().len();
            tracing::warn!(calls = late, "the node stops although calls run: its deadline is over");
        }
        quiet || driver.now() >= at
    }

    fn end_sessions(&self, why: &str) {
        let sessions: Vec<Rc<Session>> = self.core.sessions.borrow().all.values().cloned().collect();
        for session in sessions {
            session.end(&Fault::new(Code::NodeGone, why));
        }
    }

    /// Runs until nothing is queued, or what is left only wakes itself.
    fn run_out(&mut self, driver: &mut dyn Driver) {
        for _ in 0..LAST_ROUNDS {
            if !self.run(driver) {
                return;
            }
        }
    }

    /// Drops all that was to be done, without doing any of it. Its calls answer nobody, if their sessions have ended.
    pub(crate) fn abandon(&self) {
        self.core.over.set(true);
        let calls = self.core.live.borrow().keys();
        for key in calls {
            // Those that wait for a key are refused; the rest is dropped below.
            host::cancel(&self.core, key, Code::Draining);
        }
        self.core.lanes.close();
        let pools = self.core.places.borrow_mut().take_all();
        drop(pools);
    }

    fn end_all(&mut self, driver: &mut dyn Driver) {
        let calls = self.core.live.borrow().keys();
        for key in calls {
            host::cancel(&self.core, key, Code::Draining);
        }
        // Cancelled tasks answer for themselves, the rest is dropped and answered by the host.
        self.core.over.set(true);
        self.run_out(driver);
        self.run_io_out(driver);
        let late = self.core.live.borrow().keys();
        for key in late {
            host::drop_late(&self.core, key);
        }
        self.run_out(driver);
        self.run_io_out(driver);
        self.announce();
        self.end_sessions("the node has stopped");
        self.take_apart(driver);
        let pools = self.core.places.borrow_mut().take_all();
        drop(pools);
        // Containers that ended just now closed what they had open.
        if let Err(error) = self.core.io.exchange(driver) {
            tracing::warn!(%error, "what the pools had open is closed with the node");
        }
    }

    /// Waits, but not for ever, until no operation is under way: what has memory of a call lets go of it, and what a call
    /// shielded is done.
    fn run_io_out(&mut self, driver: &mut dyn Driver) {
        let until = driver.now().saturating_add(LAST_IO_NS);
        while self.core.io.count() > 0 && driver.now() < until {
            let exchanged = self.core.io.exchange(driver);
            let moved = host::let_go_late(&self.core) | self.run(driver);
            let slept = match exchanged {
                Ok(true) => Ok(()),
                Ok(false) if moved => Ok(()),
                Ok(false) => {
                    driver.park(Some(until.min(driver.now().saturating_add(LAST_IO_NAP_NS))), &mut self.ready)
                }
                Err(error) => Err(error),
            };
            self.ready.clear();
            if let Err(error) = slept {
                tracing::warn!(%error, "operations are left to end with the node");
                return;
            }
        }
    }
}

impl Drop for Worker {
    /// A worker that panicked or cannot go on tells its clients; one that was stopped has told them.
    fn drop(&mut self) {
        self.core.gone.set(true);
        self.end_sessions("the node's worker has failed");
        let late = self.core.late.take();
        drop(late);
    }
}

/// Watches all that a session is heard by.
fn watch(driver: &mut dyn Driver, session: &Session) -> io::Result<()> {
    driver.watch(session.doorbell(), Token(BELL | session.number), Watch::Edge)?;
    driver.watch(session.socket(), Token(SOCKET | session.number), Watch::Level)?;
    match session.process() {
        Some(process) => driver.watch(process, Token(PROCESS | session.number), Watch::Level),
        None => Ok(()),
    }
}

fn forget(driver: &mut dyn Driver, socket: &OwnedFd) {
    if let Err(error) = driver.unwatch(socket.as_fd()) {
        tracing::warn!(%error, "a socket could not be unwatched");
    }
}
