//! The module of these tests, and a node of several workers.

use crate::stage::Stage;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;
use windlass::prelude::*;
use windlass_runtime::NodeConfig;

/// A part of something: it counts, waits, keeps order.
pub struct Shard {
    seen: RefCell<Vec<u64>>,
    notes: RefCell<BTreeMap<String, Vec<u64>>>,
    refuses_end: Cell<bool>,
}

/// The longer of two texts.
fn longer(left: String, right: String) -> String {
    if right.len() > left.len() { right } else { left }
}

#[module(export = false)]
impl Shard {
    /// Fails on the container whose `create` comes `fails`th on this node; 0: none does.
    #[create]
    fn create(#[arg(default = 0)] fails: u64) -> Result<Self, Fault> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static MADE: AtomicU64 = AtomicU64::new(0);
        if fails > 0 && (MADE.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(fails) {
            return Err(Fault::module(7, "this one does not come about"));
        }
        Ok(Self { seen: RefCell::default(), notes: RefCell::default(), refuses_end: Cell::new(false) })
    }
    #[hook]
    fn destroy(&self, _cx: &Context<'_>) -> Result<(), Fault> {
        if self.refuses_end.get() { Err(Fault::module(8, "it stays")) } else { Ok(()) }
    }
    /// From now on the pool cannot be destroyed, or can.
    #[method(id = 10)]
    fn refuse_end(&self, refuses: bool) {
        self.refuses_end.set(refuses);
    }
    /// Remembers a number; how many there are in this container.
    #[method(id = 11)]
    fn put(&self, number: u64) -> u64 {
        self.seen.borrow_mut().push(number);
        self.seen.borrow().len() as u64
    }
    /// All numbers of this container, in the order they came.
    #[method(id = 12, aggregate = concat)]
    fn all(&self) -> Vec<u64> {
        self.seen.borrow().clone()
    }
    #[method(id = 13, aggregate = sum)]
    fn count(&self) -> u64 {
        self.seen.borrow().len() as u64
    }
    #[method(id = 14, aggregate = max)]
    fn greatest(&self) -> Option<u64> {
        self.seen.borrow().iter().copied().max()
    }
    #[method(id = 15, aggregate = longer)]
    fn echo(&self, text: &str) -> String {
        text.repeat(1 + self.seen.borrow().len())
    }
    /// Says no aggregate.
    #[method(id = 16)]
    fn single(&self) -> u64 {
        1
    }
    /// Answers nothing, so it needs none.
    #[method(id = 17)]
    fn clear(&self) {
        self.seen.borrow_mut().clear();
    }
    /// Fails where there are numbers.
    #[method(id = 18, aggregate = sum)]
    fn picky(&self) -> Result<u64, Fault> {
        let count = self.seen.borrow().len() as u64;
        if count > 0 { Err(Fault::module(9, "it has numbers")) } else { Ok(1) }
    }
    /// Waits for so long, unless it is to end.
    #[method(id = 19)]
    async fn wait(&self, cx: &Context<'_>, ms: u64) -> Result<u64, Fault> {
        cx.sleep(Duration::from_millis(ms)).await?;
        Ok(ms)
    }
    /// As `wait`, and answers on a broadcast.
    #[method(id = 20, aggregate = max)]
    async fn wait_all(&self, cx: &Context<'_>, ms: u64) -> Result<u64, Fault> {
        cx.sleep(Duration::from_millis(ms)).await?;
        Ok(ms)
    }
    /// Writes down a number under a key, after others had a chance to run.
    #[method(id = 21, key = name)]
    async fn note(&self, cx: &Context<'_>, name: &str, number: u64) -> Result<(), Fault> {
        let before = self.notes.borrow().get(name).map_or(0, Vec::len);
        cx.sleep(Duration::from_micros(10)).await?;
        self.notes.borrow_mut().entry(name.to_owned()).or_default().push(number);
        let after = self.notes.borrow()[name].len();
        if after == before + 1 { Ok(()) } else { Err(Fault::module(1, "two calls of one key ran at once")) }
    }
    #[method(id = 22)]
    fn notes(&self, name: &str) -> Vec<u64> {
        self.notes.borrow().get(name).cloned().unwrap_or_default()
    }
    /// The sum of a buffer's bytes.
    #[method(id = 23, aggregate = sum)]
    fn weigh(&self, data: In<Bytes>) -> u64 {
        data.iter().map(|byte| u64::from(*byte)).sum()
    }
    /// Its bytes, turned round.
    #[method(id = 24)]
    fn turn(&self, data: In<Bytes>, mut out: Out<Bytes>) -> u64 {
        for (to, from) in out.iter_mut().zip(data.iter().rev()) {
            *to = *from;
        }
        out.set_len(data.len());
        data.len() as u64
    }
    /// Changes the caller's bytes.
    #[method(id = 25)]
    fn bump(&self, mut data: InOut<SharedBytes>) {
        let mut bytes = vec![0; data.len()];
        data.read_at(0, &mut bytes);
        bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
        data.write_at(0, &bytes);
    }
    /// Asks the containers of a pool by a query of its own: how many numbers all of them have.
    #[method(id = 26)]
    async fn count_of(&self, cx: &Context<'_>, pool: &str) -> Result<u64, Fault> {
        shard::Nested::find(cx, pool).await?.toward(Query::Broadcast).count().await
    }
    /// Waits in another container, one after another of the pool, for so long.
    #[method(id = 27)]
    async fn wait_there(&self, cx: &Context<'_>, pool: &str, at: u64, ms: u64) -> Result<u64, Fault> {
        shard::Nested::find(cx, pool).await?.toward(Query::Id(at)).wait(ms).await
    }
    #[method(id = 28, detached)]
    fn drop_off(&self, number: u64) {
        self.seen.borrow_mut().push(number);
    }
    /// Holds its worker without a pause.
    #[method(id = 29)]
    fn hog(&self, cx: &Context<'_>, ms: u64) {
        let until = cx.now_ns() + ms * 1_000_000;
        while cx.now_ns() < until {
            std::hint::spin_loop();
        }
    }
    /// Holds its worker for half a millisecond, then waits.
    #[method(id = 32)]
    async fn chew(&self, cx: &Context<'_>, ms: u64) -> Result<(), Fault> {
        let until = cx.now_ns() + 500_000;
        while cx.now_ns() < until {
            std::hint::spin_loop();
        }
        cx.sleep(Duration::from_millis(ms)).await
    }
    #[method(id = 30)]
    fn panic(&self) {
        panic!("as it was asked to");
    }
    /// Runs on a thread of its own.
    #[method(id = 31, blocking)]
    fn block(number: u64) -> u64 {
        number + 1
    }
}

/// A node of three workers with the module.
pub fn stage() -> Stage {
    with(|_| {})
}

/// The same, changed.
pub fn with(change: impl FnOnce(&mut NodeConfig)) -> Stage {
    Stage::with(|config| {
        config.workers = 3;
        config.modules.push(Shard::TABLE);
        change(config);
    })
}

/// A pool of so many containers, one worker after another, and a client of a session of its own.
pub fn pool(stage: &Stage, name: &str, containers: u32) -> shard::Blocking {
    spread(stage, name, containers, "round_robin").unwrap()
}

/// A pool whose containers are placed so.
pub fn spread(stage: &Stage, name: &str, containers: u32, placement: &str) -> Result<shard::Blocking, Fault> {
    stage.admin().create_spread(name, "shard", &[], containers, placement)?;
    shard::Blocking::connect(&stage.address(), name)
}
