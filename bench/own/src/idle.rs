//! Idle: what a node costs while nobody asks it anything, and how fast it starts and wakes.
//!
//! Lives here: `run` (starts, silences, first calls), `Idle` (the outcome), its targets and rows.
//! Holds: the node is a process of its own and only the kernel is asked about it, so watching costs it nothing.
//! Not here: clients that are silent (`bench/ours`, kind `ours-silent`).

use crate::{
    drive::rounded,
    figures::median,
    limits::SILENT_CLIENTS,
    place::Placement,
    process::{PairError, Process},
    protocol::{Answer, Ask},
    row::Row,
    targets::{Target, at_most},
    vitals::Vitals,
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// The contender whose server is watched; its clients are [`SILENT_CLIENTS`] in one process, of which one asks at times.
const KIND: &str = "ours-silent";
/// Starts that are timed.
const STARTS: u32 = 7;
/// First calls after a silence.
const FIRST_CALLS: u64 = 20;
/// What a start or a connection may leave to do before the silence begins.
const SETTLE: Duration = Duration::from_secs(1);
/// Workers of the watched node.
const WORKERS: u64 = 1;
/// Where first calls are measured.
const PLACES: [Placement; 2] = [Placement::OneCore, Placement::TwoCores];

/// One silence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Silence {
    /// Clients that were connected.
    pub clients: usize,
    /// CPU time of the node for one second of it, in nanoseconds.
    pub cpu_ns_per_s: f64,
    /// How often a thread of the node woke in one second of it.
    pub wakes_per_s: f64,
    /// Threads of the node.
    pub threads: u64,
    /// Open descriptors of the node.
    pub descriptors: u64,
}

/// What the bench comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Idle {
    /// From starting the process to its ready line, in microseconds: median, least, greatest.
    pub ready_us: [f64; 3],
    /// Without clients, and with them.
    pub silences: Vec<Silence>,
    /// Median and 99th percentile of the first call after a second of silence, in microseconds.
    pub first_call_us: Vec<(Placement, f64, f64)>,
    /// How long each silence was watched.
    pub watched: Duration,
}

/// Runs the whole bench; `note` gets a line for each part.
///
/// # Errors
/// In words, when a process breaks off or the kernel does not say what it did.
pub fn run(program: &Path, watched: Duration, note: &mut dyn FnMut(&str)) -> Result<Idle, String> {
    note(&format!("idle: {STARTS} starts"));
    let ready_us = starts(program).map_err(|error| error.to_string())?;
    note(&format!("idle: silences of {} s, without clients and with {SILENT_CLIENTS}", watched.as_secs()));
    let silences = silences(program, watched)?;
    let mut first_call_us = Vec::new();
    for placement in PLACES {
        note(&format!("idle: {FIRST_CALLS} first calls, {placement}"));
        let (p50, p99) = first_calls(program, placement)?;
        first_call_us.push((placement, p50, p99));
    }
    Ok(Idle { ready_us, silences, first_call_us, watched })
}

fn starts(program: &Path) -> Result<[f64; 3], PairError> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let (mut server, _address) = Process::serve(program, KIND, Placement::Unpinned)?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
        server.end();
    }
    let ends = (times.iter().copied().reduce(f64::min), times.iter().copied().reduce(f64::max));
    Ok([median(&times), ends.0, ends.1].map(|time| time.unwrap_or(f64::NAN)))
}

fn silences(program: &Path, watched: Duration) -> Result<Vec<Silence>, String> {
    let words = |error: PairError| error.to_string();
    let (server, address) = Process::serve(program, KIND, Placement::Unpinned).map_err(words)?;
    let without = silence(&server, 0, watched)?;
    let mut clients = Process::connect(program, KIND, Placement::Unpinned, &address).map_err(words)?;
    // Its answer says that all are connected.
    ask(&mut clients, 1)?;
    let with = silence(&server, SILENT_CLIENTS, watched)?;
    // Silent, but there: a call still goes through.
    ask(&mut clients, 1)?;
    clients.end();
    Ok(vec![without, with])
}

fn silence(server: &Process, clients: usize, watched: Duration) -> Result<Silence, String> {
    let look = || Vitals::of(server.id()).ok_or("the kernel does not say what the node did, or it is gone");
    std::thread::sleep(SETTLE);
    let (before, began) = (look()?, Instant::now());
    std::thread::sleep(watched);
    let (after, seconds) = (look()?, began.elapsed().as_secs_f64());
    let per_second = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds;
    Ok(Silence {
        clients,
        cpu_ns_per_s: per_second(before.cpu_ns, after.cpu_ns),
        wakes_per_s: per_second(before.sleeps, after.sleeps),
        threads: after.threads,
        descriptors: after.descriptors,
    })
}

fn first_calls(program: &Path, placement: Placement) -> Result<(f64, f64), String> {
    let words = |error: PairError| error.to_string();
    let (_server, address) = Process::serve(program, KIND, placement).map_err(words)?;
    let mut clients = Process::connect(program, KIND, placement, &address).map_err(words)?;
    ask(&mut clients, 1)?;
    ask(&mut clients, FIRST_CALLS)
}

/// Median and 99th percentile of `n` first calls, in microseconds.
fn ask(clients: &mut Process, n: u64) -> Result<(f64, f64), String> {
    match clients.ask(Ask { bytes: 64, n, outstanding: 1, warm: 0 }).map_err(|error| error.to_string())? {
        Answer::Report(report) => Ok((report.p50_ns as f64 / 1e3, report.p99_ns as f64 / 1e3)),
        Answer::Refused { refused } => Err(refused),
    }
}

impl Idle {
    /// The promises beside what was measured.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        let ready = self.ready_us[0] / 1e3;
        let mut targets =
            vec![at_most("ready after its start, median", "< 200 ms", Some(ready), Some(200.0), "ms")];
        for silence in &self.silences {
            let Silence { clients, cpu_ns_per_s, wakes_per_s, threads, .. } = silence;
            let what = |what: &str| format!("idle, {clients} clients: {what}");
            let percent = Some(cpu_ns_per_s / 1e7);
            targets.push(at_most(&what("CPU of one core"), "< 0.5 %", percent, Some(0.5), "%"));
            targets.push(at_most(&what("wakes"), "<= 1 a second", Some(*wakes_per_s), Some(1.0), "/s"));
            let (threads, most) = (Some(*threads as f64), Some((WORKERS + 3) as f64));
            targets.push(at_most(&what("threads"), "<= workers + 3", threads, most, ""));
        }
        for (placement, p50, _) in &self.first_call_us {
            let what = format!("first call after 1 s of silence, {placement}, median");
            targets.push(at_most(&what, "< 50 us", Some(*p50), Some(50.0), "us"));
        }
        targets
    }

    /// What the targets leave out.
    #[must_use]
    pub fn words(&self) -> String {
        let [_, least, most] = self.ready_us.map(|time| time / 1e3);
        let descriptors: Vec<String> = self
            .silences
            .iter()
            .map(|silence| format!("{} with {} clients", silence.descriptors, silence.clients))
            .collect();
        format!("{STARTS} starts: {least:.1}..{most:.1} ms; descriptors: {}", descriptors.join(", "))
    }

    /// For the file: `ready`, `silence`, `threads` and `descriptors` for each number of clients, `first-call` for each
    /// placement. In which column a figure stands is said at `Row`.
    #[must_use]
    pub fn rows(&self, machine: &str) -> Vec<Row> {
        let row = |name: &str| Row::of_ours("idle", name, machine);
        let mut rows = vec![Row {
            placement: Some(Placement::Unpinned.to_string()),
            p50_us: Some(rounded(self.ready_us[0])),
            rounds: Some(STARTS),
            ..row("ready")
        }];
        for silence in &self.silences {
            let row = |name: &str| Row {
                placement: Some(Placement::Unpinned.to_string()),
                outstanding: u32::try_from(silence.clients).ok(),
                ..row(name)
            };
            rows.push(Row {
                n: Some(self.watched.as_secs()),
                cpu_us_per_op: Some(rounded(silence.cpu_ns_per_s / 1e3)),
                ops_per_s: Some(rounded(silence.wakes_per_s)),
                ..row("silence")
            });
            rows.push(Row { n: Some(silence.threads), ..row("threads") });
            rows.push(Row { n: Some(silence.descriptors), ..row("descriptors") });
        }
        rows.extend(self.first_call_us.iter().map(|(placement, p50, p99)| Row {
            placement: Some(placement.to_string()),
            bytes: Some(64),
            n: Some(FIRST_CALLS),
            outstanding: u32::try_from(SILENT_CLIENTS).ok(),
            p50_us: Some(rounded(*p50)),
            p99_us: Some(rounded(*p99)),
            ..row("first-call")
        }));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(cpu_ns_per_s: f64, threads: u64) -> Idle {
        let silence = Silence { clients: 0, cpu_ns_per_s, wakes_per_s: 0.2, threads, descriptors: 12 };
        Idle {
            ready_us: [5000.0, 4000.0, 9000.0],
            silences: vec![silence],
            first_call_us: vec![(Placement::OneCore, 20.0, 40.0)],
            watched: Duration::from_secs(10),
        }
    }

    #[test]
    fn a_quiet_node_meets_its_targets_and_a_busy_one_misses_its_own() {
        assert!(idle(1e6, 3).targets().iter().all(|target| target.met == Some(true)));
        let missed = |idle: Idle| -> Vec<String> {
            let missed = idle.targets().into_iter().filter(|target| target.met == Some(false));
            missed.map(|target| target.what).collect()
        };
        assert_eq!(missed(idle(6e6, 3)), ["idle, 0 clients: CPU of one core"]);
        assert_eq!(missed(idle(0.0, 5)), ["idle, 0 clients: threads"]);
    }

    #[test]
    fn figures_stand_in_the_columns_that_rows_name() {
        let rows = idle(1e6, 3).rows("a test");
        let names: Vec<&str> = rows.iter().map(|row| row.contender.as_str()).collect();
        assert_eq!(names, ["ready", "silence", "threads", "descriptors", "first-call"]);
        assert_eq!((rows[1].cpu_us_per_op, rows[1].ops_per_s, rows[1].n), (Some(1000.0), Some(0.2), Some(10)));
        assert_eq!((rows[2].n, rows[3].n), (Some(3), Some(12)));
    }
}
