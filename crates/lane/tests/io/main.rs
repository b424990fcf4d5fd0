//! Files and sockets as tasks use them, on a real driver of each kind.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

mod files;
mod properties;
mod sockets;

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use windlass_driver::Driver as _;
use windlass_driver::real::{Backend, RealDriver};
use windlass_lane::io::Io;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// A worker that knows nothing but `Io`: it polls when woken, exchanges, and sleeps.
struct Stage {
    io: Io,
    driver: Rc<RefCell<RealDriver>>,
    _directory: tempfile::TempDir,
    path: std::path::PathBuf,
}

impl Stage {
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.path.join(name)
    }

    /// Runs a future to its end.
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(flag.clone());
        let mut future = pin!(future);
        for _ in 0..100_000 {
            if flag.0.swap(false, Ordering::Acquire)
                && let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                self.io.exchange(&mut *self.driver.borrow_mut()).unwrap();
                return value;
            }
            self.turn(&flag.0);
        }
        panic!("it does not end");
    }

    /// Polls a future once, with a waker that goes nowhere.
    fn poll_once<T>(&self, future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Gives the driver the time to do what it was handed.
    fn settle(&self) {
        for _ in 0..20 {
            self.turn(&AtomicBool::new(false));
        }
    }

    fn turn(&self, woken: &AtomicBool) {
        let mut driver = self.driver.borrow_mut();
        self.io.exchange(&mut *driver).unwrap();
        if !woken.load(Ordering::Acquire) {
            let until = driver.now() + 1_000_000;
            driver.park(Some(until), &mut Vec::new()).unwrap();
            self.io.exchange(&mut *driver).unwrap();
        }
    }
}

/// One stage for each kind of driver that this machine has.
fn stages() -> Vec<Stage> {
    let mut backends = vec![RealDriver::new().unwrap().backend(), Backend::Polling];
    backends.dedup();
    let stage = |backend| {
        let directory = tempfile::tempdir().unwrap();
        let driver = Rc::new(RefCell::new(RealDriver::with(backend).unwrap()));
        Stage { io: Io::default(), driver, path: directory.path().to_owned(), _directory: directory }
    };
    backends.into_iter().map(stage).collect()
}

/// Both futures, at once.
async fn join<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut one, mut two) = (None, None);
    std::future::poll_fn(move |cx| {
        if one.is_none()
            && let Poll::Ready(value) = first.as_mut().poll(cx)
        {
            one = Some(value);
        }
        if two.is_none()
            && let Poll::Ready(value) = second.as_mut().poll(cx)
        {
            two = Some(value);
        }
        match (one.take(), two.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            (first, second) => {
                (one, two) = (first, second);
                Poll::Pending
            }
        }
    })
    .await
}

/// All of them, at once.
async fn all<T>(futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(Some).collect();
    let mut values: Vec<Option<T>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(move |cx| {
        let mut left = 0;
        for (slot, value) in waiting.iter_mut().zip(&mut values) {
            if let Some(future) = slot {
                match future.as_mut().poll(cx) {
                    Poll::Ready(ready) => {
                        *value = Some(ready);
                        *slot = None;
                    }
                    Poll::Pending => left += 1,
                }
            }
        }
        if left > 0 { Poll::Pending } else { Poll::Ready(values.iter_mut().filter_map(Option::take).collect()) }
    })
    .await
}
