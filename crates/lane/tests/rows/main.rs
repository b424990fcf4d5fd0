//! The rows of tasks and scheduling, one suite for every backend of the driver.
//!
//! A test is called after its backend and its row: `real::volume_T4_..`.
#![allow(clippy::disallowed_methods, reason = "tests start threads of their own")]

mod suite;
mod suite_ends;
mod suite_lanes;

use windlass_driver::Driver;
use windlass_driver::real::RealDriver;
use windlass_driver::sim::{Machine, SimDriver, SimWorld, Weather};
use windlass_lane::{Bell, Engine};

/// A driver and the engine that was made over it.
pub struct World {
    /// In the backend's time.
    pub driver: Box<dyn Driver>,
    /// Stepped with that driver.
    pub engine: Engine,
}

impl World {
    fn new(mut driver: Box<dyn Driver>, bell: Option<Bell>) -> Self {
        let engine = Engine::new(&mut *driver, bell);
        Self { driver, engine }
    }

    /// Runs `main` to its end and that of all it spawned.
    pub fn run<F: Future + 'static>(&mut self, main: impl FnOnce(windlass_lane::Cx) -> F) -> F::Output {
        match self.engine.run(&mut *self.driver, main) {
            Ok(windlass_lane::Exit::Ok(value)) => value,
            Ok(_) => panic!("the first task did not end by itself"),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Makes a world of one backend.
pub type Make = fn() -> World;

/// The suite on one backend.
macro_rules! on {
    ($backend:ident, $make:expr, [$($file:ident: $($row:ident),+ $(,)?);+ $(;)?]) => {
        mod $backend {
            #![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
            $($(
                #[test]
                fn $row() {
                    crate::$file::$row($make);
                }
            )+)+
        }
    };
}

macro_rules! all_on {
    ($backend:ident, $make:expr) => {
        on!($backend, $make, [
            suite:
                volume_T1_a_task_has_an_id_a_name_and_a_lane,
                volume_T2_spawn_queues_and_spawn_now_runs_until_the_first_wait,
                volume_T3_a_spawn_past_the_cap_is_an_error_that_may_be_tried_again,
                volume_T4_yield_tells_how_many_others_ran,
                volume_T6_a_system_task_is_not_waited_for,
                volume_T7_a_sleeper_resumes_not_before_its_time_and_others_run,
                volume_T7_a_million_timers_can_be_set_and_one_more_is_an_error,
                volume_T9_two_engines_share_nothing,
                volume_T11_the_list_tells_state_and_counters_of_each_task,
                volume_T12_a_task_with_a_large_state_takes_heap_and_no_stack,
                volume_T13_cells_are_used_again_under_a_new_generation;
            suite_ends:
                volume_T5_a_join_tells_how_a_task_ended_and_the_last_status_is_kept,
                volume_T8_a_panic_ends_its_task_and_nothing_else,
                volume_T8_a_panic_in_a_drop_or_of_a_payload_stays_inside_too,
                volume_T10_tasks_that_nothing_can_wake_are_named_and_the_process_goes_on,
                a_cancel_is_a_request_that_waits_hear_and_shields_do_not,
                a_cancelled_task_that_does_not_end_is_dropped_after_its_grace,
                an_aborted_task_is_dropped_when_it_would_run_next,
                an_engine_that_ends_drops_what_it_has_where_it_is,
        ]);
    };
}

fn real() -> World {
    let driver = RealDriver::new().expect("a driver");
    let remote = driver.remote();
    World::new(Box::new(driver), Some(std::sync::Arc::new(move || remote.ring())))
}

fn sim() -> World {
    let world = SimWorld::new(7, Weather::calm());
    World::new(Box::new(SimDriver::alone(&world, Machine(0)).expect("a driver")), None)
}

all_on!(real, crate::real);
all_on!(sim, crate::sim);
on!(sim_lanes, crate::sim, [
    suite_lanes:
        two_lanes_at_weights_three_to_one_divide_the_time_so,
        a_hog_moves_its_neighbour_by_less_than_a_quantum,
        a_long_loop_in_morsels_lets_others_run_every_quantum,
]);

/// The claims of the wait primitives, on an engine of each backend.
mod waits {
    use crate::{Make, World};
    use std::cell::RefCell;
    use windlass_lane::{EngineError, Next};
    use windlass_wait::conformance::{Bench, Task};

    struct OnEngine(RefCell<World>);

    impl Bench for OnEngine {
        fn spawn(&self, task: Task) {
            self.0.borrow().engine.cx().spawn("of a claim", task).expect("there is room").detach();
        }
        fn run(&self) {
            let mut world = self.0.borrow_mut();
            let World { driver, engine } = &mut *world;
            loop {
                match engine.turn(&mut **driver) {
                    Ok(Next::Again) => {}
                    // What is left waits for the next round.
                    Ok(Next::Ended) | Err(EngineError::Stalled(_)) => return,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    pub(crate) fn on(make: Make, claim: fn(&dyn Bench)) {
        claim(&OnEngine(RefCell::new(make())));
    }

    mod real {
        #![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
        fn with(claim: fn(&dyn windlass_wait::conformance::Bench)) {
            super::on(crate::real, claim);
        }
        windlass_wait::conformance!(with);
    }

    mod sim {
        #![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
        fn with(claim: fn(&dyn windlass_wait::conformance::Bench)) {
            super::on(crate::sim, claim);
        }
        windlass_wait::conformance!(with);
    }
}
