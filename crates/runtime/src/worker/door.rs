//! The door: how clients come in, and how their sessions are taken apart.
//!
//! Lives here: `Door` (the listener, and connections that have not said hello), and a worker's part in greeting.
//! From: the listener; a letter, when the first worker gave a connection to another. To: `transport::greet`.
//! Holds: nobody is let in before the configured pools stand. A connection is greeted when its hello is there, and by the worker that has the fewest sessions then; it counts as a
//! session from that moment on.

use super::{BELL, LISTENER, PROCESS, SOCKET, Worker};
use crate::admin::relief;
use crate::core::Alarm;
use crate::events::Kind;
use crate::limits::{ACCEPT_PAUSE_NS, GREETING_NS, GREETINGS_MAX, SESSION_GAP_NS};
use crate::mail::Letter;
use crate::session::{Parcel, Session};
use crate::shared::WorkerId;
use crate::transport::greet;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use windlass_contract::{Code, Fault};
use windlass_driver::socket::{Listener, Peer};
use windlass_driver::{Driver, Token, Watch};

/// Where clients come in.
pub(super) struct Door {
    listener: Listener,
    /// Connections that have not said hello, the oldest first.
    greetings: BTreeMap<u64, (OwnedFd, Peer)>,
}

impl Door {
    /// A door that is shut yet: who knocks waits.
    pub(super) fn new(listener: Listener) -> Self {
        Self { listener, greetings: BTreeMap::new() }
    }

    /// Listens again after a pause.
    pub(super) fn listen_again(&self, driver: &mut dyn Driver) {
        if let Err(error) = driver.watch(self.listener.as_fd(), LISTENER, Watch::Level) {
            tracing::error!(%error, "the node's socket cannot be watched again: no new client is heard");
        }
    }
}

impl Worker {
    /// Lets clients in: the pools stand.
    pub(super) fn open_door(&mut self, driver: &mut dyn Driver) -> io::Result<()> {
        self.is_shut = false;
        match &self.door {
            Some(door) => driver.watch(door.listener.as_fd(), LISTENER, Watch::Level),
            None => Ok(()),
        }
    }

    pub(super) fn accept(&mut self, driver: &mut dyn Driver) -> io::Result<()> {
        loop {
            let Some(door) = &mut self.door else { return Ok(()) };
            let (socket, peer) = match door.listener.accept() {
                Ok(Some(connection)) => connection,
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted; the node tries again in a while");
                    let at = driver.now().saturating_add(ACCEPT_PAUSE_NS);
                    // The connection still waits, so the socket would call again at once, for ever.
                    if self.core.timers.borrow_mut().set(at, Alarm::Listen).is_some() {
                        driver.unwatch(door.listener.as_fd())?;
                    }
                    return Ok(());
                }
            };
            if door.greetings.len() >= GREETINGS_MAX
                && let Some(oldest) = door.greetings.keys().next().copied()
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
            if let Some(door) = &mut self.door {
                door.greetings.insert(number, (socket, peer));
            }
        }
    }

    fn take_greeting(&mut self, driver: &mut dyn Driver, number: u64) -> Option<(OwnedFd, Peer)> {
        let (socket, peer) = self.door.as_mut()?.greetings.remove(&number)?;
        if let Err(error) = driver.unwatch(socket.as_fd()) {
            tracing::warn!(%error, "a socket could not be unwatched");
        }
        Some((socket, peer))
    }

    /// Closes a connection that has not said hello, in words.
    pub(super) fn turn_away(&mut self, driver: &mut dyn Driver, number: u64, why: &str) {
        if let Some((socket, peer)) = self.take_greeting(driver, number) {
            tracing::info!(pid = peer.pid, why, "a silent connection is closed");
            greet::refuse(&socket, &Fault::new(Code::BadHello, format!("the connection is closed: {why}")));
        }
    }

    /// A connection said hello: it gets its worker.
    pub(super) fn hear_hello(&mut self, driver: &mut dyn Driver, number: u64) {
        if let Some((socket, peer)) = self.take_greeting(driver, number) {
            self.give(driver, socket, peer, number);
        }
    }

    /// Takes connections back that wait for a worker which is held by a piece of work: others greet them.
    pub(super) fn relieve(&mut self, driver: &mut dyn Driver, held: WorkerId) {
        let desk = self.core.shared.desk(held);
        if !desk.is_stalled() {
            return;
        }
        self.core.tell(Kind::WorkerHeld, held, None);
        let connections = desk.mailbox.take_connections();
        desk.sessions.fetch_sub(connections.len() as u32, Ordering::Relaxed);
        if !connections.is_empty() {
            tracing::info!(worker = %held, connections = connections.len(), "what waits for a worker that is held goes to others");
        }
        // Sessions that were on their way there come here.
        let sessions = desk.mailbox.take_sessions();
        desk.sessions.fetch_sub(sessions.len() as u32, Ordering::Relaxed);
        for parcel in sessions {
            self.core.shared.desk(self.core.worker).sessions.fetch_add(1, Ordering::Relaxed);
            self.take_in(driver, parcel);
        }
        for (socket, peer, number) in connections {
            self.give(driver, socket, peer, number);
        }
        relief::begin(&self.core, held);
    }

    fn give(&mut self, driver: &mut dyn Driver, socket: OwnedFd, peer: Peer, number: u64) {
        let worker = self.core.shared.for_session();
        self.core.shared.desk(worker).sessions.fetch_add(1, Ordering::Relaxed);
        if worker == self.core.worker {
            return self.greet(driver, socket, peer, number);
        }
        self.core.mail.write(worker, Letter::Connection(socket, peer, number));
    }

    /// Greets a connection that is this worker's.
    pub(super) fn greet(&mut self, driver: &mut dyn Driver, socket: OwnedFd, peer: Peer, number: u64) {
        let session = match greet::greet(&self.core, driver, socket, peer, number) {
            Ok(session) => session,
            Err(fault) => {
                tracing::info!(pid = peer.pid, %fault, "a connection was refused");
                self.core.tell(Kind::ConnectionRefused, format_args!("process {}", peer.pid), Some(&fault));
                return self.one_session_less();
            }
        };
        let worker = self.core.worker;
        tracing::debug!(session = number, %worker, client = %session.name, pid = peer.pid, "session begins");
        self.core.tell(
            Kind::SessionBegan,
            format_args!("{number} of {} (process {})", session.name, peer.pid),
            None,
        );
        self.core.sessions.borrow_mut().all.insert(number, session.clone());
        if let Err(error) = watch(driver, &session) {
            session.end(&Fault::new(Code::Io, format!("the session cannot be watched: {error}")));
            return;
        }
        // What comes in a stream is brought by its task.
        if session.ring().is_some() {
            session.active.set(true);
            self.active.push(session);
        }
    }

    /// Gives a session away whose calls go to another worker, if there is one; not many at once.
    pub(super) fn give_session(&mut self, driver: &mut dyn Driver) {
        let core = self.core.clone();
        if core.shared.is_alone() || core.draining.get() {
            return;
        }
        // Before the clock is read.
        if !self.active.iter().any(|session| session.drifts()) {
            return;
        }
        let now = core.now();
        let wants = |(at, one): (usize, &Rc<Session>)| one.wants_away(now).map(|to| (at, to));
        let Some((at, to)) = self.active.iter().enumerate().find_map(wants) else { return };
        if now.saturating_sub(self.gave_at) < SESSION_GAP_NS || core.shared.desk(to).is_stalled() {
            return;
        }
        self.gave_at = now;
        // From now on its client rings.
        if !self.active[at].arm() {
            return;
        }
        let session = self.active.swap_remove(at);
        let number = session.number;
        core.sessions.borrow_mut().all.remove(&number);
        for fd in session.watched() {
            if let Err(error) = driver.unwatch(fd) {
                tracing::warn!(%error, session = number, "a descriptor could not be unwatched");
            }
        }
        let text = format!("{number} of {}: worker {} to {to}", session.name, core.worker);
        match Session::pack(session, &core) {
            Ok(parcel) => {
                self.one_session_less();
                core.shared.desk(to).sessions.fetch_add(1, Ordering::Relaxed);
                core.mail.write(to, Letter::Session(Box::new(parcel)));
                core.mail.post();
                tracing::debug!(session = number, %to, "a session goes to where its calls go");
                core.tell(Kind::SessionMoved, text, None);
            }
            // Something has a part of it.
            Err(session) => self.look_at(driver, session),
        }
    }

    /// Takes a session in that another worker gave away.
    pub(super) fn take_in(&mut self, driver: &mut dyn Driver, parcel: Parcel) {
        tracing::debug!(session = parcel.number(), worker = %self.core.worker, "a session has come");
        let session = Session::unpack(&self.core, parcel);
        self.look_at(driver, session);
    }

    /// Looks at a session of shared memory that was not looked at: what came meanwhile stands in its ring.
    fn look_at(&mut self, driver: &mut dyn Driver, session: Rc<Session>) {
        self.core.sessions.borrow_mut().all.insert(session.number, session.clone());
        if let Err(error) = watch(driver, &session) {
            session.end(&Fault::new(Code::Io, format!("the session cannot be watched: {error}")));
            return;
        }
        session.disarm();
        session.active.set(true);
        self.active.push(session);
    }

    fn one_session_less(&self) {
        self.core.shared.desk(self.core.worker).sessions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes ended sessions apart: nothing of them is watched, their calls are asked to end, what no call holds returns.
    pub(super) fn take_apart(&mut self, driver: &mut dyn Driver) {
        loop {
            let ended = self.core.sessions.borrow_mut().ended.pop();
            let Some(session) = ended else { return };
            for fd in session.watched() {
                // Not watched yet when it ended during its greeting.
                let _may_be_unwatched = driver.unwatch(fd);
            }
            for serving in session.all_live() {
                serving.end(&self.core, Code::Cancelled);
            }
            session.give_up_memory();
            self.active.retain(|other| !Rc::ptr_eq(other, &session));
            if self.core.sessions.borrow_mut().all.remove(&session.number).is_some() {
                self.one_session_less();
            }
            self.core.symbols.end(session.number);
        }
    }
}

/// Watches all that a session is heard by.
fn watch(driver: &mut dyn Driver, session: &Session) -> io::Result<()> {
    let Some(ring) = session.ring() else { return Ok(()) };
    driver.watch(ring.doorbell(), Token(BELL | session.number), Watch::Edge)?;
    driver.watch(ring.socket(), Token(SOCKET | session.number), Watch::Level)?;
    match ring.process() {
        Some(process) => driver.watch(process, Token(PROCESS | session.number), Watch::Level),
        None => Ok(()),
    }
}
