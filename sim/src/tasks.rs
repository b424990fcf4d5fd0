//! Tasks without a node: lanes, timers and operations under a simulated driver.
//!
//! Lives here: `TasksActor` (it turns), `Cx` (what its tasks have).
//! Holds: tasks meet the driver as those of a node do: between pieces of work, through `Io`.

use crate::limits::PIECES_PER_TURN;
use crate::stage::{Stage, Turned};
use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Poll, Waker};
use windlass_driver::sim::{Dice, Machine, SimDriver};
use windlass_driver::{Driver, Nanos, Operation};
use windlass_lane::io::{Done, Io, Ticket};
use windlass_lane::{Class, Lanes, Timers, Work};

struct Shared {
    lanes: RefCell<Lanes<()>>,
    timers: RefCell<Timers<Waker>>,
    io: Io,
    clock: Rc<dyn Fn() -> Nanos>,
    dice: RefCell<Dice>,
    failure: RefCell<Option<String>>,
}

/// A process of tasks.
pub(crate) struct TasksActor {
    driver: SimDriver,
    shared: Rc<Shared>,
}

/// What a task has of its process.
#[derive(Clone)]
pub(crate) struct Cx {
    shared: Rc<Shared>,
}

impl TasksActor {
    pub(crate) fn new(stage: &Stage, machine: Machine, purpose: &str) -> Result<(Cx, Self), String> {
        let driver = SimDriver::stepped(stage.world(), machine).map_err(|error| error.to_string())?;
        let shared = Rc::new(Shared {
            lanes: RefCell::new(Lanes::new(None)),
            timers: RefCell::default(),
            io: Io::default(),
            clock: driver.clock(),
            dice: RefCell::new(stage.dice(purpose)),
            failure: RefCell::new(None),
        });
        Ok((Cx { shared: shared.clone() }, Self { driver, shared }))
    }

    pub(crate) fn is_awake(&mut self) -> Result<bool, String> {
        self.driver.is_awake().map_err(|error| error.to_string())
    }

    pub(crate) fn wakes_at(&self) -> Option<Nanos> {
        self.driver.sleeps_until()
    }

    pub(crate) fn turn(&mut self) -> Result<Turned, String> {
        let shared = self.shared.clone();
        let say = |error: std::io::Error| error.to_string();
        let pieces = 1 + shared.dice.borrow_mut().below(PIECES_PER_TURN);
        let mut worked = false;
        for _ in 0..pieces {
            let work = shared.lanes.borrow_mut().pick();
            let Some(Work::Resume(task)) = work else { break };
            task.run();
            worked = true;
        }
        if let Some(text) = shared.failure.borrow_mut().take() {
            return Err(text);
        }
        worked |= shared.io.exchange(&mut self.driver).map_err(say)?;
        let now = self.driver.now();
        loop {
            let due = shared.timers.borrow_mut().due(now);
            let Some(waker) = due else { break };
            waker.wake();
            worked = true;
        }
        let idle = shared.lanes.borrow().is_idle();
        if idle && shared.lanes.borrow().alive() == 0 && shared.io.count() == 0 && !shared.io.has_news() {
            return Ok(Turned::Over);
        }
        if !worked && !shared.io.has_news() && shared.lanes.borrow().about_to_park() {
            let until = shared.timers.borrow().next_at();
            self.driver.park(until, &mut Vec::new()).map_err(say)?;
            shared.lanes.borrow().unparked();
            shared.io.exchange(&mut self.driver).map_err(say)?;
        }
        Ok(Turned::Goes)
    }
}

impl Cx {
    pub(crate) fn spawn(&self, task: impl Future<Output = Result<(), String>> + 'static) {
        let shared = self.shared.clone();
        let watched = async move {
            if let Err(text) = task.await {
                shared.failure.borrow_mut().get_or_insert(text);
            }
        };
        match self.shared.lanes.borrow_mut().spawn(Class::Latency, watched) {
            Ok(task) => task.detach(),
            Err(error) => {
                self.shared.failure.borrow_mut().get_or_insert(format!("no task: {error:?}"));
            }
        }
    }

    pub(crate) fn io(&self) -> &Io {
        &self.shared.io
    }

    pub(crate) fn below(&self, n: u64) -> u64 {
        self.shared.dice.borrow_mut().below(n)
    }

    pub(crate) fn now(&self) -> Nanos {
        (self.shared.clock)()
    }

    /// Starts an operation and waits for it.
    pub(crate) async fn ask(&self, operation: Operation) -> Done {
        match self.start(operation) {
            Ok(ticket) => self.wait(ticket).await,
            Err(done) => done,
        }
    }

    pub(crate) fn start(&self, operation: Operation) -> Result<Ticket, Done> {
        self.io().start(operation).map_err(|operation| Done {
            result: Err(windlass_driver::IoError::NoMemory),
            buffer: operation.into_buffer(),
        })
    }

    /// Waits for an operation.
    pub(crate) async fn wait(&self, ticket: Ticket) -> Done {
        std::future::poll_fn(|cx| self.io().poll(&ticket, cx.waker())).await
    }

    pub(crate) async fn sleep(&self, ns: Nanos) {
        let at = self.now() + ns;
        std::future::poll_fn(|cx| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            // A timer that is there already fires for nobody.
            let _set = self.shared.timers.borrow_mut().set(at, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
