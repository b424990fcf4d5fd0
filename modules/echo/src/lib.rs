//! Echo: the template module, one method of every kind. Copy it to begin a module of your own.
//!
//! Holds: its methods do nothing but what their one line says, so that what a call costs is the call.
//! Some methods are `async`, so all take `&self` and the state stands in a `RefCell`, borrowed between waits only.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};
use windlass::Address;
use windlass::prelude::*;
use windlass::wait::Rendez;
use xxhash_rust::xxh3::xxh3_64;

/// State of a container.
pub struct Echo {
    totals: RefCell<HashMap<String, u64>>,
    limit: u64,
    asleep: Rendez,
    woken: Cell<u64>,
}

/// Says back what it hears, by every road there is.
#[module]
impl Echo {
    /// Makes a container; totals of `add` may grow up to `limit`.
    #[create]
    fn create(cx: &Context, #[arg(default = u64::MAX)] limit: u64) -> Self {
        cx.log(Level::Debug, "an echo begins");
        Self { totals: RefCell::default(), limit, asleep: Rendez::new(), woken: Cell::new(0) }
    }

    /// Answers `text`.
    #[method(id = 10, idempotent)]
    fn echo(&self, text: &str) -> String {
        text.to_owned()
    }

    /// Answers the XXH3-64 of `data`.
    #[method(id = 11, idempotent)]
    fn checksum(&self, data: In<Bytes>) -> u64 {
        xxh3_64(&data)
    }

    /// Copies `data` to `out` and answers how many bytes there were. Errors: `TooLarge` when the room is too small.
    #[method(id = 12, idempotent)]
    fn copy(&self, data: In<Bytes>, mut out: Out<Bytes>) -> Result<u64, Fault> {
        let room = out.len();
        let short = || Fault::new(Code::TooLarge, format!("{} bytes do not fit the room of {room}", data.len()));
        out.fill(&data).ok_or_else(short)?;
        Ok(data.len() as u64)
    }

    /// Turns `data` around.
    #[method(id = 13)]
    fn reverse(&self, mut data: InOut<Bytes>) {
        data.reverse();
    }

    /// Fills the caller's own memory with `byte`.
    #[method(id = 14, idempotent)]
    fn fill(&self, byte: u8, mut out: Out<SharedBytes>) {
        let piece = [byte; 4096];
        let mut at = 0;
        while at < out.len() {
            at += out.write_at(at, &piece);
        }
        out.set_len(at);
    }

    /// Adds `by` to the total called `name` and answers it. Errors: fault 1001 once it would pass the limit.
    #[method(id = 15, key = name)]
    fn add(&self, name: &str, by: u64) -> Result<u64, Fault> {
        let mut totals = self.totals.borrow_mut();
        let total = totals.entry(name.to_owned()).or_default();
        let sum = total.checked_add(by).filter(|&sum| sum <= self.limit);
        *total = sum.ok_or_else(|| Fault::module(1, format!("{name} would pass its limit of {}", self.limit)))?;
        Ok(*total)
    }

    /// Waits `us` microseconds while other calls go on.
    #[method(id = 16, idempotent)]
    async fn pause(&self, cx: &Context, us: u64) -> Result<(), Fault> {
        cx.sleep(Duration::from_micros(us)).await
    }

    /// Asks the echo called `pool` to echo `text`: a call inside a call.
    #[method(id = 17, idempotent)]
    async fn relay(&self, cx: &Context, pool: &str, text: &str) -> Result<String, Fault> {
        echo::Nested::find(cx, pool).await?.echo(text).await
    }

    /// Panics with `text`; the caller gets `Panicked`, everybody else goes on.
    #[method(id = 18)]
    #[allow(clippy::panic, reason = "this is what it is for")]
    fn panic(&self, text: &str) {
        panic!("{text}");
    }

    /// Keeps a thread of its own busy for `us` microseconds and answers how many rounds of work it did.
    #[method(id = 19, blocking)]
    #[allow(clippy::disallowed_methods, reason = "a blocking method runs outside the lanes and their clock")]
    fn spin(us: u64) -> u64 {
        let begun = Instant::now();
        let mut rounds = 0_u64;
        while begun.elapsed() < Duration::from_micros(us) {
            rounds = black_box(rounds + 1);
        }
        rounds
    }

    /// Answers `value`.
    #[method(id = 20, idempotent)]
    fn ping(&self, value: u64) -> u64 {
        value
    }

    /// Answers the XXH3-64 of a few `bytes` that travel with the arguments.
    #[method(id = 21, idempotent)]
    fn digest(&self, bytes: &[u8]) -> u64 {
        xxh3_64(bytes)
    }

    /// Sleeps until `wake` reaches it; answers how many calls were woken before it.
    #[method(id = 22)]
    async fn sleep(&self, cx: &Context) -> Result<u64, Fault> {
        cx.wait(self.asleep.sleep()).await??;
        Ok(self.woken.replace(self.woken.get() + 1))
    }

    /// Wakes the call that has slept longest, or all that sleep; answers how many that are.
    #[method(id = 23)]
    fn wake(&self, all: bool) -> u64 {
        let woken = if all { self.asleep.wake_all() } else { self.asleep.wake_one() };
        woken as u64
    }

    /// Sends the numbers from `from` on, `count` of them, one by one; answers how many.
    #[method(id = 24, idempotent)]
    async fn count(&self, from: u64, count: u64, mut out: Sink<u64>) -> Result<u64, Fault> {
        for at in 0..count {
            out.send(from.wrapping_add(at)).await?;
        }
        Ok(count)
    }

    /// Sends each of `texts` back as it comes; answers how many came.
    #[method(id = 25, idempotent)]
    async fn repeat(&self, mut texts: Stream<String>, mut out: Sink<String>) -> Result<u64, Fault> {
        let mut count = 0;
        while let Some(text) = texts.next().await? {
            out.send(text).await?;
            count += 1;
        }
        Ok(count)
    }

    /// Adds up the numbers that come; answers their sum and how many came.
    #[method(id = 26, idempotent)]
    async fn total(&self, mut numbers: Stream<u64>) -> Result<(u64, u64), Fault> {
        let (mut sum, mut count) = (0_u64, 0);
        while let Some(number) = numbers.next().await? {
            sum = sum.wrapping_add(number);
            count += 1;
        }
        Ok((sum, count))
    }

    /// Answers `value` from a task of its own, after `us` microseconds.
    #[method(id = 30, idempotent)]
    async fn later(&self, cx: &Context<'_>, us: u64, value: u64) -> Result<u64, Fault> {
        let mut task = cx.spawn(Spawn::named("later"), async move |cx| {
            cx.sleep(Duration::from_micros(us)).await?;
            Ok::<_, Fault>(value)
        })?;
        task.join(cx).await?
    }

    /// Writes `data` to a new file at `path`, makes it durable, and reads it into the caller's own memory.
    #[method(id = 31)]
    async fn store(
        &self,
        cx: &Context<'_>,
        path: &str,
        data: In<Bytes>,
        mut out: Out<SharedBytes>,
    ) -> Result<(), Fault> {
        let file = cx.open(path, OpenHow::read().write().fresh()).await?;
        file.write_all_at(cx, 0, &data, ..).await?;
        file.sync(cx).await?;
        let (came, _) = file.read_at(cx, 0, &out, ..).await?;
        out.set_len(came);
        Ok(())
    }

    /// Sends `text` to itself over a socket at `path`, and answers what comes back.
    #[method(id = 32)]
    async fn through(&self, cx: &Context<'_>, path: &str, text: &str) -> Result<String, Fault> {
        let listener = cx.announce(Address::Unix(path.into())).await?;
        cx.spawn(Spawn::named("far end"), async move |cx| {
            let socket = listener.accept(&cx).await?;
            let mut buffer = vec![0; 4096];
            loop {
                let (came, back) = socket.receive(&cx, buffer, ..).await?;
                if came == 0 {
                    return socket.shutdown(&cx).await;
                }
                buffer = socket.send_all(&cx, back, ..came).await?;
            }
        })?;
        let socket = cx.connect(Address::Unix(path.into())).await?;
        socket.send_all(cx, text.as_bytes().to_vec(), ..).await?;
        socket.shutdown(cx).await?;
        let back = socket.receive_exact(cx, vec![0; text.len()], ..).await?;
        cx.remove_file(path).await?;
        Ok(String::from_utf8_lossy(&back).into_owned())
    }

    /// The totals of `add`, for a node that comes back.
    #[hook]
    fn export(&self, _cx: &Context<'_>) -> Result<Vec<u8>, Fault> {
        postcard::to_allocvec(&*self.totals.borrow())
            .map_err(|error| Fault::new(Code::Internal, error.to_string()))
    }
    /// Takes totals over. Fault 1001 when they are none.
    #[hook]
    fn import(&self, _cx: &Context<'_>, from: &str, state: &[u8]) -> Result<(), Fault> {
        let totals = postcard::from_bytes(state);
        let totals = totals.map_err(|error| Fault::module(1, format!("the totals of version {from}: {error}")))?;
        self.totals.replace(totals);
        Ok(())
    }

    /// How many totals there are.
    #[hook]
    fn monitor(&self, _cx: &Context<'_>, question: &str) -> Result<String, Fault> {
        match question {
            "" => Ok(format!("{{\"totals\":{}}}", self.totals.borrow().len())),
            other => Err(Fault::new(Code::Unsupported, format!("echo has no answer to {other:?}; ask nothing"))),
        }
    }
}
