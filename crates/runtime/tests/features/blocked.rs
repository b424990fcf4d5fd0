//! Blocking methods: what happens to one that is cancelled or late, which nobody can drop.
//!
//! Each test has doors of its own in `DOORS`, because a blocking method sees no state.

use crate::stage::Stage;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;
use windlass::prelude::*;

static DOORS: [AtomicBool; 8] = [const { AtomicBool::new(false) }; 8];
static BEGUN: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];
/// What those saw at their end that were told to end.
static SEEN: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];

/// Methods that stand behind a door.
pub struct Gate;

#[module(export = false)]
impl Gate {
    #[create]
    fn create() -> Self {
        Self
    }
    /// Waits for its door, whatever its caller wants, and answers how many bytes are still as they were.
    #[method(blocking)]
    #[allow(clippy::disallowed_methods, reason = "a blocking method may")]
    fn stand(door: u32, data: In<Bytes>) -> u64 {
        BEGUN[door as usize].fetch_add(1, SeqCst);
        while !DOORS[door as usize].load(SeqCst) {
            std::thread::sleep(Duration::from_micros(200));
        }
        let whole = data.iter().filter(|byte| **byte == 7).count();
        SEEN[door as usize].store(whole as u32, SeqCst);
        whole as u64
    }
    /// Waits until it is told to end; says by its door that it heard, and what its context says.
    #[method(blocking)]
    #[allow(clippy::disallowed_methods, reason = "a blocking method may")]
    fn listen(cx: &Context<'_>, door: u32) -> bool {
        BEGUN[door as usize].fetch_add(1, SeqCst);
        assert_ne!(cx.random(), cx.random());
        let before = cx.now_ns();
        while !cx.cancelled() {
            std::thread::sleep(Duration::from_micros(200));
        }
        let late = cx.time_left().is_some_and(|left| left.is_zero()) && cx.now_ns() > before;
        SEEN[door as usize].store(1 + u32::from(late), SeqCst);
        true
    }
    /// Writes into the caller's memory as soon as its door is open.
    #[method(blocking)]
    #[allow(clippy::disallowed_methods, reason = "a blocking method may")]
    fn write(door: u32, mut out: Out<SharedBytes>) -> u64 {
        BEGUN[door as usize].fetch_add(1, SeqCst);
        while !DOORS[door as usize].load(SeqCst) {
            std::thread::sleep(Duration::from_micros(200));
        }
        out.write_at(0, &[9; 100]) as u64
    }
    /// Answers at once.
    #[method]
    fn ping(&self) {}
}

fn gate() -> (Stage, gate::Blocking) {
    let stage = Stage::of(&[Gate::TABLE]);
    let gate = gate::Blocking::create(&stage.client(), "gate").unwrap();
    (stage, gate)
}

fn begun(door: usize, count: u32) {
    while BEGUN[door].load(SeqCst) < count {
        std::thread::yield_now();
    }
}

#[test]
fn tasks_K20_a_cancelled_blocking_call_is_answered_at_once_and_keeps_its_memory_until_its_thread_ends() {
    let (stage, gate) = gate();
    let call = gate.pool().call(gate::methods::stand()).argument(&0_u32).input(&[7; 50_000]).send();
    begun(0, 1);
    call.cancel();
    let fault = call.wait().unwrap_err();
    assert!(fault.is(Code::Cancelled) && fault.outcome == Outcome::Unknown, "{fault:?}");
    let sessions = stage.admin().sessions().unwrap();
    assert!(sessions.iter().all(|session| session.in_flight <= 1), "only the call that asks: {sessions:?}");
    // Its door is still closed: what it reads must not have become somebody else's.
    DOORS[1].store(true, SeqCst);
    (0..20).for_each(|_| assert_eq!(gate.stand(1, &[3; 50_000]).unwrap(), 0));
    DOORS[0].store(true, SeqCst);
    stage.admin().flush().unwrap();
    assert_eq!(SEEN[0].load(SeqCst), 50_000);
    assert_eq!(gate.stand(0, &[7; 3]).unwrap(), 3, "its late answer met nobody else");
}

#[test]
fn tasks_K20_a_blocking_method_learns_that_its_time_is_over_and_its_caller_hears_at_that_time() {
    let (stage, gate) = gate();
    let call = gate.pool().call(gate::methods::listen()).argument(&2_u32).deadline(Duration::from_millis(20));
    let fault = call.wait().unwrap_err();
    assert!(fault.is(Code::DeadlineExceeded) && fault.outcome != Outcome::Ended, "{fault:?}");
    stage.admin().flush().unwrap();
    if BEGUN[2].load(SeqCst) > 0 {
        assert_eq!(SEEN[2].load(SeqCst), 2, "the context said so");
        assert_eq!(fault.outcome, Outcome::Unknown);
    }
}

#[test]
fn a_blocking_call_that_is_late_before_a_thread_is_free_does_not_begin() {
    let (stage, gate) = gate();
    let threads = threads_max();
    let held: Vec<_> = (0..threads)
        .map(|_| gate.pool().call(gate::methods::stand()).argument(&3_u32).input(&[7; 1]).send())
        .collect();
    begun(3, threads);
    let late = gate.pool().call(gate::methods::stand()).argument(&4_u32).input(&[7; 1]);
    let fault = late.deadline(Duration::from_millis(5)).wait().unwrap_err();
    assert!(fault.is(Code::DeadlineExceeded) && fault.outcome == Outcome::NotStarted, "{fault:?}");
    let given_up = gate.pool().call(gate::methods::stand()).argument(&4_u32).input(&[7; 1]).send();
    given_up.cancel();
    let fault = given_up.wait().unwrap_err();
    assert!(fault.is(Code::Cancelled) && fault.outcome == Outcome::NotStarted, "{fault:?}");
    DOORS[3].store(true, SeqCst);
    held.into_iter().for_each(|one| assert_eq!(one.wait().unwrap().value::<u64>().unwrap(), 1));
    stage.admin().flush().unwrap();
    assert_eq!(BEGUN[4].load(SeqCst), 0);
}

/// Threads of a node's blocking pool.
fn threads_max() -> u32 {
    let machine = std::thread::available_parallelism().map_or(1, usize::from);
    machine.clamp(2, windlass_lane::limits::BLOCKING_THREADS_MAX) as u32
}

#[test]
fn the_caller_of_a_blocking_method_that_writes_in_place_hears_when_its_memory_is_its_own_again() {
    let (stage, gate) = gate();
    let client = gate.pool().client();
    let mut loan = client.lend(100).unwrap();
    loan.fill(1);
    let call = gate.pool().call(gate::methods::write()).argument(&5_u32).output_shared(loan).send();
    begun(5, 1);
    call.cancel();
    // Two round trips on the same ring: the node has seen the cancel.
    gate.ping().unwrap();
    gate.ping().unwrap();
    assert!(!call.is_answered(), "its thread may still write there");
    DOORS[5].store(true, SeqCst);
    let (loan, _used) = call.wait().unwrap().take_loan(0).unwrap();
    assert_eq!(&loan[..], &[9; 100], "what it had done by then");
    stage.admin().flush().unwrap();
}
