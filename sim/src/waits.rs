//! Waits: a module whose calls wait for each other, at every primitive of `windlass::wait`.
//!
//! Holds: what it sees that must not be goes to the `board`: somebody overtaken, two at once where one may be, a value that came
//! twice, something left when nobody is there any more.

use crate::board;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;
use windlass::prelude::*;
use windlass::wait::{Marks, Pool, QLock, Receiver, Rendez, Semaphore, Sender, channel};

const PERMITS: usize = 3;
const BUFFERS: usize = 2;
const PLACES: usize = 2;

/// State of a container.
pub struct Waits {
    lock: QLock<Cell<bool>>,
    at_lock: Line,
    permits: Semaphore,
    at_permits: Line,
    taken: Cell<usize>,
    rendez: Rendez,
    sender: Sender<u64>,
    receiver: Receiver<u64>,
    at_sender: Cell<u64>,
    at_receiver: Cell<u64>,
    /// Values that were taken into the channel and are not received.
    on_the_way: RefCell<BTreeSet<u64>>,
    next_value: Cell<u64>,
    buffers: Pool<Box<[u8]>>,
    out: Cell<usize>,
}

/// Who waits at one primitive, in the order of asking.
#[derive(Default)]
struct Line {
    waiting: RefCell<BTreeSet<u64>>,
    next: Cell<u64>,
}

/// A place in a line, until its task is served or gone.
struct Place<'a>(&'a Line, u64);

impl Line {
    fn ask(&self) -> Place<'_> {
        let ticket = self.next.get() + 1;
        self.next.set(ticket);
        self.waiting.borrow_mut().insert(ticket);
        Place(self, ticket)
    }
}

impl Place<'_> {
    /// It is served: so many may be before it, which were served at once with it and have not run.
    fn served(self, what: &str, at_once: usize) {
        let before = self.0.waiting.borrow().range(..self.1).count();
        if before > at_once {
            board::tell(|| format!("{what}: {before} who asked before wait on"));
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.borrow_mut().remove(&self.1);
    }
}

/// Counts one up until it is dropped.
struct Counted<'a>(&'a Cell<u64>);

impl<'a> Counted<'a> {
    fn new(at: &'a Cell<u64>) -> Self {
        at.set(at.get() + 1);
        Self(at)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Has the lock until its call ends, however it ends.
struct Inside<'a>(&'a Cell<bool>);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Takes so many of something that there are only so many of.
struct Share<'a>(&'a Cell<usize>, usize);

impl<'a> Share<'a> {
    fn take(of: &'a Cell<usize>, count: usize, most: usize, what: &str) -> Self {
        of.set(of.get() + count);
        if of.get() > most {
            board::tell(|| format!("{} of {most} {what} are taken", of.get()));
        }
        Self(of, count)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - self.1);
    }
}

fn refused(why: impl std::fmt::Display) -> Fault {
    Fault::new(Code::Internal, why.to_string())
}

#[module(export = false)]
impl Waits {
    #[create]
    fn create() -> Result<Self, Fault> {
        let (sender, receiver) = channel(PLACES).map_err(refused)?;
        let marks = Marks { low: 1, high: BUFFERS, reserve: 0 };
        Ok(Self {
            lock: QLock::default(),
            at_lock: Line::default(),
            permits: Semaphore::new(PERMITS),
            at_permits: Line::default(),
            taken: Cell::default(),
            rendez: Rendez::new(),
            sender,
            receiver,
            at_sender: Cell::default(),
            at_receiver: Cell::default(),
            on_the_way: RefCell::default(),
            next_value: Cell::default(),
            buffers: Pool::bytes(marks, 512).map_err(refused)?,
            out: Cell::default(),
        })
    }

    /// Has the lock for a while. `stubborn`: for ever, without an ear for its caller, so that it ends with its grace.
    #[method(id = 10)]
    async fn lock(&self, cx: &Context<'_>, us: u64, stubborn: bool) -> Result<(), Fault> {
        let place = self.at_lock.ask();
        let inside = if stubborn { self.lock.lock().await? } else { cx.wait(self.lock.lock()).await?? };
        place.served("the lock", 0);
        if inside.replace(true) {
            board::tell(|| "two have the lock".into());
        }
        let _inside = Inside(&inside);
        if stubborn {
            std::future::pending::<()>().await;
        }
        cx.sleep(Duration::from_micros(us)).await
    }

    /// Has some permits for a while.
    #[method(id = 11)]
    async fn permits(&self, cx: &Context<'_>, count: u64, us: u64) -> Result<(), Fault> {
        let place = self.at_permits.ask();
        let permit = cx.wait(self.permits.acquire(count as usize)).await?.map_err(refused)?;
        place.served("a permit", PERMITS - 1);
        let share = Share::take(&self.taken, permit.permits(), PERMITS, "permits");
        let slept = cx.sleep(Duration::from_micros(us)).await;
        drop(share);
        slept
    }

    /// Sends a value.
    #[method(id = 12)]
    async fn send(&self, cx: &Context<'_>) -> Result<(), Fault> {
        let value = self.next_value.get() + 1;
        self.next_value.set(value);
        self.on_the_way.borrow_mut().insert(value);
        let waits = Counted::new(&self.at_sender);
        // A value whose sending is given up does not arrive; dropped here, it is taken from the list as well.
        let given_up = GivenUp(self, value, Cell::new(true));
        let sent = cx.wait(self.sender.send(value)).await;
        drop(waits);
        if matches!(sent, Ok(Ok(()))) {
            given_up.2.set(false);
        }
        sent?.map_err(refused)
    }

    /// Receives a value.
    #[method(id = 13)]
    async fn receive(&self, cx: &Context<'_>) -> Result<u64, Fault> {
        let waits = Counted::new(&self.at_receiver);
        let value = cx.wait(self.receiver.recv()).await?.map_err(refused)?;
        drop(waits);
        self.received(value);
        Ok(value)
    }

    /// Sleeps until somebody wakes it.
    #[method(id = 14)]
    async fn sleep(&self, cx: &Context<'_>) -> Result<(), Fault> {
        Ok(cx.wait(self.rendez.sleep()).await??)
    }

    /// Wakes one or all; answers how many.
    #[method(id = 15)]
    fn wake(&self, all: bool) -> Result<u64, Fault> {
        let before = self.rendez.sleepers();
        let woken = if all { self.rendez.wake_all() } else { self.rendez.wake_one() };
        let wanted = if all { before } else { before.min(1) };
        if woken != wanted {
            board::tell(|| format!("{woken} of {wanted} sleepers were woken"));
        }
        Ok(woken as u64)
    }

    /// Has a buffer for a while.
    #[method(id = 16)]
    async fn buffer(&self, cx: &Context<'_>, us: u64) -> Result<(), Fault> {
        let mut buffer = cx.wait(self.buffers.get()).await?.map_err(refused)?;
        let share = Share::take(&self.out, 1, BUFFERS, "buffers");
        let mine = cx.call_number() as u8;
        buffer.fill(mine);
        let slept = cx.sleep(Duration::from_micros(us)).await;
        if buffer.iter().any(|byte| *byte != mine) {
            board::tell(|| "two have one buffer".into());
        }
        drop(share);
        slept
    }

    /// Helps whoever waits for somebody who may never come: sleepers, senders without room, receivers without a value.
    #[method(id = 17)]
    fn relieve(&self) -> Result<u64, Fault> {
        self.rendez.wake_all();
        if self.at_sender.get() > 0
            && let Ok(value) = self.receiver.try_recv()
        {
            self.received(value);
        } else if self.at_receiver.get() > 0 {
            let value = self.next_value.get() + 1;
            if self.sender.try_send(value).is_ok() {
                self.next_value.set(value);
                self.on_the_way.borrow_mut().insert(value);
            }
        }
        Ok(self.at_sender.get() + self.at_receiver.get() + self.rendez.sleepers() as u64)
    }

    /// Nobody uses anything now: says what is left, which is nothing.
    #[method(id = 18)]
    fn left(&self) -> Option<String> {
        while let Ok(value) = self.receiver.try_recv() {
            self.received(value);
        }
        let pool = self.buffers.stats();
        let left = [
            ("lock: held", usize::from(self.lock.is_locked())),
            ("lock: waiting", self.lock.waiting()),
            ("permits: taken", PERMITS - self.permits.free()),
            ("permits: waiting", self.permits.waiting()),
            ("rendez: asleep", self.rendez.sleepers()),
            ("channel: values", self.receiver.len()),
            ("channel: values that never came", self.on_the_way.borrow().len()),
            ("pool: out", pool.issued),
            ("pool: waiting", pool.waiting),
            ("counted at primitives", (self.at_sender.get() + self.at_receiver.get()) as usize),
        ];
        let some: Vec<String> =
            left.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{what} {count}")).collect();
        (!some.is_empty()).then(|| some.join(", "))
    }
}

impl Waits {
    fn received(&self, value: u64) {
        if !self.on_the_way.borrow_mut().remove(&value) {
            board::tell(|| format!("value {value} came twice, or was never sent"));
        }
    }
}

/// A value that is not sent after all.
struct GivenUp<'a>(&'a Waits, u64, Cell<bool>);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if self.2.get() {
            self.0.on_the_way.borrow_mut().remove(&self.1);
        }
    }
}
