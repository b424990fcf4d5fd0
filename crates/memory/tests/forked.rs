//! A claim about processes: a forked child knows that it is one, and so does its own child.
#![allow(non_snake_case, reason = "requirement rows keep their letters")]
#![allow(unsafe_code, reason = "fork has no safe form")]

use rustix::process::{Pid, WaitOptions, waitpid};
use windlass_memory::ForkGuard;

unsafe extern "C" {
    fn fork() -> i32;
    fn _exit(status: i32) -> !;
}

/// Forks, runs `inside` in the child, and answers what it answered.
fn in_a_child(inside: impl Fn() -> u8) -> i32 {
    // SAFETY: between here and `_exit` the child runs `inside` alone, which takes no lock, allocates nothing and unwinds
    //   nowhere. Breaks if: `inside` panicked; it compares numbers only.
    let child = unsafe { fork() };
    if child == 0 {
        let status = inside();
        // SAFETY: ends the child at once; nothing of the parent's is flushed or dropped twice.
        unsafe { _exit(i32::from(status)) }
    }
    let child = Pid::from_raw(child).expect("fork");
    let (_, status) = waitpid(Some(child), WaitOptions::empty()).expect("waitpid").expect("it has ended");
    status.exit_status().expect("it exits")
}

#[test]
fn a_forked_child_knows_that_it_is_one_and_its_parent_that_it_is_not() {
    let guard = ForkGuard::new().expect("a page");
    assert_eq!(in_a_child(|| u8::from(guard.forked())), 1);
    assert_eq!(in_a_child(|| in_a_child(|| u8::from(guard.forked())) as u8), 1);
    assert!(!guard.forked());
}

#[test]
fn a_guard_made_in_a_child_answers_for_that_child() {
    let status = in_a_child(|| match ForkGuard::new() {
        Ok(guard) => u8::from(guard.forked()),
        Err(_) => 2,
    });
    assert_eq!(status, 0);
}
