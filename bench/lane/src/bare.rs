//! The floor: async-task over a plain queue of this thread, and nothing else.

use async_task::Runnable;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

thread_local! {
    static QUEUE: RefCell<VecDeque<Runnable>> = const { RefCell::new(VecDeque::new()) };
    static ENDED: Cell<u64> = const { Cell::new(0) };
}

fn put(runnable: Runnable) {
    QUEUE.with_borrow_mut(|queue| queue.push_back(runnable));
}

/// Runs until nothing is queued.
fn run() {
    while let Some(runnable) = QUEUE.with_borrow_mut(VecDeque::pop_front) {
        runnable.run();
    }
}

/// The floor's executor.
pub struct Bare;

impl Bare {
    /// So many batches of tasks that end at once.
    pub fn spawn(&mut self, batches: u64, tasks: u64) {
        for _ in 0..batches {
            for _ in 0..tasks {
                let (runnable, task) = async_task::spawn(async { ENDED.set(ENDED.get() + 1) }, put);
                runnable.schedule();
                task.detach();
            }
            run();
        }
        assert_eq!(ENDED.take(), batches * tasks, "every task ran");
    }

    /// So many tasks that each yield so often.
    pub fn switch(&mut self, tasks: u64, times: u64) {
        for _ in 0..tasks {
            let (runnable, task) = async_task::spawn(yields(times), put);
            runnable.schedule();
            task.detach();
        }
        run();
        assert_eq!(ENDED.take(), tasks, "every task ran to its end");
    }
}

async fn yields(times: u64) {
    for _ in 0..times {
        let mut yielded = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
    ENDED.set(ENDED.get() + 1);
}
