//! Pulse: a module with methods that the node calls by itself.
//!
//! Holds: what it sees that must not be goes to the `board`: a call before its time, one that comes far too late, two at once.

use crate::board;
use std::cell::Cell;
use std::time::Duration;
use windlass::prelude::*;

const TICK_NS: u64 = 2_000_000;
/// How late a call may be: the weather's pauses, and work of others that is in the way.
const LATE_NS: u64 = 300_000_000;

/// State of a container.
pub struct Pulse {
    made_at: u64,
    ticks: Cell<u64>,
    last_tick: Cell<u64>,
    long: Cell<u64>,
    inside: Cell<bool>,
}

/// Leaves when its call ends, however it ends.
struct Inside<'a>(&'a Cell<bool>);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

#[module(export = false)]
impl Pulse {
    #[create]
    fn create(cx: &Context<'_>) -> Self {
        let now = cx.now_ns();
        let (ticks, long, inside) = (Cell::default(), Cell::default(), Cell::default());
        Self { made_at: now, ticks, last_tick: Cell::new(now), long, inside }
    }

    /// Never before its time, and not long after it.
    #[method(period = "2ms")]
    async fn tick(&self, cx: &Context<'_>) {
        board::beat();
        let (now, count) = (cx.now_ns(), self.ticks.get() + 1);
        self.ticks.set(count);
        let since = now.saturating_sub(self.made_at);
        if since < count * TICK_NS {
            board::tell(|| format!("tick {count} came {since} ns after its pool was made"));
        }
        let gap = now.saturating_sub(self.last_tick.replace(now));
        if gap > TICK_NS + LATE_NS {
            board::tell(|| format!("tick {count} came {} us after the one before", gap / 1_000));
        }
    }

    /// Takes longer than its period, mostly; now and then it fails.
    #[method(period = "1ms", prio = "background")]
    async fn long(&self, cx: &Context<'_>) -> Result<(), Fault> {
        if self.inside.replace(true) {
            board::tell(|| "a periodic method began while its last call was inside".into());
        }
        let _inside = Inside(&self.inside);
        self.long.set(self.long.get() + 1);
        cx.sleep(Duration::from_nanos(cx.random() % 9_000_000)).await?;
        if cx.random().is_multiple_of(4) { Err(Fault::module(1, "now and then")) } else { Ok(()) }
    }

    /// How often each was called.
    #[method(id = 20, idempotent)]
    fn ran(&self) -> (u64, u64) {
        (self.ticks.get(), self.long.get())
    }

    /// Stays for a while.
    #[method(id = 21, idempotent)]
    async fn rest(&self, cx: &Context<'_>, us: u64) -> Result<(), Fault> {
        cx.sleep(Duration::from_micros(us)).await
    }
}
