//! Connecting as a future: a node that is slow to welcome holds up no executor.
//!
//! Lives here: `Connecting`, `Working` (what it is made of), and the short-lived thread behind them.
//! From: `Connect::open_async`. To: whoever awaits it, with the client or the Fault of `Connect::open`.
//! Holds: the thread ends within the time that the connection may take; a future that is dropped leaves no session behind.
//! Not here: what is said (`connect`).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use windlass_contract::{Code, Fault};

use crate::client::Client;
use crate::connect::Connect;
use crate::table::locked;

/// A connection under way; ready with the client, or with why there is none. Dropped, it gives the connection up.
#[must_use = "a future connects nobody who does not await it"]
pub struct Connecting {
    working: Working<Client>,
}

/// Work of a thread of its own that begins at the first poll.
pub(crate) struct Working<T> {
    state: State<T>,
}

type Work<T> = Box<dyn FnOnce() -> Result<T, Fault> + Send>;

enum State<T> {
    /// To be done here, at the first poll.
    Here(Work<T>),
    /// To be done by a thread from the first poll on.
    Yet(Work<T>),
    Under(Arc<Mutex<Shared<T>>>),
    Over,
}

/// Between the thread and the future.
struct Shared<T> {
    outcome: Option<Result<T, Fault>>,
    waker: Option<Waker>,
}

impl Connecting {
    pub(crate) fn new(terms: Connect) -> Connecting {
        let by_hand = terms.is_by_hand();
        let work: Work<Client> = Box::new(move || terms.open());
        let state = if by_hand { State::Here(work) } else { State::Yet(work) };
        Connecting { working: Working { state } }
    }
}

impl<T: Send + 'static> Working<T> {
    pub(crate) fn new(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Working<T> {
        Working { state: State::Yet(Box::new(work)) }
    }
}

impl Future for Connecting {
    type Output = Result<Client, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.working).poll(cx)
    }
}

// What it has is boxed or behind an `Arc`, and never pinned.
impl<T> Unpin for Working<T> {}

impl<T: Send + 'static> Future for Working<T> {
    type Output = Result<T, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = match std::mem::replace(&mut self.state, State::Over) {
            State::Here(work) => return Poll::Ready(work()),
            State::Yet(work) => begin(work)?,
            State::Under(shared) => shared,
            State::Over => {
                let text = "this was awaited before, and its outcome has been taken";
                return Poll::Ready(Err(Fault::new(Code::BadConfig, text)));
            }
        };
        let mut held = locked(&shared);
        if let Some(outcome) = held.outcome.take() {
            return Poll::Ready(outcome);
        }
        held.waker = Some(cx.waker().clone());
        drop(held);
        self.state = State::Under(shared);
        Poll::Pending
    }
}

fn begin<T: Send + 'static>(work: Work<T>) -> Result<Arc<Mutex<Shared<T>>>, Fault> {
    let shared = Arc::new(Mutex::new(Shared { outcome: None, waker: None }));
    let theirs = Arc::downgrade(&shared);
    let work = move || {
        let outcome = work();
        // With the future gone the outcome is dropped here: a client's session ends.
        if let Some(shared) = theirs.upgrade() {
            let mut held = locked(&shared);
            held.outcome = Some(outcome);
            let waker = held.waker.take();
            drop(held);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    };
    #[allow(
        clippy::disallowed_methods,
        reason = "a client has no driver to ask; the thread ends with the welcome"
    )]
    let spawned = std::thread::Builder::new().name("windlass-connect".into()).spawn(work);
    spawned
        .map_err(|error| Fault::new(Code::Io, format!("no thread to connect with could be started: {error}")))?;
    Ok(shared)
}

impl std::fmt::Debug for Connecting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.working.state {
            State::Here(_) | State::Yet(_) => "Connecting(not begun)",
            State::Under(_) => "Connecting",
            State::Over => "Connecting(over)",
        })
    }
}
