//! Batches, values and windows of streams.

use super::*;

#[test]
fn values_come_back_in_order_wherever_their_bytes_are_cut() {
    let values: Vec<String> = (0..50).map(|at| "x".repeat(at * 7 % 31)).collect();
    let mut writer = Writer::default();
    values.iter().for_each(|value| writer.put(value).expect("short"));
    let bytes = writer.take();
    for step in [1, 2, 3, 5, 64, bytes.len()] {
        let (mut reader, mut got) = (Reader::default(), Vec::<String>::new());
        for piece in bytes.chunks(step) {
            reader.push(piece);
            while let Some(value) = reader.next_value().expect("what was written") {
                got.push(value);
            }
        }
        reader.end().expect("nothing is left");
        assert_eq!(got, values, "cut every {step} bytes");
    }
}

#[test]
fn a_batch_stands_as_serde_would_have_it() {
    for bytes in [vec![], vec![7], (0..STREAM_BATCH_BYTES_MAX).map(|at| at as u8).collect()] {
        let batch = Batch { turn: 300, last: true, bytes: &bytes };
        let inner = postcard::to_allocvec(&(300u64, true, &bytes)).expect("encodes");
        assert_eq!(batch.encoded().expect("encodes"), postcard::to_allocvec(&inner).expect("encodes"));
        assert_eq!(postcard::from_bytes::<Batch<'_>>(&inner).expect("reads"), batch);
    }
}

#[test]
fn what_is_taken_off_the_front_piece_by_piece_is_what_was_written() {
    for most in [1, 3, 100, usize::MAX] {
        let (mut seen, mut taken, mut whole) = (Writer::default(), Writer::default(), Writer::default());
        let (mut of_seen, mut of_taken) = (Vec::new(), Vec::new());
        for round in 0..40u64 {
            for writer in [&mut seen, &mut taken, &mut whole] {
                writer.put(&vec![round as u8; round as usize]).expect("short");
            }
            of_seen.extend_from_slice(seen.front(most));
            of_taken.extend_from_slice(&taken.take_front(most));
            assert_eq!(seen.len(), taken.len());
        }
        while !seen.is_empty() {
            of_seen.extend_from_slice(seen.front(most));
        }
        let mut rest = Writer::default();
        taken.move_to(&mut rest);
        of_taken.extend_from_slice(&rest.take());
        let whole = whole.take();
        assert_eq!((&of_seen, &of_taken), (&whole, &whole), "{most} at most");
        assert!(taken.is_empty());
    }
}

#[test]
fn bytes_that_are_no_value_are_told_and_a_length_is_not_believed() {
    let mut reader = Reader::default();
    reader.push(&u32::MAX.to_le_bytes());
    assert!(reader.next_value::<u64>().expect_err("4 GiB").is(Code::TooLarge));
    let mut reader = Reader::default();
    reader.push(&[2, 0, 0, 0, 0xff, 0xff]);
    assert!(reader.next_value::<u64>().expect_err("an open varint").is(Code::BadArguments));
    let mut reader = Reader::default();
    reader.push(&[2, 0, 0, 0, 1, 1]);
    assert!(reader.next_value::<u8>().expect_err("one byte too many").is(Code::BadArguments));
    let mut reader = Reader::default();
    reader.push(&[9, 0, 0, 0, 1]);
    assert_eq!(reader.next_value::<u64>().expect("not whole yet"), None);
    assert!(reader.end().expect_err("cut").is(Code::BadArguments));
}

#[test]
fn random_bytes_never_do_more_than_fail() {
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut random = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as u8
        };
        let mut reader = Reader::default();
        let length = random() % 40;
        reader.push(&(0..length).map(|at| if at % 4 == 3 { 0 } else { random() % 8 }).collect::<Vec<u8>>());
        while let Ok(Some(_)) = reader.next_value::<(u8, String)>() {}
    }
}
