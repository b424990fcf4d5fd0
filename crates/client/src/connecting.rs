//! Connecting as a future: a node that is slow to welcome holds up no executor.
//!
//! Lives here: `Connecting`, and the short-lived thread behind it.
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
#[derive(Debug)]
#[must_use = "a future connects nobody who does not await it"]
pub struct Connecting {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Begins at the first poll.
    Terms(Box<Connect>),
    Under(Arc<Mutex<Shared>>),
    Over,
}

/// Between the thread and the future.
#[derive(Debug, Default)]
struct Shared {
    outcome: Option<Result<Client, Fault>>,
    waker: Option<Waker>,
}

impl Connecting {
    pub(crate) fn new(terms: Connect) -> Connecting {
        Connecting { state: State::Terms(Box::new(terms)) }
    }
}

impl Future for Connecting {
    type Output = Result<Client, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Terms(_) = self.state {
            let State::Terms(terms) = std::mem::replace(&mut self.state, State::Over) else {
                return Poll::Pending;
            };
            if terms.is_by_hand() {
                return Poll::Ready(terms.open());
            }
            self.state = State::Under(begin(*terms)?);
        }
        let State::Under(shared) = &self.state else {
            let text = "this connection was awaited before, and its outcome has been taken";
            return Poll::Ready(Err(Fault::new(Code::BadConfig, text)));
        };
        let mut held = locked(shared);
        let Some(outcome) = held.outcome.take() else {
            held.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        drop(held);
        self.state = State::Over;
        Poll::Ready(outcome)
    }
}

fn begin(terms: Connect) -> Result<Arc<Mutex<Shared>>, Fault> {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let theirs = Arc::downgrade(&shared);
    let work = move || {
        let outcome = terms.open();
        // With the future gone the client is dropped here, and its session ends.
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
