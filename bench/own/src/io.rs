//! Io: random blocks of one file, many under way, around the page cache: ours beside fio, a raw ring, and compio-driver.
//!
//! Lives here: `Order`, `run` (prepares the file, asks each contender in interleaved rounds), `Io` (the outcome): its table,
//! its targets and its rows.
//! Holds: all contenders work on one file in one run; fio is left out in words where it is not installed; the file goes
//! when the bench ends.
//! Not here: the contenders (`bench/io`).

use crate::{
    drive::rounded,
    figures::median,
    row::Row,
    table::{align, digits},
    targets::{Target, at_least, at_most},
};
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// Bytes of a block.
const BLOCK: u64 = 4096;
/// How much of the file the page cache is asked to hold, in blocks.
const CACHED_BLOCKS: u64 = 1 << 15;
/// What precedes each counted run.
const WARM: Duration = Duration::from_millis(200);
const FIO: &str = "fio";

/// What is asked, in the order it is measured: writing last, because it changes what is cached.
const WAYS: [(&str, &str); 3] = [
    ("io-read", "random reads around the page cache"),
    ("io-cached", "random reads from the page cache: the software without the device"),
    ("io-write", "random writes around the page cache"),
];

/// What to measure.
#[derive(Debug)]
pub struct Order<'a> {
    /// `windlass-bench-io`.
    pub program: &'a Path,
    /// Where the file is made.
    pub directory: &'a Path,
    /// Its length in MiB.
    pub file_mib: u64,
    /// Operations under way.
    pub depth: u32,
    /// Rounds of each contender.
    pub rounds: u32,
    /// How long each is counted.
    pub run: Duration,
}

/// One round, as a contender reports it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    n: u64,
    wall_ns: u64,
    cpu_ns: u64,
    p50_ns: u64,
    p99_ns: u64,
}

/// One contender in one way.
#[derive(Debug)]
struct Cell {
    way: &'static str,
    contender: String,
    reports: Vec<Report>,
}

/// What the bench comes to.
#[derive(Debug)]
pub struct Io {
    cells: Vec<Cell>,
    depth: u32,
    /// Contenders that broke off, in words.
    pub failures: Vec<String>,
}

/// Removes the file when the bench ends, however it ends.
struct Kept(PathBuf);

impl Drop for Kept {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}

/// Runs the whole bench; `note` gets a line for each part.
///
/// # Errors
/// In words, when the file cannot be made or the contenders' binary does not answer.
pub fn run(order: &Order<'_>, note: &mut dyn FnMut(&str)) -> Result<Io, String> {
    let blocks = (order.file_mib << 20) / BLOCK;
    let file = Kept(order.directory.join(format!("windlass-bench-io.{}", std::process::id())));
    note(&format!("io: writing {} MiB to {}", order.file_mib, file.0.display()));
    let mut prepare = Command::new(order.program);
    prepare.arg("prepare").arg(&file.0).args(["--blocks", &blocks.to_string()]);
    output(&mut prepare)?;
    let mut contenders: Vec<String> =
        output(Command::new(order.program).arg("kinds"))?.lines().map(str::to_owned).collect();
    if output(Command::new(FIO).arg("--version")).is_ok() {
        contenders.push(FIO.into());
    } else {
        note(
            "left out: fio is not installed, so there is nothing to hold the targets against (apt-get install fio)",
        );
    }
    let mut io = Io { cells: Vec::new(), depth: order.depth, failures: Vec::new() };
    for (way, about) in WAYS {
        if way == "io-cached" {
            fill_cache(&file.0, CACHED_BLOCKS.min(blocks)).map_err(|error| error.to_string())?;
        }
        let first = io.cells.len();
        io.cells.extend(contenders.iter().map(|name| Cell { way, contender: name.clone(), reports: Vec::new() }));
        for round in 0..order.rounds {
            note(&format!("io: {about}: round {} of {}", round + 1, order.rounds));
            for cell in &mut io.cells[first..] {
                match ask(order, cell, &file.0, blocks, round) {
                    Ok(report) => cell.reports.push(report),
                    Err(words) => io.failures.push(format!("{way} {}: {words}", cell.contender)),
                }
            }
        }
    }
    Ok(io)
}

fn ask(order: &Order<'_>, cell: &Cell, file: &Path, blocks: u64, round: u32) -> Result<Report, String> {
    let cached = cell.way == "io-cached";
    let blocks = if cached { CACHED_BLOCKS.min(blocks) } else { blocks };
    let way = if cell.way == "io-write" { "write" } else { "read" };
    let (warm, run) = (WARM.as_millis().to_string(), order.run.as_millis().to_string());
    if cell.contender == FIO {
        let mut fio = Command::new(FIO);
        fio.args(["--name=io", "--ioengine=io_uring", "--bs=4k", "--output-format=json", "--time_based"]);
        fio.args(["--norandommap", "--randrepeat=0", "--clat_percentiles=1"]);
        fio.arg(format!("--filename={}", file.display())).arg(format!("--rw=rand{way}"));
        fio.arg(format!("--size={}", blocks * BLOCK)).arg(format!("--iodepth={}", order.depth));
        // Else it would throw away what is cached before it begins.
        fio.arg(format!("--direct={}", u8::from(!cached))).arg("--invalidate=0");
        fio.arg(format!("--ramp_time={warm}ms")).arg(format!("--runtime={run}ms"));
        return of_fio(&output(&mut fio)?, way).ok_or_else(|| "its report is not understood".into());
    }
    let mut contender = Command::new(order.program);
    contender.args(["run", &cell.contender, way]).arg(file).args(["--blocks", &blocks.to_string()]);
    contender.args(["--depth", &order.depth.to_string(), "--warm-ms", &warm, "--run-ms", &run]);
    contender.args(["--seed", &(u64::from(round) + 1).to_string()]);
    if cached {
        contender.arg("--cached");
    }
    let text = output(&mut contender)?;
    serde_json::from_str(&text).map_err(|error| format!("its report is not understood: {error}"))
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

/// fio's own figures: operations and CPU time of its job, latency from submission to completion.
fn of_fio(text: &str, way: &str) -> Option<Report> {
    let report: serde_json::Value = serde_json::from_str(text).ok()?;
    let job = report.get("jobs")?.get(0)?;
    let of_way = job.get(way)?;
    let percentile = |name: &str| of_way.get("clat_ns")?.get("percentile")?.get(name)?.as_u64();
    let busy = job.get("usr_cpu")?.as_f64()? + job.get("sys_cpu")?.as_f64()?;
    let wall_ns = of_way.get("runtime")?.as_u64()? * 1_000_000;
    Some(Report {
        n: of_way.get("total_ios")?.as_u64()?,
        wall_ns,
        cpu_ns: (wall_ns as f64 * busy / 100.0) as u64,
        p50_ns: percentile("50.000000")?,
        p99_ns: percentile("99.000000")?,
    })
}

fn fill_cache(path: &Path, blocks: u64) -> std::io::Result<()> {
    use std::io::Read as _;
    let mut file = std::fs::File::open(path)?.take(blocks * BLOCK);
    std::io::copy(&mut file, &mut std::io::sink()).map(|_| ())
}

impl Cell {
    fn ops_per_s(&self) -> Option<f64> {
        let rates = self.reports.iter().map(|report| report.n as f64 / (report.wall_ns as f64 / 1e9));
        median(&rates.collect::<Vec<_>>())
    }

    fn cpu_us_per_op(&self) -> Option<f64> {
        let n: u64 = self.reports.iter().map(|report| report.n).sum();
        let cpu: u64 = self.reports.iter().map(|report| report.cpu_ns).sum();
        (n > 0).then(|| cpu as f64 / 1e3 / n as f64)
    }

    fn latency_us(&self, of: fn(&Report) -> u64) -> Option<f64> {
        median(&self.reports.iter().map(|report| of(report) as f64 / 1e3).collect::<Vec<_>>())
    }
}

impl Io {
    fn cell(&self, way: &str, contender: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.way == way && cell.contender == contender)
    }

    /// Every figure, for a person.
    #[must_use]
    pub fn text(&self) -> String {
        let head = "contender|ops/s|cpu us/op|p50 us|p99 us|rounds";
        let mut text = String::new();
        for (way, about) in WAYS {
            let mut lines = vec![head.split('|').map(str::to_owned).collect::<Vec<_>>()];
            let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), digits);
            lines.extend(self.cells.iter().filter(|cell| cell.way == way).map(|cell| {
                vec![
                    cell.contender.clone(),
                    figure(cell.ops_per_s()),
                    figure(cell.cpu_us_per_op()),
                    figure(cell.latency_us(|report| report.p50_ns)),
                    figure(cell.latency_us(|report| report.p99_ns)),
                    cell.reports.len().to_string(),
                ]
            }));
            text.push_str(&format!("\n{about}, 4 KiB, {} outstanding\n\n{}", self.depth, align(&lines, 1)));
        }
        text
    }

    /// What is promised of files, and what the driver costs beside a raw ring.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for way in ["io-read", "io-write"] {
            let (ours, fio) = (self.cell(way, "ours"), self.cell(way, FIO));
            let rate = |cell: Option<&Cell>| cell.and_then(Cell::ops_per_s);
            let cpu = |cell: Option<&Cell>| cell.and_then(Cell::cpu_us_per_op);
            let (least, most) = (rate(fio).map(|rate| 0.9 * rate), cpu(fio).map(|cpu| 1.2 * cpu));
            targets.push(at_least(&format!("{way}: rate"), ">= 90 % of fio's", rate(ours), least, "ops/s"));
            targets.push(at_most(&format!("{way}: CPU"), "<= 1.2x fio's", cpu(ours), most, "us/op"));
        }
        let cpu = |contender| self.cell("io-cached", contender).and_then(Cell::cpu_us_per_op);
        let bound = cpu("compio");
        targets.push(at_most("the driver alone: CPU", "<= compio-driver's", cpu("ours-bare"), bound, "us/op"));
        targets
    }

    /// As rows.
    #[must_use]
    pub fn rows(&self, machine: &str) -> Vec<Row> {
        let row = |cell: &Cell| Row {
            ours: cell.contender.starts_with("ours"),
            placement: Some("unpinned".to_owned()),
            bytes: Some(BLOCK),
            n: cell.reports.first().map(|report| report.n),
            outstanding: Some(self.depth),
            p50_us: cell.latency_us(|report| report.p50_ns).map(rounded),
            p99_us: cell.latency_us(|report| report.p99_ns).map(rounded),
            cpu_us_per_op: cell.cpu_us_per_op().map(rounded),
            ops_per_s: cell.ops_per_s().map(rounded),
            gb_per_s: cell.ops_per_s().map(|rate| rounded(rate * BLOCK as f64 / 1e9)),
            rounds: Some(cell.reports.len() as u32),
            ..Row::of_ours(cell.way, &cell.contender, machine)
        };
        self.cells.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_fio_is_read() {
        let text = r#"{"fio version":"fio-3","jobs":[{"usr_cpu":10.0,"sys_cpu":30.0,
            "read":{"total_ios":1000,"runtime":100,"clat_ns":{"percentile":{"50.000000":5,"99.000000":9}}}}]}"#;
        let report = of_fio(text, "read").expect("reads");
        assert_eq!((report.n, report.wall_ns, report.cpu_ns), (1000, 100_000_000, 40_000_000));
        assert_eq!((report.p50_ns, report.p99_ns), (5, 9));
        assert!(of_fio(text, "write").is_none());
        assert!(of_fio("fio: no such engine", "read").is_none());
    }

    #[test]
    fn a_target_without_fio_is_neither_met_nor_missed() {
        let report = Report { n: 100, wall_ns: 1_000_000, cpu_ns: 500_000, p50_ns: 5, p99_ns: 9 };
        let cell = |way, contender: &str, report| Cell { way, contender: contender.into(), reports: vec![report] };
        let mut io = Io { cells: vec![cell("io-read", "ours", report)], depth: 32, failures: Vec::new() };
        assert!(io.targets().iter().all(|target| target.met.is_none()));
        io.cells.push(cell("io-read", "fio", Report { n: 111, ..report }));
        let met: Vec<_> = io.targets().iter().map(|target| target.met).collect();
        assert_eq!(met, [Some(true), Some(true), None, None, None]);
        io.cells[1].reports[0].n = 112;
        assert_eq!(io.targets()[0].met, Some(false));
        let rows = io.rows("a test");
        assert_eq!((rows[0].ours, rows[1].ours), (true, false));
        assert_eq!(rows[0].ops_per_s, Some(100_000.0));
    }
}
