//! Bdev: a block device. Space that is allocated, written, read and freed, in memory or in a file.
//!
//! Lives here: the methods. `space` (free blocks), `books` (allocations), `ram` and `disk` (bytes), `journal` and `format`
//! (what a file remembers), `figures`, `units`, `faults`, `limits`.
//! Holds: an id is never given twice, so a stale one meets a Fault and never another's bytes; what was answered to `allocate`
//! and `free` is durable in a file, what was written is durable after `flush`.
//! Not here: names, replicas, caches.

mod books;
mod disk;
mod faults;
mod figures;
mod format;
mod journal;
mod limits;
mod ram;
mod space;
mod units;

pub use figures::{Class, Stats, Work};

use books::{Books, Held, Using};
use disk::{Disk, Lies, Shape};
use figures::Meter;
use format::Record;
use limits::{BLOCK_BYTES, CAPACITY_MAX, LIST_MAX, PIECE_BYTES};
use ram::Ram;
use windlass::prelude::*;

/// Bytes side by side on the device.
#[data]
#[derive(Copy, Eq)]
pub struct Range {
    /// The first one.
    pub at: u64,
    /// How many; whole blocks.
    pub bytes: u64,
}

/// Space that is taken.
#[data]
#[derive(Eq)]
pub struct Allocation {
    /// What the other methods name it by; never given twice.
    pub id: u64,
    /// Bytes that it has for its owner.
    pub bytes: u64,
    /// Where they stand: one range, unless no run was long enough.
    pub ranges: Vec<Range>,
}

/// Where the bytes are.
enum Medium {
    Ram(Ram),
    File(Box<Disk>),
}

/// A device.
pub struct Bdev {
    books: Books,
    medium: Medium,
    allocated: Meter,
    freed: Meter,
    reads: Meter,
    writes: Meter,
    flushes: Meter,
}

/// A block device: space that is allocated, written, read and freed, in memory or in a file.
#[module]
impl Bdev {
    /// Makes or opens a device. `kind` is `ram` or `file`; `path` names the file, which is made when it is not there;
    /// `capacity` (`64MiB`, `1GB`, ..) may be left out for a file that exists, else it must be the file's; `block` is what space
    /// is counted in; `direct` goes around the page cache where the file system can. Errors: `InUse`, `NoSpace`, faults 1003
    /// (short), 1004 (damaged), 1005 (newer format), 1006 (something else), 1007 (another shape).
    #[create]
    async fn create(
        cx: &Context<'_>,
        #[arg(default = "ram".to_owned())] kind: String,
        #[arg(default = String::new())] path: String,
        #[arg(default = String::new())] capacity: String,
        #[arg(default = String::new())] block: String,
        #[arg(default = true)] direct: bool,
    ) -> Result<Self, Fault> {
        let shape = shape(&capacity, &block, direct)?;
        let (medium, books) = match (kind.as_str(), path.is_empty()) {
            ("ram", true) => {
                let capacity = if shape.capacity == 0 { 64 << 20 } else { shape.capacity };
                let block = if shape.block_bytes == 0 { 4096 } else { shape.block_bytes };
                let blocks = capacity / block;
                // Ids are not those of a device that had this name before.
                (Medium::Ram(Ram::new(blocks * block)?), Books::new(blocks, block, cx.random() >> 16))
            }
            ("file", false) => {
                let (disk, books) = Disk::open(cx, &path, &shape).await?;
                (Medium::File(Box::new(disk)), books)
            }
            _ => {
                let text =
                    format!("kind is ram, with no path, or file, with one; not {kind:?} with path {path:?}");
                return Err(Fault::new(Code::BadConfig, text));
            }
        };
        let meters = Meter::default;
        Ok(Self {
            books,
            medium,
            allocated: meters(),
            freed: meters(),
            reads: meters(),
            writes: meters(),
            flushes: meters(),
        })
    }

    /// A file has what it had; memory went with the node.
    #[hook]
    fn restart(&self, _cx: &Context<'_>) -> Result<(), Fault> {
        match &self.medium {
            Medium::File(_) => Ok(()),
            Medium::Ram(_) => Err(Fault::new(Code::NotRestored, "a device of memory ends with its node")),
        }
    }

    /// Takes space for `bytes`. In memory it reads as zero until it is written; a file does not clear it. Errors: `NoSpace`.
    #[method(id = 10)]
    async fn allocate(&self, cx: &Context<'_>, bytes: u64) -> Result<Allocation, Fault> {
        let began = cx.now_ns();
        let record = self.books.reserve(bytes)?;
        let Record::Allocated { id, runs, .. } = record.clone() else {
            return Err(Fault::new(Code::Internal, "a reservation is an allocation"));
        };
        match &self.medium {
            Medium::Ram(_) => self.books.enter(id, bytes, runs, 0),
            Medium::File(disk) => disk.commit(cx, &self.books, record).await?,
        }
        self.allocated.add(bytes, cx.now_ns().saturating_sub(began));
        self.books.find(id).map(|held| self.told(&held))
    }

    /// Gives space back. Errors: fault 1001 for an id that is not allocated.
    #[method(id = 11)]
    async fn free(&self, cx: &Context<'_>, id: u64) -> Result<(), Fault> {
        let began = cx.now_ns();
        let bytes = self.books.find(id)?.bytes;
        match &self.medium {
            Medium::Ram(_) => self.books.remove(id)?,
            Medium::File(disk) => {
                self.books.begin_free(id)?;
                disk.commit(cx, &self.books, Record::Freed(id)).await?;
            }
        }
        self.freed.add(bytes, cx.now_ns().saturating_sub(began));
        Ok(())
    }

    /// Writes `data` at byte `at` of an allocation. Errors: faults 1001, 1002 (outside); `NoMemory`, `Io`.
    #[method(id = 12, idempotent)]
    async fn write(&self, cx: &Context<'_>, id: u64, at: u64, data: In<Bytes>) -> Result<(), Fault> {
        let (began, len) = (cx.now_ns(), data.len() as u64);
        let using = self.books.using(id, at, len)?;
        match &self.medium {
            Medium::Ram(ram) => {
                let copy = |piece: &mut [u8], from: usize| piece.copy_from_slice(&data[from..from + piece.len()]);
                write_ram(cx, ram, &using, (at, len), copy).await?;
            }
            Medium::File(disk) => {
                disk.write(cx, &using, (at, len), &data, Lies { from: 0, aligned: data.is_aligned() }).await?;
            }
        }
        self.writes.add(len, cx.now_ns().saturating_sub(began));
        Ok(())
    }

    /// As `write`, straight from the caller's live memory, which comes back as it is: no copy is made on the way.
    #[method(id = 13, idempotent)]
    async fn write_live(&self, cx: &Context<'_>, id: u64, at: u64, data: InOut<SharedBytes>) -> Result<(), Fault> {
        let (began, len) = (cx.now_ns(), data.len() as u64);
        let using = self.books.using(id, at, len)?;
        match &self.medium {
            Medium::Ram(ram) => {
                let copy = |piece: &mut [u8], from: usize| {
                    data.read_at(from, piece);
                };
                write_ram(cx, ram, &using, (at, len), copy).await?;
            }
            Medium::File(disk) => {
                disk.write(cx, &using, (at, len), &data, Lies { from: 0, aligned: data.is_aligned() }).await?;
            }
        }
        self.writes.add(len, cx.now_ns().saturating_sub(began));
        Ok(())
    }

    /// Reads from byte `at` of an allocation, as many bytes as `out` has room for. Errors: faults 1001, 1002 (outside).
    #[method(id = 14, idempotent)]
    async fn read(&self, cx: &Context<'_>, id: u64, at: u64, mut out: Out<Bytes>) -> Result<(), Fault> {
        let (began, len) = (cx.now_ns(), out.len());
        let using = self.books.using(id, at, len as u64)?;
        match &self.medium {
            Medium::Ram(ram) => {
                let copy = |from: usize, piece: &[u8]| out[from..from + piece.len()].copy_from_slice(piece);
                read_ram(cx, ram, &using, (at, len as u64), copy).await?;
            }
            Medium::File(disk) => {
                let lies = Lies { from: 0, aligned: out.is_aligned() };
                out = disk.read(cx, &using, (at, len as u64), out, lies).await?;
            }
        }
        out.set_len(len);
        self.reads.add(len as u64, cx.now_ns().saturating_sub(began));
        Ok(())
    }

    /// As `read`, straight into the caller's own memory.
    #[method(id = 15, idempotent)]
    async fn read_live(&self, cx: &Context<'_>, id: u64, at: u64, mut out: Out<SharedBytes>) -> Result<(), Fault> {
        let (began, len) = (cx.now_ns(), out.len());
        let using = self.books.using(id, at, len as u64)?;
        match &self.medium {
            Medium::Ram(ram) => {
                let copy = |from: usize, piece: &[u8]| {
                    out.write_at(from, piece);
                };
                read_ram(cx, ram, &using, (at, len as u64), copy).await?;
            }
            Medium::File(disk) => {
                let lies = Lies { from: 0, aligned: out.is_aligned() };
                out = disk.read(cx, &using, (at, len as u64), out, lies).await?;
            }
        }
        out.set_len(len);
        self.reads.add(len as u64, cx.now_ns().saturating_sub(began));
        Ok(())
    }

    /// Makes all that was written before durable. In memory there is nothing to do. Errors: `Io`, and after it fault 1008: what
    /// the system then forgot, a later flush would not bring back; make the pool anew, and see what is there.
    #[method(id = 16, idempotent)]
    async fn flush(&self, cx: &Context<'_>) -> Result<(), Fault> {
        let began = cx.now_ns();
        if let Medium::File(disk) = &self.medium {
            disk.sync(cx).await?;
        }
        self.flushes.add(0, cx.now_ns().saturating_sub(began));
        Ok(())
    }

    /// An allocation. Errors: fault 1001.
    #[method(id = 17, idempotent)]
    fn find(&self, id: u64) -> Result<Allocation, Fault> {
        self.books.find(id).map(|held| self.told(&held))
    }

    /// Allocations with ids above `after`, in order, as many as fit an answer; begin with 0.
    #[method(id = 18, idempotent)]
    fn list(&self, after: u64) -> Vec<u64> {
        self.books.list(after, LIST_MAX).iter().map(|held| held.id).collect()
    }

    /// Space and work.
    #[method(id = 19, idempotent)]
    fn stats(&self) -> Stats {
        let block = self.books.block_bytes();
        let space = self.books.space();
        let (kind, direct, memory) = match &self.medium {
            Medium::Ram(ram) => ("ram", false, ram.taken()),
            Medium::File(disk) => ("file", disk.is_direct(), 0),
        };
        Stats {
            kind: kind.into(),
            direct,
            capacity: space.total() * block,
            free: space.free() * block,
            longest: space.longest() * block,
            lost: self.books.lost() * block,
            block,
            allocations: self.books.count() as u64,
            memory,
            classes: space.classes().map(|(class, runs)| Class { blocks: 1 << class, runs }).collect(),
            allocated: self.allocated.work(),
            freed: self.freed.work(),
            reads: self.reads.work(),
            writes: self.writes.work(),
            flushes: self.flushes.work(),
        }
    }
}

impl Bdev {
    fn told(&self, held: &Held) -> Allocation {
        let block = self.books.block_bytes();
        let ranges = held.runs.iter().map(|run| Range { at: run.at * block, bytes: run.blocks * block }).collect();
        Allocation { id: held.id, bytes: held.bytes, ranges }
    }
}

fn shape(capacity: &str, block: &str, direct: bool) -> Result<Shape, Fault> {
    let read = |name: &str, text: &str| if text.is_empty() { Ok(0) } else { units::bytes(name, text) };
    let (capacity, block_bytes) = (read("capacity", capacity)?, read("block", block)?);
    if block_bytes != 0 && !(block_bytes.is_power_of_two() && BLOCK_BYTES.contains(&block_bytes)) {
        let (least, most) = (BLOCK_BYTES.start(), BLOCK_BYTES.end());
        let text = format!("a block of {block_bytes} bytes; it is a power of two from {least} to {most}");
        return Err(Fault::new(Code::BadConfig, text));
    }
    if capacity > CAPACITY_MAX {
        return Err(Fault::new(
            Code::BadConfig,
            format!("a capacity of {capacity} bytes, {CAPACITY_MAX} at most"),
        ));
    }
    Ok(Shape { capacity, block_bytes, direct })
}

/// Writes to memory, in pieces that others may run between. What lies between the end of what was written and `at`
/// becomes zero first.
async fn write_ram(
    cx: &Context<'_>,
    ram: &Ram,
    using: &Using<'_>,
    (at, len): (u64, u64),
    copy: impl Fn(&mut [u8], usize),
) -> Result<(), Fault> {
    let written = &using.held().written;
    while written.get() < at {
        let (from, bytes) = (written.get(), PIECE_BYTES.min(at - written.get()));
        for (place, bytes) in using.pieces(from, bytes) {
            ram.each(place, bytes, |piece, _| piece.fill(0))?;
        }
        written.set(written.get().max(from + bytes));
        cx.yield_if_due().await?;
    }
    let mut done = 0;
    while done < len {
        let bytes = PIECE_BYTES.min(len - done);
        let mut from = done as usize;
        for (place, bytes) in using.pieces(at + done, bytes) {
            ram.each(place, bytes, |piece, skip| copy(piece, from + skip))?;
            from += bytes as usize;
        }
        done += bytes;
        written.set(written.get().max(at + done));
        if done < len {
            cx.yield_if_due().await?;
        }
    }
    Ok(())
}

/// Reads from memory; what was never written is zero.
async fn read_ram(
    cx: &Context<'_>,
    ram: &Ram,
    using: &Using<'_>,
    (at, len): (u64, u64),
    mut copy: impl FnMut(usize, &[u8]),
) -> Result<(), Fault> {
    let mut done = 0;
    while done < len {
        let bytes = PIECE_BYTES.min(len - done);
        let there = using.held().written.get().saturating_sub(at + done).min(bytes);
        let mut from = done as usize;
        for (place, bytes) in using.pieces(at + done, there) {
            ram.each(place, bytes, |piece, skip| copy(from + skip, piece))?;
            from += bytes as usize;
        }
        let end = (done + bytes) as usize;
        while from < end {
            let zeros = &[0; 4096][..(end - from).min(4096)];
            copy(from, zeros);
            from += zeros.len();
        }
        done += bytes;
        if done < len {
            cx.yield_if_due().await?;
        }
    }
    Ok(())
}
