//! Windlass: tasks on lanes that wait for files, on an engine.

use crate::work::{BLOCK, Blocks, Failure, Meter, Order, Report, check};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use windlass_driver::real::{Backend, RealDriver};
use windlass_driver::{IoBuffer, OpenHow};
use windlass_lane::io::File;
use windlass_lane::{Cx, Engine, Exit};

struct Shared {
    file: File,
    blocks: RefCell<Blocks>,
    meter: RefCell<Meter>,
    fault: RefCell<Option<Failure>>,
}

pub fn run(order: &Order, backend: Backend) -> Result<Report, Failure> {
    let mut driver = RealDriver::with(backend)?;
    let remote = driver.remote();
    let mut engine = Engine::new(&mut driver, Some(Arc::new(move || remote.ring())));
    let order = order.clone();
    let exit = engine.run(&mut driver, move |cx| async move { all(&cx, order).await })?;
    match exit {
        Exit::Ok(report) => report,
        Exit::Panicked(text) => Err(text.into()),
        Exit::Cancelled => Err("the first task was dropped".into()),
    }
}

async fn all(cx: &Cx, order: Order) -> Result<Report, Failure> {
    let how = OpenHow { write: order.write, direct: !order.cached, ..OpenHow::default() };
    let file = File::open(&cx.io(), &order.file, how).await?;
    let blocks = RefCell::new(Blocks::of(&order));
    let meter = RefCell::new(Meter::start(&order)?);
    let shared = Rc::new(Shared { file, blocks, meter, fault: RefCell::default() });
    let mut tasks = Vec::new();
    for _ in 0..order.depth {
        tasks.push(cx.spawn("asks", asks(shared.clone(), order.write))?);
    }
    for task in tasks {
        task.await;
    }
    if let Some(fault) = shared.fault.borrow_mut().take() {
        return Err(fault);
    }
    shared.meter.borrow().report()
}

async fn asks(shared: Rc<Shared>, write: bool) {
    let Some(mut buffer) = IoBuffer::aligned(BLOCK) else { return };
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
        let checked = match (&result, write) {
            (Ok(()), false) => check(block, buffer.as_slice().unwrap_or_default()),
            _ => result.map_err(Into::into),
        };
        if let Err(fault) = checked {
            *shared.fault.borrow_mut() = Some(fault);
            return;
        }
        match shared.meter.borrow_mut().ended(since) {
            Some(now) => since = now,
            None => return,
        }
    }
}
