//! Rounds: contenders take turns, and their answers are held against NumPy's.
//!
//! Lives here: `warm` (processes that have their inputs and have done the operation before), `cold` (the first time in a process that was
//! just started), `Cell` (one contender's figures), `Answers`.
//! Holds: in each round everybody has one turn, beginning with another one each time; the first answer and the last are checked; whoever
//! fails is kept with what was said, and the others go on.
//! Not here: processes (`worker`), percentiles (`spread`).

use crate::Failure;
use crate::floor::Bandwidth;
use crate::fresh;
use crate::operation::Operation;
use crate::size::Size;
use crate::spread::{Figures, Turn};
use crate::worker::{Contender, Scripts, Worker, WorkerError};
use serde::Deserialize;
use serde_json::json;
use windlass_bench::figures::median;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// Where contenders come from.
    pub scripts: &'a Scripts,
    /// Who takes part.
    pub contenders: &'a [Contender],
    /// What.
    pub operation: Operation,
    /// Over how many elements.
    pub size: Size,
    /// How often everybody's turn comes.
    pub rounds: u32,
}

/// Whose turns they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A contender whose inputs are warm.
    Warm(Contender),
    /// A contender that was just started.
    Cold(Contender),
    /// Bandwidth over all cores.
    Bandwidth,
    /// Bandwidth that one core reaches alone.
    BandwidthAlone,
    /// Fresh pages of shared memory.
    FreshShared,
    /// Fresh pages of anonymous memory.
    FreshPrivate,
}

impl Who {
    /// As rows call it.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Warm(contender) => contender.name().to_owned(),
            Self::Cold(contender) => format!("{}-cold", contender.name()),
            Self::Bandwidth => "floor-bandwidth".to_owned(),
            Self::BandwidthAlone => "floor-one-core".to_owned(),
            Self::FreshShared => "floor-fresh-shared".to_owned(),
            Self::FreshPrivate => "floor-fresh-private".to_owned(),
        }
    }

    /// Bytes that its turn has to touch: the floor of fresh pages writes what the answer is written to, and nothing else.
    #[must_use]
    pub fn bytes(self, operation: Operation, size: Size) -> u64 {
        match self {
            Self::FreshShared | Self::FreshPrivate => 8 * size.0,
            _ => operation.bytes(size.0),
        }
    }
}

/// Whether the answers of a contender are NumPy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// They are.
    Agree,
    /// They are not.
    Differ,
    /// There is nothing to hold them against: a floor, or NumPy has no part in the run.
    Unchecked,
}

/// One contender in one operation.
#[derive(Debug)]
pub struct Cell {
    /// Whose.
    pub who: Who,
    /// What its turns came to; an error in words.
    pub figures: Result<Figures, String>,
    /// Peak of resident memory of its processes, the median where there were several, bytes.
    pub peak_bytes: Option<u64>,
    /// What its answers were worth.
    pub answers: Answers,
}

impl Cell {
    /// Whether the bench may go on as if nothing were.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.figures.is_ok() && self.answers != Answers::Differ
    }
}

#[derive(Deserialize)]
struct Loaded {
    version: String,
    peak_forgotten: bool,
}

#[derive(Deserialize)]
struct Ran {
    ns: u64,
    cpu_ns: u64,
}

#[derive(Deserialize)]
struct Checked {
    checksum: String,
}

#[derive(Deserialize)]
struct Peak {
    peak_bytes: u64,
}

/// A contender's place: its process while it has one, and what came of its turns.
struct Seat {
    contender: Contender,
    worker: Option<Worker>,
    trouble: Option<WorkerError>,
    turns: Vec<Turn>,
    checksums: Vec<String>,
    peaks: Vec<f64>,
}

impl Seat {
    fn of(contender: Contender) -> Self {
        let (turns, checksums, peaks) = (Vec::new(), Vec::new(), Vec::new());
        Self { contender, worker: None, trouble: None, turns, checksums, peaks }
    }

    /// Starts a process and has it make its inputs, unless something went wrong before.
    fn start(&mut self, task: &Task<'_>) {
        if self.trouble.is_none() {
            match started(task, self.contender) {
                Ok(worker) => self.worker = Some(worker),
                Err(error) => self.trouble = Some(error),
            }
        }
    }

    /// Asks the process for something; one that fails is ended and has no further turns.
    fn ask<T>(&mut self, question: impl FnOnce(&mut Worker) -> Result<T, WorkerError>) -> Option<T> {
        match question(self.worker.as_mut()?) {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.trouble = Some(error);
                self.worker = None;
                None
            }
        }
    }

    /// One turn that counts.
    fn run(&mut self) {
        let turn = self.ask(run);
        self.turns.extend(turn);
    }

    /// A checksum of the last answer.
    fn check(&mut self) {
        let checksum = self.ask(check);
        self.checksums.extend(checksum);
    }

    /// The peak so far: before a check, which copies the answer once more.
    fn look(&mut self) {
        let peak = self.ask(peak);
        self.peaks.extend(peak.map(|bytes| bytes as f64));
    }

    fn cell(&self, who: Who, expected: Option<&str>) -> Cell {
        let answers = match expected {
            Some(expected) if self.checksums.iter().any(|one| one != expected) => Answers::Differ,
            Some(_) if !self.checksums.is_empty() => Answers::Agree,
            _ => Answers::Unchecked,
        };
        let figures = match &self.trouble {
            Some(error) => Err(error.to_string()),
            None => Figures::of(&self.turns).ok_or_else(|| "it had no turn".to_owned()),
        };
        Cell { who, figures, peak_bytes: median(&self.peaks).map(|bytes| bytes as u64), answers }
    }
}

/// What NumPy answered first, if it has a part.
fn expected(seats: &[Seat]) -> Option<String> {
    seats.iter().find(|seat| seat.contender == Contender::Numpy)?.checksums.first().cloned()
}

fn floor_cell(who: Who, turns: &[Turn]) -> Option<Cell> {
    let figures = Ok(Figures::of(turns)?);
    Some(Cell { who, figures, peak_bytes: None, answers: Answers::Unchecked })
}

fn started(task: &Task<'_>, contender: Contender) -> Result<Worker, WorkerError> {
    let mut worker = Worker::start(task.scripts, contender)?;
    let Loaded { version, peak_forgotten } =
        worker.ask(&json!({"do": "load", "operation": task.operation.name(), "n": task.size.0}))?;
    if !peak_forgotten {
        println!(
            "{version}: the kernel lets no process forget its peak, which so has the making of the inputs in it"
        );
    }
    Ok(worker)
}

fn run(worker: &mut Worker) -> Result<Turn, WorkerError> {
    let Ran { ns, cpu_ns } = worker.ask(&json!({"do": "run"}))?;
    Ok(Turn { ns, cpu_ns: Some(cpu_ns) })
}

fn check(worker: &mut Worker) -> Result<String, WorkerError> {
    worker.ask(&json!({"do": "check"})).map(|Checked { checksum }| checksum)
}

fn peak(worker: &mut Worker) -> Result<u64, WorkerError> {
    worker.ask(&json!({"do": "peak"})).map(|Peak { peak_bytes }| peak_bytes)
}

/// Who begins a round: another one each time, and the others follow in their order.
fn in_turn(count: usize, round: u32) -> impl Iterator<Item = usize> {
    (0..count).map(move |at| (at + round as usize) % count)
}

/// Figures of processes that have done the operation before, and of the floor of bandwidth where there is one.
///
/// # Errors
/// The floor fails. Contenders that fail are in their cells.
pub fn warm(task: &Task<'_>) -> Result<Vec<Cell>, Failure> {
    let mut seats: Vec<Seat> = task.contenders.iter().map(|&one| Seat::of(one)).collect();
    for seat in &mut seats {
        seat.start(task);
        // The first time is not counted.
        seat.ask(run);
        seat.look();
        seat.check();
    }
    let reduces = task.operation == Operation::Reduce;
    let mut floor = if task.operation.has_floor() { Some(Bandwidth::new(task.size.0, reduces)?) } else { None };
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for round in 0..=task.rounds {
        if let Some(floor) = &mut floor {
            together.push(if reduces { floor.sum()? } else { floor.triad()? });
            alone.push(if reduces { floor.sum_alone()? } else { floor.triad_alone()? });
        }
        // Nor is the floor's.
        if round == 0 {
            together.clear();
            alone.clear();
            continue;
        }
        in_turn(seats.len(), round).for_each(|at| seats[at].run());
    }
    seats.iter_mut().for_each(Seat::check);
    let expected = expected(&seats);
    let floors = [(Who::Bandwidth, together), (Who::BandwidthAlone, alone)];
    let mut cells: Vec<Cell> = floors.iter().filter_map(|(who, turns)| floor_cell(*who, turns)).collect();
    cells.extend(seats.iter().map(|seat| seat.cell(Who::Warm(seat.contender), expected.as_deref())));
    Ok(cells)
}

/// Figures of the first time in a fresh process, of ours and of NumPy, and of the floors of fresh pages.
///
/// # Errors
/// A floor fails. Contenders that fail are in their cells.
pub fn cold(task: &Task<'_>) -> Result<Vec<Cell>, Failure> {
    let taking_part = [Contender::Ours, Contender::Numpy].into_iter().filter(|one| task.contenders.contains(one));
    let mut seats: Vec<Seat> = taking_part.map(Seat::of).collect();
    let (mut shared, mut private) = (Vec::new(), Vec::new());
    for round in 0..task.rounds {
        shared.push(fresh::shared(task.size.0)?);
        private.push(fresh::private(task.size.0)?);
        for at in in_turn(seats.len(), round) {
            let seat = &mut seats[at];
            seat.start(task);
            seat.run();
            seat.look();
            seat.check();
            // It ends before the next one begins.
            seat.worker = None;
        }
    }
    let expected = expected(&seats);
    let floors = [(Who::FreshShared, shared), (Who::FreshPrivate, private)];
    let mut cells: Vec<Cell> = floors.iter().filter_map(|(who, turns)| floor_cell(*who, turns)).collect();
    cells.extend(seats.iter().map(|seat| seat.cell(Who::Cold(seat.contender), expected.as_deref())));
    Ok(cells)
}
