//! Conformance: what the rows Y, B and F claim, as functions over any executor.
//!
//! Lives here: `Bench` (an executor, as these claims see it), the claims by topic, `conformance!` (which makes tests of all).
//! From: tests of this crate, of the lanes, of the simulator. To: a panic that says which claim does not hold.
//! Holds: a claim fixes an order only where waiting does: it makes one task run up to its wait before the next comes. All else
//! is left to the executor, so one that shuffles its tasks finds more.
//! Not here: random operations against a model, and refusals at limits: they need no executor, and stand in `tests/`.

#![allow(non_snake_case, reason = "tests are named after their requirement rows")]
#![allow(missing_docs, reason = "the claims are their names")]

mod barriers;
mod cancels;
mod channels;
mod closes;
mod flow;
mod locks;
mod pools;
mod reserve;
mod selects;
mod sleeps;

pub use barriers::*;
pub use cancels::*;
pub use channels::*;
pub use closes::*;
pub use flow::*;
pub use locks::*;
pub use pools::*;
pub use reserve::*;
pub use selects::*;
pub use sleeps::*;

use crate::Latch;
use std::cell::RefCell;
use std::fmt;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

/// A task that is not started.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// An executor of one thread.
pub trait Bench {
    /// Takes a task; it need not run before `run`.
    fn spawn(&self, task: Task);
    /// Runs until each task has ended or waits.
    fn run(&self);
}

/// Makes a `#[test]` of each claim. `$with` is a function that makes an executor, or several, and calls the claim with it:
/// `fn with(claim: fn(&dyn Bench))`.
#[macro_export]
macro_rules! conformance {
    ($with:path) => {
        $crate::conformance! { @ $with:
            volume_Y1_sleepers_are_woken_in_the_order_in_which_they_fell_asleep
            volume_Y1_a_wake_with_nobody_asleep_is_lost
            volume_Y1_waking_all_wakes_those_who_sleep_now_and_says_how_many
            volume_Y2_a_lock_is_handed_on_in_the_order_of_asking
            volume_Y2_trying_never_overtakes_who_waits
            volume_Y2_messages_of_several_writes_are_not_torn_apart
            volume_Y2_permits_are_given_in_the_order_of_asking
            volume_Y3_many_read_at_once_and_one_writes_alone
            volume_Y3_a_writer_is_not_starved_by_readers
            volume_Y3_readers_are_not_starved_by_writers
            volume_Y4_without_capacity_sender_and_receiver_meet
            volume_Y4_a_channel_holds_its_capacity_and_keeps_the_order
            volume_Y4_each_value_goes_to_one_receiver_in_the_order_of_waiting
            volume_Y4_trying_tells_full_from_empty_from_closed
            volume_Y4_the_last_sender_closes_after_the_last_value
            volume_Y4_the_last_receiver_gives_waiting_values_back
            volume_Y4_a_select_does_one_operation_and_leaves_the_others_as_they_were
            volume_Y4_a_select_takes_turns_among_those_that_can_be_done
            volume_Y4_a_select_that_waits_is_served_once
            volume_Y4_a_select_hears_of_a_closed_end
            volume_Y4_selects_on_both_ends_of_channels_meet
            volume_Y5_nobody_passes_a_barrier_before_all_have_come
            volume_Y5_each_batch_has_one_leader_and_the_next_may_follow_at_once
            volume_Y5_a_latch_opens_once_and_stays_open
            volume_Y6_a_wake_for_who_has_gone_reaches_the_next_who_slept_then
            volume_Y6_a_lock_for_who_has_gone_reaches_the_next
            volume_Y6_readers_go_on_when_the_writer_before_them_has_gone
            volume_Y6_a_value_for_who_has_gone_reaches_the_next_or_stays
            volume_Y6_a_send_that_is_given_up_leaves_the_order
            volume_Y6_a_select_that_is_given_up_leaves_everything_as_it_was
            volume_Y6_who_leaves_a_barrier_is_not_counted
            volume_Y6_a_buffer_for_who_has_gone_reaches_the_next
            volume_B1_a_pool_is_filled_to_the_low_mark_grows_to_the_high_one_and_shrinks_back
            volume_B2_a_get_sleeps_and_a_try_does_not
            volume_B2_a_zeroed_buffer_is_clean_whoever_had_it
            volume_B2_a_pool_that_cannot_be_filled_says_how_many_there_are
            volume_B3_without_memory_a_get_waits_for_what_is_out_and_a_try_says_so
            volume_B3_without_memory_nobody_waits_for_nothing
            volume_B4_closing_wakes_who_sleeps_and_waits_for_what_is_out
            volume_B5_a_buffer_comes_back_by_itself_from_wherever_it_went
            volume_B6_a_pool_counts_what_it_does
            volume_B7_the_reserve_is_there_when_all_else_is_out
            volume_B7_who_waits_for_the_reserve_goes_first
            volume_B7_the_reserve_is_there_when_memory_is_short
            volume_F1_a_fixed_set_of_handlers_makes_the_producer_stop
            volume_F1_so_many_at_once_and_the_rest_waits_outside
            volume_F2_pools_of_one_buffer_taken_in_one_order_never_deadlock
        }
    };
    (@ $with:path: $($claim:ident)*) => {
        $(
            #[test]
            fn $claim() {
                $with($crate::conformance::$claim);
            }
        )*
    };
}

/// What happened, in order.
#[derive(Clone, Default)]
struct Log<T = usize>(Rc<RefCell<Vec<T>>>);

impl<T: fmt::Debug + Clone + PartialEq> Log<T> {
    fn new() -> Self {
        Self(Rc::default())
    }

    fn add(&self, what: T) {
        self.0.borrow_mut().push(what);
    }

    /// What happened since the last time.
    fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.borrow_mut())
    }

    fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

/// Starts a task and lets it run up to its wait.
fn start(bench: &dyn Bench, task: impl Future<Output = ()> + 'static) {
    bench.spawn(Box::pin(task));
    bench.run();
}

/// Lets others run.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits for the future until `stop` is open; then drops it, also if it could have ended by now.
async fn unless<F: Future>(stop: &Latch, future: F) -> Option<F::Output> {
    let (mut future, mut stopped) = (pin!(future), pin!(stop.wait()));
    std::future::poll_fn(|cx| {
        if stopped.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// A latch that a test opens and tasks wait for.
fn gate() -> Rc<Latch> {
    Rc::new(Latch::new(1))
}
