//! A command, run where everybody can see it, with an end in every case.
//!
//! Lives here: `run` (output streamed and kept), `pass` (output left alone), `Ran` (how it ended).
//! Holds: a child has its own process group and no input; silence about a new step for longer than the limit, or an interrupt of
//! this process, ends the whole group; a child that ended but left others behind on its output does not hold us up, and is told.
//! Not here: what the output means (`report`).

use crate::repo::Trouble;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Once, mpsc};
use std::time::{Duration, Instant};

/// How long output may stay open after the child has ended.
const GRACE: Duration = Duration::from_secs(3);
/// How often a child is looked at while it says nothing.
const LOOK: Duration = Duration::from_millis(50);
/// Exit code of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// Process group of the child that runs now; 0 = none. xtask runs one child at a time.
static RUNNING: AtomicI32 = AtomicI32::new(0);
/// Set before an interrupt ends the child, so that its death is not taken for a failure of its own.
static STOPPING: AtomicBool = AtomicBool::new(false);
static WATCH: Once = Once::new();

/// How a child ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit status.
    pub status: ExitStatus,
    /// All lines of its standard output and standard error, in the order in which they came.
    pub lines: Vec<String>,
    /// The limit was reached and the group was ended.
    pub hung: bool,
    /// The child ended, but processes it had started kept its output open and were ended.
    pub left_behind: bool,
}

impl Ran {
    /// Ended by itself, with success, and left nothing running.
    pub fn clean(&self) -> bool {
        self.status.success() && !self.hung && !self.left_behind
    }

    /// Why it is not `clean`, in words; empty if it is.
    pub fn complaint(&self, limit: Duration) -> String {
        if self.hung {
            format!("hung: nothing ended within {} s, its process group was killed", limit.as_secs())
        } else if !self.status.success() {
            format!("ended with {}", self.status)
        } else if self.left_behind {
            "left processes behind that kept its output open; they were killed".to_owned()
        } else {
            String::new()
        }
    }
}

/// Prints to standard output at once; a reader that went away is not our failure.
pub fn say(text: &str) {
    if cfg!(test) {
        // The test harness keeps what `println` prints, and shows it only of a test that failed.
        println!("{text}");
        return;
    }
    let mut out = std::io::stdout().lock();
    let _reader_gone = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// The command line as a person would type it.
pub fn command_line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut line = program.to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

/// Runs a command, streams both of its outputs to ours in order, and keeps the lines.
///
/// `limit` is the longest time without a step; `is_step` says which lines begin one (a test binary, say).
///
/// # Errors
/// `Trouble::Start` if it does not start.
pub fn run(command: &mut Command, limit: Duration, is_step: impl Fn(&str) -> bool) -> Result<Ran, Trouble> {
    let line = command_line(command);
    let trouble = |source| Trouble::Start { command: line.clone(), source };
    let (reader, writer) = std::io::pipe().map_err(trouble)?;
    let second = writer.try_clone().map_err(trouble)?;
    command.stdin(Stdio::null()).stdout(writer).stderr(second).process_group(0);
    let mut child = command.spawn().map_err(trouble)?;
    // The command keeps our ends of the pipe: without this the end of the output would never come.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let group = Group::of(child.id());

    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
            bytes.clear();
            if sender.send(line).is_err() {
                break;
            }
        }
    });

    let mut kept = Vec::new();
    let (mut hung, mut left_behind, mut ended) = (false, false, None);
    let mut step_began = Instant::now();
    let mut ended_at = Instant::now();
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(text) => {
                say(&text);
                if is_step(&text) {
                    step_began = Instant::now();
                }
                kept.push(text);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if ended.is_none() {
            ended = child.try_wait().map_err(trouble)?;
            ended_at = Instant::now();
            if ended.is_none() && step_began.elapsed() > limit && !hung {
                hung = true;
                group.kill();
            }
        } else if ended_at.elapsed() > GRACE {
            // Whoever still holds the output may have left the group as well, so nobody waits for them a second time.
            left_behind = true;
            group.kill();
            break;
        }
    }
    let status = match ended {
        Some(status) => status,
        None => wait_within(&mut child, limit, &group).map_err(trouble)?,
    };
    group.stop_if_interrupted();
    Ok(Ran { status, lines: kept, hung, left_behind })
}

/// Waits for a child that closed its output but may still run.
fn wait_within(child: &mut std::process::Child, limit: Duration, group: &Group) -> std::io::Result<ExitStatus> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if began.elapsed() > limit {
            group.kill();
            return child.wait();
        }
        std::thread::sleep(LOOK);
    }
}

/// Runs a command that talks to the user itself: its output is ours, and nothing is kept.
///
/// # Errors
/// `Trouble::Start` if it does not start, `Trouble::Ended` if it ends without success.
pub fn pass(command: &mut Command) -> Result<(), Trouble> {
    let line = command_line(command);
    let status = command.status().map_err(|source| Trouble::Start { command: line.clone(), source })?;
    if status.success() { Ok(()) } else { Err(Trouble::Ended { command: line, ending: status.to_string() }) }
}

/// The process group of a child, known to the watch for interrupts while it lives.
struct Group(Option<Pid>);

impl Group {
    fn of(child: u32) -> Self {
        WATCH.call_once(watch_for_interrupts);
        let id = i32::try_from(child).unwrap_or(0);
        RUNNING.store(id, Ordering::SeqCst);
        let group = Self(Pid::from_raw(id));
        // The watch may have looked just before the child was known to it.
        group.stop_if_interrupted();
        group
    }

    /// Ends everything if this process was asked to end.
    fn stop_if_interrupted(&self) {
        if STOPPING.load(Ordering::SeqCst) {
            self.kill();
            std::process::exit(INTERRUPTED);
        }
    }

    fn kill(&self) {
        kill(self.0);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        RUNNING.store(0, Ordering::SeqCst);
    }
}

fn kill(group: Option<Pid>) {
    if let Some(group) = group {
        // Fails only when nobody of the group is left, which is what we want.
        let _gone = kill_process_group(group, Signal::KILL);
    }
}

/// A child in a group of its own does not hear Ctrl-C, so we pass it on.
fn watch_for_interrupts() {
    let signals = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP];
    match signal_hook::iterator::Signals::new(signals) {
        Ok(mut signals) => {
            std::thread::spawn(move || {
                if signals.forever().next().is_some() {
                    STOPPING.store(true, Ordering::SeqCst);
                    kill(Pid::from_raw(RUNNING.load(Ordering::SeqCst)));
                    std::process::exit(INTERRUPTED);
                }
            });
        }
        Err(error) => say(&format!("xtask: an interrupt will not end the commands it runs: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_outputs_are_kept_in_order_and_the_status_is_told() {
        let ran =
            run(&mut shell("echo one; echo two >&2; echo three; exit 7"), Duration::from_secs(60), |_| false);
        let ran = ran.expect("sh starts");
        assert_eq!(ran.lines, ["one", "two", "three"]);
        assert_eq!(ran.status.code(), Some(7));
        assert!(!ran.clean());
    }

    #[test]
    fn a_child_that_hangs_is_ended_with_all_it_started() {
        let ran =
            run(&mut shell("sleep 1000 & sleep 1000"), Duration::from_millis(200), |_| false).expect("sh starts");
        assert!(ran.hung);
        assert!(ran.complaint(Duration::ZERO).starts_with("hung"));
    }

    #[test]
    fn what_a_child_leaves_behind_is_ended_and_told() {
        let ran =
            run(&mut shell("sleep 1000 & echo done"), Duration::from_secs(60), |_| false).expect("sh starts");
        assert!(ran.status.success());
        assert!(ran.left_behind);
        assert!(!ran.clean());
    }
}
