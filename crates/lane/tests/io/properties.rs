//! A file against a vector.

use super::{Stage, stages};
use proptest::prelude::*;
use std::sync::Arc;
use windlass_driver::{IoBuffer, IoError, OpenHow};
use windlass_lane::io::File;
use windlass_memory::{Role, Segment};

#[derive(Debug, Clone)]
enum Step {
    Write { at: u16, len: u16, seed: u8, shared: bool },
    Read { at: u16, len: u16, shared: bool },
    SetLength(u16),
    Reserve(u16),
    Sync(bool),
    GiveUp { at: u16 },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let (at, len) = (0..20_000u16, 0..9_000u16);
    prop_oneof![
        4 => (at.clone(), len.clone(), any::<u8>(), any::<bool>())
            .prop_map(|(at, len, seed, shared)| Step::Write { at, len, seed, shared }),
        4 => (at.clone(), len, any::<bool>()).prop_map(|(at, len, shared)| Step::Read { at, len, shared }),
        1 => at.clone().prop_map(Step::SetLength),
        1 => at.clone().prop_map(Step::Reserve),
        1 => any::<bool>().prop_map(Step::Sync),
        1 => at.prop_map(|at| Step::GiveUp { at }),
        1 => Just(Step::Reopen),
    ]
}

fn buffer(len: usize, shared: bool) -> IoBuffer {
    match shared && len > 0 {
        false => IoBuffer::zeroed(len).unwrap(),
        true => {
            let (segment, _fd) = Segment::create("model", 16384, Role::Heap).unwrap();
            let span = segment.span(100, len as u64).unwrap();
            IoBuffer::shared(Arc::new(segment), span)
        }
    }
}

async fn play(stage: &Stage, steps: &[Step]) -> Result<(), TestCaseError> {
    let how = OpenHow { write: true, create: true, ..OpenHow::default() };
    let mut file = File::open(&stage.io, stage.path("model"), OpenHow { truncate: true, ..how }).await.unwrap();
    let mut model: Vec<u8> = Vec::new();
    for step in steps {
        match *step {
            Step::Write { at, len, seed, shared } => {
                let (at, len) = (usize::from(at), usize::from(len));
                let bytes: Vec<u8> = (0..len).map(|index| (index as u8).wrapping_mul(31) ^ seed).collect();
                let mut buffer = buffer(len, shared);
                prop_assert_eq!(buffer.fill(&bytes), len);
                file.write_all_at(at as u64, buffer).await.0.unwrap();
                if len > 0 {
                    model.resize(model.len().max(at + len), 0);
                    model[at..at + len].copy_from_slice(&bytes);
                }
            }
            Step::Read { at, len, shared } => {
                let (at, len) = (usize::from(at), usize::from(len));
                let (result, buffer) = file.read_exact_at(at as u64, buffer(len, shared)).await;
                let there = model.len().saturating_sub(at).min(len);
                match result {
                    Ok(()) => prop_assert_eq!(there, len),
                    Err(IoError::Ended { done }) => prop_assert_eq!(done, there),
                    Err(error) => panic!("{error}"),
                }
                let bytes = buffer.into_vec();
                prop_assert_eq!(&bytes[..there], model.get(at..at + there).unwrap_or_default());
            }
            Step::SetLength(bytes) => {
                file.set_length(u64::from(bytes)).await.unwrap();
                model.resize(usize::from(bytes), 0);
            }
            Step::Reserve(bytes) => file.reserve(u64::from(bytes)).await.unwrap(),
            Step::Sync(data_only) => file.sync(data_only).await.unwrap(),
            Step::GiveUp { at } => {
                let mut read = Box::pin(file.read_at(u64::from(at), buffer(100, true)));
                let _ended_or_not = stage.poll_once(read.as_mut());
            }
            Step::Reopen => file = File::open(&stage.io, stage.path("model"), how).await.unwrap(),
        }
        prop_assert_eq!(file.length().await.unwrap(), model.len() as u64);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_file_is_what_was_written_into_it(steps in proptest::collection::vec(step(), 0..40)) {
        for stage in stages() {
            stage.run(play(&stage, &steps))?;
            stage.settle();
            prop_assert_eq!(stage.io.count(), 0);
            prop_assert_eq!(stage.driver.borrow().handle_count(), 0);
        }
    }
}
