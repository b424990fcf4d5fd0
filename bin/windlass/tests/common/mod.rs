//! What the tests share: the real command, and nodes in directories of their own.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::disallowed_methods, reason = "tests wait for processes and read files")]

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How often something that has to come is looked for before a test gives up, and the pause between two looks.
const LOOKS: usize = 3000;
const PAUSE: Duration = Duration::from_millis(10);

/// The command, without any setting of the machine's.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WINDLASS_")) {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub fn windlass(args: &[&str]) -> Output {
    command(args).output().expect("the command runs")
}

/// What went well wrote.
pub fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// What failed said; words stand as they were before lines were broken.
pub fn complaint(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "a failure writes no data: {output:?}");
    let text = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    text.split_whitespace().filter(|word| *word != "|").collect::<Vec<_>>().join(" ")
}

/// What went well wrote, as JSON.
pub fn json(output: &Output) -> Value {
    let text = stdout(output);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Looks until there is something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("{what} did not come");
}

/// A node of its own.
pub struct Node {
    child: Child,
    /// What it said when it was ready.
    pub ready: String,
    folder: TempDir,
}

impl Node {
    /// Starts one; `args` follow `serve --state ..`.
    pub fn start(args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), args)
    }

    /// Starts one in a folder that has files already.
    pub fn start_in(folder: TempDir, args: &[&str]) -> Self {
        let mut command = command(&["serve", "--state"]);
        command.arg(folder.path().join("node")).args(args).current_dir(folder.path());
        Self::of(command, folder)
    }

    /// Starts this command, which is a node with its directory in `folder/node`.
    pub fn of(mut command: Command, folder: TempDir) -> Self {
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("a process");
        let mut ready = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut ready).expect("readable");
        let node = Self { child, ready: ready.trim_end().to_owned(), folder };
        assert!(!node.ready.is_empty(), "the node did not become ready:\n{}", node.log());
        node
    }

    /// What clients connect to.
    pub fn address(&self) -> String {
        self.directory().display().to_string()
    }

    /// Its directory.
    pub fn directory(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    /// A path beside its directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A command that talks to it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.args(["--node", &self.address()]);
        command
    }

    /// Runs a command that talks to it.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the command runs")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("sent");
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until it has logged this.
    pub fn wait_for_log(&self, text: &str) {
        wait_for(text, || self.log().contains(text).then_some(()));
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        wait_for("the node's end", || self.child.try_wait().expect("a child"))
    }

    /// Kills it, as a machine without power would; its folder stays.
    pub fn killed(mut self) -> TempDir {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
        std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"))
    }

    /// Tells it to stop and waits until it has; its folder stays.
    pub fn stopped(mut self) -> TempDir {
        self.signal(Signal::TERM);
        assert!(self.wait().success(), "{}", self.log());
        std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"))
    }

    /// Waits until so many sessions have a call in flight, the one that asks among them.
    pub fn wait_for_calls(&self, sessions: usize) {
        wait_for("a call in flight", || {
            let all = json(&self.run(&["ls", "sessions", "--json"]));
            let busy = all.as_array().expect("a list").iter().filter(|one| one["in_flight"] != 0).count();
            (busy >= sessions).then_some(())
        });
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _may_have_ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Writes a file.
pub fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}
