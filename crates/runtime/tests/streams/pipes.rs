//! A module with streams each way.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{self, Poll, Wake, Waker};
use std::time::Duration;
use windlass::prelude::*;

/// Calls that are under way, whatever becomes of them.
pub static UNDER_WAY: AtomicU32 = AtomicU32::new(0);

struct Guard;

impl Guard {
    fn new() -> Self {
        UNDER_WAY.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The waker of one future of many, as sets of futures have it.
struct Bell {
    rung: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        if let Some(outer) = self.outer.lock().expect("no panic").take() {
            outer.wake();
        }
    }
}

/// Streams.
#[derive(Default)]
pub struct Pipes {
    sent: Cell<u64>,
}

#[module(export = false)]
impl Pipes {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    /// The numbers from `from` on, `count` of them; answers their sum.
    #[method]
    async fn count(&self, from: u64, count: u64, mut out: Sink<u64>) -> Result<u64, Fault> {
        let _guard = Guard::new();
        let mut sum = 0u64;
        for one in from..from + count {
            out.send(one).await?;
            self.sent.set(self.sent.get() + 1);
            sum = sum.wrapping_add(one);
        }
        Ok(sum)
    }
    /// How many values `count` has sent, ever.
    #[method]
    async fn sent(&self) -> u64 {
        self.sent.get()
    }
    /// The sum of what comes, and how many came.
    #[method]
    async fn total(&self, scale: u64, mut rows: Stream<u64>) -> Result<(u64, u64), Fault> {
        let _guard = Guard::new();
        let (mut sum, mut count) = (0u64, 0);
        while let Some(row) = rows.next().await? {
            sum = sum.wrapping_add(row.wrapping_mul(scale));
            count += 1;
        }
        Ok((sum, count))
    }
    /// Sends each text twice; answers how many came.
    #[method]
    async fn twice(&self, mut texts: Stream<String>, mut out: Sink<String>) -> Result<u64, Fault> {
        let mut count = 0;
        while let Some(text) = texts.next().await? {
            out.send(text.clone()).await?;
            out.send(text).await?;
            count += 1;
        }
        Ok(count)
    }
    /// The sum of the first values; it wants no more.
    #[method]
    async fn first(&self, mut rows: Stream<u64>, count: u64) -> Result<u64, Fault> {
        let mut sum = 0;
        for _ in 0..count {
            sum += rows.next().await?.unwrap_or(0);
        }
        Ok(sum)
    }
    /// Takes a stream and never looks at it.
    #[method]
    async fn blind(&self, cx: &Context, _rows: Stream<u64>, ms: u64) -> Result<(), Fault> {
        cx.sleep(Duration::from_millis(ms)).await
    }
    /// Sends some, then fails.
    #[method]
    async fn fails(&self, after: u64, mut out: Sink<u64>) -> Result<(), Fault> {
        for one in 0..after {
            out.send(one).await?;
        }
        Err(Fault::module(7, "no more today"))
    }
    /// Sends some, then panics.
    #[method]
    #[allow(clippy::panic, reason = "this is what it is for")]
    async fn falls(&self, after: u64, mut out: Sink<u64>) -> Result<(), Fault> {
        for one in 0..after {
            out.send(one).await?;
        }
        panic!("overboard");
    }
    /// Sends a value, then waits long, then one more.
    #[method]
    async fn slowly(&self, cx: &Context, mut out: Sink<String>) -> Result<(), Fault> {
        let _guard = Guard::new();
        out.send("now".into()).await?;
        cx.sleep(Duration::from_secs(3600)).await?;
        out.send("late".into()).await
    }
    /// Values of so many bytes.
    #[method]
    async fn blobs(&self, bytes: u64, count: u64, mut out: Sink<Vec<u8>>) -> Result<(), Fault> {
        for one in 0..count {
            out.send(vec![one as u8; bytes as usize]).await?;
        }
        Ok(())
    }
    /// Values of so many bytes; a wait that takes longer than nothing is given up, which is no reason to lose the value. Answers how many
    /// were given up.
    #[method]
    async fn hasty(&self, cx: &Context, count: u64, bytes: u64, mut out: Sink<Vec<u8>>) -> Result<u64, Fault> {
        let mut given_up = 0;
        for one in 0..count {
            let sent = {
                let mut send = std::pin::pin!(out.send(vec![one as u8; bytes as usize]));
                std::future::poll_fn(|task| std::task::Poll::Ready(send.as_mut().poll(task))).await
            };
            match sent {
                std::task::Poll::Ready(sent) => sent?,
                std::task::Poll::Pending => {
                    given_up += 1;
                    cx.sleep(Duration::from_micros(200)).await?;
                }
            }
        }
        Ok(given_up)
    }
    /// As `blobs`, by a future that is polled when it was woken and not otherwise.
    #[method]
    async fn blobs_apart(&self, bytes: u64, count: u64, mut out: Sink<Vec<u8>>) -> Result<(), Fault> {
        let mut sending = Box::pin(async move {
            for one in 0..count {
                out.send(vec![one as u8; bytes as usize]).await?;
            }
            Ok(())
        });
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), outer: Mutex::default() });
        let waker = Waker::from(bell.clone());
        std::future::poll_fn(|task| {
            *bell.outer.lock().expect("no panic") = Some(task.waker().clone());
            match bell.rung.swap(false, Ordering::SeqCst) {
                true => sending.as_mut().poll(&mut task::Context::from_waker(&waker)),
                false => Poll::Pending,
            }
        })
        .await
    }
    /// Bytes of what comes.
    #[method]
    async fn weigh(&self, mut blobs: Stream<Vec<u8>>) -> Result<u64, Fault> {
        let mut bytes = 0;
        while let Some(blob) = blobs.next().await? {
            bytes += blob.len() as u64;
        }
        Ok(bytes)
    }
}

/// Streams of a container that several workers have.
pub struct Wide;

#[module(export = false, sync)]
impl Wide {
    #[create]
    fn create() -> Self {
        Self
    }
    /// Sends each number on, after some work, and answers how many came.
    #[method]
    async fn each(&self, mut rows: Stream<u64>, mut out: Sink<u64>) -> Result<u64, Fault> {
        let mut count = 0;
        while let Some(row) = rows.next().await? {
            out.send(row).await?;
            count += 1;
        }
        Ok(count)
    }
}

/// What has come, which moves with its container.
#[derive(Default)]
pub struct Tally {
    sum: Cell<u64>,
}

#[module(export = false)]
impl Tally {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    #[hook]
    fn export(&self, _cx: &Context<'_>) -> Result<Vec<u8>, Fault> {
        Ok(self.sum.get().to_le_bytes().to_vec())
    }
    #[hook]
    fn import(&self, _cx: &Context<'_>, _from: &str, state: &[u8]) -> Result<(), Fault> {
        let sum = state.try_into().map_err(|_| Fault::module(2, "eight bytes"))?;
        self.sum.set(u64::from_le_bytes(sum));
        Ok(())
    }
    /// Sends each number back, and adds it up when all have come; answers how many.
    #[method]
    async fn each(&self, mut rows: Stream<u64>, mut out: Sink<u64>) -> Result<u64, Fault> {
        let (mut count, mut sum) = (0, 0);
        while let Some(row) = rows.next().await? {
            out.send(row).await?;
            (count, sum) = (count + 1, sum + row);
        }
        self.sum.set(self.sum.get() + sum);
        Ok(count)
    }
    /// The sum of all that came.
    #[method]
    fn sum(&self) -> u64 {
        self.sum.get()
    }
}

/// No streams.
pub struct Dry;

#[module(export = false)]
impl Dry {
    #[create]
    fn create() -> Self {
        Self
    }
    /// Nothing.
    #[method]
    fn nothing(&self) {}
}
