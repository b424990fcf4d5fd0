//! Workers: a contender as a Python process that is asked one line and answers one line.
//!
//! Lives here: `Contender` (who there is), `Scripts` (the contenders' files, put into a folder of this run), `Worker`, `WorkerError`.
//! Holds: each wait has an end, after which the process is killed; a worker ends with its value, and the node that it started with it.
//! Not here: what it does (`contenders/*.py`).

use crate::limits::{ANSWER_WAIT, END_WAIT, LINE_BYTES_MAX};
use clap::ValueEnum;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Who does the operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Contender {
    /// Arrays in a node.
    Ours,
    /// NumPy, whose answers the others are held against.
    Numpy,
    /// pandas.
    Pandas,
    /// Polars.
    Polars,
}

impl Contender {
    /// All, in the order that tables have.
    pub const ALL: [Self; 4] = [Self::Ours, Self::Numpy, Self::Pandas, Self::Polars];

    /// As workers and rows call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Numpy => "numpy",
            Self::Pandas => "pandas",
            Self::Polars => "polars",
        }
    }

    /// For people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Ours => "Windlass",
            Self::Numpy => "NumPy",
            Self::Pandas => "pandas",
            Self::Polars => "Polars",
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title())
    }
}

/// The contenders' files.
const FILES: [(&str, &str); 7] = [
    ("worker.py", include_str!("../contenders/worker.py")),
    ("data.py", include_str!("../contenders/data.py")),
    ("small.py", include_str!("../contenders/small.py")),
    ("ours.py", include_str!("../contenders/ours.py")),
    ("numpy_.py", include_str!("../contenders/numpy_.py")),
    ("pandas_.py", include_str!("../contenders/pandas_.py")),
    ("polars_.py", include_str!("../contenders/polars_.py")),
];

/// An interpreter and the folder it finds the contenders in, which goes with this.
#[derive(Debug)]
pub struct Scripts {
    python: PathBuf,
    folder: tempfile::TempDir,
}

impl Scripts {
    /// Puts the files where `python` is to find them.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn new(python: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("wl-array-").tempdir()?;
        for (name, text) in FILES {
            std::fs::write(folder.path().join(name), text)?;
        }
        Ok(Self { python: python.to_owned(), folder })
    }
}

/// Why a worker gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It could not be started.
    #[error("{program} could not be started: {source}")]
    Start {
        /// The interpreter.
        program: String,
        /// The system's word.
        source: io::Error,
    },
    /// It said what went wrong.
    #[error("{0}")]
    Told(String),
    /// Its process is gone.
    #[error("the process of {0} has ended without an answer")]
    Gone(Contender),
    /// Its time is over; it was killed.
    #[error("{0} gave no answer within {1:?} and was ended")]
    Late(Contender, Duration),
    /// It answered something else.
    #[error("{contender} answered what was not asked: {source}")]
    Words {
        /// Who.
        contender: Contender,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
}

/// A contender's process.
#[derive(Debug)]
pub struct Worker {
    contender: Contender,
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Worker {
    /// Starts a process; nodes of it stand in the folder of the run.
    ///
    /// # Errors
    /// `Start`.
    pub fn start(scripts: &Scripts, contender: Contender) -> Result<Self, WorkerError> {
        let fail = |source| WorkerError::Start { program: scripts.python.display().to_string(), source };
        let mut command = Command::new(&scripts.python);
        command.arg("-B").arg(scripts.folder.path().join("worker.py")).arg(contender.name());
        command.env("WINDLASS_DIR", scripts.folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(fail)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (sender, answers) = sync_channel(1);
        let output = output.ok_or_else(|| fail(io::ErrorKind::BrokenPipe.into()))?;
        thread::spawn(move || {
            let mut lines = BufReader::new(output);
            loop {
                let mut line = String::new();
                match lines.by_ref().take(LINE_BYTES_MAX).read_line(&mut line) {
                    Ok(read) if read > 0 && line.ends_with('\n') => {}
                    // The end, half a line, or no text: whoever waits hears that the process is gone.
                    _ => return,
                }
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { contender, child, input, answers })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// All but `Start`.
    pub fn ask<T: DeserializeOwned>(&mut self, request: &impl Serialize) -> Result<T, WorkerError> {
        let contender = self.contender;
        let words = |source| WorkerError::Words { contender, source };
        let gone = || WorkerError::Gone(contender);
        let mut line = serde_json::to_string(request).map_err(words)?;
        line.push('\n');
        let input = self.input.as_mut().ok_or_else(gone)?;
        input.write_all(line.as_bytes()).map_err(|_| gone())?;
        let answer = match self.answers.recv_timeout(ANSWER_WAIT) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            Err(RecvTimeoutError::Timeout) => {
                self.kill();
                return Err(WorkerError::Late(contender, ANSWER_WAIT));
            }
        };
        match serde_json::from_str(&answer) {
            Ok(Failed { error }) => Err(WorkerError::Told(error)),
            Err(_) => serde_json::from_str(&answer).map_err(words),
        }
    }

    fn kill(&mut self) {
        if let Err(error) = self.child.kill() {
            eprintln!("windlass-bench-array: {} cannot be ended: {error}", self.contender);
        }
    }
}

/// What a worker says went wrong.
#[derive(serde::Deserialize)]
struct Failed {
    error: String,
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.input.take());
        let until = Instant::now() + END_WAIT;
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(Some(_)) => return,
                Ok(None) => thread::sleep(Duration::from_millis(5)),
                Err(error) => {
                    eprintln!("windlass-bench-array: {}: {error}", self.contender);
                    return;
                }
            }
        }
        self.kill();
        if let Err(error) = self.child.wait() {
            eprintln!("windlass-bench-array: {}: {error}", self.contender);
        }
    }
}
