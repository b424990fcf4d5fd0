//! Files: writes, syncs and renames over power cuts, held against what may be on the disk.
//!
//! Lives here: `Model` (for each sector: what it may hold now, and what after a crash), the tasks of one life of a process.
//! Holds: after a crash each sector holds the last content that a sync acknowledged, or one that was written since; a file
//! that was put in place by a rename is whole, and the latest that was acknowledged or a later one.

use crate::stage::Stage;
use crate::tasks::{Cx, TasksActor};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use windlass_driver::buffer::ALIGN;
use windlass_driver::sim::Machine;
use windlass_driver::{Handle, IoBuffer, OpenHow, Operation, Value};
use windlass_lane::io::Done;

const SECTOR: usize = 512;
const SECTORS_PER_PAGE: usize = ALIGN / SECTOR;
const PAGES: usize = 12;
const MACHINE: Machine = Machine(7);

/// What one sector may hold.
#[derive(Clone, Debug)]
struct Block {
    /// As read now.
    now: BTreeSet<u64>,
    /// As read after a crash.
    after: BTreeSet<u64>,
}

struct Model {
    blocks: RefCell<Vec<Block>>,
    /// Contents of the file that renames put in place: the acknowledged one, and those that were begun later.
    placed: RefCell<BTreeSet<u64>>,
    next: Cell<u64>,
    /// Syncs that failed: what was being written meanwhile may be forgotten too.
    failed: Cell<u64>,
    /// Syncs under way: one that fails may take what another, which does not, has promised.
    syncs: Cell<u64>,
}

impl Model {
    fn value(&self) -> u64 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    fn blocks(&self, page: usize, change: impl Fn(&mut Block)) {
        let first = page * SECTORS_PER_PAGE;
        self.blocks.borrow_mut()[first..first + SECTORS_PER_PAGE].iter_mut().for_each(change);
    }
}

fn write_how() -> OpenHow {
    OpenHow { write: true, create: true, direct: true, ..OpenHow::default() }
}

fn data() -> PathBuf {
    "/data".into()
}

/// A page that says everywhere what it holds.
fn page_of(value: u64) -> Option<IoBuffer> {
    let mut buffer = IoBuffer::aligned(ALIGN)?;
    buffer.as_mut_slice()?.chunks_exact_mut(8).for_each(|word| word.copy_from_slice(&value.to_le_bytes()));
    Some(buffer)
}

/// What each sector of these bytes holds.
fn values(bytes: &[u8]) -> Result<Vec<u64>, String> {
    let one = |sector: &[u8]| {
        let mut words = sector.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
        let first = words.next().unwrap_or(0);
        if words.all(|word| word == first) {
            Ok(first)
        } else {
            Err("a sector holds parts of two writes".to_owned())
        }
    };
    bytes.chunks(SECTOR).map(one).collect()
}

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let none = || BTreeSet::from([0]);
    let model = Rc::new(Model {
        blocks: RefCell::new(vec![Block { now: none(), after: none() }; PAGES * SECTORS_PER_PAGE]),
        placed: RefCell::new(none()),
        next: Cell::new(0),
        failed: Cell::new(0),
        syncs: Cell::new(0),
    });
    let mut dice = stage.dice("files");
    for round in 0..2 + dice.below(3) {
        let (cx, actor) = TasksActor::new(stage, MACHINE, &format!("files {round}"))?;
        let (begun, inner) = (model.clone(), cx.clone());
        cx.spawn(async move { life(inner, begun).await });
        let at = stage.tasks(actor);
        // Sometimes it ends by itself, mostly its power is cut.
        let magnitude = 4 + dice.below(8);
        for _ in 0..50 + dice.below(1 << magnitude) {
            stage.step();
        }
        stage.verdict()?;
        if dice.below(4) == 0 {
            stage.until("the process of files ends", || stage.is_over(at))?;
        }
        stage.world().power_cut(MACHINE);
        model.syncs.set(0);
        drop(stage.take(at));
        let mut blocks = model.blocks.borrow_mut();
        blocks.iter_mut().for_each(|block| block.now = block.after.clone());
    }
    let (cx, actor) = TasksActor::new(stage, MACHINE, "files at last")?;
    let inner = cx.clone();
    cx.spawn(async move { recover(&inner, &model).await.map(drop) });
    let at = stage.tasks(actor);
    stage.until("the last look ends", || stage.is_over(at))?;
    match stage.world().held() {
        (0, 0, 0, 0) => Ok(()),
        held => Err(format!("operations, files, sockets, listeners are left: {held:?}")),
    }
}

/// One life of the process: it looks what is there, then writes, syncs and renames.
async fn life(cx: Cx, model: Rc<Model>) -> Result<(), String> {
    let Some(file) = recover(&cx, &model).await? else { return Ok(()) };
    let writers = 1 + cx.below(3) as usize;
    let left = Rc::new(Cell::new(writers + 1));
    for writer in 0..writers {
        let (cx, model, left) = (cx.clone(), model.clone(), left.clone());
        cx.clone().spawn(async move {
            let pages: Vec<usize> = (0..PAGES).filter(|page| page % writers == writer).collect();
            for _ in 0..4 + cx.below(12) {
                match cx.below(3) {
                    0 => sync(&cx, &model, file).await?,
                    _ => write(&cx, &model, file, pages[cx.below(pages.len() as u64) as usize]).await?,
                }
            }
            left.set(left.get() - 1);
            Ok(())
        });
    }
    let (inner, placed, over) = (cx.clone(), model.clone(), left.clone());
    cx.spawn(async move {
        for _ in 0..inner.below(4) {
            replace(&inner, &placed).await?;
        }
        over.set(over.get() - 1);
        Ok(())
    });
    while left.get() > 0 {
        cx.sleep(1_000_000).await;
    }
    cx.io().close(file);
    Ok(())
}

async fn open(cx: &Cx, path: PathBuf, how: OpenHow) -> Option<Handle> {
    match cx.ask(Operation::Open { path, how }).await.result {
        Ok(Value::Handle(handle)) => Some(handle),
        _ => None,
    }
}

async fn write(cx: &Cx, model: &Model, file: Handle, page: usize) -> Result<(), String> {
    let value = model.value();
    let (buffer, failed) = (page_of(value).ok_or("no memory")?, model.failed.get());
    model.blocks(page, |block| {
        block.now.insert(value);
        block.after.insert(value);
    });
    let done = cx.ask(Operation::WriteAt { file, at: (page * ALIGN) as u64, buffer }).await;
    match done.result {
        Ok(Value::Bytes(ALIGN)) => {
            if model.failed.get() == failed {
                model.blocks(page, |block| block.now = BTreeSet::from([value]));
            }
            Ok(())
        }
        // Some of it was written, perhaps.
        Err(windlass_driver::IoError::System(_)) => Ok(()),
        other => Err(format!("a write of a page: {other:?}")),
    }
}

async fn sync(cx: &Cx, model: &Model, file: Handle) -> Result<(), String> {
    let before: Vec<BTreeSet<u64>> = model.blocks.borrow().iter().map(|block| block.now.clone()).collect();
    let (newest, failed) = (model.next.get(), model.failed.get());
    model.syncs.set(model.syncs.get() + 1);
    let done = cx.ask(Operation::Sync { file, data_only: cx.below(2) == 0 }).await;
    model.syncs.set(model.syncs.get() - 1);
    if done.result.is_ok() && (model.syncs.get() > 0 || model.failed.get() > failed) {
        return Ok(());
    }
    if done.result.is_err() {
        model.failed.set(model.failed.get() + 1);
    }
    let mut blocks = model.blocks.borrow_mut();
    for (block, before) in blocks.iter_mut().zip(before) {
        if done.result.is_ok() {
            // What was there when it began is durable; what was written meanwhile may be.
            block.after.retain(|value| before.contains(value) || *value > newest);
        } else {
            // The system may have forgotten what it did not write.
            let after = block.after.clone();
            block.now.extend(after);
        }
    }
    Ok(())
}

/// Puts a new file in place of another, so that either is whole.
async fn replace(cx: &Cx, model: &Model) -> Result<(), String> {
    let value = model.value();
    let how = OpenHow { truncate: true, ..write_how() };
    let Some(file) = open(cx, "/placed.new".into(), how).await else { return Ok(()) };
    let buffer = page_of(value).ok_or("no memory")?;
    let written = cx.ask(Operation::WriteAt { file, at: 0, buffer }).await;
    let whole = matches!(written.result, Ok(Value::Bytes(ALIGN)));
    let durable = whole && cx.ask(Operation::Sync { file, data_only: false }).await.result.is_ok();
    cx.io().close(file);
    if !durable {
        return Ok(());
    }
    model.placed.borrow_mut().insert(value);
    let renamed = cx.ask(Operation::Rename { from: "/placed.new".into(), to: "/placed".into() }).await;
    if renamed.result.is_ok() {
        *model.placed.borrow_mut() = BTreeSet::from([value]);
    }
    Ok(())
}

/// Holds what is on the disk against the model; the file is open afterwards, unless that was not to be.
async fn recover(cx: &Cx, model: &Model) -> Result<Option<Handle>, String> {
    let placed = match open(cx, "/placed".into(), OpenHow { direct: true, ..OpenHow::default() }).await {
        Some(file) => {
            let found = read(cx, file, 0).await;
            cx.io().close(file);
            found
        }
        None => Some(vec![0; ALIGN]),
    };
    if let Some(bytes) = placed {
        let found: BTreeSet<u64> = values(&bytes)?.into_iter().collect();
        let known = model.placed.borrow().clone();
        let value = found.first().copied().unwrap_or(0);
        if found.len() != 1 || !known.contains(&value) {
            return Err(format!("the file that a rename put in place holds {found:?}, not one of {known:?}"));
        }
        *model.placed.borrow_mut() = found;
    }
    let Some(file) = open(cx, data(), write_how()).await else { return Ok(None) };
    for page in 0..PAGES {
        let Some(bytes) = read(cx, file, page).await else { continue };
        for (sector, value) in values(&bytes)?.into_iter().enumerate() {
            let at = page * SECTORS_PER_PAGE + sector;
            let block = &mut model.blocks.borrow_mut()[at];
            if !block.now.contains(&value) {
                return Err(format!("sector {at} holds {value}, after a crash it may hold {:?}", block.after));
            }
            *block = Block { now: BTreeSet::from([value]), after: BTreeSet::from([value]) };
        }
    }
    Ok(Some(file))
}

/// A page; what lies past the end is zero. `None` when the disk cannot read it.
async fn read(cx: &Cx, file: Handle, page: usize) -> Option<Vec<u8>> {
    for _ in 0..8 {
        let buffer = IoBuffer::aligned(ALIGN)?;
        let Done { result, buffer } = cx.ask(Operation::ReadAt { file, at: (page * ALIGN) as u64, buffer }).await;
        if let (Ok(Value::Bytes(came)), Some(buffer)) = (result, buffer) {
            let mut bytes = buffer.into_vec();
            bytes[came..].fill(0);
            return Some(bytes);
        }
    }
    None
}
