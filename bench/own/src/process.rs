//! Pairs of processes under the driver: started, asked, watched, ended.
//!
//! Lives here: `Pair` (a contender's server and its clients, one unless more are wanted), `Process` (one of them), `kinds` (what a
//! binary offers).
//! Holds: every wait has a limit; a pair that is dropped is ended, by closing its input and, if that is not enough, by
//! its process id. Nothing is ever signalled by name.
//! Not here: what is asked and when (`drive`), what the kernel says of a process (`vitals`).

use crate::{
    limits::{END_WAIT, KINDS_WAIT, LINE_BYTES_MAX, READY_WAIT, RUN_WAIT},
    place::{PlaceError, Placement, Side, Third},
    protocol::{Answer, Ask, Kind, Report},
    vitals::{cpu_ns, peak_bytes},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

/// Why a pair gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A process could not be started.
    #[error("cannot start {}: {source}", program.display())]
    Start {
        /// Which binary.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could not be placed on its core.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// It said nothing for too long.
    #[error("{who} said nothing for {waited:?}")]
    Silent {
        /// Server or client, and of which kind.
        who: String,
        /// How long we waited.
        waited: Duration,
    },
    /// It ended instead of answering; its own words are on standard error.
    #[error("{who} ended instead of answering")]
    Ended {
        /// Server or client, and of which kind.
        who: String,
    },
    /// It said something that is not in the protocol.
    #[error("{who} said `{line}`, which is not in the protocol")]
    Garbled {
        /// Server or client, and of which kind.
        who: String,
        /// What it said.
        line: String,
    },
    /// Reading from or writing to it failed.
    #[error("{who}: {source}")]
    Pipe {
        /// Server or client, and of which kind.
        who: String,
        /// What the pipe said.
        source: io::Error,
    },
}

/// One contender process with its pipes. Dropping it ends it.
#[derive(Debug)]
pub struct Process {
    who: String,
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    unread: Vec<u8>,
}

impl Process {
    /// Starts `program words..`; standard error is the driver's.
    ///
    /// # Errors
    /// [`PairError::Start`].
    pub fn start(program: &Path, words: &[&str]) -> Result<Self, PairError> {
        let start = |source| PairError::Start { program: program.to_owned(), source };
        let mut child = Command::new(program)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(start)?;
        let input = child.stdin.take();
        let Some(output) = child.stdout.take() else { return Err(start(io::Error::other("no standard output"))) };
        Ok(Self { who: words.join(" "), child, input, output, unread: Vec::new() })
    }

    /// Starts a contender's server and waits until it is ready. Answers where it is.
    ///
    /// # Errors
    /// It does not start, cannot be placed, or says something else than `ready ADDRESS` in time.
    pub fn serve(program: &Path, kind: &str, placement: Placement) -> Result<(Self, String), PairError> {
        let mut server = placement.inherit(Side::Server, || Self::start(program, &["server", kind]))??;
        let line = server.line_or_end(READY_WAIT)?;
        match line.strip_prefix("ready ") {
            Some(address) => Ok((server, address.to_owned())),
            None => Err(PairError::Garbled { who: server.who.clone(), line }),
        }
    }

    /// Starts a contender's client, which connects to what its server said.
    ///
    /// # Errors
    /// It does not start or cannot be placed.
    pub fn connect(program: &Path, kind: &str, placement: Placement, address: &str) -> Result<Self, PairError> {
        placement.inherit(Side::Client, || Self::start(program, &["client", kind, address]))?
    }

    /// Asks a client for one run and waits for its answer.
    ///
    /// # Errors
    /// The client ends, is silent for too long, or answers outside the protocol.
    pub fn ask(&mut self, ask: Ask) -> Result<Answer, PairError> {
        self.tell(&ask.to_string())?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Answer, PairError> {
        let line = self.line_or_end(RUN_WAIT)?;
        serde_json::from_str(&line).map_err(|_| PairError::Garbled { who: self.who.clone(), line })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes one line to it.
    ///
    /// # Errors
    /// [`PairError::Pipe`] when it no longer reads.
    pub fn tell(&mut self, line: &str) -> Result<(), PairError> {
        let told = match &mut self.input {
            Some(input) => writeln!(input, "{line}").and_then(|()| input.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        told.map_err(|source| PairError::Pipe { who: self.who.clone(), source })
    }

    /// Its next line; `None` when it closed its output.
    ///
    /// # Errors
    /// [`PairError::Silent`] after `wait`; [`PairError::Garbled`] for a line beyond the limit; [`PairError::Pipe`].
    pub fn line(&mut self, wait: Duration) -> Result<Option<String>, PairError> {
        let until = Instant::now() + wait;
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            if self.unread.len() > LINE_BYTES_MAX {
                let line = String::from_utf8_lossy(&self.unread[..80]).into_owned();
                return Err(PairError::Garbled { who: self.who.clone(), line });
            }
            let left = until.saturating_duration_since(Instant::now());
            let mut chunk = [0; 4096];
            let read = readable(&self.output, left)
                .and_then(|ready| if ready { self.output.read(&mut chunk).map(Some) } else { Ok(None) })
                .map_err(|source| PairError::Pipe { who: self.who.clone(), source })?;
            match read {
                None if left.is_zero() => return Err(PairError::Silent { who: self.who.clone(), waited: wait }),
                None => {}
                Some(0) => return Ok(None),
                Some(length) => self.unread.extend_from_slice(&chunk[..length]),
            }
        }
    }

    fn line_or_end(&mut self, wait: Duration) -> Result<String, PairError> {
        self.line(wait)?.ok_or_else(|| PairError::Ended { who: self.who.clone() })
    }

    /// Closes its input, waits for it to end, kills it by its id if it does not. Says whether it ended well by itself.
    pub fn end(&mut self) -> bool {
        drop(self.input.take());
        let until = Instant::now() + END_WAIT;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_micros(500)),
                Ok(None) | Err(_) => break,
            }
        }
        eprintln!("{} did not end within {END_WAIT:?}; killed", self.who);
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            eprintln!("{}: {error}", self.who);
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until there is something to read (or the end of it); false when `wait` is over or a signal came.
fn readable(output: &ChildStdout, wait: Duration) -> io::Result<bool> {
    let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
    let mut watched = [PollFd::new(output, PollFlags::IN)];
    match poll(&mut watched, Some(&wait)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A contender's server and its clients, placed and connected.
///
/// Holds: clients are ended before their server (fields drop in this order).
#[derive(Debug)]
pub struct Pair {
    clients: Vec<Process>,
    server: Process,
    /// Who computes beside them, if the placement wants it.
    third: Option<Third>,
}

impl Pair {
    /// Starts the server, waits until it is ready, starts a client.
    ///
    /// # Errors
    /// A process does not start, cannot be placed, or says something else than `ready ADDRESS` in time.
    pub fn start(program: &Path, kind: &str, placement: Placement) -> Result<Self, PairError> {
        Self::start_with(program, kind, placement, 1)
    }

    /// The same with so many clients.
    ///
    /// # Errors
    /// As [`Pair::start`].
    pub fn start_with(program: &Path, kind: &str, placement: Placement, clients: u32) -> Result<Self, PairError> {
        let (server, address) = Process::serve(program, kind, placement)?;
        let connect = |_| Process::connect(program, kind, placement, &address);
        let clients = (0..clients).map(connect).collect::<Result<_, _>>()?;
        Ok(Self { clients, server, third: placement.third()? })
    }

    /// Asks each client for one run, all at the same time, and waits for their answers; of several they are put together
    /// ([`Report::together`]). A refusal of one is that of all.
    ///
    /// # Errors
    /// A client ends, is silent for too long, or answers outside the protocol.
    pub fn ask(&mut self, ask: Ask) -> Result<Answer, PairError> {
        let line = ask.to_string();
        self.clients.iter_mut().try_for_each(|client| client.tell(&line))?;
        let answers: Vec<Answer> = self.clients.iter_mut().map(Process::answer).collect::<Result<_, _>>()?;
        let mut reports = Vec::with_capacity(answers.len());
        for answer in answers {
            match answer {
                Answer::Report(report) => reports.push(report),
                refused => return Ok(refused),
            }
        }
        match Report::together(&reports) {
            Some(report) => Ok(Answer::Report(report)),
            None => Ok(Answer::Refused { refused: "there is no client".into() }),
        }
    }

    /// Whether nobody was put beside them.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.third.is_none()
    }

    /// CPU time of all processes since they started, in nanoseconds; `None` where the kernel does not say.
    #[must_use]
    pub fn cpu_ns(&self) -> Option<u64> {
        self.sum(cpu_ns)
    }

    /// Peak resident memory of all processes, in bytes; `None` where the kernel does not say.
    #[must_use]
    pub fn peak_bytes(&self) -> Option<u64> {
        self.sum(peak_bytes)
    }

    fn sum(&self, of: fn(u32) -> Option<u64>) -> Option<u64> {
        self.clients.iter().chain([&self.server]).map(|process| of(process.id())).sum()
    }

    /// Ends all, clients first. Says whether all ended well by themselves.
    #[must_use]
    pub fn end(mut self) -> bool {
        let mut well = true;
        for process in self.clients.iter_mut().chain([&mut self.server]) {
            // Each is ended, also after one that did not end well.
            well &= process.end();
        }
        well
    }
}

/// What a contender binary offers: `kinds`, or with `probes` also what only benches of their own ask for.
///
/// # Errors
/// It does not start, ends badly, is silent for too long, or prints something else than kinds.
pub fn kinds(program: &Path, word: &str) -> Result<Vec<Kind>, PairError> {
    let mut process = Process::start(program, &[word])?;
    let mut kinds = Vec::new();
    while let Some(line) = process.line(KINDS_WAIT)? {
        let kind = serde_json::from_str(&line);
        kinds.push(kind.map_err(|_| PairError::Garbled { who: program.display().to_string(), line })?);
    }
    if process.end() { Ok(kinds) } else { Err(PairError::Ended { who: program.display().to_string() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::start(Path::new("/bin/sh"), &["-c", script]).expect("a shell")
    }

    #[test]
    fn lines_arrive_whole_and_the_end_is_told_from_silence() {
        let mut process = shell("printf 'one\\ntwo\\nthr'; printf 'ee\\n'; read held");
        for expected in ["one", "two", "three"] {
            assert_eq!(process.line(READY_WAIT).expect("a line").as_deref(), Some(expected));
        }
        assert!(matches!(process.line(Duration::from_millis(1)), Err(PairError::Silent { .. })));
        drop(process.input.take());
        assert_eq!(process.line(READY_WAIT).expect("the end"), None);
    }

    #[test]
    fn closing_its_input_ends_a_process_and_tells_how() {
        assert!(shell("read held; exit 0").end());
        assert!(!shell("read held; exit 3").end());
    }

    #[test]
    fn a_server_that_is_not_ready_is_garbled() {
        let failure =
            Pair::start(Path::new("/bin/echo"), "any", Placement::Unpinned).expect_err("echo is no server");
        assert_eq!(failure.to_string(), "server any said `server any`, which is not in the protocol");
        let failure =
            Pair::start(Path::new("/bin/true"), "any", Placement::Unpinned).expect_err("true says nothing");
        assert_eq!(failure.to_string(), "server any ended instead of answering");
    }
}
