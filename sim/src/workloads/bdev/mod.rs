//! Bdev: a block device in a file of the simulated disk, over a node that dies, stops and begins again.
//!
//! Lives here: the lives of the device (`play`), what each does (`life`), and `damage`; `model` (what a device may hold),
//! `errands` (one call each).
//! Holds: an allocation and a free that were answered are there, whatever happened since; free space is what the allocations
//! leave; a file that was damaged is refused by name and left as it is.

mod errands;
mod model;

use super::lives::{ready_node_that, stop};
use crate::node::{Made, Node};
use crate::person::{Me, Tally};
use crate::stage::Stage;
use errands::{Caller, Ended};
use model::Model;
use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use windlass_bdev::Bdev;
use windlass_driver::sim::{Dice, DiskFault, DiskWork, Machine, Rate};

const MACHINE: Machine = Machine(0);
const PATH: &str = "/device";
/// Blocks of a device: no more than runs of one allocation, so that free blocks are never too scattered.
const BLOCKS: u64 = 64;
/// How often a device that cannot be opened for the disk's sake is tried again.
const TRIES: u64 = 12;

/// What one life of the node's process does.
#[derive(Clone)]
struct Life {
    directory: String,
    model: Rc<Model>,
    scripts: u64,
    errands: u64,
    /// Changes that fill the table, so that it turns over.
    turns: u64,
    /// Opens the device and looks at it, no more.
    only_looks: bool,
}

/// What came of a life.
#[derive(Default)]
struct Told {
    /// The device was open and held what it had to.
    looked: Cell<bool>,
    /// Why it could not be opened, when that is the file's fault.
    refused: RefCell<Option<windlass_contract::Fault>>,
}

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let mut dice = stage.dice("bdev");
    let faults = fault_plan(stage, &mut dice);
    let syncs_fail = faults.contains(&(DiskWork::Sync, DiskFault::Error))
        || stage.world().weather().disk.sync_error > Rate::NEVER;
    let block = if dice.coin() { 4096 } else { 512 };
    let model = Rc::new(Model::new(BLOCKS * block, block, syncs_fail));
    let (node, _) = ready_node_that(stage, Made { modules: &[Bdev::TABLE], ..Made::default() })?;
    let turns = if dice.below(24) == 0 { 280 } else { 0 };
    for life in 0..1 + dice.below(2) {
        for (work, fault) in &faults {
            stage.world().plan(MACHINE, *work, 6 + dice.below(60), *fault);
        }
        let life = Life {
            directory: node.directory(),
            model: model.clone(),
            scripts: 1 + dice.below(3),
            errands: 4 + dice.below(14),
            turns: if life == 0 { turns } else { 0 },
            only_looks: false,
        };
        live(stage, &node, &mut dice, life)?;
    }
    // What the weather lets fail is over: the last looks succeed.
    calm(stage);
    look(stage, &node, &model)?;
    if turns == 0 && dice.below(6) == 0 {
        damage(stage, &node, &mut dice, &model)?;
    }
    stop(stage, &node)?;
    match stage.world().held() {
        (0, 0, 0, 0) => Ok(()),
        held => Err(format!("operations, files, sockets, listeners are left: {held:?}")),
    }
}

/// Faults that each life meets at a drawn moment, beside those of the weather.
fn fault_plan(stage: &Stage, dice: &mut Dice) -> Vec<(DiskWork, DiskFault)> {
    let every = [
        (DiskWork::Write, DiskFault::Full),
        (DiskWork::Write, DiskFault::Error),
        (DiskWork::Sync, DiskFault::Error),
        (DiskWork::Read, DiskFault::Error),
    ];
    let mut weather = stage.world().weather();
    // Many pieces for each call: what is rare in one is met often enough.
    weather.disk.read_error.0 /= 8;
    weather.disk.write_error.0 /= 8;
    weather.disk.sync_error.0 /= 8;
    stage.world().set_weather(weather);
    every.into_iter().filter(|_| dice.below(5) == 0).collect()
}

fn calm(stage: &Stage) {
    let mut weather = stage.world().weather();
    let disk = &mut weather.disk;
    (disk.read_error, disk.write_error, disk.sync_error) = (Rate::NEVER, Rate::NEVER, Rate::NEVER);
    stage.world().set_weather(weather);
    stage.world().plan_nothing(MACHINE);
}

/// One life, and how it ends: killed, without power, asked to stop, or by itself.
fn live(stage: &Stage, node: &Node, dice: &mut Dice, life: Life) -> Result<(), String> {
    let (model, told) = (life.model.clone(), Rc::new(Told::default()));
    let heard = told.clone();
    let person = stage.person("owner", |me| life.live(me, heard));
    if dice.below(4) > 0 {
        let magnitude = 6 + dice.below(8);
        for _ in 0..1 + dice.below(1 << magnitude) {
            stage.step();
        }
        stage.verdict()?;
    } else {
        stage.until("the device's owner ends", || stage.is_over(person))?;
    }
    let end = dice.below(4);
    match end {
        0 | 1 => drop(node.crash(end == 1)),
        _ => {
            node.stop(Duration::from_micros(dice.below(200_000)));
            stage.until("the node stops", || node.is_stopped())?;
            if end == 3 {
                stage.world().power_cut(MACHINE);
            }
        }
    }
    stage.until("its owner hears of it", || stage.is_over(person))?;
    if let Some(fault) = told.refused.take() {
        return Err(format!("a file that is whole was refused: {fault}"));
    }
    model.end_life(end % 2 == 1);
    node.restart()?;
    stage.until("the node begins again", || node.is_ready())
}

/// Opens the device and holds it against the model.
fn look(stage: &Stage, node: &Node, model: &Rc<Model>) -> Result<(), String> {
    match opened(stage, node, model)? {
        (true, _) => Ok(()),
        (false, refused) => Err(format!("the device cannot be opened: {refused:?}")),
    }
}

fn opened(
    stage: &Stage,
    node: &Node,
    model: &Rc<Model>,
) -> Result<(bool, Option<windlass_contract::Fault>), String> {
    let told = Rc::new(Told::default());
    let (directory, model) = (node.directory(), model.clone());
    let life = Life { directory, model, scripts: 0, errands: 0, turns: 0, only_looks: true };
    let heard = told.clone();
    let person = stage.person("looks", |me| life.live(me, heard));
    stage.until("somebody looks at the device", || stage.is_over(person))?;
    Ok((told.looked.get(), told.refused.take()))
}

/// Turns a bit over while nobody has the file: it is refused by name; turned back, it is what it was.
fn damage(stage: &Stage, node: &Node, dice: &mut Dice, model: &Rc<Model>) -> Result<(), String> {
    // A superblock, or the first page of the table.
    let at = match dice.below(3) {
        2 => 2 * 4096 + dice.below(36),
        page => page * 4096 + dice.below(80),
    };
    let bit = dice.below(8) as u8;
    stop(stage, node)?;
    model.end_life(false);
    for turned in [true, false] {
        if !stage.world().flip(MACHINE, Path::new(PATH), at, bit) {
            return Err("the device's file is shorter than its tables".into());
        }
        node.restart()?;
        stage.until("the node begins again", || node.is_ready())?;
        let (looked, refused) = opened(stage, node, model)?;
        let named = refused
            .as_ref()
            .is_some_and(|fault| matches!(fault.code, 1004..=1005) && fault.message.contains(PATH));
        if (looked, named) != (!turned, turned) {
            let state = if turned { "damaged" } else { "whole again" };
            return Err(format!("byte {at}, bit {bit}, {state}: {refused:?}"));
        }
        if turned {
            stop(stage, node)?;
        }
    }
    Ok(())
}

impl Life {
    async fn live(self, me: Me, told: Rc<Told>) -> Result<(), String> {
        let Ok(client) = me.connect(&self.directory, 16) else { return Ok(()) };
        let caller = Caller { me: me.clone(), client, model: self.model.clone(), block: self.model.block };
        let opened = match caller.open(TRIES).await? {
            Ok(Some(device)) => caller.recover(&device).await?.map(|()| device),
            Ok(None) => None,
            Err(fault) => {
                *told.refused.borrow_mut() = Some(fault);
                None
            }
        };
        if let Some(device) = opened {
            told.looked.set(true);
            if !self.only_looks {
                self.work(&me, &caller, device).await?;
            }
        }
        drop(caller);
        me.disconnect();
        Ok(())
    }

    async fn work(&self, me: &Me, caller: &Caller, device: windlass_client::Pool) -> Result<(), String> {
        let going = Tally::new(self.scripts);
        let left = Rc::new(Cell::new(self.errands * self.scripts));
        let mut mine: Vec<Vec<u64>> = vec![Vec::new(); self.scripts as usize];
        for (at, id) in self.model.ids().into_iter().enumerate() {
            mine[at % self.scripts as usize].push(id);
        }
        let turns = self.turns;
        for mut mine in mine {
            let (caller, device, going, left) = (caller.clone(), device.clone(), going.clone(), left.clone());
            me.also(async move {
                let mut over = Ended::GoesOn;
                for _ in 0..turns {
                    over = caller.turn_table(&device).await?;
                    if over == Ended::Over {
                        break;
                    }
                }
                while left.get() > 0 && over == Ended::GoesOn {
                    left.set(left.get() - 1);
                    over = caller.errand(&device, &mut mine).await?;
                }
                going.one_less();
                Ok(())
            });
        }
        going.none_left().await;
        Ok(())
    }
}
