//! One hand-over each way through a shared page: the floor under every call between two processes.
//!
//! Lives here: `serve` and `connect`, which wait on a futex, give way or spin.
//! Holds: with `Futex` and `GiveWay` the 64 bytes of the request travel; with `Spin` only its head does, in the line of its counter, and
//! the server lays it over the body that it knows. Either way the reply is the request's checksum and is checked.
//! Not here: framing, queues, refusals: that is what a call adds to this.

use crate::shared::{Line, Page, REQUEST_BYTES, Shared};
use rustix::{
    io::Errno,
    thread::futex::{Flags, wait, wake},
};
use std::{hint::spin_loop, sync::atomic::Ordering};
use windlass_bench::{
    Caller, Door, Failure, Meter, Questions, checksum, contender::Ending, operation::HEAD_BYTES,
};

/// How a side waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// In the kernel; wakes the other by a system call.
    Futex,
    /// Runnable, letting whoever else is runnable on the core go first.
    GiveWay,
    /// On the core, without a system call.
    Spin,
}

impl Wait {
    /// Returns once `line` counts something else than `seen`; says what.
    fn past(self, line: &Line, seen: u32) -> Result<u32, Failure> {
        loop {
            // ORDER: this Acquire pairs with the Release in `publish`.
            let count = line.count.load(Ordering::Acquire);
            if count != seen {
                return Ok(count);
            }
            match self {
                Self::Spin => spin_loop(),
                Self::GiveWay => std::thread::yield_now(),
                Self::Futex => match wait(&line.count, Flags::empty(), seen, None) {
                    Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                },
            }
        }
    }

    /// Hands `word` and whatever was written before it over to the other side.
    fn publish(self, line: &Line, count: u32, word: u64) -> Result<(), Failure> {
        line.word.store(word, Ordering::Relaxed);
        // ORDER: this Release pairs with the Acquire in `past`.
        line.count.store(count, Ordering::Release);
        if self == Self::Futex {
            wake(&line.count, Flags::empty(), 1)?;
        }
        Ok(())
    }
}

/// Answers until the process is ended: nobody can tell a waiting futex that its peer is gone.
pub fn serve(door: &Door, how: Wait) -> Result<(), Failure> {
    let shared = Shared::create()?;
    let page = shared.page();
    door.ready(&shared.address(), Ending::AtOnce)?;
    let mut known = Questions::new(REQUEST_BYTES).request(0);
    let mut seen = 0;
    loop {
        seen = how.past(&page.asked, seen)?;
        let bytes = page.asked.bytes.load(Ordering::Relaxed) as usize;
        if bytes != known.len() {
            known = Questions::new(bytes.min(REQUEST_BYTES)).request(0);
        }
        match how {
            Wait::Futex | Wait::GiveWay => read_request(page, &mut known),
            Wait::Spin => {
                known[..HEAD_BYTES].copy_from_slice(&page.asked.word.load(Ordering::Relaxed).to_le_bytes())
            }
        }
        how.publish(&page.answered, seen, checksum(&known))?;
    }
}

/// A client of the page that `address` names.
pub fn connect(address: &str, how: Wait) -> Result<Box<dyn Caller>, Failure> {
    Ok(Box::new(Client { shared: Shared::open(address)?, how, count: 0 }))
}

struct Client {
    shared: Shared,
    how: Wait,
    count: u32,
}

impl Caller for Client {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        let (page, how, count) = (self.shared.page(), self.how, &mut self.count);
        let bytes = meter.questions().bytes();
        page.asked.bytes.store(u32::try_from(bytes)?, Ordering::Relaxed);
        meter.copied_bytes(if how == Wait::Spin { HEAD_BYTES as u64 } else { 2 * bytes as u64 });
        meter.serial(|request| {
            if how != Wait::Spin {
                write_request(page, request);
            }
            let asked = count.wrapping_add(1);
            how.publish(&page.asked, asked, first_word(request))?;
            *count = how.past(&page.answered, *count)?;
            Ok::<u64, Failure>(page.answered.word.load(Ordering::Relaxed))
        })
    }
}

/// Up to eight bytes as a word, zeroes after the last.
fn first_word(bytes: &[u8]) -> u64 {
    let mut head = [0; HEAD_BYTES];
    let length = bytes.len().min(HEAD_BYTES);
    head[..length].copy_from_slice(&bytes[..length]);
    u64::from_le_bytes(head)
}

fn write_request(page: &Page, request: &[u8]) {
    for (word, bytes) in page.request.iter().zip(request.chunks(8)) {
        word.store(first_word(bytes), Ordering::Relaxed);
    }
}

fn read_request(page: &Page, request: &mut [u8]) {
    for (word, bytes) in page.request.iter().zip(request.chunks_mut(8)) {
        let read = word.load(Ordering::Relaxed).to_le_bytes();
        bytes.copy_from_slice(&read[..bytes.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_back_from_the_page_that_another_mapping_wrote() {
        let (made, questions) = (Shared::create().expect("a page"), Questions::new(REQUEST_BYTES));
        let opened = Shared::open(&made.address()).expect("the same page");
        for variant in 0..3 {
            write_request(opened.page(), &questions.request(variant));
            let mut read = [0; REQUEST_BYTES];
            read_request(made.page(), &mut read);
            assert_eq!(checksum(&read), questions.expected(variant));
        }
        write_request(opened.page(), b"thirteen byte");
        let mut read = [0; 13];
        read_request(made.page(), &mut read);
        assert_eq!(&read, b"thirteen byte");
    }

    #[test]
    fn a_published_word_is_seen_with_its_count() {
        let shared = Shared::create().expect("a page");
        for how in [Wait::Spin, Wait::GiveWay, Wait::Futex] {
            how.publish(&shared.page().asked, 7, 99).expect("published");
            assert_eq!(how.past(&shared.page().asked, 6).expect("seen"), 7);
            assert_eq!(shared.page().asked.word.load(Ordering::Relaxed), 99);
        }
    }
}
