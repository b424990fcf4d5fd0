//! The journal of a device file: changes of its table, durable before they are answered.
//!
//! Lives here: `Journal`. From: `allocate` and `free`. To: the table areas of the file.
//! Holds: a change is durable before anybody hears of it; changes that come together share one write and one sync; the
//! area in use is never overwritten: when it is full, a snapshot begins the other one, and the superblock turns to it last.
//! After a write or sync that failed nothing is known of the file's end, so no further change is taken; nor after a flush that
//! failed, because the system may have forgotten pages of the table with it, and says so once. So syncs go one at a time.

use crate::books::Books;
use crate::faults;
use crate::format::{PAGE, PageHead, Record, Super, pack};
use crate::limits::PENDING_MAX;
use crate::space::Run;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::task::{Poll, Waker};
use windlass::wait::QLock;
use windlass::{Code, Context, Fault, File, Pages};

/// What is durable: allocations by id.
pub type Durable = BTreeMap<u64, (u64, Vec<Run>)>;

/// The journal of one file.
#[derive(Debug)]
pub struct Journal {
    at: Cell<Super>,
    /// The next page of the area in use.
    tail: Cell<u64>,
    durable: RefCell<Durable>,
    /// Bytes of `durable` as records.
    used: Cell<u64>,
    /// Ids up to this one have been given.
    given: Cell<u64>,
    commit: RefCell<Commit>,
    /// One sync at a time: what a failed one has forgotten, the next one would call durable.
    syncing: QLock<()>,
}

#[derive(Debug, Default)]
struct Commit {
    /// The batch that changes are collected for.
    open: u64,
    /// Batches before this one are durable.
    done: u64,
    pending: Vec<Record>,
    leads: bool,
    broken: Option<String>,
    waiters: Vec<Waker>,
}

/// What a change that waits does next.
enum Turn {
    Done,
    Lead,
    Broken(Fault),
}

/// What one record adds to a table.
fn bytes_of(record: &Record) -> u64 {
    record.encode().map_or(0, |bytes| bytes.len() as u64)
}

fn record_of(id: u64, (bytes, runs): &(u64, Vec<Run>)) -> Record {
    Record::Allocated { id, bytes: *bytes, runs: runs.clone() }
}

impl Journal {
    /// Goes on behind page `tail` of the area that `at` names.
    pub fn new(at: Super, tail: u64, durable: Durable, given: u64) -> Self {
        let used = durable.iter().map(|(id, one)| bytes_of(&record_of(*id, one))).sum();
        Self {
            at: Cell::new(at),
            tail: Cell::new(tail),
            durable: RefCell::new(durable),
            used: Cell::new(used),
            given: Cell::new(given),
            commit: RefCell::new(Commit { open: 1, done: 1, ..Commit::default() }),
            syncing: QLock::new(()),
        }
    }

    /// Makes a change durable, and then enters it into the books.
    ///
    /// # Errors
    /// `QueueFull`, `NoSpace` when the table has no room for another allocation, 1008 when it cannot be made durable. A change
    /// that does not begin is undone in the books; one that failed under way is neither done nor undone until the device
    /// is opened again.
    pub async fn commit(&self, cx: &Context<'_>, file: &File, books: &Books, record: Record) -> Result<(), Fault> {
        let batch = self.queue(&record).inspect_err(|fault| {
            let _did_not_begin = fault;
            match &record {
                Record::Freed(id) => books.keep(*id),
                reserved => books.give_up(reserved),
            }
        })?;
        self.commit.borrow_mut().pending.push(record);
        loop {
            match std::future::poll_fn(|task| self.turn(batch, task.waker())).await {
                Turn::Done => return Ok(()),
                Turn::Broken(fault) => return Err(fault),
                Turn::Lead => self.lead(cx, file, books).await,
            }
        }
    }

    /// The batch that takes another record.
    fn queue(&self, record: &Record) -> Result<u64, Fault> {
        let commit = self.commit.borrow();
        if let Some(why) = &commit.broken {
            return Err(faults::broken(why));
        }
        if commit.pending.len() >= PENDING_MAX {
            return Err(Fault::new(Code::QueueFull, "as many changes wait to be made durable as may"));
        }
        let adds = if matches!(record, Record::Allocated { .. }) { bytes_of(record) } else { 0 };
        let waiting: u64 = commit.pending.iter().map(bytes_of).sum();
        // A snapshot must fit the area with room for changes behind it, however its records fall on pages.
        if adds > 0 && self.used.get() + waiting + adds > self.at.get().table_bytes / 4 {
            return Err(Fault::new(Code::NoSpace, "the device's table has no room for another allocation"));
        }
        Ok(commit.open)
    }

    /// Makes durable what was written to the file before.
    ///
    /// # Errors
    /// The file's, and then 1008 until the device is opened again: what that one forgot, a later one would not bring back.
    pub async fn sync(&self, cx: &Context<'_>, file: &File) -> Result<(), Fault> {
        let _one_at_a_time = self.syncing.lock().await?;
        if let Some(why) = &self.commit.borrow().broken {
            return Err(faults::broken(why));
        }
        let mut syncing = Syncing { journal: self, failed: Some("a sync was interrupted".into()) };
        let synced = file.sync_data(cx).await;
        syncing.failed = synced.as_ref().err().map(|fault| fault.message.clone());
        synced
    }

    fn turn(&self, batch: u64, waker: &Waker) -> Poll<Turn> {
        let mut commit = self.commit.borrow_mut();
        if commit.done > batch {
            return Poll::Ready(Turn::Done);
        }
        if let Some(why) = &commit.broken {
            return Poll::Ready(Turn::Broken(faults::broken(why)));
        }
        if commit.leads {
            commit.waiters.push(waker.clone());
            return Poll::Pending;
        }
        commit.leads = true;
        Poll::Ready(Turn::Lead)
    }

    /// Makes one batch durable, for all who wait for it.
    async fn lead(&self, cx: &Context<'_>, file: &File, books: &Books) {
        let records = {
            let mut commit = self.commit.borrow_mut();
            commit.open += 1;
            std::mem::take(&mut commit.pending)
        };
        let mut leading = Leading { journal: self, broken: Some("it was interrupted".into()) };
        let written = cx.shield(async |cx| self.write(&cx, file, &records).await).await;
        match written {
            Ok(()) => {
                records.into_iter().for_each(|record| self.enter(books, record));
                leading.broken = None;
            }
            Err(fault) => leading.broken = Some(fault.message),
        }
    }

    /// A durable change enters the books.
    fn enter(&self, books: &Books, record: Record) {
        self.apply(&mut self.durable.borrow_mut(), &record);
        match record {
            Record::Allocated { id, bytes, runs } => books.enter(id, bytes, runs, bytes),
            // Asked for by somebody who found it, and only once: `free` removes it from view first.
            Record::Freed(id) => drop(books.remove(id)),
            Record::Given(_) => {}
        }
    }

    fn apply(&self, durable: &mut Durable, record: &Record) {
        match record {
            Record::Allocated { id, bytes, runs } => {
                self.used.set(self.used.get() + bytes_of(record));
                self.given.set(self.given.get().max(*id));
                durable.insert(*id, (*bytes, runs.clone()));
            }
            Record::Freed(id) => {
                if let Some(was) = durable.remove(id) {
                    self.used.set(self.used.get().saturating_sub(bytes_of(&record_of(*id, &was))));
                }
            }
            Record::Given(id) => self.given.set(self.given.get().max(*id)),
        }
    }

    async fn write(&self, cx: &Context<'_>, file: &File, records: &[Record]) -> Result<(), Fault> {
        let encoded = encode(records)?;
        let packed = pack(encoded.iter().map(Vec::as_slice));
        let (at, tail) = (self.at.get(), self.tail.get());
        if tail + packed.len() as u64 > at.area_pages() {
            return self.turn_over(cx, file, records).await;
        }
        write_pages(cx, file, &at, tail, &packed).await?;
        self.sync(cx, file).await?;
        self.tail.set(tail + packed.len() as u64);
        Ok(())
    }

    /// Begins the other area with all that is durable and `records`, then turns the superblock to it.
    async fn turn_over(&self, cx: &Context<'_>, file: &File, records: &[Record]) -> Result<(), Fault> {
        let mut all: BTreeMap<u64, Record> = {
            let durable = self.durable.borrow();
            durable.iter().map(|(id, one)| (*id, record_of(*id, one))).collect()
        };
        let mut given = self.given.get();
        for record in records {
            match record {
                Record::Allocated { id, .. } => {
                    given = given.max(*id);
                    all.insert(*id, record.clone());
                }
                Record::Freed(id) => drop(all.remove(id)),
                Record::Given(id) => given = given.max(*id),
            }
        }
        let mut encoded = encode(&[Record::Given(given)])?;
        for record in all.values() {
            encoded.extend(encode(std::slice::from_ref(record))?);
        }
        let packed = pack(encoded.iter().map(Vec::as_slice));
        let before = self.at.get();
        let at = Super {
            sequence: before.sequence + 1,
            area: 1 - before.area,
            snapshot_pages: packed.len() as u64,
            ..before
        };
        if at.snapshot_pages >= at.area_pages() {
            return Err(Fault::new(Code::NoSpace, "the table does not fit its area"));
        }
        write_pages(cx, file, &at, 0, &packed).await?;
        self.sync(cx, file).await?;
        write_super(cx, file, &at).await?;
        self.sync(cx, file).await?;
        self.at.set(at);
        self.tail.set(at.snapshot_pages);
        Ok(())
    }
}

fn encode(records: &[Record]) -> Result<Vec<Vec<u8>>, Fault> {
    let too_long = || Fault::new(Code::Internal, "a record does not fit a page");
    records.iter().map(|record| record.encode().ok_or_else(too_long)).collect()
}

/// Writes packed pages behind each other, from page `first` of the area on.
///
/// # Errors
/// The file's.
pub async fn write_pages(
    cx: &Context<'_>,
    file: &File,
    at: &Super,
    first: u64,
    packed: &[Vec<u8>],
) -> Result<(), Fault> {
    let mut pages = zeroed(packed.len() * PAGE)?;
    for (index, records) in packed.iter().enumerate() {
        let head = PageHead { device: at.device, sequence: at.sequence, number: first + index as u64 };
        head.write(records, &mut pages[index * PAGE..(index + 1) * PAGE]);
    }
    file.write_all_at(cx, at.area_at(at.area) + first * PAGE as u64, pages, ..).await?;
    Ok(())
}

/// Writes a superblock in its place.
///
/// # Errors
/// The file's.
pub async fn write_super(cx: &Context<'_>, file: &File, at: &Super) -> Result<(), Fault> {
    let mut page = zeroed(PAGE)?;
    at.write(&mut page);
    file.write_all_at(cx, at.place(), page, ..).await?;
    Ok(())
}

/// Aligned memory.
///
/// # Errors
/// `NoMemory`.
pub fn zeroed(bytes: usize) -> Result<Pages, Fault> {
    Pages::zeroed(bytes)
        .ok_or_else(|| Fault::new(Code::NoMemory, format!("no memory for {bytes} bytes of a table")))
}

/// A sync is under way. If it fails, or nobody hears what came of it, no further change is taken.
struct Syncing<'j> {
    journal: &'j Journal,
    failed: Option<String>,
}

impl Drop for Syncing<'_> {
    fn drop(&mut self) {
        let Some(why) = self.failed.take() else { return };
        let woken = {
            let mut commit = self.journal.commit.borrow_mut();
            commit.broken.get_or_insert(why);
            std::mem::take(&mut commit.waiters)
        };
        woken.into_iter().for_each(Waker::wake);
    }
}

/// One batch is being made durable. Whatever becomes of it, those who wait hear of it.
struct Leading<'j> {
    journal: &'j Journal,
    broken: Option<String>,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let woken = {
            let mut commit = self.journal.commit.borrow_mut();
            commit.leads = false;
            match self.broken.take() {
                Some(why) => commit.broken = Some(why),
                None => commit.done = commit.open,
            }
            std::mem::take(&mut commit.waiters)
        };
        woken.into_iter().for_each(Waker::wake);
    }
}
