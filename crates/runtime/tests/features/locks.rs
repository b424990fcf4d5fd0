//! Locks that calls hold across their waits: who asked first has it first, readers have it together, and whoever goes leaves the queue.

use crate::stage::Stage;
use std::cell::Cell;
use std::time::Duration;
use windlass::prelude::*;
use windlass::wait::{QLock, RWLock};

/// A book that many read and one writes, and a seat that one call has.
pub struct Book {
    lines: RWLock<Vec<u64>>,
    seat: QLock<u64>,
    readers: Cell<u64>,
    readers_most: Cell<u64>,
}

#[module(export = false)]
impl Book {
    #[create]
    fn create() -> Self {
        Self {
            lines: RWLock::new(Vec::new()),
            seat: QLock::new(0),
            readers: Cell::new(0),
            readers_most: Cell::new(0),
        }
    }
    /// Writes a line, slowly; how many there are then.
    #[method]
    async fn write(&self, cx: &Context<'_>, line: u64, us: u64) -> Result<usize, Fault> {
        let mut lines = cx.wait(self.lines.write()).await??;
        let before = lines.len();
        cx.sleep(Duration::from_micros(us)).await?;
        lines.push(line);
        if lines.len() == before + 1 { Ok(lines.len()) } else { Err(Fault::module(2, "two wrote at once")) }
    }
    /// Reads all lines, slowly.
    #[method]
    async fn read(&self, cx: &Context<'_>, us: u64) -> Result<Vec<u64>, Fault> {
        let lines = cx.wait(self.lines.read()).await??;
        self.readers.set(self.readers.get() + 1);
        self.readers_most.set(self.readers_most.get().max(self.readers.get()));
        let slept = cx.sleep(Duration::from_micros(us)).await;
        self.readers.set(self.readers.get() - 1);
        slept?;
        Ok(lines.clone())
    }
    /// How many have read at one time, at most.
    #[method]
    fn readers_most(&self) -> u64 {
        self.readers_most.get()
    }
    /// Whether a line could be read, and one written, at once.
    #[method]
    fn is_free(&self) -> (bool, bool) {
        let reads = self.lines.try_read().is_some();
        (reads, self.lines.try_write().is_some())
    }
    /// Sits for so long, and panics there if asked to; how many sat before.
    #[method]
    #[allow(clippy::panic, reason = "this is what it is for")]
    async fn sit(&self, cx: &Context<'_>, us: u64, panics: bool) -> Result<u64, Fault> {
        let mut seat = cx.wait(self.seat.lock()).await??;
        cx.sleep(Duration::from_micros(us)).await?;
        *seat += 1;
        if panics {
            panic!("it broke");
        }
        Ok(*seat - 1)
    }
}

fn stage() -> (Stage, book::Blocking) {
    let stage = Stage::of(&[Book::TABLE]);
    let book = book::Blocking::create(&stage.client(), "book").unwrap();
    (stage, book)
}

#[test]
fn tasks_K42_readers_share_a_lock_and_writers_have_it_alone_in_the_order_of_asking() {
    let (_stage, book) = stage();
    let pool = book.pool();
    let read = || pool.call(book::methods::read()).argument(&20_000_u64).send();
    let write = |line: u64| pool.call(book::methods::write()).argument(&line).argument(&1_000_u64).send();
    let together: Vec<_> = (0..8).map(|_| read()).collect();
    for one in together {
        assert!(one.wait().unwrap().value::<Vec<u64>>().unwrap().is_empty());
    }
    assert_eq!(book.readers_most().unwrap(), 8);
    // Sent in this order by one session, so they ask in this order.
    let (first, reads_one, second, reads_two) = (write(10), read(), write(20), read());
    assert_eq!(book.is_free().unwrap(), (false, false), "somebody has it and others wait");
    assert_eq!(first.wait().unwrap().value::<usize>().unwrap(), 1);
    assert_eq!(reads_one.wait().unwrap().value::<Vec<u64>>().unwrap(), [10]);
    assert_eq!(second.wait().unwrap().value::<usize>().unwrap(), 2);
    assert_eq!(reads_two.wait().unwrap().value::<Vec<u64>>().unwrap(), [10, 20]);
    assert_eq!(book.is_free().unwrap(), (true, true));
}

#[test]
fn tasks_K42_a_call_that_is_cancelled_late_or_panics_gives_its_lock_on() {
    let (_stage, book) = stage();
    let pool = book.pool();
    let sit = |us: u64, panics: bool| pool.call(book::methods::sit()).argument(&us).argument(&panics);
    let hour = 3_600_000_000;
    let holds = sit(hour, false).send();
    let late = sit(hour, false).deadline(Duration::from_millis(10)).send();
    let waits = sit(hour, false).send();
    let last = sit(0, false).send();
    assert!(late.wait().unwrap_err().is(Code::DeadlineExceeded), "it waited for the seat");
    waits.cancel();
    assert!(waits.wait().unwrap_err().is(Code::Cancelled));
    holds.cancel();
    assert!(holds.wait().unwrap_err().is(Code::Cancelled));
    assert_eq!(last.wait().unwrap().value::<u64>().unwrap(), 0, "nobody has sat to the end before");
    assert!(sit(0, true).wait().unwrap_err().is(Code::Panicked));
    assert_eq!(book.sit(0, false).unwrap(), 2, "a panic hands it on as it is");
}
