//! The floors through the protocol, end to end: the driver's side is the real one.

use std::path::Path;
use windlass_bench::{
    Answer, Ask, Placement, Report,
    plan::{Cell, Entrant, Group, Plan},
    process::{Pair, kinds},
};

fn floors() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_windlass-bench-floor"))
}

fn run(kind: &str, bytes: u64) -> Report {
    let mut pair = Pair::start(floors(), kind, Placement::Unpinned).expect("the pair starts");
    let asked = Ask { bytes, n: 200, outstanding: 1, warm: 20 };
    let Answer::Report(report) = pair.ask(asked).expect("an answer") else { panic!("{kind} refused {asked}") };
    assert!(pair.cpu_ns().is_some() && pair.peak_bytes() > Some(0));
    assert!(pair.end(), "both processes end well by themselves");
    report
}

#[test]
fn two_hundred_calls_over_a_unix_socket_are_answered_and_checked() {
    let report = run("unix", 64);
    assert_eq!((report.n, report.checked, report.copied_bytes), (200, 220, Some(128)));
    assert!(0 < report.p50_ns && report.p50_ns <= report.p99_ns);
    assert!(report.ops_per_s > 0.0 && report.wall_ns >= report.p50_ns);
}

#[test]
fn every_floor_that_does_not_spin_answers_sizes_even_and_odd() {
    for kind in ["futex", "yield", "tcp", "memcpy", "local-checksum", "local-checksum-in-turn"] {
        assert_eq!(run(kind, 64).checked, 220, "{kind}");
        assert_eq!(run(kind, 27).checked, 220, "{kind}");
    }
}

#[test]
fn a_request_larger_than_any_socket_buffer_arrives_whole() {
    assert_eq!(run("unix", 3 << 20).checked, 220);
}

#[test]
fn what_a_floor_cannot_do_it_refuses_in_words_and_goes_on() {
    let mut pair = Pair::start(floors(), "futex", Placement::Unpinned).expect("the pair starts");
    let asked = Ask { bytes: 1024, n: 200, outstanding: 1, warm: 0 };
    let Answer::Refused { refused } = pair.ask(asked).expect("an answer") else { panic!("must refuse") };
    assert_eq!(refused, "futex carries at most 64 bytes");
    let asked = Ask { bytes: 64, outstanding: 2, ..asked };
    let Answer::Refused { refused } = pair.ask(asked).expect("an answer") else { panic!("must refuse") };
    assert_eq!(refused, "futex has at most 1 outstanding");
    assert!(matches!(pair.ask(Ask { outstanding: 1, ..asked }), Ok(Answer::Report(_))));
    assert!(pair.end());
}

#[test]
fn a_plan_gives_a_row_for_each_cell_and_nulls_with_a_reason_beyond_a_limit() {
    let offered = kinds(floors(), "kinds").expect("kinds");
    let entrants = offered
        .into_iter()
        .filter(|kind| ["futex", "unix"].contains(&kind.name.as_str()))
        .map(|kind| Entrant { group: Group::Floor, program: floors().to_owned(), kind, clients: 1 });
    let cell = |bytes| Cell { bytes, outstanding: 1 };
    let plan = Plan {
        entrants: entrants.collect(),
        placements: vec![Placement::OneCore],
        cells: vec![cell(64), cell(1024)],
        rounds: 2,
        run: std::time::Duration::from_millis(2),
    };
    let mut notes = Vec::new();
    let outcome = windlass_bench::drive::run(&plan, "call", &mut |line| notes.push(line.to_owned()));
    assert_eq!(outcome.failures, Vec::<String>::new());
    let names: Vec<(&str, Option<u64>, bool)> = outcome
        .measured
        .iter()
        .map(|one| (one.row.contender.as_str(), one.row.bytes, one.row.p50_us.is_some()))
        .collect();
    let expected = [
        ("futex", Some(64), true),
        ("unix", Some(64), true),
        ("futex", Some(1024), false),
        ("unix", Some(1024), true),
    ];
    assert_eq!(names, expected);
    assert_eq!(outcome.measured[0].row.rounds, Some(2));
    assert!(
        notes.iter().any(|note| note.contains("null: futex") && note.contains("at most 64 bytes")),
        "{notes:?}"
    );
}
