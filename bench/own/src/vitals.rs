//! Vitals: what the kernel says of a process.
//!
//! Lives here: `Vitals` (of one that should be doing nothing), CPU time and peak memory.
//! Holds: what the kernel does not say is `None`, never zero.

use std::{fs, path::Path};

/// A process at one moment. Differences of two moments are what it did in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vitals {
    /// CPU time of its living threads so far, in nanoseconds.
    pub cpu_ns: u64,
    /// How often its living threads went to sleep by themselves, and so were woken.
    pub sleeps: u64,
    /// Its threads.
    pub threads: u64,
    /// Its open descriptors.
    pub descriptors: u64,
}

impl Vitals {
    /// Those of process `pid` now; `None` when it is gone or the kernel does not say.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let (mut sleeps, mut threads) = (0, 0);
        for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
            // A thread that ends while we look is not counted.
            if let Ok(status) = fs::read_to_string(thread.ok()?.path().join("status")) {
                sleeps += parse_sleeps(&status)?;
                threads += 1;
            }
        }
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
        Some(Self { cpu_ns: cpu_ns(pid)?, sleeps, threads, descriptors })
    }
}

fn parse_sleeps(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
}

/// User and system time of a process, in nanoseconds.
///
/// `/proc/PID/stat` counts in ticks of 10 ms, too coarse for a run of 200 ms; where the kernel also shows each
/// thread's exact run time, that is used. Which of the two depends on the kernel alone, so two readings compare.
pub(crate) fn cpu_ns(pid: u32) -> Option<u64> {
    if Path::new(&format!("/proc/{pid}/sched")).exists() {
        exact_cpu_ns(pid)
    } else {
        parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }
}

/// The exact run times of the threads there are; one that ends while we look is no longer counted.
fn exact_cpu_ns(pid: u32) -> Option<u64> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        if let Ok(sched) = fs::read_to_string(thread.ok()?.path().join("sched")) {
            total += parse_sched(&sched)?;
        }
    }
    Some(total)
}

/// `se.sum_exec_runtime : 571.932083`, in milliseconds with six decimals.
fn parse_sched(sched: &str) -> Option<u64> {
    let line = sched.lines().find(|line| line.starts_with("se.sum_exec_runtime"))?;
    let (whole, part) = line.rsplit(':').next()?.trim().split_once('.')?;
    let part: u64 = if part.len() == 6 { part.parse().ok()? } else { return None };
    Some(whole.parse::<u64>().ok()? * 1_000_000 + part)
}

/// Fields 14 and 15, counted after the name, which may hold spaces and brackets.
fn parse_stat(stat: &str) -> Option<u64> {
    let ticks_per_s = rustix::param::clock_ticks_per_second();
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    (ticks * 1_000_000_000).checked_div(ticks_per_s)
}

/// Peak resident memory of a process, in bytes.
pub(crate) fn peak_bytes(pid: u32) -> Option<u64> {
    parse_peak(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn parse_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_figures_are_read_from_their_files() {
        assert_eq!(parse_sched("x\nse.sum_exec_runtime   :  1571.932083\n"), Some(1_571_932_083));
        assert_eq!(parse_peak("Name: a\nVmHWM:\t    1234 kB\n"), Some(1234 * 1024));
        let ticks = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        assert_eq!(parse_stat("7 (a b) c) S 1 1 1 0 -1 0 0 0 0 0 12 30 0 0 20"), Some(42 * ticks));
    }

    #[test]
    fn a_live_process_has_a_peak_a_cpu_time_threads_and_descriptors() {
        let me = std::process::id();
        assert!(peak_bytes(me).expect("known") > 0);
        assert!(cpu_ns(me).expect("known") > 0);
        let vitals = Vitals::of(me).expect("known");
        assert!(vitals.threads > 0);
        assert!(vitals.descriptors > 2);
    }

    #[test]
    fn sleeps_are_those_of_the_threads_own_will() {
        let status = "voluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t5\n";
        assert_eq!(parse_sleeps(status), Some(17));
        assert_eq!(parse_sleeps("nonvoluntary_ctxt_switches:\t5\n"), None);
    }
}
