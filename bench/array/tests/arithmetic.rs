//! What the bench of arrays computes from times: percentiles, GB/s, sizes, targets, rows. No test here takes a time.

use windlass_bench::row;
use windlass_bench_array::operation::Operation;
use windlass_bench_array::rounds::{Answers, Cell, Who};
use windlass_bench_array::size::{Size, parse_available, room};
use windlass_bench_array::spread::{Figures, Spread, Turn, gb_per_s, percentile};
use windlass_bench_array::worker::Contender;
use windlass_bench_array::{floor, table, target};

fn turn(us: u64) -> Turn {
    Turn { ns: us * 1000, cpu_ns: Some(us * 2000) }
}

fn cell(who: Who, us: u64) -> Cell {
    let figures = Figures::of(&[turn(us), turn(us), turn(us * 9)]).ok_or_else(|| "no turns".to_owned());
    Cell { who, figures, peak_bytes: Some(3_000_000), answers: Answers::Agree }
}

#[test]
fn percentiles_lie_on_the_straight_line_between_neighbours() {
    let eleven: Vec<f64> = (0..=10).rev().map(f64::from).collect();
    assert_eq!(Spread::of(&eleven), Some(Spread { p10: 1.0, p50: 5.0, p90: 9.0 }));
    assert_eq!(percentile(&[2.0, 4.0], 25.0), Some(2.5));
    assert_eq!(Spread::of(&[7.0]), Some(Spread { p10: 7.0, p50: 7.0, p90: 7.0 }));
    assert_eq!(Spread::of(&[]), None);
    assert_eq!(percentile(&[1.0, 2.0], 1000.0), Some(2.0));
}

#[test]
fn bytes_are_those_that_an_operation_has_to_touch() {
    assert_eq!(Operation::Stream.bytes(10), 240);
    assert_eq!(Operation::Reduce.bytes(10), 80);
    assert_eq!(Operation::Contains.bytes(10), 170);
    assert_eq!(gb_per_s(Operation::Argsort.bytes(10_000_000), 80_000.0), 2.0);
    for operation in Operation::ALL {
        assert!(operation.resident_bytes(1000, 4) > operation.bytes(1000), "{operation}");
    }
}

#[test]
fn processor_time_is_shared_by_all_turns_and_a_disturbed_round_moves_no_median() {
    let figures = Figures::of(&[turn(10), turn(10), turn(100)]).expect("three turns");
    assert_eq!((figures.us.p50, figures.cpu_us, figures.rounds), (10.0, Some(80.0), 3));
    let uncounted = Turn { ns: 1000, cpu_ns: None };
    assert_eq!(Figures::of(&[turn(1), uncounted]).expect("two turns").cpu_us, None);
    assert_eq!(Figures::of(&[]), None);
}

#[test]
fn sizes_are_read_as_people_write_them_and_refused_in_words() {
    assert_eq!("1e7".parse(), Ok(Size(10_000_000)));
    assert_eq!("2_500_000".parse(), Ok(Size(2_500_000)));
    assert_eq!(Size(100_000_000).to_string(), "1e8");
    for wrong in ["1e3.5", "-1e7", "12.5", "1e12", "999", "many", "inf", "NaN", ""] {
        let words = wrong.parse::<Size>().expect_err(wrong);
        assert!(words.contains("is no size; there are 1e3 to 1e9"), "{words}");
    }
}

#[test]
fn a_size_that_does_not_fit_is_left_out_with_the_reason() {
    let text = "MemTotal:       24000000 kB\nMemFree:  1 kB\nMemAvailable:   22000000 kB\n";
    assert_eq!(parse_available(text), Some(22_000_000 * 1024));
    assert_eq!(parse_available("MemFree: 1 kB\n"), None);
    assert_eq!(room(Operation::Coargsort, Size(1_000_000), 4, 22_000_000_000), None);
    let words = room(Operation::Coargsort, Size(1_000_000_000), 4, 22_000_000_000).expect("too large");
    assert!(
        words.starts_with("coargsort at 1e9 is left out: 4 contenders and the floor need about 160.0 GB"),
        "{words}"
    );
}

#[test]
fn elements_are_shared_out_to_the_last_one() {
    assert_eq!(floor::share_out(10, 3), [4, 3, 3]);
    assert_eq!(floor::share_out(2, 4), [1, 1, 0, 0]);
    assert_eq!(floor::share_out(7, 0), [7]);
}

#[test]
fn floors_give_right_answers_and_fresh_pages_are_written() {
    use windlass_bench_array::{floor::Bandwidth, fresh};
    let mut all = Bandwidth::new(100_003, false).expect("arrays");
    all.triad().expect("right");
    all.triad_alone().expect("right");
    all.sum().expect("right");
    all.sum_alone().expect("right");
    Bandwidth::new(7, true).expect("arrays").sum().expect("right");
    fresh::shared(10_001).expect("written");
    fresh::private(10_001).expect("written");
    assert!(fresh::shared(0).expect_err("nothing").to_string().contains("0 words"));
}

#[test]
fn targets_compare_with_the_same_run_and_are_absent_without_it() {
    let warm = [
        cell(Who::Bandwidth, 50),
        cell(Who::BandwidthAlone, 70),
        cell(Who::Warm(Contender::Ours), 100),
        cell(Who::Warm(Contender::Numpy), 200),
        cell(Who::Warm(Contender::Polars), 40),
    ];
    let cold = [cell(Who::FreshShared, 95), cell(Who::Cold(Contender::Ours), 100)];
    let stream = target::of(Operation::Stream, Size(1_000_000), &warm, &cold);
    let told: Vec<(&str, bool)> = stream.iter().map(|one| (one.found.as_str(), one.met)).collect();
    assert_eq!(told, [("2.00x its speed", true), ("50 %", false), ("95 %", true)]);
    let argsort = target::of(Operation::Argsort, Size(1_000_000), &warm[2..], &[]);
    let told: Vec<(&str, bool)> = argsort.iter().map(|one| (one.wanted.as_str(), one.met)).collect();
    assert_eq!(told, [("ahead of NumPy", true), ("ahead of Polars", false)]);
    let slow_together =
        [cell(Who::Bandwidth, 900), cell(Who::BandwidthAlone, 70), cell(Who::Warm(Contender::Ours), 100)];
    let reduce = target::of(Operation::Reduce, Size(1_000_000), &slow_together, &[]);
    assert_eq!(
        reduce.iter().map(|one| one.found.as_str()).collect::<Vec<_>>(),
        ["70 %"],
        "the better floor counts"
    );
    // A sum writes no answer, so its first run has no pages to touch first.
    assert_eq!(target::of(Operation::Reduce, Size(1000), &[], &cold), []);
}

#[test]
fn rows_have_the_shape_of_all_benches_and_leave_out_who_failed() {
    let failed = Cell {
        who: Who::Warm(Contender::Pandas),
        figures: Err("MemoryError: none".to_owned()),
        peak_bytes: None,
        answers: Answers::Unchecked,
    };
    assert!(!failed.is_well());
    let cells = [cell(Who::Warm(Contender::Ours), 2000), cell(Who::FreshShared, 1000), failed];
    let size = Size(1_000_000);
    let rows = table::rows(Operation::Stream, size, &cells, "a test, 2 cores");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rows.json");
    row::write(&path, &rows).expect("writes");
    let back = row::read(&path).expect("reads");
    assert_eq!(back, rows);
    let facts: Vec<_> =
        back.iter().map(|row| (row.contender.as_str(), row.ours, row.bytes, row.gb_per_s)).collect();
    let (stream, fresh) = (Some(24_000_000), Some(8_000_000));
    assert_eq!(facts, [("ours", true, stream, Some(12.0)), ("floor-fresh-shared", false, fresh, Some(8.0))]);
    assert_eq!((back[0].bench.as_str(), back[0].n, back[0].rounds), ("array-stream", Some(1_000_000), Some(3)));
    let text = table::cells(Operation::Stream, size, &cells);
    assert!(text.contains("pandas               failed: MemoryError: none"), "{text}");
    assert!(text.lines().nth(1).expect("ours").ends_with("agree"), "{text}");
}
