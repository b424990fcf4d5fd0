//! Windlass: tasks that wait for files, under a loop like a worker's.
//!
//! The queue of runnable tasks is this file's own, so that the figure is that of `lane::io` and the driver; what lanes and
//! accounting add to a switch is measured by the bench of lanes.

use crate::work::{BLOCK, Blocks, Failure, Meter, Order, Report, check};
use async_task::Runnable;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use windlass_driver::real::{Backend, RealDriver};
use windlass_driver::{Driver as _, IoBuffer, OpenHow};
use windlass_lane::io::{File, Io};

/// Pieces of work between two looks at the driver.
const SLICE: usize = 64;

/// Tasks that were woken; all by this thread.
#[derive(Clone, Default)]
struct Woken(Arc<Mutex<VecDeque<Runnable>>>);

impl Woken {
    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let woken = self.clone();
        let put = move |task| woken.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(task);
        let (task, handle) = async_task::spawn_local(future, put);
        task.schedule();
        handle.detach();
    }

    fn next(&self) -> Option<Runnable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

struct Shared {
    file: File,
    blocks: RefCell<Blocks>,
    meter: RefCell<Meter>,
    alive: RefCell<u32>,
    fault: RefCell<Option<Failure>>,
}

pub fn run(order: &Order, backend: Backend) -> Result<Report, Failure> {
    let mut driver = RealDriver::with(backend)?;
    let (woken, io) = (Woken::default(), Io::default());
    let opened: Rc<RefCell<Option<Result<File, Failure>>>> = Rc::default();
    {
        let (io, opened, order) = (io.clone(), opened.clone(), order.clone());
        woken.spawn(async move {
            let how = OpenHow { write: order.write, direct: !order.cached, ..OpenHow::default() };
            let file = File::open(&io, &order.file, how).await;
            *opened.borrow_mut() = Some(file.map_err(Into::into));
        });
    }
    turn_until(&mut driver, &woken, &io, || opened.borrow().is_some())?;
    let file = opened.borrow_mut().take().ok_or("the file was not opened")??;
    let (blocks, meter) = (RefCell::new(Blocks::of(order)), RefCell::new(Meter::start(order)?));
    let alive = RefCell::new(order.depth);
    let shared = Rc::new(Shared { file, blocks, meter, alive, fault: RefCell::default() });
    for _ in 0..order.depth {
        woken.spawn(asks(shared.clone(), order.write));
    }
    turn_until(&mut driver, &woken, &io, || *shared.alive.borrow() == 0)?;
    if let Some(fault) = shared.fault.borrow_mut().take() {
        return Err(fault);
    }
    shared.meter.borrow().report()
}

fn turn_until(driver: &mut RealDriver, woken: &Woken, io: &Io, over: impl Fn() -> bool) -> Result<(), Failure> {
    let mut ready = Vec::new();
    while !over() {
        let mut worked = false;
        for _ in 0..SLICE {
            let Some(task) = woken.next() else { break };
            task.run();
            worked = true;
            if io.is_due() {
                break;
            }
        }
        worked |= io.exchange(driver)?;
        if !worked && !io.has_news() {
            driver.park(None, &mut ready)?;
            io.exchange(driver)?;
        }
    }
    Ok(())
}

async fn asks(shared: Rc<Shared>, write: bool) {
    if let Err(fault) = asks_until_the_end(&shared, write).await {
        *shared.fault.borrow_mut() = Some(fault);
    }
    *shared.alive.borrow_mut() -= 1;
}

async fn asks_until_the_end(shared: &Shared, write: bool) -> Result<(), Failure> {
    let mut buffer = IoBuffer::aligned(BLOCK).ok_or("no memory")?;
    let mut since = Instant::now();
    loop {
        let block = shared.blocks.borrow_mut().next();
        let at = block * BLOCK as u64;
        let result;
        (result, buffer) = match write {
            true => {
                buffer.fill(&block.to_le_bytes());
                shared.file.write_all_at(at, buffer).await
            }
            false => shared.file.read_exact_at(at, buffer).await,
        };
        result?;
        if !write {
            check(block, buffer.as_slice().unwrap_or_default())?;
        }
        match shared.meter.borrow_mut().ended(since) {
            Some(now) => since = now,
            None => return Ok(()),
        }
    }
}
