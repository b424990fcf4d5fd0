//! Probe: the module that simulated clients call. Its methods look from inside at what a node promises.
//!
//! Holds: what it sees that must not be goes to the `board`, because nobody may be left to hear an answer.

use crate::board;
use crate::person::give_way;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use windlass::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

/// State of a container.
#[derive(Default)]
pub struct Probe {
    totals: RefCell<BTreeMap<u64, u64>>,
    /// For each key: how many of its calls began, and whether one is inside.
    keys: RefCell<BTreeMap<u64, (u64, bool)>>,
    /// Broadcasts that came by.
    visits: RefCell<BTreeSet<u64>>,
}

/// Leaves a key when its call ends, however it ends.
struct Inside<'a>(&'a Probe, u64);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.0.keys.borrow_mut().get_mut(&self.1) {
            key.1 = false;
        }
    }
}

impl Probe {
    fn enter(&self, key: u64) -> (u64, Inside<'_>) {
        let mut keys = self.keys.borrow_mut();
        let (began, inside) = keys.entry(key).or_default();
        if std::mem::replace(inside, true) {
            board::tell(|| format!("two calls of key {key} are inside at once"));
        }
        *began += 1;
        (*began, Inside(self, key))
    }
}

#[module(export = false)]
impl Probe {
    #[create]
    fn create() -> Self {
        Self::default()
    }

    /// Answers `value`.
    #[method(id = 10, idempotent)]
    fn ping(&self, value: u64) -> u64 {
        value
    }

    /// Adds to a total and answers it.
    #[method(id = 11, key = name)]
    fn add(&self, name: u64, by: u64) -> u64 {
        let mut totals = self.totals.borrow_mut();
        let total = totals.entry(name).or_default();
        *total += by;
        *total
    }

    /// A total.
    #[method(id = 12, idempotent)]
    fn total(&self, name: u64) -> u64 {
        self.totals.borrow().get(&name).copied().unwrap_or(0)
    }

    /// Takes its time inside a key; answers as how manieth of its key it began.
    #[method(id = 13, key = key)]
    async fn slow(&self, cx: &Context<'_>, key: u64, us: u64) -> Result<u64, Fault> {
        let (began, _inside) = self.enter(key);
        cx.sleep(Duration::from_micros(us)).await?;
        Ok(began)
    }

    /// Copies `data` to `out`.
    #[method(id = 14, idempotent)]
    fn copy(&self, data: In<Bytes>, mut out: Out<Bytes>) -> Result<u64, Fault> {
        let (length, room) = (data.len(), out.len());
        let short = || Fault::new(Code::TooLarge, format!("{length} bytes, room for {room}"));
        out.fill(&data).ok_or_else(short)?;
        Ok(length as u64)
    }

    /// Turns `data` around, after a while.
    #[method(id = 15)]
    async fn reverse(&self, cx: &Context<'_>, us: u64, mut data: InOut<Bytes>) -> Result<(), Fault> {
        cx.sleep(Duration::from_micros(us)).await?;
        data.reverse();
        Ok(())
    }

    /// Fills the caller's memory with `byte`, in pieces.
    #[method(id = 16, idempotent)]
    async fn fill(&self, cx: &Context<'_>, byte: u8, us: u64, mut out: Out<SharedBytes>) -> Result<(), Fault> {
        let mut at = 0;
        while at < out.len() {
            cx.sleep(Duration::from_micros(us)).await?;
            at += out.write_at(at, &[byte; 512]);
        }
        out.set_len(at);
        Ok(())
    }

    /// Looks at the caller's memory twice: nobody may change it meanwhile.
    #[method(id = 17, idempotent)]
    async fn watch(&self, cx: &Context<'_>, us: u64, data: In<SharedBytes>) -> Result<u64, Fault> {
        let before = xxh3_64(&data.to_vec());
        let slept = cx.sleep(Duration::from_micros(us)).await;
        if xxh3_64(&data.to_vec()) != before {
            board::tell(|| format!("call {}: lent memory changed before the call had ended", cx.call_number()));
        }
        slept.map(|()| before)
    }

    /// Goes through `depth` more calls and answers how deep it went.
    #[method(id = 18, idempotent)]
    async fn relay(&self, cx: &Context<'_>, depth: u64, us: u64) -> Result<u64, Fault> {
        if depth == 0 {
            cx.sleep(Duration::from_micros(us)).await?;
            return Ok(u64::from(cx.depth()));
        }
        probe::Nested::find(cx, "probe").await?.relay(depth - 1, us).await
    }

    /// Waits until it is asked to end.
    #[method(id = 19)]
    async fn endless(&self, cx: &Context<'_>) -> Result<(), Fault> {
        loop {
            cx.sleep(Duration::from_secs(1_000)).await?;
        }
    }

    /// Panics.
    #[method(id = 20)]
    #[allow(clippy::panic, reason = "this is what it is for")]
    fn panic(&self) {
        panic!("as asked");
    }

    /// Gives way `rounds` times, always ready to go on.
    #[method(id = 21)]
    async fn churn(&self, rounds: u64) {
        for _ in 0..rounds {
            board::churn();
            give_way().await;
        }
    }

    /// Answers how many rounds of churning there were when it began.
    #[method(id = 23, idempotent)]
    fn among(&self) -> u64 {
        board::churned()
    }

    /// A broadcast comes by, once; where it may be, it takes its time.
    #[method(id = 24, aggregate = sum)]
    async fn visit(&self, cx: &Context<'_>, number: u64, us: u64) -> Result<u64, Fault> {
        if !self.visits.borrow_mut().insert(number) {
            board::tell(|| format!("broadcast {number} met a container twice"));
        }
        cx.sleep(Duration::from_micros(us)).await?;
        Ok(1)
    }

    /// Weighs the bytes that a broadcast carries.
    #[method(id = 25, aggregate = max, idempotent)]
    fn weigh(&self, data: In<Bytes>) -> u64 {
        xxh3_64(&data)
    }

    /// Answers bytes as they are.
    #[method(id = 26, idempotent)]
    fn echo(&self, bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }

    /// Every third size is heavy, so that calls of one session change lanes; what measures classes stays as it is.
    #[hook]
    fn estimate(&self, method: u32, bytes: u64, learnt: Cost) -> Cost {
        match method {
            21..=23 => Cost::default(),
            _ if bytes.is_multiple_of(3) => Cost { fixed_ns: 1e6, per_byte_ns: 0.0 },
            _ => learnt,
        }
    }

    /// By the arguments' hash: a dynamic call that comes where no container is goes on to one that can be asked.
    #[hook]
    fn schedule(&self, _method: u32, hash: u64, containers: u32) -> u32 {
        (hash % u64::from(containers.max(1))) as u32
    }

    /// A broadcast begins, where a container is.
    #[hook]
    fn replica_start(&self, _method: u32, replicas: u32) -> Result<(), Fault> {
        if replicas < 2 {
            board::tell(|| format!("a call to {replicas} containers was told to be one to several"));
        }
        Ok(())
    }

    /// A call took so long, in virtual time.
    #[hook]
    fn sample(&self, sample: Sample) {
        if sample.held_ns > sample.ran_ns {
            board::tell(|| format!("a call held its worker for longer than it ran: {sample:?}"));
        }
    }

    /// The same, in the second class.
    #[method(id = 22, prio = "background", idempotent)]
    fn behind(&self) -> u64 {
        board::churned()
    }
}
