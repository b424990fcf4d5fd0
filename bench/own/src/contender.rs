//! The `main` of a contender binary: it answers `kinds`, is a server, or is a client.
//!
//! Lives here: `Contender` (one kind: what it offers and how it serves and connects), `Door` (a server's way to its
//! driver), `Caller` (a client that performs runs), `main`.
//! Holds: a contender ends when its standard input closes and dies with its driver, so nothing is left running.
//! Not here: starting processes (`process`).

use crate::{
    limits::{LINE_BYTES_MAX, SERVER_GRACE},
    meter::Meter,
    operation::Questions,
    protocol::{Answer, Ask, Kind},
};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::{
    io::{self, BufRead, Read, Write},
    process::ExitCode,
    rc::Rc,
    sync::{Arc, Condvar, Mutex, PoisonError},
};

/// Whatever ends a contender: shown to a person, never matched on.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One kind of contender: what it offers, and both of its sides.
pub struct Contender {
    /// Its name, unique over all contender binaries.
    pub name: &'static str,
    /// One line for a reader of the table.
    pub about: &'static str,
    /// Both sides spin while they wait, so the driver asks it on two cores only.
    pub spins: bool,
    /// Largest request, in bytes.
    pub bytes_max: u64,
    /// Most requests outstanding.
    pub outstanding_max: u32,
    /// The server: says where it is through the door, then serves until the door closes or its client leaves.
    pub serve: fn(&Door) -> Result<(), Failure>,
    /// The client: connects to what the server said.
    pub connect: fn(&str) -> Result<Box<dyn Caller>, Failure>,
}

/// A connected client.
pub trait Caller {
    /// Performs the run that the meter describes: issue, send, receive, answer, until there is no more.
    ///
    /// # Errors
    /// Whatever ends the run; it is printed and the client ends.
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure>;
}

/// How a server ends once its door has closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It holds nothing that outlives the process: end it at once.
    AtOnce,
    /// It has something to put away: it looks at [`Door::closing`] and returns; after a grace it is ended.
    Tidy,
}

/// A server's way to its driver: where it says that it is ready, and where it learns that it should end.
#[derive(Debug, Clone, Default)]
pub struct Door {
    closing: Arc<(Mutex<bool>, Condvar)>,
}

impl Door {
    /// Says `ready ADDRESS` to the driver and begins to watch standard input.
    ///
    /// Shape: one word; clients are given it as it is.
    ///
    /// # Errors
    /// The driver is gone.
    pub fn ready(&self, address: &str, ending: Ending) -> Result<(), Failure> {
        let closing = Arc::clone(&self.closing);
        std::thread::Builder::new().name("door".into()).spawn(move || watch(&closing, ending))?;
        let mut out = io::stdout().lock();
        writeln!(out, "ready {address}")?;
        out.flush()?;
        Ok(())
    }

    /// Whether the driver wants this server to end.
    #[must_use]
    pub fn closing(&self) -> bool {
        *self.closing.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until the driver wants this server to end: for one that works on other threads, and costs nothing meanwhile.
    pub fn wait(&self) {
        let (closing, changed) = &*self.closing;
        let guard = closing.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_while(guard, |closing| !*closing).unwrap_or_else(PoisonError::into_inner));
    }
}

/// Sleeps until standard input closes, then ends the process, at once or after a grace.
fn watch((closing, changed): &(Mutex<bool>, Condvar), ending: Ending) {
    let mut rest = [0; 256];
    let mut input = io::stdin().lock();
    while matches!(input.read(&mut rest), Ok(1..)) {}
    *closing.lock().unwrap_or_else(PoisonError::into_inner) = true;
    changed.notify_all();
    if ending == Ending::Tidy {
        std::thread::sleep(SERVER_GRACE);
        eprintln!("the server did not end within {SERVER_GRACE:?} of being asked to");
    }
    std::process::exit(0);
}

const USAGE: &str = "usage: kinds | probes | server KIND | client KIND ADDRESS";

/// Runs a contender binary that offers `contenders`.
#[must_use]
pub fn main(contenders: &[Contender]) -> ExitCode {
    main_with_probes(contenders, &[])
}

/// Runs a contender binary that offers `contenders`, and has `probes` that the bench of calls leaves alone: kinds that benches
/// of their own ask for by name.
#[must_use]
pub fn main_with_probes(contenders: &[Contender], probes: &[Contender]) -> ExitCode {
    let find = |name: &str| find(contenders, name).or_else(|unknown| find(probes, name).map_err(|_| unknown));
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["kinds"] => kinds(contenders.iter()),
        ["probes"] => kinds(contenders.iter().chain(probes)),
        ["server", name] => die_with_the_driver().and_then(|()| (find(name)?.serve)(&Door::default())),
        ["client", name, address] => die_with_the_driver().and_then(|()| answer_runs(find(name)?, address)),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}: {failure}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn find<'a>(contenders: &'a [Contender], name: &str) -> Result<&'a Contender, Failure> {
    contenders.iter().find(|contender| contender.name == name).ok_or_else(|| {
        let names: Vec<&str> = contenders.iter().map(|contender| contender.name).collect();
        format!("there is no kind `{name}`; there are {}", names.join(", ")).into()
    })
}

/// The driver may be killed: then nobody closes our input in time for a client that is busy with a run.
fn die_with_the_driver() -> Result<(), Failure> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(())
}

fn kinds<'a>(contenders: impl Iterator<Item = &'a Contender>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for contender in contenders {
        writeln!(out, "{}", serde_json::to_string(&contender.kind())?)?;
    }
    Ok(out.flush()?)
}

impl Contender {
    fn kind(&self) -> Kind {
        Kind {
            name: self.name.to_owned(),
            about: self.about.to_owned(),
            spins: self.spins,
            bytes_max: self.bytes_max,
            outstanding_max: self.outstanding_max,
        }
    }

    /// Why this kind cannot perform `ask`, if it cannot.
    fn refusal(&self, ask: Ask) -> Option<String> {
        let Self { name, bytes_max, outstanding_max, .. } = self;
        if ask.bytes > *bytes_max {
            Some(format!("{name} carries at most {bytes_max} bytes"))
        } else if ask.outstanding > *outstanding_max {
            Some(format!("{name} has at most {outstanding_max} outstanding"))
        } else {
            None
        }
    }
}

/// A client's life: connect, then one answer for each line until standard input closes.
fn answer_runs(contender: &Contender, address: &str) -> Result<(), Failure> {
    let mut caller = (contender.connect)(address)?;
    let mut questions = Rc::new(Questions::new(0));
    let mut input = io::stdin().lock();
    loop {
        let mut line = String::new();
        if (&mut input).take(LINE_BYTES_MAX as u64).read_line(&mut line)? == 0 {
            return Ok(());
        }
        let ask: Ask = line.trim_end().parse()?;
        let answer = if let Some(refused) = contender.refusal(ask) {
            Answer::Refused { refused }
        } else {
            let bytes = usize::try_from(ask.bytes)?;
            if questions.bytes() != bytes {
                questions = Rc::new(Questions::new(bytes));
            }
            let mut meter = Meter::new(ask, Rc::clone(&questions))?;
            caller.run(&mut meter)?;
            Answer::Report(meter.report()?)
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
        out.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender() -> Contender {
        Contender {
            name: "fake",
            about: "a table entry, never run",
            spins: false,
            bytes_max: 64,
            outstanding_max: 4,
            serve: |_| Err("never run".into()),
            connect: |_| Err("never run".into()),
        }
    }

    #[test]
    fn a_run_beyond_a_limit_is_refused_in_words() {
        let ask = Ask { bytes: 64, n: 1, outstanding: 4, warm: 0 };
        assert_eq!(contender().refusal(ask), None);
        let says = |ask| contender().refusal(ask).expect("refused");
        assert_eq!(says(Ask { bytes: 65, ..ask }), "fake carries at most 64 bytes");
        assert_eq!(says(Ask { outstanding: 5, ..ask }), "fake has at most 4 outstanding");
    }

    #[test]
    fn an_unknown_kind_is_answered_with_those_there_are() {
        let failure = find(&[contender()], "fate").err().expect("unknown");
        assert_eq!(failure.to_string(), "there is no kind `fate`; there are fake");
    }
}
