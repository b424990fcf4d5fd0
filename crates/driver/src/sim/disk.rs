//! A simulated disk: files by sectors, what is durable and what only was written, and what a crash leaves.
//!
//! Lives here: `Disk` (one per machine), `DiskWork` and `DiskFault` (a fault to be met at a chosen operation).
//! From: `operations`. To: itself after a crash: it outlives every driver.
//! Holds: what was synced is there after a crash; of what was not, each sector keeps one of the contents it had since, so
//! writes tear at 512 bytes; changes of names last in the order they were made, up to a point.
//! Not here: when an operation ends, whether the weather lets it fail (`operations`).

use super::dice::Dice;
use crate::limits::SIM_VERSIONS_MAX;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Bytes of what is written or lost as a whole.
pub(super) const SECTOR: u64 = 512;

type Sector = [u8; SECTOR as usize];

/// What kind of work on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskWork {
    /// `ReadAt`.
    Read,
    /// `WriteAt`.
    Write,
    /// `Sync`, and what syncs by itself.
    Sync,
}

/// A fault that one operation of a disk meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// EIO. A failed write is done in part; what a failed sync was to make durable is forgotten.
    Error,
    /// ENOSPC.
    Full,
    /// A write is acknowledged and never made.
    Lost,
    /// A write lands elsewhere in its file.
    Misdirected,
    /// A bit of what is read turned over, for good.
    Rot,
}

/// A file's number on its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Inode(u64);

#[derive(Debug, Default)]
struct File {
    durable: BTreeMap<u64, Sector>,
    durable_bytes: u64,
    /// Contents since the last sync, the current one last.
    cache: BTreeMap<u64, Vec<Sector>>,
    bytes: u64,
    /// Room that it has for sure, from its start.
    reserved: u64,
    /// Its medium has no room for more of it.
    full: bool,
    /// Descriptors that are open.
    open: u32,
    /// Somebody has it exclusively.
    locked: bool,
    named: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Made(PathBuf, Inode),
    Removed(PathBuf),
    Renamed(PathBuf, PathBuf),
}

fn apply(names: &mut BTreeMap<PathBuf, Inode>, change: &Change) {
    match change {
        Change::Made(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        Change::Removed(path) => {
            names.remove(path);
        }
        Change::Renamed(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

/// One machine's disk.
#[derive(Debug)]
pub(super) struct Disk {
    files: BTreeMap<Inode, File>,
    names: BTreeMap<PathBuf, Inode>,
    durable_names: BTreeMap<PathBuf, Inode>,
    /// Changes of names that are not durable yet, in order.
    journal: Vec<Change>,
    next: u64,
    dice: Dice,
    /// Faults to come: of which work, after how many of it, what.
    planned: Vec<(DiskWork, u64, DiskFault)>,
}

impl Disk {
    pub(super) fn new(seed: u64, machine: u32) -> Self {
        Self {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            journal: Vec::new(),
            next: 1,
            dice: Dice::new(seed ^ u64::from(machine), "disk"),
            planned: Vec::new(),
        }
    }

    pub(super) fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// The fault comes to the work of this kind that follows `after` others of it.
    pub(super) fn plan(&mut self, work: DiskWork, after: u64, fault: DiskFault) {
        self.planned.push((work, after, fault));
    }

    /// Nothing is planned any more.
    pub(super) fn plan_nothing(&mut self) {
        self.planned.clear();
    }

    /// Counts work of a kind; the planned fault that it meets, if any.
    pub(super) fn planned(&mut self, work: DiskWork) -> Option<DiskFault> {
        let mut met = None;
        self.planned.retain_mut(|(of, after, fault)| {
            if *of != work {
                return true;
            }
            if *after == 0 && met.is_none() {
                met = Some(*fault);
                return false;
            }
            *after = after.saturating_sub(1);
            true
        });
        met
    }

    fn file(&mut self, inode: Inode) -> &mut File {
        self.files.entry(inode).or_default()
    }

    pub(super) fn find(&self, path: &Path) -> Option<Inode> {
        self.names.get(path).copied()
    }

    pub(super) fn make(&mut self, path: &Path) -> Inode {
        let inode = Inode(self.next);
        self.next += 1;
        self.file(inode).named = true;
        self.change(Change::Made(path.to_owned(), inode));
        inode
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.names, &change);
        self.journal.push(change);
    }

    /// Opens a file; `false` when it is to be exclusive and is not.
    pub(super) fn open(&mut self, inode: Inode, exclusive: bool) -> bool {
        let file = self.file(inode);
        if exclusive && std::mem::replace(&mut file.locked, true) {
            return false;
        }
        file.open += 1;
        true
    }

    pub(super) fn close(&mut self, inode: Inode, exclusive: bool) {
        let file = self.file(inode);
        file.open = file.open.saturating_sub(1);
        file.locked &= !exclusive;
        self.forget(inode);
    }

    /// Drops a file that has neither a name, now or after a crash, nor a descriptor.
    fn forget(&mut self, inode: Inode) {
        let named = |names: &BTreeMap<PathBuf, Inode>| names.values().any(|other| *other == inode);
        let may_go = self.files.get(&inode).is_some_and(|file| file.open == 0 && !file.named);
        if may_go && !named(&self.names) && !named(&self.durable_names) {
            self.files.remove(&inode);
        }
    }

    pub(super) fn remove(&mut self, path: &Path) -> bool {
        let Some(inode) = self.find(path) else { return false };
        self.change(Change::Removed(path.to_owned()));
        self.file(inode).named = false;
        true
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> bool {
        if self.find(from).is_none() {
            return false;
        }
        if let Some(replaced) = self.find(to).filter(|_| from != to) {
            self.file(replaced).named = false;
        }
        self.change(Change::Renamed(from.to_owned(), to.to_owned()));
        self.sync_names();
        true
    }

    fn sync_names(&mut self) {
        for change in self.journal.drain(..) {
            apply(&mut self.durable_names, &change);
        }
        let gone: Vec<Inode> =
            self.files.iter().filter(|(_, file)| !file.named).map(|(inode, _)| *inode).collect();
        gone.into_iter().for_each(|inode| self.forget(inode));
    }

    pub(super) fn bytes(&self, inode: Inode) -> u64 {
        self.files.get(&inode).map_or(0, |file| file.bytes)
    }

    /// Bytes that a file has room for without more of the disk.
    pub(super) fn room(&self, inode: Inode) -> u64 {
        self.files.get(&inode).map_or(0, |file| file.bytes.max(file.reserved))
    }

    pub(super) fn reserve(&mut self, inode: Inode, bytes: u64) {
        let file = self.file(inode);
        file.reserved = file.reserved.max(bytes);
    }

    /// Makes a file whose medium has no room.
    pub(super) fn make_full(&mut self, path: &Path) {
        let inode = self.make(path);
        self.file(inode).full = true;
    }

    pub(super) fn is_full(&self, inode: Inode) -> bool {
        self.files.get(&inode).is_some_and(|file| file.full)
    }

    /// Bytes that all files take.
    pub(super) fn used_bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes.max(file.reserved)).sum()
    }

    pub(super) fn read(&self, inode: Inode, at: u64, into: &mut [u8]) -> usize {
        let Some(file) = self.files.get(&inode) else { return 0 };
        let len = (into.len() as u64).min(file.bytes.saturating_sub(at)) as usize;
        into[..len].fill(0);
        if len == 0 {
            return 0;
        }
        // Most files have holes, so only what is there is looked at: the durable, and what was written since over it.
        let end = at + len as u64;
        let sectors = at / SECTOR..=(end - 1) / SECTOR;
        let cached = file.cache.range(sectors.clone()).filter_map(|(at, versions)| Some((at, versions.last()?)));
        for (sector, content) in file.durable.range(sectors).chain(cached) {
            let begins = sector * SECTOR;
            let (from, to) = (begins.max(at), (begins + SECTOR).min(end));
            let here = (from - at) as usize..(to - at) as usize;
            into[here].copy_from_slice(&content[(from - begins) as usize..(to - begins) as usize]);
        }
        len
    }

    pub(super) fn write(&mut self, inode: Inode, at: u64, from: &[u8]) {
        let file = self.file(inode);
        let mut done = 0;
        while done < from.len() {
            let (sector, into) = place(at + done as u64);
            let piece = (from.len() - done).min(SECTOR as usize - into);
            let mut content = file.sector(sector);
            content[into..into + piece].copy_from_slice(&from[done..done + piece]);
            file.put(sector, content);
            done += piece;
        }
        file.bytes = file.bytes.max(at + from.len() as u64);
    }

    /// As `write`, but a drawn part of the sectors only: the machine or the disk gave up in the middle.
    pub(super) fn write_some(&mut self, inode: Inode, at: u64, from: &[u8]) {
        let mut done = 0;
        while done < from.len() {
            let (_, into) = place(at + done as u64);
            let piece = (from.len() - done).min(SECTOR as usize - into);
            if self.dice.coin() {
                self.write(inode, at + done as u64, &from[done..done + piece]);
            }
            done += piece;
        }
    }

    /// Turns one bit over in the sectors of this range, if anything stands there.
    pub(super) fn rot(&mut self, inode: Inode, at: u64, len: u64) {
        let offset = at + self.dice.below(len.max(1));
        let bit = self.dice.below(8);
        let file = self.file(inode);
        file.flip(offset.min(file.bytes.saturating_sub(1)), bit as u8);
    }

    /// Turns one bit of a file over; `false` when the file has no such byte.
    pub(super) fn flip(&mut self, path: &Path, at: u64, bit: u8) -> bool {
        let Some(file) = self.find(path).and_then(|inode| self.files.get_mut(&inode)) else { return false };
        let there = at < file.bytes;
        if there {
            file.flip(at, bit);
        }
        there
    }

    pub(super) fn set_bytes(&mut self, inode: Inode, bytes: u64) {
        let file = self.file(inode);
        if bytes < file.bytes {
            let (boundary, within) = place(bytes);
            let mut content = file.sector(boundary);
            content[within..].fill(0);
            file.put(boundary, content);
            let beyond: Vec<u64> = file
                .cache
                .keys()
                .chain(file.durable.keys())
                .copied()
                .filter(|sector| *sector > boundary)
                .collect();
            beyond.into_iter().for_each(|sector| file.put(sector, [0; SECTOR as usize]));
        }
        file.bytes = bytes;
    }

    /// Makes a file durable, with its name.
    pub(super) fn sync(&mut self, inode: Inode) {
        let file = self.file(inode);
        for (sector, versions) in std::mem::take(&mut file.cache) {
            if let Some(content) = versions.last() {
                file.durable.insert(sector, *content);
            }
        }
        file.durable_bytes = file.bytes;
        if !self.journal.is_empty() {
            self.sync_names();
        }
    }

    /// Makes one write durable, as a write of a file opened `durable` does.
    pub(super) fn sync_range(&mut self, inode: Inode, at: u64, len: u64) {
        let file = self.file(inode);
        let sectors = at / SECTOR..=(at + len.saturating_sub(1)) / SECTOR;
        for sector in sectors {
            if let Some(content) = file.cache.remove(&sector).and_then(|versions| versions.last().copied()) {
                file.durable.insert(sector, content);
            }
        }
        file.durable_bytes = file.durable_bytes.max(file.bytes.min(at + len));
        if !self.journal.is_empty() {
            self.sync_names();
        }
    }

    /// A sync failed: some of what was to be written was, the rest counts as clean and is never written.
    pub(super) fn fail_sync(&mut self, inode: Inode) {
        let mut dice = self.dice.clone();
        let file = self.file(inode);
        for (sector, versions) in &file.cache {
            if let Some(content) = versions.last().filter(|_| dice.coin()) {
                file.durable.insert(*sector, *content);
            }
        }
        // Until the machine's memory is needed elsewhere, reads still find what was written.
        if dice.coin() {
            file.cache.clear();
            file.bytes = file.bytes.max(file.durable_bytes);
        }
        self.dice = dice;
    }

    /// The machine lost its power: nobody has anything open, and of what was not synced a drawn part is there.
    pub(super) fn crash(&mut self) {
        let mut dice = self.dice.clone();
        // Sometimes everything or nothing reached the disk; mostly some of it.
        let mood = dice.below(6);
        for file in self.files.values_mut() {
            for (sector, versions) in std::mem::take(&mut file.cache) {
                let kept = match mood {
                    0 => 0,
                    1 => versions.len(),
                    _ => dice.place(versions.len() + 1),
                };
                if let Some(content) = kept.checked_sub(1).and_then(|at| versions.get(at)) {
                    file.durable.insert(sector, *content);
                }
            }
            file.bytes = if mood == 1 || (mood > 1 && dice.coin()) { file.bytes } else { file.durable_bytes };
            file.durable_bytes = file.bytes;
            let (boundary, within) = place(file.bytes);
            file.durable.retain(|sector, _| *sector <= boundary);
            if let Some(content) = file.durable.get_mut(&boundary) {
                content[within..].fill(0);
            }
            (file.open, file.locked) = (0, false);
        }
        let lasting = if mood == 1 { self.journal.len() } else { dice.place(self.journal.len() + 1) };
        for change in self.journal.drain(..).take(lasting) {
            apply(&mut self.durable_names, &change);
        }
        self.names = self.durable_names.clone();
        let named: std::collections::BTreeSet<Inode> = self.names.values().copied().collect();
        self.files.retain(|inode, file| {
            file.named = named.contains(inode);
            file.named
        });
        self.dice = dice;
    }
}

impl File {
    fn sector(&self, sector: u64) -> Sector {
        let cached = self.cache.get(&sector).and_then(|versions| versions.last());
        cached.or_else(|| self.durable.get(&sector)).copied().unwrap_or([0; SECTOR as usize])
    }

    /// Turns a bit over in what is durable and in whatever may become so.
    fn flip(&mut self, at: u64, bit: u8) {
        let (sector, within) = place(at);
        let cached = self.cache.get_mut(&sector).into_iter().flatten();
        for content in cached.chain([self.durable.entry(sector).or_insert([0; SECTOR as usize])]) {
            content[within] ^= 1 << (bit % 8);
        }
    }

    fn put(&mut self, sector: u64, content: Sector) {
        let versions = self.cache.entry(sector).or_default();
        if versions.len() >= SIM_VERSIONS_MAX {
            versions.remove(0);
        }
        versions.push(content);
    }
}

fn place(at: u64) -> (u64, usize) {
    (at / SECTOR, (at % SECTOR) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn content(disk: &Disk, inode: Inode) -> Vec<u8> {
        let mut bytes = vec![0; disk.bytes(inode) as usize];
        disk.read(inode, 0, &mut bytes);
        bytes
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_tears_at_sectors() {
        let mut torn = 0;
        for seed in 0..64 {
            let mut disk = Disk::new(seed, 0);
            let inode = disk.make(Path::new("/a"));
            disk.write(inode, 0, &[1; 2048]);
            disk.sync(inode);
            disk.write(inode, 0, &[2; 2048]);
            disk.crash();
            assert_eq!(disk.find(Path::new("/a")), Some(inode));
            let bytes = content(&disk, inode);
            let sectors: Vec<u8> = bytes.chunks(512).map(|sector| sector[0]).collect();
            assert!(
                bytes.chunks(512).zip(&sectors).all(|(sector, first)| sector.iter().all(|byte| byte == first))
            );
            assert!(sectors.iter().all(|byte| [1, 2].contains(byte)));
            torn += usize::from(sectors.contains(&1) && sectors.contains(&2));
        }
        assert!(torn > 10, "{torn} of 64 crashes tore the write");
    }

    #[test]
    fn a_name_lasts_with_its_file_and_a_removed_one_may_come_back() {
        let mut came_back = 0;
        for seed in 0..32 {
            let mut disk = Disk::new(seed, 0);
            let kept = disk.make(Path::new("/kept"));
            disk.write(kept, 0, b"kept");
            disk.sync(kept);
            assert!(disk.remove(Path::new("/kept")));
            assert_eq!(disk.find(Path::new("/kept")), None);
            disk.crash();
            if disk.find(Path::new("/kept")).is_some() {
                assert_eq!(content(&disk, kept), b"kept");
                came_back += 1;
            }
        }
        assert!((1..32).contains(&came_back), "{came_back}");
        let mut disk = Disk::new(1, 0);
        let new = disk.make(Path::new("/new"));
        disk.write(new, 0, b"new");
        disk.sync(new);
        let old = disk.make(Path::new("/old"));
        disk.sync(old);
        assert!(disk.rename(Path::new("/new"), Path::new("/old")));
        disk.crash();
        let found = disk.find(Path::new("/old")).unwrap();
        assert_eq!((content(&disk, found), disk.find(Path::new("/new"))), (b"new".to_vec(), None));
    }

    #[test]
    fn a_planned_fault_comes_once_to_the_work_it_was_planned_for() {
        let mut disk = Disk::new(1, 0);
        disk.plan(DiskWork::Write, 1, DiskFault::Full);
        let met: Vec<_> = (0..3).map(|_| disk.planned(DiskWork::Write)).collect();
        assert_eq!(met, [None, Some(DiskFault::Full), None]);
        assert_eq!(disk.planned(DiskWork::Read), None);
    }

    proptest! {
        #[test]
        fn without_a_crash_a_file_is_a_run_of_bytes(
            steps in proptest::collection::vec((0..4_u8, 0..4096_u64, 1..1500_usize, any::<u8>()), 1..40)
        ) {
            let mut disk = Disk::new(3, 0);
            let inode = disk.make(Path::new("/model"));
            let mut model: Vec<u8> = Vec::new();
            for (kind, at, len, byte) in steps {
                match kind {
                    0 | 1 => {
                        disk.write(inode, at, &vec![byte; len]);
                        let end = at as usize + len;
                        if model.len() < end {
                            model.resize(end, 0);
                        }
                        model[at as usize..end].fill(byte);
                    }
                    2 => {
                        disk.set_bytes(inode, at);
                        model.resize(at as usize, 0);
                    }
                    _ => disk.sync(inode),
                }
                prop_assert_eq!(&content(&disk, inode), &model);
            }
            disk.sync(inode);
            disk.crash();
            prop_assert_eq!(&content(&disk, inode), &model);
        }
    }
}
