//! What every contender does, and how it is measured.
//!
//! Lives here: `Order` (one round), `Blocks` (which block comes next), `Meter`, `Report`, `prepare`.
//! Holds: one clock read an operation, which ends it and begins the next.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes of one operation.
pub const BLOCK: usize = 4096;

pub type Failure = Box<dyn std::error::Error>;

/// One round.
#[derive(Debug, Clone)]
pub struct Order {
    pub file: PathBuf,
    pub write: bool,
    /// Through the page cache: without the device, so that the software alone is seen.
    pub cached: bool,
    pub blocks: u64,
    pub depth: u32,
    pub warm: Duration,
    pub run: Duration,
    pub seed: u64,
}

impl Order {
    /// The file, as it is asked for here.
    pub fn open(&self) -> std::io::Result<std::fs::File> {
        let flags = if self.cached { 0 } else { libc::O_DIRECT };
        std::fs::OpenOptions::new().read(true).write(self.write).custom_flags(flags).open(&self.file)
    }
}

/// What one round measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Report {
    pub n: u64,
    pub wall_ns: u64,
    pub cpu_ns: u64,
    pub p50_ns: u64,
    pub p99_ns: u64,
}

/// Random blocks, the same for every contender.
#[derive(Debug)]
pub struct Blocks {
    state: u64,
    count: u64,
}

impl Blocks {
    pub fn of(order: &Order) -> Self {
        Self { state: order.seed, count: order.blocks }
    }

    pub fn next(&mut self) -> u64 {
        windlass_driver::splitmix(&mut self.state) % self.count
    }
}

/// Counts, times, and says when to stop.
#[derive(Debug)]
pub struct Meter {
    counts_from: Instant,
    until: Instant,
    began: Option<(Instant, u64)>,
    ended: Option<(Instant, u64)>,
    n: u64,
    latencies: Histogram<u64>,
}

impl Meter {
    pub fn start(order: &Order) -> Result<Self, Failure> {
        let counts_from = Instant::now() + order.warm;
        let latencies = Histogram::new_with_bounds(1, 10_000_000_000, 3)?;
        Ok(Self { counts_from, until: counts_from + order.run, began: None, ended: None, n: 0, latencies })
    }

    /// An operation that began `since` has ended. Answers when the next one begins, or that there is none.
    pub fn ended(&mut self, since: Instant) -> Option<Instant> {
        let now = Instant::now();
        match (self.began, self.ended) {
            (None, _) if now >= self.counts_from => self.began = Some((now, cpu_ns())),
            (Some(_), None) => {
                self.n += 1;
                self.latencies.saturating_record((now - since).as_nanos() as u64);
                if now >= self.until {
                    self.ended = Some((now, cpu_ns()));
                }
            }
            _ => {}
        }
        self.ended.is_none().then_some(now)
    }

    pub fn report(&self) -> Result<Report, Failure> {
        let (Some((began, cpu_before)), Some((ended, cpu_after))) = (self.began, self.ended) else {
            return Err("the round was too short to be counted".into());
        };
        Ok(Report {
            n: self.n,
            wall_ns: (ended - began).as_nanos() as u64,
            cpu_ns: cpu_after - cpu_before,
            p50_ns: self.latencies.value_at_quantile(0.5),
            p99_ns: self.latencies.value_at_quantile(0.99),
        })
    }
}

/// CPU time of all threads of this process.
fn cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the struct outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Looks whether a block that was read is the one that was asked for.
pub fn check(block: u64, bytes: &[u8]) -> Result<(), Failure> {
    let found = bytes.get(..8).and_then(|head| head.try_into().ok()).map(u64::from_le_bytes);
    match found {
        Some(number) if number == block => Ok(()),
        _ => Err(format!("block {block} holds {found:?} in front").into()),
    }
}

/// Writes every block, so that reads find data and writes need no room.
pub fn prepare(path: &Path, blocks: u64) -> Result<(), Failure> {
    let mut file = std::fs::File::create(path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, blocks * BLOCK as u64)?;
    let mut chunk = Vec::with_capacity(256 * BLOCK);
    for block in 0..blocks {
        let at = chunk.len();
        chunk.extend_from_slice(&block.to_le_bytes());
        chunk.resize(at + BLOCK, (block % 251) as u8);
        if chunk.len() == 256 * BLOCK || block + 1 == blocks {
            file.write_all(&chunk)?;
            chunk.clear();
        }
    }
    Ok(file.sync_all()?)
}
