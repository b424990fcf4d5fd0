//! Properties of loans, against a naive model: a list of runs.
#![allow(non_snake_case, reason = "requirement rows keep their letters")]

use proptest::prelude::*;
use windlass_memory::limits::{LOAN_UNIT_BYTES, LOANS_PER_SEGMENT_MAX};
use windlass_memory::{LendError, Lender, Room};

#[derive(Clone, Debug)]
enum Step {
    Lend(u64),
    GiveBack(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![0..5_u64, 1..300_u64, 1..20_000_u64, Just(u64::MAX), Just(1 << 40)];
    prop::collection::vec(
        prop_oneof![3 => len.prop_map(Step::Lend), 2 => any::<usize>().prop_map(Step::GiveBack)],
        1..200,
    )
}

/// The longest free run between the lent ones, in bytes.
fn longest_free(bytes: u64, rooms: &[Room]) -> u64 {
    let mut lent: Vec<(u64, u64)> = rooms.iter().map(|room| (room.offset(), room.offset() + room.len())).collect();
    lent.push((bytes, bytes));
    lent.sort_unstable();
    let mut free_from = 0;
    let mut longest = 0;
    for (start, end) in lent {
        assert!(start >= free_from, "two rooms overlap");
        longest = longest.max(start - free_from);
        free_from = end;
    }
    longest
}

proptest! {
    #[test]
    fn tasks_K57_rooms_never_overlap_and_nothing_is_lost(units in 1..600_u64, rest in 0..64_u64, steps in steps()) {
        let bytes = units * LOAN_UNIT_BYTES;
        let mut lender = Lender::new(bytes + rest);
        let mut rooms: Vec<Room> = Vec::new();
        for step in steps {
            match step {
                Step::Lend(len) => match lender.lend(len) {
                    Ok(room) => {
                        prop_assert!(room.len() >= len && room.len() < len + LOAN_UNIT_BYTES);
                        prop_assert_eq!(room.offset() % LOAN_UNIT_BYTES, 0);
                        prop_assert!(room.offset() + room.len() <= bytes);
                        rooms.push(room);
                    }
                    Err(LendError::Empty) => prop_assert_eq!(len, 0),
                    Err(LendError::TooLong { longest, .. }) => {
                        prop_assert!(len > longest);
                        prop_assert!(len > bytes / 9 * 8, "the longest loan is at least eight ninths of the segment");
                    }
                    Err(LendError::NoRoom { largest }) => {
                        prop_assert!(largest < len);
                        prop_assert!(longest_free(bytes, &rooms) < Lender::bytes_for(len));
                        if largest > 0 {
                            let room = lender.lend(largest).expect("what was offered is lent");
                            lender.give_back(room);
                        }
                    }
                    Err(LendError::TooMany { .. }) => prop_assert!(false, "far fewer than the limit"),
                },
                Step::GiveBack(which) => if !rooms.is_empty() {
                    let room = rooms.swap_remove(which % rooms.len());
                    lender.give_back(room);
                },
            }
            let lent: u64 = rooms.iter().map(Room::len).sum();
            prop_assert_eq!(lender.lent_bytes(), lent);
            prop_assert_eq!(lender.free_bytes(), bytes - lent);
            prop_assert_eq!(lender.loans() as usize, rooms.len());
            longest_free(bytes, &rooms);
        }
        for room in rooms.drain(..) {
            lender.give_back(room);
        }
        prop_assert_eq!(lender.free_bytes(), bytes);
        let whole = lender.lend(lender.longest());
        prop_assert!(whole.is_ok(), "once all is back, runs have joined again");
    }
}

#[test]
fn tasks_K57_the_number_of_loans_is_bounded_and_full_is_an_answer() {
    let mut lender = Lender::new(u64::from(LOANS_PER_SEGMENT_MAX) * LOAN_UNIT_BYTES * 4);
    let mut rooms: Vec<Room> = (0..LOANS_PER_SEGMENT_MAX).map(|_| lender.lend(1).expect("room")).collect();
    assert_eq!(lender.lend(1).map(|_| ()), Err(LendError::TooMany { max: LOANS_PER_SEGMENT_MAX }));
    // The worst case for the books: every second one returned, so that no two free runs join.
    for at in (0..rooms.len()).rev().step_by(2) {
        lender.give_back(rooms.swap_remove(at));
    }
    while lender.loans() < LOANS_PER_SEGMENT_MAX {
        rooms.push(lender.lend(64).expect("room again"));
    }
    rooms.drain(..).for_each(|room| lender.give_back(room));
    assert_eq!(lender.lent_bytes(), 0);
}

#[test]
fn tasks_K57_a_lender_of_nothing_lends_nothing() {
    let mut lender = Lender::new(63);
    assert_eq!(lender.lend(1).map(|_| ()), Err(LendError::TooLong { len: 1, longest: 0 }));
}
