//! Claims about the hooks that a node asks: linked in and loaded alike, over one worker and over three.

use crate::library;
use crate::stage::{Stage, block_on};
use windlass::{Code, Outcome, Query};
use windlass_client::Pending;
use windlass_contract::admin::MethodFacts;
use windlass_example_hooks::{Line, line};

/// Makes a claim of a pool of so many containers: of one worker and of three, linked in and loaded.
fn on_both_roads(containers: u32, claim: impl Fn(&Stage, &line::Blocking)) {
    for (loaded, workers) in [(false, 1), (true, 1), (false, 3), (true, 3)] {
        println!("hooks are loaded: {loaded}, workers: {workers}");
        let stage = Stage::with(|config| {
            config.workers = workers;
            if !loaded {
                config.modules.push(Line::TABLE);
            }
        });
        if loaded {
            let path = library::build("windlass-example-hooks");
            stage.admin().load(path.to_str().expect("a path in UTF-8")).expect("the library loads");
        }
        stage.admin().create_spread("line", "line", &[], containers, "round_robin").expect("the pool is made");
        claim(&stage, &line::Blocking::connect(&stage.address(), "line").expect("it is there"));
    }
}

fn facts(stage: &Stage, method: &str) -> MethodFacts {
    let all = stage.admin().methods().unwrap();
    all.into_iter().find(|one| one.pool == "line" && one.method == method).expect("it was called")
}

fn marks(line: &line::Blocking, container: u64) -> Vec<u32> {
    line.toward(Query::Id(container)).marks().unwrap()
}

#[test]
fn tasks_K39_a_call_is_weighed_by_the_estimate_of_its_module_and_quick_ones_pass_heavy_ones() {
    on_both_roads(1, |stage, line| {
        let mark = |of: &line::Blocking, mark: u32, bytes: usize| {
            of.pool().call(line::methods::mark()).argument(&mark).input(&vec![0; bytes]).send()
        };
        let other = line::Blocking::connect(&stage.address(), "line").unwrap();
        // Their loans stand in memory that the node gives, which it cannot while it is held.
        mark(line, 0, 4000).wait().unwrap();
        mark(&other, 0, 4000).wait().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let gate = directory.path().join("gate");
        let hold = || line.pool().call(line::methods::hold()).argument(gate.to_str().unwrap()).send();
        // While the second holds, the first of its session's calls have been taken, and the other session is heard behind it.
        let held = [hold(), hold()];
        // 1000 bytes are a millisecond, by the module's word, and a few are some microseconds.
        let mut sent: Vec<Pending> = vec![mark(line, 1, 1000), mark(line, 2, 0), mark(line, 3, 1000)];
        sent.extend([mark(&other, 11, 0), mark(&other, 12, 0)]);
        open(&gate);
        for held in held {
            assert!(held.wait().unwrap().value::<bool>().unwrap(), "all were sent while the worker was held");
        }
        sent.into_iter().for_each(|one| drop(one.wait().unwrap()));
        let marks: Vec<u32> = marks(line, 0).into_iter().filter(|mark| *mark > 0).collect();
        let own: Vec<u32> = marks.iter().copied().filter(|mark| *mark < 10).collect();
        assert_eq!(own, [1, 2, 3], "of one session and container, in the order they were sent: {marks:?}");
        // What heavy calls are guaranteed may let one of them go first.
        let passed = marks.iter().position(|mark| *mark == 12).expect("it ran");
        assert!(passed <= 2, "those of the other session are quick and pass all but one: {marks:?}");
        let heavy = stage.admin().lanes().unwrap().into_iter().filter(|lane| lane.lane == "heavy");
        assert_eq!(heavy.map(|lane| lane.pieces).sum::<u64>(), 5);
    });
}

#[allow(clippy::disallowed_methods, reason = "a test opens the gate as any program would")]
fn open(gate: &std::path::Path) {
    std::fs::write(gate, "").unwrap();
}

#[test]
fn tasks_K39_every_call_is_told_as_a_sample_and_the_last_ones_can_be_read() {
    on_both_roads(1, |stage, line| {
        for mark in 0..100 {
            line.mark(mark, &[7; 30]).unwrap();
        }
        assert!(line.marks().unwrap().len() == 100);
        // `create` is one, and `marks` may be told already or not.
        let (told, ..) = line.seen().unwrap();
        assert!((101..=102).contains(&told), "{told}");
        let samples = stage.admin().samples("line", "mark").unwrap();
        assert_eq!(samples.len(), 64);
        assert!(samples.iter().all(|one| one.container == 0 && one.bytes >= 30 && one.held_us <= one.ran_us));
        assert!(stage.admin().samples("line", "no").unwrap_err().is(Code::UnknownMethod));
        assert!(stage.admin().samples("no", "mark").unwrap_err().is(Code::UnknownPool));
    });
}

#[test]
fn tasks_K40_a_module_may_replace_the_fit_of_the_node() {
    on_both_roads(1, |stage, line| {
        for _ in 0..130 {
            line.seen().unwrap();
            line.mark(1, b"").unwrap();
        }
        let (_, trained, ..) = line.seen().unwrap();
        assert!(trained >= 4, "{trained}");
        let (seen, mark) = (facts(stage, "seen"), facts(stage, "mark"));
        assert_eq!((seen.fixed_us, seen.per_kib_us), (42.0, 0.0), "the module's word");
        assert!(mark.fixed_us > 0.0 && mark.fixed_us < 42_000.0, "the node's own fit: {mark:?}");
    });
}

#[test]
fn tasks_K39_a_dynamic_call_goes_where_the_module_says() {
    on_both_roads(4, |_, line| {
        let dynamic = line.toward(Query::Dynamic);
        for mark in 0..20 {
            dynamic.mark(mark, b"").unwrap();
        }
        assert_eq!(marks(line, 3), (0..20).collect::<Vec<u32>>(), "it says: the last");
        for (at, name) in ["cats", "dogs", "mice", "cats", "dogs", "mice"].into_iter().enumerate() {
            dynamic.keep(name, 100 + at as u32).unwrap();
        }
        let kept: Vec<Vec<u32>> = (0..4).map(|at| marks(line, at)).collect();
        for twice in [(100, 103), (101, 104), (102, 105)] {
            let has = |marks: &Vec<u32>| marks.contains(&twice.0) && marks.contains(&twice.1);
            assert!(kept.iter().any(has), "calls of one key meet one container: {kept:?}");
        }
        // A word that means no container is a Fault, and a hook that fails leaves the choice to the node.
        for at in 0..4 {
            line.toward(Query::Id(at)).fail(2).unwrap();
        }
        let fault = dynamic.mark(1, b"").unwrap_err();
        assert!(fault.is(Code::UnknownContainer) && fault.message.contains("container 4 of 4"), "{fault:?}");
        assert_eq!(fault.outcome, Outcome::NotStarted);
        for at in 0..4 {
            line.toward(Query::Id(at)).fail(1).unwrap();
        }
        for _ in 0..8 {
            dynamic.mark(99, b"").unwrap();
        }
        let all: usize = (0..4).map(|at| marks(line, at).iter().filter(|mark| **mark == 99).count()).sum();
        assert_eq!(all, 8);
    });
}

#[test]
fn tasks_K39_a_call_that_comes_where_no_container_is_goes_to_one_that_can_be_asked() {
    // Two containers, and sessions on every worker.
    on_both_roads(2, |stage, _| {
        let clients: Vec<_> =
            (0..6).map(|_| line::Blocking::connect(&stage.address(), "line").expect("it is there")).collect();
        for (at, line) in clients.iter().enumerate() {
            let dynamic = line.toward(Query::Dynamic);
            let mark = 10 * at as u32;
            dynamic.mark(mark, &[0; 100]).unwrap();
            // Answered when it is accepted, wherever it went on the way.
            dynamic.linger(mark + 1, 3_600_000).unwrap();
            let slow = dynamic.pool().call(line::methods::slow()).argument(&3_600_000u64).send();
            dynamic.mark(mark + 2, b"").unwrap();
            slow.cancel();
            assert!(slow.wait().unwrap_err().is(Code::Cancelled));
            assert_eq!(line.toward(Query::Broadcast).marks().unwrap().len(), 3 * (at + 1));
        }
        let marks = marks(&clients[0], 1);
        let expected: Vec<u32> = (0..6).flat_map(|at| [10 * at, 10 * at + 1, 10 * at + 2]).collect();
        assert_eq!(marks, expected, "all of them: the module says the last");
    });
}

#[test]
fn tasks_K33_a_module_is_asked_before_a_call_goes_to_several_and_folds_what_they_say() {
    on_both_roads(4, |_, line| {
        for at in 0..4 {
            line.toward(Query::Id(at)).mark(at as u32, b"").unwrap();
        }
        for first in [0, 1] {
            let range = line.toward(Query::Range { first, count: 3 });
            assert_eq!(range.marks().unwrap(), [first + 2, first + 1, first], "last first");
        }
        let fault = line.toward(Query::Broadcast).marks().unwrap_err();
        assert_eq!((fault.code, fault.outcome), (1005, Outcome::NotStarted), "{fault:?}");
        assert_eq!(fault.message, "4 at once are too many");
        let started: u64 = (0..4).map(|at| line.toward(Query::Id(at)).seen().unwrap().3).sum();
        assert_eq!(started, 3, "one of them is asked, once");
    });
}

/// What each lane of the group has run, in order.
fn pieces(stage: &Stage) -> Vec<u64> {
    let lanes = stage.admin().lanes().unwrap();
    let of_group = |number: usize| {
        let name = format!("line/0 data {number}");
        lanes.iter().find(|lane| lane.lane == name).unwrap_or_else(|| panic!("no lane {name}: {lanes:?}")).pieces
    };
    (0..4).map(of_group).collect()
}

#[test]
fn tasks_K34_calls_of_a_group_wait_in_the_lane_that_their_module_or_their_key_says() {
    on_both_roads(1, |stage, line| {
        assert_eq!(pieces(stage), [0, 0, 0, 0], "they are there before the first call");
        for mark in 0..5 {
            line.write(mark).unwrap();
        }
        assert_eq!(pieces(stage), [0, 0, 0, 5], "the module says: the last");
        line.fail(3).unwrap();
        for mark in 5..13 {
            line.write(mark).unwrap();
        }
        assert_eq!(pieces(stage), [2, 2, 2, 7], "that in which least waits, of equals one after another");
        line.fail(4).unwrap();
        for mark in 13..16 {
            line.write(mark).unwrap();
        }
        let by_hash: Vec<u64> = pieces(stage).iter().zip([2, 2, 2, 7]).map(|(now, then)| now - then).collect();
        assert_eq!(by_hash.iter().filter(|pieces| **pieces == 3).count(), 1, "one hash, one lane: {by_hash:?}");
        line.fail(2).unwrap();
        let fault = line.write(0).unwrap_err();
        assert!(fault.is(Code::BadReply) && fault.message.contains("lane 4 of 4 in group data"), "{fault:?}");
        assert_eq!(fault.outcome, Outcome::NotStarted);
        line.fail(0).unwrap();
        let before = pieces(stage);
        let sent: Vec<Pending> = (100..140u32)
            .map(|mark| line.pool().call(line::methods::append()).argument("cats").argument(&mark).send())
            .collect();
        sent.into_iter().for_each(|one| drop(one.wait().unwrap()));
        let by_key = pieces(stage).iter().zip(before).filter(|(now, then)| **now == then + 40).count();
        assert_eq!(by_key, 1, "all of one key");
        let marks = marks(line, 0);
        assert_eq!(marks, (0..16).chain(100..140).collect::<Vec<u32>>(), "in the order they came");
        stage.admin().destroy_pool("line").unwrap();
        stage.admin().create_spread("line", "line", &[], 1, "pinned:0").unwrap();
        assert_eq!(pieces(stage), [0, 0, 0, 0], "the lanes went with their container");
    });
}

#[test]
fn tasks_K45_a_flush_waits_until_no_container_has_work_left() {
    on_both_roads(3, |stage, line| {
        stage.admin().flush().unwrap();
        let asked = |at| line.toward(Query::Id(at)).seen().unwrap().2;
        assert_eq!([asked(0), asked(1), asked(2)], [1, 1, 1], "each once");
        line.toward(Query::Id(2)).owe(3).unwrap();
        stage.admin().flush().unwrap();
        assert_eq!(asked(2), 5, "3, 2, 1 and none left");
    });
}

#[test]
fn tasks_K39_a_hook_that_panics_changes_nothing_but_its_own_answer() {
    on_both_roads(1, |_, line| {
        line.fail(1).unwrap();
        for mark in 0..20 {
            line.mark(mark, &[0; 2000]).unwrap();
        }
        assert_eq!(line.marks().unwrap(), (0..20).collect::<Vec<u32>>());
        line.fail(0).unwrap();
        block_on(async {
            let other = line::Client::on(line.pool().clone());
            other.mark(20, b"").await.unwrap();
        });
        assert_eq!(line.marks().unwrap().len(), 21);
    });
}
