//! Courtesy: a side that waits lets the other run on the processor that they share, when that is cheaper than to sleep.
//!
//! Lives here: `Courtesy`, one per side and waiting thread, kept by whoever waits. From: `client` (the reaper) and `runtime`
//!   (the worker), each before it sleeps.
//! Holds: giving way is no wake-up, because whoever gives way stays runnable: it saves the sleep and the wake when it brings
//!   the other side, and nothing depends on it. It is bounded to `limits::GIVE_WAY_TRIES` for each wait, stops where it does
//!   not pay, and stops at once, for longer each time, where somebody else took the processor meanwhile: the scheduler makes
//!   a thread that gives way wait for a whole slice of a third one that computes.
//! May touch: nothing; clock and scheduler are arguments, so that a worker can be stepped in another time.
//! Not here: sides on two processors (`Processors`), sleeping (`park.rs`).

use crate::limits::{GIVE_WAY_LONG_NS, GIVE_WAY_PAUSE_MAX_NS, GIVE_WAY_PAUSE_MIN_NS, GIVE_WAY_TRIES};

/// Below this share of waits won, giving way is not worth its system calls.
const WORTH: f32 = 0.25;
/// Every so many waits one that gave up tries again.
const PROBE_EVERY: u32 = 64;

/// Whether giving way has paid lately.
#[derive(Clone, Debug)]
pub struct Courtesy {
    /// Share of late waits that ended with what was waited for, 0 to 1.
    won: f32,
    waits: u32,
    /// Until when nobody is let pass, on the caller's clock.
    off_until_ns: u64,
    /// How long the next pause is to be.
    pause_ns: u64,
}

impl Default for Courtesy {
    fn default() -> Courtesy {
        Courtesy { won: 1.0, waits: 0, off_until_ns: 0, pause_ns: GIVE_WAY_PAUSE_MIN_NS }
    }
}

impl Courtesy {
    /// Lets others run by `pass` and looks by `ready`; answers whether what is waited for is there now. `now` is a monotonic
    /// clock in nanoseconds.
    ///
    /// Cost: while it pays, two readings of the clock and one or two calls of `pass`; else a count and perhaps one reading.
    #[inline]
    pub fn give_way(&mut self, now: impl Fn() -> u64, mut pass: impl FnMut(), ready: impl Fn() -> bool) -> bool {
        self.waits = self.waits.wrapping_add(1);
        if self.won < WORTH && !self.waits.is_multiple_of(PROBE_EVERY) {
            return false;
        }
        let before = now();
        if before < self.off_until_ns {
            return false;
        }
        let came = (0..GIVE_WAY_TRIES).any(|_| {
            pass();
            ready()
        });
        let after = now();
        if after.saturating_sub(before) > GIVE_WAY_LONG_NS {
            self.off_until_ns = after.saturating_add(self.pause_ns);
            self.pause_ns = (4 * self.pause_ns).min(GIVE_WAY_PAUSE_MAX_NS);
            return came;
        }
        if came {
            // A peer that computed for a while looks like a third thread, but only once.
            self.pause_ns = (self.pause_ns / 2).max(GIVE_WAY_PAUSE_MIN_NS);
        }
        // One part in eight is news; a probe that wins counts for more, so that one good probe is followed by another.
        let news = if self.won < WORTH { 2.0 } else { 8.0 };
        self.won += (f32::from(u8::from(came)) - self.won) / news;
        came
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A processor on which giving way takes so long and brings what is waited for, or does not.
    struct Shared {
        now_ns: Cell<u64>,
        takes_ns: u64,
        brings: bool,
        passes: Cell<u32>,
    }

    impl Shared {
        fn new(takes_ns: u64, brings: bool) -> Shared {
            Shared { now_ns: Cell::new(1), takes_ns, brings, passes: Cell::new(0) }
        }

        fn wait(&self, courtesy: &mut Courtesy) -> bool {
            let pass = || {
                self.passes.set(self.passes.get() + 1);
                self.now_ns.set(self.now_ns.get() + self.takes_ns);
            };
            let came = courtesy.give_way(|| self.now_ns.get(), pass, || self.brings);
            // What is done between two waits.
            self.now_ns.set(self.now_ns.get() + 10_000);
            came
        }
    }

    #[test]
    fn one_pass_is_enough_where_it_brings_the_other_side() {
        let (mut courtesy, shared) = (Courtesy::default(), Shared::new(1_000, true));
        for _ in 0..1000 {
            assert!(shared.wait(&mut courtesy));
        }
        assert_eq!(shared.passes.get(), 1000);
    }

    #[test]
    fn passes_that_bring_nothing_stop_and_a_won_probe_brings_them_back() {
        let (mut courtesy, vain) = (Courtesy::default(), Shared::new(300, false));
        for _ in 0..10_000 {
            assert!(!vain.wait(&mut courtesy));
        }
        let probes = 10_000 / PROBE_EVERY;
        assert!(vain.passes.get() <= GIVE_WAY_TRIES * (probes + 20), "{} passes in vain", vain.passes.get());
        let pays = Shared::new(1_000, true);
        let won = (0..2 * PROBE_EVERY).filter(|_| pays.wait(&mut courtesy)).count();
        assert!(won > PROBE_EVERY as usize / 2, "after the first won probe every wait gives way again");
    }

    #[test]
    fn beside_a_third_thread_a_slice_is_lost_once_a_second_at_most() {
        let slice_ns = 3_000_000;
        let (mut courtesy, crowded) = (Courtesy::default(), Shared::new(slice_ns, true));
        // Until the pause is as long as it gets: 1 ms, 4 ms, 16 ms, 64 ms, 256 ms.
        while courtesy.pause_ns < GIVE_WAY_PAUSE_MAX_NS {
            crowded.wait(&mut courtesy);
        }
        let (before, since_ns) = (crowded.passes.get(), crowded.now_ns.get());
        assert!(before <= 5, "a slice for each pause that is shorter, {before} were given");
        while crowded.now_ns.get() - since_ns < 10 * GIVE_WAY_PAUSE_MAX_NS {
            crowded.wait(&mut courtesy);
        }
        assert!(crowded.passes.get() - before <= 11, "{} in ten seconds", crowded.passes.get() - before);
    }

    /// A peer that computed for a millisecond when it connected was taken for a third thread, four times in a row, and the
    /// first tenth of a second of every client was slow.
    #[test]
    fn a_peer_that_computes_now_and_then_is_let_pass_all_the_same() {
        let mut courtesy = Courtesy::default();
        let (thinks, answers) = (Shared::new(1_000_000, true), Shared::new(1_000, true));
        let mut won = 0;
        for _ in 0..8 {
            thinks.wait(&mut courtesy);
            thinks.now_ns.set(thinks.now_ns.get() + 2 * GIVE_WAY_PAUSE_MIN_NS);
            answers.now_ns.set(thinks.now_ns.get());
            won += (0..1000).filter(|_| answers.wait(&mut courtesy)).count();
            thinks.now_ns.set(answers.now_ns.get());
        }
        assert!(won > 7_900, "{won} of 8000 short waits gave way");
    }

    #[test]
    fn when_the_third_thread_has_gone_giving_way_comes_back_and_its_pauses_are_short_again() {
        let (mut courtesy, crowded) = (Courtesy::default(), Shared::new(3_000_000, true));
        for _ in 0..1_000_000 {
            crowded.wait(&mut courtesy);
        }
        let free = Shared::new(1_000, true);
        free.now_ns.set(crowded.now_ns.get());
        let won = (0..200_000).filter(|_| free.wait(&mut courtesy)).count();
        assert!(won > 90_000, "the last pause is over within a second, and then each wait is won: {won}");
        assert_eq!(courtesy.pause_ns, GIVE_WAY_PAUSE_MIN_NS);
    }
}
