//! Pool against its model: counts, a list of who asked for each share, and a maker that has so much memory.
//!
//! Beside what the model says, these are checked as they stand: the high mark is kept, who waits waits for something that is out,
//! and the reserve is in memory whenever it is not out.

use super::waits::{Id, Waits};
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;
use windlass_wait::{GetError, MakeError, Marks, Pool, Pooled, TryGetError};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Share {
    Common,
    Reserve,
}

#[derive(Clone, Debug)]
enum Op {
    Get(Share),
    Try(Share),
    Poll(u8),
    Cancel(u8),
    Put(u8),
    /// Memory for so many more buffers.
    Memory(usize),
    Close,
}

fn share() -> impl Strategy<Value = Share> {
    prop_oneof![2 => Just(Share::Common), 1 => Just(Share::Reserve)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        30 => share().prop_map(Op::Get),
        15 => share().prop_map(Op::Try),
        50 => any::<u8>().prop_map(Op::Poll),
        20 => any::<u8>().prop_map(Op::Cancel),
        30 => any::<u8>().prop_map(Op::Put),
        10 => (0..3usize).prop_map(Op::Memory),
        1 => Just(Op::Close),
    ]
}

fn marks() -> impl Strategy<Value = Marks> {
    (1..5usize, 0..5usize, 0..3usize).prop_map(|(high, low, reserve)| {
        let low = low.min(high);
        Marks { low, high, reserve: reserve.min(low).min(high - 1) }
    })
}

/// What was given to a wait that does not know yet.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Given {
    Buffer,
    Room,
    Closed,
}

/// What a get ends with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Buffer,
    Closed,
    NoMemory,
}

struct Model {
    marks: Marks,
    memory: usize,
    idle: usize,
    /// Buffers and rooms that are out.
    out: Vec<Share>,
    rooms: Vec<Share>,
    asked: Vec<(Id, Share)>,
    given: Vec<(Id, Share, Given)>,
    closed: bool,
    /// All gets, by id.
    shares: Vec<Share>,
}

impl Model {
    fn owned(&self) -> usize {
        self.idle + self.out.len() - self.rooms.len()
    }

    fn kept_back(&self) -> usize {
        let of_reserve = |all: &[Share]| all.iter().filter(|share| **share == Share::Reserve).count();
        self.marks.reserve.saturating_sub(of_reserve(&self.out) - of_reserve(&self.rooms))
    }

    fn may(&self, share: Share) -> bool {
        let left = self.marks.high - self.out.len();
        match share {
            Share::Reserve => left > 0,
            Share::Common => left > self.kept_back() && !self.asks(Share::Reserve),
        }
    }

    fn asks(&self, share: Share) -> bool {
        self.asked.iter().any(|(_, other)| *other == share)
    }

    fn take_idle(&mut self, share: Share) -> bool {
        let usable = self.idle > if share == Share::Common { self.kept_back() } else { 0 };
        self.idle -= usize::from(usable);
        usable
    }

    fn issue(&mut self, share: Share) -> Given {
        let given = if self.take_idle(share) { Given::Buffer } else { Given::Room };
        if given == Given::Room {
            self.rooms.push(share);
        }
        self.out.push(share);
        given
    }

    /// Gives to the first of the reserve, and without one to the first of the others.
    fn settle(&mut self) {
        if self.closed {
            let told = std::mem::take(&mut self.asked);
            self.given.extend(told.into_iter().map(|(id, share)| (id, share, Given::Closed)));
            return;
        }
        loop {
            let share = if self.asks(Share::Reserve) { Share::Reserve } else { Share::Common };
            let first = self.asked.iter().position(|(_, other)| *other == share);
            let (Some(at), true) = (first, self.may(share)) else { return };
            let (id, _) = self.asked.remove(at);
            let given = self.issue(share);
            self.given.push((id, share, given));
        }
    }

    fn give_up_room(&mut self, share: Share) {
        remove(&mut self.out, share);
        remove(&mut self.rooms, share);
    }

    /// Tries the maker for a room; without memory an idle one does, and else the room is gone.
    fn fill(&mut self, share: Share) -> bool {
        remove(&mut self.rooms, share);
        let filled = self.memory > 0 || self.take_idle(share);
        if self.memory > 0 {
            self.memory -= 1;
        }
        if !filled {
            remove(&mut self.out, share);
        }
        filled
    }

    fn attempt(&mut self, share: Share) -> Result<(), TryGetError> {
        if self.closed {
            return Err(TryGetError::Closed);
        }
        if self.asks(share) || !self.may(share) {
            return Err(TryGetError::Empty);
        }
        if self.issue(share) == Given::Buffer {
            return Ok(());
        }
        let filled = self.fill(share);
        if filled || self.out.is_empty() {
            self.settle();
        }
        if filled {
            return Ok(());
        }
        Err(TryGetError::Maker(MakeError::new("memory is short")))
    }

    fn poll(&mut self, id: Id) -> Option<End> {
        let share = self.shares[id];
        let known = self.given.iter().position(|(other, ..)| *other == id);
        let given = match known {
            Some(at) => self.given.remove(at).2,
            None if self.asked.iter().any(|(other, _)| *other == id) => return None,
            None if self.closed => return Some(End::Closed),
            None if self.asks(share) || !self.may(share) => {
                self.asked.push((id, share));
                return None;
            }
            None => self.issue(share),
        };
        match given {
            Given::Buffer => Some(End::Buffer),
            Given::Closed => Some(End::Closed),
            Given::Room if self.fill(share) => {
                self.settle();
                Some(End::Buffer)
            }
            Given::Room if self.closed || self.out.is_empty() => {
                self.settle();
                Some(if self.closed { End::Closed } else { End::NoMemory })
            }
            Given::Room => {
                // Before all others of its share: it was there first.
                let at = if known.is_some() { 0 } else { self.asked.len() };
                self.asked.insert(at, (id, share));
                None
            }
        }
    }

    fn cancel(&mut self, id: Id) {
        let asked = self.asked.len();
        self.asked.retain(|(other, _)| *other != id);
        let given = self.given.iter().position(|(other, ..)| *other == id).map(|at| self.given.remove(at));
        match given {
            Some((_, share, Given::Buffer)) => self.put(share),
            Some((_, share, Given::Room)) => self.give_up_room(share),
            None if asked == self.asked.len() => return, // it was never polled
            Some((_, _, Given::Closed)) | None => {}
        }
        self.settle();
    }

    fn put(&mut self, share: Share) {
        remove(&mut self.out, share);
        if self.closed {
            return;
        }
        self.idle += 1;
        let waited = self.given.len();
        self.settle();
        let spare = self.owned() > self.marks.low && self.rooms.is_empty() && self.idle > self.kept_back();
        if self.given.len() == waited && spare {
            self.idle -= 1;
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert!(self.owned() + self.rooms.len() <= self.marks.high);
        prop_assert!(self.asked.is_empty() || !self.out.is_empty(), "who waits waits for something");
        Ok(())
    }
}

fn remove(from: &mut Vec<Share>, share: Share) {
    let at = from.iter().position(|other| *other == share).expect("it is there");
    from.remove(at);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn volume_Y6_a_pool_is_as_its_model_whoever_gives_up_and_whenever_memory_is_short(
        marks in marks(),
        ops in vec(op(), 0..160),
    ) {
        let memory = Rc::new(Cell::new(marks.low));
        let left = memory.clone();
        let pool = Pool::new(marks, move || {
            left.set(left.get().checked_sub(1).ok_or_else(|| MakeError::new("memory is short"))?);
            Ok(())
        });
        let pool = pool.expect("there is memory to fill it");
        let reserve = pool.reserve();
        let of = |share| if share == Share::Common { &pool } else { &reserve };
        let mut waits = Waits::new();
        let mut held: Vec<(Share, Pooled<()>)> = Vec::new();
        let mut model = Model {
            marks,
            memory: 0,
            idle: marks.low,
            out: vec![],
            rooms: vec![],
            asked: vec![],
            given: vec![],
            closed: false,
            shares: vec![],
        };
        for op in ops {
            match op {
                Op::Get(share) => {
                    if waits.add(of(share).get()).is_some() {
                        model.shares.push(share);
                    }
                }
                Op::Try(share) => match (of(share).try_get(), model.attempt(share)) {
                    (Ok(buffer), Ok(())) => held.push((share, buffer)),
                    (Err(why), Err(expected)) => prop_assert_eq!(why, expected),
                    (got, expected) => prop_assert!(false, "{got:?} is not {expected:?}"),
                },
                Op::Poll(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    let end = match waits.poll(id) {
                        Poll::Pending => None,
                        Poll::Ready(Ok(buffer)) => {
                            held.push((model.shares[id], buffer));
                            Some(End::Buffer)
                        }
                        Poll::Ready(Err(GetError::Closed)) => Some(End::Closed),
                        Poll::Ready(Err(GetError::Maker(_))) => Some(End::NoMemory),
                        Poll::Ready(Err(GetError::Refused(why))) => panic!("{why}"),
                    };
                    prop_assert_eq!(end, model.poll(id));
                }
                Op::Cancel(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    waits.cancel(id);
                    model.cancel(id);
                }
                Op::Put(random) => {
                    if let Some(at) = usize::from(random).checked_rem(held.len()) {
                        let (share, buffer) = held.swap_remove(at);
                        drop(buffer);
                        model.put(share);
                    }
                }
                Op::Memory(more) => {
                    memory.set(more);
                    model.memory = more;
                }
                Op::Close => {
                    let mut closing = Waits::new();
                    let id = closing.add(pool.close()).expect("there is room");
                    prop_assert_eq!(closing.poll(id).is_ready(), model.out.is_empty());
                    model.closed = true;
                    model.idle = 0;
                    model.settle();
                }
            }
            model.check()?;
            let stats = pool.stats();
            prop_assert_eq!(stats.issued, model.out.len() - model.rooms.len());
            prop_assert_eq!((stats.owned, stats.waiting), (model.owned(), model.asked.len()));
            prop_assert_eq!(stats.makes - stats.frees, stats.owned as u64);
            prop_assert_eq!(memory.get(), model.memory);
            let reserve_out = held.iter().filter(|(share, _)| *share == Share::Reserve).count();
            if !pool.is_closed() && model.out.iter().all(|share| *share == Share::Common) {
                prop_assert!(stats.owned - stats.issued >= marks.reserve, "the reserve is in memory");
                prop_assert_eq!(reserve_out, 0);
            }
            waits.check_woken(|id| model.given.iter().any(|(other, ..)| *other == id));
        }
        drop((waits, held));
        prop_assert_eq!(pool.stats().issued, 0, "all has come back");
    }
}
