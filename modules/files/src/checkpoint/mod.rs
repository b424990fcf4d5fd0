//! Checkpoints: symbols of every type on the disk, as of one moment, and back under their names.
//!
//! Lives here: the commands and what a pool of them is told; `manifest` (what `server.md` says), `save`, `load`, `theirs` (checkpoints
//! that the ancestor wrote), `folder` (folders, which appear whole), `auto` (saving by itself).
//! From: any caller, the ancestor's clients, a task of the pool's own. To: the node's table of symbols, and its disk.
//! Holds: a checkpoint of a name is the old one or the new one, whole, at every moment; what is loaded is all of it or nothing, and
//!   its bytes are those that were saved.
//! Not here: who may have which symbol (the node's table).

mod auto;
mod folder;
mod load;
mod manifest;
mod save;
mod theirs;

use crate::columns::bad;
use auto::{Auto, Last};
use folder::{Mode, Place};
use std::rc::Rc;
use std::time::Duration;
use windlass::Spawn;
use windlass::prelude::*;

/// Longest time that a pool is told, seconds.
const SECONDS_MAX: f64 = 365.0 * 24.0 * 3600.0;

/// What a checkpoint holds.
#[data]
#[derive(Eq)]
pub struct Checkpoint {
    /// What it is called.
    pub name: String,
    /// How many symbols.
    pub symbols: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// Saves and loads symbols.
pub struct Checkpoints {
    /// What a checkpoint is called that was given no name.
    unnamed: String,
    /// Whether a task saves.
    automatic: bool,
    last: Rc<Last>,
}

/// Symbols of every type on the disk, and back under their names. A client saves and loads what it may read; a pool that is told when
/// saves everybody's by itself.
#[module(export = false)]
impl Checkpoints {
    /// `every` seconds, if anything has changed, everything is saved under `path` as `name`; the same when nothing has changed for
    /// `idle` seconds, or for `memory_idle` seconds while symbols have `memory_percent` of what the node may have, but then not sooner
    /// than `apart` seconds after the last time that anything was saved or loaded. 0 is never. The one before is kept as `name.prev`.
    /// A pool that does any of this saves what has changed at a flush of the node, too. With `restore`, what was registered is there
    /// again when the pool has been created; the rest can be loaded by name. Errors: those of `load`, when there is a checkpoint and
    /// it is damaged.
    #[create]
    #[allow(clippy::too_many_arguments, reason = "they are the parameters of a pool, given by name")]
    async fn create(
        cx: &Context<'_>,
        #[arg(default = ".akdata".to_owned())] path: String,
        #[arg(default = "auto_checkpoint".to_owned())] name: String,
        #[arg(default = 0.0)] every: f64,
        #[arg(default = 0.0)] idle: f64,
        #[arg(default = 0)] memory_percent: u32,
        #[arg(default = 5.0)] memory_idle: f64,
        #[arg(default = 3600.0)] apart: f64,
        #[arg(default = false)] restore: bool,
    ) -> Result<Self, Fault> {
        let seconds = |what: &str, seconds: f64| match (0.0..=SECONDS_MAX).contains(&seconds) {
            true => Ok(Duration::from_secs_f64(seconds)),
            false => Err(Fault::new(Code::BadConfig, format!("{what} is 0 to {SECONDS_MAX} seconds"))),
        };
        if memory_percent > 100 {
            return Err(Fault::new(Code::BadConfig, "memory_percent is 0 to 100"));
        }
        let last = Rc::new(Last::default());
        let auto = Auto {
            place: Place::of(&path, &name)?,
            every: seconds("every", every)?,
            idle: seconds("idle", idle)?,
            memory_percent: u64::from(memory_percent),
            memory_idle: seconds("memory_idle", memory_idle)?,
            apart: seconds("apart", apart)?,
        };
        if restore {
            auto.restore(cx, &last).await?;
        }
        let automatic = auto.is_wanted();
        if automatic {
            let last = last.clone();
            let run = async move |cx: Context<'_>| auto.run(&cx, &last).await;
            // It goes on by itself, and ends with the container.
            drop(cx.spawn(Spawn::named("automatic").background(), run)?);
        }
        Ok(Self { unnamed: format!("windlass_{:08x}", cx.random() as u32), automatic, last })
    }

    /// What is on the disk is there again.
    #[hook]
    fn restart(&self, _cx: &Context<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// A flush waits for what has changed.
    #[hook]
    fn flush_work(&self) -> u64 {
        if self.automatic { self.last.flush_work() } else { 0 }
    }

    /// When it saved last, and how that went.
    #[hook]
    fn monitor(&self, _cx: &Context<'_>, question: &str) -> Result<String, Fault> {
        match question {
            "" => Ok(self.last.told()),
            other => Err(bad(format!("{other:?} is no question about checkpoints; ask nothing"))),
        }
    }

    /// Saves the caller's symbols and the registered ones under `path` as `name`. If there is one of that name, `mode` is `overwrite`,
    /// `preserve_previous` (it is kept as `name.prev`) or `error`. Errors: `Exists`; `Busy` when a command changes a symbol for
    /// longer than a minute; the disk's, and what was there stays then.
    #[method(id = 10)]
    async fn save(
        &self,
        cx: &Context<'_>,
        path: String,
        name: String,
        #[arg(default = "overwrite".to_owned())] mode: String,
    ) -> Result<Checkpoint, Fault> {
        self.last.saved(cx, save::save(cx, &Place::of(&path, &name)?, Mode::of(&mode)?).await)
    }

    /// Puts the symbols of a checkpoint back under their names, in place of those that have them now. Errors: `NotFound`; fault
    /// 1001 for one that is damaged; `Denied` when a symbol of that name is another living session's; `NoMemory`. Nothing is
    /// changed then.
    #[method(id = 11)]
    async fn load(&self, cx: &Context<'_>, path: String, name: String) -> Result<Checkpoint, Fault> {
        self.last.loaded(cx, load::load(cx, &Place::of(&path, &name)?, load::Which::All).await)
    }

    /// As `save`; the answer is the checkpoint's name.
    #[method(standard)]
    async fn save_checkpoint(&self, cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = Some(given.text("name")?).filter(|name| !name.is_empty()).unwrap_or(&self.unnamed).to_owned();
        let (path, mode) = (given.text("path")?.to_owned(), given.text("mode")?.to_owned());
        Ok(self.save(cx, path, name, mode).await?.name)
    }

    /// As `load`; the answer is the checkpoint's name.
    #[method(standard)]
    async fn load_checkpoint(&self, cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        Ok(self.load(cx, given.text("path")?.to_owned(), given.text("name")?.to_owned()).await?.name)
    }

    /// A step of `save`: makes the folder that becomes the checkpoint `name` of `path`, and answers how it is called until then.
    /// Errors: `Exists` in mode `error`; `Io`.
    #[method(id = 20, blocking)]
    fn begin(path: String, name: String, mode: String, mark: u64) -> Result<String, Fault> {
        folder::begin(&Place::of(&path, &name)?, Mode::of(&mode)?, mark)
    }

    /// A step of `save`: what `begin` made becomes the checkpoint, at one moment. Errors: `Io`.
    #[method(id = 21, blocking)]
    fn commit(path: String, name: String, mode: String, mark: u64) -> Result<(), Fault> {
        folder::commit(&Place::of(&path, &name)?, Mode::of(&mode)?, mark)
    }

    /// A step of `save` that failed: takes away what `begin` made. Errors: `Io`.
    #[method(id = 22, blocking)]
    fn discard(path: String, name: String, mark: u64) -> Result<(), Fault> {
        folder::discard(&Place::of(&path, &name)?, mark)
    }

    /// A step of `load`: files of a checkpoint that describe a symbol each, if it is one of the ancestor's. Errors: `NotFound`, `TooLarge`.
    #[method(id = 23, blocking, idempotent)]
    fn entries(path: String, name: String) -> Result<Vec<String>, Fault> {
        folder::entries(&Place::of(&path, &name)?)
    }
}
