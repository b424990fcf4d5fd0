//! The demo's node: a process of its own, in a directory of its own, that ends with the demo.
//!
//! Holds: the node is this same program (`serve`); it is told to end when this process does, however that ends.

use crate::trouble::Trouble;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use windlass_client::Client;
use windlass_contract::{Code, Fault};

/// How long the node may take to end when it is told to.
const END: Duration = Duration::from_secs(5);

/// A running node.
pub struct DemoNode {
    /// Its name.
    pub name: String,
    /// Its process.
    pub pid: u32,
    child: Child,
    // After the child: the directory goes when the process has ended.
    directory: TempDir,
}

impl DemoNode {
    /// Starts the node and waits for its ready line.
    ///
    /// # Errors
    /// `Io` when there is no process to be had; what the node says when it cannot start goes to standard error.
    pub fn start() -> Result<Self, Trouble> {
        let failed = |error: std::io::Error| Trouble::io("the demo's node", &error);
        let own = std::process::id();
        let name = format!("demo-{own}");
        let directory = tempfile::Builder::new().prefix("windlass-demo-").tempdir().map_err(failed)?;
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.args(["serve", "--json", "--log", "warn", "--drain-ms", "1000", "--name", name.as_str()]);
        command.arg("--state").arg(directory.path().join("node")).args(["--with-parent", &own.to_string()]);
        // Its settings are these alone, and a Ctrl-C is for the demo, which then stops it.
        for key in windlass_serve::keys::KEYS {
            command.env_remove(key.variable());
        }
        command.env_remove(windlass_serve::config::FILE_VARIABLE).current_dir(directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let pid = child.id();
        let mut line = String::new();
        let read = match child.stdout.take() {
            Some(out) => BufReader::new(out).read_line(&mut line),
            None => Ok(0),
        };
        let mut node = Self { name, pid, child, directory };
        read.map_err(failed)?;
        let ready = serde_json::from_str::<Value>(&line).is_ok_and(|value| value["ready"] == Value::Bool(true));
        if !ready {
            let how = node.end().map_err(failed)?;
            let text = format!("the demo's node did not become ready ({how}); its log is above");
            return Err(Fault::new(Code::NotConnected, text).into());
        }
        Ok(node)
    }

    /// Connects to it.
    ///
    /// # Errors
    /// As `Client::connect`.
    pub fn connect(&self) -> Result<Client, Fault> {
        Client::options().name("windlass demo").connect(&self.directory.path().join("node").display().to_string())
    }

    /// Stops it.
    ///
    /// # Errors
    /// `Internal` when it did not end well.
    pub fn stop(mut self) -> Result<(), Trouble> {
        let how = self.end().map_err(|error| Trouble::io("the demo's node", &error))?;
        if how.success() {
            return Ok(());
        }
        Err(Fault::new(Code::Internal, format!("the demo's node did not end well: {how}")).into())
    }

    /// Tells it to end, waits, and ends it by force if it does not.
    fn end(&mut self) -> std::io::Result<std::process::ExitStatus> {
        if let Some(how) = self.child.try_wait()? {
            return Ok(how);
        }
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
        }
        let until = Instant::now() + END;
        while Instant::now() < until {
            if let Some(how) = self.child.try_wait()? {
                return Ok(how);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for DemoNode {
    fn drop(&mut self) {
        // On the way out of a failure that is told already; the kernel ends it with this process in any case.
        let _ended = self.end();
    }
}
