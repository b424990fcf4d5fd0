//! Windlass's driver by itself: no tasks, no lanes. What lies between it and `ours` is what waiting tasks cost; what lies
//! between it and `raw` is what the driver costs.

use crate::work::{BLOCK, Blocks, Failure, Meter, Order, Report, check};
use std::time::Instant;
use windlass_driver::real::{Backend, RealDriver};
use windlass_driver::{Completion, Driver, Handle, IoBuffer, OpenHow, Operation, Tag, Value};

pub fn run(order: &Order) -> Result<Report, Failure> {
    let mut driver = RealDriver::with(Backend::IoUring)?;
    let file = open(&mut driver, order)?;
    let (mut blocks, mut meter) = (Blocks::of(order), Meter::start(order)?);
    let mut began = vec![(0u64, Instant::now()); order.depth as usize];
    let mut done: Vec<Completion> = Vec::new();
    for (slot, (block, _)) in began.iter_mut().enumerate() {
        let buffer = IoBuffer::aligned(BLOCK).ok_or("no memory")?;
        *block = ask(&mut driver, file, order.write, slot, blocks.next(), buffer)?;
    }
    while driver.under_way() > 0 {
        driver.park(None, &mut Vec::new())?;
        driver.reap(&mut done)?;
        for completion in done.drain(..) {
            let slot = completion.tag.0 as usize;
            let buffer = completion.buffer.ok_or("the buffer did not come back")?;
            if completion.result? != Value::Bytes(BLOCK) {
                return Err("a short transfer".into());
            }
            if !order.write {
                check(began[slot].0, buffer.as_slice().unwrap_or_default())?;
            }
            if let Some(now) = meter.ended(began[slot].1) {
                began[slot] = (ask(&mut driver, file, order.write, slot, blocks.next(), buffer)?, now);
            }
        }
    }
    meter.report()
}

fn open(driver: &mut RealDriver, order: &Order) -> Result<Handle, Failure> {
    let how = OpenHow { write: order.write, direct: !order.cached, ..OpenHow::default() };
    let path = order.file.clone();
    driver.start(Operation::Open { path, how }, Tag(0)).map_err(|_| "no room")?;
    let mut done = Vec::new();
    while done.is_empty() {
        driver.park(None, &mut Vec::new())?;
        driver.reap(&mut done)?;
    }
    match done.remove(0).result? {
        Value::Handle(handle) => Ok(handle),
        other => Err(format!("{other:?}").into()),
    }
}

fn ask(
    driver: &mut RealDriver,
    file: Handle,
    write: bool,
    slot: usize,
    block: u64,
    mut buffer: IoBuffer,
) -> Result<u64, Failure> {
    let at = block * BLOCK as u64;
    let operation = match write {
        true => {
            buffer.fill(&block.to_le_bytes());
            Operation::WriteAt { file, at, buffer }
        }
        false => Operation::ReadAt { file, at, buffer },
    };
    driver.start(operation, Tag(slot as u64)).map_err(|_| "no room")?;
    Ok(block)
}
