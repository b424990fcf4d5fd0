//! The same tasks on the lanes of an engine over the real driver.

use crate::Failure;
use crate::still::Still;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use windlass_driver::Driver;
use windlass_driver::real::RealDriver;
use windlass_lane::{Cx, Engine, Next};

/// An engine and its driver.
pub struct Ours {
    driver: Box<dyn Driver>,
    engine: Engine,
}

impl Ours {
    /// With the real clock.
    ///
    /// # Errors
    /// The machine's.
    pub fn new() -> Result<Self, Failure> {
        let mut driver = RealDriver::new()?;
        let remote = driver.remote();
        let engine = Engine::new(&mut driver, Some(Arc::new(move || remote.ring())));
        Ok(Self { driver: Box::new(driver), engine })
    }

    /// With a clock that can be counted.
    pub fn still() -> Self {
        let mut driver = Still::default();
        let engine = Engine::new(&mut driver, None);
        Self { driver: Box::new(driver), engine }
    }

    /// What its tasks can do.
    pub fn cx(&self) -> Cx {
        self.engine.cx()
    }

    /// Runs until every task has ended.
    ///
    /// # Errors
    /// The engine's.
    pub fn run(&mut self) -> Result<(), Failure> {
        while self.engine.turn(&mut *self.driver)? == Next::Again {}
        Ok(())
    }

    /// So many batches of tasks that end at once.
    ///
    /// # Errors
    /// A spawn or the engine fails, or a task did not run.
    pub fn spawn(&mut self, batches: u64, tasks: u64) -> Result<(), Failure> {
        let ended = Rc::new(Cell::new(0));
        let cx = self.cx();
        for _ in 0..batches {
            for _ in 0..tasks {
                let ended = ended.clone();
                cx.spawn("ends", async move { ended.set(ended.get() + 1) })?.detach();
            }
            self.run()?;
        }
        check(ended.get(), batches * tasks)
    }

    /// So many tasks that each yield so often.
    ///
    /// # Errors
    /// A spawn or the engine fails, or a task did not run to its end.
    pub fn switch(&mut self, tasks: u64, times: u64) -> Result<(), Failure> {
        let ended = Rc::new(Cell::new(0));
        let cx = self.cx();
        for _ in 0..tasks {
            let (ended, inner) = (ended.clone(), cx.clone());
            let yields = async move {
                for _ in 0..times {
                    inner.yield_now().await;
                }
                ended.set(ended.get() + 1);
            };
            cx.spawn("yields", yields)?.detach();
        }
        self.run()?;
        check(ended.get(), tasks)
    }
}

fn check(ended: u64, expected: u64) -> Result<(), Failure> {
    if ended == expected { Ok(()) } else { Err(format!("{ended} of {expected} tasks ran to their end").into()) }
}
