//! A million tasks that wait: what each of them takes.

use crate::{Failure, ours::Ours};
use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Poll, Waker};
use windlass_bench::{Row, machine};

const TASKS: usize = 1_000_000;

/// Bytes of this process that are in memory.
fn resident() -> Result<u64, &'static str> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|_| "the kernel shows no status")?;
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.map(|kib: u64| kib * 1024).ok_or("the kernel shows no resident memory")
}

/// Makes them, looks at the process, wakes and ends them.
pub fn idle() -> Result<Row, Failure> {
    let mut ours = Ours::new()?;
    let before = resident()?;
    let cx = ours.cx();
    let wakers: Rc<RefCell<Vec<Option<Waker>>>> = Rc::new(RefCell::new(Vec::with_capacity(TASKS)));
    let main = {
        let (wakers, cx) = (wakers.clone(), cx.clone());
        async move {
            for _ in 0..TASKS {
                let wakers = wakers.clone();
                let mut waited = false;
                let waits = std::future::poll_fn(move |cx| {
                    if std::mem::replace(&mut waited, true) {
                        return Poll::Ready(());
                    }
                    wakers.borrow_mut().push(Some(cx.waker().clone()));
                    Poll::Pending
                });
                if let Err(error) = cx.spawn("waits", waits) {
                    panic!("{error}");
                }
                cx.yield_if_due().await;
            }
            while wakers.borrow().len() < TASKS {
                cx.yield_now().await;
            }
            let after = resident();
            let all = std::mem::take(&mut *wakers.borrow_mut());
            all.into_iter().flatten().for_each(Waker::wake);
            after
        }
    };
    let handle = cx.spawn("main", main)?;
    ours.run()?;
    let mut handle = std::pin::pin!(handle);
    let polled = handle.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop()));
    let Poll::Ready(windlass_lane::Exit::Ok(after)) = polled else { return Err("the million did not end".into()) };
    let bytes = after?.saturating_sub(before);
    println!(
        "{TASKS} idle tasks: {:.0} MB, {} bytes each, with a waker kept elsewhere  (target: < 1074 MB)",
        bytes as f64 / 1e6,
        bytes / TASKS as u64
    );
    Ok(Row {
        n: Some(TASKS as u64),
        bytes: Some(bytes / TASKS as u64),
        peak_mb: Some(bytes as f64 / 1e6),
        rounds: Some(1),
        ..Row::of_ours("lane", "idle-tasks", &machine::line())
    })
}
