//! Tasks without a node: an engine under a simulated driver.
//!
//! Lives here: `TasksActor` (it turns), `Cx` (what its tasks have).
//! Holds: the engine is the one that programs run; a task that fails fails the run.

use crate::stage::{Stage, Turned};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use windlass_driver::sim::{Dice, Machine, SimDriver};
use windlass_driver::{Handle, IoBuffer, IoError, Nanos, Operation, Value};
use windlass_lane::io::{Done, Io, Ticket};
use windlass_lane::{Engine, Next};

struct Shared {
    dice: RefCell<Dice>,
    failure: RefCell<Option<String>>,
}

/// A process of tasks.
pub(crate) struct TasksActor {
    // Before the driver: its tasks are dropped first.
    engine: Engine,
    driver: SimDriver,
    shared: Rc<Shared>,
}

/// What a task has of its process.
#[derive(Clone)]
pub(crate) struct Cx {
    engine: windlass_lane::Cx,
    io: Io,
    shared: Rc<Shared>,
}

impl TasksActor {
    pub(crate) fn new(stage: &Stage, machine: Machine, purpose: &str) -> Result<(Cx, Self), String> {
        let mut driver = SimDriver::stepped(stage.world(), machine).map_err(|error| error.to_string())?;
        let engine = Engine::new(&mut driver, None);
        let shared = Rc::new(Shared { dice: RefCell::new(stage.dice(purpose)), failure: RefCell::new(None) });
        let cx = Cx { engine: engine.cx(), io: engine.cx().io().clone(), shared: shared.clone() };
        Ok((cx, Self { engine, driver, shared }))
    }

    pub(crate) fn is_awake(&mut self) -> Result<bool, String> {
        self.driver.is_awake().map_err(|error| error.to_string())
    }

    pub(crate) fn wakes_at(&self) -> Option<Nanos> {
        self.driver.sleeps_until()
    }

    pub(crate) fn turn(&mut self) -> Result<Turned, String> {
        let next = self.engine.turn(&mut self.driver).map_err(|error| error.to_string())?;
        match self.shared.failure.borrow_mut().take() {
            Some(text) => Err(text),
            None => Ok(if next == Next::Ended { Turned::Over } else { Turned::Goes }),
        }
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
        match self.engine.spawn("task", watched) {
            Ok(task) => task.detach(),
            Err(error) => {
                self.shared.failure.borrow_mut().get_or_insert(format!("no task: {error}"));
            }
        }
    }

    pub(crate) fn io(&self) -> &Io {
        &self.io
    }

    pub(crate) fn below(&self, n: u64) -> u64 {
        self.shared.dice.borrow_mut().below(n)
    }

    pub(crate) fn now(&self) -> Nanos {
        self.engine.now()
    }

    /// Starts an operation and waits for it.
    pub(crate) async fn ask(&self, operation: Operation) -> Done {
        match self.start(operation) {
            Ok(ticket) => self.wait(ticket).await,
            Err(done) => done,
        }
    }

    pub(crate) fn start(&self, operation: Operation) -> Result<Ticket, Done> {
        self.io
            .start(operation)
            .map_err(|operation| Done { result: Err(IoError::NoMemory), buffer: operation.into_buffer() })
    }

    /// Waits for an operation.
    pub(crate) async fn wait(&self, ticket: Ticket) -> Done {
        std::future::poll_fn(|cx| self.io.poll(&ticket, cx.waker())).await
    }

    pub(crate) async fn sleep(&self, ns: Nanos) {
        // A task that is asked to end has nothing to wait for.
        let _slept = self.engine.sleep(Duration::from_nanos(ns)).await;
    }

    /// Sends all of it; `false` when the connection does not take it.
    pub(crate) async fn send_all(&self, socket: Handle, bytes: Vec<u8>) -> Result<bool, String> {
        let (mut done, all) = (0, bytes.len());
        let mut buffer = IoBuffer::from_vec(bytes);
        while done < all {
            if !buffer.set_range(done..all) {
                return Err("a range of its own buffer".into());
            }
            let sent = self.ask(Operation::Send { socket, buffer }).await;
            buffer = sent.buffer.ok_or("a send lost its buffer")?;
            match sent.result {
                Ok(Value::Bytes(more)) => done += more,
                Err(IoError::System(_) | IoError::Closed | IoError::NotRegistered) => return Ok(false),
                other => return Err(format!("sending: {other:?}")),
            }
        }
        Ok(true)
    }
}
