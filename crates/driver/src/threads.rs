//! Threads: the only place that starts one, what the machine grants them, and the clock of those that block.

use rustix::thread::CpuSet;
use std::io;
use std::thread::JoinHandle;

/// Starts a named thread.
///
/// # Errors
/// The system's, when no thread can be had.
pub fn start<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// The machine's `CLOCK_MONOTONIC` in nanoseconds, for a thread that runs a blocking method: such a thread has no driver, and
/// no place in simulated time. It is the clock of the real driver.
pub fn now() -> crate::Nanos {
    crate::real::clock::system()
}

/// Processors that this thread may run on; 1 when the system does not say.
pub fn processors() -> usize {
    rustix::thread::sched_getaffinity(None).map_or(1, |set: CpuSet| set.count() as usize)
}

/// Processors of the machine that are online, as this process sees them.
pub fn machine_processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Binds this thread to these processors.
///
/// # Errors
/// The system's, when none of them exists or is granted.
pub fn pin(processors: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &processor in processors.iter().filter(|&&processor| processor < CpuSet::MAX_CPU) {
        set.set(processor);
    }
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// Bytes of memory that this process may count on: the machine's, or its control group's limit.
pub fn memory_bytes() -> u64 {
    let machine = rustix::system::sysinfo();
    let machine = (machine.totalram as u64).saturating_mul(u64::from(machine.mem_unit.max(1)));
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    group.and_then(|text| text.trim().parse().ok()).map_or(machine, |limit: u64| limit.min(machine))
}
