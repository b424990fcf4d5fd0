//! Context: everything a method may ask of the node that runs it.
//!
//! Lives here: `Context`, `Operation` (a wait), `Level`.
//! From: an `Incoming` call, or a spawned task. To: the host functions of its table.
//! Not here: nested calls with types (`nested`), files (`files`), sockets (`sockets`), spawned tasks (`spawn`); each adds its
//! functions to `Context`.

pub use crate::abi::Incoming;
use crate::abi::{OP_SHIELDED, OpKind, RawOp, RawOpResult};
use crate::{Fault, Outcome, PoolId, Retry};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    /// Something is lost or wrong.
    Error = 1,
    /// Something may become wrong.
    Warn = 2,
    /// What an operator wants to know.
    Info = 3,
    /// What an author wants to know.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

/// What a method may ask of the node while its call runs.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use windlass_contract::{Fault, context::Context};
///
/// async fn poll_until_due(cx: &Context<'_>, due_ns: u64) -> Result<u64, Fault> {
///     let mut rounds = 0;
///     while cx.now_ns() < due_ns {
///         cx.sleep(Duration::from_millis(10)).await?; // `Cancelled` or `DeadlineExceeded` end the method here
///         rounds += 1;
///     }
///     Ok(rounds)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub(crate) call: Incoming<'a>,
    /// `OP_..` bits of the operations that are started through it.
    pub(crate) flags: u32,
}

impl<'a> Context<'a> {
    /// Monotonic nanoseconds; virtual under simulation.
    pub fn now_ns(&self) -> u64 {
        self.call.now_ns()
    }
    /// 64 random bits; reproducible under simulation.
    pub fn random(&self) -> u64 {
        self.call.random()
    }
    /// Node-unique number of this call; it stands in every log line about it.
    pub fn call_number(&self) -> u64 {
        self.call.raw().call
    }
    /// Node-unique number of the outermost call that this one serves.
    pub fn root(&self) -> u64 {
        self.call.raw().root
    }
    /// How deep below the root: 0 for a client's own call.
    pub fn depth(&self) -> u16 {
        self.call.raw().depth as u16
    }
    /// The pool of this container.
    pub fn pool(&self) -> PoolId {
        PoolId::from_bits(self.call.raw().pool)
    }
    /// Time left until the call's deadline; `None` when it has none.
    pub fn time_left(&self) -> Option<Duration> {
        match self.call.raw().deadline_ns {
            u64::MAX => None,
            deadline => Some(Duration::from_nanos(deadline.saturating_sub(self.now_ns()))),
        }
    }
    /// The call's deadline on the clock of `now_ns`; `None` when it has none.
    pub fn deadline_ns(&self) -> Option<u64> {
        Some(self.call.raw().deadline_ns).filter(|deadline| *deadline != u64::MAX)
    }
    /// Does what must be done although the call is asked to end: waits through the context that `run` is given do not end
    /// with `Cancelled` or `DeadlineExceeded`. The node waits for it longer than the grace of a cancelled call, but not for
    /// ever (`CANCEL_GRACE_NS` and `SHIELDS_MAX` in the runtime's limits).
    ///
    /// # Example
    /// ```
    /// use windlass_contract::{Fault, context::Context, files::File};
    ///
    /// async fn end_log(cx: &Context<'_>, log: &File) -> Result<(), Fault> {
    ///     cx.shield(async |cx| log.sync(&cx).await).await
    /// }
    /// ```
    pub async fn shield<T>(&self, run: impl AsyncFnOnce(Context<'a>) -> T) -> T {
        run(Context { flags: self.flags | OP_SHIELDED, ..*self }).await
    }
    /// Whether the caller asked the call to end, or its time ran out. Loops ask this.
    pub fn cancelled(&self) -> bool {
        self.call.cancelled()
    }
    /// Whether a line of this level would be written.
    pub fn log_enabled(&self, level: Level) -> bool {
        self.call.log_enabled(level)
    }
    /// Writes a line to the node's log, under this module and call.
    pub fn log(&self, level: Level, text: &str) {
        self.call.log(level, text);
    }
    /// Runs `piece` for every number below `count`, several at a time if threads of the node are free, and returns when all have
    /// ended. The worker waits meanwhile, so one turn of this is kept as short as any other piece of work that does not yield.
    ///
    /// Cost: some microseconds to wake a thread that sleeps. A panic of one piece goes on here when all have ended.
    ///
    /// # Example
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use windlass_contract::context::Context;
    ///
    /// fn sum(cx: &Context<'_>, columns: &[Vec<u64>]) -> u64 {
    ///     let all = AtomicU64::new(0);
    ///     cx.together(columns.len(), |at| {
    ///         all.fetch_add(columns[at].iter().sum(), Ordering::Relaxed);
    ///     });
    ///     all.into_inner()
    /// }
    /// ```
    pub fn together(&self, count: usize, piece: impl Fn(usize) + Sync) {
        self.call.together(count, &piece);
    }
    /// How many threads may take part in `together`, this one included: into how many parts work is worth cutting that is not cut
    /// by itself. Which results there are must not follow from it.
    pub fn threads(&self) -> usize {
        self.call.together(0, &|_| {}).max(1)
    }
    /// Waits.
    ///
    /// # Errors
    /// `Cancelled` or `DeadlineExceeded` when the call is to end before that.
    pub async fn sleep(&self, time: Duration) -> Result<(), Fault> {
        let until = self.now_ns().saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self.operation(OpKind::Timer, until, 0, Vec::new()).await.map(|_| ())
    }
    /// Waits for something that knows no call, such as a lock or a channel, unless this call is to end before; then `wait` is
    /// dropped where it stands.
    ///
    /// Cost: a timer that never fires, if `wait` is not ready at once.
    ///
    /// # Errors
    /// `Cancelled` or `DeadlineExceeded` when the call is to end before that.
    ///
    /// # Example
    /// ```
    /// use windlass_contract::{Fault, context::Context};
    /// use windlass_wait::QLock;
    ///
    /// async fn append(cx: &Context<'_>, lines: &QLock<Vec<String>>, line: String) -> Result<(), Fault> {
    ///     cx.wait(lines.lock()).await??.push(line);
    ///     Ok(())
    /// }
    /// ```
    pub async fn wait<T>(&self, wait: impl Future<Output = T>) -> Result<T, Fault> {
        let (mut wait, mut end) = (pin!(wait), None);
        poll_fn(|cx| {
            if let Poll::Ready(value) = wait.as_mut().poll(cx) {
                return Poll::Ready(Ok(value));
            }
            let end = end.get_or_insert_with(|| self.operation(OpKind::Timer, u64::MAX, 0, Vec::new()));
            match Pin::new(end).poll(cx) {
                Poll::Ready(Err(fault)) => Poll::Ready(Err(fault)),
                Poll::Ready(Ok(_)) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
    /// Lets other tasks run if this one has used its quantum; free otherwise.
    ///
    /// # Errors
    /// `Cancelled` or `DeadlineExceeded` when the call is to end.
    pub async fn yield_if_due(&self) -> Result<(), Fault> {
        if !self.call.yield_due() {
            return Ok(());
        }
        self.operation(OpKind::Yield, 0, 0, Vec::new()).await.map(|_| ())
    }
    /// Finds a pool by name.
    ///
    /// # Errors
    /// `UnknownPool` names the pools that exist.
    pub async fn find_pool(&self, name: &str) -> Result<PoolId, Fault> {
        let done = self.operation(OpKind::Resolve, 0, 0, name.as_bytes().to_vec()).await?;
        Ok(PoolId::from_bits(done.value))
    }
    /// Asks the node itself; granted to pool 0 alone.
    ///
    /// # Errors
    /// `Denied` elsewhere, and whatever the request meets.
    pub async fn control(&self, request: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let done = self.operation(OpKind::Control, 0, 0, request).await?;
        Ok(done.bytes.as_slice().to_vec())
    }

    pub(crate) fn operation(&self, kind: OpKind, a: u64, b: u64, bytes: Vec<u8>) -> Operation<'a> {
        self.begin(RawOp::new(kind, a, b, bytes))
    }
    pub(crate) fn begin(&self, asked: RawOp) -> Operation<'a> {
        Operation(Doing { call: self.call, asked: Some(RawOp { flags: self.flags, ..asked }), token: 0 })
    }
    /// Has the host do what nobody waits for.
    pub(crate) fn tell(&self, asked: RawOp) {
        let token = self.call.op_start(asked);
        self.call.op_drop(token);
    }
    /// As `begin`, but the result comes as it is, the Fault in it.
    pub(crate) fn begin_raw(&self, asked: RawOp) -> Doing<'a> {
        self.begin(asked).0
    }
}

/// The Fault of a result, if it is one.
pub(crate) fn fault_of(done: &RawOpResult) -> Result<(), Fault> {
    if done.code == 0 {
        return Ok(());
    }
    let outcome = Outcome::from_bits(done.fault_head as u8).unwrap_or(Outcome::Unknown);
    let retry = Retry::from_bits((done.fault_head >> 8) as u8, done.value as u32).unwrap_or(Retry::Never);
    Err(Fault::decode(done.code as u16, outcome, retry, done.bytes.as_slice()))
}

/// A wait: starts when first polled, is given up when dropped.
pub(crate) struct Operation<'a>(Doing<'a>);

impl Future for Operation<'_> {
    type Output = Result<RawOpResult, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|done| fault_of(&done).map(|()| done))
    }
}

/// An operation under way, with its result as the host gives it.
pub(crate) struct Doing<'a> {
    call: Incoming<'a>,
    asked: Option<RawOp>,
    token: u64,
}

impl Future for Doing<'_> {
    type Output = RawOpResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<RawOpResult> {
        if let Some(asked) = self.asked.take() {
            self.token = self.call.op_start(asked);
        }
        let Some(done) = self.call.op_poll(self.token, cx.waker()) else { return Poll::Pending };
        self.token = 0;
        Poll::Ready(done)
    }
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        if self.token != 0 {
            self.call.op_drop(self.token);
        }
    }
}
