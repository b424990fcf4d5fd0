//! Folder: a checkpoint's folder, which appears under its name at one moment and takes the place of the one that was there.
//!
//! Lives here: `Place` (where, and how it is called), `Mode`, and the steps, which wait for the disk on a thread of their own.
//! Holds: only what a checkpoint consists of is ever removed; a folder that has anything else in it stays, and that is an error.

use super::manifest::{DATA, MANIFEST};
use crate::columns::bad;
use crate::limits::FILES_MAX;
use rustix::fs::{CWD, Mode as Rights, OFlags, RenameFlags};
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use windlass::prelude::*;

/// Bytes of a checkpoint's name.
const NAME_MAX: usize = 200;
/// What the ancestor ends the description of a symbol with, and its bytes.
const ENTRY_ENDS: &str = ".md";
const THEIR_ENDS: [&str; 3] = [ENTRY_ENDS, ".data", ".bin"];

/// Where a checkpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) name: String,
}

impl Place {
    /// The checkpoint of this name in the folder `path`.
    ///
    /// # Errors
    /// `BadArguments` for a name that is none.
    pub(super) fn of(path: &str, name: &str) -> Result<Self, Fault> {
        if path.is_empty() || path.contains('\0') {
            return Err(bad("the folder of checkpoints has no name"));
        }
        if name.is_empty() || name.len() > NAME_MAX || name.contains(['/', '\0']) || name == "." || name == ".." {
            let text = format!("{name:?} is no name of a checkpoint: 1 to {NAME_MAX} bytes without /");
            return Err(bad(text));
        }
        Ok(Self { path: path.to_owned(), name: name.to_owned() })
    }

    /// Its folder.
    pub(super) fn folder(&self) -> PathBuf {
        Path::new(&self.path).join(&self.name)
    }
    /// A file of it.
    pub(super) fn file(&self, name: &str) -> String {
        self.folder().join(name).display().to_string()
    }
    fn aside(&self, mark: u64) -> PathBuf {
        Path::new(&self.path).join(format!("{}.{mark:016x}.new", self.name))
    }
    fn previous(&self) -> PathBuf {
        Path::new(&self.path).join(format!("{}.prev", self.name))
    }
}

/// What becomes of a checkpoint that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Overwrite,
    PreservePrevious,
    Error,
}

impl Mode {
    /// By its name.
    ///
    /// # Errors
    /// `BadArguments` names those there are.
    pub(super) fn of(name: &str) -> Result<Self, Fault> {
        match name {
            "overwrite" => Ok(Self::Overwrite),
            "preserve_previous" => Ok(Self::PreservePrevious),
            "error" => Ok(Self::Error),
            other => {
                Err(bad(format!("invalid checkpointing mode {other:?}: overwrite, preserve_previous or error")))
            }
        }
    }
    /// Its name.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Overwrite => "overwrite",
            Self::PreservePrevious => "preserve_previous",
            Self::Error => "error",
        }
    }
}

fn io(path: &Path) -> impl Fn(Error) -> Fault + '_ {
    move |error| {
        let code = if error.kind() == ErrorKind::NotFound { Code::NotFound } else { Code::Io };
        Fault::new(code, format!("{}: {error}", path.display())).with_outcome(Outcome::Ended)
    }
}

fn exists(path: &Path) -> Result<bool, Fault> {
    path.try_exists().map_err(io(path))
}

/// Whether a folder, if it exists, is a checkpoint.
///
/// # Errors
/// `Exists` when it is something else, which is nobody's to replace.
fn holds_one(folder: &Path) -> Result<(), Fault> {
    if exists(folder)? && !exists(&folder.join(MANIFEST))? {
        let text = format!("{} is there and is no checkpoint (it has no {MANIFEST})", folder.display());
        return Err(Fault::new(Code::Exists, text).with_outcome(Outcome::Ended));
    }
    Ok(())
}

/// Makes the folder that is to become the checkpoint. What earlier attempts left behind goes.
pub(super) fn begin(place: &Place, mode: Mode, mark: u64) -> Result<String, Fault> {
    let base = Path::new(&place.path);
    fs::create_dir_all(base).map_err(io(base))?;
    if mode == Mode::Error && exists(&place.folder())? {
        let text = format!(
            "A file already exists in {}. If you want to overwrite, use `mode=\"overwrite\"`, which will delete the file",
            place.folder().display()
        );
        return Err(Fault::new(Code::Exists, text).with_outcome(Outcome::Ended));
    }
    holds_one(&place.folder())?;
    holds_one(&place.previous())?;
    let aside = place.aside(mark);
    fs::create_dir(&aside).map_err(io(&aside))?;
    Ok(aside.display().to_string())
}

/// Gives the folder its name, in place of the one that has it.
pub(super) fn commit(place: &Place, mode: Mode, mark: u64) -> Result<(), Fault> {
    let (aside, target) = (place.aside(mark), place.folder());
    holds_one(&target)?;
    sync(&aside)?;
    let replaced = if mode == Mode::Error {
        // Also one that came since `begin` stays what it is.
        rustix::fs::renameat_with(CWD, &aside, CWD, &target, RenameFlags::NOREPLACE)
            .map_err(|error| io(&target)(error.into()))?;
        false
    } else {
        replace(&aside, &target)?
    };
    if replaced {
        // What was the checkpoint stands aside now.
        if mode == Mode::PreservePrevious {
            let previous = place.previous();
            holds_one(&previous)?;
            remove(&previous)?;
            fs::rename(&aside, &previous).map_err(io(&previous))?;
        } else {
            remove(&aside)?;
        }
    }
    sweep(place)?;
    sync(Path::new(&place.path))
}

/// Puts one folder in place of another at one moment; whether there was another, which has the name of the first now.
fn replace(from: &Path, to: &Path) -> Result<bool, Fault> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::NOENT) => fs::rename(from, to).map(|()| false).map_err(io(to)),
        Err(error) => Err(io(to)(error.into())),
    }
}

/// Takes away what `begin` made.
pub(super) fn discard(place: &Place, mark: u64) -> Result<(), Fault> {
    remove(&place.aside(mark))
}

/// Takes away what attempts left behind whose process did not live to take it away itself.
fn sweep(place: &Place) -> Result<(), Fault> {
    let base = Path::new(&place.path);
    for entry in fs::read_dir(base).map_err(io(base))? {
        let entry = entry.map_err(io(base))?;
        let name = entry.file_name();
        let mark =
            name.to_str().and_then(|name| name.strip_prefix(&place.name)?.strip_prefix('.')?.strip_suffix(".new"));
        if mark.is_some_and(|mark| mark.len() == 16 && mark.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a folder of a checkpoint, if there is one.
fn remove(folder: &Path) -> Result<(), Fault> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(io(folder))?;
        let path = entry.path();
        if !is_part(&entry.file_name().to_string_lossy()) || entry.file_type().map_err(io(&path))?.is_dir() {
            let text = format!("{} is no part of a checkpoint, so its folder stays", path.display());
            return Err(Fault::new(Code::Exists, text).with_outcome(Outcome::Ended));
        }
        fs::remove_file(&path).map_err(io(&path))?;
    }
    fs::remove_dir(folder).map_err(io(folder))
}

/// Whether a checkpoint, of ours or of the ancestor's, has files of such a name.
fn is_part(name: &str) -> bool {
    name == DATA
        || THEIR_ENDS.iter().any(|end| name.ends_with(end))
        // `x.data_LOCALE0000` and `x_LOCALE0000.bin`.
        || name.contains(".data_LOCALE")
}

/// Names of the files that describe a symbol each, in order; without the one that describes all.
pub(super) fn entries(place: &Place) -> Result<Vec<String>, Fault> {
    let folder = place.folder();
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(io(&folder))? {
        let name = entry.map_err(io(&folder))?.file_name();
        let name = name.into_string().map_err(|name| bad(format!("{name:?} is not UTF-8")))?;
        if name.ends_with(ENTRY_ENDS) && name != MANIFEST {
            names.push(name);
        }
        if names.len() > FILES_MAX {
            return Err(Fault::new(Code::TooLarge, format!("{} has too many files", folder.display())));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Makes a folder's names durable.
fn sync(folder: &Path) -> Result<(), Fault> {
    let opened = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Rights::empty());
    opened.and_then(rustix::fs::fsync).map_err(|error| io(folder)(error.into()))
}
