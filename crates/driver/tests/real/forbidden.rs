//! Where io_uring is forbidden, as default container profiles do.

use super::FORBIDDEN;
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Refuses the three system calls of io_uring, and allows all others.
fn filter() -> seccompiler::BpfProgram {
    use seccompiler::{SeccompAction, SeccompFilter};
    let calls = [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];
    let rules: BTreeMap<i64, Vec<_>> = calls.into_iter().map(|call| (call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let here = std::env::consts::ARCH.try_into().unwrap();
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, here).unwrap().try_into().unwrap()
}

#[test]
fn volume_IO1_where_io_uring_is_forbidden_the_driver_chooses_the_fallback_and_keeps_every_claim() {
    if std::env::var_os(FORBIDDEN).is_some() {
        return;
    }
    let filter = filter();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["chosen::", "--test-threads", "4"]).env(FORBIDDEN, "1");
    // SAFETY: between fork and exec; it makes two system calls and takes no lock.
    unsafe { child.pre_exec(move || seccompiler::apply_filter(&filter).map_err(std::io::Error::other)) };
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("chosen::volume_IO12_"), "{text}");
}
