//! Windlass: tasks on lanes that wait for files, under a loop like a worker's.

use crate::work::{BLOCK, Blocks, Failure, Meter, Order, Report, check};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;
use windlass_driver::real::{Backend, RealDriver};
use windlass_driver::{Driver as _, IoBuffer, OpenHow};
use windlass_lane::io::{File, Io};
use windlass_lane::{Class, Lanes, Work};

/// Pieces of work between two looks at the driver.
const SLICE: usize = 64;

struct Shared {
    file: File,
    blocks: RefCell<Blocks>,
    meter: RefCell<Meter>,
    fault: RefCell<Option<Failure>>,
}

pub fn run(order: &Order, backend: Backend) -> Result<Report, Failure> {
    let mut driver = RealDriver::with(backend)?;
    let lanes: Rc<RefCell<Lanes<()>>> = Rc::new(RefCell::new(Lanes::new(Some(driver.remote()))));
    let io = Io::default();
    let shared: Rc<RefCell<Option<Rc<Shared>>>> = Rc::default();
    let first = {
        let (io, lanes, kept, order) = (io.clone(), lanes.clone(), shared.clone(), order.clone());
        async move {
            let how = OpenHow { write: order.write, direct: !order.cached, ..OpenHow::default() };
            let file = File::open(&io, &order.file, how).await.expect("the file was prepared");
            let blocks = RefCell::new(Blocks::of(&order));
            let meter = RefCell::new(Meter::start(&order).expect("constant bounds"));
            let made = Rc::new(Shared { file, blocks, meter, fault: RefCell::default() });
            for _ in 0..order.depth {
                let task = asks(made.clone(), order.write);
                lanes.borrow_mut().spawn(Class::Latency, task).expect("few tasks").detach();
            }
            *kept.borrow_mut() = Some(made);
        }
    };
    lanes.borrow_mut().spawn(Class::Latency, first).map_err(|error| format!("{error:?}"))?.detach();
    let mut ready = Vec::new();
    loop {
        let mut worked = false;
        for _ in 0..SLICE {
            let work = lanes.borrow_mut().pick();
            let Some(Work::Resume(task)) = work else { break };
            task.run();
            worked = true;
        }
        worked |= io.exchange(&mut driver)?;
        if lanes.borrow().alive() == 0 {
            break;
        }
        if !worked && !io.has_news() && lanes.borrow().about_to_park() {
            driver.park(None, &mut ready)?;
            lanes.borrow().unparked();
            io.exchange(&mut driver)?;
        }
    }
    let shared = shared.borrow_mut().take().ok_or("the file was not opened")?;
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
