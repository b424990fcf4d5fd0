//! A device in a file: made, opened and checked, read and written.
//!
//! Lives here: `Disk`, `Shape` (what is asked for). From: `create` and the methods. To: the file.
//! Holds: a file is a whole device from the moment it has its name; a file that is short, damaged, newer, foreign or in use
//! is refused and left as it is. Bytes go between the file and the caller's memory with no copy here.

use crate::books::{Books, Using};
use crate::faults;
use crate::format::{FORMAT, PAGE, PageHead, Record, SUPERS, Super, SuperError, pack};
use crate::journal::{Durable, Journal, write_pages, write_super, zeroed};
use crate::limits::{DATA_PER_TABLE, TABLE_BYTES};
use windlass::{Code, Context, Fault, File, Lost, OpenHow, Source, Target};

/// What a device is asked to be.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Bytes; 0: as the file is.
    pub capacity: u64,
    /// Bytes of a block; 0: as the file is, or 4096.
    pub block_bytes: u64,
    /// Around the page cache, if the file system can.
    pub direct: bool,
}

/// A device file.
#[derive(Debug)]
pub struct Disk {
    file: File,
    /// Through the page cache, for what is not aligned, when `file` goes around it.
    cached: Option<File>,
    at: Super,
    /// Changes of the table.
    pub journal: Journal,
}

/// How a transfer lies in the caller's memory.
#[derive(Clone, Copy, Debug)]
pub struct Lies {
    /// First byte in the buffer.
    pub from: usize,
    /// Whether the buffer begins at a multiple of the page size.
    pub aligned: bool,
}

impl Disk {
    /// Opens the device at `path`, or makes it there when nothing is.
    ///
    /// # Errors
    /// 1003 to 1007, `InUse`, `NoSpace`, and the file's.
    pub async fn open(cx: &Context<'_>, path: &str, shape: &Shape) -> Result<(Self, Books), Fault> {
        let there = match open_file(cx, path, shape.direct).await {
            Err(fault) if fault.is(Code::NotFound) => None,
            opened => Some(opened?),
        };
        let (file, direct) = match there {
            Some((file, direct)) if file.length(cx).await? > 0 => (file, direct),
            _ => {
                make(cx, path, shape).await?;
                open_file(cx, path, shape.direct).await?
            }
        };
        let at = superblock(cx, &file, path).await?;
        check_shape(path, shape, &at)?;
        let length = file.length(cx).await?;
        if length < at.file_bytes() {
            return Err(faults::short(path, length, at.file_bytes()));
        }
        let (durable, given, tail) = table(cx, &file, path, &at).await?;
        // A node that was killed may have left changes that nobody was told of and that are not durable yet. From now on they
        // are told, so they have to last.
        file.sync_data(cx).await?;
        let books = Books::new(at.blocks, at.block_bytes, given);
        for (id, (bytes, runs)) in &durable {
            if !books.remember(*id, *bytes, runs) {
                return Err(faults::damaged(path, "two of its allocations have the same block"));
            }
        }
        let cached = match direct {
            true => Some(cx.open(path, OpenHow::read().write()).await?),
            false => None,
        };
        let journal = Journal::new(at, tail, durable, given);
        Ok((Self { file, cached, at, journal }, books))
    }

    /// Whether it goes around the page cache.
    pub fn is_direct(&self) -> bool {
        self.cached.is_some()
    }

    /// Makes a change of the table durable and enters it into the books.
    ///
    /// # Errors
    /// Those of `Journal::commit`.
    pub async fn commit(&self, cx: &Context<'_>, books: &Books, record: Record) -> Result<(), Fault> {
        self.journal.commit(cx, &self.file, books, record).await
    }

    /// Makes all that was written durable.
    ///
    /// # Errors
    /// `Io`: what was written may be lost; then 1008 until the device is opened again.
    pub async fn sync(&self, cx: &Context<'_>) -> Result<(), Fault> {
        cx.shield(async |cx| self.journal.sync(&cx, &self.file).await).await
    }

    /// Writes `len` bytes of `source` to bytes `at` of an allocation.
    ///
    /// # Errors
    /// The file's; some of it may be written.
    pub async fn write<S: Source + Copy>(
        &self,
        cx: &Context<'_>,
        using: &Using<'_>,
        (at, len): (u64, u64),
        source: S,
        lies: Lies,
    ) -> Result<(), Fault> {
        let mut from = lies.from;
        // A call that is asked to end would leave a write behind that may still reach blocks which are another's by then.
        using.set_in_flight(true);
        let written = cx
            .shield(async |cx| {
                for (place, bytes) in using.pieces(at, len) {
                    let to = from + bytes as usize;
                    let file = self.file_for(lies, from, place, bytes);
                    file.write_all_at(&cx, self.at.data_at() + place, source, from..to).await?;
                    from = to;
                }
                Ok(())
            })
            .await;
        using.set_in_flight(false);
        written
    }

    /// Reads `len` bytes at byte `at` of an allocation into `target`.
    ///
    /// # Errors
    /// The file's.
    pub async fn read<T: Target>(
        &self,
        cx: &Context<'_>,
        using: &Using<'_>,
        (at, len): (u64, u64),
        target: T,
        lies: Lies,
    ) -> Result<T, Lost<T>> {
        using.set_in_flight(true);
        let read = cx
            .shield(async |cx| {
                let (mut from, mut target) = (lies.from, target);
                for (place, bytes) in using.pieces(at, len) {
                    let to = from + bytes as usize;
                    let file = self.file_for(lies, from, place, bytes);
                    target = file.read_exact_at(&cx, self.at.data_at() + place, target, from..to).await?;
                    from = to;
                }
                Ok(target)
            })
            .await;
        using.set_in_flight(false);
        read
    }

    /// The file that a piece goes through.
    fn file_for(&self, lies: Lies, from: usize, place: u64, bytes: u64) -> &File {
        let fits = lies.aligned && (from as u64 | place | bytes).is_multiple_of(PAGE as u64);
        match &self.cached {
            Some(cached) if !fits => cached,
            _ => &self.file,
        }
    }
}

/// Opens a file for this device alone, around the page cache if asked and if the file system can.
async fn open_file(cx: &Context<'_>, path: &str, direct: bool) -> Result<(File, bool), Fault> {
    let how = OpenHow::read().write().exclusive();
    if direct {
        match cx.open(path, how.direct()).await {
            Err(fault) if fault.is(Code::BadArguments) => {
                cx.log(
                    windlass::Level::Info,
                    &format!("{path}: this file system has no direct files; the page cache is used"),
                );
            }
            opened => return opened.map(|file| (file, true)),
        }
    }
    Ok((cx.open(path, how).await?, false))
}

/// Makes a device file under another name and gives it its own when it is whole.
async fn make(cx: &Context<'_>, path: &str, shape: &Shape) -> Result<(), Fault> {
    if shape.capacity == 0 {
        let text = format!("{path} is not there: say its capacity, and it is made");
        return Err(Fault::new(Code::NotFound, text));
    }
    let block_bytes = if shape.block_bytes == 0 { PAGE as u64 } else { shape.block_bytes };
    let table_bytes = (shape.capacity / DATA_PER_TABLE).clamp(*TABLE_BYTES.start(), *TABLE_BYTES.end());
    let first = Super {
        sequence: 1,
        device: cx.random(),
        block_bytes,
        blocks: shape.capacity / block_bytes,
        table_bytes: table_bytes.next_multiple_of(PAGE as u64),
        snapshot_pages: 1,
        area: 0,
    };
    if first.blocks == 0 {
        return Err(Fault::new(
            Code::BadConfig,
            format!("a capacity of {} bytes is less than a block", shape.capacity),
        ));
    }
    let making = format!("{path}.new");
    let file = cx.open(&making, OpenHow::read().write().create().exclusive()).await?;
    file.set_length(cx, 0).await?;
    let made = async {
        file.set_length(cx, first.file_bytes()).await?;
        file.reserve(cx, first.file_bytes()).await?;
        // Ids are not those of a device that had this name before.
        let given = Record::Given(cx.random() >> 16).encode().unwrap_or_default();
        write_pages(cx, &file, &first, 0, &pack([given.as_slice()])).await?;
        write_super(cx, &file, &Super { sequence: 0, ..first }).await?;
        write_super(cx, &file, &first).await?;
        file.sync(cx).await?;
        cx.rename_file(&making, path).await
    };
    let made: Result<(), Fault> = made.await;
    if made.is_err() && cx.remove_file(&making).await.is_err() {
        cx.log(windlass::Level::Warn, &format!("{making} is left behind"));
    }
    made
}

/// The superblock that holds.
async fn superblock(cx: &Context<'_>, file: &File, path: &str) -> Result<Super, Fault> {
    let (length, mut pages) = (file.length(cx).await?, zeroed(SUPERS * PAGE)?);
    let there = length.min((SUPERS * PAGE) as u64) as usize;
    // A read may stop early although there is more; only the length says that the file is short.
    let mut came = 0;
    while came < there {
        let more;
        (more, pages) = file.read_at(cx, came as u64, pages, came..).await?;
        if more == 0 {
            break;
        }
        came += more;
    }
    let read = [Super::read(&pages[..PAGE]), Super::read(&pages[PAGE..])];
    match read {
        [Ok(one), Ok(other)] if one.sequence.abs_diff(other.sequence) == 1 => {
            Ok(if one.sequence > other.sequence { one } else { other })
        }
        [Err(SuperError::Newer(format)), _] | [_, Err(SuperError::Newer(format))] => {
            Err(faults::newer(path, format, FORMAT))
        }
        [Err(SuperError::Foreign), Err(SuperError::Foreign)] => Err(faults::foreign(path)),
        _ if came < SUPERS * PAGE => Err(faults::short(path, came as u64, (SUPERS * PAGE) as u64)),
        _ => Err(faults::damaged(path, "a superblock does not hold")),
    }
}

fn check_shape(path: &str, shape: &Shape, at: &Super) -> Result<(), Fault> {
    let blocks = if shape.capacity == 0 { at.blocks } else { shape.capacity / at.block_bytes };
    if shape.block_bytes != 0 && shape.block_bytes != at.block_bytes {
        return Err(faults::other_shape(path, &format!("blocks of {} bytes", at.block_bytes)));
    }
    if blocks != at.blocks {
        return Err(faults::other_shape(path, &format!("{} bytes", at.blocks * at.block_bytes)));
    }
    Ok(())
}

/// What the area in use says: the allocations, the last id that was given, and the next page.
async fn table(cx: &Context<'_>, file: &File, path: &str, at: &Super) -> Result<(Durable, u64, u64), Fault> {
    let pages = zeroed(at.table_bytes as usize)?;
    let pages =
        file.read_exact_at(cx, at.area_at(at.area), pages, ..).await.map_err(Fault::from).map_err(|fault| {
            if fault.is(Code::Ended) { faults::short(path, at.data_at(), at.file_bytes()) } else { fault }
        })?;
    let (mut durable, mut given, mut tail) = (Durable::new(), 0, 0);
    let records = |number: u64| {
        let head = PageHead { device: at.device, sequence: at.sequence, number };
        head.read(&pages[number as usize * PAGE..(number as usize + 1) * PAGE])
    };
    while tail < at.area_pages() {
        let Some(records) = records(tail) else { break };
        for record in records {
            match record {
                Record::Given(id) => given = given.max(id),
                Record::Allocated { id, bytes, runs } => {
                    given = given.max(id);
                    durable.insert(id, (bytes, runs));
                }
                Record::Freed(id) => drop(durable.remove(&id)),
            }
        }
        tail += 1;
    }
    if tail < at.snapshot_pages {
        return Err(faults::damaged(path, &format!("page {tail} of its table does not hold")));
    }
    // The last page may be half written: nobody was told of it. One behind it says that somebody was.
    if (tail + 1..at.area_pages()).any(|number| records(number).is_some()) {
        return Err(faults::damaged(path, &format!("page {tail} of its table does not hold, but later ones do")));
    }
    Ok((durable, given, tail))
}
