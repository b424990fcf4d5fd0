//! The rivals through the protocol, end to end: the driver's side is the real one.

use std::{path::Path, time::Duration};
use windlass_bench::{
    Answer, Ask, Placement, drive,
    plan::{self, Cell, Group, Plan},
    process::Pair,
};

fn rivals() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_windlass-bench-compare"))
}

fn runs(kind: &str, asks: &[Ask]) {
    let mut pair = Pair::start(rivals(), kind, Placement::Unpinned).expect("the pair starts");
    for &asked in asks {
        let Answer::Report(report) = pair.ask(asked).expect("an answer") else { panic!("{kind} refused {asked}") };
        assert_eq!((report.n, report.checked), (asked.n, asked.n + asked.warm), "{kind}: {asked}");
    }
    assert!(pair.end(), "{kind}: both processes end well by themselves");
}

#[test]
fn every_rival_answers_small_and_large_requests_one_at_a_time() {
    let ask = |bytes| Ask { bytes, n: 50, outstanding: 1, warm: 5 };
    for kind in ["tonic-tcp", "tonic-unix", "iceoryx2", "zmq-ipc", "zmq-tcp"] {
        runs(kind, &[ask(64), ask(8 << 20), ask(1000)]);
    }
}

#[test]
fn rivals_that_pipeline_answer_many_outstanding() {
    let ask = |bytes, outstanding| Ask { bytes, n: 300, outstanding, warm: 20 };
    for kind in [
        "tonic-tcp",
        "tonic-unix",
        "iceoryx2",
        "tonic-unix-threads",
        "tarpc-unix",
        "tarpc-unix-threads",
        "zmq-router",
    ] {
        runs(kind, &[ask(64, 16), ask(32, 128), ask(256 << 10, 16), ask(64, 1)]);
    }
}

#[test]
fn rivals_of_rates_answer_two_clients_with_thousands_outstanding() {
    let asked = Ask { bytes: 32, n: 20_000, outstanding: 4096, warm: 4096 };
    for kind in ["tonic-unix-threads", "tarpc-unix-threads", "zmq-router"] {
        let mut pair = Pair::start_with(rivals(), kind, Placement::Unpinned, 2).expect("they start");
        let Answer::Report(report) = pair.ask(asked).expect("an answer") else { panic!("{kind} refused {asked}") };
        assert_eq!((report.n, report.checked), (2 * asked.n, 2 * (asked.n + asked.warm)), "{kind}");
        assert!(pair.end(), "{kind}: all processes end well by themselves");
    }
}

#[test]
fn a_table_shows_all_contenders_of_a_cell_before_the_next_cell() {
    let only = ["tonic-unix".to_owned(), "iceoryx2".to_owned(), "zmq-ipc".to_owned()];
    let cell = |outstanding| Cell { bytes: 64, outstanding };
    let plan = Plan {
        entrants: plan::entrants(&[(Group::Rival, rivals())], &only).expect("they are offered"),
        placements: vec![Placement::OneCore],
        cells: vec![cell(1), cell(16)],
        rounds: 1,
        run: Duration::from_millis(2),
    };
    let outcome = drive::run(&plan, "call", &mut |_| ());
    assert_eq!(outcome.failures, Vec::<String>::new());
    let rows: Vec<(&str, Option<u32>)> =
        outcome.measured.iter().map(|one| (one.row.contender.as_str(), one.row.outstanding)).collect();
    let one = [("tonic-unix", Some(1)), ("iceoryx2", Some(1)), ("zmq-ipc", Some(1))];
    let many = [("tonic-unix", Some(16)), ("iceoryx2", Some(16))];
    assert_eq!(rows, [one.as_slice(), many.as_slice()].concat());
    assert!(outcome.measured.iter().all(|measured| measured.row.p50_us.is_some()));
}
