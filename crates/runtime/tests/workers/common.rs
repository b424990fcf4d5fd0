//! A module whose containers workers share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use windlass::prelude::*;

/// States of containers that have ended.
pub static ENDED: AtomicU64 = AtomicU64::new(0);

/// What is said, in order, by key; and who is inside.
#[derive(Default)]
pub struct Common {
    lines: Mutex<BTreeMap<u64, Vec<(u64, u64)>>>,
    inside: Mutex<BTreeMap<u64, u64>>,
    met: AtomicU64,
    calls: AtomicU64,
    beats: AtomicU64,
    refuses_end: AtomicBool,
    counts_end: AtomicBool,
}

fn worker() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

impl Common {
    /// One more inside of a key; whether it is the only one.
    fn enter(&self, key: u64) -> bool {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inside.entry(key).or_default();
        *count += 1;
        *count == 1
    }
    fn leave(&self, key: u64) {
        *self.inside.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() -= 1;
    }
    fn hold(cx: &Context<'_>, us: u64) {
        let until = cx.now_ns() + us * 1000;
        while cx.now_ns() < until {
            std::hint::spin_loop();
        }
    }
}

impl Drop for Common {
    fn drop(&mut self) {
        if self.counts_end.load(Ordering::Relaxed) {
            ENDED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[module(export = false, lanes(single = 1, data = 6), sync)]
impl Common {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    #[hook]
    fn destroy(&self, _cx: &Context<'_>) -> Result<(), Fault> {
        if self.refuses_end.load(Ordering::Relaxed) { Err(Fault::module(8, "it stays")) } else { Ok(()) }
    }
    /// Whether the pool may not be destroyed; its end is counted.
    #[method(id = 10)]
    fn refuse_end(&self, refuses: bool) {
        self.refuses_end.store(refuses, Ordering::Relaxed);
        self.counts_end.store(true, Ordering::Relaxed);
    }
    /// Writes down who says what under a key, after others had a chance to run; the worker that did.
    #[method(id = 11, key = name)]
    async fn put(&self, cx: &Context<'_>, name: u64, who: u64, what: u64) -> Result<String, Fault> {
        let alone = self.enter(name);
        if what.is_multiple_of(7) {
            cx.sleep(Duration::from_micros(20)).await?;
        }
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default().push((who, what));
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.leave(name);
        if alone { Ok(worker()) } else { Err(Fault::module(1, "two calls of one key ran at once")) }
    }
    /// The same in lanes of the module's own.
    #[method(id = 12, key = name, group = data)]
    fn put_data(&self, name: u64, who: u64, what: u64) -> Result<String, Fault> {
        let alone = self.enter(name);
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default().push((who, what));
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.leave(name);
        if alone { Ok(worker()) } else { Err(Fault::module(1, "two calls of one key ran at once")) }
    }
    /// All that was said under a key.
    #[method(id = 13)]
    fn lines(&self, name: u64) -> Vec<(u64, u64)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned().unwrap_or_default()
    }
    #[method(id = 14, aggregate = sum)]
    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
    /// Holds its worker until so many are here at once, or for five seconds: how many there were.
    #[method(id = 15)]
    fn meet(&self, cx: &Context<'_>, count: u64) -> u64 {
        self.met.fetch_add(1, Ordering::AcqRel);
        let until = cx.now_ns() + 5_000_000_000;
        while self.met.load(Ordering::Acquire) < count && cx.now_ns() < until {
            std::hint::spin_loop();
        }
        self.met.load(Ordering::Acquire)
    }
    /// Holds its worker.
    #[method(id = 16)]
    fn hog(&self, cx: &Context<'_>, us: u64) -> String {
        Self::hold(cx, us);
        worker()
    }
    /// Holds the worker of a key.
    #[method(id = 17, key = name)]
    fn hog_of(&self, cx: &Context<'_>, name: u64, us: u64) -> String {
        Self::hold(cx, us);
        let _name = name;
        worker()
    }
    /// Calls this pool under the same key.
    #[method(id = 18, key = name)]
    async fn again(&self, cx: &Context<'_>, pool: &str, name: u64, reentrant: bool) -> Result<String, Fault> {
        let nested = common::Nested::find(cx, pool).await?;
        if reentrant { nested.inner(name).await } else { nested.put(name, 0, 0).await }
    }
    #[method(id = 19, key = name, reentrant)]
    fn inner(&self, name: u64) -> String {
        let _name = name;
        worker()
    }
    /// Calls `again` under that key from a call that has none.
    #[method(id = 20)]
    async fn round(&self, cx: &Context<'_>, pool: &str, name: u64) -> Result<String, Fault> {
        common::Nested::find(cx, pool).await?.again(pool, name, true).await
    }
    #[method(id = 21, group = single)]
    fn single(&self, who: u64, what: u64) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).entry(u64::MAX).or_default().push((who, what));
        worker()
    }
    #[method(id = 22, group = data)]
    fn spread(&self) -> String {
        worker()
    }
    #[method(id = 23, period = "1ms")]
    fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }
    #[method(id = 24)]
    fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }
    #[method(id = 25)]
    async fn nap(&self, cx: &Context<'_>, ms: u64) -> Result<(), Fault> {
        cx.sleep(Duration::from_millis(ms)).await
    }
    /// Begins a task that does not end by itself, on the worker of a key.
    #[method(id = 26, key = name)]
    async fn linger(&self, cx: &Context<'_>, name: u64) -> Result<(), Fault> {
        let _name = name;
        let idle = async |cx: Context<'_>| drop(cx.sleep(Duration::from_secs(3600)).await);
        cx.spawn(Spawn::named("lingers"), idle).map(drop)
    }
}
