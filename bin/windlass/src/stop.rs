//! Stop: ending a node, and waiting for what it has accepted.

use crate::admin;
use crate::args::StopArgs;
use crate::output::Output;
use crate::target::Target;
use crate::trouble::Trouble;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::time::Duration;
use windlass_contract::{Code, Fault};

/// How long a node may take to end after its calls have.
const GRACE: Duration = Duration::from_secs(5);

/// `windlass flush`.
pub fn flush(target: &Target, output: Output) -> Result<(), Trouble> {
    admin::flush(&target.connect()?)?;
    output.data(&serde_json::json!({ "flushed": target.node }), || "every call accepted so far has ended".into())
}

/// `windlass stop`: returns when the node's process has ended.
pub fn stop(args: &StopArgs, output: Output) -> Result<(), Trouble> {
    let client = args.target.connect()?;
    let pid = client.welcome().pid;
    // Opened before it is told, so that the number cannot have become another process's.
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let process = process.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    match admin::stop(&client, args.deadline) {
        // Its last act may have been to stop.
        Err(fault) if !fault.is(Code::NodeGone) => return Err(fault.into()),
        _ => {}
    }
    drop(client);
    if let Some(process) = process {
        let limit = args.deadline.saturating_add(GRACE);
        let failed = |error: rustix::io::Errno| Trouble::io("waiting for the node", &error.into());
        let time =
            Timespec::try_from(limit).map_err(|_| Trouble::usage("such a long deadline cannot be waited for"))?;
        let mut fds = [PollFd::new(&process, PollFlags::IN)];
        if poll(&mut fds, Some(&time)).map_err(failed)? == 0 {
            let text = format!(
                "the node {} (process {pid}) was told to stop and has not ended after {}; end the process to stop it",
                args.target.node,
                windlass_serve::units::duration_text(limit)
            );
            return Err(Fault::new(Code::DeadlineExceeded, text).into());
        }
    }
    output.data(&serde_json::json!({ "stopped": args.target.node, "pid": pid }), || {
        format!("node {} has stopped (process {pid})", args.target.node)
    })
}
