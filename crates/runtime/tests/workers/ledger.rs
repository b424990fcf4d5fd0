//! Modules whose containers can move: one gives its state away, one has none.

use std::cell::{Cell, RefCell};
use std::sync::Mutex;
use std::time::Duration;
use windlass::prelude::*;

/// Writes numbers down, and gives them away.
#[derive(Default)]
pub struct Ledger {
    lines: RefCell<Vec<(u64, u64)>>,
    beats: Cell<u64>,
    /// How long whoever takes it over is held, milliseconds.
    slow_ms: Cell<u64>,
}

#[module(export = false)]
impl Ledger {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    #[hook]
    fn export(&self, _cx: &Context<'_>) -> Result<Vec<u8>, Fault> {
        let state = (self.slow_ms.get(), self.lines.borrow().clone());
        postcard::to_allocvec(&state).map_err(|error| Fault::module(1, error.to_string()))
    }
    #[hook]
    fn import(&self, cx: &Context<'_>, _from: &str, state: &[u8]) -> Result<(), Fault> {
        let (slow_ms, lines): (u64, Vec<(u64, u64)>) =
            postcard::from_bytes(state).map_err(|error| Fault::module(2, error.to_string()))?;
        let until = cx.now_ns() + slow_ms * 1_000_000;
        while cx.now_ns() < until {
            std::hint::spin_loop();
        }
        self.lines.replace(lines);
        Ok(())
    }
    /// Writes down who says what; how many lines there are.
    #[method(id = 10)]
    fn put(&self, who: u64, what: u64) -> u64 {
        self.lines.borrow_mut().push((who, what));
        self.lines.borrow().len() as u64
    }
    #[method(id = 11, aggregate = concat)]
    fn all(&self) -> Vec<(u64, u64)> {
        self.lines.borrow().clone()
    }
    #[method(id = 12, aggregate = sum)]
    fn count(&self) -> u64 {
        self.lines.borrow().len() as u64
    }
    /// How many lines are of `who`, and whether they are 0, 1, 2, ..
    #[method(id = 18)]
    fn of(&self, who: u64) -> (u64, bool) {
        let lines = self.lines.borrow();
        let of: Vec<u64> = lines.iter().filter(|line| line.0 == who).map(|line| line.1).collect();
        (of.len() as u64, (0..).zip(&of).all(|(at, what)| at == *what))
    }
    #[method(id = 13)]
    async fn wait(&self, cx: &Context<'_>, ms: u64) -> Result<(), Fault> {
        cx.sleep(Duration::from_millis(ms)).await?;
        Ok(())
    }
    /// From now on it takes so long to take it over.
    #[method(id = 14)]
    fn slow(&self, ms: u64) {
        self.slow_ms.set(ms);
    }
    /// Begins a task that does not end by itself.
    #[method(id = 15)]
    async fn linger(&self, cx: &Context<'_>) -> Result<(), Fault> {
        let idle = async |cx: Context<'_>| drop(cx.sleep(Duration::from_secs(3600)).await);
        cx.spawn(Spawn::named("lingers"), idle).map(drop)
    }
    #[method(id = 16, period = "1ms")]
    fn beat(&self) {
        self.beats.set(self.beats.get() + 1);
    }
    #[method(id = 17)]
    fn beats(&self) -> u64 {
        self.beats.get()
    }
}

/// What was witnessed.
pub static SEEN: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());

/// Keeps nothing.
pub struct Plain;

#[module(export = false, stateless)]
impl Plain {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(id = 10)]
    async fn double(&self, number: u64) -> u64 {
        number * 2
    }
    /// Asks a ledger so often how many lines it has.
    #[method(id = 11)]
    async fn ask(&self, cx: &Context<'_>, pool: &str, times: u64) -> Result<u64, Fault> {
        let ledger = ledger::Nested::find(cx, pool).await?;
        let mut sum = 0;
        for _ in 0..times {
            sum += ledger.count().await?;
        }
        Ok(sum)
    }
    /// Holds its worker without a pause.
    #[method(id = 12)]
    async fn hog(&self, cx: &Context<'_>, ms: u64) -> u64 {
        let until = cx.now_ns() + ms * 1_000_000;
        while cx.now_ns() < until {
            std::hint::spin_loop();
        }
        ms
    }
    /// Waits for so long.
    #[method(id = 14)]
    async fn nap(&self, cx: &Context<'_>, ms: u64) -> Result<(), Fault> {
        cx.sleep(Duration::from_millis(ms)).await?;
        Ok(())
    }
    /// Writes down in this process, outside the container, who said what.
    #[method(id = 15)]
    async fn witness(&self, who: u64, what: u64) {
        SEEN.lock().unwrap().push((who, what));
    }
    #[method(id = 13, aggregate = sum)]
    async fn one(&self) -> u64 {
        1
    }
}
